# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The real adit, whose links break: at a server in Python, and at the real one."""

import random
import signal

import pytest

from aditsession import ServerPeer
from aditwire import CODES, RESUME
from harness import ended_by_reset, need, read_exactly, reset
from peerworld import AditWorld
from resumepeer import ResumeServer
from test_sessions import KIB, Relay, held, up
from traffic import echo_target

pytestmark = need("aditd", "adit")

HOLDING = r"link lost: .*; holding %d connections?, trying again in"
BACK = r"link back after .*, nothing lost"


class World(AditWorld):
    def bound(self, **options):
        return super().bound(kind=ResumeServer, reconnect=True, **options)

    def next(self, **options):
        return self.next_link(ResumeServer, **options)

    def lose(self, p, n, word="abort"):
        """The link breaks while n streams are open; the agent knows when this returns."""
        mark = self.adit.mark()
        getattr(p, word)()
        self.adit.wait_for(HOLDING % n if n else r"link lost: .*; trying again in", after=mark)


@pytest.fixture
def w(site):
    return World(site)


def both_ways(p, t, st, data=b"still here"):
    p.send_data(st.sid, data)
    assert read_exactly(t, len(data)) == data
    t.sendall(data)
    assert p.read(st.sid, len(data)) == data


def test_streams_go_on(w):
    """Links that break at any byte, while both ends have said more."""
    dice = random.Random(4711)
    p = w.bound()
    streams = [w.open(p) for _ in range(4)]
    to, back = [bytearray() for _ in streams], [bytearray() for _ in streams]
    for _ in range(4):
        begun = len(p.kept)
        for i, (t, st) in enumerate(streams):
            back[i] += (data := dice.randbytes(dice.randrange(1, 12 * KIB)))
            t.sendall(data)
            to[i] += (data := dice.randbytes(dice.randrange(1, 12 * KIB)))
            p.make("DATA", st.sid, bytes=data)
        p.send_bytes(p.kept[begun:begun + dice.randrange(len(p.kept) - begun)])
        w.lose(p, 4)
        p.resume(w.next())
    for i, (t, st) in enumerate(streams):
        assert p.read(st.sid, len(back[i])) == back[i]
        assert read_exactly(t, len(to[i])) == to[i]
        both_ways(p, t, st)
    said = w.adit.text("out")
    assert said.count("connected to ") == 1 and "connection lost" not in said
    late, st = w.open(p)
    both_ways(p, late, st)


def test_what_happens_meanwhile(w):
    """Targets that end while there is no link are told of behind it."""
    p = w.bound()
    (a, sa), (b, sb), (c, sc) = w.open(p), w.open(p), w.open(p)
    w.lose(p, 3, "close")
    a.sendall(b"last words")
    a.close()
    reset(b)
    p.resume(w.next())
    assert p.read_end(sa.sid) == (b"last words", "fin")
    p.until(lambda: sb.peer_end == "reset", "the agent's RESET")
    both_ways(p, c, sc)


def test_a_silent_link(w):
    """Nothing comes any more: that is found out, and the next link takes its place."""
    conf = dict(w.tunnels(1), limits={"ping_interval": "200ms", "dead_after": "1s"})
    p = w.bound(conf=conf)
    t, st = w.open(p)
    mark = w.adit.mark()
    w.adit.wait_for(r"link lost: nothing heard .*; holding 1 connection, trying again", after=mark)
    p.resume(w.next())
    both_ways(p, t, st)
    w.adit.wait_for(BACK, after=mark)


def test_the_server_does_not_know_the_session(w):
    p = w.bound()
    t, _ = w.open(p)
    w.lose(p, 1)
    q = w.next()
    p.give_up(q)
    assert ended_by_reset(t)
    q.tunnel = q.bound()["tunnel"]
    w.adit.wait_for("the session is lost, and 1 connection with it: the session is over")
    w.adit.wait_for("all tunnels are back")
    both_ways(q, *w.open(q))


def test_the_next_server_does_not_resume(w):
    p = w.bound()
    t, _ = w.open(p)
    w.lose(p, 1)
    q = w.next_link()
    assert isinstance(q, ServerPeer) and q.login()
    assert ended_by_reset(t)
    q.tunnel = q.bound()["tunnel"]
    both_ways(q, *w.open(q))


def test_tunnels_are_refused_after_the_return(w):
    p = w.bound()
    w.lose(p, 0)
    q = w.next()
    p.give_up(q)
    f = q.expect("BIND")
    q.send("BIND_FAIL", tunnel=f["tunnel"], code=CODES["in_use"], text="taken meanwhile")
    w.adit.wait_for("the session is lost: the session is over")
    w.adit.wait_for("is not published: taken meanwhile")
    q.expect("GOAWAY", code="leaving")
    q.close()
    assert w.next().login()


def test_the_server_has_got_more_than_was_sent(w):
    p = w.bound()
    t, _ = w.open(p)
    w.lose(p, 1)
    q = w.next()
    q.asked(p)
    q.send("RESUME_OK", received=1 << 40)
    assert ended_by_reset(t)
    w.adit.wait_for("the session is lost, and 1 connection with it: RESUME_OK: ")
    r = w.next()
    assert r.login()
    r.tunnel = r.bound()["tunnel"]
    both_ways(r, *w.open(r))


def test_its_time_is_over(w):
    """The server grants a second; nobody is there in that time."""
    p = w.bound(grant=1000)
    t, _ = w.open(p)
    port = w.here.port
    w.here.close()
    w.lose(p, 1)
    assert ended_by_reset(t)
    w.adit.wait_for("the session is lost, and 1 connection with it: "
                    "the link was lost and did not come back")
    w.here = w.site.listener(port)
    q = w.next()
    assert q.login()
    q.tunnel = q.bound()["tunnel"]
    w.adit.wait_for("all tunnels are back")
    both_ways(q, *w.open(q))


def test_attempts_are_counted(w):
    p = w.link(ResumeServer, "--max-attempts", "2", reconnect=True)
    assert p.login()
    p.tunnel = p.bound()["tunnel"]
    t, _ = w.open(p)
    w.here.close()
    w.lose(p, 1)
    w.adit.wait_for("no link yet: cannot connect to .*; trying again in")
    assert ended_by_reset(t)
    assert w.adit.wait() == 69
    assert w.adit.text("out").count("trying again") == 2


@pytest.mark.parametrize("when", ["held", "asking"])
def test_stopped_without_a_link(w, when):
    p = w.bound()
    t, _ = w.open(p)
    if when == "held":
        w.here.close()
    w.lose(p, 1)
    if when == "asking":
        q = w.next()
        q.asked(p)
    w.adit.signal(signal.SIGTERM)
    assert ended_by_reset(t)
    if when == "asking":
        q.expect("GOAWAY", code="leaving")
        q.close()
    assert w.adit.wait() == 0
    w.adit.wait_for("^stopped$")


def test_without_reconnecting_there_is_nothing_to_resume(w):
    p = w.login()
    assert not p.m.peer_hello["features"] & RESUME
    p.tunnel = p.bound()["tunnel"]
    t, _ = w.open(p)
    p.abort()
    assert ended_by_reset(t)
    assert w.adit.wait() == 69


def test_limit_of_the_agent(w):
    """resume_for of the agent is the shorter one."""
    p = w.bound(conf=dict(w.tunnels(1), limits={"resume_for": "500ms"}))
    t, _ = w.open(p)
    w.here.close()
    w.lose(p, 1)
    assert ended_by_reset(t)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("sessions", [1, 3])
def test_at_the_real_server(site, workers, sessions):
    """One link after the other is cut; traffic only pauses."""
    server = site.server(conf={"workers": workers})
    relay = Relay(site, server)
    agent = site.agent(relay.port, echo_target(site).port, "--sessions", str(sessions),
                       token_file=server.token_file)
    up(agent, sessions)
    mark = agent.mark()
    with held(site, agent, 2 * sessions) as t:
        for i in range(3):
            at = agent.mark()
            relay.cut(i)
            agent.wait_for(BACK, 20, after=at)
            t.wait(512 * KIB)
    said = "\n".join(line for _, line in agent.lines[mark:])
    assert "connect" not in said.replace("connections, trying", ""), said
    assert (said.count("session ") == 6) == (sessions > 1), said
    agent.signal(signal.SIGTERM)
    assert agent.wait() == 0
    assert "3 times, nothing lost" in agent.text("out")
    assert server.text().count("goes on over a link") == 3
    assert server.text().count(" logged in ") == sessions


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_the_server_is_another_one(site, how):
    """It knows nothing of the session: the agent is back nevertheless, with its port."""
    server = site.server(limits={"drain_for": "0s"})
    agent = site.agent(server, echo_target(site).port)
    public = agent.public
    with held(site, agent, 2) as t:
        mark = agent.mark()
        server.crash_is_fine = True
        server.signal(how)
        server.wait()
        site.restart_server("server", server.conf, server.port, server.ports, server.tokens)
        agent.wait_for("all tunnels are back at their addresses", 40, after=mark)
        assert t.ends() == ["reset"] * 2
    assert agent.public == public
    with held(site, agent, 2) as t:
        t.wait(256 * KIB)
