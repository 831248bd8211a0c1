"""Scenario 1: the article from top to bottom."""
import kube

SECRET = """
apiVersion: v1
kind: Secret
metadata:
  name: my-secret
type: Opaque
data:
  username: YWRtaW4=
  password: czNjcjN0
"""

POD = """
apiVersion: v1
kind: Pod
metadata:
  name: my-pod
spec:
  restartPolicy: Never
  containers:
    - name: my-container
      image: localhost/busybox:1
      command: [sh, -c, 'echo "$USERNAME/$PASSWORD"']
      env:
        - name: USERNAME
          valueFrom:
            secretKeyRef: {name: my-secret, key: username}
        - name: PASSWORD
          valueFrom:
            secretKeyRef: {name: my-secret, key: password}
"""


def scenario_secret_key_ref(stand):
    """a Pod gets the values of a Kubernetes Secret"""
    with kube.namespace("article") as space:
        kube.apply(SECRET, space)
        kube.apply(POD, space)
        kube.expect(kube.wait_ended(space, "my-pod") == "Succeeded", "the Pod failed")
        kube.expect(kube.logs(space, "my-pod") == "admin/s3cr3t\n", "the process saw something else")


def scenario_commands(stand):
    """the command lines as the article writes them"""
    stand.enable("kv", "secret")
    kube.expect("created_time" in stand.vault("kv", "put", "secret/my-secret", "username=admin", "password=s3cr3t"),
                "kv put shows no version")
    stand.vault("auth", "disable", "kubernetes")  # of another scenario, if any
    stand.vault("auth", "enable", "kubernetes")
    # The article gives a path where the token should stand: the command sends what the file holds, and says so.
    with kube.namespace("article-reviewer") as space:
        (stand.home / "path/to").mkdir(parents=True, exist_ok=True)
        (stand.home / "path/to/jwt").write_text(kube.kubectl("create", "token", "default", namespace=space))
        done = stand.tried("write", "auth/kubernetes/config", "token_reviewer_jwt=path/to/jwt",
                           "kubernetes_host=https://kubernetes.default.svc")
        kube.expect(done.returncode == 0 and "content of the file" in done.stderr, done.stderr)
        shown = stand.vault("read", "-field=token_reviewer_jwt_set", "auth/kubernetes/config")
        kube.expect(shown == "true", "the reviewer's token is not set")
        refused = stand.tried("write", "auth/kubernetes/config", "token_reviewer_jwt=no/such/file",
                              "kubernetes_host=https://kubernetes.default.svc")
        kube.expect(refused.returncode == 2 and "token_reviewer_jwt=@path" in refused.stderr, refused.stderr)


VAULT_POD = (kube.HERE / "pod.yaml").read_text()


def scenario_plain_kubectl_refuses(stand):
    """without lowering, kubectl refuses the article's second Pod, and no Pod starts without its values"""
    with kube.namespace("article") as space:
        for words in (["apply"], ["apply", "--server-side"], ["apply", "--validate=false"], ["create"]):
            done = kube.tried(*words, "-f", "-", stdin=VAULT_POD, namespace=space)
            kube.expect(done.returncode != 0, f"{words}: {done.stdout}")


def scenario_vault_secret(stand):
    """a Pod gets the values of a vaultSecret, by a file that the kubelet reads"""
    seen(stand, [])


def scenario_vault_secret_by_shim(stand):
    """the same Pod through the shim"""
    seen(stand, ["-target=shim"])


def seen(stand, flags):
    with kube.namespace("article") as space:
        stand.serve(space)
        stand.put("my-secret", username="admin", password="s3cr3t")
        kube.expect("pod/my-pod created" in stand.apply(VAULT_POD, space, *flags), "not created")
        ended = kube.wait_ended(space, "my-pod")
        kube.expect(ended == "Succeeded", kube.why(space, "my-pod"))
        kube.expect(kube.logs(space, "my-pod", "my-container") == "admin/s3cr3t\n", "the process saw something else")
        is_read_from_file = "fileKeyRef" in kube.kubectl("get", "pod", "my-pod", "-o", "yaml", namespace=space)
        kube.expect(is_read_from_file == (not flags), "another target was taken")
