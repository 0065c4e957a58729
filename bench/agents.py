# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Many agents in one process, that log in and then do nothing but answer PING.

    agents.py PORT TOKEN-FILE PREFIX N TUNNELS [tls]

Says "up N" when all are in, each with so many tunnels (0 or 1). For a line on standard input it says
"pings M", how many PINGs have come since, and then waits for the input's end. An agent that is refused or
loses its link ends the program with an error. It speaks the protocol by the implementation that the
tests have of it (tests/e2e/aditwire.py), not by Adit's.
"""

import os
import selectors
import socket
import ssl
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "e2e"))

from aditwire import (AGENT, FRAME_MAX, NOT_NUMBERED, Scram, Token, VERSION,    # noqa: E402
                      decode, frame)

AT_ONCE = 16
READY = selectors.EVENT_READ


class Agent:
    """One link; turn() is called when it can be read."""

    def __init__(self, crowd, name):
        self.crowd, self.name = crowd, name
        self.inbuf = b""
        self.got = -1                   # bytes of the numbered sequence; -1: not yet begun
        self.nonce = os.urandom(32)
        self.sock = socket.create_connection(("127.0.0.1", crowd.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if crowd.tls:
            self.sock = crowd.tls.wrap_socket(self.sock)
        self.sock.sendall(frame("HELLO", version_min=VERSION, version_max=VERSION, role=AGENT,
                                features=0, max_frame=FRAME_MAX, stream_window=262144,
                                session_window=16777216, nonce=self.nonce, software="crowd"))

    def read(self):
        got = self.sock.recv(65536)
        while self.crowd.tls and self.sock.pending():
            got += self.sock.recv(65536)
        return got

    def turn(self):
        got = self.read()
        if not got:
            sys.exit("agents.py: %s lost its link" % self.name)
        self.inbuf += got
        while True:
            f, used = decode(self.inbuf)
            if f is None:
                return
            self.inbuf = self.inbuf[used:]
            if self.got >= 0 and f.name not in NOT_NUMBERED:
                self.got += used
            self.take(f)

    def take(self, f):
        if f.name == "HELLO":
            t = self.crowd.token
            proof = Scram(t.id, self.nonce, f["nonce"], self.name, secret=t.secret).proof
            self.sock.sendall(frame("AUTH", method="token", agent=self.name,
                                    data=t.id.encode() + proof))
        elif f.name == "AUTH_OK":
            self.got = 0
            if self.crowd.tunnels:
                self.sock.sendall(frame("BIND", tunnel=1, route="port", name="t", params=[]))
            else:
                self.crowd.enter()
        elif f.name == "BIND_OK":
            self.crowd.enter()
        elif f.name == "PING":
            self.crowd.pings += 1
            self.sock.sendall(frame("ACK", received=self.got) + frame("PONG", token=f["token"]))
        elif f.name not in ("PONG", "SPREAD"):
            sys.exit("agents.py: %s got %r" % (self.name, f))


class Crowd:
    def __init__(self, port, token, prefix, n, tunnels, tls=None):
        self.port, self.prefix, self.n, self.tunnels = port, prefix, n, tunnels
        self.tls = tls
        with open(token, encoding="ascii") as f:
            self.token = Token(f.read().strip())
        self.sel = selectors.DefaultSelector()
        self.made = self.entered = self.pings = 0

    def enter(self):
        self.entered += 1
        if self.entered == self.n:
            print("up", self.n, flush=True)
            self.pings = 0

    def make(self):
        agent = Agent(self, "%s%d" % (self.prefix, self.made))
        self.sel.register(agent.sock, READY, agent)
        self.made += 1

    def on_input(self):
        """True at the end of it."""
        if not os.read(0, 100):
            return True
        print("pings", self.pings, flush=True)
        return False

    def run(self):
        self.sel.register(0, READY, None)
        while True:
            while self.made < self.n and self.made - self.entered < AT_ONCE:
                self.make()
            for key, _ in self.sel.select():
                if key.data:
                    key.data.turn()
                elif self.on_input():
                    return


def unverified():
    """TLS of an agent that believes everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["adit/1"])
    return context


if __name__ == "__main__":
    Crowd(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]),
          unverified() if sys.argv[6:] == ["tls"] else None).run()
