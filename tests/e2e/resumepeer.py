# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Agents and servers in Python whose sessions go on over other links: they keep what they have sent."""

import os
import time

from aditsession import AgentPeer, Closed, ServerPeer
from aditwire import CODES, NOT_NUMBERED, RESUME, raw_frame
from peerworld import World

LOGGED_IN = ("AUTHENTICATED", "BOUND", "FORWARDING", "DRAINING")


class Keeper:
    """For a Peer: what was sent, and how it goes on over another link."""

    kept = b""                          # every numbered byte that was sent

    def _note_sent(self, f):
        super()._note_sent(f)
        if self.m.state in LOGGED_IN and f.name not in NOT_NUMBERED:
            self.kept += raw_frame(f.type, f.sid, f.payload)

    def take(self, fresh, got):
        """Its link; the peer has got so much."""
        assert self.m.acked_in <= got <= len(self.kept), self.story()
        self.sock.close()
        self.sock, self.inbuf, self.eof = fresh.sock, fresh.inbuf, None
        self.log += fresh.log
        self.m.another_link(fresh.m)
        self.send_bytes(self.kept[got:])


class ResumePeer(Keeper, AgentPeer):
    """As AgentPeer, but .resume() goes on over another link."""

    def __init__(self, sock, **options):
        super().__init__(sock, features=RESUME, **options)

    def login(self, token, name="peer"):
        self.start()
        values = self.auth(token, name)
        ok = self.expect("AUTH_OK")
        assert ok["data"] == values.server_proof
        self.session = ok.fields
        return ok

    def ask(self, sock, secret=None, session=None, received=None):
        """RESUME on a link of its own; returns that, before its answer."""
        fresh = ResumePeer(sock, timeout=self.timeout)
        fresh.start()
        fresh.send("RESUME", session=self.session["session"] if session is None else session,
                   secret=secret or self.session["resume"][4:],
                   received=self.m.in_seq if received is None else received)
        return fresh

    def go_on(self, fresh):
        """Takes the link over which the server has said, or will say, RESUME_OK."""
        self.take(fresh, fresh.expect("RESUME_OK")["received"])

    def resume(self, sock):
        self.go_on(self.ask(sock))


class ResumeServer(Keeper, ServerPeer):
    """As ServerPeer, but sessions can be resumed: for so many ms."""

    def __init__(self, sock, tokens=(), grant=60000, **options):
        super().__init__(sock, tokens, features=RESUME, **options)
        self.grant = grant.to_bytes(4, "big") + os.urandom(32)

    def login(self, account="acme", expires_ms=0):
        self.start()
        return self.let_in(account, expires_ms)

    def let_in(self, account="acme", expires_ms=0):
        f, values, good = self.check_auth()
        assert good
        self.session = {"session": 7, "account": account, "agent": f["agent"]}
        self.send("AUTH_OK", data=values.server_proof, resume=self.grant, expires_ms=expires_ms,
                  **self.session)
        return f

    def asked(self, old):
        """A fresh link: the agent wants to go on with old; returns how much of that it has got."""
        self.start()
        f = self.expect("RESUME")
        assert (f["session"], f["secret"]) == (old.session["session"], old.grant[4:])
        return f["received"]

    def resume(self, fresh):
        got = fresh.asked(self)
        fresh.send("RESUME_OK", received=self.m.in_seq)
        self.take(fresh, got)

    def give_up(self, fresh):
        """The session is over; the agent logs in on the same link."""
        fresh.asked(self)
        fresh.send("RESUME_FAIL", code=CODES["no_session"], text="the session is over")
        fresh.let_in()


def over(p):
    """Takes what is there; whether the link has ended."""
    try:
        while True:
            p.step(time.monotonic(), "more")
    except TimeoutError:
        return False
    except Closed:
        return True


class ResumeWorld(World):
    """World for such agents."""

    def link(self, kind=ResumePeer, **options):
        return super().link(kind, **options)
