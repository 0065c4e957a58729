# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The Python peers against doc/protocol.md and against each other: no C program is needed.

What the text says for machines (types, codes, the tables of section 11, the vectors of section 12)
is read from the text, so that it and these peers cannot drift apart.
"""

import re
import socket
import threading

import pytest

import aditwire as wire
from aditmachine import Machine
from aditsession import AgentPeer, ServerPeer
from aditwire import AGENT, CODES, SERVER, TYPES, Illegal, Scram, Token, decode, frame
from peertables import CONDITIONS, HELLO, OTHER_KIND, SAMPLE, TABLES, sample

with open(wire.doc_path(), encoding="utf-8") as _f:
    TEXT = _f.read()
VECTORS = wire.doc_vectors(TEXT)


# The text against the code.

def test_types_are_those_of_the_text():
    table = wire.doc_types(TEXT)
    assert {name: row[0] for name, row in table.items()} == TYPES
    for name, (_, _, sid) in table.items():
        either = name in wire.EITHER_TYPES
        assert sid == ("id or 0" if either else "id" if name in wire.STREAM_TYPES else "0"), name


def test_codes_are_those_of_the_text():
    assert wire.doc_codes(TEXT) == CODES


@pytest.mark.parametrize("name,data,verdict", VECTORS, ids=[v[0] for v in VECTORS])
def test_vector(name, data, verdict):
    if verdict.startswith("err "):
        with pytest.raises(Illegal) as e:
            decode(data)
        assert e.value.reason == verdict[4:]
        return
    f, used = decode(data)
    assert used == len(data)
    if verdict == "skip":
        assert not f.known
        return
    said = ("ok type=%s id=%d %s" % (f.name, f.sid, wire.show_fields(f.fields))).strip()
    assert said == verdict
    assert frame(f.name, f.sid, **f.fields) == data
    for n in range(len(data)):          # no cut of a good frame is a frame
        assert decode(data[:n]) == (None, 0)


def test_vectors_are_complete():
    good = [v for v in VECTORS if v[2].startswith("ok ")]
    seen = {re.match(r"ok type=(\w+)", v[2]).group(1) for v in good}
    assert seen == set(TYPES) - wire.RESERVED
    assert {wire.NAMES.get(v[1][3]) for v in VECTORS if v[2] == "err feature"} == wire.RESERVED
    assert len([v for v in VECTORS if v[2].startswith("err ")]) >= 30
    assert len({v[0] for v in VECTORS}) == len(VECTORS)


def test_token_vectors():
    block = TEXT.split("```token\n", 1)[1].split("```", 1)[0]
    v = dict(line.split(" | ") for line in block.splitlines())
    given = {k: bytes.fromhex(x) for k, x in v.items() if k not in ("token", "id", "agent_name")}
    token = Token(v["token"])
    assert (token.id, token.secret) == (v["id"], given["secret"])
    s = Scram(token.id, given["agent_nonce"], given["server_nonce"], v["agent_name"],
              secret=token.secret)
    for key in ("client_key", "stored_key", "server_key", "message", "signature", "proof",
                "server_proof"):
        assert getattr(s, key) == given[key], key
    frames = {name: decode(data)[0] for name, data, verdict in VECTORS if verdict[:2] == "ok"}
    assert frames["auth"]["data"] == v["id"].encode() + s.proof
    assert frames["auth-ok"]["data"] == s.server_proof


def test_token_form():
    token = Token.make()
    assert Token(token.text).secret == token.secret
    last = token.text[-1]
    for bad in (token.text[:-1] + ("0" if last != "0" else "1"), token.text + "0",
                token.text.replace("adit_", "adit-"), token.text[:-6], token.text.upper()):
        with pytest.raises(ValueError):
            Token(bad)


# The tables of section 11 against Machine.

class Driver:
    """Brings a Machine into a state by a legal conversation."""

    def __init__(self, role, features=0):
        self.role, self.features = role, features
        self.m = Machine(role, dict(HELLO, role=role, features=features))

    def by(self, who, name, sid=0, /, **fields):
        f = decode(frame(name, sid, **fields))[0]
        if who == self.role:
            self.m.sent(f)
        else:
            assert self.m.received(f) == "ok"

    def to(self, state):
        steps = [("INIT", []), ("HS/AUTH", ["hello"]), ("HS/WAIT", ["hello", "auth"]),
                 ("HS/ANSWER", ["hello", "auth"]), ("HS/RESUME", ["hello", "resume"]),
                 ("AUTHENTICATED", ["hello", "auth", "auth_ok"]),
                 ("BOUND", ["hello", "auth", "auth_ok", "bind"]),
                 ("FORWARDING", ["hello", "auth", "auth_ok", "bind", "open"]),
                 ("DRAINING", ["hello", "auth", "auth_ok", "bind", "open", "goaway"]),
                 ("CLOSED", ["hello", "auth", "auth_ok", "error"])]
        for step in dict(steps)[state]:
            getattr(self, step)()
        if state == "HS/ANSWER" and self.role == SERVER:
            self.by(SERVER, "AUTH_CHALLENGE")
        if (state, self.role) in (("HS/WAIT", AGENT), ("HS/RESUME", SERVER)):
            self.m.state = state        # the text: this end is never there
        assert self.m.state == state
        return self.m

    def hello(self):
        self.by(AGENT, "HELLO", **dict(HELLO, role=AGENT, features=self.features))
        self.by(SERVER, "HELLO", **dict(HELLO, role=SERVER, features=self.features))

    def auth(self):
        self.by(AGENT, "AUTH", **SAMPLE["AUTH"])

    def resume(self):
        self.by(AGENT, "RESUME", **SAMPLE["RESUME"])

    def auth_ok(self):
        self.by(SERVER, "AUTH_OK", **SAMPLE["AUTH_OK"])
        self.by(AGENT, "BIND", tunnel=5, route="port", name="pending")

    def bind(self):
        self.by(AGENT, "BIND", tunnel=1, route="port", name="t1")
        self.by(SERVER, "BIND_OK", tunnel=1, address="tcp://127.0.0.1:1")

    def open(self):
        self.by(SERVER, "OPEN", 1, **SAMPLE["OPEN"])

    def goaway(self):
        self.by(SERVER, "GOAWAY", code=CODES["shutdown"], last=1)

    def error(self):
        self.by(self.role, "GOAWAY", code=CODES["protocol"])


def judge(m, f):
    try:
        return m.verdict(f)
    except Illegal:
        return "err"


@pytest.mark.parametrize("role", [SERVER, AGENT], ids=["server", "agent"])
def test_session_table(role):
    table = TABLES["session"][role]
    assert len(table) == 30 * 11
    for (name, state), want in table.items():
        assert want in ("ok", "err", "skip", "glitch", "stream", "drop", "feature",
                        "renewal"), (name, state)
        if state == "DETACHED":
            continue
        m = Driver(role, wire.RESUME if state == "HS/RESUME" else 0).to(state)
        got = judge(m, sample(name, 2 if name in wire.STREAM_TYPES else 0, role))
        if want == "stream":
            # The stream of the conversation is OPENING, and one that never was is IDLE.
            sid = 2 if name == "OPEN" else 1
            column = "IDLE" if name == "OPEN" else "OPENING"
            expected = TABLES["stream"][role][name, column]
            if name in OTHER_KIND:
                m.streams[1].flow = True
            assert judge(m, sample(name, sid, role)) == expected, (name, state)
            if name in wire.EITHER_TYPES:
                assert got == "ok", (name, state)
        elif want == "renewal":
            assert got == TABLES["renewal"][role][name, "NONE"], (name, state)
        elif want == "feature":
            assert got == "err", (name, state)
            m = Driver(role, wire.RESUME).to(state)
            assert judge(m, sample(name, 0, role)) == "ok", (name, state)
        elif name == "PONG" and want == "ok":
            assert got == "glitch", (name, state)      # nobody sent the PING
            m.sent(decode(frame("PING", token=1))[0])
            assert judge(m, sample(name, 0, role)) == "ok"
        else:
            assert got == want, (name, state)


@pytest.mark.parametrize("role", [SERVER, AGENT], ids=["server", "agent"])
@pytest.mark.parametrize("state", ["AUTHENTICATED", "BOUND", "FORWARDING", "DRAINING"])
def test_renewal_table(role, state):
    """Each column by the conversation that leads into it, in each state that may renew."""
    table = TABLES["renewal"][role]
    assert len(table) == 3 * (2 if role == SERVER else 3)
    ask, why, because = (AGENT, "AUTH"), (SERVER, "AUTH_CHALLENGE"), (AGENT, "AUTH_ANSWER")
    over = [(SERVER, "AUTH_OK")], [(SERVER, "AUTH_FAIL")]
    ways = {"NONE": [[], [ask, *over[0]], [ask, why, because, *over[1]]],
            "WAIT": [[ask], [ask, why, because], [ask, *over[1], ask]],
            "ANSWER": [[ask, why], [ask, why, because, why], [ask, *over[0], ask, why]]}
    if role == AGENT:
        ways["WAIT"], ways["ANSWER"] = ways["ANSWER"], ways["WAIT"]
    for (name, column), want in table.items():
        for talk in ways[column]:
            d = Driver(role)
            m = d.to(state)
            for who, what in talk:
                d.by(who, what, **SAMPLE[what])
            assert m.state == state and m.renewal == column
            assert judge(m, sample(name, 0, role)) == want, (name, column, talk)


@pytest.mark.parametrize("change", [{"session": 2}, {"account": "other"}, {"agent": "b"},
                                    {"resume": bytes(3) + b"\1" + bytes(32)}])
def test_renewal_changes_nothing_else(change):
    d = Driver(AGENT, wire.RESUME)
    m = d.to("BOUND")
    d.by(AGENT, "AUTH", **SAMPLE["AUTH"])
    f = decode(frame("AUTH_OK", **dict(SAMPLE["AUTH_OK"], **change)))[0]
    assert judge(m, f) == "err"


def stream_histories(role):
    """(column, conditions that hold, conversation) for each way into a column.

    The conversation is a list of (who, frame); conditions are those words of the table that mean
    ok here ("answer", "data", "reset")."""
    a, s = AGENT, SERVER
    ok, fail, afin, sfin = (a, "OPEN_OK"), (a, "OPEN_FAIL"), (a, "FIN"), (s, "FIN")
    areset, sreset = (a, "RESET"), (s, "RESET")
    peer, me = (a, s) if role == SERVER else (s, a)
    pfin, preset = ((afin, areset) if peer == a else (sfin, sreset))
    mfin, mreset = ((afin, areset) if me == a else (sfin, sreset))
    out = [("OPENING", {"answer"}, []), ("ACTIVE", {"data"}, [ok]),
           ("CLOSING/ended", {"reset"}, [ok, pfin]), ("CLOSING/ended", set(), [ok, preset]),
           ("CLOSING/ended", set(), [ok, pfin, preset]), ("CLOSED", set(), [ok, mfin, pfin]),
           ("CLOSED", set(), [ok, preset, mreset]), ("CLOSED", set(), [ok, mreset, preset]),
           ("CLOSING/open", {"data"}, [ok, mfin]), ("CLOSING/open", {"data"}, [ok, mreset]),
           ("CLOSED", set(), [fail, sreset]), ("CLOSED", set(), [sfin, fail])]
    if role == SERVER:
        out += [("CLOSING/open", {"answer"}, [sfin]), ("CLOSING/open", {"answer"}, [sreset]),
                ("CLOSING/ended", set(), [fail]), ("CLOSING/ended", set(), [areset])]
    else:
        out += [("CLOSING/ended", {"reset"}, [sfin]), ("CLOSING/ended", set(), [sreset]),
                ("CLOSING/open", set(), [fail]), ("CLOSING/open", set(), [areset])]
    return out


@pytest.mark.parametrize("role", [SERVER, AGENT], ids=["server", "agent"])
def test_stream_table(role):
    table = TABLES["stream"][role]
    assert len(table) == 6 * (8 if role == SERVER else 7)
    assert set(table.values()) <= {"ok", "err", "skip"} | CONDITIONS
    walked = set()
    for column, holds, talk in [("IDLE", set(), None)] + stream_histories(role):
        for (name, where), want in table.items():
            if where != column:
                continue
            d = Driver(role)
            m = d.to("FORWARDING")
            for who, what in talk or []:
                d.by(who, what, 1, **SAMPLE[what])
            sid = 1 if talk is not None else 2
            if talk is not None:
                assert m.streams[1].column() == column, talk
                m.streams[1].flow = name in OTHER_KIND
            if want in CONDITIONS:
                walked.add((where, want, want in holds))
                want = "ok" if want in holds else "err"
            assert judge(m, sample(name, sid, role)) == want, (name, column, talk)
    if role == SERVER:
        assert ("CLOSING/open", "answer", True) in walked
        assert ("CLOSING/open", "data", False) in walked
    assert {("CLOSING/ended", "reset", True), ("CLOSING/ended", "reset", False)} <= walked


@pytest.mark.parametrize("role", [SERVER, AGENT], ids=["server", "agent"])
def test_kinds_are_kept_apart(role):
    for flow in (False, True):
        m = Driver(role).to("FORWARDING")
        m.streams[1].answered, m.streams[1].flow = "ok", flow
        for name in ("DATA", "FIN", "CREDIT", "BLOCKED", "DATAGRAM"):
            fits = (name == "DATAGRAM") == flow
            assert judge(m, sample(name, 1, role)) == ("ok" if fits else "err"), (name, flow)
        assert judge(m, sample("RESET", 1, role)) == "ok"


def test_ids_grow():
    m = Driver(AGENT).to("FORWARDING")
    assert judge(m, sample("OPEN", 7, AGENT)) == "ok"
    m.received(sample("OPEN", 7, AGENT))
    for sid in (1, 3, 7):
        assert judge(m, sample("OPEN", sid, AGENT)) == "err"


# Python against Python.

class Pair:
    """Two peers on a socketpair; the agent's script runs on a thread of its own."""

    def __init__(self, agent_options=None, server_options=None, dribble=False):
        a, s = socket.socketpair()
        self.token = Token.make()
        self.agent = AgentPeer(a, **(agent_options or {}))
        self.server = ServerPeer(s, [self.token], **(server_options or {}))
        if dribble:
            a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.error = None

    def run(self, agent_script, server_script):
        def body():
            try:
                agent_script(self.agent)
            except BaseException as e:  # handed on below
                self.error = e
            finally:
                self.agent.close()
        thread = threading.Thread(target=body)
        thread.start()
        try:
            server_script(self.server)
        finally:
            self.server.close()
            thread.join()
            if self.error:
                raise self.error

    def up(self, agent_script, server_script):
        """The same, with login and one tunnel before."""
        def agent(p):
            p.login(self.token, "web1")
            assert p.bind(port=10022) == "tcp://127.0.0.1:10022"
            agent_script(p)

        def server(p):
            assert p.login()["agent"] == "web1"
            assert p.bound()["params"] == [("port", "10022")]
            server_script(p)
        self.run(agent, server)


def test_open_data_both_ways_fin():
    def agent(p):
        st = p.accept()
        assert p.read(st.sid, 5) == b"first"
        p.send_data(st.sid, b"answer")
        got, end = p.read_end(st.sid)
        assert (got, end) == (b"more", "fin")
        p.send_data(st.sid, b"after half-close")
        p.send("FIN", st.sid)
        assert st.over
        p.ping()

    def server(p):
        st = p.open(data=b"first")
        p.expect("OPEN_OK", st.sid)
        assert p.read(st.sid, 6) == b"answer"
        p.send_data(st.sid, b"more")
        p.send("FIN", st.sid)
        assert p.read_end(st.sid) == (b"after half-close", "fin")
        assert st.over
        p.expect_close()

    Pair().up(agent, server)


def test_wrong_proof_and_unknown_token():
    pair = Pair()

    def agent(p):
        p.start()
        p.auth(pair.token, "web1", proof=bytes(32))
        assert p.expect("AUTH_FAIL")["code"] == CODES["auth_failed"]

    def server(p):
        assert p.login() is None
    pair.run(agent, server)

    pair = Pair()

    def stranger(p):
        p.start()
        p.auth(Token.make(), "web1")
        p.expect("AUTH_FAIL", code="auth_failed")
    pair.run(stranger, server)


def test_reset_is_answered():
    def agent(p):
        st = p.accept()
        p.send("RESET", st.sid, code=CODES["target_reset"])
        p.expect("RESET", st.sid, code="none")
        assert st.over
        st = p.accept(answer=False)
        p.send("OPEN_FAIL", st.sid, code=CODES["refused"])
        p.expect("RESET", st.sid, code="none")
        p.ping()

    def server(p):
        st = p.open()
        p.expect("OPEN_OK", st.sid)
        p.expect("RESET", st.sid, code="target_reset")
        st = p.open(data=b"lost")
        p.expect("OPEN_FAIL", st.sid, code="refused")
        assert st.over
        p.expect_close()

    Pair().up(agent, server)


def test_credit_runs_out_and_comes_back():
    size = 100000

    def agent(p):
        st = p.accept()
        p.until(lambda: st.received == 16384, "a full window")
        p.ping()                        # nothing more came, and nothing was illegal
        assert st.received == 16384
        p.send("CREDIT", st.sid, bytes=16384)
        p.auto_credit = True
        assert p.read_end(st.sid) == (bytes(size), "fin")

    def server(p):
        st = p.open()
        p.expect("OPEN_OK", st.sid)
        p.send_data(st.sid, bytes(size))
        p.send("FIN", st.sid)
        p.expect_close()

    Pair(agent_options={"stream_window": 16384, "auto_credit": False}).up(agent, server)


def test_more_than_credit_is_flow():
    def agent(p):
        p.auto_credit = False
        st = p.accept()
        with pytest.raises(Illegal) as e:
            p.read(st.sid, 1 << 20)
        assert e.value.code == "flow"

    def server(p):
        st = p.open()
        p.expect("OPEN_OK", st.sid)
        for _ in range(3):
            p.send("DATA", st.sid, bytes=bytes(8192))

    Pair(agent_options={"stream_window": 16384}).up(agent, server)


def test_session_credit_leaves_the_floors_free():
    """session_window 65536 and windows of 64 KiB: one stream takes all but the floors of others."""
    def agent(p):
        p.auto_credit = False
        streams = [p.accept() for _ in range(3)]
        p.until(lambda: streams[2].received == 16384, "floor of the third stream")
        p.ping()
        assert [st.received for st in streams] == [65536, 32768, 16384]

    def server(p):
        streams = [p.open() for _ in range(3)]
        for st in streams:
            p.expect("OPEN_OK", st.sid)
        assert p.room(1) == 65536
        p.send_data(1, bytes(65536))            # 48 KiB above its floor
        assert p.room(2) == 32768               # its floor and the 16 KiB that are left
        p.send_data(2, bytes(32768))
        assert p.room(2) == 0 and p.room(3) == 16384
        p.send_data(3, bytes(16384))
        assert p.room(3) == 0
        p.expect_close()

    Pair(agent_options={"stream_window": 65536, "session_window": 65536}).up(agent, server)


def test_big_transfer_both_ways_is_acknowledged():
    size = 3 << 20

    def agent(p):
        st = p.accept()
        p.send_data(st.sid, bytes(size))
        p.send("FIN", st.sid)
        assert p.read_end(st.sid) == (bytes(size), "fin")
        assert p.m.acked_in > size - wire.ACK_EVERY
        p.ping()

    def server(p):
        st = p.open()
        p.expect("OPEN_OK", st.sid)
        p.send_data(st.sid, bytes(size))
        p.send("FIN", st.sid)
        assert p.read_end(st.sid) == (bytes(size), "fin")
        assert p.m.acked_in > size - wire.ACK_EVERY
        p.expect_close()

    Pair(dribble=True).up(agent, server)


def test_unknown_is_counted_and_critical_is_not_forgiven():
    def agent(p):
        p.send_unknown(0x40, body=b"?")
        p.send_unknown(0xC0, body=b"!")

    def server(p):
        with pytest.raises(Illegal) as e:
            p.recv()
        assert e.value.reason == "glitch" and p.m.glitches == 1
        with pytest.raises(Illegal) as e:
            p.recv()
        assert e.value.reason == "critical"

    Pair().up(agent, server)


@pytest.mark.parametrize("change,code", [
    ({"version_min": 2, "version_max": 3}, "version"), ({"role": 1}, "protocol"),
    ({"max_frame": 1}, "protocol")])
def test_bad_hello(change, code):
    pair = Pair()

    def server(p):
        with pytest.raises(Illegal) as e:
            p.start()
        assert e.value.code == code
    pair.run(lambda p: p.send_hello(**change), server)


def test_goaway_drains():
    def agent(p):
        st = p.accept()
        p.expect("GOAWAY", code="shutdown", last=st.sid)
        assert p.m.state == "DRAINING"
        p.send("FIN", st.sid)
        assert p.read_end(st.sid) == (b"", "fin")

    def server(p):
        st = p.open()
        p.expect("OPEN_OK", st.sid)
        p.send("GOAWAY", code=CODES["shutdown"], retry_after_ms=500, last=st.sid)
        p.read_end(st.sid)
        p.send("FIN", st.sid)
        p.expect_close()

    Pair().up(agent, server)
