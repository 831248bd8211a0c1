#!/usr/bin/env python3
"""What transit makes, others must read, and the other way round: run.py PROGRAM

Every kind of key, padding, hash and form is held against Python's cryptography library, which stands on
OpenSSL, and a part of it against the openssl command. Prints each failure and `N passed, N failed`.
"""
import base64
import contextlib
import hashlib
import hmac
import http.client
import itertools
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

try:
    from cryptography.hazmat.primitives.asymmetric import mldsa
except ImportError:
    mldsa = None

HASHES = {
    "sha1": hashes.SHA1, "sha2-224": hashes.SHA224, "sha2-256": hashes.SHA256, "sha2-384": hashes.SHA384,
    "sha2-512": hashes.SHA512, "sha3-224": hashes.SHA3_224, "sha3-256": hashes.SHA3_256,
    "sha3-384": hashes.SHA3_384, "sha3-512": hashes.SHA3_512,
}
CURVES = {"ecdsa-p256": ec.SECP256R1, "ecdsa-p384": ec.SECP384R1, "ecdsa-p521": ec.SECP521R1}
MESSAGE = b"the message \x00\xff" * 5
RAW = serialization.Encoding.Raw
DER = serialization.Encoding.DER
PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
NO_PASSWORD = serialization.NoEncryption()


class Server:
    def __init__(self, program, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [program, "server", "-dev", "-dev-root-token-id=root", "-dev-no-store-token",
                   f"-dev-listen-address=127.0.0.1:{self.port}"]
        env = {k: v for k, v in os.environ.items() if not k.startswith("VAULT_")}
        self.log = open(pathlib.Path(folder) / "server.log", "wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env={**env, "HOME": folder})
        for _ in range(200):
            with contextlib.suppress(OSError):
                if self.call("GET", "sys/health")[0] == 200:
                    break
            time.sleep(0.05)
        else:
            self.stop()
            sys.exit("the server did not come up")
        self.must("POST", "sys/mounts/t", {"type": "transit"})

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, f"/v1/{path}", json.dumps(body) if body is not None else None,
                           {"X-Vault-Token": "root"})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, json.loads(text) if text else {}

    def must(self, method, path, body=None):
        status, answer = self.call(method, path, body)
        if status >= 300:
            raise AssertionError(f"{method} {path}: {status} {answer}")
        return answer.get("data")

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()


SERVER = None
CHECKS = []
NAMES = itertools.count()


def check(function):
    CHECKS.append(function)
    return function


def post(path, **body):
    return SERVER.must("POST", f"t/{path}", body)


def get(path):
    return SERVER.must("GET", f"t/{path}")


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    return base64.b64decode(text)


def new_key(kind, **more):
    name = f"k{next(NAMES)}"
    post(f"keys/{name}", type=kind, exportable=True, allow_plaintext_backup=True, **more)
    return name


def exported(name, form):
    return get(f"export/{form}/{name}")["keys"]["1"]


def sealed(data):
    return "vault:v1:" + b64(data)


def unsealed(text):
    assert text.startswith("vault:v1:"), text
    return unb64(text[9:])


def refuses(action, *errors):
    try:
        action()
    except errors:
        return
    raise AssertionError("it was taken")


def digest(name, data):
    h = hashes.Hash(HASHES[name]())
    h.update(data)
    return h.finalize()


def hkdf(key, info, length):
    return HKDF(hashes.SHA256(), length, None, info).derive(key)


def openssl(*arguments, **files):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (pathlib.Path(folder) / name).write_bytes(content)
        done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True)
        return done.returncode == 0, done.stdout


# Encryption

CIPHERS = {"aes128-gcm96": AESGCM, "aes256-gcm96": AESGCM, "chacha20-poly1305": ChaCha20Poly1305}


@check
def ciphers():
    for kind, cipher in CIPHERS.items():
        name = new_key(kind)
        key = cipher(unb64(exported(name, "encryption-key")))
        for plain, aad in [(b"", b""), (MESSAGE, b""), (MESSAGE, b"context"), (b"\x00" * 5000, b"a" * 100)]:
            more = {"associated_data": b64(aad)} if aad else {}
            ours = unsealed(post(f"encrypt/{name}", plaintext=b64(plain), **more)["ciphertext"])
            assert key.decrypt(ours[:12], ours[12:], aad) == plain
            nonce = os.urandom(12)
            theirs = sealed(nonce + key.encrypt(nonce, plain, aad))
            assert unb64(post(f"decrypt/{name}", ciphertext=theirs, **more)["plaintext"]) == plain


@check
def derived_keys():
    for kind, cipher in CIPHERS.items():
        name = new_key(kind, derived=True)
        key = unb64(exported(name, "encryption-key"))
        own = cipher(hkdf(key, b"context", len(key)))
        ours = unsealed(post(f"encrypt/{name}", plaintext=b64(MESSAGE), context=b64(b"context"))["ciphertext"])
        assert own.decrypt(ours[:12], ours[12:], b"") == MESSAGE


@check
def convergent_keys():
    for kind, cipher in CIPHERS.items():
        name = new_key(kind, derived=True, convergent_encryption=True)
        key = unb64(exported(name, "encryption-key"))
        both = hkdf(key, b"context", len(key) + 32)
        own, nonce_key = cipher(both[:len(key)]), both[len(key):]
        nonce = hmac.digest(nonce_key, MESSAGE, "sha256")[:12]
        ours = post(f"encrypt/{name}", plaintext=b64(MESSAGE), context=b64(b"context"))["ciphertext"]
        assert ours == sealed(nonce + own.encrypt(nonce, MESSAGE, b""))


def restore_old(version, kdf):
    name, key = f"k{next(NAMES)}", os.urandom(32)
    entry = {"key": b64(key), "hmac_key": b64(os.urandom(32)), "time": "2016-01-02T03:04:05Z"}
    policy = {"name": name, "type": 0, "derived": True, "kdf": kdf, "convergent_encryption": version > 0,
              "convergent_version": version, "latest_version": 1, "min_decryption_version": 1,
              "keys": {"1": entry}}
    post("restore", backup=b64(json.dumps({"policy": policy}).encode()))
    return name, key


@check
def the_oldest_derivations():
    context = b"context"
    name, key = restore_old(0, 0)
    counter = hmac.digest(key, struct.pack(">I", 0) + context + struct.pack(">I", 256), "sha256")
    ours = unsealed(post(f"encrypt/{name}", plaintext=b64(MESSAGE), context=b64(context))["ciphertext"])
    assert AESGCM(counter).decrypt(ours[:12], ours[12:], b"") == MESSAGE
    name, key = restore_old(1, 1)
    nonce = os.urandom(12)
    ours = post(f"encrypt/{name}", plaintext=b64(MESSAGE), context=b64(context), nonce=b64(nonce))["ciphertext"]
    assert ours == sealed(AESGCM(hkdf(key, context, 32)).encrypt(nonce, MESSAGE, b""))
    name, key = restore_old(2, 1)
    nonce = hmac.digest(context, MESSAGE, "sha256")[:12]
    ours = post(f"encrypt/{name}", plaintext=b64(MESSAGE), context=b64(context))["ciphertext"]
    assert ours == sealed(nonce + AESGCM(hkdf(key, context, 32)).encrypt(nonce, MESSAGE, b""))


# Signatures

def verify_ours(action, signature, *arguments):
    """The signature holds, and a damaged one does not."""
    action(signature, *arguments)
    damaged = signature[:-1] + bytes([signature[-1] ^ 1])
    refuses(lambda: action(damaged, *arguments), InvalidSignature, ValueError)


@check
def ed25519_keys():
    name = new_key("ed25519")
    both = unb64(exported(name, "signing-key"))
    private = ed25519.Ed25519PrivateKey.from_private_bytes(both[:32])
    assert private.public_key().public_bytes(RAW, serialization.PublicFormat.Raw) == both[32:]
    assert exported(name, "public-key") == b64(both[32:])
    ours = unsealed(post(f"sign/{name}", input=b64(MESSAGE))["signature"])
    verify_ours(private.public_key().verify, ours, MESSAGE)
    assert ours == private.sign(MESSAGE)
    name = new_key("ed25519", derived=True)
    key = unb64(exported(name, "signing-key"))
    derived = ed25519.Ed25519PrivateKey.from_private_bytes(hkdf(key, b"context", 32))
    answer = post(f"sign/{name}", input=b64(MESSAGE), context=b64(b"context"))
    assert unsealed(answer["signature"]) == derived.sign(MESSAGE)
    assert answer["public_key"] == b64(derived.public_key().public_bytes(RAW, serialization.PublicFormat.Raw))


@check
def ml_dsa_keys():
    if mldsa is None:
        print("note: this cryptography library has no ML-DSA")
        return
    for parameter_set in ("44", "65", "87"):
        name = new_key("ml-dsa", parameter_set=parameter_set)
        private = getattr(mldsa, f"MLDSA{parameter_set}PrivateKey").from_seed_bytes(unb64(exported(name, "signing-key")))
        ours = unsealed(post(f"sign/{name}", input=b64(MESSAGE))["signature"])
        verify_ours(private.public_key().verify, ours, MESSAGE)
        theirs = sealed(private.sign(MESSAGE))
        assert post(f"verify/{name}", input=b64(MESSAGE), signature=theirs)["valid"]
        assert not post(f"verify/{name}", input=b64(b"other"), signature=theirs)["valid"]


@check
def ecdsa_keys():
    for kind, curve in CURVES.items():
        name = new_key(kind)
        private = serialization.load_pem_private_key(exported(name, "signing-key").encode(), None)
        assert isinstance(private.curve, curve)
        public = private.public_key()
        assert public.public_bytes(PEM, SPKI).decode().strip() == exported(name, "public-key").strip()
        for algorithm in HASHES:
            how = {"hash_algorithm": algorithm}
            hashed = ec.ECDSA(utils.Prehashed(HASHES[algorithm]()))
            value = digest(algorithm, MESSAGE)
            for prehashed in (False, True):
                given = b64(value if prehashed else MESSAGE)
                ours = unsealed(post(f"sign/{name}", input=given, prehashed=prehashed, **how)["signature"])
                verify_ours(public.verify, ours, value, hashed)
                theirs = private.sign(value, hashed)
                answer = post(f"verify/{name}", input=given, prehashed=prehashed, signature=sealed(theirs), **how)
                assert answer["valid"], (kind, algorithm)
            jws_round(name, private, value, hashed, how)


def jws_round(name, private, value, hashed, how):
    size = (private.curve.key_size + 7) // 8
    how = {**how, "marshaling_algorithm": "jws"}
    ours = post(f"sign/{name}", input=b64(MESSAGE), **how)["signature"].removeprefix("vault:v1:")
    both = base64.urlsafe_b64decode(ours + "=" * (-len(ours) % 4))
    assert len(both) == 2 * size and "=" not in ours
    numbers = [int.from_bytes(part, "big") for part in (both[:size], both[size:])]
    private.public_key().verify(utils.encode_dss_signature(*numbers), value, hashed)
    numbers = utils.decode_dss_signature(private.sign(value, hashed))
    theirs = base64.urlsafe_b64encode(b"".join(n.to_bytes(size, "big") for n in numbers)).decode().rstrip("=")
    assert post(f"verify/{name}", input=b64(MESSAGE), signature="vault:v1:" + theirs, **how)["valid"]


def salt_of(text, algorithm):
    return {"auto": padding.PSS.MAX_LENGTH, "hash": HASHES[algorithm].digest_size}.get(text) or int(text)


@check
def rsa_signatures():
    for kind in ("rsa-2048", "rsa-3072", "rsa-4096"):
        name = new_key(kind)
        private = serialization.load_pem_private_key(exported(name, "signing-key").encode(), None)
        assert private.key_size == int(kind[4:])
        public = private.public_key()
        assert public.public_bytes(PEM, SPKI).decode().strip() == exported(name, "public-key").strip()
        for algorithm in HASHES:
            value, method = digest(algorithm, MESSAGE), HASHES[algorithm]()
            pairs = [("pkcs1v15", None)] + [("pss", salt) for salt in ("auto", "hash", "20")]
            for scheme, salt in pairs:
                how = {"hash_algorithm": algorithm, "signature_algorithm": scheme}
                if salt:
                    how["salt_length"] = salt
                    pad = padding.PSS(padding.MGF1(method), salt_of(salt, algorithm))
                else:
                    pad = padding.PKCS1v15()
                for prehashed in (False, True) if kind == "rsa-2048" else (False,):
                    given = b64(value if prehashed else MESSAGE)
                    ours = unsealed(post(f"sign/{name}", input=given, prehashed=prehashed, **how)["signature"])
                    verify_ours(public.verify, ours, value, pad, utils.Prehashed(method))
                    theirs = sealed(private.sign(value, pad, utils.Prehashed(method)))
                    answer = post(f"verify/{name}", input=given, prehashed=prehashed, signature=theirs, **how)
                    assert answer["valid"], (kind, how)
                    answer = post(f"verify/{name}", input=b64(b"other"), signature=theirs, **how)
                    assert not answer["valid"], (kind, how)
        # A salt of another length than asked for is refused.
        pad = padding.PSS(padding.MGF1(hashes.SHA256()), 20)
        theirs = sealed(private.sign(MESSAGE, pad, hashes.SHA256()))
        for salt, valid in (("auto", True), ("20", True), ("hash", False), ("21", False)):
            answer = post(f"verify/{name}", input=b64(MESSAGE), signature=theirs, salt_length=salt)
            assert answer["valid"] == valid, salt


@check
def rsa_encryption():
    for kind in ("rsa-2048", "rsa-4096"):
        name = new_key(kind)
        private = serialization.load_pem_private_key(exported(name, "encryption-key").encode(), None)
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        for scheme, pad in (("oaep", oaep), ("pkcs1v15", padding.PKCS1v15())):
            ours = unsealed(post(f"encrypt/{name}", plaintext=b64(MESSAGE), padding_scheme=scheme)["ciphertext"])
            assert private.decrypt(ours, pad) == MESSAGE
            theirs = sealed(private.public_key().encrypt(MESSAGE, pad))
            assert unb64(post(f"decrypt/{name}", ciphertext=theirs, padding_scheme=scheme)["plaintext"]) == MESSAGE


# Hashes

@check
def keyed_hashes():
    for kind, more in (("aes256-gcm96", {}), ("hmac", {"key_size": 200}), ("ed25519", {})):
        name = new_key(kind, **more)
        key = unb64(exported(name, "hmac-key"))
        for algorithm in HASHES:
            python = algorithm.replace("sha2-", "sha").replace("sha3-", "sha3_")
            expected = hmac.digest(key, MESSAGE, python)
            assert unsealed(post(f"hmac/{name}/{algorithm}", input=b64(MESSAGE))["hmac"]) == expected
            answer = post(f"verify/{name}/{algorithm}", input=b64(MESSAGE), hmac=sealed(expected))
            assert answer["valid"], algorithm


@check
def plain_hashes():
    for algorithm in (a for a in HASHES if a != "sha1"):
        for data in (b"", MESSAGE, b"a" * 143, b"a" * 144, b"a" * 1000):
            python = algorithm.replace("sha2-", "sha").replace("sha3-", "sha3_")
            answer = post(f"hash/{algorithm}", input=b64(data))
            assert answer["sum"] == hashlib.new(python, data).hexdigest(), algorithm


# Import, backup

def wrapped(key, method=hashes.SHA256):
    public = serialization.load_pem_public_key(get("wrapping_key")["public_key"].encode())
    assert public.key_size == 4096
    ephemeral = os.urandom(32)
    first = public.encrypt(ephemeral, padding.OAEP(padding.MGF1(method()), method(), None))
    return b64(first + keywrap.aes_key_wrap_with_padding(ephemeral, key))


@check
def imports():
    pkcs8 = lambda key: key.private_bytes(DER, PKCS8, NO_PASSWORD)
    keys = {
        "aes128-gcm96": os.urandom(16), "aes256-gcm96": os.urandom(32), "chacha20-poly1305": os.urandom(32),
        "hmac": os.urandom(77), "ed25519": ed25519.Ed25519PrivateKey.generate(),
        **{kind: ec.generate_private_key(curve()) for kind, curve in CURVES.items()},
        **{f"rsa-{bits}": rsa.generate_private_key(65537, bits) for bits in (2048, 3072, 4096)},
    }
    for kind, key in keys.items():
        name = f"k{next(NAMES)}"
        raw = key if isinstance(key, bytes) else pkcs8(key)
        post(f"keys/{name}/import", type=kind, exportable=True, ciphertext=wrapped(raw))
        if isinstance(key, bytes):
            form = "hmac-key" if kind == "hmac" else "encryption-key"
            assert unb64(exported(name, form)) == key
            continue
        public = key.public_key()
        signature = unsealed(post(f"sign/{name}", input=b64(MESSAGE), signature_algorithm="pkcs1v15")["signature"])
        if kind == "ed25519":
            public.verify(signature, MESSAGE)
        elif kind.startswith("rsa"):
            public.verify(signature, MESSAGE, padding.PKCS1v15(), hashes.SHA256())
        else:
            public.verify(signature, MESSAGE, ec.ECDSA(hashes.SHA256()))
        public_only(kind, key)


def public_only(kind, key):
    name = f"k{next(NAMES)}"
    post(f"keys/{name}/import", type=kind, public_key=key.public_key().public_bytes(PEM, SPKI).decode())
    if kind == "ed25519":
        signature = key.sign(MESSAGE)
    elif kind.startswith("rsa"):
        signature = key.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256())
    else:
        signature = key.sign(MESSAGE, ec.ECDSA(hashes.SHA256()))
    how = {"signature_algorithm": "pkcs1v15", "input": b64(MESSAGE)}
    assert post(f"verify/{name}", signature=sealed(signature), **how)["valid"]
    assert SERVER.call("POST", f"t/sign/{name}", {"input": b64(MESSAGE)})[0] >= 400
    # The private part can follow.
    post(f"keys/{name}/import_version", ciphertext=wrapped(key.private_bytes(DER, PKCS8, NO_PASSWORD)))
    answer = post(f"sign/{name}", **how)
    assert answer["key_version"] == 1 and post(f"verify/{name}", signature=answer["signature"], **how)["valid"]


@check
def imports_with_other_hashes():
    for method in (hashes.SHA1, hashes.SHA384, hashes.SHA512):
        name, key = f"k{next(NAMES)}", os.urandom(32)
        hash_function = method.name.upper()
        post(f"keys/{name}/import", exportable=True, ciphertext=wrapped(key, method), hash_function=hash_function)
        assert unb64(exported(name, "encryption-key")) == key


@check
def backups_hold_the_numbers_of_the_keys():
    name = new_key("rsa-2048")
    private = serialization.load_pem_private_key(exported(name, "signing-key").encode(), None).private_numbers()
    key = json.loads(unb64(get(f"backup/{name}")["backup"]))["policy"]["keys"]["1"]["rsa_key"]
    assert (key["N"], key["E"], key["D"]) == (private.public_numbers.n, private.public_numbers.e, private.d)
    assert key["Primes"] == [private.p, private.q]
    pre = key["Precomputed"]
    assert (pre["Dp"], pre["Dq"], pre["Qinv"]) == (private.dmp1, private.dmq1, private.iqmp)
    for kind in CURVES:
        name = new_key(kind)
        private = serialization.load_pem_private_key(exported(name, "signing-key").encode(), None).private_numbers()
        key = json.loads(unb64(get(f"backup/{name}")["backup"]))["policy"]["keys"]["1"]
        public = private.public_numbers
        assert (key["ec_x"], key["ec_y"], key["ec_d"]) == (public.x, public.y, private.private_value)


# The openssl command

@check
def openssl_reads_our_keys():
    for kind, form in (("rsa-2048", "encryption-key"), ("ecdsa-p256", "signing-key"), ("ecdsa-p521", "signing-key")):
        name = new_key(kind)
        good, _ = openssl("pkey", "-in", "key", "-check", "-noout", key=exported(name, form).encode())
        assert good, kind
        good, public = openssl("pkey", "-in", "key", "-pubout", key=exported(name, form).encode())
        assert good and public.decode().strip() == exported(name, "public-key").strip(), kind


@check
def openssl_verifies_and_signs():
    cases = [("rsa-2048", {"signature_algorithm": "pkcs1v15"}, []),
             ("rsa-2048", {"signature_algorithm": "pss", "salt_length": "hash"},
              ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]),
             ("rsa-2048", {"signature_algorithm": "pss", "salt_length": "auto"},
              ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:max"]),
             ("ecdsa-p256", {}, []), ("ecdsa-p384", {}, []), ("ecdsa-p521", {}, [])]
    for (kind, how, options), (hash_name, flag) in itertools.product(
            cases, (("sha1", "-sha1"), ("sha2-224", "-sha224"), ("sha2-256", "-sha256"), ("sha3-512", "-sha3-512"))):
        name = new_key(kind)
        how = {**how, "hash_algorithm": hash_name, "input": b64(MESSAGE)}
        ours = unsealed(post(f"sign/{name}", **how)["signature"])
        good, _ = openssl("dgst", flag, "-verify", "key", *options, "-signature", "signature", "message",
                          key=exported(name, "public-key").encode(), signature=ours, message=MESSAGE)
        assert good, (kind, how)
        good, theirs = openssl("dgst", flag, "-sign", "key", *options, "message",
                               key=exported(name, "signing-key").encode(), message=MESSAGE)
        assert good and post(f"verify/{name}", signature=sealed(theirs), **how)["valid"], (kind, how)


@check
def openssl_makes_keys_that_can_be_imported():
    for kind, arguments in (("rsa-3072", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"]),
                            ("ecdsa-p384", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
                            ("ed25519", ["-algorithm", "ED25519"])):
        good, made = openssl("genpkey", *arguments)
        assert good
        _, der = openssl("pkcs8", "-topk8", "-nocrypt", "-in", "key", "-outform", "DER", key=made)
        name = f"k{next(NAMES)}"
        post(f"keys/{name}/import", type=kind, ciphertext=wrapped(der))
        _, public = openssl("pkey", "-inform", "DER", "-in", "key", "-pubout", key=der)
        shown = get(f"keys/{name}")["keys"]["1"]["public_key"]
        if kind == "ed25519":
            raw = serialization.load_pem_public_key(public).public_bytes(RAW, serialization.PublicFormat.Raw)
            assert shown == b64(raw)
        else:
            assert shown.strip() == public.decode().strip()


def main():
    global SERVER
    program = str(pathlib.Path(sys.argv[1]).resolve())
    passed, failed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        SERVER = Server(program, folder)
        try:
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
