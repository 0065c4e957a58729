# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Many clients in a process of their own, of a target that echoes; idle but when told.

    crowd.py HOST PORT N

Opens N connections, never more than a few at a time, and sends a byte on each, which must come
back: "up N" when all have been answered, "lost M" when some ended first. On SIGUSR1 each sends a
byte again: "alive N" when all have come back.
"""

import selectors
import signal
import socket
import sys

AT_ONCE = 64


class Crowd:
    def __init__(self, where, n):
        self.where, self.n = where, n
        self.sel = selectors.DefaultSelector()
        self.here = set()
        self.started = self.waiting = self.lost = 0
        self.word = "up"

    def connect(self):
        sock = socket.socket()
        sock.setblocking(False)
        # Two source addresses: each has ports enough for all that is open at the same time.
        sock.setsockopt(socket.IPPROTO_IP, 24, 1)           # IP_BIND_ADDRESS_NO_PORT
        sock.bind(("127.0.0.%d" % (2 + self.started % 2), 0))
        sock.connect_ex(self.where)
        self.sel.register(sock, selectors.EVENT_WRITE, "new")
        self.started += 1
        self.waiting += 1

    def ask(self, sock):
        sock.send(b"?")
        self.sel.modify(sock, selectors.EVENT_READ, "asked")

    def lose(self, sock):
        self.sel.unregister(sock)
        sock.close()
        self.here.discard(sock)
        self.lost += 1

    def turn(self, key):
        try:
            if key.data == "new":
                self.ask(key.fileobj)
                return
            got = key.fileobj.recv(10)
        except OSError:
            got = b""
        if got == b"?" and key.data == "asked":
            self.here.add(key.fileobj)
            self.sel.modify(key.fileobj, selectors.EVENT_READ, "idle")
        else:
            self.lose(key.fileobj)
            if key.data == "idle":
                return
        self.waiting -= 1
        if self.waiting == 0 and self.started == self.n:
            self.tell()

    def tell(self):
        if self.lost:
            print("lost", self.lost, flush=True)
        print(self.word, len(self.here), flush=True)

    def ask_all(self):
        self.word = "alive"
        self.waiting = len(self.here)
        for sock in list(self.here):
            self.ask(sock)

    def run(self):
        wake, poke = socket.socketpair()
        poke.setblocking(False)
        signal.set_wakeup_fd(poke.fileno())
        signal.signal(signal.SIGUSR1, lambda *_: None)
        self.sel.register(wake, selectors.EVENT_READ, "signal")
        while True:
            while self.started < self.n and self.waiting < AT_ONCE:
                self.connect()
            for key, _ in self.sel.select():
                if key.data == "signal":
                    wake.recv(100)
                    self.ask_all()
                else:
                    self.turn(key)


if __name__ == "__main__":
    Crowd((sys.argv[1], int(sys.argv[2])), int(sys.argv[3])).run()
