"""Scenario 6: kustomize and both Helms, for real, as their users call them."""
import contextlib, os, pathlib, shutil, tempfile

import kube
from scenarios.shapes import Prepared
from stand import ADDRESS, IMAGE

ROOT = pathlib.Path(__file__).resolve().parents[2]
POD = """
apiVersion: v1
kind: Pod
metadata:
  name: packed
  annotations: {strongroom.io/role: my-app, strongroom.io/ca-config-map: authority}
spec:
  serviceAccountName: my-app
  restartPolicy: Never
  containers:
    - name: main
      image: localhost/busybox:1
      command: [sh, -c, 'echo SECRET=$SECRET']
      env: [{name: SECRET, valueFrom: {vaultSecret: {name: e2e/one, key: v}}}]
"""
HOOK = POD.replace("name: packed\n", "name: hook\n").replace("annotations: {", "annotations: {helm.sh/hook: pre-install, ")


def scenario_kustomize(stand):
    """kustomize builds with our function"""
    with Prepared(stand, None) as space, workshop(stand) as (folder, call):
        (folder / "pod.yaml").write_text(POD)
        transformer = (ROOT / "deploy/kustomize/strongroom.yaml").read_text()
        settings = f"spec:\n  address: {ADDRESS}\n  image: {IMAGE}\n  target: fileKeyRef\n"
        (folder / "strongroom.yaml").write_text(transformer[: transformer.index("spec:")] + settings)
        (folder / "kustomization.yaml").write_text("resources: [pod.yaml]\ntransformers: [strongroom.yaml]\n")
        (folder / "strongroom-krm").symlink_to(stand.program)
        built = call(kube.program("kustomize"), "build", "--enable-alpha-plugins", "--enable-exec", ".")
        kube.kubectl("apply", "-f", "-", stdin=built, namespace=space)
        seen(space, "fileKeyRef")


def scenario_kustomize_by_kubectl(stand):
    """kubectl strongroom apply -k needs no function"""
    with Prepared(stand, None) as space, workshop(stand) as (folder, call):
        (folder / "pod.yaml").write_text(POD)
        (folder / "kustomization.yaml").write_text("resources: [pod.yaml]\n")
        call("kubectl", "strongroom", "apply", "-k", ".", "-n", space)
        seen(space, "shim")


def scenario_helm_3(stand):
    """Helm 3 installs through the post-renderer, and lint finds what it leaves out: hooks"""
    with Prepared(stand, None) as space, workshop(stand) as (folder, call):
        helm, renderer = kube.program("helm3"), ["--post-renderer", "strongroom-post-renderer"]
        chart(folder, {"pod.yaml": POD})
        call(helm, "install", "release", "chart", "-n", space, *renderer)
        seen(space, "shim")
        call(helm, "upgrade", "release", "chart", "-n", space, *renderer)
        call(helm, "uninstall", "release", "-n", space)
        chart(folder, {"pod.yaml": POD, "hook.yaml": HOOK})
        rendered = call(helm, "template", "chart")
        done = kube.run(["kubectl-strongroom", "lint", "-f", "-"], stdin=rendered, env=environment(stand, folder))
        kube.expect(done.returncode == 1 and "hook" in done.stdout, f"lint does not find it: {done.stdout}{done.stderr}")


def scenario_helm_4(stand):
    """Helm 4 installs through our plugin"""
    with Prepared(stand, None) as space, workshop(stand) as (folder, call):
        helm, renderer = kube.program("helm4"), ["--post-renderer", "strongroom"]
        chart(folder, {"pod.yaml": POD})
        call(helm, "plugin", "install", str(ROOT / "deploy/helm-postrenderer"))
        call(helm, "install", "release", "chart", "-n", space, *renderer)
        seen(space, "shim")
        call(helm, "uninstall", "release", "-n", space)


@contextlib.contextmanager
def workshop(stand):
    """A folder to work in, and a way to call programs there that must succeed."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-e2e-"))

    def call(*command):
        done = kube.run([str(word) for word in command], cwd=folder, env=environment(stand, folder))
        kube.expect(done.returncode == 0, f"{command}: {done.stderr}{done.stdout}")
        return done.stdout

    try:
        yield folder, call
    finally:
        shutil.rmtree(folder)


def environment(stand, folder):
    return {**os.environ, "PATH": f"{stand.home}/bin:{os.environ['PATH']}", "HOME": str(folder), "STRONGROOM_TARGET": "shim",
            "STRONGROOM_ADDRESS": ADDRESS, "STRONGROOM_IMAGE": IMAGE}


def chart(folder, templates):
    target = folder / "chart"
    shutil.rmtree(target, ignore_errors=True)
    (target / "templates").mkdir(parents=True)
    (target / "Chart.yaml").write_text("apiVersion: v2\nname: packed\nversion: 1.0.0\n")
    for name, text in templates.items():
        (target / "templates" / name).write_text(text)


def seen(space, target):
    kube.expect(kube.wait_ended(space, "packed") == "Succeeded", kube.why(space, "packed"))
    kube.expect(kube.logs(space, "packed", "main") == "SECRET=one\n", kube.logs(space, "packed", "main"))
    is_file = "fileKeyRef" in kube.kubectl("get", "pod", "packed", "-o", "yaml", namespace=space)
    kube.expect(is_file == (target == "fileKeyRef"), "another target was taken")
