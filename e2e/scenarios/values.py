"""Scenario 5: values of all kinds reach the process byte for byte, or are refused with the way out."""
import hashlib, json

import kube

# What an environment file can carry, and what it cannot.
EASY = {
    "double quotes": 'say "hi"',
    "newlines": "-----BEGIN\nline two\n\n  indented\n-----END\n",
    "dollars": "$HOME $(HOSTNAME) ${X} $$ `id`",
    "backslashes": "C:\\new\\table \\n \\u0041",
    "hash, equals and spaces": " # a = b ; c ",
    "UTF-8": "pässwörd ключ 鍵 🔑",
    "30 KiB": "0123456789abcdef" * 1920,
}
HARD = {"single quotes": "it's", "CRLF": "one\r\ntwo", "an empty one": ""}


def scenario_by_file(stand):
    """what an environment file can carry, by fileKeyRef"""
    all_seen(stand, EASY, "fileKeyRef")


def scenario_by_shim(stand):
    """all of it through the shim"""
    all_seen(stand, {**EASY, **HARD}, "shim")


def scenario_refused(stand):
    """what an environment file cannot carry is refused: the Pod's status names secret, key, reason and way out"""
    with kube.namespace("values") as space:
        stand.serve(space)
        for number, (kind, value) in enumerate(HARD.items()):
            stand.put(f"e2e/hard-{number}", tricky=value)
            pod = reader(f"hard-{number}", {"V0": (f"e2e/hard-{number}", "tricky")}, "true")
            stand.apply(pod, space, "-target=fileKeyRef")
        for number, kind in enumerate(HARD):
            kube.expect(kube.wait_ended(space, f"hard-{number}") == "Failed", f"{kind}: the Pod did not fail")
            message = termination_message(space, f"hard-{number}")
            for word in (f"e2e/hard-{number}", "tricky", "strongroom.io/target: shim"):
                kube.expect(word in message, f"{kind}: {word} is not in {message!r}")
            kube.expect(not HARD[kind] or HARD[kind] not in message, f"{kind}: the message carries the value")


def scenario_missing(stand):
    """a key that is not there is named in the Pod's status; an optional one is left out"""
    with kube.namespace("values") as space:
        stand.serve(space)
        stand.put("e2e/some", there="yes")
        pod = reader("optional", {"V0": ("e2e/some", "there"), "V1": ("e2e/some", "gone")}, "echo $V0/${V1-unset}")
        pod["spec"]["containers"][0]["env"][1]["valueFrom"]["vaultSecret"]["optional"] = True
        stand.apply(pod, space)
        pod = reader("needed", {"V0": ("e2e/some", "gone")}, "true")
        pod["metadata"]["annotations"]["strongroom.io/deadline"] = "3s"
        stand.apply(pod, space)
        kube.expect(kube.wait_ended(space, "optional") == "Succeeded", kube.why(space, "optional"))
        kube.expect(kube.logs(space, "optional", "main") == "yes/unset\n", kube.logs(space, "optional", "main"))
        kube.expect(kube.wait_ended(space, "needed") == "Failed", "the Pod did not fail")
        message = termination_message(space, "needed")
        kube.expect("e2e/some" in message and "gone" in message, message)


def scenario_binary_file(stand):
    """binary values as files: a volume holds the value's text byte for byte"""
    with kube.namespace("values") as space:
        stand.serve(space)
        values = {**EASY, **HARD}
        stand.put("e2e/files", **{f"k{n}": value for n, value in enumerate(values.values())})
        items = [{"key": f"k{n}", "path": f"d/f{n}"} for n in range(len(values))]
        pod = kube.pod("files", {"command": ["sh", "-c", "cd /v/d && sha256sum *"], "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
                       serviceAccountName="my-app", volumes=[{"name": "v", "vaultSecret": {"name": "e2e/files", "items": items}}])
        pod["metadata"]["annotations"] = {"strongroom.io/role": "my-app"}
        stand.apply(pod, space)
        kube.expect(kube.wait_ended(space, "files") == "Succeeded", kube.why(space, "files"))
        expected = "".join(f"{digest(value)}  f{n}\n" for n, value in sorted(enumerate(values.values()), key=lambda e: f"f{e[0]}"))
        seen = kube.logs(space, "files", "main")
        kube.expect(seen == expected, f"{seen}\n{expected}")


def all_seen(stand, values, target):
    with kube.namespace("values") as space:
        stand.serve(space)
        stand.put("e2e/values", **{f"k{n}": value for n, value in enumerate(values.values())})
        script = "".join(f'printf %s "$V{n}" | sha256sum\n' for n in range(len(values)))
        stand.apply(reader("values", {f"V{n}": ("e2e/values", f"k{n}") for n in range(len(values))}, script), space, f"-target={target}")
        kube.expect(kube.wait_ended(space, "values") == "Succeeded", kube.why(space, "values"))
        seen = kube.logs(space, "values", "main").splitlines()
        for (kind, value), line in zip(values.items(), seen, strict=True):
            kube.expect(line.split()[0] == digest(value), f"{kind}: the process saw something else")


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def reader(name, variables, script):
    """A Pod with variables of {name: (secret, key)} that runs a script."""
    env = [{"name": n, "valueFrom": {"vaultSecret": {"name": s, "key": k}}} for n, (s, k) in variables.items()]
    pod = kube.pod(name, {"command": ["sh", "-c", script], "env": env}, serviceAccountName="my-app")
    pod["metadata"]["annotations"] = {"strongroom.io/role": "my-app"}
    return pod


def termination_message(space, pod):
    status = kube.get("pod", pod, space)["status"]
    states = status.get("initContainerStatuses", []) + status.get("containerStatuses", [])
    return json.dumps([s["state"].get("terminated", {}).get("message") for s in states])
