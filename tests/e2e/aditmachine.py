# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""A pure machine that judges every frame of a session, for either end of the Adit protocol.

It knows the states of section 11, the numbering of section 7 and the credit of section 6. What is
received is checked strictly; what is sent is only followed, so that a test may send what it likes.
"""

from aditwire import (AGENT, CODES, EXT_DATAGRAM, FLOOR, LIMIT_MAX, NAMES, NOT_NUMBERED, RESERVED,
                      RESUME, SERVER, VERSION, Illegal)

BY_SERVER = {"AUTH_CHALLENGE", "AUTH_OK", "AUTH_FAIL", "RESUME_OK", "RESUME_FAIL", "BIND_OK", "BIND_FAIL",
             "OPEN", "SPREAD"}
BY_AGENT = {"AUTH", "AUTH_ANSWER", "RESUME", "BIND", "OPEN_OK", "OPEN_FAIL", "REPORT"}
AUTHS = {"AUTH", "AUTH_CHALLENGE", "AUTH_ANSWER", "AUTH_OK", "AUTH_FAIL"}
LOGIN = AUTHS | {"HELLO", "RESUME", "RESUME_OK", "RESUME_FAIL"}
OPEN_STATES = ("AUTHENTICATED", "BOUND", "FORWARDING", "DRAINING")
NOT_ERRORS = {CODES[c] for c in ("none", "shutdown", "leaving")}


class Stream:
    """One stream as one end sees it. Ends are None, "fin" or "reset"."""

    def __init__(self, sid, tunnel):
        self.sid, self.tunnel = sid, tunnel
        self.answered = None            # "ok" or "fail"
        self.my_end = self.peer_end = None
        self.sent = self.received = 0
        self.allowed = self.given = 0   # CREDIT's bytes received, sent
        self.taken = self.told = 0      # CREDIT's taken received, sent
        self.over = False
        self.blocked = self.credits = 0     # BLOCKED received, CREDIT sent
        self.data = bytearray()         # received and not yet consumed by the test
        self.client = None
        self.flow = False               # carries datagrams
        self.datagrams = []             # received

    @property
    def out_now(self):
        return self.sent - self.taken

    @property
    def in_now(self):
        return self.received - self.told

    def column(self):
        """The column of section 11's table for a frame that the peer sends."""
        if self.over:
            return "CLOSED"
        if self.my_end or self.peer_end:
            return "CLOSING/ended" if self.peer_end else "CLOSING/open"
        return "ACTIVE" if self.answered else "OPENING"


class Machine:
    """One end of one session: role is ours. sent() and received() are told of every frame."""

    def __init__(self, role, hello):
        self.role, self.hello = role, hello
        self.peer_hello = None
        self.state = "INIT"
        self.challenges = 0
        self.renewal = "NONE"           # of a session that lives: or "WAIT", "ANSWER"
        self.auths = 0                  # AUTH frames of this link
        self.session = None             # of AUTH_OK
        self.tried = False              # RESUME was sent on this link
        self.tunnels = {}               # id -> "asked", "leaving", "bound", "failed", "gone"
        self.streams = {}
        self.last_id = 0
        self.in_seq = self.out_seq = None   # bytes of section 7, None before they begin
        self.acked_in = 0               # the highest ACK received
        self.acked_out = 0              # the highest ACK sent
        self.session_allowed = self.session_given = 0
        self.blocked = self.credits = 0 # as in Stream, of all; a stream that is over gives, too
        self.pings = []                 # (token, position behind it) that were sent
        self.glitches = 0
        self.goaway = None              # the peer's
        self.goaway_sent = None

    def verdict(self, f):
        """ok, skip, glitch; or Illegal. Does not change anything."""
        name = f.name
        if self.state in ("CLOSED", "RESUMED"):
            return "drop"
        if name == "GOAWAY":
            if self.role == SERVER and f["last"] != 0:
                raise Illegal("last")
            return "ok"
        if self.state not in OPEN_STATES:
            return self._verdict_login(f)
        if not f.known:
            if f.type & 0x80:
                raise Illegal("critical")
            return "glitch"
        if name in RESERVED:
            raise Illegal("feature")
        if name in AUTHS and name in (BY_SERVER if self.role == AGENT else BY_AGENT):
            return self._verdict_renewal(f)
        if name in LOGIN or name in (BY_SERVER if self.role == SERVER else BY_AGENT):
            raise Illegal("state", detail="%s in %s" % (name, self.state))
        if f.sid == 0:
            return self._verdict_session(f)
        if self.state == "AUTHENTICATED" or (self.state == "BOUND" and name != "OPEN"):
            raise Illegal("state", detail="%s in %s" % (name, self.state))
        return self._verdict_stream(f)

    def _verdict_login(self, f):
        legal = {
            (SERVER, "INIT"): ("HELLO",),
            (SERVER, "HS/AUTH"): ("AUTH", "RESUME") if self.agreed(RESUME) else ("AUTH",),
            (SERVER, "HS/WAIT"): (),
            (SERVER, "HS/ANSWER"): ("AUTH_ANSWER",),
            (SERVER, "HS/RESUME"): (),
            (AGENT, "INIT"): ("HELLO",),
            (AGENT, "HS/AUTH"): (),
            (AGENT, "HS/WAIT"): (),
            (AGENT, "HS/ANSWER"): ("AUTH_CHALLENGE", "AUTH_OK", "AUTH_FAIL"),
            (AGENT, "HS/RESUME"): ("RESUME_OK", "RESUME_FAIL"),
        }[self.role, self.state]
        if f.name not in legal:
            raise Illegal("state", detail="%s in %s" % (f.name, self.state))
        if f.name == "AUTH_CHALLENGE" and self.challenges == 8:
            raise Illegal("challenges")
        if f.name == "HELLO":
            self._check_hello(f)
        if f.name == "RESUME" and self.tried:
            raise Illegal("again")
        if f.name == "AUTH_OK" and f["resume"] and not self.agreed(RESUME):
            raise Illegal("feature")
        return "ok"

    def _verdict_renewal(self, f):
        legal = {("AUTH", "NONE"), ("AUTH_ANSWER", "ANSWER"), ("AUTH_CHALLENGE", "ANSWER"),
                 ("AUTH_OK", "ANSWER"), ("AUTH_FAIL", "ANSWER")}
        if (f.name, self.renewal) not in legal:
            raise Illegal("state", detail="%s in a renewal that is %s" % (f.name, self.renewal))
        if f.name == "AUTH_CHALLENGE" and self.challenges == 8:
            raise Illegal("challenges")
        if f.name == "AUTH_OK" and (f["resume"] or any(
                f[k] != self.session[k] for k in ("session", "account", "agent"))):
            raise Illegal("session")
        return "ok"

    def agreed(self, feature):
        """Both HELLOs have it."""
        theirs = self.peer_hello["features"] if self.peer_hello else 0
        return bool(self.hello["features"] & theirs & feature)

    def _check_hello(self, f):
        if f["role"] == self.role:
            raise Illegal("role")
        if self.role == SERVER:
            if not f["version_min"] <= VERSION <= f["version_max"]:
                raise Illegal("version", "version")
            return
        if f["version_min"] != f["version_max"]:
            raise Illegal("range")
        if not self.hello["version_min"] <= f["version_min"] <= self.hello["version_max"]:
            raise Illegal("version", "version")
        if f["features"] & ~self.hello["features"]:
            raise Illegal("feature")

    def _verdict_session(self, f):
        name = f.name
        if name == "ACK":
            if self.out_seq is None or not self.acked_in <= f["received"] <= self.out_seq:
                raise Illegal("ack", detail="%d of %r" % (f["received"], self.out_seq))
        elif name == "CREDIT":
            now = self.peer_hello["session_window"] + self.session_allowed
            if now + f["bytes"] > LIMIT_MAX:
                raise Illegal("credit")
        elif name == "PONG":
            if f["token"] not in [token for token, _ in self.pings]:
                return "glitch"
        elif name == "BIND":
            if f["tunnel"] in self.tunnels:
                raise Illegal("tunnel")
        elif name in ("BIND_OK", "BIND_FAIL"):
            if self.tunnels.get(f["tunnel"]) not in ("asked", "leaving"):
                raise Illegal("tunnel")
        elif name == "UNBIND" and self.role == AGENT and self.state == "AUTHENTICATED":
            raise Illegal("state", detail="UNBIND in AUTHENTICATED")
        return "ok"

    def _verdict_stream(self, f):
        name = f.name
        st = self.streams.get(f.sid)
        if name == "OPEN":
            if f.sid <= self.last_id:
                raise Illegal("stream_id")
            return "ok"
        if st is None:
            raise Illegal("idle", detail=repr(f))
        if st.over:
            if name in ("RESET", "CREDIT", "BLOCKED"):
                return "skip"
            raise Illegal("over", detail=repr(f))
        if name in (("DATA", "FIN", "CREDIT", "BLOCKED") if st.flow else ("DATAGRAM",)):
            raise Illegal("kind", detail=repr(f))
        if name in ("OPEN_OK", "OPEN_FAIL"):
            if st.answered or st.peer_end:
                raise Illegal("answered")
        elif name == "CREDIT":
            if self.role == AGENT and not st.answered and not (st.my_end or st.peer_end):
                raise Illegal("credit", detail="before OPEN_OK")
            if self.peer_hello["stream_window"] + st.allowed + f["bytes"] > LIMIT_MAX:
                raise Illegal("credit")
            if st.taken + f["taken"] > st.sent:
                raise Illegal("credit", detail="taken before it was sent")
        elif name == "RESET":
            if st.peer_end == "reset":
                raise Illegal("ended")
        else:                           # DATA, DATAGRAM, FIN, BLOCKED
            if st.peer_end:
                raise Illegal("ended", detail=repr(f))
            if self.role == SERVER and st.answered != "ok":
                raise Illegal("early", detail=repr(f))
            if name == "DATA":
                self._check_flow(st, len(f.payload))
        return "ok"

    def above_floors(self, which):
        return sum(max(0, getattr(st, which) - FLOOR) for st in self.streams.values()
                   if not st.over)

    def _check_flow(self, st, n):
        if st.received + n > self.hello["stream_window"] + st.given:
            raise Illegal("flow", "flow", "stream %d" % st.sid)
        before = max(0, st.in_now - FLOOR)
        after = max(0, st.in_now + n - FLOOR)
        limit = self.hello["session_window"] + self.session_given
        if after > before and self.above_floors("in_now") - before + after > limit:
            raise Illegal("flow", "flow", "session")

    # What happened.

    def received(self, f):
        """Judges and applies one frame; returns the verdict."""
        verdict = self.verdict(f)
        if self.in_seq is not None and f.name not in NOT_NUMBERED:
            self.in_seq += 8 + len(f.payload)
        if verdict == "glitch":
            self.glitches += 1
        elif verdict == "ok":
            self._apply(f, True)
        return verdict

    def sent(self, f):
        """Follows one frame of our own."""
        if self.out_seq is not None and f.name not in NOT_NUMBERED:
            self.out_seq += 8 + len(f.payload)
        if f.known and self.state != "CLOSED":
            self._apply(f, False)

    def sent_raw(self, data):
        """Follows bytes that are not to be judged, but for what their first header says."""
        if self.out_seq is not None and (len(data) < 4 or NAMES.get(data[3]) not in NOT_NUMBERED):
            self.out_seq += len(data)

    def _apply(self, f, incoming):
        name = f.name
        if name == "CREDIT" and not incoming:
            self.credits += 1
        if name in LOGIN:
            self._apply_login(f, incoming)
        elif name in ("OPEN", "OPEN_OK", "OPEN_FAIL", "DATA", "FIN", "RESET", "DATAGRAM") or f.sid:
            self._apply_stream(f, incoming)
        elif name == "BIND":
            self.tunnels[f["tunnel"]] = "asked"
        elif name == "BIND_OK":
            left = self.tunnels.get(f["tunnel"]) == "leaving"
            self.tunnels[f["tunnel"]] = "gone" if left else "bound"
            if self.state == "AUTHENTICATED":
                self.state = "BOUND"
        elif name == "BIND_FAIL":
            self.tunnels[f["tunnel"]] = "failed"
        elif name == "UNBIND":
            if f["tunnel"] in self.tunnels:
                asked = self.tunnels[f["tunnel"]] == "asked"
                self.tunnels[f["tunnel"]] = "leaving" if asked else "gone"
        elif name == "CREDIT":
            if incoming:
                self.session_allowed += f["bytes"]
            else:
                self.session_given += f["bytes"]
        elif name == "ACK":
            if incoming:
                self.acked_in = f["received"]
            else:
                self.acked_out = f["received"]
        elif name == "PING" and not incoming:
            self.pings.append((f["token"], self.out_seq))
        elif name == "PONG" and incoming:
            self.pings = [p for p in self.pings if p[0] != f["token"]]
        elif name == "GOAWAY":
            self._apply_goaway(f, incoming)

    def _apply_goaway(self, f, incoming):
        if incoming:
            self.goaway = f
        else:
            self.goaway_sent = f
        if f["code"] not in NOT_ERRORS or self.state not in OPEN_STATES:
            self.state = "CLOSED"
        else:
            self.state = "DRAINING"

    def _apply_renewal(self, f):
        mine = f.name not in BY_SERVER if self.role == AGENT else f.name in BY_SERVER
        if f.name in ("AUTH_OK", "AUTH_FAIL"):
            self.renewal = "NONE"
        else:
            self.renewal = "ANSWER" if mine else "WAIT"
        if f.name == "AUTH":
            self.auths += 1
            self.challenges = 0
        self.challenges += f.name == "AUTH_CHALLENGE"

    def another_link(self, fresh):
        """The session goes on over the link that fresh has opened."""
        self.hello = dict(self.hello, nonce=fresh.hello["nonce"])
        self.peer_hello = dict(self.peer_hello, nonce=fresh.peer_hello["nonce"])
        self.renewal, self.auths = "NONE", 0

    def nonces(self):
        """(agent's, server's) for the login that comes next on this link."""
        both = self.hello["nonce"], self.peer_hello["nonce"]
        out = [n[:-4] + (int.from_bytes(n[-4:], "big") ^ self.auths).to_bytes(4, "big")
               for n in both]
        return out if self.role == AGENT else out[::-1]

    def _apply_login(self, f, incoming):
        name = f.name
        if name in AUTHS and self.state in OPEN_STATES:
            self._apply_renewal(f)
            return
        self.auths += name == "AUTH"
        if name == "HELLO":
            if incoming:
                self.peer_hello = f.fields
                self.state = "HS/AUTH"
            elif self.role == SERVER:
                self.state = "HS/AUTH"
        elif name in ("AUTH", "AUTH_ANSWER"):
            self.state = "HS/ANSWER" if self.role == AGENT else "HS/WAIT"
            if self.role == AGENT:
                self.out_seq = 0
            else:
                self.in_seq = 0
        elif name == "RESUME":
            self.tried = True
            self.state = "HS/RESUME" if self.role == AGENT else "HS/WAIT"
        elif name == "RESUME_FAIL":
            self.state = "HS/AUTH"
        elif name == "RESUME_OK":
            self.state = "RESUMED"      # the link is another machine's now
        elif name == "AUTH_CHALLENGE":
            self.challenges += 1
            self.state = "HS/AUTH" if self.role == AGENT else "HS/ANSWER"
        elif name == "AUTH_OK":
            self.state = "AUTHENTICATED"
            self.session = f.fields
            if self.role == AGENT:
                self.in_seq = 0
            else:
                self.out_seq = 0
        elif name == "AUTH_FAIL":
            self.state = "CLOSED"

    def _apply_stream(self, f, incoming):
        name = f.name
        if name == "OPEN":
            st = self.streams[f.sid] = Stream(f.sid, f["tunnel"])
            st.client = f.fields
            st.flow = any(kind == EXT_DATAGRAM for kind, _ in f.fields.get("tail", ()))
            self.last_id = max(self.last_id, f.sid)
            if self.state == "BOUND":
                self.state = "FORWARDING"
            return
        st = self.streams.get(f.sid)
        if st is None:
            return
        end = "peer_end" if incoming else "my_end"
        if name == "OPEN_OK":
            st.answered = "ok"
        elif name == "DATA":
            if incoming:
                st.received += len(f.payload)
                if st.my_end != "reset":
                    st.data += f.payload
            else:
                st.sent += len(f.payload)
        elif name == "DATAGRAM":
            if incoming and st.my_end != "reset":
                st.datagrams.append(f.payload)
        elif name == "CREDIT":
            if incoming:
                st.allowed += f["bytes"]
                st.taken += f["taken"]
            else:
                st.given += f["bytes"]
                st.told += f["taken"]
                st.credits += 1
        elif name == "FIN":
            setattr(st, end, "fin")
        elif name in ("RESET", "OPEN_FAIL"):
            if name == "OPEN_FAIL":
                st.answered = "fail"
            setattr(st, end, "reset")
        if st.my_end and st.peer_end and not st.over:
            st.over = True
            self.credits += 1
