# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The real adit against the Python server: login, tunnels, streams, and every cell of section 11.

Each test starts an adit of its own, with a target that the test plays.
"""

import hashlib
import os
import socket
import threading
import time

import pytest

import aditwire as wire
import peertables as tables
from aditsession import Closed, ServerPeer, code_of
from aditwire import AGENT, CODES, FLOOR
from harness import ended_by_reset, free_port, need, read_exactly, read_to_end, reset
from peerworld import AditWorld

pytestmark = need("adit")


@pytest.fixture
def w(site):
    return AditWorld(site)


# HELLO and login.

def test_hello_comes_at_once(w):
    p = w.link()
    hello = p.expect("HELLO")
    assert (hello["version_min"], hello["version_max"], hello["role"]) == (1, 1, 0)
    assert hello["features"] == 0 and hello["software"].startswith("adit")


def test_login_and_bind(w):
    p = w.bound()
    assert w.bind["route"] == "port"
    w.adit.wait_for(r"tcp://127\.0\.0\.1:10022\s+->\s+127\.0\.0\.1:%d" % w.target.port)
    p.ping()


def test_port_and_name_are_asked_for(w):
    p = w.link(ServerPeer, "--name", "ssh", "--port", "10022")
    p.login()
    f = p.expect("BIND")
    assert f["name"] == "ssh" and f["params"] == [("port", "10022")]


def test_nonces_are_fresh(w):
    a, b = w.link().expect("HELLO"), w.link().expect("HELLO")
    assert a["nonce"] != b["nonce"]


def test_agent_must_know_that_we_know_the_secret(w):
    p = w.link()
    p.start()
    f, values, good = p.check_auth()
    assert good
    wrong = bytes([values.server_proof[0] ^ 1]) + values.server_proof[1:]
    p.send("AUTH_OK", session=1, account="acme", agent=f["agent"], data=wrong)
    p.expect_close("auth_failed")
    assert w.adit.wait() != 0


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33)], ids=len)
def test_server_proof_of_a_wrong_length(w, data):
    p = w.link()
    p.start()
    f, _, _ = p.check_auth()
    p.send("AUTH_OK", session=1, account="acme", agent=f["agent"], data=data)
    p.expect_close("auth_failed")


def test_login_refused(w):
    p = w.link()
    p.start()
    p.check_auth()
    p.send("AUTH_FAIL", code=CODES["auth_failed"], text="login refused by the test")
    p.expect_close()
    w.adit.wait_for("login refused by the test")
    assert w.adit.wait() != 0


def _change(text, at):
    at %= len(text)
    return text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1:]


@pytest.mark.parametrize("spoil", [
    lambda t: _change(t, -1), lambda t: _change(t, 20), lambda t: t[:-1], lambda t: t + "0",
    lambda t: "", lambda t: t.replace("adit_", "token_"), lambda t: "secret"],
    ids=["checksum", "secret", "short", "long", "empty", "prefix", "word"])
def test_wrong_token_is_seen_before_the_server_is(w, spoil):
    bad = w.site.write("bad", spoil(w.token.text) + "\n")
    w.start(token_file=bad)
    assert w.adit.wait() not in (0, 66, 99)
    assert "token" in w.adit.text() and w.token.text[14:40] not in w.adit.text()


@pytest.mark.parametrize("change,code", [
    ({"version_min": 2, "version_max": 2}, "version"), ({"role": 0}, "protocol"),
    ({"max_frame": 16383}, "protocol"), ({"max_frame": 262145}, "protocol"),
    ({"stream_window": 16383}, "protocol"), ({"stream_window": 16777217}, "protocol"),
    ({"session_window": 65535}, "protocol"), ({"session_window": 1073741825}, "protocol"),
    ({"magic": b"ADIU"}, "protocol")], ids=str)
def test_bad_hello(w, change, code):
    p = w.link()
    p.expect("HELLO")
    p.send_raw(wire.frame("HELLO", **dict(p.hello, **change)))
    p.expect_close(code)


def test_unknown_extensions_are_skipped(w):
    p = w.link()
    p.start(tail=[(0xFFFF, b"x" * 100), (0xFFFE, b"")])
    f, values, _ = p.check_auth()
    p.send("AUTH_OK", session=1, account="acme", agent=f["agent"], data=values.server_proof,
           tail=[(0xFFFF, b"")])
    f = p.expect("BIND")
    p.send("BIND_OK", tunnel=f["tunnel"], address="tcp://127.0.0.1:1", tail=[(0xFFFF, b"z")])
    p.make("OPEN", 1, tunnel=f["tunnel"], family=0, port=0, address=b"")
    p.send_bytes(wire.frame("OPEN", 1, tunnel=f["tunnel"], family=0, port=0, address=b"",
                            tail=[(0xFFFE, b"t")]))
    p.m.out_seq += 5                    # the tail
    w.target.accept()
    p.expect("OPEN_OK", 1)
    p.ping()


# Streams.

def test_first_bytes_come_with_open(w):
    p = w.bound()
    t, st = w.open(p, b"hello")
    assert read_exactly(t, 5) == b"hello"
    t.sendall(b"welcome")
    assert p.read(st.sid, 7) == b"welcome"


@pytest.mark.parametrize("family,address", [
    (4, bytes([192, 0, 2, 7])), (6, bytes(15) + b"\1"), (0, b"")])
def test_whoever_the_client_is(w, family, address):
    p = w.bound()
    st = p.open(tunnel=p.tunnel, family=family, address=address, port=0)
    w.target.accept()
    p.expect("OPEN_OK", st.sid)


def test_open_data_fin_in_one_write(w):
    p = w.bound()
    sid = 5                             # gaps are allowed
    p.send_bytes(p.make("OPEN", sid, tunnel=p.tunnel, family=0, port=0, address=b"")
                 + p.make("DATA", sid, bytes=b"all of it") + p.make("FIN", sid))
    t = w.target.accept()
    assert read_to_end(t) == b"all of it"
    t.sendall(b"answer")
    t.close()
    p.expect("OPEN_OK", sid)
    assert p.read_end(sid) == (b"answer", "fin")
    p.ping()


def test_half_close_by_the_target(w):
    p = w.bound()
    t, st = w.open(p)
    t.sendall(b"banner")
    t.shutdown(socket.SHUT_WR)
    assert p.read_end(st.sid) == (b"banner", "fin")
    p.send_data(st.sid, b"upload")
    p.send("FIN", st.sid)
    assert read_to_end(t) == b"upload"
    p.ping()
    assert st.over


def test_target_resets(w):
    p = w.bound()
    t, st = w.open(p)
    reset(t)
    p.expect("RESET", st.sid, code="target_reset")
    p.ping()
    assert st.over


def test_client_resets(w):
    p = w.bound()
    t, st = w.open(p, b"x")
    p.send("RESET", st.sid, code=CODES["client_reset"])
    assert ended_by_reset(t)
    p.until(lambda: st.over, "the agent's RESET")
    p.ping()


def test_target_refuses(w):
    p = w.bound(target=free_port())
    st = p.open(tunnel=p.tunnel, data=b"lost")
    f = p.expect("OPEN_FAIL", st.sid, code="refused")
    assert f["text"]
    p.ping()
    assert st.over


def test_reset_while_the_target_is_dialled(w):
    p = w.bound(target=w.stalled_target())
    st = p.open(tunnel=p.tunnel, data=b"lost")
    p.send("RESET", st.sid, code=CODES["client_reset"])
    p.until(lambda: st.over, "the agent's end")
    p.ping()


def test_target_never_answers(w):
    conf = {"tunnels": [{"name": "t", "target": "127.0.0.1:%d" % w.stalled_target()}],
            "limits": {"open_timeout": "200ms"}}
    p = w.bound(conf=conf)
    st = p.open(tunnel=p.tunnel, data=b"lost")
    p.expect("OPEN_FAIL", st.sid, code="connect_timeout")
    p.ping()
    assert st.over


def test_no_such_tunnel(w):
    p = w.bound()
    st = p.open(tunnel=p.tunnel + 77)
    p.expect("OPEN_FAIL", st.sid, code="no_such_tunnel")
    p.ping()


def test_withdrawn_tunnel(w):
    p = w.bound()
    t, st = w.open(p)
    p.send("UNBIND", tunnel=p.tunnel, code=CODES["not_permitted"], text="sorry")
    late = p.open(tunnel=p.tunnel)
    p.expect("OPEN_FAIL", late.sid, code="no_such_tunnel")
    t.sendall(b"still here")
    assert p.read(st.sid, 10) == b"still here"
    t.close()
    p.send("FIN", st.sid)
    p.expect_close("leaving")           # there is nothing left to do
    w.adit.wait_for("sorry")
    assert w.adit.wait() != 0


@pytest.mark.parametrize("again", ["BIND_OK", "BIND_FAIL"])
@pytest.mark.parametrize("before", ["BIND_OK", "BIND_FAIL", "UNBIND"])
def test_answer_nobody_waits_for(w, before, again):
    p = w.login(conf=w.tunnels(2))
    tunnel = p.expect("BIND")["tunnel"]
    p.expect("BIND")
    for name in (["BIND_OK", "UNBIND"] if before == "UNBIND" else [before]):
        p.send(name, tunnel=tunnel, **({"address": "tcp://127.0.0.1:1"} if name == "BIND_OK"
                                       else {"code": CODES["in_use"]}))
    p.ping()
    p.send_raw(tables.sample_bytes(again, 0, AGENT, tunnel=tunnel))
    p.expect_close("protocol")


def test_lost_link_resets_targets(w):
    p = w.bound()
    targets = [w.open(p)[0] for _ in range(3)]
    p.abort()
    assert all(ended_by_reset(t) for t in targets)
    w.adit.wait()


def test_draining_server(w):
    p = w.bound()
    t, st = w.open(p)
    p.send("GOAWAY", code=CODES["shutdown"], retry_after_ms=100, last=st.sid, text="restart")
    late, crossed = w.open(p)           # decided before
    late.close()
    assert p.read_end(crossed.sid) == (b"", "fin")
    p.send("FIN", crossed.sid)
    t.sendall(b"last words")
    t.close()
    assert p.read_end(st.sid) == (b"last words", "fin")
    p.send("FIN", st.sid)
    p.ping()                            # it is the server that ends the session
    assert st.over and crossed.over
    p.close()
    w.adit.wait()


def test_agent_comes_back_after_a_restart(w):
    p = w.bound(reconnect=True)
    p.send("GOAWAY", code=CODES["shutdown"], retry_after_ms=1500, text="restart")
    start = time.monotonic()
    p.close()
    assert w.next_link().login()
    assert time.monotonic() - start >= 1.5


def test_agent_comes_back_when_the_server_was_busy(w):
    p = w.link(reconnect=True)
    p.start()
    p.expect("AUTH")
    p.send("AUTH_FAIL", code=CODES["busy"], retry_after_ms=1200, text="too much to do")
    start = time.monotonic()
    p.close()
    p = w.next_link()
    assert time.monotonic() - start >= 1.2
    p.send("GOAWAY", code=CODES["busy"], retry_after_ms=1200, text="in place of HELLO")
    start = time.monotonic()
    p.close()
    assert w.next_link().login()
    assert time.monotonic() - start >= 1.2


@pytest.mark.parametrize("code", ["replaced", "internal", "limit", "not_permitted"])
def test_goaway_with_an_error_is_the_end(w, code):
    p = w.bound()
    t, _ = w.open(p)
    p.send("GOAWAY", code=CODES[code], text="the test has enough")
    assert ended_by_reset(t)
    assert p.expect_close() is None
    w.adit.wait_for("the test has enough")
    assert w.adit.wait() != 0


def test_unbind_of_an_unknown_tunnel(w):
    p = w.bound()
    p.send("UNBIND", tunnel=p.tunnel + 77)
    p.ping()
    w.open(p)


def test_agent_says_goodbye(w):
    p = w.bound()
    t, st = w.open(p)
    w.adit.proc.terminate()
    f = p.expect("GOAWAY", code="leaving")
    assert f["last"] == 0


def test_agent_opens_nothing_when_it_has_said_goodbye(w):
    """An OPEN that crosses the agent's GOAWAY, if the agent lets its stream finish before."""
    p = w.bound()
    t, st = w.open(p)
    w.adit.proc.terminate()
    p.expect("GOAWAY", code="leaving")
    try:
        late = p.open(tunnel=p.tunnel)
        p.expect("OPEN_FAIL", late.sid, code="leaving")
    except Closed as e:
        assert code_of(e.goaway) == "leaving"


def test_bind_refused(w):
    p = w.login()
    f = p.expect("BIND")
    p.send("BIND_FAIL", tunnel=f["tunnel"], code=CODES["in_use"], text="taken, says the test")
    p.expect_close("leaving")
    w.adit.wait_for("taken, says the test")
    assert w.adit.wait() != 0


def both_ways(w, p, size):
    t, st = w.open(p)
    up, down = os.urandom(size), os.urandom(size)
    got = []

    def target():
        writer = threading.Thread(target=lambda: (t.sendall(down), t.shutdown(1)))
        writer.start()
        got.append(read_to_end(t))
        writer.join()

    thread = threading.Thread(target=target)
    thread.start()
    p.send_data(st.sid, up, timeout=30)
    p.send("FIN", st.sid)
    data, end = p.read_end(st.sid, timeout=30)
    thread.join()
    assert end == "fin" and hashlib.sha256(data).digest() == hashlib.sha256(down).digest()
    assert hashlib.sha256(got[0]).digest() == hashlib.sha256(up).digest()


@pytest.mark.parametrize("options", [
    {}, {"max_frame": 16384}, {"stream_window": 16384, "max_frame": 16384},
    {"session_window": 65536}, {"stream_window": 16777216, "session_window": 1073741824}],
    ids=str)
def test_bytes_arrive_both_ways(w, options):
    p = w.bound(**options)
    for size in (0, 1, 16384, 262145, 1000000):
        both_ways(w, p, size)
    p.ping()
    assert p.m.acked_in > p.m.out_seq - wire.ACK_EVERY


class Dribbler(ServerPeer):
    """Sends every byte in a segment of its own."""

    def send_bytes(self, data, timeout=None):
        for i in range(len(data)):
            super().send_bytes(data[i:i + 1], timeout)


def test_dribble(w):
    p = w.bound(kind=Dribbler)
    p.send_unknown(0x41, 5, b"nobody knows")
    t, st = w.open(p, b"ping")
    assert read_exactly(t, 4) == b"ping"
    p.send_data(st.sid, b"drip, drop")
    p.send("FIN", st.sid)
    assert read_to_end(t) == b"drip, drop"
    p.ping()


# Credit, numbering, limits.

def test_no_byte_without_credit(w):
    p = w.bound(stream_window=32768, auto_credit=False)
    t, st = w.open(p)
    t.sendall(bytes(100000))
    f = p.wait_for("BLOCKED", st.sid)
    assert f["position"] == st.received == 32768
    p.ping()
    p.send("CREDIT", st.sid, bytes=1)
    p.until(lambda: st.received == 32769, "one byte")
    p.send("CREDIT", st.sid, bytes=1 << 30)
    p.until(lambda: st.received == 100000, "the rest")


def test_floors_are_always_free(w):
    p = w.bound(stream_window=1 << 20, session_window=65536, auto_credit=False)
    streams = []
    for _ in range(4):
        t, st = w.open(p)
        t.setblocking(False)
        try:
            while True:
                t.send(bytes(65536))
        except BlockingIOError:
            streams.append(st)
    p.until(lambda: all(st.received >= FLOOR for st in streams), "the floor of each stream")
    p.until(lambda: p.m.above_floors("in_now") == 65536, "all of the session's credit")
    p.wait_for("BLOCKED", 0)
    p.ping()


def test_more_than_a_stream_may(w):
    p = w.bound(target=w.stalled_target())
    st = p.open(tunnel=p.tunnel)
    while p.room(st.sid):               # nobody takes it, so nothing is credited
        p.send("DATA", st.sid, bytes=bytes(min(p.room(st.sid), p.m.peer_hello["max_frame"])))
    p.ping()
    p.send("DATA", st.sid, bytes=b"x")
    p.expect_close("flow")


def test_blocked_at_a_wrong_position(w):
    p = w.bound()
    _, st = w.open(p, b"five!")
    p.send("BLOCKED", st.sid, position=5)
    p.ping()
    p.send_raw(wire.frame("BLOCKED", st.sid, position=6))
    p.expect_close("protocol")


def test_ack_of_what_was_never_sent(w):
    p = w.bound()
    p.ping()
    p.send_raw(wire.frame("ACK", received=p.m.in_seq + 100000))
    p.expect_close("protocol")


def test_ping_flood(w):
    p = w.bound()
    p.send_bytes(b"".join(p.make("PING", token=1000 + i) for i in range(200)))
    assert p.expect_close("limit")["text"]


def test_glitches(w):
    p = w.bound()
    for _ in range(50):
        p.send_unknown(0x55)
        p.send("PONG", token=1 << 40)
    p.ping()
    p.send_unknown(0x55)                # the 101st
    assert p.expect_close("limit")["text"]


SHORT = {"limits": {"handshake_timeout": "500ms", "ping_interval": "200ms", "dead_after": "1s"}}


def test_silence_before_hello(w):
    p = w.link(conf=dict(w.tunnels(1), **SHORT))
    p.expect("HELLO")
    p.expect_close("timeout", timeout=5)


def test_silence_before_auth_ok(w):
    p = w.link(conf=dict(w.tunnels(1), **SHORT))
    p.start()
    p.expect("AUTH")
    p.expect_close("timeout", timeout=5)


def test_silence_after_login(w):
    p = w.bound(conf=dict(w.tunnels(1), **SHORT), auto_answer=False)
    p.expect("PING", timeout=5)
    p.expect_close("nothing_heard", timeout=5)


def test_more_streams_than_the_agent_wants(w):
    conf = dict(w.tunnels(1), limits={"streams_per_session": 4, "opening_per_session": 4})
    p = w.bound(conf=conf, auto_answer=False)
    assert (wire.HELLO_STREAMS, (4).to_bytes(4, "big")) in p.m.peer_hello["tail"]
    for _ in range(4):
        w.open(p)
    for _ in range(2):
        p.expect("OPEN_FAIL", p.open(tunnel=p.tunnel).sid, code="limit")
    p.ping()
    for _ in range(8):                  # and none of them is ended by us
        p.open(tunnel=p.tunnel)
    assert p.expect_close("limit")["text"]


def test_ids_never_go_back(w):
    p = w.bound()
    p.open(tunnel=p.tunnel, sid=9)
    w.target.accept()
    p.send_raw(wire.frame("OPEN", 8, tunnel=p.tunnel, family=0, port=0, address=b""))
    p.expect_close("protocol")


# The vectors of section 12.

VECTORS = wire.doc_vectors()
BAD = [v for v in VECTORS if v[2].startswith("err ")]


def malformed(w, state, data):
    p = REACH[state](w)
    p.send_raw(data)
    p.expect_close("protocol")


@pytest.mark.parametrize("data", [v[1] for v in BAD], ids=[v[0] for v in BAD])
def test_malformed(w, data):
    malformed(w, "FORWARDING", data)


HELLOS = [v for v in BAD if v[0].startswith("hello-")]


@pytest.mark.parametrize("data", [v[1] for v in HELLOS], ids=[v[0] for v in HELLOS])
def test_malformed_hello(w, data):
    malformed(w, "INIT", data)


# Section 11, sessions.

def _init(w):
    p = w.link()
    p.expect("HELLO")
    return p


def _hs_answer(w):
    p = w.link()
    p.start()
    p.frame, p.values, good = p.check_auth()
    assert good
    return p


def _forwarding(w, **options):
    p = w.bound(**options)
    p.target, p.stream = w.open(p)
    return p


def _draining(w, **options):
    p = _forwarding(w, **options)
    p.send("GOAWAY", code=CODES["shutdown"], last=p.stream.sid)
    return p


def _authenticated(w):
    p = w.login()
    p.tunnel = p.expect("BIND")["tunnel"]
    return p


# HS/AUTH cannot be told from HS/ANSWER: adit sends AUTH as soon as it has our HELLO. HS/WAIT is
# never at the agent, and DETACHED has no link to send on.
REACH = {"INIT": _init, "HS/ANSWER": _hs_answer, "AUTHENTICATED": _authenticated,
         "BOUND": AditWorld.bound, "FORWARDING": _forwarding, "DRAINING": _draining}


@pytest.mark.parametrize("state,name", tables.session_cells(AGENT, REACH))
def test_session_cell(w, state, name):
    if name in ("BIND_OK", "BIND_FAIL") and state in ("BOUND", "FORWARDING", "DRAINING"):
        p = REACH[state](w, conf=w.tunnels(2))
        p.tunnel = p.wait_for("BIND")["tunnel"]     # the second, which is not answered yet
    else:
        p = REACH[state](w)
    want = tables.verdict(AGENT, name, state)
    if (state, name) == ("INIT", "HELLO"):
        p.send_hello()
        p.expect("AUTH")
    elif state == "HS/ANSWER" and want == "ok" and name != "GOAWAY":
        login_cell(w, p, name)
    elif state in ("INIT", "HS/ANSWER"):
        tables.send_sample(p, name, 1, AGENT, want)
        tables.check_before_login(p, name, want)
    else:
        session_cell(p, state, name, want)


def login_cell(w, p, name):
    if name == "AUTH_OK":
        p.send("AUTH_OK", session=1, account="acme", agent=p.frame["agent"],
               data=p.values.server_proof)
        p.expect("BIND")
    elif name == "AUTH_FAIL":
        p.send("AUTH_FAIL", code=CODES["auth_failed"], text="no")
        assert code_of(p.expect_close()) != "protocol"
    else:                               # legal, but the method has no challenge
        p.send("AUTH_CHALLENGE", data=b"what?")
        p.expect_close("auth_failed")


def session_cell(p, state, name, want):
    forwarding = state in ("FORWARDING", "DRAINING")
    sid = p.stream.sid if forwarding else 1
    changes = {"tunnel": p.tunnel} if name in ("UNBIND", "BIND_OK", "BIND_FAIL", "OPEN") else {}
    column = "ACTIVE"
    if name == "OPEN":
        sid, column = (p.next_id, "IDLE") if forwarding else (1, "IDLE")
    if name in wire.EITHER_TYPES and not forwarding:
        sid = 0
    want = tables.verdict(AGENT, name, state, column)
    tables.send_sample(p, name, sid, AGENT, want, **changes)
    if name == "OPEN" and want == "ok":
        p.wait_for("OPEN_OK", sid)
    tables.check_after_login(p, name, want, AGENT)


@pytest.mark.parametrize("name", [n for _, n in tables.session_cells(AGENT, ["HS/AUTH"])])
def test_session_cell_before_auth(w, name):
    """Behind our HELLO in one write: adit has sent AUTH by then, or it has not."""
    p = w.link()
    p.expect("HELLO")
    legal = {tables.verdict(AGENT, name, s) for s in ("HS/AUTH", "HS/ANSWER")}
    p.send_bytes(p.make("HELLO", **p.hello) + tables.sample_bytes(name, 1, AGENT))
    if name == "GOAWAY":
        p.shut()
    code = code_of(p.expect_close())
    if legal == {"err"}:
        assert code == "protocol", p.story()
    elif name == "GOAWAY":
        assert code != "protocol", p.story()
    else:
        assert code in (None, "protocol", "auth_failed"), p.story()


@pytest.mark.parametrize("name", sorted(wire.EITHER_TYPES))
def test_stream_credit_before_streams(w, name):
    p = w.bound()
    tables.send_sample(p, name, 1, AGENT, "err")
    p.expect_close("protocol")


@pytest.mark.parametrize("name", sorted(wire.EITHER_TYPES))
def test_session_credit(w, name):
    p = _forwarding(w)
    tables.send_sample(p, name, 0, AGENT, "ok")
    p.ping()


# Section 11, streams.

def _active(w, p):
    return w.open(p)[1].sid


def _target_end(act):
    def way(w, p):
        p.auto_answer = False
        t, st = w.open(p)
        act(t)
        p.until(lambda: st.peer_end, "the agent's end")
        return st.sid
    return way


def _open_fail(w, p):
    p.auto_answer = False
    st = p.open(tunnel=p.tunnel + 77)
    p.until(lambda: st.peer_end, "OPEN_FAIL")
    return st.sid


def _fin(w, p):
    t, st = w.open(p)
    p.send("FIN", st.sid)
    return st.sid


def _fin_both(w, p):
    t, st = w.open(p)
    p.send("FIN", st.sid)
    t.shutdown(socket.SHUT_WR)
    p.until(lambda: st.over, "FIN")
    return st.sid


def _reset(w, p):
    t, st = w.open(p)
    p.send("RESET", st.sid, code=CODES["client_reset"])
    p.until(lambda: st.over, "RESET")
    return st.sid


def _over_by(act):
    def way(w, p):
        t, st = w.open(p)
        act(t)
        p.until(lambda: st.over, "the agent's end")
        return st.sid
    return way


def _opening(w, p):
    return p.open(tunnel=p.tunnel).sid


def _opening_fin(w, p):
    st = p.open(tunnel=p.tunnel)
    p.send("FIN", st.sid)
    return st.sid


def _fail_over(w, p):
    st = p.open(tunnel=p.tunnel + 77)
    p.until(lambda: st.over, "OPEN_FAIL")
    return st.sid


WAYS = {
    "idle": ("IDLE", set(), lambda w, p: 1000), "active": ("ACTIVE", set(), _active),
    "opening": ("OPENING", set(), _opening),
    "opening-fin": ("CLOSING/ended", {"reset"}, _opening_fin),
    "target-fin": ("CLOSING/open", set(), _target_end(lambda t: t.shutdown(socket.SHUT_WR))),
    "target-reset": ("CLOSING/open", set(), _target_end(reset)),
    "open-fail": ("CLOSING/open", set(), _open_fail), "fin": ("CLOSING/ended", {"reset"}, _fin),
    "fin-both": ("CLOSED", set(), _fin_both), "reset": ("CLOSED", set(), _reset),
    "reset-by-target": ("CLOSED", set(), _over_by(reset)),
    "open-fail-over": ("CLOSED", set(), _fail_over),
}


@pytest.mark.parametrize("way,name,want", tables.stream_cells(AGENT, WAYS))
def test_stream_cell(w, way, name, want):
    p = w.bound(target=w.stalled_target() if way.startswith("opening") else None)
    if way == "idle":
        w.open(p)                       # the session is FORWARDING in any case
    sid = WAYS[way][2](w, p)
    changes = {"tunnel": p.tunnel} if name == "OPEN" else {}
    tables.send_sample(p, name, sid, AGENT, want, **changes)
    tables.check_after_login(p, name, want, AGENT)
    if want == "ok" and name == "RESET":
        p.until(lambda: p.m.streams[sid].over, "the agent's end")
