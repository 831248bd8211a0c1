#!/usr/bin/env python3
"""Runs hvac's own integration tests against our server, and compares with what OpenBao passes.

    run.py PROGRAM          PROGRAM is the strongroom binary

The tests come from hvac's sdist; a script named `vault` on PATH starts our server. `openbao.txt` says
what passes on OpenBao 2.6.2. Every test that passes there must pass here, except those in `later.txt`,
which need engines that are still to come; that list may only shrink: a test on it that passes is an
error too. Prints `N passed, N failed`; exits 1 if a test that must pass does not.
"""
import os, pathlib, re, shutil, subprocess, sys, tarfile, tempfile
import xml.etree.ElementTree as xml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TOOLS = ROOT / ".tools"
VERSION = "2.4.0"
# The parts whose engines exist.
FOLDERS = [
    "v1",
    "api/system_backend",
    "api/secrets_engines/test_kv.py",
    "api/secrets_engines/test_kv_v1.py",
    "api/secrets_engines/test_kv_v2.py",
    "api/secrets_engines/test_transit.py",
    "api/secrets_engines/test_identity.py",
    "api/auth_methods/test_token.py",
    "api/auth_methods/test_approle.py",
    "api/auth_methods/test_cert.py",
    "api/auth_methods/test_jwt.py",
    "api/auth_methods/test_kubernetes.py",
    "api/auth_methods/test_oidc.py",
]


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    source = fetch()
    folders = [f"tests/integration_tests/{f}" for f in FOLDERS]
    results = run(source, program, [f for f in folders if (source / f).exists()])
    passing_there = names((HERE / "openbao.txt").read_text(), "PASSED ")
    later = set(line for line in (HERE / "later.txt").read_text().splitlines() if line and not line.startswith("#"))
    needed = {n for n in passing_there if any(n.startswith(f) for f in folders)} - later
    passed = {n for n, ok in results.items() if ok}
    missing = sorted(needed - passed)
    for name in missing:
        print("FAILED" if name in results else "NOT RUN", name)
    for name in sorted(passed & later):
        print("PASSES NOW, take it off later.txt:", name)
    more = len(passed - passing_there)
    print(f"hvac {VERSION}: {len(needed)} tests must pass; {more} more pass that fail on OpenBao")
    print(f"{len(needed) - len(missing)} passed, {len(missing)} failed")
    return 1 if missing or passed & later else 0


def fetch():
    """Unpacks the sdist below .tools, once."""
    source = TOOLS / f"hvac-{VERSION}"
    if source.is_dir():
        return source
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
        subprocess.run(pip + [f"hvac=={VERSION}", "-d", folder], check=True)
        with tarfile.open(pathlib.Path(folder) / f"hvac-{VERSION}.tar.gz") as archive:
            archive.extractall(TOOLS, filter="data")
    return source


def run(source, program, folders):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "vault").symlink_to(program)
        report = folder / "report.xml"
        env = {k: v for k, v in os.environ.items() if not k.startswith("VAULT_")}
        env["PATH"] = f"{folder}:{env['PATH']}"
        env["HOME"] = str(folder)
        (source / "tests/config_files/generated").mkdir(exist_ok=True)
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadscope", f"--junitxml={report}"]
        done = subprocess.run(command + folders, cwd=source, env=env, stdout=subprocess.PIPE, text=True)
        log = TOOLS / "hvac.log"
        log.write_text(done.stdout)
        if not report.exists():
            sys.exit(f"pytest wrote no report; see {log}")
        return read(report)


def read(report):
    results = {}
    for case in xml.parse(report).iter("testcase"):
        module = case.get("classname")
        path, _, name = module.rpartition(".")
        key = f"{path.replace('.', '/')}.py::{name}::{case.get('name')}"
        if not case.findall("skipped"):
            results[key] = not (case.findall("failure") or case.findall("error"))
    return results


def names(text, mark):
    return {re.sub(r"^" + mark, "", line).strip() for line in text.splitlines() if line.startswith(mark)}


sys.exit(main())
