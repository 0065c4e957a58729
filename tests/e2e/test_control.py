# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""aditctl and the control socket: what they answer, and clients that mean harm."""

import json
import os
import selectors
import socket
import stat
import subprocess
import time

from harness import SLOW, command, need, until

pytestmark = need("aditd", "adit", "aditctl")


def ctl(server, *args, stdin=None):
    """Runs aditctl; the finished process."""
    return subprocess.run(command("aditctl") + ["-c", server.conf, *args], check=False,
                          input=stdin, capture_output=True, text=True, timeout=60 * SLOW)


def ask(server, *args):
    """The answer as an object."""
    got = ctl(server, "--json", *args)
    assert got.returncode == 0, got.stderr
    return json.loads(got.stdout)


def path(server):
    return os.path.join(os.path.dirname(server.conf), "control.sock")


class Client(socket.socket):
    """A connection to the control socket."""

    def __init__(self, server):
        super().__init__(socket.AF_UNIX)
        self.settimeout(20 * SLOW)
        self.connect(path(server))
        self.rest = b""

    def line(self):
        """The next line of an answer; b"" when the server has closed."""
        while b"\n" not in self.rest:
            try:
                got = self.recv(65536)
            except ConnectionResetError:
                got = b""
            if not got:
                return b""
            self.rest += got
        one, self.rest = self.rest.split(b"\n", 1)
        return one


def test_status_and_agents(site):
    server = site.server()
    mode = os.stat(path(server)).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600
    status = ask(server, "status")
    assert status["pid"] == server.pid and status["sessions"] == 0
    assert status["listeners"] == ["tcp://127.0.0.1:%d" % server.port]
    assert "auth-token" in status["plugins"] and status["uptime_ms"] >= 0
    assert ask(server, "agents")["agents"] == []
    agent = site.agent(server, site.listener().port, "--agent", "web1", "--sessions", "2",
                       name="one")
    until(lambda: ask(server, "status")["sessions"] == 2, "two sessions")
    agents = ask(server, "agents")["agents"]
    assert [(a["agent"], a["member"], a["transport"]) for a in agents] == [
        ("web1", 1, "tcp"), ("web1", 2, "tcp")]
    assert agents[0]["tunnels"] == 1 and not agents[0]["detached"]
    assert agents[0]["account"] == next(iter(server.tokens))
    assert ask(server, "agents", "--account", "nobody")["agents"] == []
    text = ctl(server, "agents").stdout
    assert "web1" in text and "web1 (2)" in text
    assert "sessions   2 now" in ctl(server, "status").stdout
    agent.stop()
    until(lambda: ask(server, "status")["sessions"] == 0, "no session")
    server.stop()
    assert not os.path.exists(path(server))
    assert ctl(server, "status").returncode == 69


def test_kick(site):
    server = site.server()
    agent = site.agent(server, site.listener().port, "--agent", "web1")
    got = ctl(server, "kick", "web2")
    assert got.returncode == 1 and "no agent 'web2' is logged in" in got.stderr
    assert ctl(server, "kick", "web1", "--account", "nobody").returncode == 1
    assert ctl(server, "kick", "web1").stdout == "1 session of agent web1 ended\n"
    agent.wait_for("connection lost: disconnected by the server's operator")
    agent.wait_for("all tunnels are back")      # it may


def test_reload(site):
    server = site.server()
    assert ctl(server, "reload").returncode == 0
    server.wait_for("configuration reloaded")
    with open(server.conf, "a", encoding="utf-8") as f:
        f.write("wrokers = 3;\n")
    got = ctl(server, "reload")
    assert got.returncode == 1 and "did you mean" in got.stderr and server.conf in got.stderr
    answer = ctl(server, "reload", "--json")
    assert answer.returncode == 1 and not json.loads(answer.stdout)["ok"]
    assert ask(server, "status")["sessions"] == 0


def test_invite_needs_a_transport_with_a_pin(site):
    server = site.server()
    got = ctl(server, "invite")
    assert got.returncode == 1 and "transport-tls" in got.stderr
    assert ctl(server, "invite", "--expires", "forever").returncode == 1


def test_two_servers_and_what_a_crash_leaves(site):
    server = site.server()
    second = site.start("second", command("aditd") + ["-c", server.conf, "--control",
                                                      path(server)])
    assert second.wait() == 1
    assert "another aditd has it" in second.text()
    server.kill()
    assert os.path.exists(path(server))
    again = site.start("again", command("aditd") + ["-c", server.conf])
    again.wait_for(r"\bready\b")
    assert ask(server, "status")["pid"] == again.pid
    none = site.start("none", command("aditd") + ["-c", server.conf, "--control", ""])
    none.wait()                         # the port is taken, but not the socket
    assert ask(server, "status")["pid"] == again.pid


def test_requests_that_are_none(site):
    server = site.server()
    with Client(server) as s:
        for request, says in (("", "no request"), ("frobnicate", "no request 'frobnicate'"),
                              ("status x=1", "no key 'x'"), ("kick", "agent=NAME"),
                              ("invite expires=31d", "1s to 30d"),
                              ("invite" + 40 * " grant=a=1", "transport-tls"),
                              ("invite" + 41 * " grant=a=1", "too many words")):
            s.sendall(request.encode() + b"\n")
            answer = json.loads(s.line())
            assert not answer["ok"] and says in answer["error"]
        s.sendall(b"status\nagents\nsta")     # one after the other
        assert json.loads(s.line())["pid"] == server.pid
        assert json.loads(s.line())["agents"] == []
        s.sendall(b"tus\n")
        assert json.loads(s.line())["ok"]
        s.sendall(b"x" * 8192)
        assert "longer than" in json.loads(s.line())["error"]
        assert s.line() == b""
    with Client(server) as s:
        s.sendall(b"status\n")
        s.shutdown(socket.SHUT_WR)
        assert json.loads(s.line())["ok"]
        assert s.line() == b""


def test_hostile_clients(site):
    """Clients that hold connections, send half a request, never read, or leave: nobody waits."""
    server = site.server()
    before = server.fds()
    held = [Client(server) for _ in range(40)]
    assert ask(server, "status")["ok"]  # the oldest of them is gone for it
    for s in held[-5:]:
        s.sendall(b"stat")
    assert ask(server, "status")["ok"]
    for s in held:
        s.close()
    deaf = [Client(server) for _ in range(4)]
    for s in deaf:
        s.setblocking(False)
        with selectors.DefaultSelector() as sel:
            sel.register(s, selectors.EVENT_WRITE)
            try:
                while sel.select(0.2):  # until nothing is taken any more
                    s.send(b"status\n" * 1000)
            except OSError:
                pass
    assert ask(server, "status")["ok"]
    for _ in range(50):
        with Client(server) as s:
            s.sendall(b"agents\n")
    assert ask(server, "status")["ok"]
    for s in deaf:
        s.close()
    server.wait_fds(before)


def test_under_load(site):
    """Several aditctl at once beside agents that come and go; every answer is whole."""
    server = site.server(limits={"sessions_per_account": 1000})
    target = site.listener()
    agents = [site.agent(server, target.port, "--agent", "a%d" % i, wait=False)
              for i in range(8)]
    for a in agents:
        a.wait_up()
    conns = [Client(server) for _ in range(8)]
    end = time.monotonic() + 2
    rounds = 0
    while time.monotonic() < end or rounds < 20:
        for s in conns:
            s.sendall(b"agents\nstatus\n")
        for s in conns:
            names = {a["agent"] for a in json.loads(s.line())["agents"]}
            assert names <= {"a%d" % i for i in range(8)} and len(names) >= 7
            assert json.loads(s.line())["pid"] == server.pid
        if rounds == 10:
            agents[0].stop()
        rounds += 1
    for s in conns:
        s.close()
