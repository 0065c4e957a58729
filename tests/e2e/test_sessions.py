# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Several sessions of one agent: its tunnels are one, whatever becomes of one of its links."""

import os
import re
import signal
import socket
import struct
import threading

import pytest

from harness import SLOW, Agent, command, need, settings, until
from traffic import Traffic, echo_target

pytestmark = need("aditd", "adit")

KIB = 1 << 10
REPLACED = "replaced by a newer login of the same agent"


class Relay:
    """Between agents and their server: links in the order in which they came, to be cut or frozen."""

    def __init__(self, site, server):
        self.server = server
        self.links = []
        self.frozen = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.changed = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()
        site.own(self)

    def _accept(self):
        while True:
            try:
                agent = self.listener.accept()[0]
            except OSError:
                return
            link = [agent, socket.create_connection(("127.0.0.1", self.server.port))]
            with self.changed:
                self.links.append(link)
                self.changed.notify_all()
            for a, b in (link, link[::-1]):
                threading.Thread(target=self._pump, args=(a, b, len(self.links)),
                                 daemon=True).start()

    def _pump(self, a, b, number):
        try:
            while True:
                got = a.recv(1 << 16)
                if self.frozen and number <= self.frozen:
                    return
                if not got:
                    break
                b.sendall(got)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def wait(self, n):
        """Until n links have come."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.links) >= n, 20 * SLOW), len(self.links)

    def cut(self, i):
        """Both ends of link i see a reset."""
        for sock in self.links[i]:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                sock.shutdown(socket.SHUT_RD)   # wakes the thread that reads
            except OSError:
                pass                            # it has seen the other socket's end
            sock.close()

    def freeze(self):
        """Of what happens to the links that there are neither end hears any more."""
        self.frozen = len(self.links)

    def close(self):
        self.listener.close()
        for link in self.links:
            for sock in link:
                sock.close()


def up(agent, n):
    """Waits until an agent of n sessions has them all."""
    for i in range(2, n + 1):
        agent.wait_for("session %d of %d connected" % (i, n), 20)


def clients(server):
    """How many clients each session had that is closed, in the order of their ends."""
    return [int(n) for n in re.findall(r" closed: .*\(after .*, (\d+) clients?\)", server.text())]


def held(site, agent, n):
    """n streams, one after the other, that carry something."""
    t = Traffic(lambda: site.connect(agent.public), n)
    t.wait(256 * KIB)
    return t


@pytest.mark.parametrize("workers", [1, 4])
def test_sessions_share_clients(site, workers):
    server = site.server(conf={"workers": workers})
    agent = site.agent(server, echo_target(site).port, "--sessions", "3")
    up(agent, 3)
    with held(site, agent, 12) as t:
        t.wait(2048 * KIB)
    agent.signal(signal.SIGTERM)
    assert agent.wait() == 0
    until(lambda: len(clients(server)) == 3, "the ends of three sessions")
    assert sorted(clients(server)) == [4, 4, 4], server.text()
    assert "member=2 leaves" in server.text() and "member=3 leaves" in server.text()
    assert re.search(r"links\s+3 \(3 ended\)", agent.text("out")), agent.text("out")


def test_threads_of_an_agent(site):
    server = site.server(conf={"workers": 2})
    conf = {"server": "tcp://127.0.0.1:%d" % server.port, "token_file": server.token_file,
            "sessions": 4, "workers": 2}
    if os.environ.get("plugin_dir"):
        conf["plugin_dir"] = os.environ["plugin_dir"]
    text = settings(conf) + 'tunnels = ( { name = "e"; target = "%d"; } );\n' % echo_target(site).port
    agent = site.start("adit", command("adit") + ["run", "-c", site.write("a/adit.conf", text)],
                       Agent)
    up(agent, 4)
    names = set()
    for task in os.listdir("/proc/%d/task" % agent.pid):
        with open("/proc/%d/task/%s/comm" % (agent.pid, task), encoding="ascii") as f:
            names.add(f.read().strip())
    assert {n for n in names if n.startswith("adit-agent")} == {"adit-agent0", "adit-agent1"}
    with held(site, agent, 8) as t:
        t.wait(2048 * KIB)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("workers", [1, 4])
def test_one_link_is_cut(site, workers, which):
    """That of the first session, which speaks for all, or another. Nothing goes on over another link."""
    server = site.server(conf={"workers": workers}, limits={"resume_for": "0s"})
    relay = Relay(site, server)
    agent = site.agent(relay.port, echo_target(site).port, "--sessions", "3",
                       token_file=server.token_file)
    up(agent, 3)
    every = [held(site, agent, 1) for _ in range(9)]
    mark = agent.mark()
    relay.cut(which)
    agent.wait_for(r"session \d of 3 is down: .*; trying again", after=mark)
    until(lambda: sum(t.left == 0 for t in every) >= 3, "three streams end")
    for t in every:
        with t:
            if t.left == 0:
                assert t.ends() == ["reset"]
            else:
                t.wait(1024 * KIB)
    assert sum("reset" in t.state() for t in every) == 3
    relay.wait(4)
    agent.wait_for(r"session \d of 3 connected", 20, after=mark)
    assert "connection lost" not in agent.text("out")
    with held(site, agent, 3) as t:     # the new one gets some, too
        t.wait(256 * KIB)
    agent.signal(signal.SIGTERM)
    assert agent.wait() == 0
    until(lambda: len(clients(server)) == 4, "the ends of four sessions")
    # Where the last three went hangs on which ends of the others the server had heard of by then.
    assert sum(clients(server)) == 12 and min(clients(server)) >= 1


@pytest.mark.parametrize("workers", [1, 4])
def test_a_killed_agent_comes_back(site, workers):
    """Its sessions live on at the server, as those of a host that has lost its power."""
    server = site.server(conf={"workers": workers}, limits={"sessions_per_account": 3})
    relay = Relay(site, server)
    echo = echo_target(site)
    options = ["--sessions", "3", "--agent", "same"]
    old = site.agent(relay.port, echo.port, *options, token_file=server.token_file)
    up(old, 3)
    relay.freeze()
    old.kill()
    new = site.agent(relay.port, echo.port, *options, token_file=server.token_file)
    assert new.public == old.public
    up(new, 3)
    until(lambda: server.text().count("closed: " + REPLACED) == 3, "three are replaced")
    with held(site, new, 6) as t:
        t.wait(256 * KIB)


def test_another_process_replaces_all(site):
    server = site.server(conf={"workers": 2})
    echo = echo_target(site)
    old = site.agent(server, echo.port, "--sessions", "3", "--agent", "same")
    up(old, 3)
    new = site.agent(server, echo.port, "--sessions", "2", "--agent", "same")
    assert old.wait() == 1
    assert "stopped: " in old.text("out")
    assert new.public == old.public
    up(new, 2)
    with held(site, new, 4) as t:
        t.wait(256 * KIB)


def test_no_room_for_the_third(site):
    """The agent keeps what it has, and gets the rest when there is room."""
    server = site.server(limits={"sessions_per_account": 2})
    agent = site.agent(server, echo_target(site).port, "--sessions", "3", "--max-attempts", "1")
    agent.wait_for("session 2 of 3 connected", 20)
    agent.wait_for(r"session 3 of 3 is down: .*sessions_per_account.*; trying again", 20)
    with held(site, agent, 4) as t:
        t.wait(256 * KIB)
        with open(server.conf, encoding="utf-8") as f:
            text = f.read()
        assert "sessions_per_account = 2" in text
        site.write("server/aditd.conf", text.replace("_per_account = 2", "_per_account = 3"))
        server.signal(signal.SIGHUP)
        agent.wait_for("session 3 of 3 connected", 40)
        t.wait(256 * KIB)


def test_a_wrong_token_is_one_failed_login(site):
    server = site.server()
    _, strange = site.token(site.server_conf("elsewhere")[0])
    agent = site.agent(server, 1, "--sessions", "8", token_file=strange, wait=False)
    assert agent.wait() == 77
    assert server.text().count("login by token refused") == 1


@pytest.mark.parametrize("workers", [1, 4])
def test_reload_and_drain(site, workers):
    server = site.server(conf={"workers": workers}, limits={"drain_for": "60s"})
    agent = site.agent(server, echo_target(site).port, "--sessions", "3")
    up(agent, 3)
    t = held(site, agent, 6)
    mark = server.mark()
    server.signal(signal.SIGHUP)
    server.wait_for("configuration reloaded", after=mark)
    t.wait(1024 * KIB)
    server.signal(signal.SIGTERM)
    server.wait_for("SIGTERM: draining")
    with t:
        t.wait(1024 * KIB)
    assert server.wait() == 0
    agent.wait_for("the server leaves: .* may finish, connecting anew", 20)
    mark = agent.mark()
    site.restart_server("server", server.conf, server.port, server.ports, server.tokens)
    agent.wait_for("all tunnels are back", 40, after=mark)
    for i in 1, 2:
        until(lambda i=i: len(re.findall(r"session \d of 3 connected", agent.text("out"))) >= 2 + i,
              "the others follow", 30)
    with held(site, agent, 3) as t:
        t.wait(256 * KIB)
