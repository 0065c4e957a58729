# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Walking the tables of section 11: a good frame of every type, and what must come of it.

Used on the Python machine by test_aditwire.py and on the programs by test_peer_*.py.
"""

import aditwire as wire
from aditsession import Closed, code_of
from aditwire import AGENT, CODES, SERVER, decode, frame, raw_frame

TABLES = wire.doc_tables()

HELLO = {"magic": b"ADIT", "version_min": 1, "version_max": 1, "reserved": 0, "features": 0,
         "max_frame": 262144, "stream_window": 262144, "session_window": 16777216,
         "nonce": bytes(32), "software": "", "tail": []}

SAMPLE = {
    "HELLO": HELLO, "AUTH": {"method": "token", "agent": "a", "data": bytes(40)},
    "AUTH_CHALLENGE": {}, "AUTH_ANSWER": {},
    "AUTH_OK": {"session": 1, "account": "acme", "agent": "a"}, "AUTH_FAIL": {"code": 3},
    "RESUME": {"session": 1, "received": 0}, "RESUME_OK": {"received": 0},
    "RESUME_FAIL": {"code": CODES["no_session"]},
    "BIND": {"tunnel": 9, "route": "port", "name": "t9"},
    "BIND_OK": {"tunnel": 5, "address": "tcp://127.0.0.1:1"},
    "BIND_FAIL": {"tunnel": 5, "code": CODES["in_use"]}, "UNBIND": {"tunnel": 1},
    "OPEN": {"tunnel": 1, "family": 0, "port": 0, "address": b""}, "OPEN_OK": {},
    "OPEN_FAIL": {"code": CODES["refused"]}, "DATA": {"bytes": b"x"}, "FIN": {}, "DATAGRAM": {"bytes": b"x"},
    "RESET": {"code": CODES["target_reset"]}, "CREDIT": {"bytes": 1000},
    "BLOCKED": {"position": 0}, "ACK": {"received": 0}, "PING": {"token": 1},
    "PONG": {"token": 1}, "GOAWAY": {"code": CODES["leaving"]},
    "SPREAD": {"ms": 1500},
}

FAKE = {"unknown": raw_frame(0x40, 0, b"abc"), "unknown critical": raw_frame(0xC0, 0, b"abc")}

# Streams of the walks carry bytes: below the tables it says what DATAGRAM is on those.
OTHER_KIND = {"DATAGRAM"}

# Words of the stream table that are ok or err, as the conversation went.
CONDITIONS = {"answer", "data", "reset"}


def sample_fields(name, receiver):
    fields = dict(SAMPLE[name])
    if name == "HELLO":
        fields["role"] = AGENT if receiver == SERVER else SERVER
    if name == "GOAWAY" and receiver == AGENT:
        fields["code"] = CODES["shutdown"]
    return fields


def sample_bytes(name, sid, receiver, **changes):
    """A frame that is well formed, whatever the state; sid only where the type has a stream."""
    if name in FAKE:
        return FAKE[name]
    if name not in wire.STREAM_TYPES and name not in wire.EITHER_TYPES:
        sid = 0
    if name in wire.RESERVED:
        return raw_frame(name, sid)
    return frame(name, sid, **dict(sample_fields(name, receiver), **changes))


def sample(name, sid, receiver):
    """The same as a Frame."""
    data = sample_bytes(name, sid, receiver)
    if name in FAKE or name in wire.RESERVED:
        return wire.Frame(data[3], int.from_bytes(data[4:8], "big"), data[8:])
    return decode(data)[0]


def verdict(receiver, name, state, column="ACTIVE"):
    """What the session table says; a frame of a stream is judged by the column of its stream."""
    want = TABLES["session"][receiver][name, state]
    if want == "renewal":
        return TABLES["renewal"][receiver][name, "NONE"]    # the walks have none under way
    if want == "feature":
        return "err"                    # the walks agree to none
    if want != "stream":
        return want
    want = "err" if name in OTHER_KIND else TABLES["stream"][receiver][name, column]
    return "ok" if want in CONDITIONS else want


def session_cells(receiver, states):
    return [(state, name) for name, state in TABLES["session"][receiver] if state in states]


def stream_cells(receiver, ways):
    """(way, frame, verdict) for each way into a column; ways is {name: (column, holds, …)}."""
    out = []
    for way, (column, holds, *_) in ways.items():
        for (name, where), want in TABLES["stream"][receiver].items():
            if where == column:
                want = "err" if name in OTHER_KIND else want
                if want in CONDITIONS:
                    want = "ok" if want in holds else "err"
                out.append((way, name, want))
    return out


def send_sample(p, name, sid, receiver, want, **changes):
    """Sends it; followed by the machine only if it is legal."""
    if name == "ACK":
        changes["received"] = p.m.acked_out     # below an earlier one it would be illegal
    if want == "err" or name in FAKE:
        p.send_raw(sample_bytes(name, sid, receiver, **changes))
    else:
        if name not in wire.STREAM_TYPES and name not in wire.EITHER_TYPES:
            sid = 0
        p.send(name, sid, **dict(sample_fields(name, receiver), **changes))


def check_after_login(p, name, want, receiver=SERVER):
    """The session must live on, or be closed with `protocol`."""
    if want == "err":
        p.expect_close("protocol")
        return
    try:
        p.ping()
    except Closed as e:
        # Who said GOAWAY may be let go at once, and an agent without tunnels may leave; but not as
        # if we had done wrong.
        ends = name == "GOAWAY" or (receiver == AGENT and name in ("BIND_FAIL", "UNBIND"))
        assert ends and code_of(e.goaway) in (None, "none", "leaving", "shutdown"), \
            "%s: %s\n%s" % (name, e, p.story())


def check_before_login(p, name, want):
    """The same where no PING is legal: err closes, GOAWAY ends without a complaint."""
    if want == "err":
        p.expect_close("protocol")
        return
    assert name == "GOAWAY", "%s is for a test of its own" % name
    p.shut()
    last = p.expect_close()
    assert code_of(last) != "protocol", p.story()
