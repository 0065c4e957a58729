# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Streams that nobody reads: others go on, and memory stays inside the session's budget."""

import os
import select
import sys
import threading
import time

import pytest

from harness import SLOW, free_port, need, read_to_end
from procfs import MIB, memory, settled

pytestmark = need("aditd", "adit")

SANITIZED = os.environ.get("sanitizers", "no") not in ("", "no")
OTHERS = 50
BULK = 2 * MIB
STALLED = 64 * MIB              # more than all windows and socket buffers together
WINDOW = 16 * MIB               # session_window
FLOOR = 16 * 1024               # what each stream has besides
QUIET = 0.5                     # seconds in which nothing is taken: then it is stalled
SLACK = 12 * MIB                # code that is touched, pools, what malloc keeps


def bulk_target(site):
    port = free_port()
    here = os.path.dirname(os.path.abspath(__file__))
    site.start("bulk", [sys.executable, os.path.join(here, "bulk.py"), str(port)]) \
        .wait_for("listening", 20)
    return port


class World:
    def __init__(self, site):
        self.site = site
        self.target = bulk_target(site)
        self.server = site.server(limits={"session_window": "16MiB"})
        self.agent = site.agent(self.server, self.target)
        self.public = self.agent.public
        self.bulk(4)            # code and pools are there
        self.before = [memory(p) for p in (self.server, self.agent)]

    def ask(self, line, rcvbuf=None):
        sock = self.site.connect(self.public, 60, rcvbuf)
        sock.sendall(line)
        return sock

    def sent(self):
        """Bytes that the target has got rid of."""
        with self.site.connect(self.target) as sock:
            sock.sendall(b"sent\n")
            return int(read_to_end(sock))

    def download(self, results):
        room, n = bytearray(1 << 18), 0
        with self.ask(b"send %d\n" % BULK) as sock:
            while True:
                got = sock.recv_into(room)
                if got == 0:
                    break
                n += got
        results.append(n)

    def upload(self, results):
        with self.ask(b"take %d\n" % BULK) as sock:
            sock.sendall(bytes(BULK))
            results.append(BULK if read_to_end(sock) == b"taken\n" else 0)

    def bulk(self, n=OTHERS):
        """n streams at once, every other one up; returns how long it took."""
        results = []
        threads = [threading.Thread(target=self.upload if i % 2 else self.download,
                                    args=(results,)) for i in range(n)]
        begin = time.monotonic()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert results == [BULK] * n
        return time.monotonic() - begin

    def stalled_downloads(self, n):
        """The clients never read."""
        before = self.sent()
        socks = [self.ask(b"send %d\n" % STALLED, rcvbuf=4096) for _ in range(n)]
        assert 0 < settled(self.sent, QUIET) - before < n * STALLED
        return socks

    def stalled_uploads(self, n):
        """The target never reads; the clients send until nothing is taken any more."""
        socks = [self.ask(b"hold\n") for _ in range(n)]
        total, data = 0, bytes(1 << 18)
        end = time.monotonic() + 60 * SLOW
        for sock in socks:
            sock.setblocking(False)
        while True:
            ready = select.select([], socks, [], QUIET)[1]
            if not ready:
                break
            assert time.monotonic() < end, "bytes are taken for ever"
            for sock in ready:
                total += sock.send(data)
        assert 0 < total < n * STALLED
        return socks

    def check_memory(self, streams):
        if SANITIZED:
            return
        budget = WINDOW + streams * FLOOR + SLACK
        for p, before in zip((self.server, self.agent), self.before):
            grown = memory(p, "VmHWM") - before
            print("%s: %.1f MiB more at most, %d streams" % (p.name, grown / MIB, streams))
            assert grown < budget, "%s has grown by %d bytes" % (p.name, grown)


@pytest.fixture
def world(site):
    return World(site)


@pytest.mark.parametrize("stall", [World.stalled_downloads, World.stalled_uploads])
def test_one_stalled_stream_does_not_slow_others(world, stall):
    """Rounds without and with it take turns; the best of each are compared."""
    free, beside = [], []
    for _ in range(4):
        free.append(world.bulk())
        stuck, = stall(world, 1)
        beside.append(world.bulk())
        stuck.close()
    print("%d streams of %d bytes: %.2f s alone, %.2f s beside a stalled one" % (
        OTHERS, BULK, min(free), min(beside)))
    assert min(beside) < 3 * min(free) + 0.2
    world.check_memory(OTHERS + 1)


@pytest.mark.parametrize("stall", [World.stalled_downloads, World.stalled_uploads])
def test_many_stalled_streams_stay_inside_the_budget(world, stall):
    """Together they hold the session's window at most; the floor of the others is sure."""
    socks = stall(world, 60)
    print("%d others in %.2f s beside 60 stalled ones" % (OTHERS, world.bulk()))
    world.check_memory(OTHERS + 60)
    if stall is World.stalled_downloads:
        for sock in socks[1:]:
            sock.close()
        assert len(read_to_end(socks[0])) == STALLED, "the stalled one goes on where it was"
