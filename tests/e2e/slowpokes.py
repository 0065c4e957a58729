# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Links that get stuck on their way to a login, many at once, in a process of its own.

    slowpokes.py HOST PORT DRIP SPEC...

A SPEC is TRANSPORT/LEVEL/KIND/N: N links of TRANSPORT (tcp, tls, ws, wss) that go as far as LEVEL
and there do as KIND says.

    LEVEL   first   the first bytes of all: HELLO, a ClientHello, the request of a WebSocket
            http    that request inside TLS (wss)
            hello   HELLO, when all layers are up (tls, ws, wss)
            auth    AUTH, after both HELLO
    KIND    silent  nothing of it comes
            half    half of it, and no more
            drip    a byte of it each DRIP seconds

Says for each SPEC, when the server has closed all, "closed SPEC: N after S to T s", the times since
each began to connect; and at the end "stuck N, lost M, P at once": M were closed on their way there.
"""

import collections
import heapq
import selectors
import socket
import ssl
import sys
import time

import aditwire as wire

AT_ONCE = 32            # on their way to where they get stuck
REQUEST = (b"GET /adit HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
           b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
HELLO = {"version_min": 1, "version_max": 1, "role": wire.AGENT, "features": 0,
         "max_frame": 65536, "stream_window": 65536, "session_window": 262144,
         "nonce": b"n" * 32, "software": "slowpoke"}


class Tls:
    """A client's TLS in memory: what goes out and what comes in is the link's to move."""

    def __init__(self, alpn):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols([alpn])
        self.below, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.it = context.wrap_bio(self.below, self.out, server_hostname="localhost")

    def begin(self):
        """The ClientHello."""
        try:
            self.it.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return self.out.read()

    def shake(self, got):
        """True when the handshake is done."""
        self.below.write(got)
        try:
            self.it.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def read(self, got):
        self.below.write(got)
        try:
            return self.it.read(1 << 16)
        except ssl.SSLWantReadError:
            return b""

    def write(self, data):
        self.it.write(data)
        return self.out.read()


class Link:
    """One link; goes through its steps until it is stuck."""

    def __init__(self, spec, where):
        self.spec = spec
        self.transport, self.level, self.kind, _ = spec.split("/")
        self.tls = None
        self.ws = False                 # frames are inside WebSocket
        self.heard = b""                # above TLS
        self.stuck = False
        self.rest = b""                 # what drips
        self.began = time.monotonic()
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.connect_ex(where)
        self.turn = self.steps()
        self.wants = next(self.turn)

    def seal(self, data):
        """As it travels, inside what is up already."""
        if self.ws:
            assert len(data) < 126
            data = bytes((0x82, 0x80 | len(data))) + bytes(4) + data
        return self.tls.write(data) if self.tls else data

    def stop(self, message, sealed=False):
        """Here it gets stuck, with message as what should come."""
        whole = message if sealed else None
        if self.kind == "half":
            part = message[:len(message) // 2]
            self.sock.send(part if whole else self.seal(part))
        elif self.kind == "drip":
            self.rest = message
        self.sealed = sealed
        self.stuck = True

    def drip(self):
        """One byte more of it; False when there is none."""
        byte, self.rest = self.rest[:1], self.rest[1:]
        if byte:
            self.sock.send(byte if self.sealed else self.seal(byte))
        return bool(self.rest)

    def steps(self):
        """Yields what must come before it goes on: a number of bytes, or an end of them."""
        yield "connected"
        if self.transport in ("tls", "wss"):
            yield from self.through_tls()
        if self.transport in ("ws", "wss") and not self.stuck:
            yield from self.through_http()
        if not self.stuck:
            yield from self.through_hello()

    def through_tls(self):
        tls = Tls("adit/1" if self.transport == "tls" else "http/1.1")
        first = tls.begin()
        if self.level == "first":
            self.stop(first, sealed=True)
            return
        self.sock.send(first)
        while not tls.shake((yield "raw")):
            pass
        self.tls = tls
        self.sock.send(tls.out.read())

    def through_http(self):
        if self.level in ("first", "http"):
            self.stop(REQUEST)
            return
        self.sock.send(self.seal(REQUEST))
        while b"\r\n\r\n" not in self.heard:
            self.heard += self.open((yield "raw"))
        assert self.heard.startswith(b"HTTP/1.1 101 "), self.heard
        self.heard = self.heard.partition(b"\r\n\r\n")[2]
        self.ws = True

    def through_hello(self):
        hello = wire.frame("HELLO", **HELLO)
        if self.level in ("first", "hello"):
            self.stop(hello)
            return
        self.sock.send(self.seal(hello))
        while b"ADIT" not in self.heard:
            self.heard += self.open((yield "raw"))
        self.stop(wire.frame("AUTH", method="token", agent="slow", data=b"x" * 40))

    def open(self, got):
        return self.tls.read(got) if self.tls else got


class Crowd:
    def __init__(self, where, drip, specs):
        self.where, self.pause = where, drip
        self.sel = selectors.DefaultSelector()
        self.ahead = collections.deque(s for s in specs for _ in range(int(s.split("/")[3])))
        self.left = {s: int(s.split("/")[3]) for s in specs}
        self.times = {s: [] for s in specs}
        self.stuck = self.lost = self.moving = self.n_open = self.peak = 0
        self.drips = []                 # heap of (when, number, link)

    def start(self):
        while self.ahead and self.moving < AT_ONCE:
            link = Link(self.ahead.popleft(), self.where)
            self.sel.register(link.sock, selectors.EVENT_WRITE, link)
            self.moving += 1
            self.n_open += 1
            self.peak = max(self.peak, self.n_open)

    def is_stuck(self, link):
        self.moving -= 1
        self.stuck += 1
        if link.rest:
            heapq.heappush(self.drips, (time.monotonic() + self.pause, id(link), link))

    def closed(self, link):
        took = time.monotonic() - link.began
        self.sel.unregister(link.sock)
        link.sock.close()
        link.rest = b""
        self.n_open -= 1
        if not link.stuck:
            self.moving -= 1
            self.lost += 1
        times = self.times[link.spec]
        times.append(took)
        self.left[link.spec] -= 1
        if not self.left[link.spec]:
            print("closed %s: %d after %.3f to %.3f s" % (link.spec, len(times), min(times),
                                                         max(times)), flush=True)

    def advance(self, link, got):
        if link.stuck:
            return                      # a GOAWAY; its end is what counts
        try:
            link.turn.send(got)
        except StopIteration:
            self.is_stuck(link)

    def event(self, link):
        if link.wants == "connected":
            link.wants = "raw"
            self.sel.modify(link.sock, selectors.EVENT_READ, link)
            self.advance(link, None)
            return
        got = link.sock.recv(1 << 16)
        if got:
            self.advance(link, got)
        else:
            self.closed(link)

    def drip(self):
        while self.drips and self.drips[0][0] <= time.monotonic():
            link = heapq.heappop(self.drips)[2]
            try:
                if link.rest and link.drip():
                    heapq.heappush(self.drips, (time.monotonic() + self.pause, id(link), link))
            except OSError:
                link.rest = b""         # its end is about to be read

    def run(self):
        while any(self.left.values()):
            self.start()
            for key, _ in self.sel.select(0.05):
                try:
                    self.event(key.data)
                except OSError:
                    self.closed(key.data)
            self.drip()
        print("stuck %d, lost %d, %d at once" % (self.stuck, self.lost, self.peak), flush=True)


def main():
    host, port, drip = sys.argv[1:4]
    Crowd((host, int(port)), float(drip), sys.argv[4:]).run()


if __name__ == "__main__":
    main()
