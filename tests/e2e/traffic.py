# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Streams that run while a test does something else, and whose every byte is checked.

    target = echo_target(site)                  # a process that can be killed
    with Traffic(lambda: site.connect(port), 4) as t:
        t.wait(1 << 20)                         # a MiB more has come back as it was sent
        server.kill()
        assert t.ends() == ["reset"] * 4        # and what had come until then was right
    # a Traffic that nobody has interrupted ends cleanly, with all bytes back
"""

import os
import random
import selectors
import socket
import sys
import threading
import time

from harness import SLOW, free_port

WINDOW = 1 << 16        # bytes of one stream on their way
_DATA = random.Random(20260101).randbytes((1 << 20) + 7)    # no power of two: a shift is seen


def pattern(at, n):
    """n bytes from position at of an endless sequence."""
    at %= len(_DATA)
    out = _DATA[at:at + n]
    while len(out) < n:
        out += _DATA[:n - len(out)]
    return out


def echo_target(site, port=0):
    """echo.py, listening; .port."""
    port = port or free_port()
    here = os.path.dirname(os.path.abspath(__file__))
    p = site.start("echo", [sys.executable, os.path.join(here, "echo.py"), str(port)])
    p.wait_for("listening", 20)
    p.port = port
    return p


class _Stream:
    def __init__(self, sock, start):
        self.sock = sock
        self.start = start
        self.sent = self.back = 0
        self.closing = False
        self.end = None             # "clean", "reset", or what is wrong
        sock.setblocking(False)

    def wants(self):
        if self.closing or self.sent - self.back >= WINDOW:
            return selectors.EVENT_READ
        return selectors.EVENT_READ | selectors.EVENT_WRITE

    def write(self):
        n = min(1 << 14, WINDOW - (self.sent - self.back))
        if n > 0 and not self.closing:
            self.sent += self.sock.send(pattern(self.start + self.sent, n))

    def read(self):
        got = self.sock.recv(1 << 16)
        if not got:
            whole = self.closing and self.back == self.sent
            self.end = "clean" if whole else "a clean end after %d of %d bytes" % (
                self.back, self.sent)
        elif got != pattern(self.start + self.back, len(got)):
            self.end = "wrong bytes from %d on" % self.back
        else:
            self.back += len(got)

    def turn(self, events):
        """Returns how many bytes have come back."""
        before = self.back
        try:
            if events & selectors.EVENT_READ:
                self.read()
            if events & selectors.EVENT_WRITE and self.end is None:
                self.write()
        except BlockingIOError:
            pass
        except ConnectionResetError:        # by either call: it is told once
            self.end = "reset"
        except BrokenPipeError:
            self.end = "FIN, then RST"
        return self.back - before


class Traffic:
    """n streams to an echo, made by connect(); a thread of its own moves and checks bytes."""

    def __init__(self, connect, n):
        self.changed = threading.Condition()
        self.total = 0                          # bytes that came back
        self.left = n
        self.wake, self.poke = socket.socketpair()
        self.closing = self.quit = False
        self.streams = [_Stream(connect(), i * 99991) for i in range(n)]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _turn(self, sel):
        moved = ended = 0
        for key, events in sel.select():
            st = key.data
            if st is None:
                self.wake.recv(100)
                self._closing(sel)
                continue
            moved += st.turn(events)
            if st.end is not None:
                sel.unregister(st.sock)
                st.sock.close()
                ended += 1
            else:
                sel.modify(st.sock, st.wants(), st)
        with self.changed:
            self.total += moved
            self.left -= ended
            self.changed.notify_all()

    def _closing(self, sel):
        if not self.closing:
            return
        for st in self.streams:
            if st.end is None and not st.closing:
                st.closing = True
                try:
                    st.sock.shutdown(socket.SHUT_WR)
                except OSError:
                    pass                        # what it is shows when reading
                sel.modify(st.sock, selectors.EVENT_READ, st)

    def _run(self):
        with selectors.DefaultSelector() as sel:
            sel.register(self.wake, selectors.EVENT_READ)
            for st in self.streams:
                sel.register(st.sock, st.wants(), st)
            while self.left > 0 and not self.quit:
                self._turn(sel)
        for st in self.streams:
            st.sock.close()

    def _until(self, done, what, timeout):
        end = time.monotonic() + timeout * SLOW
        with self.changed:
            while not done():
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError("%s: %d bytes, %s" % (
                        what, self.total, [(s.end, s.sent, s.back) for s in self.streams]))
                self.changed.wait(left)

    def wait(self, n, timeout=20.0):
        """Until n more bytes have come back; fails when a stream has ended."""
        goal = self.total + n
        self._until(lambda: self.total >= goal or self.left < len(self.streams),
                    "%d bytes do not come back" % n, timeout)
        assert self.left == len(self.streams), self.state()

    def state(self):
        return [st.end for st in self.streams]

    def ends(self, timeout=10.0):
        """How all streams have ended; waits for it."""
        self._until(lambda: self.left == 0, "streams do not end", timeout)
        return self.state()

    def finish(self, timeout=20.0):
        """Half-closes all streams and expects every byte back and a clean end."""
        self.closing = True
        self.poke.send(b"x")
        assert self.ends(timeout) == ["clean"] * len(self.streams), self.state()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None and not any(st.end for st in self.streams):
            self.finish()
        self.quit = True
        self.poke.send(b"x")
        self.thread.join(10 * SLOW)
        self.wake.close()
        self.poke.close()
