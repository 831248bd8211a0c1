#!/usr/bin/env python3
"""Requests that schemathesis makes of the OpenAPI document, to every operation in it: run.py PROGRAM

openapi-spec-validator reads the document; schemathesis makes requests that fit it and requests that do not.
No answer may be the server's own fault, every answer has the shape that the document says, nothing but what
the document calls open answers strangers, and nothing panics. The same requests every time. Prints each
failure and `N passed, N failed`.
"""
import contextlib
import copy
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import warnings

import hypothesis
import schemathesis
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV30SpecValidator
from schemathesis.checks import CHECKS
from schemathesis.generation import GenerationMode

# Requests of each kind to each operation.
EXAMPLES = 3
SEED = 2026
# Requests that would end the test, or the token it is made with.
LEFT_OUT = {("post", "/sys/seal"), ("post", "/auth/token/revoke-self")}
# Vault answers 500 to some mistakes in requests to transit, so Strongroom does; ARCHITECTURE.md says why.
TRANSIT = "/transit/"
# Answers with the status that it is asked for.
HEALTH = "/sys/health"
# Errors that an RFC gives their shape.
OAUTH = ("/oidc/provider/{name}/token", "/oidc/provider/{name}/authorize", "/oidc/provider/{name}/userinfo")
MOUNTS = [("mounts", "kv1", "kv", {"version": "1"}), ("mounts", "transit", "transit", {})]
MOUNTS += [("auth", kind, kind, {}) for kind in ["approle", "cert", "jwt", "kubernetes", "oidc", "userpass"]]

DURATIONS = st.one_of(st.integers(0, 10**12).map(str), st.integers(0, 10**6).map("{}h".format), st.just("-1"))


class Server:
    def __init__(self, program, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [program, "server", "-dev", "-dev-root-token-id=root", "-dev-no-store-token",
                   f"-dev-listen-address=127.0.0.1:{self.port}"]
        env = {k: v for k, v in os.environ.items() if not k.startswith("VAULT_")} | {"HOME": folder}
        self.log = pathlib.Path(folder) / "server.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=env, cwd=folder)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        for _ in range(200):
            with contextlib.suppress(OSError):
                if self.send("GET", "/v1/sys/health")[0] == 200:
                    return
            time.sleep(0.05)
        self.stop()
        sys.exit("the server did not come up")

    def send(self, method, target, body=None, headers=None):
        """Status, headers and body of the answer; tried anew where the server has let the connection go idle."""
        for left in (1, 0):
            try:
                self.connection.request(method, target, body, headers or {})
                response = self.connection.getresponse()
                return response.status, response.headers, response.read()
            except (ConnectionError, http.client.BadStatusLine):
                self.connection.close()
                if not left:
                    raise

    def must(self, method, path, body=None):
        status, _, text = self.send(method, f"/v1/{path}", json.dumps(body), {"X-Vault-Token": "root"})
        if status >= 300:
            raise AssertionError(f"{method} {path}: {status} {text}")
        return json.loads(text) if text else {}

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def request_of(case, token):
    """The request of a case: its parts as bytes, so that no library tidies them up."""
    made = case.as_transport_kwargs(base_url="http://127.0.0.1/v1")
    path = urllib.parse.quote(urllib.parse.urlsplit(made["url"]).path, safe="/%:@!$&'()*+,;=~-._")
    query = urllib.parse.urlencode(made.get("params") or {}, doseq=True)
    headers = {"X-Vault-Token": token} if token else {}
    body = made.get("data")
    if made.get("json") is not None or "json" in made:
        body = json.dumps(made["json"])
    if body is not None:
        headers["Content-Type"] = case.media_type or "application/json"
    body = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    return made["method"], path + ("?" + query if query else ""), body, headers


def is_silent(method, target, status):
    """Whether Vault, too, refuses without a word: signs that cannot be printed, and patches of what is not there."""
    path = urllib.parse.unquote(urllib.parse.urlsplit(target).path)
    return (status == 400 and not path.isprintable()) or (status == 404 and method == "PATCH")


class Judge:
    """What is wrong with an answer; nothing if it is as the document says."""

    def __init__(self, document):
        self.responses = document["components"]["responses"]
        self.envelope = set(document["components"]["schemas"]["Envelope"]["required"])

    def faults(self, operation, path, method, target, status, headers, body):
        if status >= 500 and path != HEALTH and not self.is_transits(path, status, body):
            yield f"is the server's own fault: {body[:300]}"
        named = operation["responses"].get(str(status))
        if status < 300:
            if named is None:
                yield "has a status that the document does not name"
            else:
                yield from self.shape(named["$ref"].rsplit("/", 1)[1], headers, body)
        elif status >= 400 and path != HEALTH and not (not body and is_silent(method, target, status)):
            yield from self.refusal(path, body)

    def is_transits(self, path, status, body):
        told = [text for text in json.loads(body or b"{}").get("errors", []) if "internal error" not in text]
        return path.startswith(TRANSIT) and status == 500 and bool(told)

    def shape(self, name, headers, body):
        if name == "Bytes":
            return
        if name == "Nothing":
            if body:
                yield f"has a body: {body[:300]}"
            return
        if headers.get_content_type() != "application/json":
            yield f"is not JSON but {headers.get_content_type()}"
            return
        answer = json.loads(body)
        if not isinstance(answer, dict):
            yield f"is no object: {body[:300]}"
        elif name in ("Envelope", "GoesOn") and not self.envelope <= answer.keys():
            yield f"has no envelope: {body[:300]}"
        elif name == "Plain" and self.envelope <= answer.keys():
            yield f"has an envelope: {body[:300]}"

    def refusal(self, path, body):
        try:
            answer = json.loads(body)
        except ValueError:
            yield f"is no JSON: {body[:300]}"
            return
        errors = answer.get("errors")
        fits = isinstance(errors, list) and all(isinstance(text, str) for text in errors)
        if not fits and not self.envelope <= answer.keys() and not ("error" in answer and path.endswith(OAUTH)):
            yield f"is neither an error nor an envelope: {body[:300]}"


class Run:
    def __init__(self, server, document):
        self.server, self.document, self.judge = server, document, Judge(document)
        self.requests = 0

    def operation(self, operation):
        """All that is wrong with an operation's answers, each fault once."""
        item = self.document["paths"][operation.path]
        described = item[operation.method]
        found = {}

        def once(case, tokens):
            for token in tokens:
                method, target, body, headers = request_of(case, token)
                self.requests += 1
                status, answered, text = self.server.send(method, target, body, headers)
                faults = list(self.judge.faults(described, operation.path, method, target, status, answered, text))
                if not token and status < 300:
                    faults.append("is given to strangers")
                for fault in faults:
                    found.setdefault(fault.split(":")[0], f"{method} {target} {body!r} {status} {fault}")

        callers = ["root"] if described.get("x-vault-unauthenticated") else ["root", ""]
        for mode, tokens in (GenerationMode.POSITIVE, callers), (GenerationMode.NEGATIVE, ["root"]):
            test = hypothesis.given(operation.as_strategy(generation_mode=mode), st.just(tokens))(once)
            settings = hypothesis.settings(max_examples=EXAMPLES, deadline=None, database=None,
                                           phases=[hypothesis.Phase.generate],
                                           suppress_health_check=list(hypothesis.HealthCheck))
            with contextlib.suppress(hypothesis.errors.Unsatisfiable):
                hypothesis.seed(SEED)(settings(test))()
        return list(found.values())

    def clear(self):
        """Takes off what would refuse the requests that follow."""
        for kind in ["rate-limit", "lease-count"]:
            status, _, text = self.server.send("GET", f"/v1/sys/quotas/{kind}?list=true",
                                               headers={"X-Vault-Token": "root"})
            for name in json.loads(text)["data"]["keys"] if status == 200 else []:
                self.server.must("DELETE", f"sys/quotas/{kind}/{urllib.parse.quote(name)}")
        self.server.must("GET", "auth/token/lookup-self")


def set_up(server):
    for where, path, kind, options in MOUNTS:
        server.must("POST", f"sys/{where}/{path}", {"type": kind, "options": options})
    server.must("POST", "sys/namespaces/team")
    for name, kind in [("a", "aes256-gcm96"), ("b", "ed25519")]:
        server.must("POST", f"transit/keys/{name}", {"type": kind})


def check_document(server):
    """The document; what is wrong with it ends the run."""
    document = server.must("GET", "sys/internal/specs/openapi")
    for name in ["", "?generic_mount_paths=true"]:
        faults = list(OpenAPIV30SpecValidator(server.must("GET", f"sys/internal/specs/openapi{name}")).iter_errors())
        if faults:
            sys.exit(f"the document{name} is no OpenAPI 3.0: {faults[:5]}")
    return document


def main():
    warnings.filterwarnings("ignore")
    schemathesis.openapi.format("duration", DURATIONS)
    passed, failed, started = 0, 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(str(pathlib.Path(sys.argv[1]).resolve()), folder)
        try:
            set_up(server)
            document = check_document(server)
            run = Run(server, document)
            for result in schemathesis.openapi.from_dict(copy.deepcopy(document)).get_all_operations():
                operation = result.ok()
                if (operation.method, operation.path) in LEFT_OUT:
                    continue
                faults = run.operation(operation)
                run.clear()
                for fault in faults:
                    print("FAILED", operation.label, "|", fault)
                failed, passed = failed + bool(faults), passed + (not faults)
        finally:
            server.stop()
        if b"panic" in server.log.read_bytes():
            print("FAILED: the log tells of a panic")
            failed += 1
    print(f"{run.requests} requests in {time.monotonic() - started:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or passed < 250 else 0


if __name__ == "__main__":
    sys.exit(main())
