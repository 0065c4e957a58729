# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""One port for all: links by TCP, TLS, WebSocket and WebSocket inside TLS at one address, told by
their first bytes; what is refused there, and in which words."""

import os
import re
import signal
import socket
import threading

import pytest

from aditwire import AGENT, FRAME_MAX, VERSION, frame
from harness import Agent, command, free_port, need, read_to_end, settings, until
from procfs import unread
from tlsworld import TlsWorld

pytestmark = need("aditd", "adit")

HELLO = frame("HELLO", version_min=VERSION, version_max=VERSION, role=AGENT, max_frame=FRAME_MAX,
              stream_window=262144, session_window=16777216, nonce=b"n" * 32, software="x")


class World:
    """aditd with several transports at one port; agents by any of them."""

    def __init__(self, site, names=("tcp", "tls", "ws"), host="127.0.0.1", **options):
        self.site, self.tls = site, TlsWorld(site)
        self.tls.mint("server", names="localhost,127.0.0.1", issuer="ca")
        self.port = free_port()
        self.host = host
        self.server = site.server(port=self.port, plugins=self.plugins(names), **options)

    def plugins(self, names):
        listen = {"listen": "%s:%d" % (self.host, self.port)}
        every = {"tcp": listen, "ws": listen,
                 "tls": dict(listen, certificate=self.tls.pem("server"),
                             key=self.tls.key("server"))}
        return {"transport-" + name: every[name] if name in names else None for name in every}

    def agent(self, scheme, target, *args, wait=True):
        conf = self.site.write("agent-%s.conf" % scheme, settings(
            {"transport-tls": {"ca_file": self.tls.pem("ca")}}))
        p = self.site.start("adit-" + scheme, command("adit") + [
            "run", "-c", conf, "--server", "%s://localhost:%d" % (scheme, self.port),
            "--local", "127.0.0.1:%d" % target, "--token-file", self.server.token_file,
            "--agent", scheme, *args], Agent)
        if wait:
            p.wait_up()
        return p

    def connect(self):
        return self.site.connect(self.port, timeout=60)


def exchange(client, target, size):
    """size bytes each way at once; both ends are sockets."""
    sent = os.urandom(size), os.urandom(size)

    def write(sock, data):
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)

    writers = [threading.Thread(target=write, args=(sock, data))
               for sock, data in zip((client, target), sent)]
    for t in writers:
        t.start()
    other = []
    reader = threading.Thread(target=lambda: other.append(read_to_end(target)))
    reader.start()
    assert read_to_end(client) == sent[1]
    for t in [reader] + writers:
        t.join()
    assert other == [sent[0]]


def test_all_at_once(site):
    """Four agents of the real program, by four ways to one port, and all work."""
    w = World(site)
    for scheme in ("tcp", "tls", "ws", "wss"):
        assert "%s://127.0.0.1:%d" % (scheme, w.port) in w.server.text()
    targets = {scheme: site.listener() for scheme in ("tcp", "tls", "ws", "wss")}
    agents = {scheme: w.agent(scheme, t.port) for scheme, t in targets.items()}
    pairs = []
    for scheme, agent in agents.items():
        client = site.connect(agent.public, timeout=60)
        pairs.append((client, targets[scheme]))
    pairs = [(client, listener.accept()) for client, listener in pairs]
    threads = [threading.Thread(target=exchange, args=(client, target, 1000000))
               for client, target in pairs]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def test_reload_adds_a_transport(site):
    """What is added to a port that is listened on already, and taken away again."""
    w = World(site, names=("tcp",))
    target = site.listener()
    first = w.agent("tcp", target.port)
    client = site.connect(first.public, timeout=60)
    there = target.accept()

    def reload(names):
        for name, values in w.plugins(names).items():
            path = "server/conf.d/%s.conf" % name
            if values is None:
                if os.path.exists(site.path(path)):
                    os.unlink(site.path(path))
            else:
                site.write(path, settings({name: values}))
        mark = w.server.mark()
        w.server.signal(signal.SIGHUP)
        w.server.wait_for("configuration reloaded", after=mark)

    reload(("tcp", "tls", "ws"))
    tls = w.agent("tls", target.port)
    wss = w.agent("wss", target.port)
    reload(("tcp",))
    sock = w.connect()
    sock.sendall(b"\x16\x03\x01\x02" + bytes(600))
    w.server.wait_for("link from .* closed: protocol")
    for agent in (tls, wss):
        exchange(site.connect(agent.public, timeout=60), target.accept(), 100000)
    exchange(client, there, 100000)


# First bytes.

def test_a_byte_at_a_time(site):
    """However slowly they come, the first bytes are kept and looked at again."""
    w = World(site)
    for first, answer in ((HELLO, b"\0"), (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 ")):
        sock = w.connect()
        for i in range(20):
            sock.sendall(first[i:i + 1])
            until(lambda: unread(w.port) == 0, "the server has read it")
        sock.sendall(first[20:])
        got = b""
        while len(got) < len(answer):
            more = sock.recv(len(answer) - len(got))
            assert more, (first, got)
            got += more
        assert got == answer


@pytest.fixture
def shut(site):
    """A public address, to which nothing comes in the clear. One for each, because what is said of
    links that do not get in is limited."""
    return World(site, names=("tls", "ws"), host="0.0.0.0")


@pytest.mark.parametrize("data,said", [
    (b"SSH-2.0-OpenSSH_9.2p1\r\n",
     r"what begins with the bytes 53 53 48 2d is neither tls nor ws"),
    (b"\x16\x02\x00", r"what begins with the bytes 16 02 00 is neither tls nor ws"),
    (b"\0\0\0\2", r"what begins with the bytes 00 00 00 02 is neither tls nor ws"),
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
     r"a link by ws is not encrypted, and this address takes tls://\S+, wss://\S+ only, because "
     r"allow_plain is not set"),
    (HELLO, r"a link by tcp is not encrypted, and this address takes tls://\S+, wss://\S+ only"),
], ids=["ssh", "old TLS", "another frame", "plain WebSocket", "plain Adit"])
def test_refused(shut, data, said):
    mark = shut.server.mark()
    sock = shut.connect()
    sock.sendall(data)
    got = read_to_end(sock)
    shut.server.wait_for("link from 127.0.0.1:%d closed: protocol: %s" % (
        sock.getsockname()[1], said), after=mark)
    if data is HELLO:                   # who speaks our language hears why
        assert re.search(said.encode(), got)
    else:
        assert got == b""


def test_refused_agent(shut):
    """adit without encryption hears the same."""
    a = shut.agent("tcp", 1, "--no-reconnect", wait=False)
    assert a.wait() == 1, a.text()
    a.wait_for(r"stopped: .*a link by tcp is not encrypted, and this address takes tls://\S+, "
               r"wss://\S+ only")


@pytest.mark.parametrize("data", [b"", b"\0", b"\x16", b"GE", b"\x16\x03\x01\x02\x00"],
                         ids=["nothing", "one byte", "half of TLS", "half of HTTP", "half a hello"])
def test_silent(site, data):
    """Who says nothing, or half of something, is let go at handshake_timeout."""
    w = World(site, limits={"handshake_timeout": "300ms"})
    sock = w.connect()
    sock.sendall(data)
    assert read_to_end(sock)[:1] in (b"", b"\x15")  # or an alert of TLS
    w.server.wait_for("link from 127.0.0.1:%d closed: timeout" % sock.getsockname()[1])
