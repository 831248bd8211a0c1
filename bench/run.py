#!/usr/bin/env python3
"""Measures the release build against yardsticks of the same run and prints a table.

Nothing fails when a goal is missed: figures of a busy machine are no test. The server and the bare
hyper server share one core, the load generators have the other; all turns are interleaved and the
medians of the rounds count. `--quick` takes about two minutes, `--keep` leaves the data in place.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import typing
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "target" / "release"
SCRIPTS = ROOT / "bench" / "wrk"
SERVER_CORE, LOAD_CORE = "0", "1"
# Signatures in a batch of wrk/transit.lua.
BATCH = 100


class Plan:
    """How much is measured."""

    def __init__(self, quick):
        self.secrets = 20_000 if quick else 100_000
        self.tokens = 200 if quick else 1_000
        self.rounds = 2 if quick else 3
        self.seconds = 2 if quick else 4
        self.disk_seconds = 0.5 if quick else 1


class Processes:
    """What this run started; ended with it."""

    def __init__(self):
        self.running = []

    def start(self, command, log, core=SERVER_CORE, **more):
        out = open(log, "ab")
        command = ["taskset", "-c", core, *map(str, command)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **more)
        self.running.append(process)
        return process

    def end(self, process):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.running.remove(process)

    def end_all(self):
        for process in list(self.running):
            self.end(process)


class Server:
    """A real server on the embedded store, initialised and unsealed through its API."""

    def __init__(self, processes, folder, port):
        self.address = f"127.0.0.1:{port}"
        self.folder = folder
        folder.mkdir()
        config = folder / "config.hcl"
        config.write_text(
            f'storage "redb" {{ path = "{folder}/data" }}\n'
            f'listener "tcp" {{ address = "{self.address}" tls_disable = 1 }}\n'
            'log_level = "warn"\n'
        )
        self.process = processes.start([PROGRAMS / "strongroom", "server", f"-config={config}"], folder / "log")
        self.token = None
        wait(lambda: self.call("GET", "sys/seal-status"), f"the server; see {folder}/log")
        made = self.call("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self.key = made["keys_base64"][0]
        self.call("PUT", "sys/unseal", {"key": self.key})
        self.token = made["root_token"]

    def call(self, method, path, body=None):
        return call(self.address, method, path, self.token, body)

    def memory(self):
        """Resident megabytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024


def call(address, method, path, token=None, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"X-Vault-Token": token} if token else {}
    request = urllib.request.Request(f"http://{address}/v1/{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{method} {path}: {error.code}: {error.read().decode()}") from error
    return json.loads(text) if text else None


def cpu_seconds(process):
    """The processor time that a process has used."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait(ready, what, patience=20):
    end = time.monotonic() + patience
    while True:
        try:
            return ready()
        except OSError:
            if time.monotonic() > end:
                raise RuntimeError(f"no answer in {patience} s from {what}") from None
            time.sleep(0.01)


def run_json(command, core=None, **environment):
    """The JSON on the last line that a program prints."""
    pinned = ["taskset", "-c", core] if core else []
    done = subprocess.run(
        [*pinned, *map(str, command)], capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


class Target(typing.NamedTuple):
    """What load is put on."""

    address: str
    process: subprocess.Popen


class Bench:
    def __init__(self, plan, folder, processes):
        self.plan, self.folder, self.processes = plan, folder, processes
        self.samples = {}
        self.notes = []

    def note(self, text):
        print(f"- {text}", file=sys.stderr, flush=True)

    def keep(self, name, value):
        self.samples.setdefault(name, []).append(value)

    def median(self, name):
        return statistics.median(self.samples[name])

    def prepare(self):
        self.note("idle memory, start of the development server")
        self.keep("binary", (PROGRAMS / "strongroom").stat().st_size / 2**20)
        for _ in range(5):
            self.keep("dev", self.dev_start())
        self.server = Server(self.processes, self.folder / "server", 18200)
        time.sleep(2)
        self.keep("idle", self.server.memory())
        plan = self.plan
        self.note(f"{plan.secrets} secrets, {plan.tokens} tokens")
        begun = time.monotonic()
        seed = [PROGRAMS / "seed", self.server.address, self.server.token, self.folder, plan.secrets, plan.tokens]
        subprocess.run(["taskset", "-c", LOAD_CORE, *map(str, seed)], check=True, timeout=240)
        self.note(f"filled in {time.monotonic() - begun:.0f} s")
        self.transit()
        self.hello_health = self.hello("health", "sys/health", 18201)
        first = (self.folder / "paths").read_text().split("\n", 1)[0]
        self.hello_read = self.hello("read", f"secret/data/{first}", 18202)

    def transit(self):
        """Two keys, and a token whose policy gives both operations."""
        self.server.call("POST", "sys/mounts/transit", {"type": "transit"})
        for name, kind in [("aes", "aes256-gcm96"), ("ed25519", "ed25519")]:
            self.server.call("POST", f"transit/keys/{name}", {"type": kind})
        rules = "".join(f'path "transit/{path}" {{ capabilities = ["update"] }}\n' for path in ("encrypt/aes", "sign/+"))
        self.server.call("PUT", "sys/policies/acl/transit", {"policy": rules})
        made = self.server.call("POST", "auth/token/create", {"policies": ["transit"]})
        (self.folder / "transit").write_text(made["auth"]["client_token"])

    def dev_start(self):
        """Milliseconds from the start of the program to its first healthy answer."""
        address = "127.0.0.1:18203"
        command = [PROGRAMS / "strongroom", "server", "-dev", "-dev-no-store-token", f"-dev-listen-address={address}"]
        environment = {**os.environ, "HOME": str(self.folder)}
        begun = time.perf_counter()
        process = self.processes.start(command, self.folder / "dev.log", env=environment)
        end = begun + 10
        while True:
            try:
                call(address, "GET", "sys/health")
                break
            except (OSError, RuntimeError):
                if time.perf_counter() > end:
                    raise RuntimeError(f"the development server does not answer; see {self.folder}/dev.log") from None
                time.sleep(0.001)
        took = (time.perf_counter() - begun) * 1e3
        self.processes.end(process)
        return took

    def hello(self, name, path, port):
        """A bare hyper server that answers what our server answers there."""
        request = urllib.request.Request(f"http://{self.server.address}/v1/{path}")
        request.add_header("X-Vault-Token", self.server.token)
        body = self.folder / f"hello-{name}"
        with urllib.request.urlopen(request, timeout=30) as answer:
            body.write_bytes(answer.read())
        address = f"127.0.0.1:{port}"
        process = self.processes.start([PROGRAMS / "hello", address, body], self.folder / "hello.log")
        wait(lambda: urllib.request.urlopen(f"http://{address}/", timeout=5).read(), "hello")
        return Target(address, process)

    def wrk(self, name, script, target, path="/", connections=32, **environment):
        """Load of one kind; without a name nothing is kept of it, it warms up."""
        command = ["wrk", "-t1", f"-c{connections}", f"-d{self.plan.seconds}s", "--latency", "--timeout", "10s"]
        command += ["-s", SCRIPTS / f"{script}.lua", f"http://{target.address}{path}"]
        before = cpu_seconds(target.process)
        result = run_json(command, LOAD_CORE, BENCH_SCRIPTS=str(SCRIPTS), BENCH_LISTS=str(self.folder), **environment)
        if name is None:
            return None
        if result["failed"] or result["broken"]:
            self.notes.append(f"{name}: {result['failed']} refused, {result['broken']} broken answers")
        rate = result["answers"] / result["seconds"]
        self.keep(name, rate)
        self.keep(f"{name} cpu", (cpu_seconds(target.process) - before) * 1e6 / max(result["answers"], 1))
        return rate

    def latency(self, name, target, rate):
        command = [PROGRAMS / "rate", target.address, self.folder, int(rate), self.plan.seconds, 32]
        result = run_json(command, LOAD_CORE)
        if result["errors"] or result["unanswered"]:
            self.notes.append(f"{name}: {result['errors']} refused, {result['unanswered']} unanswered")
        self.keep(f"{name} p50", result["p50"])
        self.keep(f"{name} p99", result["p99"])

    def round(self, number):
        self.note(f"round {number + 1} of {self.plan.rounds}: reads")
        ours = self.server
        self.wrk("hello health", "health", self.hello_health, "/v1/sys/health")
        self.wrk("health", "health", ours, "/v1/sys/health")
        for name in (None, "hello read"):
            self.wrk(name, "read", self.hello_read)
        for name in (None, "read"):
            peak = self.wrk(name, "read", ours)
        self.latency("hello at half", self.hello_read, peak / 2)
        self.latency("read at half", ours, peak / 2)
        log = self.folder / "audit.log"
        self.server.call("PUT", "sys/audit/bench", {"type": "file", "options": {"file_path": str(log)}})
        peak = self.wrk("audited", "read", ours)
        check_lines(log)
        os.truncate(log, 0)
        self.latency("hello at half audited", self.hello_read, peak / 2)
        self.latency("audited at half", ours, peak / 2)
        self.server.call("DELETE", "sys/audit/bench")
        os.truncate(log, 0)
        self.note(f"round {number + 1} of {self.plan.rounds}: transit")
        self.wrk("encrypt", "transit", ours, BENCH_TRANSIT="encrypt")
        self.wrk("sign", "transit", ours, BENCH_TRANSIT="sign")
        batches = self.wrk("batches", "transit", ours, BENCH_TRANSIT="batch")
        self.keep("sign in batches", batches * BATCH)
        self.keep("bare sign", run_json([PROGRAMS / "sign", self.plan.disk_seconds], SERVER_CORE)["ed25519"])
        self.note(f"round {number + 1} of {self.plan.rounds}: writes")
        self.disk()
        self.wrk("write 32", "write", ours)
        self.wrk("write 256", "write", ours, connections=256)
        self.wrk("token", "token", ours)
        self.disk()
        pipeline = run_json([PROGRAMS / "pipeline", self.plan.seconds])
        for threads, name in [(1, "one"), (2, "two")]:
            self.keep(f"pipeline {threads}", pipeline[name])
            self.keep(f"pipeline {threads} cpu", pipeline[f"{name}_cpu"])

    def disk(self):
        command = [PROGRAMS / "disk", self.folder, self.plan.secrets, self.plan.disk_seconds]
        for name, value in run_json(command, SERVER_CORE).items():
            self.keep(name, value)

    def report(self):
        rows = [
            self.ratio("health, 32 connections", "health", "hello health", 0.70),
            self.ratio("KV v2 read", "read", "hello read", 0.55),
            self.ratio("KV v2 read, file audit", "audited", "hello read", 0.30),
            self.ratio("p99 at half of the peak, ms", "read at half p99", "hello at half p99", 3, most=True),
            self.ratio("the same audited, ms", "audited at half p99", "hello at half audited p99", None, most=True),
            self.ratio("transit encrypt, 64 bytes", "encrypt", "hello health", 0.50),
            self.ratio("transit sign, of a bare loop", "sign", "bare sign", None),
            self.ratio(f"the same in batches of {BATCH}", "sign in batches", "bare sign", 0.7),
            self.ratio("KV v2 write, 32, of redb", "write 32", "redb32", 0.5),
            self.ratio("KV v2 write, 256, of redb", "write 256", "redb256", 0.5),
            self.ratio("KV v2 write, 32, of fdatasync", "write 32", "fdatasync", 0.8),
            self.ratio("KV v2 write, 256, of fdatasync", "write 256", "fdatasync", 1.3),
            self.ratio("token creation, 32, of fdatasync", "token", "fdatasync", 0.8),
            self.ratio("pipeline, 2 threads of 1", "pipeline 2", "pipeline 1", 1.7),
            self.absolute("idle memory, MB", "idle", 30),
            self.absolute("server -dev to health, ms", "dev", 100),
            self.absolute("release binary, MB", "binary", 30),
        ]
        header = ("what", "ours", "yardstick", "ratio", "goal", "")
        widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
        for row in [header, *rows]:
            first, *rest = (cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths)))
            print("  ".join([first, *rest]).rstrip())
        print("\nProcessor time for each answer, which other work on the machine disturbs less:")
        for what, ours, hello in [("health", "health", "health"), ("read", "read", "read"), ("audited", "audited", "read")]:
            a, b = self.median(f"{ours} cpu"), self.median(f"hello {hello} cpu")
            print(f"{what:<10} {a:7.2f} µs, hello {b:.2f} µs, {b / a:.2f} of its speed")
        for what in ["encrypt", "sign", "batches", "write 32", "write 256", "token", "pipeline 1", "pipeline 2"]:
            print(f"{what:<10} {self.median(what + ' cpu'):7.2f} µs")
        print(f"\nmemory after the run: {self.server.memory():.0f} MB")
        for note in self.notes:
            print(f"beware: {note}")

    def ratio(self, what, ours, yardstick, goal, most=False):
        a, b = self.median(ours), self.median(yardstick)
        ratio = a / b if b else float("inf")
        met = goal is None or (ratio <= goal if most else ratio >= goal)
        sign = "<=" if most else ">="
        return (what, figure(a), figure(b), f"{ratio:.2f}", f"{sign} {goal}" if goal else "-", "" if met else "MISSED")

    def absolute(self, what, name, most):
        value = self.median(name)
        return (what, figure(value), "", "", f"<= {most}", "" if value <= most else "MISSED")


def figure(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def check_lines(log):
    """Audit lines have to be whole: a server that drops some would be faster than it is."""
    with open(log, "rb") as file:
        file.seek(max(0, os.path.getsize(log) - 200_000))
        lines = file.read().split(b"\n")[1:-1]
    kinds = {json.loads(line)["type"] for line in lines}
    if kinds != {"request", "response"}:
        raise RuntimeError(f"the audit log holds {kinds or 'nothing'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about two minutes, on less data")
    parser.add_argument("--keep", action="store_true", help="leave the data in its folder under target/")
    arguments = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("two cores are needed: one for the server, one for the load")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "target"))
    processes = Processes()
    plan = Plan(arguments.quick)
    bench = Bench(plan, folder, processes)
    try:
        bench.prepare()
        for number in range(plan.rounds):
            bench.round(number)
        bench.report()
    finally:
        processes.end_all()
        if arguments.keep:
            print(f"data: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
