# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""One peer does one case once."""

import contextlib
import json
import sys
import time

import machine
from cases import GIB, arguments
from middle import RESERVE, Failed, Lines, Middle

PING = 10.0                             # seconds: Adit's ping_interval, and with --quick
QUICK_PING = 3.0
STREAMS = 2.0                           # seconds that idle connections are looked at
AT_ONCE = 4                             # programs that hold sessions


def amount_of(bench, case, peer):
    """Bytes, seconds (with a floor, so that there is something to count) or connections."""
    amount = (case.quick if bench.quick else case.work) * bench.scale
    if case.kind in ("idle", "sessions"):
        each = 2 if case.conns or not peer.name.startswith("adit") else 1   # descriptors
        return max(1, int(min(amount, (bench.files - RESERVE) // each)))
    return amount if case.kind == "bulk" else max(amount, 0.2)


def ping_of(bench):
    return max(1.0, (QUICK_PING if bench.quick else PING) * min(1.0, bench.scale))


def measure(bench, peer, case):
    """A dictionary of figures. Failed when anything is not as it should."""
    amount = amount_of(bench, case, peer)
    if case.kind == "sessions":
        case = case._replace(limits=dict(case.limits, ping_interval="%dms" % (ping_of(bench) * 1000)))
    with contextlib.ExitStack() as stack:
        m = stack.enter_context(Middle(bench, case))
        if bench.profiler:
            bench.profiler.prepare(m)
        if case.kind == "agents":
            return agents(stack, m, peer, amount)
        target = serve(stack, m)
        if case.kind == "sessions":
            return sessions(stack, m, peer, int(amount))
        port = peer.start(m, [target])[0]
        if case.link and case.link.loss:
            stack.enter_context(machine.losing(m.links, case.link.loss))
        empty = m.resident()
        client = ask(stack, m, port, arguments(case, amount))
        if case.kind == "idle":
            return idle(m, empty, amount, STREAMS * min(1.0, bench.scale))
        with watched(m):
            before = m.cpu()
            client.go()
            got = json.loads(client.line(300))
            cpu = m.cpu() - before
        m.alive()
        return figures(case, got, cpu, m, empty)


def serve(stack, m):
    target = stack.enter_context(Lines([m.bench.load, "target"], m.bench.env))
    return int(target.line(10).split()[1])


def watched(m):
    """Around the work itself: what a profile is made of."""
    return m.bench.profiler.around(m) if m.bench.profiler else contextlib.nullcontext()


def ask(stack, m, port, args):
    """A client whose connections are made."""
    client = stack.enter_context(
        Lines([m.bench.load, "client", "--to", str(port)] + args, m.bench.env))
    client.line(120)
    return client


def figures(case, got, cpu, m, empty):
    out = {"seconds": got["seconds"], "cpu_seconds": cpu, "memory": m.peak()}
    if case.kind in ("bulk", "long", "share"):
        moved = got["bytes"] + got.get("warm_bytes", 0)
        out["rate"] = got["bytes"] / got["seconds"] / GIB
        out["cpu"] = cpu / (moved / GIB)
        if case.kind == "long":
            out["start"] = got["warm_bytes"] / got["warm_seconds"] / GIB
            out["grown"] = {name: full - empty[name] for name, full in m.peaks().items()}
        if case.kind == "share":
            out["share"] = got["least"] / got["most"] if got["most"] else 0.0
        return out
    out["rate"] = got["exchanges"] / got["seconds"]
    out["p50"], out["p99"], out["max"] = got["p50_us"], got["p99_us"], got["max_us"]
    if case.kind == "stopped":
        out["grown"] = {name: full - empty[name] for name, full in m.peaks().items()}
        out["each"] = sum(out["grown"].values())
    elif case.kind == "beside":
        out["beside"] = got["bulk_bytes"] / got["seconds"] / GIB
    else:
        out["cpu"] = cpu / got["exchanges"] * 1e6
    return out


def idle(m, empty, conns, seconds):
    full, before = m.resident(), m.cpu()
    time.sleep(seconds)
    m.alive()
    grown = {name: (full[name] - empty[name]) / conns for name in full}
    return {"conns": conns, "memory": sum(full.values()), "grown": grown,
            "each": sum(grown.values()), "cpu": (m.cpu() - before) / seconds}


def agents(stack, m, peer, amount):
    """Two agents of one server: what the one with a single stream gets of the whole."""
    ports = peer.start(m, [serve(stack, m), serve(stack, m)])
    clients = [ask(stack, m, port, arguments(m.case, amount, conns))
               for port, conns in zip(ports, (m.case.conns, 1))]
    with watched(m):
        before = m.cpu()
        for c in clients:
            c.go()
        got = [json.loads(c.line(300)) for c in clients]
        cpu = m.cpu() - before
    m.alive()
    rates = [g["bytes"] / g["seconds"] / GIB for g in got]
    moved = sum(g["bytes"] + g["warm_bytes"] for g in got)
    return {"rate": sum(rates), "many": rates[0], "one": rates[1], "memory": m.peak(),
            "share": min(rates) / sum(rates), "cpu": cpu / (moved / GIB)}


def sessions(stack, m, peer, n):
    """Sessions of a peer of the protocol that logs in and answers PING (agents.py)."""
    link, token = peer.start(m, [])
    empty = m.resident()["aditd"]
    crowd = []
    for i in range(min(AT_ONCE, n)):
        part = n // AT_ONCE + (i < n % AT_ONCE) if n >= AT_ONCE else 1
        crowd.append(stack.enter_context(Lines(
            [sys.executable, m.bench.source("agents.py"), str(link), token, "crowd%d-" % i, str(part),
             str(m.case.conns)] + (["tls"] if peer.name == "adit-tls" else []), m.bench.env)))
    for c in crowd:
        c.line(300)
    full = m.resident()["aditd"]
    with watched(m):
        before, start = m.cpu(), time.monotonic()
        time.sleep(ping_of(m.bench) * 1.1)
        spent, seconds = m.cpu() - before, time.monotonic() - start
    m.alive()
    for c in crowd:
        c.go()
    pings = [int(c.line(30).split()[1]) for c in crowd]
    if sum(pings) < n:
        raise Failed("only %d PINGs for %d sessions" % (sum(pings), n))
    each = (full - empty) / n
    return {"conns": n, "memory": full, "each": each, "cpu": spent / seconds,
            "grown": {"aditd": each}}
