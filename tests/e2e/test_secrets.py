# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Secrets of every kind are planted, used in logins that succeed and that fail, and then looked for
where none may be: logs at their most talkative, what aditctl says, arguments and environments of
all processes, and the server's memory, of which no crash leaves a file. Each place is searched for
something that must be there, too, so that the search itself is known to work."""

import base64
import json
import os
import re
import secrets
import subprocess

import pytest

from aditsession import AgentPeer
from aditwire import RESUME, Token
from harness import SLOW, Agent, command, free_port, need, setting, until
from terminal import Terminal
from tlsworld import TlsWorld
from wspeer import WsSocket

pytestmark = need("aditd", "adit", "aditctl")

PLAIN = os.environ.get("sanitizers", "no") == "no"
PROGRAM = """#!/usr/bin/python3
import json, sys
for line in sys.stdin:
    q = json.loads(line)
    right = open(sys.argv[1]).read().split()
    a = {"verdict": "allow", "account": "acme"} if q.get("password", q.get("token")) in right \\
        else {"verdict": "deny", "cause": "wrong", "reason": "wrong"}
    print(json.dumps(dict(a, id=q["id"])), flush=True)
"""


def forms(secret):
    """A secret as it may be written: itself, in hexadecimal, in both kinds of base64."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    return {raw, raw.hex().encode(), raw.hex().upper().encode(),
            base64.b64encode(raw).rstrip(b"="), base64.urlsafe_b64encode(raw).rstrip(b"=")}


class World(TlsWorld):
    """A server that takes tokens, keys, passwords and JSON web tokens, and what was planted."""

    def __init__(self, site):
        super().__init__(site)
        self.planted = {}               # what it is -> the secret
        self.said = []                  # by commands
        self.right = site.write("right", "")
        program = site.write("decide", PROGRAM, 0o700)
        self.keys = site.write("server/keys", "", 0o644)
        port = free_port()
        listen = {"listen": "127.0.0.1:%d" % port}
        # Freed memory is not overwritten: what is left there is what this is about.
        self.aditd = self.server(
            tls=listen,
            plugins={"transport-ws": listen,
                     "auth-key": {"file": self.keys},
                     "auth-exec": {"command": [program, self.right], "timeout": "60s",
                                   "methods": ["password", "jwt"]}},
            args=("--log-level", "debug"), env={"MALLOC_PERTURB_": "0",
                                                "ADIT_CONTROL": "in-the-environment"})
        self.aditd.port = port
        self.address = "localhost:%d" % port

    def plant(self, what, secret):
        self.planted[what] = secret
        return secret

    def peer(self, inside=None, **options):
        """The Python agent over TLS, or over WebSocket inside TLS."""
        sock = (WsSocket(self.connect(self.aditd.port, alpn=("http/1.1",))) if inside == "ws"
                else self.connect(self.aditd.port))
        p = AgentPeer(sock, timeout=20 * SLOW, **options)
        p.start()
        return p

    def password(self, what, user, text=None, inside=None):
        """A login by password; the answer's name."""
        text = self.plant(what, "pw-" + secrets.token_hex(12)) if text is None else text
        p = self.peer(inside)
        p.send("AUTH", method="password", agent="peer",
               data=bytes([len(user)]) + user.encode() + text.encode())
        answer = p.recv().name
        p.close()
        return answer

    def forgotten(self, but=()):
        """Nothing that was planted is in the server's memory."""
        held = memory(self.aditd.pid) if PLAIN else None    # a sanitizer's is too large
        assert held is None or os.geteuid() == 0            # nobody else may look at all
        if held is None:
            return
        assert b"in-the-environment" in held
        assert found(self, held, but) == []

    def run(self, program, *args, stdin=""):
        done = subprocess.run(command(program) + list(args), check=False, env=self.site.env,
                              input=stdin, capture_output=True, text=True, timeout=60 * SLOW)
        assert done.returncode == 0, done.stderr
        self.said.append(done.stderr)
        return done.stdout

    def allow(self, text):
        """A password or a token that the program takes from now on."""
        with open(self.right, "a", encoding="ascii") as f:
            f.write(text + "\n")
        return text

    def argv(self, name, auth, *words):
        """An agent at its most talkative."""
        groups = dict({"transport-tls": {"ca_file": self.pem("ca")}}, **auth)
        conf = self.site.write("%s/adit.conf" % name, "".join(
            "%s = %s;\n" % (k, setting(v)) for k, v in groups.items()))
        return command("adit") + [
            "run", "-c", conf, "--server", "tls://" + self.address, "--local", "127.0.0.1:1",
            "--agent", name, "--no-reconnect", "--log-level", "debug", *words]

    def adit(self, name, auth, wait=True):
        agent = self.site.start("adit", self.argv(name, auth), Agent)
        if wait:
            agent.wait_up()
        else:
            assert agent.wait() == 77, agent.text()
        return agent


@pytest.fixture
def w(site):
    return World(site)


# Logins.

def by_password(w):
    good = w.allow(w.plant("password", "pw-" + secrets.token_hex(12)))
    assert w.password("password", "alice", good) == "AUTH_OK"
    assert w.password("wrong password", "alice") == "AUTH_FAIL"
    assert w.password("password of nobody", "nobody") == "AUTH_FAIL"
    w.forgotten()
    assert w.password("password inside WebSocket", "nobody", inside="ws") == "AUTH_FAIL"
    w.forgotten()


def by_file_and_prompt(w):
    """The real agent's passwords: in a file, and typed."""
    kept = w.allow(w.plant("password in a file", "pw-" + secrets.token_hex(12)))
    w.adit("web5", {"auth-password": {"user": "alice",
                                      "password_file": w.site.write("kept", kept + "\n")}})
    for right in True, False:
        typed = w.plant("password typed, %s" % right, "pw-" + secrets.token_hex(12))
        if right:
            w.allow(typed)
        t = Terminal(w.site, w.argv("web6", {}, "--user", "alice"))
        w.said.append(t.wait_for("Password of alice: "))
        t.type(typed)
        if right:
            w.said.append(t.wait_for("tcp://"))
        else:
            assert t.wait() == 77
        w.said.append(t.seen)
    w.forgotten()


def by_jwt(w):
    head, body = (base64.urlsafe_b64encode(json.dumps(x).encode()).rstrip(b"=").decode()
                  for x in ({"alg": "HS256"}, {"sub": "x" * 3000}))
    for what in "JSON web token", "wrong JSON web token":
        signature = w.plant(what, secrets.token_urlsafe(32))
        token = "%s.%s.%s" % (head, body, signature)
        if what == "JSON web token":
            w.allow(token)
        p = w.peer()
        parts = [token[i:i + 2000] for i in range(0, len(token), 2000)]
        for i, part in enumerate(parts):
            data = bytes([i + 1 < len(parts)]) + part.encode()
            if i == 0:
                p.send("AUTH", method="jwt", agent="peer", data=data)
            else:
                p.send("AUTH_ANSWER", data=data)
            answer = p.recv().name
        assert answer == ("AUTH_OK" if what == "JSON web token" else "AUTH_FAIL")
        p.close()
        w.forgotten()


def by_token(w):
    token = Token(w.aditd.token)
    w.plant("token", w.aditd.token[14:])
    w.plant("token's secret", token.secret)
    w.adit("web1", {"auth-token": {"token_file": w.aditd.token_file}})
    forged = w.aditd.token_file + ".forged"
    out, _ = w.site.run("aditd", "issue", "-c", w.aditd.conf, "--account", "acme")
    w.plant("token that is not known", out.strip()[14:])        # until a reload
    w.site.write(os.path.basename(forged), out)
    with open(w.site.path("server/conf.d/tokens"), encoding="ascii") as f:
        keys = re.search(r"[0-9a-f]{64} [0-9a-f]{64}", f.read()).group(0).split()
    w.plant("stored key", bytes.fromhex(keys[0]))
    w.plant("server key", bytes.fromhex(keys[1]))
    w.adit("web2", {"auth-token": {"token_file": forged}}, wait=False)


def by_key(w):
    for name, allowed in ("web3", True), ("web4", False):
        path = w.site.path(name + ".key")
        out, _ = w.site.run("adit", "keygen", "--out", path)
        with open(path, encoding="ascii") as f:
            text = f.read()
        der = base64.b64decode("".join(text.splitlines()[1:-1]))
        w.plant("private key of " + name, der[-32:])
        w.plant("private key's file of " + name, "".join(text.splitlines()[1:-1])[-40:])
        if allowed:
            w.site.write("server/keys", 'account="acme" ' + out, 0o644)
        w.adit(name, {"auth-key": {"key_file": path}}, wait=allowed)


def by_invite(w):
    """Joins by a line on standard input; what the agent then has is its own."""
    line = w.run("aditctl", "-c", w.aditd.conf, "invite", "--account", "acme").strip()
    w.plant("invite", re.search(r"adit_\w{8}_([\w-]{49})@", line).group(1))
    line = line.replace(line.split("@")[1].split("?")[0], w.address)
    w.said.append(w.run("adit", "join", "--log-level", "debug", "-", stdin=line + "\n"))
    for folder, _, files in os.walk(w.site.path(".config")):
        for name in files:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
                found = re.search(r"adit_\w{8}_([\w-]{49})", f.read())
            if found:
                w.plant("token of who joined", found.group(1))
    assert "token of who joined" in w.planted


def by_resume(w):
    """The secret by which a session goes on over another link, right and wrong."""
    p = w.peer(features=RESUME)
    values = p.auth(Token(w.aditd.token), "resumer")
    ok = p.expect("AUTH_OK")
    assert ok["data"] == values.server_proof
    w.plant("resume secret", ok["resume"][4:])
    p.close()
    for secret in (w.plant("wrong resume secret", secrets.token_bytes(32)), ok["resume"][4:]):
        q = w.peer(features=RESUME)
        q.send("RESUME", session=ok["session"], secret=secret, received=0)
        q.recv()
        q.close()


# Places.

def json_of(w, *words):
    return w.run("aditctl", "-c", w.aditd.conf, "--json", *words).encode()


def found(w, text, but=()):
    return sorted(what for what, secret in w.planted.items() if what not in but
                  for form in forms(secret) if form in text)


def processes():
    """Arguments and environments of all that we may look at."""
    text = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name in "cmdline", "environ":
            try:
                with open("/proc/%s/%s" % (pid, name), "rb") as f:
                    text.append(f.read())
            except OSError:
                continue
    return b"\n".join(text)


def memory(pid):
    """What the program may write; None where we may not look, which is as it should be."""
    text = []
    try:
        with open("/proc/%d/maps" % pid, encoding="ascii") as maps, \
                open("/proc/%d/mem" % pid, "rb", 0) as mem:
            for line in maps:
                where, mode = line.split()[:2]
                low, high = (int(x, 16) for x in where.split("-"))
                if not mode.startswith("rw"):
                    continue
                try:
                    mem.seek(low)
                    text.append(mem.read(high - low))
                except OSError:
                    continue
    except PermissionError:
        return None
    return b"\n".join(text)


def test_nowhere(w):
    by_password(w)
    by_file_and_prompt(w)
    by_jwt(w)
    by_token(w)
    by_key(w)
    by_invite(w)
    by_resume(w)
    assert len(w.planted) >= 20
    until(lambda: b'"web1"' in json_of(w, "agents"), "the agents")
    logs = "\n".join(p.text() for p in w.site.programs) + "\n".join(w.said)
    for what in "session .* agent=web1", "decide started as process", "refused":
        assert re.search(what, logs), what
    assert found(w, logs.encode()) == []
    told = b"".join(json_of(w, *words) for words in (["status"], ["agents"]))
    told += "".join(w.run("aditctl", "-c", w.aditd.conf, x)
                    for x in ("status", "agents")).encode()
    assert b"web1" in told and found(w, told) == []
    seen = processes()
    assert w.aditd.conf.encode() in seen
    assert os.geteuid() != 0 or b"in-the-environment" in seen
    assert found(w, seen) == []
    with open("/proc/%d/limits" % w.aditd.pid, encoding="ascii") as f:
        assert re.search(r"^Max core file size +0 +0 ", f.read(), re.M)
    # What the server must know, and the invites that it has made itself.
    w.forgotten(but=("stored key", "server key", "resume secret", "invite"))
