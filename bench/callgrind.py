# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Instructions instead of seconds: valgrind counts the same number in every run, on a busy machine too.

What core/ does for one request, frame, stream or PING of fixed work (adit-frames.c) is held against
frames.bounds.
"""

import collections
import os
import re
import shutil
import subprocess
import tempfile

from middle import Failed

WORKS = [                               # name, how often, what one is
    ("request", 6400, "64 bytes there and back, 64 streams at a time"),
    ("alone", 2000, "64 bytes there and back, one at a time"),
    ("frame", 2000, "a frame of 16 KiB"),
    ("open", 2000, "a stream for 64 bytes there and back"),
    ("ping", 500, "10 s of silence in a session with 64 streams"),
    ("alone-kept", 2000, "alone, in a session that can resume"),
    ("frame-kept", 2000, "frame, in such a session"),
    ("ping-kept", 500, "ping, in such a session"),
]
HEADROOM = 1.1
BOUNDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "frames.bounds")


def valgrind(out, *more):
    path = shutil.which("valgrind")
    if not path:
        raise Failed("valgrind is not installed")
    return [path, "-q", "--tool=callgrind", "--callgrind-out-file=" + out, *more]


class Names:
    """callgrind writes a name once, as "(7) name", and "(7)" from then on."""

    def __init__(self):
        self.known = {}

    def __call__(self, text):
        number, _, name = text.partition(" ")
        if name:
            self.known[number] = name
        return self.known.get(number, text)


def self_costs(path):
    """{(file, function): instructions of its own} of a callgrind.out."""
    costs = collections.Counter()
    files, functions = Names(), Names()
    where, called = ["", ""], False
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            key, equals, value = line.rstrip("\n").partition("=")
            if equals and key in ("fl", "fi", "fe"):
                where[0] = files(value)
            elif equals and key == "fn":
                where[1] = functions(value)
            elif equals and key in ("cfi", "cfl"):
                files(value)
            elif equals and key == "cfn":
                functions(value)
            elif equals and key == "calls":
                called = True           # the next line is what was called, not its own
            elif re.match(r"[+*-]?\d*\s+\d", line):
                if not called:
                    costs[tuple(where)] += int(line.split()[1])
                called = False
    return costs


def of_core(costs):
    return sum(n for (file, _), n in costs.items() if "/core/" in "/" + file)


def count(bench, program, name, times):
    """Instructions of core/ for one piece of work."""
    with tempfile.TemporaryDirectory(prefix="adit-bench-") as folder:
        out = os.path.join(folder, "out")
        argv = valgrind(out, "--collect-atstart=no", "--toggle-collect=work", program, name, str(times))
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=bench.env, check=False, timeout=300)
        if done.returncode:
            raise Failed("%s: %s" % (" ".join(argv[:2]), done.stderr.strip()))
        found = of_core(self_costs(out))
    if found == 0:
        raise Failed("nothing of core/ was counted: is it built with -g?")
    return found / times


def read_bounds():
    with open(BOUNDS, encoding="ascii") as f:
        return {name: int(n) for name, n in (line.split() for line in f if line[0] != "#")}


def frames(bench, program, renew):
    """(a table, whether all bounds are kept)"""
    bounds = {} if renew else read_bounds()
    lines, kept = ["instructions in core/, both ends together",
                   "  %-10s  %8s  %8s" % ("", "now", "at most")], True
    for name, times, about in WORKS:
        found = count(bench, program, name, times)
        most = bounds.setdefault(name, round(found * HEADROOM))
        kept = kept and found <= most
        lines.append("  %-10s  %8.0f  %8d  %s%s" % (name, found, most, about,
                                                 "" if found <= most else "  TOO MANY"))
    if renew:
        with open(BOUNDS, "w", encoding="ascii") as f:
            f.write("# Instructions at most for each piece of work: bench/run --callgrind renew\n")
            f.writelines("%s %d\n" % (name, bounds[name]) for name, _, _ in WORKS)
    return "\n".join(lines) + "\n", kept
