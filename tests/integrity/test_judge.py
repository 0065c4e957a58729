# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The judge is judged: behind relays that do one thing wrong, the integrity program must say so.

An honest relay passes; each bad one fails exactly the result that names its fault, so that no
result of the program is one that cannot fail.
"""

import os
import selectors
import socket
import struct
import subprocess
import threading

import pytest

PROGRAM = os.path.join(os.environ.get("top_builddir", "."), "tests", "integrity", "integrity")
RST_ON_CLOSE = struct.pack("ii", 1, 0)
ROOM = 1 << 16

ENDS, CUT, WRONG, STRAY, STRANGE = (
    "every stream ends", "no direction ends cleanly with bytes missing", "no wrong bytes",
    "no abort without a cause", "no connection at the target without a stream")


class Side:
    """One socket of a relayed connection, and what waits to be written to it."""

    def __init__(self, sock, number):
        self.sock, self.number = sock, number
        self.waiting, self.held = bytearray(), b""
        self.other = None
        self.eof = self.shut = False
        self.passed = 0


class Relay(threading.Thread):
    """Carries connections to the target as a tunnel should; the hooks below are for faults."""

    def __init__(self, target_port):
        super().__init__(daemon=True)
        self.target = ("127.0.0.1", target_port)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.sel = selectors.DefaultSelector()
        self.sel.register(self.listener, selectors.EVENT_READ, None)
        self.stop_read, self.stop_write = socket.socketpair()
        self.sel.register(self.stop_read, selectors.EVENT_READ, "stop")
        self.count, self.kept = 0, []

    def run(self):
        while True:
            for key, events in self.sel.select():
                if key.data == "stop":
                    return
                if key.data is None:
                    self.accept()
                elif all(s.sock.fileno() >= 0 for s in (key.data, key.data.other)):
                    self.turn(key.data, events)

    def accept(self):
        try:
            client = self.listener.accept()[0]
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.count += 1
        a, b = Side(client, self.count), Side(socket.create_connection(self.target), self.count)
        a.other, b.other = b, a
        for side in (a, b):
            side.sock.setblocking(False)
            self.watch(side)

    def watch(self, side):
        events = 0
        if not side.eof and len(side.other.waiting) < ROOM:
            events |= selectors.EVENT_READ
        if side.waiting:
            events |= selectors.EVENT_WRITE
        known = side.sock.fileno() in self.sel.get_map()
        if known and events:
            self.sel.modify(side.sock, events, side)
        elif known:
            self.sel.unregister(side.sock)
        elif events:
            self.sel.register(side.sock, events, side)

    def turn(self, side, events):
        try:
            if events & selectors.EVENT_READ and not side.eof:
                self.read(side)
            for s in (side, side.other):
                self.write(s)
        except BlockingIOError:
            pass
        except OSError:
            self.abort(side)
            return
        if all(s.eof and s.shut for s in (side, side.other)):
            self.close(side)
            return
        if side.sock.fileno() >= 0:
            self.watch(side)
            self.watch(side.other)

    def read(self, side):
        got = side.sock.recv(ROOM)
        if got:
            side.other.waiting += self.data(side, got)
            side.passed += len(got)
        else:
            side.eof = True
            self.fin(side)

    def write(self, side):
        if side.waiting:
            del side.waiting[:side.sock.send(side.waiting)]
        if side.other.eof and not side.waiting and not side.shut and self.passes_fin(side):
            side.sock.shutdown(socket.SHUT_WR)
            side.shut = True

    def close(self, side):
        for s in (side, side.other):
            if s.sock.fileno() in self.sel.get_map():
                self.sel.unregister(s.sock)
            s.sock.close()

    def reset(self, side):
        for s in (side, side.other):
            s.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
        self.close(side)

    def abort(self, side):
        self.reset(side)

    def data(self, side, got):
        return got

    def fin(self, side):
        pass

    def passes_fin(self, side):
        return True

    def end(self):
        self.stop_write.send(b"x")
        self.join()
        for sock in [key.fileobj for key in self.sel.get_map().values()] + self.kept:
            sock.close()
        self.sel.close()
        self.stop_write.close()


class FinForReset(Relay):
    def abort(self, side):
        self.close(side)


class CutsTail(Relay):
    def data(self, side, got):
        """The last byte waits for more."""
        got = side.held + got
        side.held = got[-1:]
        return got[:-1]


class FlipsBit(Relay):
    def data(self, side, got):
        return got if side.passed < 8 else got[:-1] + bytes([got[-1] ^ 1])


class DoublesBytes(Relay):
    def data(self, side, got):
        return got if side.passed < 8 else got + got[:1]


class Aborts(Relay):
    def data(self, side, got):
        """Once a direction has said who it is. Of few streams all might be meant to be aborted."""
        if side.passed >= 8:
            raise ConnectionError
        return got


class NoHalfClose(Relay):
    def fin(self, side):
        side.other.eof = True


class HoldsFin(Relay):
    def passes_fin(self, side):
        return side.number % 8 != 0


class DropsResets(Relay):
    def abort(self, side):
        """Forgets the connection without a word to the other side."""
        for s in (side, side.other):
            if s.sock.fileno() in self.sel.get_map():
                self.sel.unregister(s.sock)
        side.sock.close()
        self.kept.append(side.other.sock)


class Strangers(Relay):
    def accept(self):
        super().accept()
        with socket.create_connection(self.target) as s:
            s.send(b"who are you")


class EmptyCalls(Relay):
    def accept(self):
        super().accept()
        with socket.create_connection(self.target):
            pass


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def run_behind(kind):
    """Returns (status, names of the results that failed, everything that was said)."""
    port = free_port()
    relay = kind(port)
    relay.start()
    # Who gives up on streams that never end keeps them, and that is no leak.
    env = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
    done = subprocess.run(
        [PROGRAM, "--connect", "127.0.0.1:%d" % relay.port, "--listen", "127.0.0.1:%d" % port,
         "--streams", "120", "--parallel", "8", "--max-size", "64KiB", "--stall", "2"],
        capture_output=True, text=True, timeout=120, check=False, env=env)
    relay.end()
    said = done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if "ok " in line[:7]]
    assert len(lines) == 5, said
    bad = {name for name in (ENDS, CUT, WRONG, STRAY, STRANGE)
           for line in lines if line.startswith("not ok") and name in line}
    return done.returncode, bad, said


def test_an_honest_relay_passes():
    status, bad, said = run_behind(Relay)
    assert status == 0 and not bad, said


@pytest.mark.parametrize("kind, faults", [
    (FinForReset, {CUT}),
    (CutsTail, {CUT}),
    (FlipsBit, {WRONG}),
    (DoublesBytes, {WRONG}),
    (Aborts, {STRAY}),
    (NoHalfClose, {CUT}),
    (HoldsFin, {ENDS}),
    (DropsResets, {ENDS}),
    (Strangers, {STRANGE}),
    (EmptyCalls, {CUT}),
])
def test_a_bad_relay_is_found_out(kind, faults):
    status, bad, said = run_behind(kind)
    assert status == 1 and faults <= bad, said
