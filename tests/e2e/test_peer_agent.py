# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The real aditd against the Python agent: login, tunnels, streams, and every cell of section 11.

The peer checks everything that it receives; a frame that the protocol forbids fails the test.
"""

import hashlib
import os
import threading

import pytest

import aditwire as wire
import peertables as tables
from aditsession import AgentPeer, Closed
from aditwire import CODES, SERVER, Token
from harness import ended_by_reset, free_ports, need, read_exactly, read_to_end, reset
from peerworld import World

pytestmark = need("aditd")


@pytest.fixture(scope="module")
def server(shared):
    # Hundreds of ports, because those of a session that is gone are free a second later; in rows,
    # because so many in one are hard to get.
    rows = ["%d-%d" % (first, first + 49) for first in (free_ports(50) for _ in range(15))]
    p = shared.server(limits={"reserve_for": "0"},
                      plugins={"route-port": {"bind": "127.0.0.1", "range": ",".join(rows)}})
    p.rows = [tuple(map(int, row.split("-"))) for row in rows]
    return p


@pytest.fixture
def w(shared, server):
    with World(shared, server) as world:
        yield world


# HELLO and login.

def test_hello_is_answered(w):
    p, q = w.link(features=(1 << 64) - 1), w.link()
    hello = p.start()
    assert (hello["version_min"], hello["version_max"], hello["role"]) == (1, 1, 1)
    assert hello["features"] == wire.RESUME and hello["software"].startswith("aditd")
    assert q.start()["nonce"] != hello["nonce"]


def test_version_is_chosen(w):
    assert w.link(version_min=0, version_max=255).start()["version_max"] == 1
    assert w.link(version_min=1, version_max=2).start()["version_max"] == 1


@pytest.mark.parametrize("versions", [(2, 3), (0, 0), (255, 255)])
def test_no_common_version(w, versions):
    p = w.link(version_min=versions[0], version_max=versions[1])
    p.send_hello()
    p.expect_close("version")


def test_unknown_extensions_are_skipped(w):
    p = w.link()
    p.send_hello(tail=[(0xFFFF, b"x" * 100), (0xFFFE, b"")])
    p.expect("HELLO")
    values = p.auth(w.token, "tail")
    assert p.expect("AUTH_OK")["data"] == values.server_proof
    p.send("BIND", tunnel=3, route="port", name="t", tail=[(0xFFFF, b"y"), (0xFFFE, b"")])
    p.expect("BIND_OK", tunnel=3)


def refusal(w, act):
    p = w.link()
    p.start()
    act(p)
    f = p.expect("AUTH_FAIL")
    p.expect_close()
    return f["code"], f["text"]


def test_wrong_credentials_look_all_the_same(w):
    def proof_for_another_name(p):
        p.send("AUTH", method="token", agent="mallory",
               data=w.token.id.encode() + p.scram(w.token, "web1").proof)

    def other_secret(p):
        p.auth(Token.make(ident=w.token.id), "web1")

    seen = {refusal(w, act) for act in (
        lambda p: p.auth(w.token, "web1", proof=bytes(32)),
        lambda p: p.auth(Token.make(), "web1"), other_secret, proof_for_another_name)}
    assert len(seen) == 1 and seen.pop()[0] == CODES["auth_failed"]


@pytest.mark.parametrize("cut", [0, 7, 8, 39, 41])
def test_proof_of_a_wrong_length(w, cut):
    def act(p):
        data = w.token.id.encode() + p.scram(w.token, "web1").proof + b"\0"
        p.send("AUTH", method="token", agent="web1", data=data[:cut])
    assert refusal(w, act)[0] == CODES["auth_failed"]


def test_unknown_method(w):
    code, _ = refusal(w, lambda p: p.send("AUTH", method="password", agent="web1", data=b""))
    assert code == CODES["auth_failed"]


def test_replayed_proof(w):
    nonce = os.urandom(32)
    p = w.link(nonce=nonce)
    p.start()
    old = p.auth(w.token, "web1")
    p.expect("AUTH_OK")
    q = w.link(nonce=nonce)
    q.start()
    q.auth(w.token, "web1", proof=old.proof)
    assert q.expect("AUTH_FAIL")["code"] == CODES["auth_failed"]
    q.expect_close()
    p.ping()                            # the replay did not touch the session of the good one


def test_newer_login_takes_over(w):
    p = w.link()
    p.login(w.token, "twice")
    address = p.bind()
    q = w.link()
    q.login(w.token, "twice")
    p.expect_close("replaced")
    assert q.bind() == address


# Tunnels.

def test_bind_says_a_public_address(w):
    p = w.bound()
    assert p.address.startswith("tcp://127.0.0.1:")
    assert any(first <= p.port <= last for first, last in w.server.rows)


def test_bind_of_the_port_asked_for(w):
    p = w.login()
    want = w.server.rows[-1][1]
    assert p.bind(port=want) == "tcp://127.0.0.1:%d" % want
    q = w.login()
    q.send("BIND", tunnel=1, route="port", name="t", params=[("port", str(want))])
    q.expect("BIND_FAIL", tunnel=1, code="in_use")
    q.ping()


@pytest.mark.parametrize("route,params,codes", [
    ("nowhere", [], ("no_such_route",)),
    ("port", [("port", "many")], ("bad_request",)), ("port", [("port", "65536")], ("bad_request",)),
    ("port", [("port", "-1")], ("bad_request",)), ("port", [("port", "")], ("bad_request",)),
    ("port", [("colour", "red")], ("bad_request",)),
    ("port", [("port", "1")], ("not_permitted", "no_address"))])
def test_bind_refused(w, route, params, codes):
    p = w.login()
    p.send("BIND", tunnel=1, route=route, name="t", params=params)
    f = p.expect("BIND_FAIL", tunnel=1)
    assert f["code"] in [CODES[c] for c in codes] and f["text"], p.story()
    p.ping()
    p.bind(tunnel=2)


def test_name_twice_is_refused(w):
    p = w.bound()
    p.send("BIND", tunnel=2, route="port", name="t1")
    p.expect("BIND_FAIL", tunnel=2, code="in_use")
    p.ping()


def test_tunnel_id_in_use_is_illegal(w):
    p = w.bound()
    p.send_raw(wire.frame("BIND", tunnel=1, route="port", name="other"))
    p.expect_close("protocol")


def test_unbind_frees_the_port_and_keeps_the_stream(w):
    p = w.bound()
    c, st = w.stream(p)
    p.send("UNBIND", tunnel=1, code=0, text="")
    p.ping()
    assert w.site.refused(p.port)
    c.sendall(b"still here")
    assert p.read(st.sid, 10) == b"still here"
    p.send_data(st.sid, b"so am I")
    assert read_exactly(c, 7) == b"so am I"
    p.bind(tunnel=2, name="t2")


def test_unbind_of_an_unknown_tunnel(w):
    p = w.bound()
    for tunnel in (0, 2, 0xFFFFFFFF):
        p.send("UNBIND", tunnel=tunnel)
    p.ping()
    w.stream(p)


# Streams.

def test_first_bytes_come_with_open(w):
    p = w.bound()
    c = w.client(p)
    c.sendall(b"GET / HTTP/1.0\r\n\r\n")
    st = p.accept(answer=False)
    assert p.read(st.sid, 18) == b"GET / HTTP/1.0\r\n\r\n"
    host, port = c.getsockname()
    assert (st.client["family"], st.client["port"]) == (4, port)
    assert st.client["address"] == bytes(int(x) for x in host.split("."))
    p.send("OPEN_OK", st.sid)
    p.send_data(st.sid, b"hello")
    assert read_exactly(c, 5) == b"hello"


def test_half_close_by_the_client(w):
    p = w.bound()
    c, st = w.stream(p)
    c.sendall(b"question")
    c.shutdown(1)
    assert p.read_end(st.sid) == (b"question", "fin")
    p.send_data(st.sid, b"late answer")
    p.send("FIN", st.sid)
    assert read_to_end(c) == b"late answer"
    p.ping()
    assert st.over


def test_half_close_by_the_agent(w):
    p = w.bound()
    c, st = w.stream(p)
    p.send_data(st.sid, b"banner")
    p.send("FIN", st.sid)
    assert read_to_end(c) == b"banner"
    c.sendall(b"upload")
    c.close()
    assert p.read_end(st.sid) == (b"upload", "fin")


def test_client_resets(w):
    p = w.bound()
    c, st = w.stream(p)
    reset(c)
    p.expect("RESET", st.sid, code="client_reset")
    p.ping()
    assert st.over


def test_agent_resets(w):
    p = w.bound()
    c, st = w.stream(p)
    p.send_data(st.sid, b"never mind")
    p.send("RESET", st.sid, code=CODES["target_reset"])
    assert ended_by_reset(c)
    p.until(lambda: st.over, "the server's RESET")


def test_reset_after_fin(w):
    """The agent said everything and then refuses to hear more."""
    p = w.bound()
    c, st = w.stream(p)
    p.send("FIN", st.sid)
    assert read_to_end(c) == b""
    p.send("RESET", st.sid, code=CODES["target_reset"])
    p.until(lambda: st.over, "the server's RESET")
    p.ping()


@pytest.mark.parametrize("code", ["refused", "connect_timeout", "unreachable", "no_such_host",
                                  "no_such_tunnel", "limit", "leaving"])
def test_open_fail_resets_the_client(w, code):
    p = w.bound()
    c = w.client(p)
    c.sendall(b"lost")
    st = p.accept(answer=False)
    p.send("OPEN_FAIL", st.sid, code=CODES[code], text="no")
    assert ended_by_reset(c)
    p.until(lambda: st.over, "the server's RESET")
    p.ping()


def test_lost_link_resets_clients(w):
    p = w.bound()
    clients = [w.stream(p)[0] for _ in range(3)]
    p.abort()
    assert all(ended_by_reset(c) for c in clients)


def test_agent_leaves_and_streams_finish(w):
    p = w.bound()
    c, st = w.stream(p)
    p.send("GOAWAY", code=CODES["leaving"])
    p.send_data(st.sid, b"last words")
    p.send("FIN", st.sid)
    assert read_to_end(c) == b"last words"
    c.close()
    assert p.read_end(st.sid) == (b"", "fin")


def test_bind_while_draining(w):
    p = w.bound()
    w.stream(p)
    p.send("GOAWAY", code=CODES["leaving"])
    p.send("BIND", tunnel=2, route="port", name="t2")
    p.expect("BIND_FAIL", tunnel=2, code="shutdown")


def both_ways(w, p, size):
    """size bytes in each direction at once, with different content."""
    c, st = w.stream(p)
    up, down = os.urandom(size), os.urandom(size)
    got = []

    def client():
        writer = threading.Thread(target=lambda: (c.sendall(up), c.shutdown(1)))
        writer.start()
        got.append(read_to_end(c))
        writer.join()

    c.settimeout(30)
    thread = threading.Thread(target=client)
    thread.start()
    p.send_data(st.sid, down, timeout=30)
    p.send("FIN", st.sid)
    data, end = p.read_end(st.sid, timeout=30)
    thread.join()
    assert end == "fin" and hashlib.sha256(data).digest() == hashlib.sha256(up).digest()
    assert hashlib.sha256(got[0]).digest() == hashlib.sha256(down).digest()


@pytest.mark.parametrize("size", [0, 1, 16383, 16384, 16385, 262143, 262144, 262145, 3000000])
def test_bytes_arrive_both_ways(w, size):
    p = w.bound()
    both_ways(w, p, size)
    p.ping()
    assert p.m.acked_in > p.m.out_seq - wire.ACK_EVERY


@pytest.mark.parametrize("options", [
    {"max_frame": 16384}, {"stream_window": 16384}, {"stream_window": 16384, "max_frame": 16384},
    {"session_window": 65536}, {"stream_window": 16777216, "session_window": 1073741824}],
    ids=str)
def test_bytes_arrive_whatever_our_windows(w, options):
    both_ways(w, w.bound(**options), 1000000)


class Dribbler(AgentPeer):
    """Sends every byte in a segment of its own."""

    def send_bytes(self, data, timeout=None):
        for i in range(len(data)):
            super().send_bytes(data[i:i + 1], timeout)


def test_dribble(w):
    p = w.link(Dribbler)
    p.login(w.token, "dribble")
    p.port = int(p.bind().rsplit(":", 1)[1])
    p.send_unknown(0x41, 5, b"nobody knows")
    c, st = w.stream(p)
    c.sendall(b"ping")
    assert p.read(st.sid, 4) == b"ping"
    p.send_data(st.sid, b"drip, drop")
    p.send("FIN", st.sid)
    assert read_to_end(c) == b"drip, drop"
    p.ping()


def test_many_frames_in_one_write(w):
    p = w.login()
    out = b"".join(p.make("BIND", tunnel=i, route="port", name="n%d" % i) for i in range(1, 6))
    out += p.make("UNBIND", tunnel=5, code=0) + p.make("PING", token=99)
    p.send_bytes(out)
    assert p.wait_for("PONG")["token"] == 99
    p.until(lambda: list(p.m.tunnels.values()).count("bound") >= 4, "BIND_OK of four tunnels")


# The vectors of section 12.

VECTORS = wire.doc_vectors()
BAD = [v for v in VECTORS if v[2].startswith("err ")]


@pytest.mark.parametrize("name,data", [v[:2] for v in BAD], ids=[v[0] for v in BAD])
@pytest.mark.parametrize("state", ["INIT", "FORWARDING"])
def test_malformed(w, state, name, data):
    p = REACH[state](w)
    p.send_raw(data)
    p.expect_close("protocol")


@pytest.mark.parametrize("data", [v[1] for v in VECTORS if v[2] == "skip"])
def test_skipped(w, data):
    p = w.login()
    p.send_raw(data)
    p.ping()


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3",
                                   b"SSH-2.0-OpenSSH_9.2\r\n", bytes(64), b"\xff" * 64])
def test_strangers(w, first):
    p = w.link()
    p.send_raw(first)
    p.expect_close()


# Section 11, sessions.

def _init(w):
    return w.link()


def _hs_auth(w):
    p = w.link()
    p.start()
    return p


def _forwarding(w):
    p = w.bound()
    p.client, p.stream = w.stream(p)
    return p


def _draining(w):
    p = _forwarding(w)
    p.send("GOAWAY", code=CODES["leaving"])
    return p


REACH = {"INIT": _init, "HS/AUTH": _hs_auth, "AUTHENTICATED": lambda w: w.login(),
         "BOUND": lambda w: w.bound(), "FORWARDING": _forwarding, "DRAINING": _draining}

# The method token has no challenge, so HS/ANSWER is never; and DETACHED has no link to send on.


@pytest.mark.parametrize("state,name", tables.session_cells(SERVER, REACH))
def test_session_cell(w, state, name):
    p = REACH[state](w)
    sid = p.stream.sid if state in ("FORWARDING", "DRAINING") else 1
    want = tables.verdict(SERVER, name, state)
    if (state, name) == ("INIT", "HELLO"):
        p.start()
    elif (state, name) == ("HS/AUTH", "AUTH"):
        p.auth(w.token, "peer%d" % w.number())
        p.expect("AUTH_OK")
    elif name == "AUTH" and want == "ok":
        p.renew(w.token, p.m.session["agent"])
        p.ping()
    elif state in ("INIT", "HS/AUTH"):
        tables.send_sample(p, name, sid, SERVER, want)
        tables.check_before_login(p, name, want)
    else:
        if name in wire.EITHER_TYPES and state in ("AUTHENTICATED", "BOUND"):
            sid = 0
        tables.send_sample(p, name, sid, SERVER, want)
        tables.check_after_login(p, name, want)
        if name == "BIND" and want == "ok":
            answer = p.wait_for("BIND_FAIL" if state == "DRAINING" else "BIND_OK")
            assert answer["tunnel"] == 9


@pytest.mark.parametrize("name", sorted(wire.EITHER_TYPES))
@pytest.mark.parametrize("state", ["FORWARDING", "DRAINING"])
def test_session_credit(w, state, name):
    p = REACH[state](w)
    tables.send_sample(p, name, 0, SERVER, "ok")
    p.ping()


@pytest.mark.parametrize("name", sorted(wire.EITHER_TYPES))
@pytest.mark.parametrize("state", ["AUTHENTICATED", "BOUND"])
def test_stream_credit_before_streams(w, state, name):
    p = REACH[state](w)
    tables.send_sample(p, name, 1, SERVER, "err")
    p.expect_close("protocol")


@pytest.mark.parametrize("name", [n for _, n in tables.session_cells(SERVER, ["HS/WAIT"])])
def test_session_cell_wait(w, name):
    """Behind AUTH in one write: the server still thinks, or it has already made up its mind."""
    p = REACH["HS/AUTH"](w)
    who = "peer%d" % w.number()
    auth = p.make("AUTH", method="token", agent=who,
                  data=w.token.id.encode() + p.scram(w.token, who).proof)
    legal = {tables.verdict(SERVER, name, s) for s in ("HS/WAIT", "AUTHENTICATED")}
    behind = tables.sample_bytes(name, 0, SERVER)
    if "ok" in legal and name != "GOAWAY":
        p.make(name, **tables.sample_fields(name, SERVER))
    else:
        p.m.sent_raw(behind)
    p.send_bytes(auth + behind)
    if legal == {"err"}:
        p.expect_close("protocol")
        return
    try:
        p.wait_for("AUTH_OK")
        p.ping()
    except Closed as e:
        assert "err" in legal or name == "GOAWAY", str(e)


def test_nothing_behind_an_error(w):
    """CLOSED: bytes behind an illegal frame are thrown away."""
    p = w.login()
    p.send_raw(tables.FAKE["unknown critical"]
               + b"".join(tables.sample_bytes(n, 1, SERVER) for n in ("BIND", "PING", "ACK")))
    p.expect("GOAWAY", code="protocol")
    p.expect_close("protocol")
    assert p.log[-1].startswith("< GOAWAY")


# Section 11, streams. Each way brings stream 1 of a new session into a column.

def _idle(w, p):
    return 1000


def _opening(w, p):
    return w.stream(p, answer=False)[1].sid


def _active(w, p):
    return w.stream(p)[1].sid


def _client_fin(answer):
    def way(w, p):
        c, st = w.stream(p, answer)
        c.shutdown(1)
        p.until(lambda: st.peer_end, "FIN")
        return st.sid
    return way


def _client_reset(answer):
    def way(w, p):
        p.auto_answer = False
        c, st = w.stream(p, answer)
        reset(c)
        p.until(lambda: st.peer_end, "RESET")
        return st.sid
    return way


def _fin(w, p):
    c, st = w.stream(p)
    p.send("FIN", st.sid)
    return st.sid


def _fin_both(w, p):
    c, st = w.stream(p)
    p.send("FIN", st.sid)
    c.shutdown(1)
    p.until(lambda: st.over, "FIN")
    return st.sid


def _ended(frame_name, answer):
    def way(w, p):
        _, st = w.stream(p, answer)
        p.send(frame_name, st.sid, code=CODES["refused"])
        p.until(lambda: st.over, "RESET")
        return st.sid
    return way


def _reset_by_client(w, p):
    c, st = w.stream(p)
    reset(c)
    p.until(lambda: st.over, "RESET")
    return st.sid


# What the server ends itself at once (CLOSING/ended by RESET or OPEN_FAIL) cannot be seen.
WAYS = {
    "idle": ("IDLE", set(), _idle), "opening": ("OPENING", set(), _opening),
    "active": ("ACTIVE", set(), _active),
    "client-fin": ("CLOSING/open", {"data"}, _client_fin(True)),
    "client-fin-unanswered": ("CLOSING/open", {"answer"}, _client_fin(False)),
    "client-reset": ("CLOSING/open", {"data"}, _client_reset(True)),
    "client-reset-unanswered": ("CLOSING/open", {"answer"}, _client_reset(False)),
    "fin": ("CLOSING/ended", {"reset"}, _fin), "fin-both": ("CLOSED", set(), _fin_both),
    "reset": ("CLOSED", set(), _ended("RESET", True)),
    "reset-unanswered": ("CLOSED", set(), _ended("RESET", False)),
    "open-fail": ("CLOSED", set(), _ended("OPEN_FAIL", False)),
    "reset-by-client": ("CLOSED", set(), _reset_by_client),
}


@pytest.mark.parametrize("way,name,want", tables.stream_cells(SERVER, WAYS))
def test_stream_cell(w, way, name, want):
    p = w.bound()
    w.stream(p)                         # another stream: the session is FORWARDING in any case
    sid = WAYS[way][2](w, p)
    tables.send_sample(p, name, sid, SERVER, want)
    tables.check_after_login(p, name, want)
    if want == "ok" and name in ("RESET", "OPEN_FAIL"):
        p.until(lambda: p.m.streams[sid].over, "the server's end")


def test_server_is_well_after_all_this(w, server):
    """Runs last: every link above is gone, and the server serves."""
    both_ways(w, w.bound(), 100000)
