# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""A WebSocket client of the tests' own, which can do what no library would: WsSocket stands where
aditsession.Peer wants a socket, and frames can be of any kind."""

import select
import struct

from harness import SLOW
from wstables import REQUEST, message

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(op, payload=b"", fin=True, key=b"\x37\xfa\x21\x3d"):
    """A client's frame."""
    n = len(payload)
    head = bytes([op | (0x80 if fin else 0)])
    if n < 126:
        head += bytes([0x80 | n])
    elif n < 65536:
        head += struct.pack("!BH", 0xfe, n)
    else:
        head += struct.pack("!BQ", 0xff, n)
    whole = (key * (n // 4 + 1))[:n]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")
    return head + key + masked.to_bytes(n, "big")


def shake(sock, edits="-"):
    """The handshake on a blocking socket; what has come behind it is returned."""
    sock.sendall(message(REQUEST, edits))
    got = b""
    while b"\r\n\r\n" not in got:
        more = sock.recv(65536)
        assert more, got
        got += more
    assert got.startswith(b"HTTP/1.1 101 "), got
    return got.split(b"\r\n\r\n", 1)[1]


class Frames:
    """Takes a server's bytes apart: feed() gives [(op, payload)]."""

    def __init__(self, rest=b""):
        self.buf = bytearray(rest)

    def feed(self, data=b""):
        self.buf += data
        out = []
        while len(self.buf) >= 2:
            n, at = self.buf[1], 2
            assert self.buf[0] & 0xf0 == 0x80 and n < 128, "a frame of the server: %r" % self.buf[:2]
            if n == 126:
                n, at = int.from_bytes(self.buf[2:4], "big"), 4
            elif n == 127:
                n, at = int.from_bytes(self.buf[2:10], "big"), 10
            if len(self.buf) < at or len(self.buf) < at + n:
                break
            out.append((self.buf[0] & 15, bytes(self.buf[at:at + n])))
            del self.buf[:at + n]
        return out


def next_frames(sock, frames, stop):
    """Frames from a blocking socket until stop(list of all so far), or its end."""
    out = frames.feed()
    while not stop(out):
        got = sock.recv(1 << 16)
        if not got:
            break
        out += frames.feed(got)
    return out


class WsSocket:
    """A connected socket as a WebSocket. chop: bytes of each fragment, with a ping before each; edits:
    of the request, as in requests.txt."""

    def __init__(self, sock, chop=None, edits="-"):
        self.sock, self.chop = sock, chop
        self.frames = Frames(shake(sock, edits))
        self.ready, self.ended = [], False
        self.pongs, self.close_code = 0, None
        self.family = sock.family
        self.setsockopt, self.fileno = sock.setsockopt, sock.fileno
        self.close, self.shutdown, self.setblocking = sock.close, sock.shutdown, sock.setblocking

    def _take(self):
        """Reads once, without waiting."""
        got = self.sock.recv(1 << 18)
        self.ended = self.ended or not got
        for op, payload in self.frames.feed(got):
            if op == BINARY:
                self.ready.append(payload)
            elif op == PONG:
                self.pongs += 1
            elif op == CLOSE:
                self.close_code = int.from_bytes(payload[:2], "big")
                self.ended = True

    def recv(self, _):
        while not self.ready and not self.ended:
            self._take()                # or BlockingIOError
        out, self.ready = b"".join(self.ready), []
        return out

    def send_frames(self, data):
        """All of data as it is. Nothing is read meanwhile: whoever polls would not hear of it."""
        view, poll = memoryview(data), select.poll()
        poll.register(self.sock, select.POLLOUT)
        while view:
            if not poll.poll(20000 * SLOW):
                raise TimeoutError("the server takes nothing")
            try:
                view = view[self.sock.send(view):]
            except BlockingIOError:
                pass

    def send(self, data):
        """A message of the first bytes of data; how many."""
        data = bytes(data[:65536])
        if self.chop is None:
            self.send_frames(frame(BINARY, data))
            return len(data)
        out = b""
        for at in range(0, len(data), self.chop):
            piece = data[at:at + self.chop]
            out += frame(PING, b"p") + frame(CONTINUATION if at else BINARY, piece, fin=False)
        self.send_frames(out + frame(CONTINUATION, b""))
        return len(data)
