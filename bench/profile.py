# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Where aditd and adit spend their time while a case is measured: by perf, which sees the kernel, too,
or by callgrind, which counts their own instructions and slows them down thirty times.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from callgrind import self_costs, valgrind
from middle import Failed

TOP = 10
CASES = ["bulk1-down", "bulk100-down", "ask64x64", "connect"]


def programs(m):
    return [p.pid for name, p in m.programs if name.startswith("adit")]


class Perf:
    """with profiler.around(m): work; then lines()"""

    ABOUT = "By perf, of the time of aditd and adit while they work, the kernel's for them included."

    def __init__(self, _build):
        if not shutil.which("perf"):
            raise Failed("perf is not installed (linux-perf)")
        self.found = {}

    def prepare(self, m):
        pass

    def around(self, m):
        return Recording(self, m)

    def lines(self, case):
        return self.found.get(case, [])


class Recording:
    def __init__(self, profiler, m):
        self.profiler, self.m = profiler, m
        self.path = m.path("perf.data")

    def __enter__(self):
        argv = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "4000", "-o", self.path,
                "-p", ",".join(map(str, programs(self.m)))]
        self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 10
        while not (os.path.exists(self.path) and os.path.getsize(self.path)):
            if self.proc.poll() is not None or time.monotonic() > end:
                raise Failed("perf: %s" % self.proc.stderr.read().strip())
            time.sleep(0.01)

    def __exit__(self, kind, *exc):
        self.proc.send_signal(signal.SIGINT)
        self.proc.wait()
        self.proc.stderr.close()
        if kind is None:
            self.profiler.found[self.m.case.name] = self.report()

    def report(self):
        done = subprocess.run(["perf", "report", "-i", self.path, "--stdio", "--no-children", "-q",
                               "--sort", "symbol,dso"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=120)
        out, whole = [], {}
        for line in done.stdout.splitlines():
            found = re.match(r"\s*([\d.]+)%\s+\[(.)\]\s+(\S+)\s+(\S+)", line)
            if found:
                share, where, name, dso = found.groups()
                place = "kernel" if where == "k" else os.path.basename(dso)
                out.append((float(share) / 100, name, place))
                whole[place] = whole.get(place, 0) + float(share) / 100
        return out[:TOP] + [(share, "(all)", place) for place, share in
                            sorted(whole.items(), key=lambda item: -item[1]) if share > 0.01]


class Callgrind:
    """The same; valgrind stands in for the program, and counts from the start of the work."""

    ABOUT = "By callgrind, of the instructions of aditd and adit themselves; the kernel's are not seen."

    def __init__(self, build):
        self.build = build
        self.folder = tempfile.TemporaryDirectory(prefix="adit-bench-")
        self.found = {}

    def prepare(self, m):
        """m.adit_run becomes a script that starts the programs under valgrind."""
        words = valgrind(os.path.join(self.folder.name, m.case.name + ".%p"), "--instr-atstart=no")
        m.adit_run = m.write("run", """#!/bin/sh
p=$1; shift
case "$1" in run | -c) exec %(b)s/libtool --mode=execute %(v)s %(b)s/$p --plugin-dir %(b)s/plugins/built "$@" ;; esac
exec %(b)s/run $p "$@"
""" % {"b": self.build, "v": " ".join(words)})
        os.chmod(m.adit_run, 0o700)

    def around(self, m):
        return Counting(m)

    def lines(self, case):
        sums, whole = {}, 0
        for name in os.listdir(self.folder.name):
            if not name.startswith(case + "."):
                continue
            for (file, function), n in self_costs(os.path.join(self.folder.name, name)).items():
                key = function.partition("'")[0], os.path.basename(file)
                sums[key] = sums.get(key, 0) + n
                whole += n
        top = sorted(sums.items(), key=lambda item: -item[1])[:TOP]
        return [(n / whole, function, file) for (function, file), n in top]


class Counting:
    def __init__(self, m):
        self.m = m

    def __enter__(self):
        for pid in programs(self.m):
            done = subprocess.run(["callgrind_control", "-i", "on", str(pid)], text=True,
                                  stdin=subprocess.DEVNULL, capture_output=True, check=False,
                                  timeout=60)
            if done.returncode or "OK" not in done.stdout:
                raise Failed("callgrind_control: %s" % (done.stdout + done.stderr).strip())

    def __exit__(self, *exc):
        pass


KINDS = {"perf": Perf, "callgrind": Callgrind}


def text(profiler, cases):
    """The costliest functions of each case."""
    out = ["", profiler.ABOUT]
    for case in cases:
        lines = profiler.lines(case.name)
        if lines:
            out += ["", "%s: %s, aditd and adit together" % (case.name, case.about)]
            out += ["  %5.1f %%  %-32s  %s" % (100 * share, name, where)
                    for share, name, where in lines]
    return "\n".join(out) + "\n"
