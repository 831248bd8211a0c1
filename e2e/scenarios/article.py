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
    stand.vault("auth", "disable", "kubernetes")
