#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""A program for auth-exec: logins by password against a text file. See adit-auth-exec(5).

    auth-file.py FILE                   answers questions on stdin
    auth-file.py --add FILE USER ACCOUNT [GRANT=VALUE ...]
                                        adds a line; asks for the password, or reads it from stdin

A line of the file is USER:ACCOUNT:SALT:HASH[:GRANT=VALUE;...], where # begins a comment. HASH is
scrypt of the password. The file is read again when it has changed.
"""

import getpass
import hashlib
import hmac
import json
import os
import re
import sys


def scrypt(password, salt):
    return hashlib.scrypt(password.encode(), salt=salt, n=16384, r=8, p=1, dklen=32)


class File:
    def __init__(self, path):
        self.path, self.stamp, self.users = path, None, {}

    def read(self):
        with open(self.path, encoding="utf-8") as f:
            info = os.fstat(f.fileno())
            stamp = (info.st_ino, info.st_mtime_ns, info.st_size)
            if stamp == self.stamp:
                return
            users = {}
            for line in f:
                line = line.split("#")[0].strip()
                if line:
                    user, account, salt, digest, *grants = line.split(":", 4)
                    users[user] = (account, bytes.fromhex(salt), bytes.fromhex(digest),
                                   dict(g.split("=", 1) for g in grants[0].split(";"))
                                   if grants else {})
        self.users, self.stamp = users, stamp

    def answer(self, question):
        if question["method"] != "password":
            return {"verdict": "next"}
        nobody = (None, b"sixteen bytes of", bytes(32), {})     # as much work as for somebody
        account, salt, digest, grants = self.users.get(question["user"], nobody)
        right = hmac.compare_digest(scrypt(question["password"], salt), digest)
        if account is None:
            return {"verdict": "deny", "cause": "unknown", "reason": "no such user"}
        if not right:
            return {"verdict": "deny", "cause": "wrong", "reason": "wrong password"}
        return {"verdict": "allow", "account": account, "grants": grants}


def serve(path):
    users = File(path)
    for line in sys.stdin:
        question = json.loads(line)
        try:
            users.read()
            answer = users.answer(question)
        except (OSError, ValueError) as e:      # of the file: nobody can be judged by it
            print(e, file=sys.stderr, flush=True)
            answer = {"verdict": "fail", "reason": "the file of users cannot be read"}
        answer["id"] = question["id"]
        print(json.dumps(answer), flush=True)


def add(path, user, account, *grants):
    for word in (user, account, *grants):
        if not re.fullmatch(r"[^:;#\s]+", word):
            sys.exit("%r has a character that the file cannot hold" % word)
    password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    salt = os.urandom(16)
    words = [user, account, salt.hex(), scrypt(password, salt).hex()]
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a",
              encoding="utf-8") as f:
        print(":".join(words + ([";".join(grants)] if grants else [])), file=f)


if len(sys.argv) > 4 and sys.argv[1] == "--add":
    add(*sys.argv[2:])
elif len(sys.argv) == 2:
    serve(sys.argv[1])
else:
    sys.exit(__doc__)
