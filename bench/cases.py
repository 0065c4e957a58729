# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The work that is measured, and how one peer does it once."""

import collections
import json
import select
import subprocess
import time

from middle import RESERVE, Failed, Middle

GIB = 1 << 30

# kind: bulk, ask, fresh, beside or idle; work: bytes in all, seconds or connections, without --quick
# and with it.
Case = collections.namedtuple("Case", "name kind conns size up work quick about",
                              defaults=("",))

CASES = [
    Case("bulk1-up", "bulk", 1, 0, True, 2 * GIB, GIB // 2, "1 stream, client to target"),
    Case("bulk1-down", "bulk", 1, 0, False, 2 * GIB, GIB // 2, "1 stream, target to client"),
    Case("bulk100-up", "bulk", 100, 0, True, 2 * GIB, GIB // 2, "100 streams, client to target"),
    Case("bulk100-down", "bulk", 100, 0, False, 2 * GIB, GIB // 2, "100 streams, target to client"),
    Case("ask64x1", "ask", 1, 64, None, 2.0, 0.5, "64 bytes there and back, 1 connection"),
    Case("ask64x64", "ask", 64, 64, None, 2.0, 0.5, "64 bytes there and back, 64 connections"),
    Case("ask1kx1", "ask", 1, 1024, None, 2.0, 0.5, "1 KiB there and back, 1 connection"),
    Case("ask1kx64", "ask", 64, 1024, None, 2.0, 0.5, "1 KiB there and back, 64 connections"),
    Case("connect", "fresh", 64, 64, None, 2.0, 0.5,
         "a new connection for each 64 bytes there and back, 64 at a time"),
    Case("beside", "beside", 1, 64, None, 2.0, 0.5,
         "64 bytes there and back, 1 connection, beside one stream as fast as it goes"),
    Case("idle", "idle", 0, 0, None, 10000, 1000, "connections that do nothing"),
]


class Lines:
    """A program of ours that speaks in lines; it fails with what it said, or by saying nothing."""

    def __init__(self, argv, env):
        self.proc = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True, env=env)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.proc.stdin.close()
        try:
            self.proc.wait(5)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        self.proc.stdout.close()
        self.proc.stderr.close()

    def line(self, timeout):
        ready, _, _ = select.select([self.proc.stdout], [], [], timeout)
        text = self.proc.stdout.readline() if ready else ""
        if not text:
            if not ready:
                self.proc.kill()
            raise Failed(self.proc.stderr.read().strip() or "no answer in %d s" % timeout)
        return text

    def go(self):
        self.proc.stdin.write("\n")
        self.proc.stdin.flush()


def arguments(case, amount):
    """What adit-load client is told."""
    args = ["--conns", str(case.conns)]
    if case.kind == "bulk":
        each = str(max(64, int(amount) // case.conns))
        return args + ["--times", "1", "--send" if case.up else "--get", each,
                       "--get" if case.up else "--send", "64"]
    if case.kind == "idle":
        return ["--conns", str(int(amount)), "--times", "1"]
    args += ["--seconds", "%.6f" % amount, "--send", str(case.size), "--get", str(case.size)]
    if case.kind == "fresh":
        args.append("--fresh")
    if case.kind == "beside":
        args += ["--bulk", "1"]
    return args


def amount_of(bench, case):
    """Bytes, seconds (with a floor, so that there is something to count) or connections."""
    amount = (case.quick if bench.quick else case.work) * bench.scale
    if case.kind == "idle":
        return max(1, int(min(amount, bench.files // 2 - RESERVE)))
    return amount if case.kind == "bulk" else max(amount, 0.2)


def measure(bench, peer, case):
    """One peer, one case, once: a dictionary of figures. Failed when anything is not as it should."""
    amount = amount_of(bench, case)
    load = bench.load
    with Lines([load, "target"], bench.env) as target, Middle(bench.env) as m:
        m.adit_run, m.files = bench.adit_run, bench.files
        port = peer.start(m, int(target.line(10).split()[1]))
        empty = m.resident()
        with Lines([load, "client", "--to", str(port)] + arguments(case, amount),
                   bench.env) as client:
            client.line(120)
            if case.kind == "idle":
                return idle(m, empty, amount, 1.0 if bench.quick else 5.0)
            before = m.cpu()
            client.go()
            got = json.loads(client.line(300))
            cpu = m.cpu() - before
            m.alive()
            return figures(case, got, cpu, m.peak())


def idle(m, empty, conns, seconds):
    full, before = m.resident(), m.cpu()
    time.sleep(seconds)
    m.alive()
    grown = {name: (full[name] - empty[name]) / conns for name in full}
    return {"conns": conns, "memory": sum(full.values()), "grown": grown,
            "each": sum(grown.values()), "cpu": (m.cpu() - before) / seconds}


def figures(case, got, cpu, peak):
    out = {"seconds": got["seconds"], "cpu_seconds": cpu, "memory": peak}
    if case.kind == "bulk":
        out["rate"] = got["bytes"] / got["seconds"] / GIB
        out["cpu"] = cpu / (got["bytes"] / GIB)
        return out
    out["rate"] = got["exchanges"] / got["seconds"]
    out["p50"], out["p99"], out["max"] = got["p50_us"], got["p99_us"], got["max_us"]
    if case.kind == "beside":
        out["beside"] = got["bulk_bytes"] / got["seconds"] / GIB
    else:
        out["cpu"] = cpu / got["exchanges"] * 1e6
    return out
