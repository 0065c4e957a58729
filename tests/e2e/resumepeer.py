# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""An agent in Python whose session goes on over other links: it keeps what it has sent."""

import time

from aditsession import AgentPeer, Closed
from aditwire import NOT_NUMBERED, RESUME, raw_frame
from peerworld import World

LOGGED_IN = ("AUTHENTICATED", "BOUND", "FORWARDING", "DRAINING")


class ResumePeer(AgentPeer):
    """As AgentPeer, but .resume() goes on over another link."""

    def __init__(self, sock, **options):
        self.kept = b""                 # every numbered byte that was sent
        super().__init__(sock, features=RESUME, **options)

    def _note_sent(self, f):
        super()._note_sent(f)
        if self.m.state in LOGGED_IN and f.name not in NOT_NUMBERED:
            self.kept += raw_frame(f.type, f.sid, f.payload)

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
        got = fresh.expect("RESUME_OK")["received"]
        assert self.m.acked_in <= got <= len(self.kept), self.story()
        self.sock.close()
        self.sock, self.inbuf, self.eof = fresh.sock, fresh.inbuf, None
        self.log += fresh.log
        self.send_bytes(self.kept[got:])

    def resume(self, sock):
        self.go_on(self.ask(sock))


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
