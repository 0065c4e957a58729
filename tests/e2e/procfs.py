# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""What /proc says about a program, and starting one with fewer descriptors."""

import os
import re
import shlex
import time

from harness import command

MIB = 1 << 20


def memory(program, what="VmRSS"):
    """Bytes: VmRSS is resident now, VmHWM the most that ever was."""
    with open("/proc/%d/status" % program.pid, encoding="ascii") as f:
        return int(re.search(r"^%s:\s+(\d+) kB" % what, f.read(), re.M).group(1)) * 1024


def cpu_seconds(program):
    with open("/proc/%d/stat" % program.pid, encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def thread_cpu(program):
    """Seconds of processor time by the names of a program's threads."""
    out = {}
    for task in os.listdir("/proc/%d/task" % program.pid):
        folder = "/proc/%d/task/%s/" % (program.pid, task)
        with open(folder + "comm", encoding="ascii") as f:
            name = f.read().strip()
        with open(folder + "schedstat", encoding="ascii") as f:
            out[name] = int(f.read().split()[0]) / 1e9
    return out


def descriptors(program):
    return len(os.listdir("/proc/%d/fd" % program.pid))


def unread(port):
    """Bytes that wait in the kernel for whoever has connections at this port of 127.0.0.1."""
    with open("/proc/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f.readlines()[1:]]
    return sum(int(row[4].split(":")[1], 16) for row in rows
               if row[1] == "0100007F:%04X" % port and row[3] == "01")


def settled(ask, quiet, timeout=60.0):
    """Asks until the answer has been the same for a while, of which no event tells; returns it."""
    end = time.monotonic() + timeout
    last, since = ask(), time.monotonic()
    while time.monotonic() - since < quiet:
        now = ask()
        if now != last:
            last, since = now, time.monotonic()
        if time.monotonic() > end:
            raise TimeoutError("still moving: %r" % (last,))
        time.sleep(0.01)
    return last


def few_descriptors(monkeypatch, name, n):
    """Programs of that name are started with a limit of n descriptors from now on."""
    monkeypatch.setenv(name.upper(), shlex.join(
        ["prlimit", "--nofile=%d:%d" % (n, n)] + command(name)))
