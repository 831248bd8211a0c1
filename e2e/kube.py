"""Small words for what scenarios do to a cluster, all by way of kubectl."""
import contextlib, itertools, json, pathlib, subprocess, time

SECONDS = 60
HERE = pathlib.Path(__file__).resolve().parent
NUMBERS = itertools.count(1)


class Failed(Exception):
    """A scenario saw something else than it should have."""


def expect(truth, message):
    if not truth:
        raise Failed(message)


def kubectl(*words, stdin=None, namespace=None):
    """The output of a kubectl command that succeeds."""
    done = tried(*words, stdin=stdin, namespace=namespace)
    if done.returncode:
        raise Failed(f"kubectl {' '.join(words)}: {done.stderr or done.stdout}")
    return done.stdout


def tried(*words, stdin=None, namespace=None):
    """A kubectl command that may fail."""
    scope = ["--namespace", namespace] if namespace else []
    return run(["kubectl", *scope, *words], stdin=stdin)


def run(command, stdin=None, **more):
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def program(name):
    """A program that e2e/cluster/build has made."""
    found = sorted(HERE.parent.glob(f".tools/cluster/{name}-*/*"))
    expect(found, f"not built: e2e/cluster/build {name}")
    return str(found[-1])


def node(*words):
    """A verb of e2e/cluster/node."""
    done = run([HERE / "cluster/node", *words])
    expect(done.returncode == 0, done.stderr)


def apply(manifest, namespace=None):
    """Applies a manifest: YAML, or one object or several."""
    if not isinstance(manifest, str):
        items = manifest if isinstance(manifest, list) else [manifest]
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    return kubectl("apply", "-f", "-", stdin=manifest, namespace=namespace)


def get(kind, name, namespace=None):
    return json.loads(kubectl("get", kind, name, "-o", "json", namespace=namespace))


@contextlib.contextmanager
def namespace(name, labels=None):
    """A namespace of that name and a number to work in, with its default service account; gone afterwards."""
    name = f"{name}-{next(NUMBERS)}"
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}})
    wait(lambda: tried("get", "serviceaccount", "default", namespace=name).returncode == 0, "no default service account")
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


def wait(condition, otherwise, seconds=SECONDS):
    """The first true value of `condition`; it is asked again and again."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Failed(otherwise() if callable(otherwise) else otherwise)
        time.sleep(0.1)
    return value


def wait_ready(namespace, pod, seconds=SECONDS):
    def ready():
        conditions = get("pod", pod, namespace)["status"].get("conditions", [])
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    wait(ready, lambda: f"pod {pod} does not get ready: {why(namespace, pod)}", seconds)


def wait_ended(namespace, pod, seconds=SECONDS):
    """How a Pod that runs to its end ended: Succeeded or Failed."""
    ended = lambda: (phase := get("pod", pod, namespace)["status"].get("phase")) in ("Succeeded", "Failed") and phase
    return wait(ended, lambda: f"pod {pod} does not end: {why(namespace, pod)}", seconds)


def logs(namespace, pod, container=None):
    return kubectl("logs", pod, *(["-c", container] if container else []), namespace=namespace)


def why(namespace, pod):
    """What the Pod's status says of its containers, and the events."""
    status = get("pod", pod, namespace)["status"]
    states = [s["name"] + ": " + json.dumps(s["state"]) + json.dumps(s.get("lastState", {}))
              for kind in ("initContainerStatuses", "containerStatuses") for s in status.get(kind, [])]
    events = kubectl("get", "events", "--field-selector", f"involvedObject.name={pod}",
                     "-o", "jsonpath={range .items[*]}{.reason}: {.message}{\"\\n\"}{end}", namespace=namespace)
    return "\n".join([status.get("phase", "?"), *states, events])


def pod(name, container, **spec):
    """A Pod of one container that runs once; the image is the one with a shell unless another is named."""
    container = {"name": "main", "image": "localhost/busybox:1", **container}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container], **spec}}
