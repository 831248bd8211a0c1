"""Scenarios 8, 10 and 12: the webhook resolves `vault:` references in Pods, refuses what it must, and is missed when it is gone."""
import base64, json, time

import kube
from scenarios.shapes import Prepared
from stand import NAMESPACE

BANK_VAULTS = "vault.security.banzaicloud.io/"
CONFIGURATION = "strongroom-injector"


def scenario_references(stand):
    """values as Bank-Vaults writes them reach the process, by fileKeyRef and by the shim; the Pod in the API has none"""
    with space_with(stand) as space:
        stand.put("e2e/ref", user="me", password="it is one")
        stand.put("e2e/ref", user="me", password="it is two")
        values = {"PLAIN": "vault:secret/data/e2e/ref#password", "FIRST": "vault:secret/data/e2e/ref#password#1",
                  "INLINE": "db://${vault:secret/data/e2e/ref#user}:${vault:secret/data/e2e/ref#password}@host", "NONE": "x"}
        wanted = "FIRST=it is one\nINLINE=db://me:it is two@host\nNONE=x\nPLAIN=it is two\n"
        for target in ("auto", "shim"):
            made = pod(target, values, {"strongroom.io/target": target}, "env | grep -E '^(PLAIN|FIRST|INLINE|NONE)=' | sort")
            kube.apply(made, space)
            kube.expect(kube.wait_ended(space, target) == "Succeeded", kube.why(space, target))
            seen = kube.logs(space, target, "main")
            kube.expect(seen == wanted, f"{target}: {seen}")
            text = json.dumps(kube.get("pod", target, space))
            kube.expect("it is" not in text, "a value stands in the API")
            kube.expect(("fileKeyRef" in text) == (target == "auto"), f"{target}: not the target")


def scenario_annotations(stand):
    """Bank-Vaults' annotations: role, path, address, missing secrets; the account's name is the role where none is named"""
    with space_with(stand) as space:
        stand.put("e2e/ref", password="one")
        stand.enable_auth("kubernetes", "other")
        stand.vault("write", "auth/other/config", "kubernetes_host=https://kubernetes.default.svc")
        stand.vault("write", "auth/other/role/elsewhere", "bound_service_account_names=my-app", "audience=vault",
                    "bound_service_account_namespaces=*", "token_policies=my-app")
        values = {"SECRET": "vault:secret/data/e2e/ref#password", "MISSING": "vault:secret/data/e2e/ref#nothing"}
        annotations = {BANK_VAULTS + "vault-role": "elsewhere", BANK_VAULTS + "vault-path": "other",
                       BANK_VAULTS + "vault-addr": "https://strongroom.strongroom.svc:8200",
                       BANK_VAULTS + "vault-ignore-missing-secrets": "true", BANK_VAULTS + "vault-env-log-level": "debug"}
        script = "echo $SECRET ${MISSING-unset}"
        told = kube.tried("apply", "-f", "-", stdin=json.dumps(pod("annotated", values, annotations, script)), namespace=space)
        kube.expect(told.returncode == 0 and "vault-env-log-level has no effect" in told.stderr, told.stderr)
        kube.apply(pod("account", {"SECRET": values["SECRET"]}, {}, script), space)
        for name in ("annotated", "account"):
            kube.expect(kube.wait_ended(space, name) == "Succeeded", kube.why(space, name))
            kube.expect(kube.logs(space, name, "main") == "one unset\n", kube.logs(space, name, "main"))


def scenario_refused(stand):
    """what cannot be resolved is refused, and says which container and variable"""
    with space_with(stand) as space:
        variable = "(container main, variable SECRET)"
        for value, annotations, reason in (
                (">>vault:secret/data/e2e/ref#x", {}, f"{variable}: `>>vault:` writes"),
                ("vault:secret/data/e2e/ref", {}, f"{variable}: it names no key"),
                ("vault:v1:8SDd3WHDOjf7mq69", {}, f"{variable}: text that transit"),
                ("vault:secret/data/e2e/ref#${.x}", {}, f"{variable}: templates"),
                ("${vault:secret/data/e2e/ref#x", {}, f"{variable}: `${{vault:` has no closing brace"),
                ("vault:secret/data/e2e/ref#x", {BANK_VAULTS + "vault-addr": "https://elsewhere:8200"}, "not among the addresses"),
                ("vault:secret/data/e2e/ref#x", {"strongroom.io/address": "https://elsewhere:8200"}, "not among the addresses"),
                ("vault:secret/data/e2e/ref#x", {BANK_VAULTS + "vault-agent": "true"}, "not supported"),
                ("vault:secret/data/e2e/ref#x", {BANK_VAULTS + "vault-from-the-future": "x"}, "not known what it means"),
                ("vault:secret/data/e2e/ref#x", {BANK_VAULTS + "mutate": "skip"}, "is still a reference")):
            refused(pod("refused", {"SECRET": value}, annotations), space, reason)
        without = pod("refused", {"SECRET": "vault:secret/data/e2e/ref#x"}, {"strongroom.io/target": "shim"})
        del without["spec"]["containers"][0]["command"]
        refused(without, space, "set command")


def scenario_workloads_stay(stand):
    """a Deployment is not changed, only its Pods: what was applied is what stands there"""
    with space_with(stand) as space:
        stand.put("e2e/ref", password="one")
        template = pod("x", {"SECRET": "vault:secret/data/e2e/ref#password"}, {}, "echo $SECRET; sleep 1000")
        template["spec"].pop("restartPolicy")
        template = {"metadata": {"labels": {"app": "web"}}, "spec": template["spec"]}
        made = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template}}
        kube.apply(made, space)
        kube.kubectl("rollout", "status", "deployment/web", "--timeout=60s", namespace=space)
        kube.expect(kube.logs(space, "deployment/web", "main") == "one\n", "not the value")
        stands = kube.get("deployment", "web", space)["spec"]["template"]["spec"]
        kube.expect(stands["containers"][0]["env"] == template["spec"]["containers"][0]["env"] and "initContainers" not in stands, stands)


def scenario_debug_container(stand):
    """an ephemeral container gets a value that a volume of the Pod holds, and no other"""
    with space_with(stand) as space:
        stand.put("e2e/ref", password="one")
        kube.apply(pod("lives", {"SECRET": "vault:secret/data/e2e/ref#password"}, {}, "sleep 1000"), space)
        kube.wait_ready(space, "lives")
        done = debug(space, "lives", "vault:secret/data/e2e/ref#user")
        kube.expect(done.returncode and "container debug, variable SECRET" in done.stderr, done.stderr)
        done = debug(space, "lives", "vault:secret/data/e2e/ref#password")
        kube.expect(done.returncode == 0, done.stderr)
        kube.wait(lambda: kube.tried("logs", "lives", "-c", "debug", namespace=space).stdout == "SECRET=one\n", "the debugger does not see it")


def scenario_webhook_gone(stand):
    """without the webhook no Pod starts unresolved; killed together, the replicas come back by themselves"""
    with space_with(stand) as space:
        stand.put("e2e/ref", password="one")
        made = pod("late", {"SECRET": "vault:secret/data/e2e/ref#password"}, {}, "echo $SECRET")
        kube.kubectl("scale", "deployment", CONFIGURATION, "--replicas=0", namespace=NAMESPACE)
        try:
            kube.wait(lambda: not json.loads(kube.kubectl("get", "pods", "-l", "component=injector", "-o", "json",
                                                          namespace=NAMESPACE))["items"], "the replicas stay")
            refused(made, space, "failed calling webhook")
            kube.apply(pod("plain", {}, None, "true"), space)
        finally:
            kube.kubectl("scale", "deployment", CONFIGURATION, "--replicas=2", namespace=NAMESPACE)
        ready()
        kube.kubectl("delete", "pods", "-l", "component=injector", "--grace-period=0", "--force", namespace=NAMESPACE)
        ready()
        kube.wait(lambda: kube.tried("apply", "-f", "-", stdin=json.dumps(made), namespace=space).returncode == 0, "still refused")
        kube.expect(kube.wait_ended(space, "late") == "Succeeded", kube.why(space, "late"))


def scenario_certificates(stand):
    """certificates rotate under load: caBundle changes, and no Pod is refused meanwhile"""
    flag = "-certificate-lifetime=60s"
    with space_with(stand) as space:
        stand.put("e2e/ref", password="one")
        arguments(lambda given: [*given, flag])
        try:
            ready()
            start_anew()
            first, bundles = bundle(), set()
            made = json.dumps(pod("probe", {"SECRET": "vault:secret/data/e2e/ref#password"}, {}))
            deadline = time.monotonic() + 110
            while not (first not in bundle() and len(bundles) > 2):
                kube.expect(time.monotonic() < deadline, f"{len(bundles)} bundles")
                done = kube.tried("create", "--dry-run=server", "-f", "-", stdin=made, namespace=space)
                kube.expect(done.returncode == 0, f"refused while certificates rotate: {done.stderr}")
                bundles.add(bundle())
                time.sleep(0.3)
        finally:
            arguments(lambda given: [one for one in given if one != flag])
            ready()
            start_anew()


def scenario_rights(stand):
    """the webhook may change caBundle of its own configuration and nothing else, and read no Secret but its own"""
    account = "system:serviceaccount:strongroom:strongroom-injector"
    for question in (("get", "secrets/strongroom-tls"), ("list", "secrets"), ("create", "serviceaccounts", "--subresource=token"),
                     ("get", "pods"), ("update", "mutatingwebhookconfigurations/other"), ("list", "configmaps")):
        told = kube.tried("auth", "can-i", *question, f"--as={account}", namespace=NAMESPACE)
        kube.expect(told.stdout.strip() == "no", f"{question}: {told.stdout}{told.stderr}")
    stands = kube.get("mutatingwebhookconfiguration", CONFIGURATION)
    for change in (lambda one: one.update(failurePolicy="Ignore"), lambda one: one["rules"].pop(),
                   lambda one: one["clientConfig"]["service"].update(name="other"), lambda one: one.pop("matchConditions")):
        other = json.loads(json.dumps(stands))
        change(other["webhooks"][0])
        told = kube.tried("replace", f"--as={account}", "-f", "-", stdin=json.dumps(other))
        kube.expect(told.returncode and "nothing but caBundle" in told.stderr, told.stderr)


def space_with(stand):
    """A namespace with the account my-app, whose role is my-app."""
    ready()
    return Prepared(stand, None)


def pod(name, values, annotations=None, script="echo $SECRET"):
    """A Pod whose values the webhook is to resolve."""
    env = [{"name": key, "value": value} for key, value in values.items()]
    made = kube.pod(name, {"command": ["sh", "-c", script], "env": env}, serviceAccountName="my-app")
    made["metadata"]["annotations"] = annotations or {}
    return made


def refused(made, space, reason):
    done = kube.tried("create", "-f", "-", stdin=json.dumps(made), namespace=space)
    kube.expect(done.returncode != 0, f"not refused for {reason!r}")
    kube.expect(reason in done.stderr, f"refused, not for {reason!r}: {done.stderr}")


def debug(space, name, value):
    """Adds an ephemeral container."""
    made = kube.get("pod", name, space)
    made["spec"]["ephemeralContainers"] = [{"name": "debug", "image": "localhost/busybox:1", "env": [{"name": "SECRET", "value": value}],
                                            "command": ["sh", "-c", "echo SECRET=$SECRET"]}]
    path = f"/api/v1/namespaces/{space}/pods/{name}/ephemeralcontainers"
    return kube.run(["kubectl", "replace", "--raw", path, "-f", "-"], stdin=json.dumps(made))


def ready():
    """Waits until every replica that there should be is ready, as the API server trusts it."""
    kube.kubectl("rollout", "status", f"deployment/{CONFIGURATION}", "--timeout=90s", namespace=NAMESPACE)
    # A replica that is ending still answers on connections that the API server has open.
    kube.wait(lambda: not ending(), "a replica of before does not end", 60)


def ending():
    items = json.loads(kube.kubectl("get", "pods", "-l", "component=injector", "-o", "json", namespace=NAMESPACE))["items"]
    return [one for one in items if "deletionTimestamp" in one["metadata"]]


def start_anew():
    """Lets the replicas make a certificate as if there had been none."""
    before = bundle()
    patch = '[{"op": "remove", "path": "/data"}]'
    kube.kubectl("patch", "secret", "strongroom-injector-tls", "--type=json", "-p", patch, namespace=NAMESPACE)
    kube.wait(lambda: bundle() != before, "nobody makes a certificate")
    time.sleep(5)
    ready()


def bundle():
    webhook = kube.get("mutatingwebhookconfiguration", CONFIGURATION)["webhooks"][0]
    return base64.b64decode(webhook["clientConfig"]["caBundle"]).decode()


def arguments(change):
    """Changes the webhook's arguments."""
    made = kube.get("deployment", CONFIGURATION, NAMESPACE)
    container = made["spec"]["template"]["spec"]["containers"][0]
    path = "/spec/template/spec/containers/0/args"
    patch = json.dumps([{"op": "replace", "path": path, "value": change(container["args"])}])
    kube.kubectl("patch", "deployment", CONFIGURATION, "--type=json", "-p", patch, namespace=NAMESPACE)
