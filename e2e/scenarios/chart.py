"""Scenario 12: what the chart leaves when it goes, and how it comes back."""
import kube
from scenarios.outages import reopen
from stand import CHART, NAMESPACE, VALUES


def scenario_uninstall(stand):
    """helm uninstall leaves nothing but the claim; a new release on it recovers everything"""
    stand.enable("kv", "secret")
    stand.put("e2e/survivor", v="still here")
    stand.helm("uninstall", "strongroom", "--wait")
    kube.wait(lambda: leftovers() == ["persistentvolumeclaims/data-strongroom-0"], lambda: f"left: {leftovers()}")
    stand.helm("install", "strongroom", CHART, "--values", VALUES)
    reopen(stand)
    stand.wait_record()
    kube.expect(stand.vault("kv", "get", "-field=v", "secret/e2e/survivor") == "still here", "the secret is gone")


def leftovers():
    """Everything of the release's namespace that Kubernetes did not make itself, and what else bears our name."""
    kinds = kube.kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
    inside = [f"{kind}/{name}" for kind in kinds if not kind.startswith(("events", "endpointslices"))
              for name in names(kind, NAMESPACE) if name not in ("default", "kube-root-ca.crt")]
    kinds = kube.kubectl("api-resources", "--namespaced=false", "--verbs=list", "-o", "name").split()
    outside = [f"{kind}/{name}" for kind in kinds if kind not in ("namespaces", "persistentvolumes")
               for name in names(kind) if name.startswith("strongroom")]
    return inside + outside


def names(kind, namespace=None):
    path = "jsonpath={range .items[*]}{.metadata.name}{\"\\n\"}{end}"
    return kube.kubectl("get", kind, "-o", path, namespace=namespace).split()
