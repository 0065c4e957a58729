# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The real aditd and agents in Python whose links break: their sessions go on over others, on
whatever worker those arrive, and nobody else gets hold of one."""

import random
import signal
import socket
import threading
import time

import pytest

from aditsession import Closed
from aditwire import CODES
from harness import ended_by_reset, need, read_exactly, read_to_end, reset, until
from resumepeer import ResumeWorld, over

pytestmark = need("aditd")
KIB = 1024


class World(ResumeWorld):
    """A server of so many workers, with such limits."""

    def __init__(self, site, workers=None, **limits):
        conf = {"workers": workers} if workers else {}
        super().__init__(site, site.server(conf=conf, limits=limits))

    def resume(self, p):
        p.resume(self.connect(self.server.port))

    def ask(self, p, **what):
        return p.ask(self.connect(self.server.port), **what)

    def lose(self, p):
        """The link breaks; returns when the server knows."""
        mark = self.server.mark()
        p.abort()
        self.server.wait_for("lost its link: .*; it waits", after=mark)


def echo_over(p, st, c, data):
    """data from the client to the agent and back."""
    c.sendall(data)
    assert p.read(st.sid, len(data)) == data
    p.send_data(st.sid, data)
    assert read_exactly(c, len(data)) == data


@pytest.mark.parametrize("workers", [1, 4])
def test_streams_go_on(site, workers):
    """Links that break at any byte, while both ends have said more."""
    dice = random.Random(workers)
    with World(site, workers) as w:
        p = w.bound()
        streams = [w.stream(p) for _ in range(4)]
        said = [bytearray() for _ in streams]
        heard = [bytearray() for _ in streams]
        for _ in range(12):
            begun = len(p.kept)
            for i, (c, st) in enumerate(streams):
                said[i] += (data := dice.randbytes(dice.randrange(1, 12 * KIB)))
                c.sendall(data)
                heard[i] += (data := dice.randbytes(dice.randrange(1, 12 * KIB)))
                p.make("DATA", st.sid, bytes=data)
            p.send_bytes(p.kept[begun:begun + dice.randrange(len(p.kept) - begun)])
            w.lose(p)
            w.resume(p)
        for i, (c, st) in enumerate(streams):
            assert p.read(st.sid, len(said[i])) == said[i]
            assert read_exactly(c, len(heard[i])) == heard[i]
            echo_over(p, st, c, b"x" * 100 * KIB)


def test_clients_meanwhile(site):
    """Those who come wait, those who go are gone, and what is ended stays ended."""
    with World(site) as w:
        p = w.bound()
        (a, sa), (b, sb), (c, sc) = w.stream(p), w.stream(p), w.stream(p)
        w.lose(p)
        late, gone = w.client(p), w.client(p)
        late.sendall(b"waits")
        gone.close()
        a.sendall(b"last")
        a.shutdown(socket.SHUT_WR)
        reset(b)
        w.resume(p)
        assert p.read_end(sa.sid) == (b"last", "fin")
        assert p.read_end(sb.sid)[1] == "reset"
        p.until(lambda: any(s.data for s in p.m.streams.values()), "what the one has said")
        st = next(s for s in p.m.streams.values() if s.data)
        assert p.read(st.sid, 5) == b"waits"
        p.send("OPEN_OK", st.sid)       # of the other one we need not even have heard
        echo_over(p, st, late, b"x" * 100 * KIB)
        echo_over(p, sc, c, b"y" * 100 * KIB)
        p.send("FIN", sa.sid)
        assert read_to_end(a) == b""


def test_late_clients_wait_as_long(site):
    """open_timeout begins when a client comes, whenever the session last heard of the time."""
    with World(site, open_timeout="100ms", ping_interval="100s", dead_after="200s") as w:
        p = w.bound()
        w.lose(p)
        assert ended_by_reset(w.client(p))      # who comes at once waits as long as another
        begun = time.monotonic()
        late = w.client(p)
        assert ended_by_reset(late)
        assert time.monotonic() - begun > 2


@pytest.mark.parametrize("workers", [1, 4])
def test_while_the_old_link_lives(site, workers):
    """From another address, too: as a host that has changed its network."""
    with World(site, workers) as w:
        p = w.bound()
        c, st = w.stream(p)
        old = p.sock.dup()
        sock = site.own(socket.create_connection(("127.0.0.1", w.server.port),
                                                 source_address=("127.0.0.2", 0)))
        p.resume(sock)
        echo_over(p, st, c, b"x" * KIB)
        old.setblocking(True)
        old.settimeout(p.timeout)
        ended_by_reset(old)             # or cleanly: it has ended, that is
        old.close()
        w.server.wait_for(r"goes on over a link from 127\.0\.0\.2:\d+ in place of the one it had")
        w.lose(p)
        w.resume(p)
        echo_over(p, st, c, b"y" * KIB)
        w.server.wait_for(r"goes on over a link from 127\.0\.0\.1:\d+, after \S+ .*without one")


@pytest.mark.parametrize("workers", [1, 4])
def test_many_at_once(site, workers):
    """Of the links that ask for the same session one has it at last, and the others are closed."""
    with World(site, workers) as w:
        p = w.bound()
        c, st = w.stream(p)
        for _ in range(10):
            w.lose(p)
            asked = [w.ask(p) for _ in range(4)]
            until(lambda: sum(over(q) for q in asked) == 3, "three of four are closed")
            fresh = next(q for q in asked if not q.eof)
            p.go_on(fresh)
            echo_over(p, st, c, b"x" * KIB)


def test_wrong_secrets(site):
    with World(site, fail_penalty="5s", penalty_from="15s") as w:
        p = w.bound()
        c, st = w.stream(p)
        wrong = bytes(32)
        for i in range(2):
            q = w.ask(p, secret=wrong)
            assert q.expect("RESUME_FAIL")["code"] == CODES["no_session"]
            q.send("RESUME", session=p.session["session"], secret=p.session["resume"][4:],
                   received=0)
            q.expect_close("protocol")          # one guess for each link
            w.server.wait_for("not the secret of session")
        w.server.wait_for(r"address 127\.0\.0\.1 is refused")
        echo_over(p, st, c, b"x" * KIB)


def test_sessions_that_are_gone(site):
    """The agent is told, and logs in over the same link; that is no failed login."""
    with World(site, fail_penalty="5s", penalty_from="0s") as w:
        p = w.bound()
        for session in (4711, p.session["session"] ^ 1):
            q = w.ask(p, session=session)
            assert q.expect("RESUME_FAIL")["code"] == CODES["no_session"]
            q.auth(w.token, "other")
            q.expect("AUTH_OK")
            q.close()
        w.resume(p)
        w.stream(p)


@pytest.mark.parametrize("received", [1 << 40, 0])
def test_claims_that_cannot_be(site, received):
    """More than was sent, or less than was acknowledged: that link is closed, and no more."""
    with World(site) as w:
        p = w.bound()
        c, st = w.stream(p)
        p.send("ACK", received=p.m.in_seq)
        p.ping()
        w.lose(p)
        w.ask(p, received=received).expect_close()
        w.server.wait_for("has received what cannot be")
        w.resume(p)
        echo_over(p, st, c, b"x" * KIB)


@pytest.mark.parametrize("resume_for", ["500ms", "0s"])
def test_nobody_comes_back(site, resume_for):
    with World(site, resume_for=resume_for) as w:
        p = w.bound()
        c, _ = w.stream(p)
        assert len(p.session["resume"]) == (0 if resume_for == "0s" else 36)
        p.abort()
        late = w.client(p) if resume_for != "0s" else None
        assert ended_by_reset(c)
        if late:
            assert ended_by_reset(late)
            w.server.wait_for("the link was lost and did not come back")
            q = w.ask(p)
            assert q.expect("RESUME_FAIL")["code"] == CODES["no_session"]
            q.close()
        q = w.link()
        q.login(w.token, p.session["agent"])
        assert q.bind() == p.address            # it has waited for its agent


def test_taken_over(site):
    """A login of the same agent does not wait for the one that has lost its link."""
    with World(site) as w:
        p = w.link()
        p.login(w.token, "same")
        p.port = int(p.bind().rsplit(":", 1)[1])
        c, _ = w.stream(p)
        w.lose(p)
        q = w.link()
        q.login(w.token, "same")
        assert ended_by_reset(c)
        q.port = int(q.bind(had=p.port).rsplit(":", 1)[1])
        assert q.port == p.port
        c, st = w.stream(q)
        assert w.ask(p).expect("RESUME_FAIL")["code"] == CODES["no_session"]
        echo_over(q, st, c, b"x" * KIB)


@pytest.mark.parametrize("workers", [1, 4])
def test_silence(site, workers):
    """A link that says nothing is lost like one that breaks; what it still brings is not heard."""
    with World(site, workers, ping_interval="500ms", dead_after="2s") as w:
        p = w.bound()
        c, st = w.stream(p)
        w.server.wait_for("lost its link: nothing (heard|was acknowledged) for too long")
        c.sendall(b"hello")
        for _ in range(5):              # we may be slow, too
            w.resume(p)
            try:
                assert p.read(st.sid, 5) == b"hello"
                break
            except Closed:
                pass
        echo_over(p, st, c, b"x" * KIB)


@pytest.mark.parametrize("workers", [1, 4])
def test_reload_and_drain(site, workers):
    with World(site, workers, drain_for="60s") as w:
        p, q = w.bound(), w.bound()
        c, st = w.stream(p)
        w.lose(p)
        for _ in range(3):
            mark = w.server.mark()
            w.server.signal(signal.SIGHUP)
            w.server.wait_for("configuration reloaded", after=mark)
            w.resume(p)
            echo_over(p, st, c, b"x" * KIB)
            w.lose(p)
        d, _ = w.stream(q)
        w.server.signal(signal.SIGTERM)
        assert ended_by_reset(c)        # it cannot come back: nobody listens
        q.wait_for("GOAWAY")
        q.abort()
        assert ended_by_reset(d)
        assert w.server.wait() == 0


def test_limits(site):
    """Who waits for its agent counts as a session."""
    with World(site, sessions_per_account=2) as w:
        p, q = w.bound(), w.bound()
        w.lose(p)
        w.lose(q)
        r = w.link()
        r.start()
        r.auth(w.token, "third")
        r.expect_close("limit")
        w.resume(p)
        w.resume(q)
        w.stream(q)


def stuck(w, **options):
    """An agent that acknowledges nothing of what a client sends, and all of which is kept."""
    p = w.bound(auto_ack=False, timeout=30, **options)
    c, st = w.stream(p)
    data = random.Random(1).randbytes(4 << 20)
    threading.Thread(target=send_all, args=(c, data), daemon=True).start()
    before = p.m.in_seq
    p.until(lambda: p.m.in_seq - before > 400 * KIB, "what may be sent")
    return p, c, st, data


def send_all(c, data):
    try:
        c.sendall(data)
    except OSError:                     # the test is over, or its end is what is tested
        pass


def test_all_that_is_kept(site):
    """Of the sessions that wait for their agents those are given up that do so for the longest time,
    if together they keep too much."""
    with World(site, 1, worker_retain="1MiB", session_retain="1MiB") as w:
        sessions = [stuck(w) for _ in range(8)]
        for p, *_ in sessions:
            w.lose(p)
        w.server.wait_for("closed: overload: .*worker_retain")
        assert w.ask(sessions[0][0]).expect("RESUME_FAIL")["code"] == CODES["no_session"]
        p, _, st, data = sessions[-1]
        p.auto_ack = True
        w.resume(p)
        assert p.read(st.sid, len(data)) == data


def test_what_is_kept(site):
    """An agent that acknowledges nothing is sent no more than session_retain, with and without a
    link; then it gets the rest."""
    with World(site, session_retain="1MiB") as w:
        p, _, st, data = stuck(w)
        for _ in range(8):              # what may come has time to
            p.ping()
        assert p.m.in_seq < 1300 * KIB
        w.lose(p)
        p.auto_ack = True
        w.resume(p)
        assert p.read(st.sid, len(data)) == data
