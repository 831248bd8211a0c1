"""Scenario 4: Pods of all shapes get their values."""
import json

import kube

ROLE = {"strongroom.io/role": "my-app"}
RESTRICTED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True, "runAsUser": 12345,
              "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}


def scenario_no_shell(stand):
    """an image without a shell, by fileKeyRef and by the shim"""
    for target in ("fileKeyRef", "shim"):
        with prepared(stand) as space:
            stand.apply(pod("bare", bare()), space, f"-target={target}")
            sees(space, "bare", "one")


def scenario_restricted(stand):
    """restricted Pod Security, read-only root, no root, no token of Kubernetes"""
    with prepared(stand, {"pod-security.kubernetes.io/enforce": "restricted"}) as space:
        for target in ("fileKeyRef", "shim"):
            name = f"restricted-{target.lower()}"
            made = pod(name, {**bare(), "securityContext": RESTRICTED}, automountServiceAccountToken=False)
            stand.apply(made, space, f"-target={target}")
            sees(space, name, "one")


def scenario_files_of_users(stand):
    """files are the consumer's: of its user, else of its group, else everybody's in the container"""
    with prepared(stand) as space:
        for name, context, pod_context in (("user", {"runAsUser": 1234}, {}), ("group", {}, {"fsGroup": 777, "runAsUser": 1234}),
                                           ("nobody", {}, {}), ("root", {"runAsUser": 0}, {})):
            container = {"command": ["sh", "-c", "cat /v/f"], "securityContext": context,
                         "volumeMounts": [{"name": "v", "mountPath": "/v"}]}
            stand.apply(pod(name, container, securityContext=pod_context, volumes=[files("one")]), space)
        for name in ("user", "group", "nobody", "root"):
            kube.expect(kube.wait_ended(space, name) == "Succeeded", f"{name}: {kube.why(space, name)}")
            kube.expect(kube.logs(space, name, "main") == "one", name)


def scenario_several_containers(stand):
    """init containers, a native sidecar and several containers, each with its own secret and none of the others'"""
    script = "env | grep ^SECRET | sort"
    with prepared(stand) as space:
        made = pod("several", shell("one", script))
        made["spec"]["containers"].append({**shell("two", script), "name": "second", "image": "localhost/busybox:1"})
        side = {**shell("three", f"{script}; trap exit TERM; while :; do sleep 0.1; done"), "name": "side", "restartPolicy": "Always"}
        first = {**shell("four", script), "name": "first"}
        made["spec"]["initContainers"] = [{**c, "image": "localhost/busybox:1"} for c in (first, side)]
        for target in ("fileKeyRef", "shim"):
            made["metadata"]["name"] = name = f"several-{target.lower()}"
            stand.apply(made, space, f"-target={target}")
            kube.expect(kube.wait_ended(space, name) == "Succeeded", kube.why(space, name))
            for container, value in (("main", "one"), ("second", "two"), ("side", "three"), ("first", "four")):
                seen = kube.logs(space, name, container)
                kube.expect(seen == f"SECRET={value}\n", f"{target} {container}: {seen}")


def scenario_no_token_inside(stand):
    """with fileKeyRef neither the Pod's token nor other containers' files are mounted into the application"""
    with prepared(stand) as space:
        stand.apply(pod("inside", shell("one", "mount | grep -iE 'strongroom|tokens' || echo nothing")), space, "-target=fileKeyRef")
        kube.expect(kube.wait_ended(space, "inside") == "Succeeded", kube.why(space, "inside"))
        kube.expect(kube.logs(space, "inside", "main") == "nothing\n", kube.logs(space, "inside", "main"))


def scenario_debug_container(stand):
    """an ephemeral debug container joins a Pod with secrets and does not see them"""
    with prepared(stand) as space:
        stand.apply(pod("debugged", shell("one", "sleep 1000")), space)
        kube.wait_ready(space, "debugged")
        kube.kubectl("debug", "debugged", "--image=localhost/busybox:1", "-c", "debugger", "--profile=general", "--", "sh", "-c",
                     "env | grep -c ^SECRET", namespace=space)
        done = lambda: "terminated" in json.dumps(kube.get("pod", "debugged", space)["status"].get("ephemeralContainerStatuses", []))
        kube.wait(done, lambda: kube.why(space, "debugged"))
        kube.expect(kube.logs(space, "debugged", "debugger") == "0\n", "the debug container sees the value")


def scenario_quotas(stand):
    """a ResourceQuota that wants requests and limits of every container, and a LimitRange"""
    with prepared(stand) as space:
        hard = {"requests.cpu": "4", "requests.memory": "2Gi", "limits.cpu": "8", "limits.memory": "4Gi", "pods": "10"}
        kube.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}}, space)
        kube.wait(lambda: kube.get("resourcequota", "q", space)["status"].get("hard"), "the quota does not count")
        same = {"cpu": "100m", "memory": "64Mi"}
        container = {**shell("one", "echo SECRET=$SECRET"), "resources": {"requests": same, "limits": same}}
        stand.apply(pod("guaranteed", container), space)
        kube.expect(kube.wait_ended(space, "guaranteed") == "Succeeded", kube.why(space, "guaranteed"))
        kube.expect(kube.get("pod", "guaranteed", space)["status"]["qosClass"] == "Guaranteed", "not Guaranteed any more")
        limit = {"type": "Container", "min": {"memory": "8Mi", "cpu": "1m"}, "max": {"memory": "256Mi", "cpu": "2"},
                 "default": {"memory": "64Mi", "cpu": "1"}, "defaultRequest": {"memory": "16Mi", "cpu": "10m"}}
        kube.apply({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [limit]}}, space)
        stand.apply(pod("limited", shell("one", "echo SECRET=$SECRET")), space)
        sees(space, "limited", "one")


def scenario_host_network(stand):
    """a Pod in the host's network, as root"""
    with prepared(stand) as space:
        container = {**shell("one", "echo SECRET=$SECRET"), "securityContext": {"runAsUser": 0}}
        stand.apply(pod("host", container, hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet"), space)
        sees(space, "host", "one")


def scenario_gate_off(stand):
    """where a kubelet has EnvFiles off, the shim is taken: no container starts with an empty value"""
    kube.node("up", "node2", "EnvFiles=false")
    try:
        stand.wait_record()
        with prepared(stand) as space:
            stand.apply(pod("careful", shell("one", "echo SECRET=$SECRET"), nodeName="node2"), space)
            kube.expect("fileKeyRef" not in kube.kubectl("get", "pod", "careful", "-o", "yaml", namespace=space), "fileKeyRef")
            sees(space, "careful", "one")
            done = stand.kubectl_strongroom("apply", pod("forced", shell("one", "true")), space, "-target=fileKeyRef")
            kube.expect(done.returncode != 0 and "EnvFiles" in done.stderr, f"not refused: {done.stdout} {done.stderr}")
    finally:
        kube.node("down", "node2")
        stand.wait_record()


def prepared(stand, labels=None):
    """A namespace whose Pods may read secret/e2e/{one,two,three,four}."""
    return Prepared(stand, labels)


class Prepared:
    def __init__(self, stand, labels):
        self.stand, self.scope = stand, kube.namespace("shapes", labels)

    def __enter__(self):
        space = self.scope.__enter__()
        self.stand.serve(space)
        for value in ("one", "two", "three", "four"):
            self.stand.put(f"e2e/{value}", v=value)
        return space

    def __exit__(self, *what):
        self.scope.__exit__(*what)


def secret(value):
    return {"name": "SECRET", "valueFrom": {"vaultSecret": {"name": f"e2e/{value}", "key": "v"}}}


def shell(value, script):
    return {"command": ["sh", "-c", script], "env": [secret(value)]}


def bare():
    return {"image": "localhost/bare:1", "command": ["/bin/env"], "env": [secret("one")]}


def files(value):
    return {"name": "v", "vaultSecret": {"name": f"e2e/{value}", "items": [{"key": "v", "path": "f"}]}}


def pod(name, container, **spec):
    made = kube.pod(name, container, serviceAccountName="my-app", **spec)
    made["metadata"]["annotations"] = dict(ROLE)
    return made


def sees(space, name, value):
    kube.expect(kube.wait_ended(space, name) == "Succeeded", kube.why(space, name))
    lines = kube.logs(space, name, "main").splitlines()
    kube.expect(f"SECRET={value}" in lines, f"{name}: the process saw something else")


def scenario_mesh(stand):
    """behind a mesh that redirects before its proxy runs, the excluded port lets our init container through"""
    with prepared(stand) as space:
        for name, ports in (("excluded", "!= 8200"), ("caught", "!= 0")):
            made = pod(name, shell("one", "echo SECRET=$SECRET"))
            made["metadata"]["annotations"]["strongroom.io/deadline"] = "3s"
            lowered = json.loads(stand.kubectl_strongroom("apply", made, space, "--dry-run=client", "-o", "json").stdout)
            rules = ("add table ip mesh; add chain ip mesh out { type nat hook output priority -100; };"
                     f"add rule ip mesh out tcp dport {ports} redirect to :15001")
            lowered["spec"]["initContainers"].insert(0, {
                "name": "mesh-init", "image": "localhost/mesh:1", "args": [rules],
                "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}, "runAsUser": 0}})
            kube.kubectl("create", "-f", "-", stdin=json.dumps(lowered), namespace=space)
        sees(space, "excluded", "one")
        kube.expect(kube.wait_ended(space, "caught") == "Failed", "it did not fail")
        kube.expect("refused" in kube.why(space, "caught"), kube.why(space, "caught"))
