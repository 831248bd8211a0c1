"""Writes container images as an OCI image layout in a tar, byte for byte the same for the same input."""
import dataclasses, gzip, hashlib, io, json, pathlib, re, subprocess, tarfile, tempfile

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
# Where a library of an architecture is found here, and how the kernel finds the one that loads the others.
LIBRARIES = {
    "amd64": ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"],
    "arm64": ["/usr/aarch64-linux-gnu/lib"],
}
LOADERS = {"amd64": "lib64/ld-linux-x86-64.so.2", "arm64": "lib/ld-linux-aarch64.so.1"}


@dataclasses.dataclass
class Image:
    """One platform's image. Keys of `files` are paths without a leading slash."""

    architecture: str
    files: dict  # path: (mode, bytes); a str instead of bytes is a symbolic link's target, None a folder
    config: dict  # as in the OCI image specification: User, Entrypoint, Cmd, Env, ...


def write(output, name, images):
    """Writes one index over `images` to the file `output`; `name` is the reference it is imported under."""
    blobs = {}
    manifests = [_manifest(blobs, image) for image in images]
    index = _blob(blobs, INDEX, _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}))
    tag = name.rpartition(":")[2]
    index["annotations"] = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag}
    files = {
        "oci-layout": (0o644, _json({"imageLayoutVersion": "1.0.0"})),
        "index.json": (0o644, _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [index]})),
    }
    files.update({f"blobs/sha256/{digest}": (0o644, content) for digest, content in blobs.items()})
    with open(output, "wb") as file:
        file.write(_tar(files))
    return index["digest"]


def libraries(program, architecture):
    """The shared libraries that a program needs, and those they need."""
    files, wanted = {}, _needed(program)
    folder = LIBRARIES[architecture][0].strip("/") if architecture == "amd64" else "lib"
    while wanted:
        name = wanted.pop()
        path = LOADERS[architecture] if name.startswith("ld-linux") else f"{folder}/{name}"
        if path not in files:
            found = [pathlib.Path(where, name) for where in LIBRARIES[architecture]]
            content = next(place.read_bytes() for place in found if place.exists())
            files[path] = (0o755, content)
            wanted |= _needed(content)
    return files


def _needed(content):
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        shown = subprocess.run(["readelf", "--dynamic", "--wide", file.name], stdout=subprocess.PIPE, check=True)
    return set(re.findall(r"\(NEEDED\).*\[(.+)\]", shown.stdout.decode()))


def _manifest(blobs, image):
    content = _tar(image.files)
    layer = _blob(blobs, LAYER, gzip.compress(content, mtime=0))
    config = {
        "architecture": image.architecture,
        "os": "linux",
        "config": image.config,
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(content).hexdigest()]},
    }
    config = _blob(blobs, CONFIG, _json(config))
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
    descriptor = _blob(blobs, MANIFEST, _json(manifest))
    descriptor["platform"] = {"architecture": image.architecture, "os": "linux"}
    return descriptor


def _tar(files):
    """All owned by root and of no date; folders come before what is in them."""
    folders = {path.rsplit("/", depth)[0] for path in files for depth in range(1, path.count("/") + 1)}
    entries = {**{folder: (0o755, None) for folder in folders}, **files}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, (mode, content) in sorted(entries.items()):
            entry = tarfile.TarInfo(path)
            entry.mode = mode
            if content is None:
                entry.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
            else:
                entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content) if isinstance(content, bytes) else None)
    return buffer.getvalue()


def _blob(blobs, media_type, content):
    digest = hashlib.sha256(content).hexdigest()
    blobs[digest] = content
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
