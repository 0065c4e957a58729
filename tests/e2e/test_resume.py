# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""No stream is lost with a link: the real aditd and adit, streams of every size and every kind of
ending both ways, an ssh session that somebody types into, and a link that is cut in every way.

A plain run cuts a few times through adit-relay, once in each way over TCP. ADIT_FULL=1 cuts 200
times with 200 streams, for each transport through adit-relay and, as root, between network
namespaces; ADIT_CUTS is another number. ADIT_SEED for other moments.
"""

import os
import random
import subprocess
import threading

import pytest

from cutter import TRANSPORTS, Lane, Nets
from harness import SLOW, free_port, need
from sshtools import Sshd, Terminal
from test_integrity import PROGRAM

pytestmark = need("aditd", "adit")

FULL = os.environ.get("ADIT_FULL") == "1"
CUTS = int(os.environ.get("ADIT_CUTS", "200" if FULL else "0"))
STREAMS = 200 if FULL else 40


class Streams(threading.Thread):
    """The integrity program again and again, until stop(): it says what is wrong with a stream."""

    def __init__(self, place, port, public, dice):
        super().__init__(daemon=True)
        self.argv = [*place.near, PROGRAM, "--listen", "%s:%d" % (place.target, port),
                     "--connect", "127.0.0.1:%d" % public, "--streams", str(2 * STREAMS),
                     "--parallel", str(STREAMS), "--max-size", "8MiB" if FULL else "2MiB",
                     "--stall", str(int(60 * SLOW))]
        self.dice = dice
        self.wrong = None
        self.runs = 0
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.is_set() and self.wrong is None:
            seed = str(self.dice.randrange(1 << 32))
            done = subprocess.run(self.argv + ["--seed", seed], capture_output=True, text=True,
                                  timeout=600 * SLOW, check=False)
            self.runs += 1
            if done.returncode != 0:
                self.wrong = done.stdout + done.stderr

    def stop(self):
        self.over.set()
        self.join()
        assert self.wrong is None, self.wrong


class Typist:
    """Types into an ssh session while the link is there and while it is not."""

    def __init__(self, site, place, sshd):
        argv = sshd.ssh(place.public["ssh"], "PS1='adi''t> ' exec sh -i")
        argv.insert(1, "-tt")
        self.t = site.own(Terminal([*place.near, *argv], timeout=3600))
        self.t.expect(b"adit> ")
        self.n = 0

    def type(self):
        self.n += 1
        self.t.type(b"echo =$((%d * 7))=\n" % self.n)

    def read(self):
        self.t.expect(b"=%d=" % (7 * self.n))
        self.t.expect(b"adit> ")


def cut_and_cut(site, kind_of_place, transport, workers):
    dice = random.Random("%s %s" % (os.environ.get("ADIT_SEED", "4711"), transport))
    place = kind_of_place(site, transport, dice)
    sshd = Sshd(site, place.far)
    port = free_port()
    place.begin({"data": "%s:%d" % (place.target, port), "ssh": "127.0.0.1:%d" % sshd.port},
                workers=workers)
    typist = Typist(site, place, sshd)
    streams = Streams(place, port, place.public["data"], random.Random(4711))
    most = [0, 0]
    cuts = CUTS or (len(place.kinds) if transport == "tcp" else 3)
    for i in range(cuts):
        typist.type()
        threading.Event().wait(dice.uniform(0, 0.5))
        place.cut(place.kinds[i] if i < len(place.kinds) else dice.choice(place.kinds))
        typist.read()
        most = [max(m, p.rss()) for m, p in zip(most, (place.server, place.agent))]
        if streams.wrong:
            break
    streams.stop()
    resumed = place.server.text().count("goes on over a link")
    assert place.server.text().count("logged in from") == 1 and resumed >= cuts
    print("%s, %s: %d cuts, %d links, %d times %d streams, %d lines typed; resident at most %d and "
          "%d MiB" % (transport, kind_of_place.__name__, cuts, resumed, streams.runs, STREAMS,
                      typist.n, most[0] >> 20, most[1] >> 20))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_through_a_relay(site, transport):
    cut_and_cut(site, Lane, transport, 2)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_between_hosts(site, transport):
    """Silent loss, cables that are pulled, other addresses."""
    if not FULL:
        pytest.skip("long: with ADIT_FULL=1")
    cut_and_cut(site, Nets, transport, 4)
