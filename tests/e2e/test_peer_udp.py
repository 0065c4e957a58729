# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Streams of datagrams: the real aditd against the Python agent, and the real adit against the Python
server, frame by frame. Every cell of section 11 that another kind of stream leaves open is here."""

import socket

import pytest

from aditwire import CODES, EXT_DATAGRAM
from harness import SLOW, free_ports, need
from peerworld import AditWorld, World

pytestmark = need("aditd", "adit")

LARGEST = 65507
DATAGRAM = [(EXT_DATAGRAM, b"")]


# aditd, with an agent of ours.

@pytest.fixture(scope="module")
def server(shared):
    first = free_ports(100)
    return shared.server(limits={"reserve_for": "0", "flow_idle": "1s"}, plugins={
        "route-udp": {"bind": "127.0.0.1", "range": "%d-%d" % (first, first + 99)}})


@pytest.fixture
def w(shared, server):
    with World(shared, server) as world:
        yield world


def bound(w, **options):
    p = w.login(**options)
    p.send("BIND", tunnel=1, route="udp", name="dns", tail=DATAGRAM)
    p.address = p.expect("BIND_OK", tunnel=1)["address"]
    assert p.address.startswith("udp://127.0.0.1:")
    return p


def client(w, p):
    c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    c.settimeout(10 * SLOW)
    c.connect(("127.0.0.1", int(p.address.rsplit(":", 1)[1])))
    w.socks.append(c)
    return c


def flow(w, p, answer=True):
    """(client, stream) behind the first datagram."""
    c = client(w, p)
    c.send(b"first")
    f = p.wait_for("OPEN")
    assert f["tail"] == DATAGRAM and f["port"] == c.getsockname()[1]
    assert p.wait_for("DATAGRAM", f.sid)["bytes"] == b"first"
    if answer:
        p.send("OPEN_OK", f.sid)
    return c, p.m.streams[f.sid]


def test_datagrams_both_ways(w):
    p = bound(w)
    c, st = flow(w, p)
    for data in (b"x", b"", bytes(LARGEST)):
        c.send(data)
        assert p.wait_for("DATAGRAM", st.sid)["bytes"] == data
        p.send("DATAGRAM", st.sid, bytes=data)
        assert c.recv(65536) == data
    p.ping()


def test_flow_expires(w):
    p = bound(w)
    c, st = flow(w, p)
    f = p.wait_for("RESET", st.sid)
    assert f["code"] == CODES["expired"]
    c.send(b"again")
    assert p.wait_for("OPEN").sid > st.sid


def test_agent_ends_a_flow(w):
    p = bound(w)
    c, st = flow(w, p)
    p.send("RESET", st.sid, code=CODES["refused"], text="127.0.0.1:53 refuses")
    assert p.wait_for("RESET", st.sid)["code"] == 0
    c.send(b"again")
    assert p.wait_for("OPEN").sid > st.sid


def test_agent_refuses_a_flow(w):
    p = bound(w)
    _, st = flow(w, p, answer=False)
    p.send("OPEN_FAIL", st.sid, code=CODES["refused"])
    p.wait_for("RESET", st.sid)
    p.ping()


def test_unbind_ends_flows(w):
    p = bound(w)
    _, st = flow(w, p)
    p.send("UNBIND", tunnel=1, code=0)
    p.wait_for("RESET", st.sid)
    p.ping()


@pytest.mark.parametrize("name,fields", [
    ("DATA", {"bytes": b"x"}), ("FIN", {}), ("CREDIT", {"bytes": 1000}), ("BLOCKED", {"position": 0})])
def test_frames_of_bytes_are_illegal(w, name, fields):
    p = bound(w)
    _, st = flow(w, p)
    p.send_raw(p.make(name, st.sid, **fields))
    p.expect_close("protocol")


def test_datagram_before_the_answer(w):
    p = bound(w)
    _, st = flow(w, p, answer=False)
    p.send_raw(p.make("DATAGRAM", st.sid, bytes=b"x"))
    p.expect_close("protocol")


def test_datagram_too_long(w):
    p = bound(w)
    _, st = flow(w, p)
    p.send_raw((LARGEST + 1).to_bytes(3, "big") + b"\x26" + st.sid.to_bytes(4, "big"))
    p.expect_close("protocol")


def test_datagram_after_reset(w):
    """Who has sent RESET sends nothing more; what was on its way before is thrown away."""
    p = bound(w, auto_answer=False)
    _, st = flow(w, p)
    p.wait_for("RESET", st.sid)         # it has expired
    p.send("DATAGRAM", st.sid, bytes=b"crossed")
    p.send("RESET", st.sid, code=0)
    p.send_raw(p.make("DATAGRAM", st.sid, bytes=b"late"))
    p.expect_close("protocol")


@pytest.mark.parametrize("route,tail", [("udp", []), ("port", DATAGRAM)])
def test_kind_of_the_route(w, route, tail):
    p = w.login()
    p.send("BIND", tunnel=1, route=route, name="x", tail=tail)
    assert p.expect("BIND_FAIL", tunnel=1)["code"] == CODES["bad_request"]


# adit, with a server of ours.

class Adit(AditWorld):
    def up(self, kind="udp"):
        self.udp = self.site.own(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.udp.settimeout(10 * SLOW)
        self.udp.bind(("127.0.0.1", 0))
        p = self.login(conf={"tunnels": [{
            "name": "dns", "target": "127.0.0.1:%d" % self.udp.getsockname()[1],
            "route": kind}]})
        self.bind = p.bound("udp://127.0.0.1:10053")
        assert self.bind["tail"] == (DATAGRAM if kind == "udp" else [])
        return p


@pytest.fixture
def a(site):
    return Adit(site)


def open_flow(p, sid, data=b"", tail=DATAGRAM):
    p.send_bytes(p.make("OPEN", sid, tunnel=1, family=4, port=40000, address=b"\x7f\0\0\1",
                        tail=tail))
    if data:
        p.send("DATAGRAM", sid, bytes=data)


def test_adit_sends_to_the_target(a):
    p = a.up()
    peers = []
    for sid in (1, 2):
        open_flow(p, sid, b"%d" % sid)
        data, peer = a.udp.recvfrom(100)
        assert data == b"%d" % sid
        peers.append(peer)
        p.wait_for("OPEN_OK", sid)
    assert peers[0] != peers[1]         # a socket for each
    for sid, peer in zip((1, 2), peers):
        a.udp.sendto(bytes([sid]) * LARGEST, peer)
        assert p.wait_for("DATAGRAM", sid)["bytes"] == bytes([sid]) * LARGEST
    p.send("DATAGRAM", 1, bytes=b"")
    assert a.udp.recvfrom(100) == (b"", peers[0])
    p.send("RESET", 1, code=CODES["expired"])
    assert p.wait_for("RESET", 1)["code"] == 0
    a.udp.sendto(b"gone", peers[0])     # nobody hears it
    p.send("DATAGRAM", 2, bytes=b"?")
    a.udp.recvfrom(100)
    a.udp.sendto(b"!", peers[1])
    assert p.wait_for("DATAGRAM", 2)["bytes"] == b"!"


def test_adit_refuses_the_other_kind(a):
    p = a.up()
    open_flow(p, 1, tail=[])
    assert p.wait_for("OPEN_FAIL", 1)["code"] == CODES["no_such_tunnel"]


def test_adit_refuses_datagrams_for_tcp(a):
    p = a.up(kind="port")
    open_flow(p, 1)
    assert p.wait_for("OPEN_FAIL", 1)["code"] == CODES["no_such_tunnel"]


def test_adit_says_why_a_flow_ends(a):
    p = a.up()
    open_flow(p, 1, b"x")
    p.wait_for("OPEN_OK", 1)
    a.udp.close()
    p.send("DATAGRAM", 1, bytes=b"to nobody")
    f = p.wait_for("RESET", 1)
    assert f["code"] == CODES["refused"] and "refused" in f["text"]
    p.ping()


@pytest.mark.parametrize("name,fields", [
    ("DATA", {"bytes": b"x"}), ("FIN", {}), ("CREDIT", {"bytes": 1000}), ("BLOCKED", {"position": 0})])
def test_adit_takes_no_frames_of_bytes(a, name, fields):
    p = a.up()
    open_flow(p, 1)
    p.wait_for("OPEN_OK", 1)
    p.send_raw(p.make(name, 1, **fields))
    p.expect_close("protocol")


def test_extension_with_bytes(a):
    p = a.up()
    p.send_raw(p.make("OPEN", 1, tunnel=1, family=0, port=0, address=b"",
                      tail=[(EXT_DATAGRAM, b"x")]))
    p.expect_close("protocol")
