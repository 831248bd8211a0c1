#!/usr/bin/env python3
"""Applications sign users in, and users log in through their browser: run.py PROGRAM

Authlib, a relying party that others wrote, signs users in at our provider. The same provider then stands
behind our own auth method `oidc`, driven over HTTP and by the command line. Prints each failure and
`N passed, N failed`.
"""
import contextlib
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

BACK = "https://app.example/cb"
ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"]


class Server:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        command = [program, "server", "-dev", "-dev-root-token-id=root", "-dev-no-store-token",
                   f"-dev-listen-address=127.0.0.1:{self.port}"]
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("VAULT_")} | {"HOME": folder}
        self.log = open(pathlib.Path(folder) / "server.log", "wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=self.env)
        for _ in range(200):
            with contextlib.suppress(OSError):
                if self.call("GET", "sys/health")[0] == 200:
                    return
            time.sleep(0.05)
        self.stop()
        sys.exit("the server did not come up")

    def call(self, method, path, body=None, token="root"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, f"/v1/{path}", json.dumps(body) if body is not None else None,
                           {"X-Vault-Token": token} if token else {})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, json.loads(text) if text else {}

    def must(self, method, path, body=None, token="root"):
        status, answer = self.call(method, path, body, token)
        if status >= 300:
            raise AssertionError(f"{method} {path}: {status} {answer}")
        return answer

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()


SERVER = None
USER = None
ENTITY = None
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def set_up():
    """A user who can sign in, in a group, and a provider that says so."""
    global USER, ENTITY
    must = SERVER.must
    must("POST", "sys/auth/userpass", {"type": "userpass"})
    must("POST", "auth/userpass/users/ann", {"password": "pw"})
    auth = must("POST", "auth/userpass/login/ann", {"password": "pw"}, token="")["auth"]
    USER, ENTITY = auth["client_token"], auth["entity_id"]
    must("POST", "identity/group", {"name": 'o"ps', "member_entity_ids": [ENTITY]})
    must("POST", f"identity/entity/id/{ENTITY}", {"metadata": {"mail": "ann@example"}})
    must("POST", "identity/oidc/scope/mail", {"template": '{"mail": {{identity.entity.metadata.mail}}}'})
    must("POST", "identity/oidc/scope/groups", {"template": '{"groups": {{identity.entity.groups.names}}}'})
    must("POST", "identity/oidc/provider/p", {"allowed_client_ids": "*", "scopes_supported": "mail,groups"})


def client(name, **more):
    body = {"redirect_uris": [BACK], "assignments": ["allow_all"], **more}
    SERVER.must("POST", f"identity/oidc/client/{name}", body)
    return SERVER.must("GET", f"identity/oidc/client/{name}")["data"]


def discovery():
    issuer = f"{SERVER.address}/v1/identity/oidc/provider/p"
    found = requests.get(f"{issuer}/.well-known/openid-configuration").json()
    assert found["issuer"] == issuer
    return found


def sign_in(url, token=None):
    """What a browser of the user does with the address of the provider: where it is sent back to."""
    answer = requests.get(url, headers={"X-Vault-Token": token or USER})
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    pairs = {k: v for k, v in answer.json().items() if v is not None}
    return answer.status_code, query["redirect_uri"] + "?" + urllib.parse.urlencode(pairs)


def relying_party(app, method, scope="openid mail groups"):
    return OAuth2Session(app["client_id"], app.get("client_secret"), token_endpoint_auth_method=method,
                         scope=scope, redirect_uri=BACK, code_challenge_method="S256")


def verified(found, app, token, nonce):
    keys = KeySet.import_key_set(requests.get(found["jwks_uri"]).json())
    decoded = jwt.decode(token["id_token"], keys, algorithms=ALGORITHMS)
    claims = CodeIDToken(decoded.claims, decoded.header, options={
        "iss": {"essential": True, "value": found["issuer"]},
        "aud": {"essential": True, "value": app["client_id"]},
    }, params={"nonce": nonce, "client_id": app["client_id"], "access_token": token["access_token"]})
    claims.validate()
    return claims


def whole_way(app, method, found):
    session, verifier, nonce = relying_party(app, method), generate_token(64), generate_token(20)
    url, state = session.create_authorization_url(found["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
    status, back = sign_in(url)
    assert status == 200, back
    token = session.fetch_token(found["token_endpoint"], authorization_response=back, code_verifier=verifier, state=state)
    claims = verified(found, app, token, nonce)
    assert claims["sub"] == ENTITY and claims["mail"] == "ann@example" and claims["groups"] == ['o"ps'], claims
    said = session.get(found["userinfo_endpoint"]).json()
    assert said == {"sub": ENTITY, "mail": "ann@example", "groups": ['o"ps']}, said
    return session, back, verifier


# A relying party that others wrote

@check
def clients_show_themselves_in_every_way():
    found = discovery()
    confidential, public = client("app"), client("spa", client_type="public")
    assert "client_secret" not in public
    whole_way(confidential, "client_secret_basic", found)
    whole_way(confidential, "client_secret_post", found)
    whole_way(public, "none", found)


@check
def every_algorithm_is_verified():
    found = discovery()
    for algorithm in ALGORITHMS:
        SERVER.must("POST", f"identity/oidc/key/{algorithm}", {"algorithm": algorithm, "allowed_client_ids": "*"})
        whole_way(client(f"app-{algorithm}", key=algorithm), "client_secret_basic", found)


@check
def tokens_hold_over_a_rotation():
    found, app = discovery(), client("app")
    session = relying_party(app, "client_secret_basic")
    url, _ = session.create_authorization_url(found["authorization_endpoint"], code_verifier="v" * 43)
    token = session.fetch_token(found["token_endpoint"], authorization_response=sign_in(url)[1], code_verifier="v" * 43)
    before = KeySet.import_key_set(requests.get(found["jwks_uri"]).json())
    SERVER.must("POST", "identity/oidc/key/default/rotate", {})
    verified(found, app, token, None)
    # Who has kept the key set from before the rotation knows what is signed after it.
    url, _ = session.create_authorization_url(found["authorization_endpoint"], code_verifier="v" * 43)
    token = session.fetch_token(found["token_endpoint"], authorization_response=sign_in(url)[1], code_verifier="v" * 43)
    jwt.decode(token["id_token"], before, algorithms=ALGORITHMS)


def refused(error, function):
    try:
        function()
    except OAuthError as raised:
        assert raised.error == error, raised
    else:
        raise AssertionError(f"{error} was expected")


@check
def errors_are_those_that_relying_parties_know():
    found, app = discovery(), client("app")
    session, back, verifier = whole_way(app, "client_secret_basic", found)
    again = lambda: session.fetch_token(found["token_endpoint"], authorization_response=back, code_verifier=verifier)
    refused("invalid_grant", again)
    session.client_secret = "wrong"
    refused("invalid_client", again)
    session = relying_party(app, "client_secret_post")
    url, _ = session.create_authorization_url(found["authorization_endpoint"], code_verifier="v" * 43)
    _, back = sign_in(url)
    refused("invalid_grant", lambda: session.fetch_token(
        found["token_endpoint"], authorization_response=back, code_verifier="w" * 43))
    url, _ = relying_party(app, "none", scope="mail").create_authorization_url(found["authorization_endpoint"])
    status, back = sign_in(url)
    assert status == 400 and "error=invalid_request" in back, back
    elsewhere = url.replace("app.example", "evil.example").replace("scope=mail", "scope=openid")
    assert sign_in(elsewhere)[0] == 400 and "invalid_redirect_uri" in sign_in(elsewhere)[1]


# Our own auth method before our own provider

def login_mount(name, app, **role):
    SERVER.must("POST", f"sys/auth/{name}", {"type": "oidc"})
    issuer = f"{SERVER.address}/v1/identity/oidc/provider/p"
    SERVER.must("POST", f"auth/{name}/config", {
        "oidc_discovery_url": issuer, "oidc_client_id": app["client_id"], "oidc_client_secret": app["client_secret"],
        "default_role": "r"})
    SERVER.must("POST", f"auth/{name}/role/r", {
        "user_claim": "sub", "groups_claim": "groups", "oidc_scopes": "mail,groups", "claim_mappings": {"mail": "mail"},
        "bound_claims": {"mail": "ann@example"}, "token_policies": "p", **role})


@check
def our_login_stands_before_our_provider():
    back = f"{SERVER.address}/v1/auth/corp/oidc/callback"
    login_mount("corp", client("corp", redirect_uris=[back]), allowed_redirect_uris=back, max_age=3600)
    asked = {"role": "r", "redirect_uri": back, "client_nonce": "n"}
    url = SERVER.must("POST", "auth/corp/oidc/auth_url", asked, token="")["data"]["auth_url"]
    status, back = sign_in(url)
    assert status == 200, back
    assert requests.get(back).status_code == 400, "without the nonce of who began"
    url = SERVER.must("POST", "auth/corp/oidc/auth_url", asked, token="")["data"]["auth_url"]
    _, back = sign_in(url)
    auth = requests.get(back + "&client_nonce=n").json()["auth"]
    assert auth["metadata"] == {"role": "r", "mail": "ann@example"}, auth
    assert auth["policies"] == ["default", "p"], auth
    assert requests.get(back + "&client_nonce=n").status_code == 400, "a second time"


@check
def identity_tokens_log_in():
    SERVER.must("POST", "identity/oidc/key/k", {"algorithm": "ES256", "allowed_client_ids": "*"})
    SERVER.must("POST", "identity/oidc/role/me", {"key": "k", "client_id": "us"})
    SERVER.must("PUT", "sys/policies/acl/me", {"policy": 'path "identity/oidc/token/me" { capabilities = ["read"] }'})
    SERVER.must("POST", f"identity/entity/id/{ENTITY}", {"policies": "me"})
    token = SERVER.must("GET", "identity/oidc/token/me", token=USER)["data"]["token"]
    SERVER.must("POST", "sys/auth/jwt", {"type": "jwt"})
    SERVER.must("POST", "auth/jwt/config", {"oidc_discovery_url": f"{SERVER.address}/v1/identity/oidc"})
    SERVER.must("POST", "auth/jwt/role/r", {"role_type": "jwt", "user_claim": "sub", "bound_audiences": "us"})
    auth = SERVER.must("POST", "auth/jwt/login", {"role": "r", "jwt": token}, token="")["auth"]
    assert auth["metadata"] == {"role": "r"}, auth


@check
def the_command_line_logs_in_through_a_browser():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    back = "http://localhost:8250/oidc/callback"
    login_mount("cli", client("cli", redirect_uris=[back]), allowed_redirect_uris=back)
    command = [SERVER.program, "login", "-method=oidc", "-path=cli", "-token-only", "skip_browser=true", f"port={port}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**SERVER.env, "VAULT_ADDR": SERVER.address})
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        lines = iter(process.stderr.readline, "")
        url = next(line.strip() for line in lines if line.strip().startswith("http"))
        status, back = sign_in(url)
        assert status == 200, back
        page = requests.get(back)
        assert page.status_code == 200 and "logged in" in page.text, page.text
        token = process.stdout.read()
        assert process.wait() == 0, process.stderr.read()
    finally:
        timer.cancel()
        process.kill()
    assert SERVER.must("GET", "auth/token/lookup-self", token=token)["data"]["meta"]["role"] == "r"


def main():
    global SERVER
    program = str(pathlib.Path(sys.argv[1]).resolve())
    passed, failed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        SERVER = Server(program, folder)
        try:
            set_up()
            for function in CHECKS:
                try:
                    function()
                    passed += 1
                except Exception as error:
                    failed += 1
                    print(f"FAILED {function.__name__}: {type(error).__name__} {error}")
        finally:
            SERVER.stop()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
