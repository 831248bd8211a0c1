"""Scenario 6: workloads, and how live ones change."""
import json

import kube
from scenarios.shapes import pod, secret, shell, Prepared

STAY = "echo SECRET=$SECRET; trap exit TERM; while :; do sleep 0.1; done"


def scenario_kinds(stand):
    """StatefulSet, DaemonSet, Job and CronJob, in one multi-document apply"""
    with Prepared(stand, None) as space:
        once = template(shell("one", "echo SECRET=$SECRET"), restartPolicy="Never")
        labels = {"matchLabels": {"app": "w"}}
        objects = [
            {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "set"},
             "spec": {"serviceName": "set", "selector": labels, "template": template(shell("one", STAY))}},
            {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "daemon"},
             "spec": {"selector": labels, "template": template(shell("one", STAY))}},
            {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": {"template": once}},
            {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "cron"},
             "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": once}}}},
        ]
        stand.apply("\n---\n".join(json.dumps(thing) for thing in objects), space)
        kube.kubectl("create", "job", "--from=cronjob/cron", "cron-now", namespace=space)
        for job in ("job", "cron-now"):
            kube.kubectl("wait", f"job/{job}", "--for=condition=Complete", "--timeout=60s", namespace=space)
            output(space, f"job/{job}", "one")
        for workload in ("statefulset/set", "daemonset/daemon"):
            kube.kubectl("rollout", "status", workload, "--timeout=60s", namespace=space)
            output(space, workload, "one")


def scenario_client_side(stand):
    """a live Deployment by client-side apply: vaultSecret added, changed, removed, switched to secretKeyRef and back"""
    live_changes(stand, [])


def scenario_server_side(stand):
    """the same by server-side apply"""
    live_changes(stand, ["--server-side"])


def live_changes(stand, flags):
    with Prepared(stand, None) as space:
        kube.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"v": "three"}}, space)
        from_secret = {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "v"}}}
        before = apply_and_see(stand, space, flags, [], "")
        for env, value in (([secret("one")], "one"), ([secret("two")], "two"), ([from_secret], "three"), ([secret("one")], "one")):
            apply_and_see(stand, space, flags, env, value)
            nothing_to_do(stand, space, flags, env)
        other_manager(stand, space, flags)
        after = apply_and_see(stand, space, flags, [], "")
        kube.expect(before == after, f"something is left:\n{json.dumps(before)}\n{json.dumps(after)}")


def apply_and_see(stand, space, flags, env, value):
    """Applies the Deployment with that environment; the Pod's spec that came of it, without what defaults change."""
    stand.apply(deployment(env), space, *flags)
    kube.kubectl("rollout", "status", "deployment/web", "--timeout=90s", namespace=space)
    output(space, "deployment/web", value)
    return kube.get("deployment", "web", space)["spec"]["template"]["spec"]


def nothing_to_do(stand, space, flags, env):
    done = stand.kubectl_strongroom("diff", deployment(env), space, *flags)
    kube.expect(done.returncode == 0 and not done.stdout, f"a difference: {done.stdout}{done.stderr}")
    generation = kube.get("deployment", "web", space)["metadata"]["generation"]
    stand.apply(deployment(env), space, *flags)
    kube.expect(kube.get("deployment", "web", space)["metadata"]["generation"] == generation, "a second apply changes something")


def other_manager(stand, space, flags):
    """What others own stays: replicas by scaling, an annotation by patch."""
    kube.kubectl("scale", "deployment/web", "--replicas=2", namespace=space)
    kube.kubectl("annotate", "deployment/web", "other=mine", namespace=space)
    stand.apply(deployment([secret("one")]), space, *flags)
    live = kube.get("deployment", "web", space)
    kube.expect(live["spec"]["replicas"] == 2 and live["metadata"]["annotations"]["other"] == "mine", "others' fields were taken")
    kube.kubectl("rollout", "status", "deployment/web", "--timeout=90s", namespace=space)


def deployment(env):
    container = {**shell("one", STAY), "env": env}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"selector": {"matchLabels": {"app": "w"}}, "template": template(container)}}


def template(container, **spec):
    made = pod("unnamed", container, **spec)
    if "restartPolicy" not in spec:
        del made["spec"]["restartPolicy"]
    return {"metadata": {"labels": {"app": "w"}, "annotations": made["metadata"]["annotations"]}, "spec": made["spec"]}


def output(space, workload, value):
    seen = lambda: f"SECRET={value}\n" in kube.tried("logs", workload, "-c", "main", "--tail=20", namespace=space).stdout
    kube.wait(seen, f"{workload}: the process did not see {value!r}")
