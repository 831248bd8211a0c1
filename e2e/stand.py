"""Strongroom in the cluster, as scenarios find it: installed by its chart, initialised and unsealed."""
import base64, json, os, pathlib, re, shutil

import kube

NAMESPACE = "strongroom"
POD = "strongroom-0"
ADDRESS = "https://strongroom.strongroom.svc.cluster.local:8200"
AUDIENCE = "vault"
IMAGE = "localhost/strongroom:dev"
HERE = pathlib.Path(__file__).resolve().parent
CHART, VALUES = str(HERE.parent / "deploy/helm/strongroom"), str(HERE / "values.yaml")
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
RULES = """
path "secret/data/e2e/*" { capabilities = ["read"] }
path "secret/data/my-secret" { capabilities = ["read"] }
"""


class Stand:
    """The server, and a person with the root token and the `vault` command."""

    def __init__(self, program):
        self.home = pathlib.Path(os.environ["CLUSTER_STATE"]) / "person"
        (self.home / "bin").mkdir(parents=True, exist_ok=True)
        self.program = program
        for name in ("vault", "strongroom", "kubectl-strongroom", "strongroom-post-renderer"):
            (self.home / "bin" / name).unlink(missing_ok=True)
            (self.home / "bin" / name).symlink_to(program)
        self.authority = self.keys = None

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
        kube.apply(config_map("authority", {"ca.crt": self.authority}), space)
        if account != "default":
            kube.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}}, space)

    def put(self, path, **values):
        """Writes a secret, values as they are, whatever is in them."""
        self.enable("kv", "secret")
        self.vault("kv", "put", f"secret/{path}", "-", stdin=json.dumps(values))

    def wait_record(self):
        """Until the operator's record says of every kubelet what it says itself."""
        def is_right():
            record = json.loads(kube.get("configmap", "strongroom-nodes", NAMESPACE).get("data", {}).get("nodes", "{}"))
            seen = {(n["name"], n["kubeletVersion"], n.get("envFiles")) for n in record.get("nodes", [])}
            return seen == {(node, version, gate_is_on(node)) for node, version in kubelets()}

        kube.wait(is_right, "the operator's record of nodes is wrong", 90)

    def install(self):
        """Installs the chart, initialises, unseals and logs in; what an earlier run installed is taken as it is."""
        kept = self.home / "keys.json"
        if not kept.exists():
            kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}})
            self.helm("install", "strongroom", CHART, "--values", VALUES)
            self.open()
            self.keys = json.loads(self.vault("operator", "init", "-format=json", "-key-shares=3", "-key-threshold=2"))
            kept.write_text(json.dumps(self.keys))
            self.unseal()
            self.vault("login", "-no-print", self.keys["root_token"])
            self.wait_record()
        self.keys = json.loads(kept.read_text())
        self.trust()

    def hand_over(self):
        """What a person needs to go on: `cluster shell` reads the variables."""
        self.serve("default")
        self.put("my-secret", username="admin", password="s3cr3t")
        variables = {"PATH": f"{self.home}/bin:$PATH", "HOME": self.home, "VAULT_ADDR": ADDRESS, "VAULT_CACERT": self.home / "ca.crt"}
        lines = [f'export {name}="{value}"' for name, value in variables.items()]
        (self.home / "environment").write_text("\n".join([*lines, "PS1='cluster$ '", ""]))
        shutil.copy(HERE / "pod.yaml", self.home)

    def helm(self, *words):
        done = kube.run([kube.program("helm4"), *words, "--namespace", NAMESPACE])
        kube.expect(done.returncode == 0, f"helm {words}: {done.stderr}{done.stdout}")

    def open(self):
        """Waits for a server that is sealed, or new, and takes its authority."""
        self.trust()
        kube.wait(lambda: self.tried("status").returncode == 2, lambda: kube.why(NAMESPACE, POD), 90)

    def trust(self):
        secret = kube.get("secret", "strongroom-tls", NAMESPACE)["data"]
        self.authority = base64.b64decode(secret["ca.crt"]).decode()
        (self.home / "ca.crt").write_text(self.authority)

    def unseal(self):
        for key in self.keys["unseal_keys_b64"][:2]:
            self.vault("operator", "unseal", key)


def config_map(name, data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def kubelets():
    for node in json.loads(kube.kubectl("get", "nodes", "-o", "json"))["items"]:
        yield node["metadata"]["name"], node["status"]["nodeInfo"]["kubeletVersion"]


def gate_is_on(node):
    metrics = kube.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/metrics")
    return any(re.match(r'kubernetes_feature_enabled\{name="EnvFiles".*\} 1$', line) for line in metrics.splitlines())
