# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The work that is measured."""

import collections

GIB = 1 << 30

# How a link differs from loopback: round trip in ms, bit/s (0: as fast as it goes), lost packets of
# a thousand.
Link = collections.namedtuple("Link", "rtt rate loss", defaults=(0, 0))

# kind: bulk, ask, fresh, beside, idle, long, share, agents, stopped or sessions; work: bytes in all, seconds
# or connections, without --quick and with it; limits: what Adit's configuration says besides;
# peers: who is measured, if not all; rounds: at most so many; slow: not part of --quick unless named.
Case = collections.namedtuple(
    "Case", "name kind conns size up work quick about link limits peers rounds slow",
    defaults=("", None, {}, None, None, False))

RATE = 500e6                            # of a long link, when it has one
CROWD = {"streams_per_session": 20000, "opening_per_session": 1000}
AGENTS = {"sessions": 20000, "sessions_per_account": 20000, "unauthenticated": 4000,
          "unauthenticated_per_source": 4000, "tunnels_per_account": 20000}
FAT = {"stream_window_max": "256MiB", "session_window": "512MiB"}


def long_links():
    out = []
    for rtt in (20, 50, 100, 200):
        link = Link(rtt, RATE)
        out.append(Case("long-%d" % rtt, "long", 1, 0, False, 2.0, 1.0,
                        "1 stream, %d ms there and back, 500 Mbit/s" % rtt, link, {},
                        ("direct", "adit", "ssh"), 5, rtt in (20, 100)))
    for rtt in (20, 50, 100, 200):
        out.append(Case("long16-%d" % rtt, "long", 16, 0, False, 2.0, 1.0,
                        "16 streams, %d ms there and back, 500 Mbit/s for the session" % rtt,
                        Link(rtt, RATE), {}, ("adit", "ssh"), 3, True))
    for rtt in (20, 50, 100, 200):
        out.append(Case("fat-%d" % rtt, "long", 1, 0, False, 2.0, 1.0,
                        "1 stream, %d ms there and back, as fast as it goes" % rtt, Link(rtt),
                        FAT, ("direct", "adit"), 3, rtt != 50))
    for name, loss, text in (("loss-0.1", 1, "0.1"), ("loss-1", 10, "1")):
        out.append(Case(name, "long", 1, 0, False, 2.0, 1.0,
                        "1 stream, 50 ms there and back, 500 Mbit/s, %s %% of packets lost" % text,
                        Link(50, RATE, loss), {}, ("direct", "adit"), 3, True))
    return out


CASES = [
    Case("bulk1-up", "bulk", 1, 0, True, 2 * GIB, GIB // 2, "1 stream, client to target"),
    Case("bulk1-down", "bulk", 1, 0, False, 2 * GIB, GIB // 2, "1 stream, target to client"),
    Case("bulk100-up", "bulk", 100, 0, True, 2 * GIB, GIB // 2, "100 streams, client to target"),
    Case("bulk100-down", "bulk", 100, 0, False, 2 * GIB, GIB // 2, "100 streams, target to client"),
    Case("ask64x1", "ask", 1, 64, None, 1.0, 0.4, "64 bytes there and back, 1 connection"),
    Case("ask64x64", "ask", 64, 64, None, 1.0, 0.4, "64 bytes there and back, 64 connections"),
    Case("ask1kx1", "ask", 1, 1024, None, 1.0, 0.4, "1 KiB there and back, 1 connection"),
    Case("ask1kx64", "ask", 64, 1024, None, 1.0, 0.4, "1 KiB there and back, 64 connections"),
    Case("connect", "fresh", 64, 64, None, 1.0, 0.4,
         "a new connection for each 64 bytes there and back, 64 at a time"),
    Case("beside", "beside", 1, 64, None, 1.0, 0.4,
         "64 bytes there and back, 1 connection, beside one stream as fast as it goes"),
    Case("share-up", "share", 64, 0, True, 2.0, 0.5, "64 streams, client to target", rounds=3,
         peers=("direct", "adit", "adit-copy", "haproxy-splice", "ssh")),
    Case("share-down", "share", 64, 0, False, 2.0, 0.5, "64 streams, target to client", rounds=3,
         peers=("direct", "adit", "adit-copy", "haproxy-splice", "ssh")),
    Case("agents-up", "agents", 64, 0, True, 2.0, 0.5,
         "two agents of one server, 64 streams against 1, client to target", rounds=3,
         peers=("adit", "adit-copy")),
    Case("agents-down", "agents", 64, 0, False, 2.0, 0.5,
         "two agents of one server, 64 streams against 1, target to client", rounds=3,
         peers=("adit", "adit-copy")),
    Case("stopped-up", "stopped", 1000, 64, True, 2.0, 1.0,
         "64 bytes there and back, 1 connection, beside 1,000 streams that the target does not read",
         rounds=3, peers=("adit", "adit-copy", "haproxy-splice")),
    Case("stopped-down", "stopped", 1000, 64, False, 2.0, 1.0,
         "64 bytes there and back, 1 connection, beside 1,000 streams that the client does not read",
         rounds=3, peers=("adit", "adit-copy", "haproxy-splice")),
    *long_links(),
    Case("idle", "idle", 0, 0, None, 10000, 1000, "connections that do nothing", limits=CROWD,
         rounds=1),
    Case("sessions", "sessions", 0, 0, None, 10000, 500, "agents that do nothing, without a tunnel",
         limits=AGENTS, peers=("adit",), rounds=1),
    Case("sessions-tls", "sessions", 0, 0, None, 5000, 250, "agents over TLS that do nothing",
         limits=AGENTS, peers=("adit-tls",), rounds=1),
    Case("tunnels", "sessions", 1, 0, None, 5000, 250, "agents that do nothing, with a tunnel each",
         limits=AGENTS, peers=("adit",), rounds=1, slow=True),
]


def arguments(case, amount, conns=None):
    """What adit-load client is told."""
    conns = conns or case.conns
    if case.kind == "idle":
        return ["--conns", str(int(amount)), "--times", "1"]
    args = ["--conns", str(conns)]
    if case.kind == "bulk":
        each = str(max(64, int(amount) // conns))
        return args + ["--times", "1", "--send" if case.up else "--get", each,
                       "--get" if case.up else "--send", "64"]
    args += ["--seconds", "%.6f" % amount]
    if case.kind in ("long", "share", "agents"):
        return args + ["--flood", "up" if case.up else "down", "--warm", "%.6f" % warm(case)]
    args += ["--send", str(case.size), "--get", str(case.size)]
    if case.kind == "fresh":
        args.append("--fresh")
    if case.kind == "stopped":
        args[1] = "1"
        args += ["--stopped-up" if case.up else "--stopped-down", str(case.conns),
                 "--warm", "%.6f" % amount]
    if case.kind == "beside":
        args += ["--bulk", "1"]
    return args


def warm(case):
    """Seconds until a flood is counted: a dozen round trips, in which windows grow."""
    return 0.5 + 12 * case.link.rtt / 1000 if case.link else 0.5
