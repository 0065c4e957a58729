# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The budget for unread bytes: a thousand streams whose readers stop, and what happens over it."""

import os
import resource
import select
import socket
import sys
import threading

import pytest

from harness import Agent, command, free_port, need, read_to_end, settings, until
from procfs import MIB, memory, settled

pytestmark = need("aditd", "adit")

SANITIZED = os.environ.get("sanitizers", "no") not in ("", "no")
ASKED = 2 * MIB                 # of each stalled stream: more than its window and all buffers
BULK = 4 * MIB
MANY = {"opening_per_session": 1000}


@pytest.fixture(autouse=True)
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4000:
        pytest.skip("RLIMIT_NOFILE is %d, 4000 are needed" % hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def target(site):
    port = free_port()
    here = os.path.dirname(os.path.abspath(__file__))
    site.start("bulk", [sys.executable, os.path.join(here, "bulk.py"), str(port)]) \
        .wait_for("listening", 20)
    return port


def start_agent(site, server, target, name, **limits):
    limits = dict(MANY, **limits)
    values = {"server": "tcp://127.0.0.1:%d" % server.port, "token_file": server.token_file, "name": name,
              "limits": limits,
              "tunnels": ({"name": name, "target": "127.0.0.1:%d" % target},)}
    if os.environ.get("plugin_dir"):
        values["plugin_dir"] = os.environ["plugin_dir"]
    path = site.write("%s/adit.conf" % name, settings(values))
    agent = site.start("adit", command("adit") + ["run", "-c", path], Agent)
    agent.wait_up()
    return agent


def ask(site, agent, line, rcvbuf=None):
    sock = site.connect(agent.public, 60, rcvbuf)
    sock.sendall(line)
    return sock


def stopped_downloads(site, agent, n):
    """Clients that never read."""
    return [ask(site, agent, b"send %d\n" % ASKED, rcvbuf=4096) for _ in range(n)]


def stopped_uploads(site, agent, n):
    """Clients of a target that never reads; they send as much as is taken, up to a bound."""
    socks = [ask(site, agent, b"hold\n") for _ in range(n)]
    left = {sock: ASKED // 2 for sock in socks}
    for sock in socks:
        sock.setblocking(False)

    def push():
        for sock in [s for s, n in left.items() if n]:
            try:
                left[sock] -= sock.send(bytes(min(left[sock], 65536)))
            except BlockingIOError:
                pass
            except OSError:             # reset, which is what some wait for
                left[sock] = 0
        return sum(left.values())
    settled(push, 0.5)
    return socks


def read_on(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    return read_to_end(sock)


def download(site, agent):
    with ask(site, agent, b"send %d\n" % BULK) as sock:
        return len(read_to_end(sock))


def all_go_on(site, agents):
    """A download by each, at the same time."""
    got = []
    threads = [threading.Thread(target=lambda a=a: got.append(download(site, a))) for a in agents]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert got == [BULK] * len(agents)


def resets(socks):
    """How many have been reset; nothing is read."""
    poll = select.poll()
    for sock in socks:
        poll.register(sock, 0)
    return sum(bool(event & select.POLLHUP) for _, event in poll.poll(0))


def sent(site, target):
    with site.connect(target) as sock:
        sock.sendall(b"sent\n")
        return int(read_to_end(sock))


def test_a_thousand_stopped_readers(site, target):
    """Three sessions, 1,000 streams: memory stays inside the budget, and nobody is harmed."""
    server = site.server(limits=dict(MANY, unread_budget="160MiB"))
    agents = [start_agent(site, server, target, "agent%d" % i) for i in range(3)]
    all_go_on(site, agents)
    before = [memory(p) for p in (server, *agents)]

    socks = [s for agent in agents for s in stopped_downloads(site, agent, 334)]
    settled(lambda: sent(site, target), 0.5, timeout=120)
    all_go_on(site, agents)
    grown = [memory(p, "VmHWM") - b for p, b in zip((server, *agents), before)]
    print("grown by", ", ".join("%.1f MiB" % (g / MIB) for g in grown))
    assert resets(socks) == 0 and "unread_budget" not in server.text()
    assert grown[0] > 64 * MIB, "this was about bytes that wait in the server"
    assert SANITIZED or max(grown) < (160 + 64) * MIB
    assert len(read_on(socks[0])) == ASKED, "who reads again gets it all"


def test_over_the_budget_the_oldest_go(site, target):
    """Of several sessions: who has stopped first is reset, and the others go on."""
    server = site.server(limits={"unread_budget": "4MiB", "stream_window": "64KiB",
                                 "stream_window_max": "64KiB"})
    agents = [start_agent(site, server, target, "agent%d" % i) for i in range(3)]
    first = stopped_downloads(site, agents[0], 60)
    settled(lambda: sent(site, target), 0.5)
    assert resets(first) == 0
    others = []
    while "unread_budget is used up" not in server.text():
        others += stopped_downloads(site, agents[1 + len(others) // 10 % 2], 10)
        settled(lambda: sent(site, target), 0.5)
        assert len(others) < 200
    gone = settled(lambda: resets(first), 0.5)
    print("%d of 60 old streams were reset, %d of %d new ones" % (gone, resets(others), len(others)))
    assert 0 < gone < 60 and resets(others) == 0
    all_go_on(site, agents)
    for sock in others:
        assert len(read_on(sock)) == ASKED
    seen = 0  # at least those, and some more, because the others have gone on
    for sock in first:
        try:
            assert len(read_on(sock)) == ASKED
        except ConnectionResetError:
            seen += 1
    assert gone <= seen < 60, "reset by RST, never by a clean end"


def test_an_agent_has_a_budget_too(site, target):
    """Uploads that no target reads."""
    server = site.server(limits=MANY)
    agent = start_agent(site, server, target, "agent", unread_budget="8MiB")
    all_go_on(site, [agent])
    before = memory(agent)
    socks = stopped_uploads(site, agent, 250)
    until(lambda: resets(socks) > 0, "the oldest are reset")
    left = len(socks) - settled(lambda: resets(socks), 0.5)
    print("%d of 250 streams are left, %.1f MiB more" % (
        left, (memory(agent, "VmHWM") - before) / MIB))
    assert left > 0
    assert SANITIZED or memory(agent, "VmHWM") - before < (8 + 64) * MIB
    all_go_on(site, [agent])
