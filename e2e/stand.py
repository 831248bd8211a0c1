"""Strongroom in the cluster, as scenarios find it: in a StatefulSet, with TLS, initialised and unsealed."""
import json, os, pathlib, re

import kube

HERE = pathlib.Path(__file__).resolve().parent
NAMESPACE = "strongroom"
POD = "strongroom-0"
ADDRESS = "https://strongroom.strongroom.svc.cluster.local:8200"
AUDIENCE = "vault"
IMAGE = "localhost/strongroom:dev"
RULES = """
path "secret/data/e2e/*" { capabilities = ["read"] }
path "secret/data/my-secret" { capabilities = ["read"] }
"""


class Stand:
    """The server, and a person with the root token and the `vault` command."""

    def __init__(self, program):
        self.home = pathlib.Path(os.environ["CLUSTER_STATE"]) / "person"
        (self.home / "bin").mkdir(parents=True, exist_ok=True)
        for name in ("vault", "strongroom", "kubectl-strongroom"):
            (self.home / "bin" / name).unlink(missing_ok=True)
            (self.home / "bin" / name).symlink_to(program)
        if not (self.home / "tls.crt").exists():
            self.make_certificate()
        self.authority = (self.home / "ca.crt").read_text()
        self.keys = None

    def vault(self, *words, stdin=None, **variables):
        """The output of a `vault` command that succeeds."""
        done = self.tried(*words, stdin=stdin, **variables)
        if done.returncode:
            raise kube.Failed(f"vault {' '.join(words)}: {done.stderr}")
        return done.stdout.strip()

    def tried(self, *words, stdin=None, **variables):
        environment = {"PATH": f"{self.home}/bin:{os.environ['PATH']}", "HOME": str(self.home), "VAULT_ADDR": ADDRESS,
                       "VAULT_CACERT": str(self.home / "ca.crt")}
        return kube.run(["vault", *words], stdin=stdin, env={**environment, **variables}, cwd=self.home)

    def enable(self, engine, path):
        self.mount("secrets", engine, path)

    def enable_auth(self, method, path):
        self.mount("auth", method, path)

    def mount(self, kind, what, path):
        """Enables an engine or auth method where nothing is mounted yet."""
        if f"{path}/" not in json.loads(self.vault(kind, "list", "-format=json")):
            options = ["-version=2"] if what == "kv" else []
            self.vault(kind, "enable", f"-path={path}", *options, what)

    def kubectl_strongroom(self, verb, manifest, space, *flags):
        """`kubectl strongroom VERB -f -`, which may fail."""
        environment = {**os.environ, "PATH": f"{self.home}/bin:{os.environ['PATH']}"}
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        return kube.run(["kubectl", "strongroom", verb, "-f", "-", "-n", space, *flags], stdin=text, env=environment)

    def apply(self, manifest, space, *flags):
        """Applies a manifest with `vaultSecret` in it; the output."""
        done = self.kubectl_strongroom("apply", manifest, space, *flags)
        kube.expect(done.returncode == 0, done.stderr + done.stdout)
        return done.stdout

    def serve(self, space, account="my-app", role="my-app", policy=RULES):
        """Lets Pods of an account of this namespace log in and read the secrets below secret/e2e/ and the article's."""
        self.enable("kv", "secret")
        self.enable_auth("kubernetes", "kubernetes")
        self.vault("write", "auth/kubernetes/config", "kubernetes_host=https://kubernetes.default.svc")
        self.vault("policy", "write", role, "-", stdin=policy)
        self.vault("write", f"auth/kubernetes/role/{role}", f"bound_service_account_names={account}", f"audience={AUDIENCE}",
                   "bound_service_account_namespaces=*", f"token_policies={role}", "token_ttl=10m")
        if account != "default":
            kube.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}}, space)

    def put(self, path, **values):
        """Writes a secret, values as they are, whatever is in them."""
        self.enable("kv", "secret")
        self.vault("kv", "put", f"secret/{path}", "-", stdin=json.dumps(values))

    def configure(self):
        """What Pods are told that say nothing else, and what the kubelets can do, as the operator would write it."""
        data = {"address": ADDRESS, "ca-pem": self.authority, "image": IMAGE, "image-pull-policy": "IfNotPresent"}
        kube.apply([config_map("strongroom-config", data)], NAMESPACE)
        self.record_nodes()

    def record_nodes(self):
        nodes = [{"name": node, "kubeletVersion": version, "envFiles": gate_is_on(node)} for node, version in kubelets()]
        kube.apply([config_map("strongroom-nodes", {"nodes": json.dumps({"nodes": nodes})})], NAMESPACE)

    def install(self):
        """Applies the manifests, waits for the Pod, initialises, unseals and logs in; an earlier run's is taken as it is."""
        kept = self.home / "keys.json"
        if kept.exists():
            self.keys = json.loads(kept.read_text())
            return
        kube.apply((HERE / "manifests/server.yaml").read_text())
        files = [f"--from-file={name}={self.home / name}" for name in ("tls.crt", "tls.key", "ca.crt")]
        secret = kube.kubectl("create", "secret", "generic", "strongroom-tls", "--dry-run=client", "-o", "yaml", *files)
        kube.apply(secret, NAMESPACE)
        kube.wait(lambda: self.tried("status").returncode == 2, lambda: kube.why(NAMESPACE, POD))
        self.keys = json.loads(self.vault("operator", "init", "-format=json", "-key-shares=3", "-key-threshold=2"))
        kept.write_text(json.dumps(self.keys))
        self.unseal()
        self.vault("login", "-no-print", self.keys["root_token"])
        self.configure()

    def unseal(self):
        for key in self.keys["unseal_keys_b64"][:2]:
            self.vault("operator", "unseal", key)

    def make_certificate(self):
        """An authority, and the server's certificate, in `home`."""
        def openssl(*words):
            done = kube.run(["openssl", *words], cwd=self.home)
            kube.expect(done.returncode == 0, done.stderr)

        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        openssl("req", "-x509", *new, "-subj", "/CN=e2e", "-days", "30", "-keyout", "ca.key", "-out", "ca.crt")
        names = [NAMESPACE, f"{NAMESPACE}.{NAMESPACE}.svc", f"{NAMESPACE}.{NAMESPACE}.svc.cluster.local", "localhost"]
        (self.home / "names").write_text("subjectAltName=" + ",".join([f"DNS:{n}" for n in names] + ["IP:127.0.0.1"]))
        openssl("req", *new, "-subj", "/CN=strongroom", "-keyout", "tls.key", "-out", "tls.csr")
        openssl("x509", "-req", "-in", "tls.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
                "-extfile", "names", "-out", "tls.crt")


def config_map(name, data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def kubelets():
    for node in json.loads(kube.kubectl("get", "nodes", "-o", "json"))["items"]:
        yield node["metadata"]["name"], node["status"]["nodeInfo"]["kubeletVersion"]


def gate_is_on(node):
    metrics = kube.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/metrics")
    return any(re.match(r'kubernetes_feature_enabled\{name="EnvFiles".*\} 1$', line) for line in metrics.splitlines())
