#!/usr/bin/env python3
"""Measures a server that holds many live tokens, and one whose tokens end all at once. Prints a table.

    bench/scale.sh [--tokens N] [--burst N]      100,000 and 20,000; the goals are for 1,000,000 and 100,000

Tokens are made through the API and live for a day. The burst's tokens end within one minute, every
fifth with a child that would live for a day.
"""

import argparse
import os
import pathlib
import shutil
import sys
import tempfile
import time
import types

import run

CHUNK = 5
BURST_MINUTE = 60
# Whom a server with so much to end must still serve, in reads each second.
RATE = 1000


class Scale(run.Bench):
    def __init__(self, arguments, folder, processes):
        plan = types.SimpleNamespace(secrets=2000, tokens=100, seconds=CHUNK)
        super().__init__(plan, folder, processes)
        self.tokens, self.burst = arguments.tokens, arguments.burst

    def measure(self):
        self.server = server = run.Server(self.processes, self.folder / "server", 18210)
        seed = [run.PROGRAMS / "seed", server.address, server.token, self.folder, self.plan.secrets, self.plan.tokens]
        run.subprocess.run(["taskset", "-c", run.LOAD_CORE, *map(str, seed)], check=True, timeout=240)
        self.target = run.Target(server.address, server.process)
        # Once so that caches are as warm as they will be.
        for name in ("warm", "empty", "empty"):
            self.wrk(name, "read", self.target)
        self.keep("memory empty", server.memory())
        self.fill()
        self.keep("memory", server.memory())
        for _ in range(2):
            self.wrk("full", "read", self.target)
        self.again()
        for _ in range(2):
            self.wrk("full again", "read", self.target)
        self.keep("memory again", server.memory())
        self.end_at_once()

    def keep(self, name, value):
        super().keep(name, value)
        self.note(f"{name}: {value:,.3f}")

    def count(self, what):
        """How many tokens were made or revoked since the start of the process: counting all takes a while."""
        request = run.urllib.request.Request(f"http://{self.server.address}/v1/sys/metrics?format=prometheus")
        request.add_header("X-Vault-Token", self.server.token)
        with run.urllib.request.urlopen(request, timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        return next(int(float(line.split()[1])) for line in lines if line.startswith(f"vault_token_{what} "))

    def live(self):
        """How many there are in the store."""
        request = run.urllib.request.Request(f"http://{self.server.address}/v1/sys/internal/counters/tokens")
        request.add_header("X-Vault-Token", self.server.token)
        with run.urllib.request.urlopen(request, timeout=600) as answer:
            return run.json.load(answer)["data"]["counters"]["service_tokens"]["total"]

    def fill(self):
        self.note(f"{self.tokens:,} tokens")
        begun, made = time.monotonic(), 0
        while made < self.tokens:
            rate = self.wrk("creation", "fill", self.target, connections=256)
            made += round(rate * CHUNK)
            self.note(f"{made:,} at {rate:,.0f}/s, {self.server.memory():.0f} MB")
        self.note(f"made in {time.monotonic() - begun:.0f} s")
        self.keep("live", self.live())
        self.keep("disk", (self.folder / "server/data/strongroom.redb").stat().st_size / 2**20)

    def again(self):
        """Kills the server, and takes the time from its unsealing to its first answer."""
        server = self.server
        server.process.kill()
        server.process.wait()
        self.processes.running.remove(server.process)
        config = server.folder / "config.hcl"
        begun = time.perf_counter()
        server.process = self.processes.start(
            [run.PROGRAMS / "strongroom", "server", f"-config={config}"], server.folder / "log"
        )
        run.wait(lambda: server.call("GET", "sys/seal-status"), "the server")
        self.keep("start", time.perf_counter() - begun)
        path = (self.folder / "paths").read_text().split("\n", 1)[0]
        token = (self.folder / "tokens").read_text().split("\n", 1)[0]
        begun = time.perf_counter()
        server.call("PUT", "sys/unseal", {"key": server.key})
        self.keep("unseal", time.perf_counter() - begun)
        run.call(server.address, "GET", f"secret/data/{path}", token)
        self.keep("first answer", time.perf_counter() - begun)
        self.keep("memory unsealed", server.memory())
        self.target = run.Target(server.address, server.process)

    def end_at_once(self):
        self.note(f"{self.burst:,} tokens that end within one minute")
        before = self.live()
        self.reads("quiet", 10)
        rate = self.median("creation")
        end = int(time.time() + self.burst * 1.3 / rate + 10)
        made = self.count("creation")
        while self.count("creation") - made < self.burst and time.time() < end - CHUNK:
            self.wrk("burst", "fill", self.target, connections=256, BENCH_END=str(end))
        made = self.count("creation") - made
        self.keep("burst made", made)
        time.sleep(max(0, end - time.time()))
        self.reads("burst", BURST_MINUTE)
        begun = time.monotonic()
        while self.count("revoke") < made and time.monotonic() - begun < 300:
            time.sleep(0.5)
        self.keep("gone after", time.monotonic() - begun)
        self.keep("left", self.live() - before)

    def reads(self, name, seconds):
        command = [run.PROGRAMS / "rate", self.server.address, self.folder, RATE, seconds, 32]
        result = run.subprocess.run(
            ["taskset", "-c", run.LOAD_CORE, *map(str, command)], capture_output=True, text=True, timeout=180, check=True
        )
        result = run.json.loads(result.stdout)
        if result["errors"] or result["unanswered"]:
            self.notes.append(f"{name}: {result['errors']} refused, {result['unanswered']} unanswered")
        for which in ("p50", "p99"):
            self.keep(f"{name} {which}", result[which])

    def report(self):
        one = self.median
        rows = [
            ("live tokens", f"{one('live'):,.0f}", ""),
            ("creation, 256 connections, /s", f"{one('creation'):,.0f}", ""),
            ("memory without tokens, MB", f"{one('memory empty'):.0f}", ""),
            ("memory with them, MB", f"{one('memory'):.0f}", "<= 300"),
            ("memory after kill -9 and reads, MB", f"{one('memory again'):.0f}", "<= 300"),
            ("file, MB", f"{one('disk'):.0f}", ""),
            ("start after kill -9, s", f"{one('start'):.2f}", ""),
            ("first answer after unseal, s", f"{one('first answer'):.3f}", "<= 1"),
            ("reads of an empty store", f"{one('full') / one('empty'):.2f}", ">= 0.9"),
            ("the same after kill -9", f"{one('full again') / one('empty'):.2f}", ">= 0.9"),
            ("tokens that end within a minute", f"{one('burst made'):,.0f}", ""),
            ("read p99, quiet, ms", f"{one('quiet p99'):.2f}", ""),
            ("read p99 meanwhile, of quiet", f"{one('burst p99') / one('quiet p99'):.2f}", "<= 3"),
            ("left after the minute", f"{one('left'):,.0f}", "0"),
            ("gone, s after the minute", f"{one('gone after'):.1f}", ""),
        ]
        for what, value, goal in rows:
            print(f"{what:<36} {value:>12}  {goal}")
        for note in self.notes:
            print(f"beware: {note}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=100_000)
    parser.add_argument("--burst", type=int, default=20_000)
    parser.add_argument("--programs", type=pathlib.Path, default=run.PROGRAMS, help="folder of the binaries")
    arguments = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("two cores are needed: one for the server, one for the load")
    run.PROGRAMS = arguments.programs
    folder = pathlib.Path(tempfile.mkdtemp(prefix="scale-", dir=run.ROOT / "target"))
    processes = run.Processes()
    scale = Scale(arguments, folder, processes)
    try:
        scale.measure()
        scale.report()
    finally:
        processes.end_all()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
