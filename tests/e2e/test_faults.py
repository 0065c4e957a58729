# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""What happens to clients, names and ports when something dies, leaves, or comes twice.

The three tests that kill do it 20 times each, at moments that a seeded generator chooses, under
streams whose every byte is checked: a client sees RST and never a clean end.
"""

import datetime
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from harness import (SLOW, Agent, command, ended_by_reset, free_port, need, read_exactly,
                     settings, until)
from procfs import thread_cpu
from traffic import Traffic, echo_target

pytestmark = need("aditd", "adit")

MIB = 1 << 20
SLACK = 2.0 * SLOW              # seconds that a slow machine may take for what should be at once
PLAIN = os.environ.get("sanitizers", "no") == "no"
KILLS = 20 if PLAIN and os.environ.get("ADIT_QUICK") != "1" else 6


class Baseline:
    """What programs need when nothing is going on; they must come back to it."""

    def __init__(self, *programs):
        self.before = [(p, p.fds(), p.rss()) for p in programs]

    def check(self, rss=8 * MIB):
        for p, fds, before in self.before:
            p.wait_fds(fds)
            assert not PLAIN or p.rss() < before + rss, "%s has grown from %d to %d" % (
                p.name, before, p.rss())


# A session ends with its link here. How it goes on over another is in test_resume_agent.py.
ENDS = {"resume_for": "0s"}


def start_server(site, limits=None, **options):
    return site.server(ports=12, limits=dict(ENDS, **(limits or {})), **options)


def new_conf(site, *args, **options):
    return site.server_conf(*args, ports=12, limits=ENDS, **options)


def streams(site, agent, n=4):
    return Traffic(lambda: site.connect(agent.public), n)


def works(site, port):
    """One question, echoed."""
    with Traffic(lambda: site.connect(port), 1) as t:
        t.wait(1000)


def retries(program, after):
    """The seconds that adit said it would wait, since a mark."""
    said = re.findall(r"trying again in ([\d.]+) (ms|s)", "\n".join(
        text for _, text in program.lines[after:]))
    return sum(float(n) / (1000 if unit == "ms" else 1) for n, unit in said)


def refuses(site, port):
    """True if a client gets RST: target or agent are away."""
    try:
        return ended_by_reset(site.connect(port))
    except ConnectionResetError:                # so soon
        return True


def logged_at(line):
    """When aditd wrote a line, in seconds since 1970."""
    return datetime.datetime.fromisoformat(line.split()[0].replace("Z", "+00:00")).timestamp()


# Killing.

class Killer:
    """Chooses moments, always the same ones."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.n = 0

    def moments(self):
        """KILLS times: after how many bytes; None: while an agent logs in."""
        for i in range(KILLS):
            yield None if i % 5 == 4 else self.rng.choice((1, 30000, MIB // 2)) + \
                self.rng.randrange(MIB // 2)


def test_server_is_killed(site):
    conf, port, first = new_conf(site)
    tokens = {"acme": site.token(conf)}
    echo = echo_target(site)
    names, ports = ("first", "second"), (first, first + 1)

    def start():
        return site.restart_server("server", conf, port, first, tokens)

    def start_agents():
        return [site.agent(server, echo.port, "--agent", name) for name in names]

    server = start()
    for moment in Killer("server").moments():
        agents = start_agents()                 # new ones begin with a second again
        assert [a.public[1] for a in agents] == list(ports)
        calm = Baseline(echo, *agents)
        marks = [a.mark() for a in agents]
        began = time.time()
        if moment is None:
            server.kill()                       # and again while they come back
            server = start()
            agents[0].wait_for("^connecting to", after=marks[0])
            server.kill()
        else:
            both = [streams(site, a, 2) for a in agents]
            both[1].wait(moment)
            server.kill()
            for t in both:
                with t:
                    assert t.ends() == ["reset"] * 2
        server = start()
        for a, mark, name, p in zip(agents, marks, names, ports):
            at = server.wait_for(r"agent=%s tunnel=\S+ bound to tcp://127\.0\.0\.1:(\d+)" % name, 70)
            assert logged_at(at.string) - began < retries(a, mark) + SLACK, a.text("out")
            assert int(at.group(1)) == p
            works(site, p)
        calm.check()
        for a in agents:
            assert a.stop() == 0


def test_agent_is_killed(site):
    server = start_server(site)
    echo = echo_target(site)
    other = site.agent(server, echo.port, "--agent", "other", port=server.ports + 7)
    victim = site.agent(server, echo.port, "--agent", "victim")
    port = victim.public[1]
    calm = Baseline(server, other, echo)
    others_fds = echo.fds()
    with streams(site, other) as undisturbed:
        for moment in Killer("agent").moments():
            if moment is None:
                victim.kill()
                victim = site.agent(server, echo.port, "--agent", "victim", wait=False)
                victim.wait_for("connecting to")
                victim.kill()
            else:
                with streams(site, victim) as t:
                    t.wait(moment)
                    victim.kill()
                    assert t.ends() == ["reset"] * 4
            assert refuses(site, port), "the port waits for its agent"
            began = time.monotonic()
            victim = site.agent(server, echo.port, "--agent", "victim")
            assert victim.public[1] == port
            works(site, port)
            assert time.monotonic() - began < SLACK
            undisturbed.wait(MIB // 4)
        echo.wait_fds(others_fds + 4)
    calm.check()


def test_target_is_killed(site):
    server = start_server(site)
    echo, other_echo = echo_target(site), echo_target(site)
    other = site.agent(server, other_echo.port)
    agent = site.agent(server, echo.port)
    port = agent.public[1]
    calm = Baseline(server, agent, other)
    rng = random.Random("target")
    with streams(site, other) as undisturbed:
        for _ in range(KILLS):
            with streams(site, agent) as t:
                t.wait(rng.randrange(1, MIB))
                echo.kill()
                assert t.ends() == ["reset"] * 4
            assert refuses(site, port)
            echo = echo_target(site, echo.port)
            works(site, port)
            undisturbed.wait(MIB // 4)
    calm.check()
    assert agent.text("out").count("connecting to") == 1, "the link has not noticed"


# Takeover.

def test_takeover_of_a_link_that_is_half_open(site):
    server = start_server(site)
    echo = echo_target(site)
    old = site.agent(server, echo.port, "--agent", "same")
    port = old.public[1]
    calm = Baseline(server)
    with streams(site, old) as t:
        t.wait(MIB)
        old.signal(signal.SIGSTOP)              # the server hears nothing, the link is there
        began = time.monotonic()
        new = site.agent(server, echo.port, "--agent", "same")
        assert new.public[1] == port
        works(site, port)
        assert time.monotonic() - began < 5.0 * SLOW   # far below the 30 s of silence
        assert t.ends() == ["reset"] * 4
    server.wait_for("agent=same closed: replaced")
    old.signal(signal.SIGCONT)
    old.wait_for("^stopped: .*newer")
    assert old.wait() == 1
    works(site, port)
    assert new.proc.poll() is None and "lost" not in new.text("out")
    calm.check()


class Visitor:
    """Comes again and again; every visit is an echo or a RST."""

    def __init__(self, site, port):
        self.site, self.port = site, port
        self.echoes = self.resets = 0
        self.wrong = []
        self.changed = threading.Condition()
        self.quit = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _visit(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 10 * SLOW) as s:
                s.sendall(b"hello")
                assert read_exactly(s, 5) == b"hello"
            return True
        except ConnectionResetError:
            return False

    def _run(self):
        while not self.quit:
            try:
                good = self._visit()
            except (OSError, EOFError, AssertionError) as e:
                self.wrong.append(repr(e))
                good = False
            with self.changed:
                self.echoes += good
                self.resets += not good
                self.changed.notify_all()

    def wait(self, n=1, timeout=10.0):
        """Until n more visits were good."""
        with self.changed:
            goal = self.echoes + n
            assert self.changed.wait_for(lambda: self.echoes >= goal, timeout * SLOW), self.wrong

    def close(self):
        self.quit = True
        self.thread.join(20 * SLOW)


@pytest.mark.parametrize("workers", [1, 4])
def test_takeovers_under_clients(site, workers):
    server = start_server(site, conf={"workers": workers})
    echo = echo_target(site)
    agent = site.agent(server, echo.port, "--agent", "same")
    port = agent.public[1]
    calm = Baseline(server, echo)
    visitors = [site.own(Visitor(site, port)) for _ in range(2)]
    for _ in range(12):
        for v in visitors:
            v.wait(5)
        old, agent = agent, site.agent(server, echo.port, "--agent", "same")
        assert agent.public[1] == port
        assert old.wait() == 1
        assert "stopped: " in old.text("out")
    for v in visitors:
        v.wait(5)
        v.close()
        assert not v.wrong
    calm.check()


# Leaving.

def test_drain_lets_streams_finish(site):
    server = start_server(site, limits={"drain_for": "60s"})
    echo = echo_target(site)
    agent = site.agent(server, echo.port)
    mark = agent.mark()
    with streams(site, agent) as t:
        t.wait(MIB)
        server.signal(signal.SIGTERM)
        server.wait_for("SIGTERM: draining for at most")
        until(lambda: site.refused(server.port), "agents are still let in")
        until(lambda: site.refused(agent.public[1]), "clients are still let in")
        t.wait(4 * MIB)
        assert server.proc.poll() is None
    assert server.wait() == 0
    assert "drained: no stream is left" in server.text()
    agent.wait_for("the server leaves: .*; 4 connections may finish, connecting anew", after=mark)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_stops_at_once(site, second):
    server = start_server(site, limits={"drain_for": "10m"})
    agent = site.agent(server, echo_target(site).port)
    with streams(site, agent) as t:
        t.wait(MIB)
        server.signal(signal.SIGTERM)
        server.wait_for("SIGTERM: draining")
        t.wait(MIB)
        began = time.monotonic()
        server.signal(second)
        assert t.ends() == ["reset"] * 4
        assert server.wait() == 0
        assert time.monotonic() - began < SLACK


def test_drain_ends(site):
    server = start_server(site, limits={"drain_for": "300ms"})
    agent = site.agent(server, echo_target(site).port)
    client = site.connect(agent.public)
    client.sendall(b"idle")
    assert read_exactly(client, 4) == b"idle"
    server.signal(signal.SIGTERM)
    assert ended_by_reset(client)
    assert server.wait() == 0
    assert "drain_for has passed" in server.text()


def test_nobody_waits_for_a_drain_without_streams(site):
    server = start_server(site, limits={"drain_for": "10m"})
    agent = site.agent(server, echo_target(site).port)
    works(site, agent.public[1])
    server.signal(signal.SIGINT)
    assert server.wait() == 0
    agent.wait_for("connection lost: ")


def test_agent_leaves(site):
    server = start_server(site)
    agent = site.agent(server, echo_target(site).port)
    with streams(site, agent) as t:
        t.wait(MIB)
        agent.signal(signal.SIGTERM)
        assert t.ends() == ["reset"] * 4
    assert agent.wait() == 0
    assert re.search(r"streams +4 \(0 refused, 4 reset", agent.text("out"))
    server.wait_for("closed: the agent leaves")


# Coming.

def test_server_is_absent_at_first(site):
    conf, port, first = new_conf(site)
    tokens = {"acme": site.token(conf)}
    echo = echo_target(site)
    agent = site.agent(port, echo.port, token_file=tokens["acme"][1], wait=False)
    agent.wait_for("not connected: cannot connect to .*: Connection refused; trying again in")
    site.restart_server("server", conf, port, first, tokens)
    works(site, agent.public[1])
    assert agent.stop() == 0


def test_a_server_that_hangs_is_left(site):
    """It takes the link and says nothing."""
    server = start_server(site)
    silent = site.listener()
    conf = site.write("adit.conf", settings({
        "server": "tcp://127.0.0.1:%d" % silent.port, "token_file": server.token_file,
        "limits": {"handshake_timeout": "300ms"},
        "tunnels": [{"name": "t", "target": "127.0.0.1:1"}]}))
    agent = site.start("adit", command("adit") + ["run", "-c", conf], Agent)
    conns = [silent.accept()]
    agent.wait_for("not connected: .*; trying again in")
    conns.append(silent.accept())


def test_no_reconnect(site):
    server = start_server(site)
    agent = site.agent(server, 1, "--no-reconnect")
    server.kill()
    assert agent.wait() == 69
    assert "stopped: " in agent.text("out")


def test_max_attempts(site):
    token = site.token(new_conf(site)[0])[1]
    agent = site.agent(free_port(), 1, "--max-attempts", "3", token_file=token, wait=False)
    assert agent.wait(20) == 69
    assert len(re.findall("^connecting to", agent.text("out"), re.M)) == 3
    assert "connecting to tcp://127.0.0.1" in agent.text("out") and "(attempt 3)" in agent.text("out")


def exit_of(site, name, *args):
    """(status, what it said) of a program that ends by itself."""
    p = site.start(name, command(name) + list(args))
    return p.wait(), p.text()


def test_exit_status_of_adit(site):
    server = start_server(site)
    where = ["--server", "tcp://127.0.0.1:%d" % server.port, "--no-reconnect"]
    good = ["--token-file", server.token_file]
    wrong = site.token(new_conf(site, "another")[0])[1]
    tunnel = ["--local", "127.0.0.1:1"]
    for status, args, said in (
            (77, ["run", *where, *tunnel, "--token-file", wrong], "stopped: "),
            (78, ["run", *where, *tunnel, "--token-file", site.path("none")], "none"),
            (78, ["run", "-c", site.write("bad.conf", "server = 1;\n")], "bad.conf:1: "),
            (2, ["run", "--no-such-option"], "--no-such-option"),
            (2, ["publish"], "publish"),
            (1, ["run", *where, *tunnel, *good, "--port", "1"], "not permitted"),
            (69, ["run", *tunnel, *good, "--no-reconnect", "--server",
                  "tcp://" + "x" * 64 + ".invalid:1"], "cannot resolve " + "x" * 64 + ".invalid: "),
            (0, ["--version"], "adit "),
    ):
        got, text = exit_of(site, "adit", *args)
        assert got == status and said in text, (args, got, text)


def test_exit_status_of_aditd(site):
    server = start_server(site)
    conf = new_conf(site, "twin", port=server.port)[0]
    for status, args, said in (
            (1, ["-c", conf], "cannot listen on 127.0.0.1:%d: Address already in use" % server.port),
            (78, ["-c", site.path("none.conf")], "none.conf"),
            (78, ["--check", "-c", site.write("x.conf", "\nworkers = -1;\n")], "x.conf:2: "),
            (2, ["--no-such-option"], "--no-such-option"),
            (0, ["--check", "-c", server.conf], "configuration is good"),
            (0, ["--version"], "aditd "),
    ):
        got, text = exit_of(site, "aditd", *args)
        assert got == status and said in text, (args, got, text)


# Many.

def test_port_of_an_agent_that_left_is_its_accounts(site):
    server = start_server(site)
    echo = echo_target(site)
    first = site.agent(server, echo.port, "--agent", "one", name="a")
    port = first.public[1]
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    by_chance = site.agent(server, echo.port, "--agent", "two", name="b")
    assert by_chance.public[1] != port          # it is reserved
    by_name = site.agent(server, echo.port, "--agent", "three", name="c", port=port)
    assert by_name.public[1] == port            # but whoever of the account asks for it has it
    works(site, port)


def test_an_account_holds_so_many_tunnels(site):
    server = start_server(site, limits={"tunnels_per_account": 2})
    echo = echo_target(site)
    first = site.agent(server, echo.port, "--agent", "one", name="a")
    second = site.agent(server, echo.port, "--agent", "two", name="b")
    third = site.agent(server, echo.port, "--agent", "three", name="c", wait=False)
    third.wait_for("is not published: .*tunnels_per_account")
    first.signal(signal.SIGTERM)                # what waits makes room
    assert first.wait() == 0
    third.wait_up()                             # it has kept asking
    works(site, second.public[1])


def test_two_agents_of_one_account(site):
    server = start_server(site)
    echo = echo_target(site)
    a, b = (site.agent(server, echo.port, "--agent", name, name="web") for name in ("a", "b"))
    assert a.public[1] != b.public[1]
    with streams(site, a) as t:
        works(site, b.public[1])
        b.kill()
        t.wait(MIB)
        server.wait_for("agent=b closed")
        t.wait(MIB)
    b = site.agent(server, echo.port, "--agent", "b", name="web")
    works(site, b.public[1])
    works(site, a.public[1])


def test_a_port_has_one_owner(site):
    """Neither another agent nor another account gets a port that is waiting for its own."""
    server = start_server(site, accounts=("acme", "umbrella"))
    a = site.agent(server, 1, "--agent", "a")
    port = a.public[1]
    for account, name in (("acme", "b"), ("umbrella", "a")):
        status, text = exit_of(
            site, "adit", "run", "--server", "tcp://127.0.0.1:%d" % server.port, "--local", "1",
            "--token-file", server.tokens[account][1], "--agent", name, "--port", str(port))
        assert status == 1 and "port %d is in use" % port in text, text
        if account == "acme":
            a.kill()


def spent(p, act):
    """What each thread spent during act()."""
    before = thread_cpu(p)
    act()
    return {name: cpu - before.get(name, 0) for name, cpu in thread_cpu(p).items()}


def test_agents_on_four_workers(site):
    server = start_server(site, conf={"workers": 4})
    echo = echo_target(site)
    agents = [site.agent(server, echo.port, "--agent", "a%d" % i) for i in range(8)]
    for a in agents[:4]:

        def act(a=a):
            with streams(site, a, 2) as t:
                t.wait(8 * MIB)
        cost = spent(server, act)
        most = max(cost, key=cost.get)
        assert most == "adit-w%d" % agents.index(a), cost
    every = [streams(site, a, 2) for a in agents]
    for t in every:
        t.wait(MIB)
    agents[5].kill()
    for i, t in enumerate(every):
        with t:
            if i == 5:
                assert t.ends() == ["reset"] * 2
            else:
                t.wait(MIB // 4)


def test_client_lands_on_another_worker(site):
    """The session moves with its agent, and the listener follows."""
    server = start_server(site, conf={"workers": 4})
    echo = echo_target(site)
    old = site.agent(server, echo.port, "--agent", "same")
    site.agent(server, echo.port, "--agent", "second")

    def act():
        with Traffic(lambda: site.connect(old.public), 2) as t:
            t.wait(8 * MIB)

    cost = spent(server, act)
    assert max(cost, key=cost.get) == "adit-w0", cost
    new = site.agent(server, echo.port, "--agent", "same")
    assert new.public == old.public
    assert old.wait() == 1
    cost = spent(server, act)
    assert max(cost, key=cost.get) == "adit-w2", cost
    new.kill()
    assert refuses(site, new.public[1])
    third = site.agent(server, echo.port, "--agent", "same")
    assert third.public == old.public
    act()


@pytest.mark.parametrize("port", [5000, 40000])
def test_a_target_that_is_away_is_not_the_agent_itself(port):
    here = os.path.dirname(os.path.abspath(__file__))
    unshare = shutil.which("unshare")
    if os.getuid() != 0 or unshare is None or shutil.which("ip") is None or subprocess.call(
            [unshare, "-n", "true"], stderr=subprocess.DEVNULL) != 0:
        pytest.skip("no network of its own can be made")
    argv = [unshare, "-n", sys.executable, os.path.join(here, "selfdial.py"), str(port)]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert said.stdout == "refused\n", said.stderr
