# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""What Adit wants to reach, as ratios to other programs in the same run."""

import collections

HAPROXY = ("haproxy-splice", "haproxy-copy")
HIGHER = ("rate", "share", "start", "one")      # of these figures more is better, of all others less

# The figure of ours divided by that of the peer (the better one of several) in other, or in the same
# case, is at least or at most the bound.
Goal = collections.namedtuple("Goal", "case figure peers bound ours other", defaults=("adit", None))
# A figure of ours alone against the bound; program: of which one, when the figure has it for each.
Bound = collections.namedtuple("Bound", "case figure program bound text ours", defaults=("adit",))

MIB = 1 << 20


def both(cases, peers, rate, cpu, ours="adit"):
    return [g for c in cases for g in (Goal(c, "rate", peers, rate, ours),
                                       Goal(c, "cpu", peers, cpu, ours))]


GOALS = (
    both(("bulk1-up", "bulk1-down"), ("haproxy-splice",), 0.95, 1.15) +
    both(("bulk100-up", "bulk100-down"), ("haproxy-splice",), 1.0, 1.05) +
    both(("bulk1-up", "bulk1-down"), ("haproxy-copy",), 1.6, 0.67, "adit-copy") +
    both(("bulk100-up", "bulk100-down"), ("haproxy-copy",), 1.4, 0.70, "adit-copy") +
    both(("ask64x64", "ask1kx64"), HAPROXY, 1.4, 0.60) +
    both(("connect",), HAPROXY, 1.5, 0.60) +
    both(("bulk1-up", "bulk1-down"), ("haproxy-tls",), 1.2, 0.80, "adit-tls") +
    both(("bulk100-up", "bulk100-down"), ("haproxy-tls",), 1.3, 0.70, "adit-tls") +
    both(("bulk1-up", "bulk1-down"), ("ssh",), 1.0, 0.90, "adit-tls") +
    both(("bulk100-up", "bulk100-down"), ("ssh",), 3.0, 0.45, "adit-tls") +
    both(("ask64x64", "ask1kx64"), ("haproxy-tls",), 1.6, 0.55, "adit-tls") +
    both(("connect",), ("haproxy-tls",), 8.0, 0.10, "adit-tls") +
    [Goal("ask64x1", "p50", ("haproxy-splice",), 1.0),
     Goal("ask64x1", "p99", ("haproxy-splice",), 1.0),
     Goal("beside", "p99", ("adit",), 5.0, other="ask64x1"),
     Goal("beside", "p99", ("ssh",), 0.25)] +
    [Goal(case, "p50", ("adit",), 2.0, other="ask64x1") for case in ("stopped-up", "stopped-down")] +
    [Goal("long-%d" % rtt, "rate", ("direct",), 0.9) for rtt in (50, 100, 200)])

# Memory of the session with a long link: its window (session_window), and buffers.
# With a thousand streams that nobody reads: the window, 16 KiB for each stream, and 64 MiB besides.
STOPPED = (32 + 16 + 64) * MIB
BOUNDS = (
    [Bound("long-%d" % rtt, "grown", program, 34 * MIB, "bytes grown, %s" % program)
     for rtt in (50, 100, 200) for program in ("aditd", "adit")] +
    [Bound(case, "grown", program, STOPPED, "bytes grown, %s" % program)
     for case in ("stopped-up", "stopped-down") for program in ("aditd", "adit")] +
    [Bound(case, "share", None, 0.5, "smallest share of 64 streams by the largest")
     for case in ("share-up", "share-down")] +
    [Bound(case, "share", None, 0.4, "smaller share of two agents")
     for case in ("agents-up", "agents-down")] +
    [Bound("sessions", "grown", "aditd", 8192, "bytes for each session, aditd"),
     Bound("sessions", "cpu", None, 0.01, "CPU of one core, with PINGs"),
     Bound("sessions-tls", "grown", "aditd", 20480, "bytes for each session over TLS, aditd",
           "adit-tls"),
     Bound("sessions-tls", "cpu", None, 0.03, "CPU of one core, with PINGs, 5,000 sessions over TLS",
           "adit-tls"),
     Bound("idle", "grown", "aditd", 1024, "bytes for each stream, aditd"),
     Bound("idle", "grown", "adit", 1024, "bytes for each stream, adit")])

# Whom the ratios in the tables of a case refer to.
AGAINST = {"bulk": ("haproxy-splice",), "ask": HAPROXY, "fresh": HAPROXY, "beside": ("ssh",),
           "stopped": ("haproxy-splice",), "idle": ("haproxy-splice",), "long": ("direct",),
           "share": ("haproxy-splice",), "agents": (), "sessions": ()}


def better(figure, peers, medians):
    """The best value of a figure among peers; None if there is none."""
    values = [medians[p][figure] for p in peers if medians.get(p, {}).get(figure)]
    if not values:
        return None
    return max(values) if figure in HIGHER else min(values)


def compare(figure, value, bound):
    """(words, whether it is reached)"""
    if figure in HIGHER:
        return "wanted at least %g" % bound, value >= bound
    return "wanted at most %g" % bound, value <= bound


def judge_goal(g, medians):
    ours = medians.get(g.case, {}).get(g.ours, {}).get(g.figure)
    theirs = better(g.figure, g.peers, medians.get(g.other or g.case, {}))
    what = "%s: %s of %s / %s%s" % (g.case, g.figure, g.ours, " or ".join(g.peers),
                                    " in " + g.other if g.other else "")
    if not ours or not theirs:
        return what, None
    want, met = compare(g.figure, ours / theirs, g.bound)
    return "%s = %.2f, %s" % (what, ours / theirs, want), met


def judge_bound(b, medians):
    value = medians.get(b.case, {}).get(b.ours, {}).get(b.figure)
    if b.program and value is not None:
        value = value.get(b.program)
    what = "%s: %s" % (b.case, b.text)
    if value is None:
        return what, None
    want, met = compare(b.figure, value, b.bound)
    return "%s = %.*f, %s" % (what, 0 if b.bound > 10 else 3, value, want), met


def judge(medians):
    """(text, True, False or None for not measured) for each goal; medians: by case, then peer."""
    return [judge_goal(g, medians) for g in GOALS] + [judge_bound(b, medians) for b in BOUNDS]
