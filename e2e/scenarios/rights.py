"""Scenario 9: what server and Pods may do in the cluster, and no more."""
import re

import kube
from stand import NAMESPACE

# What every service account may: ask about itself, and read what the API is.
FOR_ALL = {"selfsubjectreviews.authentication.k8s.io", "selfsubjectaccessreviews.authorization.k8s.io",
           "selfsubjectrulesreviews.authorization.k8s.io"}
SERVER = {("tokenreviews.authentication.k8s.io", "", "create"), ("namespaces", "", "get"),
          # Whoever is known to the cluster may see what Pods are told, which is nothing secret.
          ("configmaps", "strongroom-config", "get"), ("configmaps", "strongroom-nodes", "get")}


def scenario_server(stand):
    """the server may create token reviews and get namespaces"""
    seen = allowed(NAMESPACE, "strongroom")
    kube.expect(seen == SERVER, f"it may: {seen}")
    for verb, what in (("list", "namespaces"), ("get", "secrets"), ("list", "pods"), ("create", "serviceaccounts/token"),
                       ("get", "serviceaccounts"), ("list", "nodes"), ("create", "subjectaccessreviews.authorization.k8s.io")):
        kube.expect(not may(NAMESPACE, "strongroom", verb, what), f"it may {verb} {what}")


def scenario_pods(stand):
    """a Pod that reads secrets may do nothing in the cluster"""
    with kube.namespace("rights") as space:
        stand.serve(space)
        kube.expect(allowed(space, "my-app") == set(), f"it may: {allowed(space, 'my-app')}")


def allowed(space, account):
    """Resources, names and verbs that an account is allowed in its namespace, beyond what everybody is."""
    user = f"--as=system:serviceaccount:{space}:{account}"
    table = kube.kubectl("auth", "can-i", "--list", "--no-headers", user, namespace=space)
    rows = re.findall(r"^(\S+) +\[.*?\] +\[(.*?)\] +\[(.*?)\]$", table, re.MULTILINE)
    return {row for row in rows if row[0] not in FOR_ALL}


def may(space, account, verb, what):
    words = ["auth", "can-i", verb, what, f"--as=system:serviceaccount:{space}:{account}"]
    return kube.tried(*words, namespace=space).stdout.strip() == "yes"
