# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Who gets how much of the server: counted when enough has come, whatever time that takes.

The server runs with the least priority, so that it is what everybody waits for, and clients and
targets have processes of their own."""

import mmap
import os
import sys

import pytest

from harness import Program, free_port, need, until
from procfs import thread_cpu

SANITIZED = os.environ.get("sanitizers", "no") not in ("", "no")

pytestmark = [need("aditd", "adit"),
              pytest.mark.skipif(SANITIZED, reason="the processors are what is scarce then")]

MIB = 1 << 20
HERE = os.path.dirname(os.path.abspath(__file__))


class Taker(Program):
    """A running takers.py."""

    counts = None

    def got(self):
        return list(self.counts)


def take(site, agent, n):
    """n clients of the agent's tunnel."""
    path = site.path("counts-%d" % len(site.programs))
    with open(path, "w+b") as f:
        f.truncate(8 * n)
        room = mmap.mmap(f.fileno(), 8 * n)
    t = site.start("takers", [sys.executable, os.path.join(HERE, "takers.py"),
                              str(agent.public[1]), str(n), path], Taker)
    t.counts = memoryview(room).cast("Q")
    t.wait_for("taking", 20)
    return t


def bulk_agent(site, server, name):
    port = free_port()
    site.start("bulk", [sys.executable, os.path.join(HERE, "bulk.py"), str(port)]) \
        .wait_for("listening", 20)
    return site.agent(server, port, "--agent", name)


def shares(takers, n):
    """What each stream got, from the moment on when all have got something until n bytes have come
    through the one of the takers that is first."""
    until(lambda: all(c > 0 for t in takers for c in t.got()), "all have got something", 60)
    began = [t.got() for t in takers]
    until(lambda: max(sum(t.got()) - sum(b) for t, b in zip(takers, began)) >= n,
          "%d bytes come" % n, 120)
    return [[now - was for now, was in zip(t.got(), b)] for t, b in zip(takers, began)]


def least_of(server):
    for task in os.listdir("/proc/%d/task" % server.pid):
        os.setpriority(os.PRIO_PROCESS, int(task), 19)


def slow_server(site, workers, window):
    server = site.server(conf={"workers": workers}, limits={
        "stream_window": window, "stream_window_max": window, "session_window": "256MiB"})
    least_of(server)
    return server


ATTEMPTS = 3        # what else the machine does can spoil one; a scheduler that is unfair fails all


def two_agents(site, workers):
    """One with many streams and one with a single one: what each gets, and the server."""
    # The windows are not what a stream waits for, even where everybody waits for a processor.
    server = slow_server(site, workers, "4MiB")
    many = bulk_agent(site, server, "many")
    single = bulk_agent(site, server, "single")
    takers = [take(site, many, 64), take(site, single, 1)]
    for _ in range(ATTEMPTS):
        got = [sum(s) for s in shares(takers, 256 * MIB)]
        if min(got) >= 0.4 * sum(got):
            break
    for t in takers:
        t.kill()
    return got, server


def test_two_agents_of_one_worker(site):
    got, _ = two_agents(site, 1)
    assert min(got) >= 0.4 * sum(got), [n // MIB for n in got]


def test_two_agents_have_a_worker_each(site):
    """What they get is then the kernel's business, which shares the processors out."""
    got, server = two_agents(site, 2)
    spent = {name: cpu for name, cpu in thread_cpu(server).items() if name.startswith("adit-w")}
    assert len(spent) == 2 and min(spent.values()) >= 0.2 * sum(spent.values()), (got, spent)


def test_streams_of_a_session(site):
    # What is still on its way to one of them when the counting ends is little beside what came.
    server = slow_server(site, 1, "256KiB")
    taker = take(site, bulk_agent(site, server, "many"), 64)
    for _ in range(ATTEMPTS):
        got = shares([taker], 2048 * MIB)[0]
        if min(got) >= max(got) / 2:
            break
    taker.kill()
    assert min(got) >= max(got) / 2, [n // 1024 for n in got]
