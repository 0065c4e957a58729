# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""auth-exec in a server: the sample programs, a reload, programs that end, a chain."""

import http.server
import json
import os
import shutil
import signal
import ssl
import threading

import pytest

from aditsession import AgentPeer
from harness import SLOW, need, until
from tlsworld import TlsWorld

pytestmark = need("aditd")

TOP = os.environ.get("top_srcdir") or os.path.join(os.path.dirname(__file__), "../..")
EXAMPLES = os.path.join(TOP, "plugins/auth-exec/examples")
EVERYBODY = """#!/usr/bin/python3
import json, os, sys
for line in sys.stdin:
    q = json.loads(line)
    user = q.get("user", "")
    if user == "crash":
        os.kill(os.getpid(), 9)
    print(json.dumps({"id": q["id"], "verdict": "allow", "account": "%s"}), flush=True)
"""


@pytest.fixture
def w(site):
    return TlsWorld(site)


def example(site, name):
    """A copy that belongs to us and that nobody else may write."""
    path = site.path(name)
    shutil.copy(os.path.join(EXAMPLES, name), path)
    os.chmod(path, 0o755)
    return path


def peer(w, server):
    p = AgentPeer(w.connect(server.port), timeout=20 * SLOW)
    p.start()
    return p


def password(user, text):
    return bytes([len(user)]) + user.encode() + text.encode()


def ask(w, server, user, text, method="password", agent="peer"):
    """The account, or None if the login was refused."""
    p = peer(w, server)
    data = password(user, text) if method == "password" else text
    p.send("AUTH", method=method, agent=agent, data=data)
    answer = p.recv()
    p.close()
    assert answer.name in ("AUTH_OK", "AUTH_FAIL"), p.story()
    return answer["account"] if answer.name == "AUTH_OK" else None


def children(server):
    """The processes that the server has started."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid, encoding="ascii", errors="replace") as f:
                state, parent = f.read().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if int(parent) == server.pid and state != "Z":
            found.append(int(pid))
    return found


def runs(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def gone(pids):
    return not any(runs(p) for p in pids)


# The samples.

def test_file(w):
    program, users = example(w.site, "auth-file.py"), w.site.path("users")
    add = w.site.start("add", ["sh", "-c", "echo 'correct \"horse\"' | %s --add %s alice acme "
                               "max_tunnels=3" % (program, users)])
    assert add.wait() == 0, add.text()
    server = w.server(plugins={"auth-exec": {"command": [program, users]}})
    assert ask(w, server, "alice", 'correct "horse"') == "acme"
    assert ask(w, server, "alice", "wrong") is None
    server.wait_for("wrong password")
    assert ask(w, server, "bob", "x") is None
    server.wait_for("no such user")
    with open(users, "a", encoding="utf-8") as f:
        f.write("not a line\n")
    assert ask(w, server, "alice", 'correct "horse"') is None
    server.wait_for("the file of users cannot be read")
    assert "horse" not in server.text()


def test_closed(w):
    closed = w.site.path("closed")
    server = w.server(plugins={
        "auth-exec": {"command": [example(w.site, "auth-closed.sh"), closed],
                      "methods": ["*"]}})
    agent = w.agent(server, {"ca_file": w.pem("ca")}, 1)    # by token, which is behind
    agent.stop()
    w.site.write("closed", "")
    agent = w.agent(server, {"ca_file": w.pem("ca")}, 1, "--no-reconnect", wait=False)
    agent.wait_for("login refused")
    agent.wait()
    server.wait_for("closed")


class Service(http.server.BaseHTTPRequestHandler):
    """Accounts are texts that end in their password; other paths do other things."""

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((question, self.headers.get("Authorization")))
        user, right = question["user"], question["password"] == "open sesame"
        answer = {"verdict": "allow", "account": user} if right else {"verdict": "deny"}
        body = json.dumps(answer).encode()
        if user == "broken":
            body = b"<html>"
        if user == "moved":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/")
        else:
            self.send_response(500 if user == "error" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def service(w):
    """An HTTPS service with a certificate of the world's authority."""
    w.mint("hook", names="localhost", issuer="ca")
    s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(w.pem("hook"), w.key("hook"))
    s.socket = context.wrap_socket(s.socket, server_side=True)
    s.seen = []
    thread = threading.Thread(target=s.serve_forever, args=(0.05,))
    thread.start()
    yield s
    s.shutdown()
    thread.join()
    s.server_close()


def test_http(w, service):
    url = "https://localhost:%d/adit" % service.server_port
    w.site.write("bearer", "s3cret\n")
    server = w.server(plugins={"auth-exec": {"timeout": "60s", "command": [
        example(w.site, "auth-http.py"), "--timeout", "30", "--ca-file", w.pem("ca"),
        "--bearer-file", w.site.path("bearer"), url]}})
    assert ask(w, server, "alice", "open sesame") == "alice"
    question, bearer = service.seen[0]
    assert bearer == "Bearer s3cret"
    assert question["adit"] == 1 and question["method"] == "password"
    assert question["peer"] == "127.0.0.1" and question["encrypted"] is True
    assert question["agent"] == "peer" and question["step"] == 0
    assert question["facts"]["tls-version"].startswith("TLS1.3")
    assert ask(w, server, "alice", "wrong") is None
    for user in "broken", "error", "moved":
        mark = server.mark()
        assert ask(w, server, user, "open sesame") is None
        server.wait_for("the web service did not answer as it should", after=mark)
    assert len(service.seen) == 5


def test_http_verifies(w, service):
    """A certificate of somebody else, or a name that is not the service's."""
    w.mint("other-ca", "Other CA", purpose="ca")
    for number, (ca, host) in enumerate((("other-ca", "localhost"), ("ca", "127.0.0.1"))):
        server = w.server(name="server%d" % number, plugins={"auth-exec": {
            "timeout": "60s", "command": [
                example(w.site, "auth-http.py"), "--timeout", "30", "--ca-file", w.pem(ca),
                "https://%s:%d/" % (host, service.server_port)]}})
        assert ask(w, server, "alice", "open sesame") is None
        server.wait_for("certificate verify failed")
    assert not service.seen


def test_http_needs_tls(w):
    server = w.server(plugins={"auth-exec": {"timeout": "100ms", "command": [
        example(w.site, "auth-http.py"), "http://accounts.example/"]}})
    server.wait_for("the URL must begin with https://")


# Programs of their own.

def everybody(site, account, name="program"):
    return site.write(name, EVERYBODY % account, 0o700)


def test_reload(w):
    """The new program decides new logins; the old one ends when nobody needs it."""
    conf = {"auth-exec": {"command": [everybody(w.site, "first", "one")], "timeout": "60s"}}
    server = w.server(plugins=conf)
    assert ask(w, server, "alice", "x") == "first"
    before = children(server)
    assert len(before) == 1
    conf_file = os.path.join(os.path.dirname(server.conf), "conf.d/auth-exec.conf")
    with open(conf_file, encoding="utf-8") as f:
        text = f.read()
    everybody(w.site, "second", "two")
    with open(conf_file, "w", encoding="utf-8") as f:
        f.write(text.replace("/one", "/two"))
    mark = server.mark()
    server.signal(signal.SIGHUP)
    server.wait_for("two started as process", after=mark)
    until(lambda: gone(before), "the end of the old program")
    assert ask(w, server, "alice", "x") == "second"
    after = children(server)
    assert len(after) == 1
    server.stop()
    assert gone(after)


def test_ends(w):
    """A program that dies takes its login with it, and comes back."""
    server = w.server(plugins={"auth-exec": {"command": [everybody(w.site, "acme")],
                                             "timeout": "60s"}})
    assert ask(w, server, "crash", "x") is None
    server.wait_for(r"program closed its output: ended \(signal 9\), 1 questions unanswered")
    assert ask(w, server, "alice", "x") == "acme"


def test_agent_leaves(w):
    """A login that is given up is cancelled, and the server stops while another one waits."""
    silent = w.site.write("silent", "#!/bin/sh\nwhile read -r q; do echo got it >&2; done\n", 0o700)
    server = w.server(plugins={"auth-exec": {"command": [silent], "timeout": "60s"}},
                      limits={"drain_for": "100ms"})
    for last in (False, False, True):
        mark, p = server.mark(), peer(w, server)
        p.send("AUTH", method="password", agent="peer", data=password("alice", "x"))
        server.wait_for("silent says: got it", after=mark)
        if not last:
            p.close()
    server.stop()


def test_server_killed(w):
    """A program ends when its server is gone: its input does."""
    server = w.server(plugins={"auth-exec": {"command": [everybody(w.site, "acme")],
                                             "timeout": "60s"}})
    assert ask(w, server, "alice", "x") == "acme"
    pids = children(server)
    server.crash_is_fine = True
    server.kill()
    until(lambda: gone(pids), "the end of the program")


def test_inherits_nothing(w):
    """Descriptors and environment of the program."""
    tell = w.site.write("tell", "#!/usr/bin/python3\nimport os, sys\n"
                        "fds = sorted(os.listdir('/proc/%d/fd' % os.getpid()))\n"
                        "print('fds', len(fds), file=sys.stderr)\n"
                        "print('env', *sorted(set(os.environ) - {'LC_CTYPE'}), file=sys.stderr)\n"
                        "sys.stdin.read()\n", 0o700)
    server = w.server(plugins={"auth-exec": {"command": [tell]}},
                      env={"ADIT_PLANTED": "secret", "LANG": "C.UTF-8"})
    server.wait_for("tell says: fds 4$")        # three, and the folder that is listed
    server.wait_for("tell says: env HOME LANG PATH$")


def test_unencrypted(site):
    """A password in the clear is denied before the program sees it."""
    tell = site.write("tell", "#!/bin/sh\ncat >&2\n", 0o700)
    server = site.server(plugins={"auth-exec": {"command": [tell]}})
    p = AgentPeer(site.connect(server.port), timeout=20 * SLOW)
    p.start()
    p.send("AUTH", method="password", agent="peer", data=password("alice", "hunter2"))
    assert p.recv().name == "AUTH_FAIL"
    server.wait_for("a secret over a link that is not encrypted")
    assert "hunter2" not in server.text() and "tell says" not in server.text()


@pytest.mark.parametrize("command, why", [
    ("prog", "expects the absolute path of a program"),
    ("/no/such/program", "/no/such/program: No such file or directory"),
    ("@writable", "nobody else may write what is run"),
    ("@plain", "may not be run"),
])
def test_refused(site, command, why):
    site.write("writable", "#!/bin/sh\n", 0o777)
    site.write("plain", "#!/bin/sh\n", 0o600)
    path = site.path(command[1:]) if command[0] == "@" else command
    conf, _, _ = site.server_conf(plugins={"auth-exec": {"command": [path]}})
    _, said = site.run("aditd", "--check", "-c", conf, status=78)
    assert "auth-exec.conf" in said and "command" in said and why in said
