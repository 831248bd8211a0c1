"""Strongroom in the cluster, as scenarios find it: in a StatefulSet, with TLS, initialised and unsealed."""
import json, os, pathlib

import kube

HERE = pathlib.Path(__file__).resolve().parent
NAMESPACE = "strongroom"
POD = "strongroom-0"
ADDRESS = "https://strongroom.strongroom.svc.cluster.local:8200"
AUDIENCE = "strongroom"


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
