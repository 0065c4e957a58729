# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Many agents in a process of their own, each with a session; idle but for the PINGs they answer.

    agents.py HOST PORT TOKEN-FILE N [bind]

Opens N links, never more than a few at a time, and logs in on each; with "bind" each publishes a
tunnel by port. "up N" when all are, "lost M" when some ended. On SIGUSR1 it says how many PINGs came
since it was started: "pings P".
"""

import os
import selectors
import signal
import socket
import sys

from aditwire import AGENT, FRAME_MAX, NAMES, VERSION, Scram, Token, frame, parse

AT_ONCE = 12                            # below limit unauthenticated_per_source


class Link:
    def __init__(self, sock, name):
        self.sock, self.name = sock, name
        self.nonce = os.urandom(32)
        self.inbuf = b""
        self.received = self.acked = 0  # numbered bytes: protocol.md section 7


class Agents:
    def __init__(self, where, token, n, bind):
        self.where, self.token, self.n, self.bind = where, token, n, bind
        self.sel = selectors.DefaultSelector()
        self.started = self.waiting = self.up = self.lost = self.pings = 0

    def connect(self):
        sock = socket.create_connection(self.where)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        link = Link(sock, "agent%d" % self.started)
        self.sel.register(sock, selectors.EVENT_READ, link)
        self.started += 1
        self.waiting += 1
        sock.send(frame("HELLO", version_min=VERSION, version_max=VERSION, role=AGENT,
                        max_frame=FRAME_MAX, stream_window=262144, session_window=16777216,
                        nonce=link.nonce, software="agents/1"))

    def settle(self, good):
        """One that was waited for is up, or will never be."""
        self.waiting -= 1
        self.up += good
        if self.waiting == 0 and self.started == self.n:
            if self.lost:
                print("lost", self.lost, flush=True)
            print("up", self.up, flush=True)

    def lose(self, link):
        self.sel.unregister(link.sock)
        link.sock.close()
        self.lost += 1
        if link.nonce:
            self.settle(False)
        else:
            print("lost", self.lost, flush=True)

    def on_hello(self, link, f):
        values = Scram(self.token.id, link.nonce, f["nonce"], link.name, secret=self.token.secret)
        link.sock.send(frame("AUTH", method="token", agent=link.name,
                             data=self.token.id.encode() + values.proof))

    def on_auth_ok(self, link, _):
        if self.bind:
            link.sock.send(frame("BIND", tunnel=1, route="port", name="t"))
        else:
            self.on_bind_ok(link, _)

    def on_bind_ok(self, link, _):
        link.nonce = None
        self.settle(True)

    def on_ping(self, link, f):
        self.pings += 1
        ack = frame("ACK", received=link.received) if link.received > link.acked else b""
        link.acked = link.received
        link.sock.send(ack + frame("PONG", token=f["token"]))

    def frames(self, link):
        data = link.inbuf
        while len(data) >= 8 and len(data) >= 8 + int.from_bytes(data[:3], "big"):
            size = 8 + int.from_bytes(data[:3], "big")
            name = NAMES[data[3]]
            if name.startswith("BIND"):     # nothing else of what comes here is numbered
                link.received += size
            act = getattr(self, "on_" + name.lower(), None)
            if act:
                act(link, parse(name, data[8:size]))
            data = data[size:]
        link.inbuf = data

    def turn(self, link):
        try:
            got = link.sock.recv(4096)
        except OSError:
            got = b""
        if got:
            link.inbuf += got
            self.frames(link)
        else:
            self.lose(link)

    def run(self):
        wake, poke = socket.socketpair()
        poke.setblocking(False)
        signal.set_wakeup_fd(poke.fileno())
        signal.signal(signal.SIGUSR1, lambda *_: None)
        self.sel.register(wake, selectors.EVENT_READ)
        while True:
            while self.started < self.n and self.waiting < AT_ONCE:
                self.connect()
            for key, _ in self.sel.select():
                if key.data is None:
                    wake.recv(100)
                    print("pings", self.pings, flush=True)
                else:
                    self.turn(key.data)


if __name__ == "__main__":
    with open(sys.argv[3], encoding="ascii") as file:
        secret = Token(file.read().strip())
    Agents((sys.argv[1], int(sys.argv[2])), secret, int(sys.argv[4]), "bind" in sys.argv[5:]).run()
