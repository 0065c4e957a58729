# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Many idle connections on one session, many idle sessions, and running out of descriptors."""

import os
import resource
import signal
import sys
import time

import pytest

from harness import Agent, command, need, read_exactly, settings, until
from procfs import MIB, cpu_seconds, descriptors, few_descriptors, memory
from traffic import echo_target

pytestmark = need("aditd", "adit")

SANITIZED = os.environ.get("sanitizers", "no") not in ("", "no")
IDLE = 10000
LIMITS = {"streams_per_session": 20000, "opening_per_session": 1000}


@pytest.fixture
def many_descriptors():
    """Children may open as many as the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < IDLE + 500:
        pytest.skip("RLIMIT_NOFILE is %d, %d are needed" % (hard, IDLE + 500))
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def crowd(site, public, n):
    here = os.path.dirname(os.path.abspath(__file__))
    return site.start("crowd", [sys.executable, os.path.join(here, "crowd.py"), public[0],
                                str(public[1]), str(n)])


def agent_with_limits(site, server, target, limits):
    values = {"server": "tcp://127.0.0.1:%d" % server.port, "token_file": server.token_file,
              "limits": limits, "tunnels": ({"name": "echo", "target": "127.0.0.1:%d" % target},)}
    if os.environ.get("plugin_dir"):
        values["plugin_dir"] = os.environ["plugin_dir"]
    path = site.write("adit.conf", settings(values))
    agent = site.start("adit", command("adit") + ["run", "-c", path], Agent)
    agent.wait_up()
    return agent


def test_ten_thousand_idle_connections(site, many_descriptors):
    target = echo_target(site)
    server = site.server(limits=LIMITS)
    agent = agent_with_limits(site, server, target.port, LIMITS)
    before = descriptors(server), descriptors(agent)

    clients = crowd(site, agent.public, IDLE)
    clients.wait_for(r"^up %d$" % IDLE, 120)
    print("aditd %.1f MiB, adit %.1f MiB" % (memory(server) / MIB, memory(agent) / MIB))
    assert descriptors(server) >= IDLE
    if not SANITIZED:
        assert memory(server) < 64 * MIB
    clients.signal(signal.SIGUSR1)
    clients.wait_for(r"^alive %d$" % IDLE, 120)
    assert memory(server) < 64 * MIB or SANITIZED

    clients.kill()
    until(lambda: (descriptors(server), descriptors(agent)) == before,
          "descriptors do not come back", 60)


def test_idle_sessions_cost_little(site, many_descriptors):
    """What a session keeps while nothing happens, when many PINGs have gone both ways."""
    n = 2000
    server = site.server(limits={"sessions_per_account": n, "ping_interval": "500ms",
                                 "dead_after": "5s"})
    before = memory(server), descriptors(server)
    here = os.path.dirname(os.path.abspath(__file__))
    agents = site.start("agents", [sys.executable, os.path.join(here, "agents.py"), "127.0.0.1",
                                   str(server.port), server.token_file, str(n)])
    agents.wait_for(r"^up %d$" % n, 60)

    def pings():
        mark = agents.mark()
        agents.signal(signal.SIGUSR1)
        return int(agents.wait_for(r"^pings (\d+)$", after=mark).group(1))

    until(lambda: pings() > 5 * n, "each is asked again and again", 60)
    each = (memory(server) - before[0]) / n
    print("%d bytes for each session" % each)
    assert descriptors(server) == before[1] + n and "lost" not in agents.text()
    assert each < 4096 or SANITIZED
    agents.kill()
    until(lambda: descriptors(server) == before[1], "descriptors do not come back", 60)


class Asked:
    """Connections to an echo on which a byte was sent; those that are served answer."""

    def __init__(self, site, public, n):
        self.socks, self.served = [], []
        self.refused = 0
        for _ in range(n):
            try:
                sock = site.connect(public)
                sock.sendall(b"?")
            except OSError:             # it was refused faster than we asked
                self.refused += 1
                continue
            sock.setblocking(False)
            self.socks.append(sock)

    def look(self):
        """Sorts out who was answered or refused since; returns how many were answered."""
        for s in list(self.socks):
            try:
                got = s.recv(10)
            except BlockingIOError:
                continue
            except ConnectionResetError:
                self.refused += 1
            else:
                assert got == b"?", "a clean end instead of an answer"
                self.served.append(s)
            self.socks.remove(s)
        return len(self.served)

    def close(self, socks):
        for s in socks:
            s.close()
        socks.clear()


def busy(program, seconds):
    """The share of one processor that a program takes while nothing is asked of it."""
    begin, used = time.monotonic(), cpu_seconds(program)
    until(lambda: time.monotonic() - begin > seconds, "time passes")
    return (cpu_seconds(program) - used) / (time.monotonic() - begin)


def test_at_the_servers_limit_accepting_pauses(site, monkeypatch):
    """Those who were accepted stay, those who wait are served later; agents still come in."""
    target = echo_target(site)
    few_descriptors(monkeypatch, "aditd", 300)
    server = site.server(limits={"reserve_for": "0"})
    agent = site.agent(server, target.port)
    before = descriptors(server)

    asked = Asked(site, agent.public, 400)
    server.wait_for("accepting pauses", 20)
    until(lambda: asked.look() > 100, "the first are served")
    load = busy(server, 1.5)
    asked.look()
    print("%d served, %d wait, %d refused; load %.3f" % (
        len(asked.served), len(asked.socks), asked.refused, load))
    assert load < 0.25, "waiting for descriptors burns processor time"
    assert 200 < len(asked.served) < 300 and not asked.refused

    second = site.agent(server, target.port, name="second")
    assert second.public != agent.public, "an agent gets its descriptor from the reserve"
    asked.served[0].setblocking(True)
    asked.served[0].sendall(b"still here")
    assert read_exactly(asked.served[0], 10) == b"still here"

    while asked.socks:
        asked.close(asked.served)
        until(lambda: asked.look() > 0, "those who wait are served", 20)
    assert not asked.refused, "nobody was turned away"
    asked.close(asked.served)
    second.stop()
    until(lambda: descriptors(server) == before, "descriptors do not come back", 20)


def test_at_the_agents_limit_clients_are_refused(site, monkeypatch):
    """The agent cannot dial: those clients see RST, the others and the session stay."""
    target = echo_target(site)
    few_descriptors(monkeypatch, "adit", 100)
    server = site.server()
    agent = site.agent(server, target.port)
    before = descriptors(agent)

    asked = Asked(site, agent.public, 200)
    until(lambda: asked.look() + asked.refused == 200, "all are served or refused")
    print("%d served, %d refused" % (len(asked.served), asked.refused))
    assert len(asked.served) > 50 and asked.refused > 100
    load = max(busy(agent, 1.0), busy(server, 0.5))
    assert load < 0.25, "a full agent or its server burns processor time"
    asked.served[0].setblocking(True)
    asked.served[0].sendall(b"still here")
    assert read_exactly(asked.served[0], 10) == b"still here"
    late = Asked(site, agent.public, 1)
    until(lambda: late.look() + late.refused == 1, "a late one is refused")
    assert late.refused == 1

    asked.close(asked.served)
    until(lambda: descriptors(agent) == before, "descriptors do not come back", 20)
    again = Asked(site, agent.public, 20)
    until(lambda: again.look() == 20, "all are served again")
