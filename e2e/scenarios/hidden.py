"""Scenario 2: a secret's value is nowhere but in the processes that asked for it."""
import base64, json, os, pathlib, secrets, subprocess, urllib.request

import kube
from stand import NAMESPACE, POD

STATE = pathlib.Path(os.environ["CLUSTER_STATE"])
# What a Pod that looks at its own values does; nothing of it is printed.
COMPARE = "[ $(printf %s \"$CANARY\" | sha256sum | cut -c1-64) = {} ] && echo seen; sleep 1000"


def scenario_file_key_ref(stand):
    """by fileKeyRef: not in etcd, API objects, events, logs or audit lines; on the node's disk as with secretKeyRef"""
    with Canary(stand, "fileKeyRef") as value:
        nowhere(value)
        # containerd writes a container's environment into its own files, whatever it came from.
        kube.expect(found_on_disk(value), "the node's disk does not hold it: say so in the documentation")


def scenario_search_finds(stand):
    """the search finds what is there"""
    decoy = "decoy" + secrets.token_hex(20)
    with kube.namespace("hidden") as space:
        kube.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "decoy"}, "data": {"a": decoy}}, space)
        found = {place for place, content in places() for form in forms(decoy)[:1] if form in content}
    for place in ("etcd", "configmaps", STATE / "log/audit.log"):
        kube.expect(place in found, f"not found in {place}")
    kube.expect(any(path.name == "audit.log" for path in STATE.glob("volumes/**/*.log")), "no audit lines of the server")


def scenario_shim(stand):
    """through the shim: not on the node's disk either"""
    with Canary(stand, "shim") as value:
        nowhere(value)
        kube.expect(not found_on_disk(value), f"on the node's disk: {found_on_disk(value)}")


def scenario_files(stand):
    """as a file: not on the node's disk either"""
    with Canary(stand, "file") as value:
        nowhere(value)
        kube.expect(not found_on_disk(value), f"on the node's disk: {found_on_disk(value)}")


class Canary:
    """A running Pod that has seen a new value."""

    def __init__(self, stand, how):
        self.stand, self.how = stand, how
        self.value = "canary" + secrets.token_hex(20)
        self.scope = kube.namespace("hidden")

    def __enter__(self):
        space, stand = self.scope.__enter__(), self.stand
        stand.serve(space)
        if "audit" not in stand.vault("audit", "list", "-format=json"):
            stand.vault("audit", "enable", "-path=audit", "file", "file_path=/data/audit.log")
        stand.put("e2e/canary", value=self.value)
        digest = subprocess.run(["sha256sum"], input=self.value.encode(), stdout=subprocess.PIPE).stdout.split()[0].decode()
        reference = {"name": "e2e/canary", "key": "value"}
        container = {"env": [{"name": "CANARY", "valueFrom": {"vaultSecret": reference}}]}
        script, volumes = COMPARE.format(digest), []
        if self.how == "file":
            container = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
            volumes = [{"name": "v", "vaultSecret": {"name": "e2e/canary", "items": [{"key": "value", "path": "value"}]}}]
            script = "CANARY=$(cat /v/value); " + script
        container["command"] = ["sh", "-c", script]
        pod = kube.pod("canary", container, serviceAccountName="my-app", volumes=volumes)
        pod["metadata"]["annotations"] = {"strongroom.io/role": "my-app"}
        stand.apply(pod, space, *([] if self.how == "file" else [f"-target={self.how}"]))
        kube.wait(lambda: "seen" in kube.tried("logs", "canary", "-c", "main", namespace=space).stdout,
                  lambda: kube.why(space, "canary"))
        return self.value

    def __exit__(self, *what):
        self.scope.__exit__(*what)


def forms(value):
    """The value, and its base64 at each of the three offsets, without the characters that its neighbours change."""
    plain = value.encode()
    shifted = [base64.b64encode(b"x" * offset + plain) for offset in range(3)]
    return [plain, *(text[4:-4] for text in shifted)]


def nowhere(value):
    for place, content in places():
        for form in forms(value):
            kube.expect(form not in content, f"in {place}")


def places():
    yield "etcd", etcd()
    for kind in kube.kubectl("api-resources", "--verbs=list", "-o", "name").split():
        yield kind, kube.tried("get", kind, "-A", "-o", "yaml").stdout.encode()
    yield "the server's log", kube.logs(NAMESPACE, POD).encode()
    for path in [*STATE.glob("log/*"), *STATE.glob("nodes/*/pod-logs/**/*.log"), *STATE.glob("volumes/**/audit.log")]:
        yield path, path.read_bytes()


def etcd():
    """Every key and value, as etcd's own JSON has them."""
    question = json.dumps({"key": "AA==", "range_end": "AA=="}).encode()
    with urllib.request.urlopen("http://127.0.0.1:2379/v3/kv/range", question) as answer:
        entries = json.load(answer)["kvs"]
    kube.expect(len(entries) > 100, "etcd does not show its keys")
    return b"\n".join(base64.b64decode(entry[part]) for entry in entries for part in ("key", "value"))


def found_on_disk(value):
    """Files of the node that hold the value; those in memory do not count."""
    words = [word for form in forms(value) for word in ("-e", form.decode())]
    command = ["grep", "-rlaF", "--devices=skip", *words, str(STATE / "nodes")]
    found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode().splitlines()
    return [path for path in found if not in_memory(path)]


def in_memory(path):
    kind = subprocess.run(["stat", "-f", "-c", "%T", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return kind.stdout.strip() == b"tmpfs"
