"""Scenario 3: who may log in with which token, as the cluster's own TokenReview says."""
import base64, json, os, pathlib, subprocess, tempfile

import kube
from stand import ADDRESS, AUDIENCE


def scenario_pod(stand):
    """a Pod logs in with a projected token, reads its secret and nothing else"""
    with kube.namespace("logins") as space:
        prepare(stand, space)
        stand.vault("kv", "put", "secret/logins", "key=from-the-store")
        account(space, "app")
        script = (f'export VAULT_TOKEN=$(vault write -field=token auth/pods/login role=app jwt=@{TOKEN});'
                  " vault kv get -field=key secret/logins; echo; vault kv get secret/other || echo refused: $?")
        kube.apply(client(stand, "reader", "app", script), space)
        ended = kube.wait_ended(space, "reader")
        seen = kube.logs(space, "reader")
        kube.expect(ended == "Succeeded" and seen.startswith("from-the-store\n") and seen.endswith("refused: 2\n"), seen)


def scenario_refusals(stand):
    """other accounts, namespaces and audiences, dead accounts and Pods, and old tokens are refused"""
    with kube.namespace("logins") as space, kube.namespace("strangers") as strangers:
        prepare(stand, space)
        for where in (space, strangers):
            account(where, "app")
        account(space, "other")
        good = token(space, "app")
        accepted(stand, good)
        refused(stand, token(space, "other"), "service account name not authorized")
        refused(stand, token(strangers, "app"), "namespace not authorized")
        refused(stand, token(space, "app", audience="elsewhere"), "audience")
        refused(stand, token(space, "app", audience=None), "audience")
        refused(stand, expired(good), "expired")
        refused(stand, forged(good), "does not hold")
        dead_pod(stand, space)
        kube.kubectl("delete", "serviceaccount", "app", namespace=space)
        account(space, "app")
        refused(stand, good, "does not hold")
        accepted(stand, token(space, "app"))


def scenario_reason_in_status(stand):
    """a Pod whose login is refused says why in its status"""
    with kube.namespace("logins") as space:
        prepare(stand, space)
        account(space, "other")
        script = f"vault write auth/pods/login role=app jwt=@{TOKEN} 2>/dev/termination-log"
        kube.apply(client(stand, "refused", "other", script), space)
        kube.expect(kube.wait_ended(space, "refused") == "Failed", "the Pod did not fail")
        message = kube.why(space, "refused")
        kube.expect("service account name not authorized" in message, message)


def scenario_selector(stand):
    """namespaces are chosen by their labels"""
    with kube.namespace("red-team", {"team": "red"}) as red, kube.namespace("blue-team", {"team": "blue"}) as blue:
        prepare(stand, red)
        stand.vault("write", "auth/pods/role/red", "bound_service_account_names=app", f"audience={AUDIENCE}",
                    'bound_service_account_namespace_selector={"matchLabels":{"team":"red"}}')
        for where in (red, blue):
            account(where, "app")
        accepted(stand, token(red, "app"), "red")
        refused(stand, token(blue, "app"), "namespace", "red")


def scenario_reviewers(stand):
    """the server's own token reviews by itself; so does a client's, if its account may review"""
    with kube.namespace("logins") as space:
        prepare(stand, space)
        account(space, "app")
        own = kube.get("configmap", "kube-root-ca.crt", space)["data"]["ca.crt"]
        stand.vault("write", "auth/pods/config", "kubernetes_host=https://kubernetes.default.svc",
                    "disable_local_ca_jwt=true", "kubernetes_ca_cert=-", stdin=own)
        # A client's token reviews only if the API server takes it: its audience has to be the API server's.
        stand.vault("write", "auth/pods/role/itself", "bound_service_account_names=app",
                    f"bound_service_account_namespaces={space}")
        mine = token(space, "app", audience=None)
        refused(stand, mine, "no TokenReview", "itself")
        kube.kubectl("create", "clusterrolebinding", "e2e-itself", "--clusterrole=system:auth-delegator",
                     f"--serviceaccount={space}:app")
        try:
            kube.wait(lambda: login(stand, mine, "itself").returncode == 0, "the client's own token does not review", 10)
        finally:
            kube.kubectl("delete", "clusterrolebinding", "e2e-itself")


FOLDER = "/var/run/secrets/tokens"
TOKEN = f"{FOLDER}/strongroom"


def prepare(stand, space):
    """The auth method at `pods` and the role `app` for the account `app` of this namespace."""
    stand.enable("kv", "secret")
    stand.enable_auth("kubernetes", "pods")
    stand.vault("write", "auth/pods/config", "kubernetes_host=https://kubernetes.default.svc")
    stand.vault("policy", "write", "logins", "-", stdin='path "secret/data/logins" { capabilities = ["read"] }')
    stand.vault("write", "auth/pods/role/app", "bound_service_account_names=app", f"audience={AUDIENCE}",
                f"bound_service_account_namespaces={space}", "token_policies=logins", "token_ttl=10m")


def account(space, name):
    kube.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}, space)


def token(space, account, audience=AUDIENCE, *more):
    words = [f"--audience={audience}"] if audience else []
    return kube.kubectl("create", "token", account, *words, *more, namespace=space).strip()


def login(stand, jwt, role="app"):
    return stand.tried("write", f"auth/pods/login", f"role={role}", "jwt=-", stdin=jwt)


def accepted(stand, jwt, role="app"):
    done = login(stand, jwt, role)
    kube.expect(done.returncode == 0, f"refused: {done.stderr}")


def refused(stand, jwt, reason, role="app"):
    done = login(stand, jwt, role)
    kube.expect(done.returncode == 2 and "Code: 403" in done.stderr and reason in done.stderr,
                f"not refused for {reason!r}: {done.returncode} {done.stderr}")


def dead_pod(stand, space):
    """A token that is bound to a Pod ends with the Pod."""
    kube.apply(kube.pod("short", {"command": ["sleep", "1000"]}, serviceAccountName="app"), space)
    kube.wait_ready(space, "short")
    bound = token(space, "app", AUDIENCE, "--bound-object-kind=Pod", "--bound-object-name=short")
    accepted(stand, bound)
    kube.kubectl("delete", "pod", "short", "--grace-period=0", "--force", namespace=space)
    kube.wait(lambda: login(stand, bound).returncode == 2, "the token outlives its Pod", 15)
    refused(stand, bound, "does not hold")


def expired(jwt):
    """The same token as of yesterday, signed with the cluster's own key."""
    header, claims, _ = jwt.split(".")
    claims = json.loads(decode(claims))
    claims.update({name: claims[name] - 86400 for name in ("exp", "iat", "nbf")})
    return signed(header, encode(json.dumps(claims).encode()), pathlib.Path(os.environ["CLUSTER_STATE"]) / "pki/accounts.key")


def forged(jwt):
    """The same token, signed by somebody else."""
    header, claims, _ = jwt.split(".")
    with tempfile.NamedTemporaryFile() as key:
        subprocess.run(["openssl", "genrsa", "-out", key.name, "2048"], check=True, stderr=subprocess.DEVNULL)
        return signed(header, claims, key.name)


def signed(header, claims, key):
    text = f"{header}.{claims}"
    command = ["openssl", "dgst", "-sha256", "-sign", str(key)]
    return text + "." + encode(subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=True).stdout)


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def client(stand, name, account, script):
    """A Pod that runs a script with the `vault` command, its token projected for our audience."""
    files = [{"serviceAccountToken": {"path": "strongroom", "audience": AUDIENCE, "expirationSeconds": 600}},
             {"configMap": {"name": "authority", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}]
    # Our image has no shell; it gets one.
    shell = {"name": "shell", "image": "localhost/busybox:1", "command": ["cp", "/bin/busybox", "/shell/"],
             "volumeMounts": [{"name": "shell", "mountPath": "/shell"}]}
    container = {
        "image": "localhost/strongroom:dev",
        "command": ["/shell/busybox", "sh", "-c", script],
        "env": [{"name": "VAULT_ADDR", "value": ADDRESS}, {"name": "VAULT_CACERT", "value": f"{FOLDER}/ca.crt"}],
        "volumeMounts": [{"name": "token", "mountPath": FOLDER}, {"name": "shell", "mountPath": "/shell"}],
    }
    volumes = [{"name": "token", "projected": {"sources": files}}, {"name": "shell", "emptyDir": {}}]
    authority = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "authority"}, "data": {"ca.crt": stand.authority}}
    return [authority, kube.pod(name, container, serviceAccountName=account, automountServiceAccountToken=False,
                                initContainers=[shell], volumes=volumes)]
