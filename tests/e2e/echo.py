# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""A target as a process of its own, so that a test can kill it: sends back what it gets.

    echo.py PORT    says "listening PORT" and runs until it is killed

A connection that is echoed to its end is closed cleanly; one that is cut off by the end of this
process ends with RST, as that of a program that has crashed in the middle of its work often does.
"""

import selectors
import socket
import struct
import sys

MOST = 1 << 18          # bytes that wait for one client
ABORT = struct.pack("ii", 1, 0)
GENTLE = struct.pack("ii", 0, 0)


class Echo:
    def __init__(self, sel, sock):
        self.sel, self.sock = sel, sock
        self.waiting = bytearray()
        self.eof = False
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        sel.register(sock, selectors.EVENT_READ, self)

    def end(self):
        self.sel.unregister(self.sock)
        self.sock.close()

    def turn(self, events):
        try:
            if events & selectors.EVENT_READ:
                got = self.sock.recv(1 << 16)
                self.waiting += got
                self.eof = self.eof or not got
            if self.waiting:
                del self.waiting[:self.sock.send(self.waiting)]
        except BlockingIOError:
            pass
        except OSError:
            self.end()
            return
        if self.eof and not self.waiting:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, GENTLE)
            self.end()
            return
        read = selectors.EVENT_READ if not self.eof and len(self.waiting) < MOST else 0
        self.sel.modify(self.sock, read | (selectors.EVENT_WRITE if self.waiting else 0), self)


def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1])))
    listener.listen(512)
    sel = selectors.DefaultSelector()
    sel.register(listener, selectors.EVENT_READ)
    print("listening", listener.getsockname()[1], flush=True)
    while True:
        for key, events in sel.select():
            if key.data is None:
                Echo(sel, listener.accept()[0])
            else:
                key.data.turn(events)


if __name__ == "__main__":
    main()
