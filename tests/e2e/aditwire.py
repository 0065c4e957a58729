# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The Adit protocol in Python: frames, payloads, the method token, the tables of doc/protocol.md.

This is a second implementation, written from doc/protocol.md and from nothing else, so that the
text stays enough to write a peer. It does no I/O and knows no state; aditmachine.py does.
"""

import base64
import hashlib
import hmac
import os
import re
import struct

VERSION = 1
CONTROL_MAX = 4096
FRAME_MAX = 262144
ID_MAX = 0x7FFFFFFF
HELLO_STREAMS = 1               # an extension of HELLO
CRITICAL = 0x80
FLOOR = 16384
LIMIT_MAX = 1 << 62
ACK_EVERY = 262144
HELLO_MEMBER, MEMBERS_MAX = 3, 16
PARAMS_MAX = 16
DATAGRAM_MAX = 65507
EXT_DATAGRAM = 2

AGENT, SERVER = 0, 1

TYPES = {
    "HELLO": 0x01, "AUTH": 0x02, "AUTH_CHALLENGE": 0x03, "AUTH_ANSWER": 0x04, "AUTH_OK": 0x05,
    "AUTH_FAIL": 0x06, "RESUME": 0x07, "RESUME_OK": 0x08, "RESUME_FAIL": 0x09, "BIND": 0x10,
    "BIND_OK": 0x11, "BIND_FAIL": 0x12, "UNBIND": 0x13, "OPEN": 0x20, "OPEN_OK": 0x21, "OPEN_FAIL": 0x22,
    "DATA": 0x23, "FIN": 0x24, "RESET": 0x25, "DATAGRAM": 0x26, "CREDIT": 0x30, "BLOCKED": 0x31,
    "ACK": 0x32, "PING": 0x33, "PONG": 0x34, "REPORT": 0x35, "GOAWAY": 0x36,
    "SPREAD": 0x37,
}
NAMES = {number: name for name, number in TYPES.items()}

# Bits of features, and the types of one that nobody agrees to.
RESUME, REPORT = 0x1, 0x2
RESERVED = {"REPORT"}

# What concerns one link, and datagrams: not in the numbered sequence of section 7.
NOT_NUMBERED = {"HELLO", "AUTH", "AUTH_CHALLENGE", "AUTH_ANSWER", "AUTH_OK", "AUTH_FAIL", "RESUME",
                "RESUME_OK", "RESUME_FAIL", "ACK", "PING", "PONG", "DATAGRAM"}
SECRET = 32

# Where the stream id must not be 0, and where it may be either.
STREAM_TYPES = {"OPEN", "OPEN_OK", "OPEN_FAIL", "DATA", "FIN", "RESET", "DATAGRAM"}
EITHER_TYPES = {"CREDIT", "BLOCKED"}

CODES = {
    "none": 0, "protocol": 1, "version": 2, "auth_failed": 3, "busy": 4, "timeout": 5,
    "nothing_heard": 6, "limit": 7, "replaced": 8, "shutdown": 9, "leaving": 10, "internal": 11,
    "flow": 12, "overload": 13, "login_expired": 14, "not_permitted": 20, "in_use": 21, "no_such_route": 22,
    "no_address": 23, "bad_request": 24, "no_such_tunnel": 30, "refused": 31,
    "connect_timeout": 32, "unreachable": 33, "no_such_host": 34, "client_reset": 40,
    "target_reset": 41, "link_lost": 42, "expired": 43, "no_session": 44,
}
CODE_NAMES = {number: name for name, number in CODES.items()}


class Illegal(Exception):
    """The peer did what the protocol forbids; code is the name that GOAWAY would carry."""

    def __init__(self, reason, code="protocol", detail=""):
        super().__init__("%s (%s)%s" % (reason, code, ": " + detail if detail else ""))
        self.reason = reason
        self.code = code


class Frame:
    """One frame: type number, stream id, payload; fields holds the payload taken apart."""

    def __init__(self, type_, sid, payload, fields=None):
        self.type, self.sid, self.payload = type_, sid, payload
        self.fields = {} if fields is None else fields

    @property
    def name(self):
        return NAMES.get(self.type, "0x%02x" % self.type)

    @property
    def known(self):
        return self.type in NAMES

    def __getitem__(self, key):
        return self.fields[key]

    def __repr__(self):
        shown = {k: v for k, v in self.fields.items() if k != "bytes"}
        return "%s/%d[%d] %r" % (self.name, self.sid, len(self.payload), shown)


# Payload kinds. A reader takes bytes off a Cursor, a writer returns bytes.

class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise Illegal("short")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def left(self):
        return len(self.data) - self.at


def text_of(raw):
    try:
        text = raw.decode("utf-8", "strict")
    except UnicodeDecodeError as e:
        raise Illegal("utf8") from e
    if any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in text):
        raise Illegal("control_character")
    return text


NAME = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


def name_of(raw):
    text = text_of(raw)
    if not NAME.match(text):
        raise Illegal("name")
    return text


def _read_tail(c):
    out = []
    while c.left():
        kind = c.number(2)
        out.append((kind, c.take(c.number(2))))
    return out


def _read_kind_tail(c):
    out = _read_tail(c)
    if any(kind == EXT_DATAGRAM and value for kind, value in out):
        raise Illegal("long")
    return out


def _read_params(c):
    out = []
    n = c.number(1)
    if n > PARAMS_MAX:
        raise Illegal("count")
    for _ in range(n):
        key = name_of(c.take(c.number(1)))
        out.append((key, text_of(c.take(c.number(2)))))
    return out


def _read_client(c):
    family = c.number(1)
    port = c.number(2)
    if family not in (0, 4, 6):
        raise Illegal("family")
    return family, port, c.take({0: 0, 4: 4, 6: 16}[family])


def _raw(value):
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(value)


def _sized(value, size):
    raw = _raw(value)
    return len(raw).to_bytes(size, "big") + raw


READ = {
    "u8": lambda c: c.number(1),
    "u16": lambda c: c.number(2),
    "u32": lambda c: c.number(4),
    "u64": lambda c: c.number(8),
    "magic": lambda c: c.take(4),
    "nonce": lambda c: c.take(32),
    "str8": lambda c: text_of(c.take(c.number(1))),
    "str16": lambda c: text_of(c.take(c.number(2))),
    "name8": lambda c: name_of(c.take(c.number(1))),
    "bytes16": lambda c: c.take(c.number(2)),
    "params": _read_params,
    "tail": _read_tail,
    "kind": _read_kind_tail,
    "rest": lambda c: c.take(c.left()),
}

WRITE = {
    "u8": lambda v: v.to_bytes(1, "big"),
    "u16": lambda v: v.to_bytes(2, "big"),
    "u32": lambda v: v.to_bytes(4, "big"),
    "u64": lambda v: v.to_bytes(8, "big"),
    "magic": _raw,
    "nonce": _raw,
    "str8": lambda v: _sized(v, 1),
    "str16": lambda v: _sized(v, 2),
    "name8": lambda v: _sized(v, 1),
    "bytes16": lambda v: _sized(v, 2),
    "params": lambda v: bytes([len(v)]) + b"".join(_sized(k, 1) + _sized(x, 2) for k, x in v),
    "tail": lambda v: b"".join(struct.pack(">HH", k, len(x)) + x for k, x in v),
    "rest": _raw,
}
WRITE["kind"] = WRITE["tail"]

_CODE_TEXT = [("code", "u16"), ("text", "str8")]
_TUNNEL_END = [("tunnel", "u32"), ("code", "u16"), ("text", "str16")]

# Name: fields in order. A field of kind tail may be left out when encoding.
LAYOUT = {
    "HELLO": [("magic", "magic"), ("version_min", "u8"), ("version_max", "u8"), ("role", "u8"),
              ("reserved", "u8"), ("features", "u64"), ("max_frame", "u32"),
              ("stream_window", "u32"), ("session_window", "u32"), ("nonce", "nonce"),
              ("software", "str8"), ("tail", "tail")],
    "AUTH": [("method", "name8"), ("agent", "name8"), ("data", "bytes16")],
    "AUTH_CHALLENGE": [("data", "bytes16")],
    "AUTH_ANSWER": [("data", "bytes16")],
    "AUTH_OK": [("session", "u64"), ("account", "name8"), ("agent", "name8"),
                ("expires_ms", "u64"), ("resume", "bytes16"), ("data", "bytes16"), ("tail", "tail")],
    "AUTH_FAIL": [("code", "u16"), ("retry_after_ms", "u32"), ("text", "str8")],
    "RESUME": [("session", "u64"), ("secret", "bytes16"), ("received", "u64")],
    "RESUME_OK": [("received", "u64")],
    "RESUME_FAIL": _CODE_TEXT,
    "BIND": [("tunnel", "u32"), ("route", "name8"), ("name", "name8"), ("params", "params"),
             ("tail", "kind")],
    "BIND_OK": [("tunnel", "u32"), ("address", "str16"), ("tail", "tail")],
    "BIND_FAIL": _TUNNEL_END,
    "UNBIND": _TUNNEL_END,
    "OPEN": [("tunnel", "u32"), ("family", "u8"), ("port", "u16"), ("address", "rest"),
             ("tail", "kind")],
    "OPEN_OK": [],
    "OPEN_FAIL": _CODE_TEXT,
    "DATA": [("bytes", "rest")],
    "FIN": [],
    "DATAGRAM": [("bytes", "rest")],
    "RESET": _CODE_TEXT,
    "CREDIT": [("bytes", "u32"), ("taken", "u32")],
    "BLOCKED": [("position", "u64")],
    "ACK": [("received", "u64")],
    "PING": [("token", "u64")],
    "PONG": [("token", "u64")],
    "GOAWAY": [("code", "u16"), ("retry_after_ms", "u32"), ("last", "u32"), ("text", "str8")],
    "SPREAD": [("ms", "u32")],
}

DEFAULTS = {"magic": b"ADIT", "reserved": 0, "tail": [], "text": "", "retry_after_ms": 0,
            "last": 0, "taken": 0, "features": 0, "resume": b"",
            "expires_ms": 0, "secret": bytes(SECRET), "data": b"", "params": [], "code": 0}


def payload(name, /, **fields):
    """Bytes of a payload. Nothing is checked: tests must be able to send nonsense."""
    out = b""
    known = set()
    for field, kind in LAYOUT[name]:
        known.add(field)
        out += WRITE[kind](fields[field] if field in fields else DEFAULTS[field])
    if set(fields) - known:
        raise TypeError("%s has no %s" % (name, ", ".join(set(fields) - known)))
    return out


def header(length, type_, sid):
    return length.to_bytes(3, "big") + bytes([type_]) + sid.to_bytes(4, "big")


def raw_frame(type_, sid=0, body=b""):
    number = TYPES[type_] if isinstance(type_, str) else type_
    return header(len(body), number, sid) + body


def frame(name, sid=0, /, **fields):
    return raw_frame(name, sid, payload(name, **fields))


def check_header(length, type_, sid, max_frame=FRAME_MAX):
    """What can be known before the payload is there."""
    name = NAMES.get(type_)
    if length > {"DATA": max_frame, "DATAGRAM": DATAGRAM_MAX}.get(name, CONTROL_MAX):
        raise Illegal("length")
    if name is None:
        if type_ & CRITICAL:
            raise Illegal("critical")
        return
    if name == "DATA" and length == 0:
        raise Illegal("empty")
    if name in STREAM_TYPES:
        if sid == 0 or sid > ID_MAX:
            raise Illegal("stream_id")
    elif name in EITHER_TYPES:
        if sid > ID_MAX:
            raise Illegal("stream_id")
    elif sid != 0:
        raise Illegal("stream_id")


def _check_hello(f):
    if f["magic"] != b"ADIT":
        raise Illegal("magic")
    if f["version_min"] > f["version_max"]:
        raise Illegal("range")
    if f["role"] not in (AGENT, SERVER):
        raise Illegal("role")
    if not 16384 <= f["max_frame"] <= 262144:
        raise Illegal("range")
    if not 16384 <= f["stream_window"] <= 16777216:
        raise Illegal("range")
    if not 65536 <= f["session_window"] <= 1073741824:
        raise Illegal("range")
    for kind, data in f["tail"]:
        if kind == HELLO_STREAMS and (len(data) != 4 or not any(data)):
            raise Illegal("range")
        if kind == HELLO_MEMBER:
            _check_member(Cursor(data))


def _check_member(c):
    instance, member = c.number(8), c.number(1)
    if c.left():
        raise Illegal("long")
    if instance == 0 or not 1 <= member <= MEMBERS_MAX:
        raise Illegal("range")


def grant_of(resume):
    """(milliseconds, secret) of AUTH_OK's resume, or None."""
    if not resume:
        return None
    c = Cursor(resume)
    grant = c.number(4), c.take(SECRET)
    if c.left():
        raise Illegal("long")
    if grant[0] == 0:
        raise Illegal("range")
    return grant


def parse(name, body):
    """Takes the payload of a known type apart; Illegal if it is not what its fields say."""
    if name in RESERVED:
        raise Illegal("feature")
    c = Cursor(body)
    f = {}
    for field, kind in LAYOUT[name]:
        if field == "magic":
            f[field] = c.take(4)
            if f[field] != b"ADIT":
                raise Illegal("magic")
        elif field == "family":
            f["family"], f["port"], f["address"] = _read_client(c)
        elif name == "OPEN" and field in ("port", "address"):
            pass
        else:
            f[field] = READ[kind](c)
    if c.left():
        raise Illegal("long")
    if name == "HELLO":
        _check_hello(f)
    if name == "AUTH_OK":
        grant_of(f["resume"])
    if name == "RESUME" and len(f["secret"]) != SECRET:
        raise Illegal("range")
    if name == "CREDIT" and f["bytes"] == f["taken"] == 0:
        raise Illegal("zero")
    if name == "BIND" and f["tunnel"] == 0:
        raise Illegal("tunnel")
    return f


def decode(data, max_frame=FRAME_MAX):
    """One frame from the front: (Frame, bytes used), or (None, 0) if it is not all there."""
    if len(data) < 8:
        return None, 0
    length, type_ = int.from_bytes(data[:3], "big"), data[3]
    sid = int.from_bytes(data[4:8], "big")
    check_header(length, type_, sid, max_frame)
    if len(data) < 8 + length:
        return None, 0
    body = bytes(data[8:8 + length])
    name = NAMES.get(type_)
    return Frame(type_, sid, body, parse(name, body) if name else None), 8 + length


# Method token (section 3).

class Token:
    """adit_ID_SECRETcccccc, taken apart; ValueError if it is not one."""

    FORM = re.compile(r"adit_([a-z2-7]{8})_([A-Za-z0-9_-]{43})([0-9a-f]{6})\Z")

    def __init__(self, text):
        m = self.FORM.match(text)
        if not m:
            raise ValueError("not of the form of a token")
        if hashlib.sha256(text[:-6].encode()).hexdigest()[:6] != m.group(3):
            raise ValueError("checksum")
        self.text, self.id = text, m.group(1)
        self.secret = base64.urlsafe_b64decode(m.group(2) + "=")

    @classmethod
    def make(cls, ident=None, secret=None):
        if ident is None:
            ident = "".join("abcdefghijklmnopqrstuvwxyz234567"[b & 31] for b in os.urandom(8))
        if secret is None:
            secret = os.urandom(32)
        text = "adit_%s_%s" % (ident, base64.urlsafe_b64encode(secret).decode().rstrip("="))
        return cls(text + hashlib.sha256(text.encode()).hexdigest()[:6])


def _mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


class Scram:
    """All values of one exchange, from the secret (agent) or from the two stored keys (server)."""

    def __init__(self, ident, agent_nonce, server_nonce, agent, *, secret=None, stored_key=None,
                 server_key=None):
        self.id = ident
        self.client_key = None
        if secret is not None:
            self.client_key = _mac(secret, b"adit token client")
            stored_key = hashlib.sha256(self.client_key).digest()
            server_key = _mac(secret, b"adit token server")
        self.stored_key, self.server_key = stored_key, server_key
        self.message = (b"adit token 1\0" + agent_nonce + server_nonce + ident.encode() + b"\0"
                        + agent.encode())
        self.signature = _mac(self.stored_key, self.message)
        self.server_proof = _mac(self.server_key, self.message)

    @property
    def proof(self):
        return bytes(a ^ b for a, b in zip(self.client_key, self.signature))

    def accepts(self, proof):
        key = bytes(a ^ b for a, b in zip(proof, self.signature))
        return hmac.compare_digest(hashlib.sha256(key).digest(), self.stored_key)


# What doc/protocol.md holds for machines: tables, and the vectors of section 12.

def doc_path():
    top = os.environ.get("top_srcdir")
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.join(top or os.path.join(here, "..", ".."), "doc", "protocol.md")


def _rows(lines):
    return [[c.strip() for c in line.strip().strip("|").split("|")]
            for line in lines if line.startswith("|") and not line.startswith("|---")]


def _table_after(lines, start):
    at = next(i for i, line in enumerate(lines) if line.startswith(start))
    first = next(i for i in range(at + 1, len(lines)) if lines[i].startswith("|"))
    last = first
    while last < len(lines) and lines[last].startswith("|"):
        last += 1
    head, *rows = _rows(lines[first:last])
    return {(row[0], head[i]): row[i] for row in rows for i in range(1, len(head))}


def doc_tables(text=None):
    """{"session": {role: {(frame, state): verdict}}, "stream": …, "renewal": …} from section 11."""
    if text is None:
        with open(doc_path(), encoding="utf-8") as f:
            text = f.read()
    lines = text.splitlines()
    return {
        "session": {SERVER: _table_after(lines, "### Received by the server"),
                    AGENT: _table_after(lines, "### Received by the agent")},
        "stream": {SERVER: _table_after(lines, "Received by the server:"),
                   AGENT: _table_after(lines, "Received by the agent:")},
        "renewal": {SERVER: _table_after(lines, "In a renewal, received by the server:"),
                    AGENT: _table_after(lines, "In a renewal, received by the agent:")},
    }


def doc_types(text):
    """The table of section 1: name -> (number, sent by, stream id)."""
    out = {}
    for row in _rows(text.splitlines()):
        if len(row) == 5 and re.match(r"0x[0-9a-f]{2}\Z", row[0]):
            out[row[1]] = (int(row[0], 16), row[2], row[3])
    return out


def doc_codes(text):
    """The table of section 10: name -> number."""
    section = text.split("## 10. Codes", 1)[1].split("## 11.", 1)[0]
    return {row[1]: int(row[0]) for row in _rows(section.splitlines()) if row[0].isdigit()}


def doc_vectors(text=None):
    """The lines of section 12's blocks: [(name, hex, verdict)]."""
    if text is None:
        with open(doc_path(), encoding="utf-8") as f:
            text = f.read()
    section = text.split("## 12. Test vectors", 1)[1]
    out = []
    for block in re.findall(r"^```vectors\n(.*?)^```", section, re.M | re.S):
        for line in block.splitlines():
            name, data, verdict = (part.strip() for part in line.split(" | ", 2))
            out.append((name, bytes.fromhex(data), verdict))
    return out


def show_fields(f):
    """Fields as section 12 writes them, without type and id."""
    def one(value):
        if isinstance(value, int):
            return str(value)
        if isinstance(value, str):
            return '"%s"' % value
        if isinstance(value, bytes):
            return value.hex() or "-"
        if value and isinstance(value[0][0], str):
            return ",".join("%s:%s" % (k, v) for k, v in value)
        return ",".join("%d:%s" % (k, v.hex()) for k, v in value) or "-"

    return " ".join("%s=%s" % (k, one(v)) for k, v in f.items())
