# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Make before break: a session that is told to leave goes on to the end of its streams, while the
agent has another one already."""

import shutil
import signal

import pytest

from aditsession import ServerPeer
from aditwire import CODES, HELLO_MEMBER
from harness import ended_by_reset, need, read_exactly, read_to_end
from peerworld import AditWorld, World
from test_sessions import KIB, Relay, held, up
from traffic import echo_target

pytestmark = need("aditd", "adit")

LEAVES = r"the server leaves: restart; (\d+) connections? may finish, connecting anew in"


@pytest.fixture
def w(site):
    return AditWorld(site)


def leave(p, retry=100):
    p.send("GOAWAY", code=CODES["shutdown"], retry_after_ms=retry, last=p.next_id - 1, text="restart")


def moved(w, p):
    """The agent has been told to leave p, and is back; returns its new link."""
    mark = w.adit.mark()
    leave(p)
    assert w.adit.wait_for(LEAVES, after=mark).group(1) == "1"
    q = w.next_link()
    assert q.login()
    q.tunnel = q.bound()["tunnel"]
    return q


def finish(p, t, st):
    """The old stream carries something both ways, and ends well."""
    p.send_data(st.sid, b"more")
    assert read_exactly(t, 4) == b"more"
    p.send("FIN", st.sid)
    t.sendall(b"last words")
    t.close()
    assert p.read_end(st.sid) == (b"last words", "fin")


def test_streams_finish_beside_the_new_session(w):
    p = w.bound(reconnect=True)
    t, st = w.open(p)
    q = moved(w, p)
    u, su = w.open(q, b"first")
    assert read_exactly(u, 5) == b"first"
    finish(p, t, st)
    p.ping()                            # it is the server that ends it
    p.close()
    q.ping()
    u.close()
    assert q.read_end(su.sid) == (b"", "fin")
    w.adit.wait_for("all tunnels are back")
    said = w.adit.text("out")
    assert "connection lost" not in said and said.count("connected to ") == 2


def test_the_old_link_breaks(w):
    """Its streams are lost then, and nothing else."""
    p = w.bound(reconnect=True)
    t, _ = w.open(p)
    q = moved(w, p)
    u, _ = w.open(q)
    p.abort()
    assert ended_by_reset(t)
    q.ping()
    u.sendall(b"still here")
    assert "connection lost" not in w.adit.text("out")


def test_the_old_session_fails(w):
    p = w.bound(reconnect=True)
    t, _ = w.open(p)
    q = moved(w, p)
    p.send("GOAWAY", code=CODES["internal"], text="enough")
    assert ended_by_reset(t)
    q.ping()


def test_nobody_is_there_any_more(w):
    """The last attempt has failed; streams have their time all the same."""
    p = w.link(ServerPeer, "--max-attempts", "1", reconnect=True)
    assert p.login()
    p.tunnel = p.bound()["tunnel"]
    t, st = w.open(p)
    w.here.close()
    leave(p)
    finish(p, t, st)
    p.ping()
    p.close()
    assert w.adit.wait() == 69
    w.adit.wait_for("stopped: restart")


def test_stopped_between_two_sessions(w):
    p = w.bound(reconnect=True)
    t, _ = w.open(p)
    q = moved(w, p)
    u, _ = w.open(q)
    w.adit.signal(signal.SIGTERM)
    assert ended_by_reset(t) and ended_by_reset(u)
    for x in p, q:
        x.expect("GOAWAY", code="leaving")
        x.close()
    assert w.adit.wait() == 0


def test_a_server_that_only_ever_leaves(w):
    """The agent follows, but does not keep any number of sessions."""
    p = w.bound(reconnect=True)
    old = []
    for _ in range(3):
        t, _ = w.open(p)
        old.append((p, t))
        p = moved(w, p)
    assert ended_by_reset(old[0][1])
    old[0][0].expect("GOAWAY", code="leaving")
    for q, t in old[1:]:
        q.ping()
    p.ping()


@pytest.mark.parametrize("sessions", [1, 3])
def test_from_one_server_to_the_next(site, sessions):
    """A front sends links to the new one, and the old one drains."""
    old = site.server(limits={"drain_for": "60s"})
    new = site.server_conf("new", first=old.ports)
    shutil.copy(site.path("server", "conf.d", "tokens"),
                site.path("new", "conf.d", "tokens"))
    relay = Relay(site, old)
    agent = site.agent(relay.port, echo_target(site).port, "--sessions", str(sessions),
                       token_file=old.token_file)
    up(agent, sessions)
    public = agent.public
    with held(site, agent, 6) as t:
        relay.server = site.restart_server("new", new[0], new[1], new[2], old.tokens)
        mark = agent.mark()
        old.signal(signal.SIGTERM)
        agent.wait_for(r"the server leaves: .* may finish|session \d of 3 is down", after=mark)
        agent.wait_for("all tunnels are back at their addresses", 20, after=mark)
        for i in range(2, sessions + 1):
            agent.wait_for(r"session \d of %d connected" % sessions, 20, after=mark)
        with held(site, agent, 3) as fresh:
            t.wait(1024 * KIB)
            fresh.wait(256 * KIB)
    assert old.wait() == 0
    assert agent.public == public and "connection lost" not in agent.text("out")
    with held(site, agent, 2) as t:
        t.wait(256 * KIB)


def test_the_agent_leaves_and_comes_back(shared):
    """To the same server, as the same member: the old session is not replaced."""
    server = shared.server(name="same")
    with World(shared, server) as w:
        tail = [(HELLO_MEMBER, (4711).to_bytes(8, "big") + b"\1")]

        def bound(name):
            p = w.link(tail=tail)
            p.login(w.token, name)
            p.port = int(p.bind().rsplit(":", 1)[1])
            return p

        p = bound("mover")
        c, st = w.stream(p)
        p.send("GOAWAY", code=CODES["leaving"])
        p.ping()
        q = bound("mover")
        assert q.port == p.port
        d, _ = w.stream(q)
        p.send_data(st.sid, b"last words")
        p.send("FIN", st.sid)
        assert read_to_end(c) == b"last words"
        c.close()
        assert p.read_end(st.sid) == (b"", "fin")
        p.ping()
        r = bound("mover")              # who is not leaving is replaced, who leaves is not
        q.expect("GOAWAY", code="replaced")
        assert ended_by_reset(d)
        p.ping()
        p.close()
        e, se = w.stream(r)
        r.send_data(se.sid, b"x")
        assert read_exactly(e, 1) == b"x"
