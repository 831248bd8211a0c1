"""Scenario 10: for the shim the webhook asks Debian's docker-registry what an image starts, as far as it may."""
import base64, contextlib, crypt, http.client, json, os, pathlib, subprocess, tarfile, tempfile

import kube
from scenarios.injector import arguments, pod, ready, refused, space_with
from stand import NAMESPACE

NODE, OPEN, CLOSED = "10.200.0.1", 5000, 5001
LOGIN = base64.b64encode(b"puller:word").decode()


def scenario_images(stand):
    """an image that anybody may read, one that a pull Secret opens if the namespace lets the webhook read it, and no other"""
    with registry(OPEN), registry(CLOSED, LOGIN), space_with(stand) as space:
        arguments(lambda given: [*given, *(f"-allowed-registry=http://{NODE}:{port}" for port in (OPEN, CLOSED))])
        try:
            ready()
            started(asking(f"{NODE}:{OPEN}/team/bare:1"), space, ["/bin/env"])
            refused(asking(f"{NODE}:{OPEN}/team/nothing:1"), space, "does not have it")
            refused(asking("registry.example/bare:1"), space, "not among those that are asked")
            closed = asking(f"{NODE}:{CLOSED}/team/bare:1", imagePullSecrets=[{"name": "pull"}])
            config = json.dumps({"auths": {f"{NODE}:{CLOSED}": {"auth": LOGIN}}})
            kube.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull"}, "type": "kubernetes.io/dockerconfigjson",
                        "stringData": {".dockerconfigjson": config}}, space)
            refused(closed, space, "RoleBinding")
            kube.kubectl("create", "role", "pull", "--verb=get", "--resource=secrets", "--resource-name=pull", namespace=space)
            kube.kubectl("create", "rolebinding", "pull", "--role=pull", f"--serviceaccount={NAMESPACE}:strongroom-injector",
                         namespace=space)
            started(closed, space, ["/bin/env"])
        finally:
            arguments(lambda given: [one for one in given if "-allowed-registry" not in one])
            ready()


def asking(image, **spec):
    """A Pod without a command, for the shim."""
    made = pod("asks", {"SECRET": "vault:secret/data/e2e/ref#x"}, {"strongroom.io/target": "shim"})
    container = made["spec"]["containers"][0]
    del container["command"]
    container["image"] = image
    made["spec"].update(spec)
    return made


def started(made, space, words):
    """What the Pod would start, behind the shim."""
    done = kube.tried("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(made), namespace=space)
    kube.expect(done.returncode == 0, done.stderr)
    command = json.loads(done.stdout)["spec"]["containers"][0]["command"]
    kube.expect(command[-len(words):] == words and "exec" in command, command)


@contextlib.contextmanager
def registry(port, login=None):
    """A registry with the image team/bare:1, for whoever has the login or for everybody."""
    with tempfile.TemporaryDirectory() as folder:
        config = {"version": "0.1", "http": {"addr": f"{NODE}:{port}"}, "storage": {"filesystem": {"rootdirectory": folder}}}
        if login:
            name, word = base64.b64decode(login).decode().split(":")
            users = pathlib.Path(folder, "users")
            users.write_text(f"{name}:{crypt.crypt(word, crypt.mksalt(crypt.METHOD_BLOWFISH))}\n")
            config["auth"] = {"htpasswd": {"realm": "e2e", "path": str(users)}}
        pathlib.Path(folder, "config.yml").write_text(json.dumps(config))
        process = subprocess.Popen(["docker-registry", "serve", f"{folder}/config.yml"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            headers = {"Authorization": f"Basic {login}"} if login else {}
            kube.wait(lambda: answers(port, headers), "the registry does not answer")
            push(port, headers, pathlib.Path(os.environ["CLUSTER_STATE"], "images/bare.tar"), "team/bare", "1")
            yield
        finally:
            process.kill()
            process.wait()


def answers(port, headers):
    with contextlib.suppress(OSError):
        return send(port, "GET", "/v2/", headers)[0] == 200


def push(port, headers, archive, name, tag):
    """Pushes the image in an OCI archive."""
    with tarfile.open(archive) as tar:
        blob = lambda digest: tar.extractfile(f"blobs/{digest.replace(':', '/')}").read()
        top = json.load(tar.extractfile("index.json"))["manifests"][0]
        pending, manifests = [(top, tag)], []
        while pending:
            described, reference = pending.pop()
            content = json.loads(blob(described["digest"]))
            manifests.insert(0, (described, reference))
            pending += [(one, one["digest"]) for one in content.get("manifests", [])]
            for part in [content["config"], *content["layers"]] if "config" in content else []:
                _, answer = send(port, "POST", f"/v2/{name}/blobs/uploads/", headers)
                place = answer["Location"].split(f":{port}", 1)[-1]
                digest = part["digest"]
                status, _ = send(port, "PUT", f"{place}&digest={digest}", {**headers, "Content-Type": "application/octet-stream"}, blob(digest))
                kube.expect(status == 201, f"blob: {status}")
        for described, reference in manifests:
            kind = {**headers, "Content-Type": described["mediaType"]}
            status, _ = send(port, "PUT", f"/v2/{name}/manifests/{reference}", kind, blob(described["digest"]))
            kube.expect(status == 201, f"manifest: {status}")


def send(port, method, path, headers, body=None):
    connection = http.client.HTTPConnection(NODE, port, timeout=10)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.headers
