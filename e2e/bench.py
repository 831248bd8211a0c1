#!/usr/bin/env python3
"""Measures what Strongroom costs in a cluster, against the same without it in the same run. Run by e2e/run-bench.

    bench.py PROGRAM [starts|logins]
"""
import json, pathlib, statistics, subprocess, sys, tempfile, urllib.request

sys.dont_write_bytecode = True
import kube  # noqa: E402
from scenarios.logins import account, prepare, token  # noqa: E402
from scenarios.shapes import Prepared, pod, secret, shell  # noqa: E402
from stand import ADDRESS, NAMESPACE, Stand  # noqa: E402

ROUNDS, TOKENS, CONNECTIONS, SECONDS = 11, 1000, 32, 10
# The machine's own clock, the same in every container.
NOW = "cut -d' ' -f1 /proc/uptime"


def main():
    stand = Stand(pathlib.Path(sys.argv[1]).resolve())
    stand.install()
    for part in sys.argv[2:] or ["starts", "logins"]:
        {"starts": starts, "logins": logins}[part](stand)


def starts(stand):
    """From kubectl's start to the application's first instruction, in turns, medians."""
    kinds = {"secretKeyRef": key_ref, "no-op init, fileKeyRef": no_op, "vaultSecret": lowered,
             "no-op init and sidecar": no_op_sidecar, "vaultSecret, watch": watched}
    taken = {kind: [] for kind in kinds}
    with Prepared(stand, None) as space:
        kube.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"v": "one"}}, space)
        for nth in range(ROUNDS):
            for kind, make in kinds.items():
                taken[kind].append(start(stand, space, make(f"p{nth}")))
    medians = {kind: statistics.median(times) for kind, times in taken.items()}
    for kind, median in medians.items():
        print(f"{kind:24} {median:7.0f} ms")
    verdict("Pod start above no-op", medians["vaultSecret"] - medians["no-op init, fileKeyRef"], 100)
    verdict("watch above no-op", medians["vaultSecret, watch"] - medians["no-op init and sidecar"], 150)


def verdict(what, value, limit):
    print(f"{what}: {value:.0f} ms, at most {limit}: {'ok' if value <= limit else 'MISSED'}")


def start(stand, space, made):
    # What is lowered is lowered before: only the cluster's time counts.
    text = stand.kubectl_strongroom("apply", made, space, "--dry-run=client", "-o", "json").stdout
    begin = uptime()
    kube.kubectl("create", "-f", "-", stdin=text, namespace=space)
    name = made["metadata"]["name"]
    kube.expect(kube.wait_ended(space, name) == "Succeeded", kube.why(space, name))
    seen = float(kube.logs(space, name, "main"))
    kube.kubectl("delete", "pod", name, "--force", "--grace-period=0", namespace=space)
    return (seen - begin) * 1000


def uptime():
    return float(pathlib.Path("/proc/uptime").read_text().split()[0])


def key_ref(name):
    return pod(name, {**shell("one", NOW), "env": [{"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "v"}}}]})


def lowered(name):
    return pod(name, shell("one", NOW))


def watched(name):
    made = lowered(name)
    made["metadata"]["annotations"]["strongroom.io/watch"] = "true"
    return made


def no_op(name):
    reference = {"fileKeyRef": {"volumeName": "f", "path": "env", "key": "SECRET"}}
    made = pod(name, {**shell("one", NOW), "env": [{"name": "SECRET", "valueFrom": reference}]},
               volumes=[{"name": "f", "emptyDir": {"medium": "Memory"}}])
    writer = {"name": "writer", "image": "localhost/busybox:1", "command": ["sh", "-c", "echo \"SECRET='one'\" > /f/env"],
              "volumeMounts": [{"name": "f", "mountPath": "/f"}]}
    made["spec"]["initContainers"] = [writer]
    return made


def no_op_sidecar(name):
    made = no_op(name)
    sidecar = {"name": "sidecar", "image": "localhost/busybox:1", "restartPolicy": "Always",
               "command": ["sh", "-c", "trap exit TERM; sleep 1000 & wait"],
               "startupProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1}}
    made["spec"]["initContainers"].append(sidecar)
    return made


def logins(stand):
    """Logins with 1,000 tokens in turn, audit and durable commit included, against TokenReviews of the same tokens."""
    with kube.namespace("bench") as space, tempfile.TemporaryDirectory() as folder:
        prepare(stand, space)
        if "audit/" not in stand.vault("audit", "list", "-format=json"):
            stand.vault("audit", "enable", "-path=audit", "file", "file_path=/data/audit.log")
        account(space, "app")
        folder = pathlib.Path(folder)
        (folder / "tokens").write_text("\n".join(tokens(space)))
        reviewer = kube.kubectl("create", "token", "strongroom", namespace=NAMESPACE).strip()
        script = pathlib.Path(__file__).with_name("bench.lua")
        environment = {"TOKENS": str(folder / "tokens"), "REVIEWER": reviewer}
        api = kube.kubectl("config", "view", "-o", "jsonpath={.clusters[0].cluster.server}")
        rates = {}
        for _ in range(2):  # the first is to warm up
            rates["raw"] = wrk(script, f"{api}/apis/authentication.k8s.io/v1/tokenreviews", {**environment, "KIND": "review"})
            rates["ours"] = wrk(script, f"{ADDRESS}/v1/auth/pods/login", {**environment, "KIND": "login"})
        ratio = rates["ours"] / rates["raw"]
        print(f"TokenReviews {rates['raw']:.0f}/s, logins {rates['ours']:.0f}/s: {ratio:.2f}, at least 0.6: "
              f"{'ok' if ratio >= 0.6 else 'MISSED'}")


def tokens(space):
    """New tokens for the role's account, by way of kubectl's proxy: a kubectl for each would take minutes."""
    request = json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                          "spec": {"audiences": ["vault"], "expirationSeconds": 3600}}).encode()
    headers = {"Content-Type": "application/json"}
    url = f"http://127.0.0.1:8001/api/v1/namespaces/{space}/serviceaccounts/app/token"
    proxy = subprocess.Popen(["kubectl", "proxy", "--port=8001"], stdout=subprocess.PIPE)
    try:
        proxy.stdout.readline()  # it says when it serves
        for _ in range(TOKENS):
            with urllib.request.urlopen(urllib.request.Request(url, request, headers)) as answer:
                yield json.load(answer)["status"]["token"]
    finally:
        proxy.kill()


def wrk(script, url, environment):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", str(script), url]
    shown = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
    kube.expect("Non-2xx" not in shown, shown)
    return float(shown.split("Requests/sec:")[1].split()[0])


main()
