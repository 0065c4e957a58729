# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""What Adit wants to reach, as ratios to other programs in the same run."""

import collections

HAPROXY = ("haproxy-splice", "haproxy-copy")
HIGHER = ("rate",)                      # of these figures more is better, of all others less

# The figure of adit divided by that of the peer (the better one of several) in other, or in the same
# case, is at least (rate) or at most (all others) the bound.
Goal = collections.namedtuple("Goal", "case figure peers bound other", defaults=(None,))
# A figure of adit alone, at most the bound.
Bound = collections.namedtuple("Bound", "case figure program bound unit")


def both(cases, peers, rate, cpu):
    return [g for c in cases for g in (Goal(c, "rate", peers, rate), Goal(c, "cpu", peers, cpu))]


GOALS = (
    both(("bulk1-up", "bulk1-down"), ("haproxy-splice",), 0.95, 1.15) +
    both(("bulk100-up", "bulk100-down"), ("haproxy-splice",), 1.0, 1.05) +
    both(("bulk1-up", "bulk1-down"), ("haproxy-copy",), 1.6, 0.67) +
    both(("bulk100-up", "bulk100-down"), ("haproxy-copy",), 1.4, 0.70) +
    both(("ask64x64", "ask1kx64"), HAPROXY, 1.4, 0.60) +
    both(("connect",), HAPROXY, 1.5, 0.60) +
    [Goal("ask64x1", "p50", ("haproxy-splice",), 1.0),
     Goal("ask64x1", "p99", ("haproxy-splice",), 1.0),
     Goal("beside", "p99", ("adit",), 5.0, "ask64x1"),
     Goal("beside", "p99", ("ssh",), 0.25)])

BOUNDS = [Bound("idle", "grown", "aditd", 1024, "bytes for each stream"),
          Bound("idle", "grown", "adit", 1024, "bytes for each stream")]

UNMEASURED = (
    "the rows for TLS: there is no TLS transport yet",
    "bulk over a link with 50, 100 and 200 ms delay: the bench has no delay relay yet",
    "bytes for each idle session: the bench has no crowd of agents yet",
    "splicing and copying apart: there is one data path, which copies; both pairs of bulk goals are "
    "compared with it",
)

# Whom the ratios in the tables of a case refer to.
AGAINST = {"bulk": ("haproxy-splice",), "ask": HAPROXY, "fresh": HAPROXY,
           "beside": ("ssh",), "idle": ("haproxy-splice",)}


def better(figure, peers, medians):
    """The best value of a figure among peers; None if there is none."""
    values = [medians[p][figure] for p in peers if medians.get(p, {}).get(figure)]
    if not values:
        return None
    return max(values) if figure in HIGHER else min(values)


def judge(medians):
    """(text, True, False or None for not measured) for each goal; medians: by case, then peer."""
    out = []
    for g in GOALS:
        ours = medians.get(g.case, {}).get("adit", {}).get(g.figure)
        theirs = better(g.figure, g.peers, medians.get(g.other or g.case, {}))
        more = g.figure in HIGHER
        what = "%s: %s / %s%s" % (g.case, g.figure, " or ".join(g.peers),
                                  " in " + g.other if g.other else "")
        want = "at least" if more else "at most"
        if not ours or not theirs:
            out.append((what, None))
        else:
            ratio = ours / theirs
            out.append(("%s = %.2f, wanted %s %s" % (what, ratio, want, g.bound),
                        ratio >= g.bound if more else ratio <= g.bound))
    for b in BOUNDS:
        ours = medians.get(b.case, {}).get("adit", {}).get(b.figure, {}).get(b.program)
        what = "%s: %s, %s" % (b.case, b.program, b.unit)
        out.append((what, None) if ours is None else
                   ("%s = %.0f, wanted at most %d" % (what, ours, b.bound), ours <= b.bound))
    return out
