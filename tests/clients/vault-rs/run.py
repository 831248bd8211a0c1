#!/usr/bin/env python3
"""Runs the tests of the Rust crate hashicorp_vault, unchanged, against our server.

    run.py PROGRAM          PROGRAM is the strongroom binary

The crate's tests want a dev server on port 8200 with the root token test12345, a transit engine, and a few
tokens besides their own, as the crate's own CI leaves them. Prints `N passed, N failed`.
"""
import json, os, pathlib, re, shutil, subprocess, sys, time, urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
TOOLS = ROOT / ".tools"
VERSION = "2.1.1"
SOURCE = TOOLS / f"hashicorp_vault-{VERSION}"
ADDRESS, TOKEN = "http://127.0.0.1:8200", "test12345"


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    fetch()
    env = {k: v for k, v in os.environ.items() if not k.startswith("VAULT_")}
    with open(TOOLS / "vault-rs.log", "w") as log:
        server = subprocess.Popen(
            [program, "server", "-dev", f"-dev-root-token-id={TOKEN}", "-dev-no-store-token"],
            stdout=log, stderr=log, env=env,
        )
        try:
            wait(server)
            call("POST", "sys/mounts/transit", {"type": "transit"})
            for _ in range(2):
                call("POST", "auth/token/create", {"policies": ["default"]})
            results = run(env)
        finally:
            server.terminate()
            server.wait(10)
    passed = {name for name, how in results.items() if how == "ok"}
    failed = sorted(set(results) - passed)
    for name in failed:
        print("FAILED", name)
    print(f"hashicorp_vault {VERSION}:")
    print(f"{len(passed)} passed, {len(failed)} failed")
    return 1 if failed or len(passed) < 16 else 0


def fetch():
    """Copies the crate's source from the registry's cache, once."""
    if SOURCE.is_dir():
        return
    probe = TOOLS / "vault-rs-probe"
    (probe / "src").mkdir(parents=True, exist_ok=True)
    (probe / "src/lib.rs").write_text("")
    (probe / "Cargo.toml").write_text(
        '[package]\nname = "probe"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n'
        f'[dependencies]\nhashicorp_vault = {{ version = "={VERSION}", default-features = false }}\n'
    )
    subprocess.run(["cargo", "fetch", "-q"], cwd=probe, check=True)
    metadata = subprocess.run(["cargo", "metadata", "--format-version", "1", "--offline"], cwd=probe, check=True,
                              stdout=subprocess.PIPE, text=True).stdout
    package = next(p for p in json.loads(metadata)["packages"] if p["name"] == "hashicorp_vault")
    shutil.copytree(pathlib.Path(package["manifest_path"]).parent, SOURCE)
    manifest = SOURCE / "Cargo.toml"
    manifest.write_text("[workspace]\n" + manifest.read_text())
    (SOURCE / "Cargo.lock").unlink(missing_ok=True)
    shutil.rmtree(probe)


def wait(server):
    for _ in range(200):
        if server.poll() is not None:
            sys.exit(f"the server ended with {server.returncode}; see .tools/vault-rs.log")
        try:
            call("GET", "sys/health")
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("the server did not answer")


def call(method, path, body=None):
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"{ADDRESS}/v1/{path}", data, {"X-Vault-Token": TOKEN}, method=method)
    return urllib.request.urlopen(request, timeout=10).read()


def run(env):
    # The crate denies warnings, and today's compiler has more of them; it is not ours to mend.
    env = {**env, "RUSTFLAGS": "--cap-lints allow", "CARGO_TARGET_DIR": str(TOOLS / "vault-rs-target")}
    command = ["cargo", "test", "-q", "--no-default-features", "--lib", "--no-run"]
    subprocess.run(command, cwd=SOURCE, env=env, check=True)
    command = ["cargo", "test", "--no-default-features", "--lib", "--", "--test-threads=1"]
    done = subprocess.run(command, cwd=SOURCE, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return dict(re.findall(r"^test (\S+) \.\.\. (\w+)$", done.stdout, re.M))


sys.exit(main())
