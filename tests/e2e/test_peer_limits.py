# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The real aditd against a Python agent that wants too much: credit, numbering, limits, silence."""

import os
import threading
import time

import pytest

import aditwire as wire
from aditsession import Closed, code_of
from aditwire import CODES, FLOOR
from harness import ended_by_reset, need, read_exactly, reset, until
from peerworld import World

pytestmark = need("aditd")

SMALL = {"stream_window": "64KiB", "stream_window_max": "64KiB", "session_window": "64KiB",
         "reserve_for": "0", "tunnels_per_session": 3}
QUICK = {"handshake_timeout": "500ms", "ping_interval": "200ms", "dead_after": "1s",
         "open_timeout": "100ms", "unauthenticated_per_source": 5, "max_frame": "16KiB",
         "reserve_for": "0"}


@pytest.fixture(scope="module")
def small(shared):
    return shared.server("small", limits=SMALL, ports=32)


@pytest.fixture(scope="module")
def quick(shared):
    return shared.server("quick", limits=QUICK, ports=32)


@pytest.fixture
def w(shared, small):
    with World(shared, small) as world:
        yield world


LONG = os.environ.get("ADIT_QUICK") != "1" and os.environ.get("sanitizers", "no") == "no"


class Unanswered(threading.Thread):
    """A link with a RESET that is never answered, for as long as the server bears it."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.p = world.bound(auto_answer=False)
        c, st = world.stream(self.p)
        reset(c)
        self.p.until(lambda: st.peer_end, "RESET")
        self.took = self.error = None
        self.start()

    def run(self):
        began = time.monotonic()
        try:
            while True:
                f = self.p.recv(60, "end of the link")
                if f.name == "PING":
                    self.p.send("ACK", received=self.p.m.in_seq)
                    self.p.send("PONG", token=f["token"])
        except Exception as e:          # pylint: disable=broad-except
            self.error, self.took = e, time.monotonic() - began


@pytest.fixture(scope="module", autouse=True)
def unanswered(shared, small):
    """The 30 seconds begin with the first test."""
    with World(shared, small) as world:
        yield Unanswered(world) if LONG else None


@pytest.fixture
def q(shared, quick):
    with World(shared, quick) as world:
        yield world


# Credit that we give.

def test_no_byte_without_credit(w):
    p = w.bound(stream_window=32768, auto_credit=False)
    c, st = w.stream(p)
    c.sendall(bytes(100000))
    f = p.wait_for("BLOCKED", st.sid)
    assert f["position"] == st.received == 32768
    p.ping()
    assert st.received == 32768         # more would have been `flow`
    p.send("CREDIT", st.sid, bytes=1)
    p.until(lambda: st.received == 32769, "one byte")
    p.send("CREDIT", st.sid, bytes=1 << 30)
    p.until(lambda: st.received == 100000, "the rest")


def test_windows_may_grow(w):
    p = w.bound(stream_window=16384, auto_credit=False)
    c, st = w.stream(p)
    p.send("CREDIT", st.sid, bytes=500000)
    c.sendall(bytes(516384))
    p.until(lambda: st.received == 516384, "all that was allowed")
    p.ping()


def test_floors_are_always_free(w):
    """One stream takes all of the session's credit; the others still get their 16 KiB."""
    p = w.bound(stream_window=1 << 20, session_window=65536, auto_credit=False)
    streams = []
    for _ in range(4):
        c, st = w.stream(p)
        c.settimeout(0.0)
        try:
            while True:
                c.send(bytes(65536))
        except BlockingIOError:
            streams.append(st)
    p.until(lambda: all(st.received >= FLOOR for st in streams), "the floor of each stream")
    p.until(lambda: p.m.above_floors("in_now") == 65536, "all of the session's credit")
    p.wait_for("BLOCKED", 0)
    p.ping()
    p.send("CREDIT", 0, bytes=100000)
    p.until(lambda: p.m.above_floors("in_now") == 165536, "the session's new credit")


def refused(w, p):
    try:
        return ended_by_reset(w.client(p))
    except ConnectionResetError:        # faster than connect() came back
        return True


def test_no_more_streams_than_the_agent_takes(w):
    p = w.bound(tail=[(wire.HELLO_STREAMS, (2).to_bytes(4, "big"))], auto_answer=False)
    c, st = w.stream(p)
    w.stream(p)
    assert refused(w, p), "the client is refused, and the agent is not asked"
    p.ping()
    reset(c)
    p.until(lambda: st.peer_end, "RESET")
    assert refused(w, p), "a stream is there until both ends are"
    p.send("RESET", st.sid, code=0)
    p.ping()
    w.stream(p)


def test_ended_streams_free_the_session(w):
    p = w.bound(stream_window=1 << 20, session_window=65536, auto_credit=False)
    c, st = w.stream(p)
    c.sendall(bytes(65536 + FLOOR))
    p.until(lambda: st.received == 65536 + FLOOR, "all credit")
    p.send("RESET", st.sid, code=CODES["target_reset"])
    p.until(lambda: st.over, "the server's RESET")
    c, st = w.stream(p)
    c.sendall(bytes(65536 + FLOOR))
    p.until(lambda: st.received == 65536 + FLOOR, "all credit again")


# Credit that we get.

def fill(p, *streams):
    """Sends all that is allowed, until the server gives no more: its clients do not read."""
    for _ in range(5000):
        for st in streams:
            n = min(p.room(st.sid), p.m.peer_hello["max_frame"])
            if n:
                p.send("DATA", st.sid, bytes=bytes(n))
        try:
            p.step(time.monotonic() + 0.5, "credit")
        except TimeoutError:
            if not any(p.room(st.sid) for st in streams):
                return
    raise AssertionError("the server takes without end")


def test_more_than_a_stream_may(w):
    p = w.bound()
    c, st = w.stream(p, rcvbuf=4096)
    fill(p, st)
    p.ping()
    p.send("DATA", st.sid, bytes=b"x")
    p.expect_close("flow")
    assert ended_by_reset(c)


def test_more_than_a_session_may(w):
    p = w.bound()
    streams = [w.stream(p, rcvbuf=4096)[1] for _ in range(3)]
    fill(p, *streams)
    p.ping()
    limit = p.m.peer_hello["session_window"] + p.m.session_allowed
    assert p.m.above_floors("out_now") == limit
    # One of them has bytes left for itself, but the session has none.
    own = {st: p.m.peer_hello["stream_window"] + st.allowed - st.sent for st in streams}
    st = max(streams, key=own.get)
    assert own[st] > 0 and p.room(st.sid) == 0
    p.send("DATA", st.sid, bytes=b"x")
    p.expect_close("flow")


def test_a_stalled_stream_leaves_the_others_alone(w):
    p = w.bound()
    stalled = [w.stream(p, rcvbuf=4096)[1] for _ in range(3)]
    fill(p, *stalled)
    c, st = w.stream(p)
    data = os.urandom(200000)
    p.send_data(st.sid, data)
    assert read_exactly(c, len(data)) == data


def test_data_after_their_reset_counts(w):
    """What we send before we know of the server's RESET is legal up to our credit, not beyond."""
    p = w.bound(auto_answer=False)
    c, st = w.stream(p, rcvbuf=4096)
    reset(c)
    p.until(lambda: st.peer_end, "RESET")
    p.send("DATA", st.sid, bytes=bytes(p.room(st.sid)))
    p.ping()
    p.send("DATA", st.sid, bytes=bytes(p.room(st.sid) + 1))
    p.expect_close("flow")


def test_longer_frame_than_the_server_takes(q):
    p = q.bound()
    _, st = q.stream(p)
    assert p.m.peer_hello["max_frame"] == 16384
    p.send("DATA", st.sid, bytes=bytes(16384))
    p.ping()
    p.send_raw(wire.raw_frame("DATA", st.sid, bytes(16385)))
    p.expect_close("protocol")


def test_blocked_at_a_wrong_position(w):
    p = w.bound()
    _, st = w.stream(p)
    p.send_data(st.sid, b"five!")
    p.send("BLOCKED", st.sid, position=5)
    p.send("BLOCKED", 0, position=77)   # ignored
    p.ping()
    p.send_raw(wire.frame("BLOCKED", st.sid, position=6))
    p.expect_close("protocol")


# Numbering.

def test_ack_of_what_was_never_sent(w):
    p = w.login()
    p.ping()
    p.send_raw(wire.frame("ACK", received=p.m.in_seq + 100000))
    p.expect_close("protocol")


def test_ack_never_goes_back(w):
    p = w.login(auto_ack=False)
    p.bind()
    p.ping()
    p.send("ACK", received=p.m.in_seq)
    p.send("ACK", received=p.m.in_seq)  # the same again is legal
    p.ping()
    p.send_raw(wire.frame("ACK", received=0))
    p.expect_close("protocol")


def test_ack_inside_a_frame(w):
    p = w.login(auto_ack=False)
    p.bind()
    p.ping()
    p.send("ACK", received=p.m.in_seq - 3)
    p.ping()


# Limits of section 9.

def test_pings_in_a_burst(w):
    p = w.login()
    for _ in range(8):
        p.ping()


def test_ping_flood(w):
    p = w.login()
    p.send_bytes(b"".join(p.make("PING", token=1000 + i) for i in range(200)))
    assert p.expect_close("limit")["text"], "the text names the limit"


def test_glitches(w):
    p = w.login()
    for _ in range(50):
        p.send_unknown(0x55)
        p.send("PONG", token=1 << 40)
    p.ping()
    p.send_unknown(0x55)                # the 101st
    assert p.expect_close("limit")["text"], "the text names the limit"


def test_tunnels(w):
    p = w.login()
    for i in range(1, 4):
        p.bind(tunnel=i, name="t%d" % i)
    p.send("BIND", tunnel=4, route="port", name="t4")
    p.expect("BIND_FAIL", tunnel=4, code="limit")
    p.send("UNBIND", tunnel=1)
    p.bind(tunnel=5, name="t5")


# Silence.

def test_silence_before_hello(q):
    p = q.link()
    p.expect_close("timeout", timeout=5)


def test_silence_before_auth(q):
    p = q.link()
    p.start()
    p.expect_close("timeout", timeout=5)


def test_slow_hello_does_not_help(q):
    """Any byte proves life, but the login as a whole has its time."""
    p = q.link()
    hello = wire.frame("HELLO", **p.hello)
    with pytest.raises(Closed) as e:
        for i in range(len(hello)):
            p.send_bytes(hello[i:i + 1])
            try:
                p.step(time.monotonic() + 0.1, "end of the link")
            except TimeoutError:
                pass
    assert code_of(e.value.goaway) == "timeout", p.story()


def test_too_many_links_log_in(q):
    waiting = [q.link() for _ in range(5)]
    for p in waiting:
        p.start()
    p = q.link()
    p.expect_close("busy")
    p = waiting.pop()
    p.auth(q.token, "peer%d" % q.number())
    p.expect("AUTH_OK")                 # its place is free again
    q.login()


def test_open_is_never_answered(q):
    p = q.bound()
    c, st = q.stream(p, answer=False)
    assert p.wait_for("RESET", st.sid)["code"] == CODES["timeout"]
    assert ended_by_reset(c)
    p.ping()


def test_silence_after_login(q):
    p = q.login(auto_answer=False)
    p.expect("PING", timeout=5)
    p.expect_close("nothing_heard", timeout=5)


def test_answering_pings_is_enough(q):
    p = q.login()
    for _ in range(8):                  # longer than dead_after
        p.wait_for("PING", timeout=5)
    p.ping()


@pytest.mark.skipif(not LONG, reason="30 seconds")
def test_reset_that_is_never_answered(unanswered):
    """Runs last, so that little is left to wait for."""
    unanswered.join(60)
    assert isinstance(unanswered.error, Closed), unanswered.error
    assert code_of(unanswered.error.goaway) == "protocol", unanswered.p.story()
    assert 29 < unanswered.took < 45


def test_a_full_range_is_searched_once_a_second(shared):
    """All who ask are refused with the reason; who asks later gets what was given up meanwhile."""
    server = shared.server("full", ports=24, limits={"reserve_for": "0"})
    with World(shared, server) as world:
        first, second = world.login(), world.login()
        for i in range(1, 25):
            first.bind(i, "t%d" % i)
        for i in range(1, 6):
            second.send("BIND", tunnel=i, route="port", name="t%d" % i)
        for i in range(1, 6):
            fail = second.expect("BIND_FAIL", tunnel=i, code=CODES["no_address"])
            assert fail["text"] == "no port of %d-%d is free" % (server.ports, server.ports + 23)
        first.send("UNBIND", tunnel=20)
        first.ping()
        third = world.login()
        assert third.bind().endswith(":%d" % (server.ports + 19)), "another agent is not held up"
        first.send("UNBIND", tunnel=21)

        def bound():
            second.send("BIND", tunnel=9, route="port", name="t9")
            while True:
                f = second.recv()
                if f.name.startswith("BIND"):
                    return f.name == "BIND_OK"
        until(bound, "a later search finds what is free")
