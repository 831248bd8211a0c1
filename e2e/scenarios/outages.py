"""Scenarios 7, 8 and 11: values that change, a server that is sealed, down or restarted, a node that loses power."""
import time

import kube
from scenarios.shapes import pod, shell, Prepared
from stand import CHART, NAMESPACE, POD, VALUES

WATCHED = "while :; do cat /v/f; echo; sleep 0.2; done"


def scenario_rotation(stand):
    """a new version reaches a watched file within 10 seconds"""
    with Prepared(stand, None) as space:
        stand.put("e2e/turning", v="old")
        container = {"command": ["sh", "-c", WATCHED], "volumeMounts": [{"name": "v", "mountPath": "/v"}]}
        volume = {"name": "v", "vaultSecret": {"name": "e2e/turning", "items": [{"key": "v", "path": "f"}]}}
        made = pod("watcher", container, volumes=[volume])
        made["metadata"]["annotations"]["strongroom.io/watch"] = "true"
        stand.apply(made, space)
        printed(space, "watcher", "old")
        stand.put("e2e/turning", v="new")
        printed(space, "watcher", "new", 10)


def scenario_job_with_watch(stand):
    """a Job whose Pod has the watching sidecar completes"""
    with Prepared(stand, None) as space:
        made = pod("ends", shell("one", "echo SECRET=$SECRET"))
        made["metadata"]["annotations"]["strongroom.io/watch"] = "true"
        stand.apply(made, space)
        kube.expect(kube.wait_ended(space, "ends") == "Succeeded", kube.why(space, "ends"))


def scenario_sealed(stand):
    """while the server is sealed new Pods wait and running ones go on; unsealed, they start by themselves"""
    with Prepared(stand, None) as space:
        stand.apply(pod("running", shell("one", "trap exit TERM; while :; do echo SECRET=$SECRET; sleep 0.2; done")), space)
        printed(space, "running", "SECRET=one")
        stand.vault("operator", "seal")
        try:
            stand.apply(pod("waiting", shell("one", "echo SECRET=$SECRET")), space)
            time.sleep(5)
            status = kube.get("pod", "waiting", space)["status"]
            kube.expect(status["phase"] == "Pending", f"it does not wait: {kube.why(space, 'waiting')}")
            kube.expect(kube.get("pod", "running", space)["status"]["containerStatuses"][0]["restartCount"] == 0, "it restarted")
        finally:
            stand.unseal()
        kube.expect(kube.wait_ended(space, "waiting", 90) == "Succeeded", kube.why(space, "waiting"))
        kube.expect(kube.logs(space, "waiting", "main") == "SECRET=one\n", "the process saw something else")


def scenario_restart(stand):
    """the server's Pod is deleted: sealed it comes back, unsealed it has lost nothing; Pods start meanwhile by themselves"""
    with Prepared(stand, None) as space:
        stand.put("e2e/kept", v="kept")
        kube.kubectl("delete", "pod", POD, namespace=NAMESPACE)
        stand.apply(pod("early", shell("kept", "echo SECRET=$SECRET")), space)
        reopen(stand)
        kube.expect(kube.wait_ended(space, "early", 90) == "Succeeded", kube.why(space, "early"))
        kube.expect(kube.logs(space, "early", "main") == "SECRET=kept\n", "the process saw something else")


def scenario_upgrade(stand):
    """helm upgrade replaces the server's Pod: nothing is lost, and it is unsealed as after every start"""
    stand.enable("kv", "secret")
    stand.put("e2e/upgraded", v="kept")
    before = kube.get("pod", POD, NAMESPACE)["metadata"]["uid"]
    stand.helm("upgrade", "strongroom", CHART, "--values", VALUES, "--set", "server.logLevel=debug")
    replaced = lambda: kube.tried("get", "pod", POD, "-o", "jsonpath={.metadata.uid}", namespace=NAMESPACE).stdout not in ("", before)
    kube.wait(replaced, "the Pod is not replaced")
    reopen(stand)
    kube.expect(stand.vault("kv", "get", "-field=v", "secret/e2e/upgraded") == "kept", "the secret is gone")


def scenario_power_cut(stand):
    """the node loses power with all Pods on it: everything returns, once somebody has unsealed"""
    with Prepared(stand, None) as space:
        container = shell("one", "echo SECRET=$SECRET; trap exit TERM; while :; do sleep 0.2; done")
        made = pod("web", container)
        del made["spec"]["restartPolicy"]
        stand.apply(made, space)
        kube.wait_ready(space, "web")
        kube.node("crash", "node1")
        kube.node("start", "node1")
        reopen(stand)
        again = lambda: kube.get("pod", "web", space)["status"]["containerStatuses"][0]["restartCount"] > 0
        kube.wait(again, lambda: kube.why(space, "web"), 90)
        kube.wait_ready(space, "web", 90)
        printed(space, "web", "SECRET=one")


def reopen(stand):
    """Waits for a server that comes back sealed, and unseals it."""
    stand.open()
    stand.unseal()
    kube.wait(lambda: stand.tried("status").returncode == 0, "still sealed")


def printed(space, name, line, seconds=60):
    seen = lambda: line in kube.tried("logs", name, "-c", "main", "--tail=3", namespace=space).stdout.splitlines()
    kube.wait(seen, lambda: f"{name} does not print {line!r}: {kube.why(space, name)}", seconds)
