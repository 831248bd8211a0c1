"""Scenario 7: a Deployment that asks for it restarts when a value changes that its Pods read, and for nothing else."""
import json, time

import kube
from scenarios.shapes import Prepared
from stand import NAMESPACE

POLICY = 'path "secret/metadata/*" { capabilities = ["read"] }\npath "secret/data/*" { capabilities = ["read"] }'


def scenario_restart_on_change(stand):
    """a changed value restarts once; an unused key, an operator's restart and a namespace that did not opt in do not"""
    with Prepared(stand, None) as space, Prepared(stand, None) as stranger:
        stand.put("e2e/restarting", used="old", other="x")
        operator_may_look(stand)
        kube.kubectl("create", "rolebinding", "restart", "--clusterrole=strongroom-restart",
                     "--serviceaccount=strongroom:strongroom-operator", namespace=space)
        for where in (space, stranger):
            stand.apply(deployment(), where)
            kube.kubectl("rollout", "status", "deployment/web", "--timeout=60s", namespace=where)
        kube.wait(lambda: state(space), "the operator does not look", 90)
        stand.put("e2e/restarting", used="old", other="y")
        kube.wait(lambda: '"secret/e2e/restarting":2' in state(space), "the operator does not see version 2", 60)
        kube.expect(pods(space) == ["old"], "a restart for a key that is not used")
        stand.put("e2e/restarting", used="new", other="y")
        kube.wait(lambda: pods(space) == ["new"], lambda: f"no restart: {pods(space)} {state(space)}", 90)
        stamped = template(space)
        kube.expect(stamped["annotations"]["strongroom.io/restarted-for"] == "secret/e2e/restarting@3", stamped)
        kube.kubectl("delete", "pod", "-l", "component=operator", namespace=NAMESPACE)
        kube.kubectl("rollout", "status", "deployment/strongroom-operator", "--timeout=60s", namespace=NAMESPACE)
        time.sleep(10)
        kube.expect(template(space) == stamped, "the operator's own restart restarted the workload")
        done = stand.kubectl_strongroom("diff", deployment(), space)
        kube.expect(done.returncode == 0, f"a difference for whoever applies it: {done.stdout}")
        kube.expect(pods(stranger) == ["old"] and not state(stranger), "it touched a namespace that did not opt in")


def operator_may_look(stand):
    stand.vault("policy", "write", "strongroom-operator", "-", stdin=POLICY)
    stand.vault("write", "auth/kubernetes/role/strongroom-operator", "bound_service_account_names=strongroom-operator",
                f"bound_service_account_namespaces={NAMESPACE}", "audience=vault", "token_policies=strongroom-operator", "token_ttl=5m")


def deployment():
    container = {"name": "main", "image": "localhost/busybox:1", "command": ["sh", "-c", "echo $SECRET; exec sleep 1000"],
                 "env": [{"name": "SECRET", "valueFrom": {"vaultSecret": {"name": "e2e/restarting", "key": "used"}}}]}
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels, "annotations": {"strongroom.io/role": "my-app"}},
                "spec": {"serviceAccountName": "my-app", "terminationGracePeriodSeconds": 0, "containers": [container]}}
    return {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "annotations": {"strongroom.io/restart-on-change": "true"}},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}}


def state(space):
    return kube.get("deployment", "web", space)["metadata"]["annotations"].get("strongroom.io/restart-state", "")


def template(space):
    return kube.get("deployment", "web", space)["spec"]["template"]["metadata"]


def pods(space):
    """What the processes of all Pods that are not ending saw."""
    items = json.loads(kube.kubectl("get", "pods", "-l", "app=web", "-o", "json", namespace=space))["items"]
    names = [one["metadata"]["name"] for one in items if "deletionTimestamp" not in one["metadata"]]
    return [kube.tried("logs", name, "-c", "main", namespace=space).stdout.strip() for name in names]
