# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Takeovers at random: whoever logs in last as an agent has its names, at once and alone, whatever
has become of the links before; and those are really closed.

Four agents; each step is a takeover or several at once. A plain run has 300 steps with one worker
and 300 with four, ADIT_FULL=1 a thousand each and the bound of a second. ADIT_SEED for others."""

import os
import random
import time

import pytest

from aditsession import AgentPeer, Closed, code_of
from harness import ended_by_reset, need, until
from peerworld import World
from relay import Relay

pytestmark = need("aditd")

FULL = os.environ.get("ADIT_FULL") == "1"
STEPS = 1000 if FULL else 300


def over(p):
    """Takes what is there; whether the link has ended."""
    try:
        while True:
            p.step(time.monotonic(), "more")
    except TimeoutError:
        return False
    except Closed:
        return True


class Name:
    """One agent's name, with the relay on which some of its links come, and its public port."""

    def __init__(self, w, number):
        self.w, self.name = w, "taken%d" % number
        self.relay = Relay(w.site, w.server.port)
        self.owner = self.client = self.port = None
        self.frozen = False

    def link(self, through_relay):
        p = AgentPeer(self.w.connect(self.relay.port if through_relay else self.w.server.port))
        p.through_relay = through_relay
        p.start()
        return p

    def freeze(self):
        """The owner's link is half open from now on, if the relay has it."""
        if self.owner and self.owner.through_relay:
            self.relay.tell("freeze")
            self.frozen = True

    def end(self, p):
        """A link that must be closed: p was told why."""
        if self.frozen and p.through_relay:
            self.relay.tell("thaw")
            self.frozen = False
        p.timeout = 20
        assert code_of(p.expect_close()) == "replaced", p.story()
        p.close()

    def take(self, n, relayed):
        """n logins at once; one of them has the name afterwards, and how soon is returned."""
        fresh = [self.link(relayed and not self.frozen) for _ in range(n)]
        began = time.monotonic()
        for p in fresh:
            p.auth(self.w.token, self.name)
        for p in fresh:
            p.wait_for("AUTH_OK")
        until(lambda: sum(over(p) for p in fresh) == n - 1, "all but one are replaced")
        old, self.owner = self.owner, next(p for p in fresh if not p.eof)
        self.bind(old)
        took = time.monotonic() - began
        for p in fresh:
            if p is not self.owner:
                self.end(p)
        if old:
            assert ended_by_reset(self.client)
            self.client.close()
            self.end(old)
        self.client = self.fresh
        return took

    def bind(self, old):
        """The name is the owner's: its port is the one it was, and a client gets through."""
        address = self.owner.bind(had=self.port) if self.port else self.owner.bind()
        port = int(address.rsplit(":", 1)[1])
        assert self.port in (None, port), "the port has changed"
        self.port = port
        self.fresh = self.w.client(self.owner_with_port())
        self.fresh.sendall(b"hello")
        st = self.owner.accept()
        assert self.owner.read(st.sid, 5) == b"hello"
        assert old is None or not any(f.name == "OPEN" for f in old.queue)

    def owner_with_port(self):
        self.owner.port = self.port
        return self.owner


@pytest.mark.parametrize("workers", [1, 4])
def test_takeovers(site, workers):
    seed = os.environ.get("ADIT_SEED", "4711")
    dice = random.Random("%s %d" % (seed, workers))
    server = site.server(conf={"workers": workers}, limits={"unauthenticated_per_source": 64})
    slowest = 0
    with World(site, server) as w:
        names = [Name(w, i) for i in range(4)]
        for name in names:
            name.take(1, True)
        before = server.fds() if os.geteuid() == 0 else None
        for _ in range(STEPS):
            name = dice.choice(names)
            if dice.random() < 0.5:
                name.freeze()
            slowest = max(slowest, name.take(dice.choice([1, 1, 1, 2, 4]), dice.random() < 0.7))
            assert sum(not over(n.owner) for n in names) == 4, "every agent has one session"
        if before is not None:
            server.wait_fds(before)
    print("seed %s: names usable after at most %.0f ms" % (seed, slowest * 1000))
    assert not FULL or slowest < 1
