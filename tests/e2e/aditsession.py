# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""A scriptable peer of the Adit protocol, as agent or as server, on a stream socket.

It adds to aditmachine.Machine deadlines, the answers that sections 3 to 7 demand, and a memory of
the conversation for the report of a failure. Nothing here waits for a fixed time.
"""

import os
import select
import socket
import ssl
import time

from aditmachine import OPEN_STATES, Machine
from aditwire import (ACK_EVERY, AGENT, CODE_NAMES, CODES, DEFAULTS, FLOOR, FRAME_MAX, LAYOUT,
                      SERVER, TYPES, VERSION, Frame, Illegal, Scram, decode, frame, payload,
                      raw_frame)


class Closed(Exception):
    """The link is at its end; goaway is the last GOAWAY received, or None."""

    def __init__(self, goaway, how="end of file"):
        super().__init__("link closed (%s), GOAWAY %s" % (how, code_of(goaway)))
        self.goaway = goaway


def code_of(goaway):
    if goaway is None:
        return None
    return CODE_NAMES.get(goaway["code"], "internal")


# Frames that come by themselves: expect() passes them by unless they are what is asked for.
# DATA is found in its stream.
BACKGROUND = {"PING", "PONG", "ACK", "CREDIT", "BLOCKED", "DATA"}


class Peer:
    """A session on a connected stream socket, as agent or as server, driven by a test.

    auto_answer: PING gets ACK and PONG, RESET and OPEN_FAIL get their RESET. auto_ack: ACK as
    section 7 demands. auto_credit: DATA is credited as soon as it is received.
    """

    def __init__(self, sock, role, *, auto_answer=True, auto_ack=True, auto_credit=True,
                 timeout=10.0, **hello):
        self.sock, self.role, self.timeout = sock, role, timeout
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.auto_answer, self.auto_ack, self.auto_credit = auto_answer, auto_ack, auto_credit
        self.hello = {
            "version_min": VERSION, "version_max": VERSION, "role": role, "features": 0,
            "max_frame": FRAME_MAX, "stream_window": 262144, "session_window": 16777216,
            "nonce": os.urandom(32), "software": "aditwire/1",
        }
        self.hello.update(hello)
        self.m = Machine(role, self.hello)
        self.inbuf = bytearray()
        self.queue = []                 # frames judged and not yet taken by the test
        self.eof = None                 # how the link ended
        self.log = []                   # everything, for the report of a failure
        self.next_token = 1 << 32       # away from those of scripts
        self.session = None             # payload of AUTH_OK
        self.verdicts = {"ok": 0, "skip": 0, "glitch": 0, "drop": 0}

    # Bytes.

    def close(self):
        self.sock.close()

    def shut(self):
        """No more bytes from here; what comes can still be read."""
        self.sock.shutdown(socket.SHUT_WR)

    def abort(self):
        """Closes with RST, as a link that breaks."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def _read_some(self):
        try:
            got = self.sock.recv(1 << 18)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError as e:
            self.eof = e.strerror
            return
        if got:
            self.inbuf += got
        else:
            self.eof = "end of file"

    def send_bytes(self, data, timeout=None):
        """All of data, reading meanwhile so that two full directions never lock."""
        end = time.monotonic() + (timeout or self.timeout)
        view = memoryview(data)
        poll = select.poll()
        while view:
            poll.register(self.sock, select.POLLOUT | (0 if self.eof else select.POLLIN))
            ready = poll.poll(max(0, (end - time.monotonic()) * 1000))
            if not ready:
                raise TimeoutError("peer takes no bytes\n" + self.story())
            if ready[0][1] & (select.POLLIN | select.POLLHUP | select.POLLERR) and not self.eof:
                self._read_some()
            try:
                view = view[self.sock.send(view):]
            except BlockingIOError:
                pass
            except OSError:             # what the peer said before is still to be read
                poll.register(self.sock, select.POLLIN)
                while not self.eof and poll.poll(max(0, (end - time.monotonic()) * 1000)):
                    self._read_some()
                return

    def dribble(self, data):
        """data in writes of one byte each, so that the receiver sees every cut."""
        for i in range(len(data)):
            self.send_bytes(data[i:i + 1])

    # Frames out.

    def make(self, name, sid=0, /, **fields):
        """A frame's bytes; follows it as sent."""
        body = payload(name, **fields)
        whole = {k: fields.get(k, DEFAULTS.get(k)) for k, _ in LAYOUT[name]}
        self._note_sent(Frame(TYPES[name], sid, body, whole))
        return frame(name, sid, **fields)

    def _note_sent(self, f):
        self.log.append("> %r" % f)
        self.m.sent(f)

    def send(self, name, sid=0, /, **fields):
        self.send_bytes(self.make(name, sid, **fields))

    def send_raw(self, data):
        """Bytes as they are; only counted."""
        self.log.append("> raw %d bytes %s" % (len(data), bytes(data[:32]).hex()))
        self.m.sent_raw(data)
        self.send_bytes(data)

    def send_unknown(self, type_, sid=0, body=b""):
        self.send_raw(raw_frame(type_, sid, body))

    def send_data(self, sid, data, timeout=None):
        """All of data as the peer's credit allows, waiting for more of it."""
        view = memoryview(data)
        end = time.monotonic() + (timeout or self.timeout)
        while view:
            n = min(len(view), self.room(sid), self.m.peer_hello["max_frame"])
            if n == 0:
                if self.m.streams[sid].peer_end == "reset":
                    return len(data) - len(view)
                self.step(end, "credit for stream %d" % sid)
                continue
            self.send("DATA", sid, bytes=bytes(view[:n]))
            view = view[n:]
        return len(data)

    def room(self, sid):
        """How much DATA the peer takes now on this stream."""
        m, st = self.m, self.m.streams[sid]
        stream = m.peer_hello["stream_window"] + st.allowed - st.sent
        used = m.above_floors("out_now") - max(0, st.out_now - FLOOR)
        left = m.peer_hello["session_window"] + m.session_allowed - used
        return max(0, min(stream, max(0, left) + FLOOR + st.taken - st.sent))

    # Frames in.

    def _frame_ready(self):
        f, used = decode(self.inbuf, self.hello["max_frame"])
        if f is None:
            return None
        del self.inbuf[:used]
        self.log.append("< %r" % f)
        verdict = self.m.received(f)
        self.verdicts[verdict] += 1
        if verdict == "glitch":
            raise Illegal("glitch", detail=repr(f))
        self._strict(f)
        self._react(f, verdict)
        return f

    def _strict(self, f):
        """What the text demands of a good peer beyond the legal."""
        if f.name == "BLOCKED":
            of = self.m.streams[f.sid] if f.sid else self.m
            if f["position"] != (of.received if f.sid else 0):
                raise Illegal("position", detail=repr(f))
            of.blocked += 1
            if of.blocked > of.credits + 1:
                raise Illegal("blocked", detail="again, and no credit came between")

    def _react(self, f, verdict):
        if verdict != "ok" or self.m.state not in OPEN_STATES:
            return
        st = self.m.streams.get(f.sid) if f.sid else None
        if self.auto_answer and f.name == "PING":
            self._ack()
            self.send("PONG", token=f["token"])
        elif self.auto_answer and f.name in ("RESET", "OPEN_FAIL") and not st.my_end:
            self.send("RESET", f.sid, code=0)
        elif self.auto_credit and f.name == "DATA" and not st.peer_end and st.my_end != "reset":
            pressed = self.m.above_floors("in_now") > self.hello["session_window"] // 2
            if st.in_now >= (1 if pressed else self.hello["stream_window"] // 2):
                self.send("CREDIT", f.sid, bytes=st.in_now, taken=st.in_now)
        elif self.auto_credit and f.name == "FIN" and not st.over and st.in_now > FLOOR:
            self.send("CREDIT", f.sid, bytes=0, taken=st.in_now - FLOOR)
        if self.auto_ack and self.m.in_seq - self.m.acked_out >= ACK_EVERY // 2:
            self._ack()

    def _ack(self):
        if self.m.in_seq > self.m.acked_out:
            self.send("ACK", received=self.m.in_seq)

    def step(self, end, what):
        """Takes one frame from the link into the queue; TimeoutError, Closed or Illegal."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        while True:
            f = self._frame_ready()
            if f is not None:
                self.queue.append(f)
                return
            if self.eof:
                if self.inbuf and self.eof == "end of file" and not self.m.goaway:
                    raise Illegal("short", detail="link ended inside a frame")
                raise Closed(self.m.goaway, self.eof)
            if not poll.poll(max(0, (end - time.monotonic()) * 1000)):
                raise TimeoutError("no %s\n%s" % (what, self.story()))
            self._read_some()

    def recv(self, timeout=None, what="frame"):
        """The next frame, whatever it is."""
        end = time.monotonic() + (timeout or self.timeout)
        while not self.queue:
            self.step(end, what)
        return self.queue.pop(0)

    def expect(self, name, sid=None, /, *, timeout=None, **fields):
        """The next frame that is not background noise must be this one."""
        end = time.monotonic() + (timeout or self.timeout)
        while True:
            f = self.recv(max(0.001, end - time.monotonic()), name)
            if f.name == name and (sid is None or f.sid == sid):
                break
            if f.name not in BACKGROUND:
                raise AssertionError("%r instead of %s\n%s" % (f, name, self.story()))
        for key, want in fields.items():
            want = CODES[want] if key == "code" and isinstance(want, str) else want
            assert f[key] == want, "%s=%r, not %r\n%s" % (key, f[key], want, self.story())
        return f

    def wait_for(self, name, sid=None, timeout=None):
        """The next such frame, with everything else before it left in the queue."""
        end = time.monotonic() + (timeout or self.timeout)
        seen = 0
        while True:
            for i in range(seen, len(self.queue)):
                if self.queue[i].name == name and sid in (None, self.queue[i].sid):
                    return self.queue.pop(i)
            seen = len(self.queue)
            self.step(end, name)

    def until(self, done, what, timeout=None):
        """Steps until done() is true."""
        end = time.monotonic() + (timeout or self.timeout)
        while not done():
            self.step(end, what)        # what was judged before is seen by done() already

    def expect_close(self, code=None, timeout=None):
        """The link must end; with code, a GOAWAY (or AUTH_FAIL) of that code must come before."""
        end = time.monotonic() + (timeout or self.timeout)
        last = None
        try:
            while True:
                f = self.recv(max(0.001, end - time.monotonic()), "end of the link")
                if f.name in ("GOAWAY", "AUTH_FAIL"):
                    last = f
        except Closed as e:
            last = e.goaway or last
            self.sock.close()           # whoever said GOAWAY waits a second for this
            if code is not None:
                assert code_of(last) == code, "closed with %s (%s), not %s\n%s" % (
                    code_of(last), e, code, self.story())
        return last

    def ping(self, timeout=None):
        """A round trip that proves that the session lives; every frame before is in the queue."""
        token = self.next_token
        self.next_token += 1
        self.send("PING", token=token)
        behind = self.m.out_seq
        while self.wait_for("PONG", timeout=timeout)["token"] != token:
            pass                        # the answer to an earlier one
        if self.m.acked_in < behind:
            raise Illegal("ack", detail="PONG without an ACK before it")

    def read(self, sid, n, timeout=None):
        """Exactly n bytes of a stream."""
        st = self.m.streams[sid]
        self.until(lambda: len(st.data) >= n, "%d bytes of stream %d" % (n, sid), timeout)
        out = bytes(st.data[:n])
        del st.data[:n]
        return out

    def read_end(self, sid, timeout=None):
        """All bytes of a stream until its sender ended it: (bytes, "fin" or "reset")."""
        st = self.m.streams[sid]
        self.until(lambda: st.peer_end, "end of stream %d" % sid, timeout)
        self.queue = [f for f in self.queue if (f.name, f.sid) not in
                      (("FIN", sid), ("RESET", sid))]
        out = bytes(st.data)
        st.data.clear()
        return out, st.peer_end

    def story(self):
        return "\n".join(self.log[-60:])

    # Conversations.

    def send_hello(self, **changes):
        self.send("HELLO", **dict(self.hello, **changes))


class AgentPeer(Peer):
    """The agent's end."""

    def __init__(self, sock, **options):
        super().__init__(sock, AGENT, **options)

    def start(self):
        """HELLO both ways."""
        self.send_hello()
        return self.expect("HELLO")

    def scram(self, token, name):
        return Scram(token.id, *self.m.nonces(), name, secret=token.secret)

    def auth(self, token, name, proof=None):
        """AUTH by method token; returns the exchange's values."""
        values = self.scram(token, name)
        self.send("AUTH", method="token", agent=name,
                  data=token.id.encode() + (values.proof if proof is None else proof))
        return values

    def login(self, token, name="peer"):
        self.start()
        values = self.auth(token, name)
        ok = self.expect("AUTH_OK")
        assert ok["data"] == values.server_proof, "the server does not know the secret"
        assert ok["agent"] == name and ok["resume"] == b""
        self.session = ok.fields
        return ok

    def renew(self, token, name):
        """Logs in again on a session that lives; returns AUTH_OK."""
        values = self.auth(token, name)
        ok = self.wait_for("AUTH_OK")
        assert ok["data"] == values.server_proof, "the server does not know the secret"
        return ok

    def bind(self, tunnel=1, name="t1", route="port", **params):
        self.send("BIND", tunnel=tunnel, route=route, name=name,
                  params=[(k, str(v)) for k, v in params.items()])
        return self.expect("BIND_OK", tunnel=tunnel)["address"]

    def accept(self, tunnel=1, answer=True):
        """Waits for OPEN; answers OPEN_OK unless told not to. Returns the stream."""
        f = self.wait_for("OPEN")
        assert f["tunnel"] == tunnel, self.story()
        if answer:
            self.send("OPEN_OK", f.sid)
        return self.m.streams[f.sid]


class ServerPeer(Peer):
    """The server's end; tokens are the aditwire.Token that may log in."""

    def __init__(self, sock, tokens=(), **options):
        super().__init__(sock, SERVER, **options)
        self.tokens = {t.id: t for t in tokens}
        self.next_id = 1

    def start(self, **changes):
        self.expect("HELLO")
        self.send_hello(**changes)

    def check_auth(self):
        """Receives AUTH: (frame, exchange's values or None, whether the proof is right)."""
        f = self.wait_for("AUTH") if self.session else self.expect("AUTH")
        self.m.auths -= 1               # the nonces are those of this one
        nonces = self.m.nonces()
        self.m.auths += 1
        data = f["data"]
        if f["method"] != "token" or len(data) != 40:
            return f, None, False
        token = self.tokens.get(data[:8].decode("ascii", "replace"))
        if token is None:
            return f, None, False
        keys = Scram(token.id, b"", b"", "", secret=token.secret)
        values = Scram(token.id, *nonces, f["agent"],
                       stored_key=keys.stored_key, server_key=keys.server_key)
        return f, values, values.accepts(data[8:])

    def login(self, account="acme", expires_ms=0):
        self.start()
        f, values, good = self.check_auth()
        if not good:
            self.send("AUTH_FAIL", code=CODES["auth_failed"], text="login refused")
            return None
        self.session = {"session": 7, "account": account, "agent": f["agent"]}
        self.send("AUTH_OK", data=values.server_proof, expires_ms=expires_ms, **self.session)
        return f

    def renew(self, expires_ms=0, good=True):
        """Receives AUTH on a session that lives, and answers it."""
        f, values, right = self.check_auth()
        assert right and self.m.state != "HS/WAIT", self.story()
        if good:
            self.send("AUTH_OK", data=values.server_proof, expires_ms=expires_ms, **self.session)
        else:
            self.send("AUTH_FAIL", code=CODES["auth_failed"], text="login refused")
        return f

    def bound(self, address="tcp://127.0.0.1:10022"):
        """Answers one BIND with BIND_OK; returns it."""
        f = self.expect("BIND")
        self.send("BIND_OK", tunnel=f["tunnel"], address=address)
        return f

    def open(self, tunnel=1, data=b"", family=4, port=40000, address=b"\x7f\0\0\1", sid=None):
        """OPEN with the client's first bytes in the same write; returns the stream."""
        sid = self.next_id if sid is None else sid
        self.next_id = max(self.next_id, sid + 1)
        out = self.make("OPEN", sid, tunnel=tunnel, family=family, port=port, address=address)
        if data:
            out += self.make("DATA", sid, bytes=data)
        self.send_bytes(out)
        return self.m.streams[sid]
