# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The tables of plugins/transport-ws (requests.txt, answers.txt, frames.txt) as bytes; the head of each
says what it means."""

import os
import re

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
REQUEST = ["GET /adit HTTP/1.1", "Host: example.net", "Upgrade: websocket", "Connection: Upgrade",
           "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + KEY]
ANSWER = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Sec-WebSocket-Protocol: adit.1"]
ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}


def rows(name, columns):
    """The rows of a table, each a list of so many columns."""
    top = os.environ.get("top_srcdir") or os.path.join(os.path.dirname(__file__), "..", "..")
    with open(os.path.join(top, "plugins", "transport-ws", name), encoding="utf-8") as f:
        for line in f:
            if line[0] in "#\n":
                continue
            row = [c[1:] if c[:1] == " " else c for c in line.rstrip("\n").split(" |")]
            yield row + [""] * (columns - len(row))


def unescape(text):
    return re.sub(r"\\(x..|.)", lambda m: chr(int(m[1][1:], 16)) if m[1][0] == "x"
                  else ESCAPES[m[1]], text)


def _index(lines, name):
    return next(i for i, line in enumerate(lines) if i and line and line.startswith(name + ":"))


def message(base, edits):
    """The bytes of a request or an answer with the edits of its row."""
    lines, body = list(base), ""
    for edit in [] if edits == "-" else edits.split(" ;; "):
        verb, arg = edit.split(":", 1)
        arg = unescape(arg[1:] if arg[:1] == " " else arg)
        if verb == "first":
            lines[0] = arg
        elif verb == "drop":
            lines[_index(lines, arg)] = ""
        elif verb == "set":
            lines[_index(lines, arg.split(":")[0])] = arg
        elif verb == "add":
            lines.append(arg)
        elif verb == "raw":
            return arg.encode("latin-1")
        elif verb == "body":
            body = arg
        elif verb == "pad":
            lines.append("X-Pad: " + "x" * int(arg))
        elif verb == "pad-first":
            lines = ["GET /" + "x" * int(arg)]
        else:
            raise ValueError(edit)
    text = "".join(line + "\r\n" for line in lines if line) + "\r\n" + body
    return text.encode("latin-1")


def hex_bytes(text):
    """Hex digits, blanks and XX*N."""
    out = b""
    for digits, times in re.findall(r"([0-9a-f]{2})(?:\*(\d+))?", text):
        out += bytes([int(digits, 16)]) * int(times or 1)
    return out
