# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""What adit-plugin(3) says of plugins that do it wrong, in the real programs: who blocks, who never
returns, who never answers, who answers twice, who crashes. Queues are in tests/plugin/test-odd.c.

The plugin (tests/plugin/good/auth-odd.c) does what the agent's message says; where it waits it
opens a FIFO that is called like the agent, so that a test knows where it is.
"""

import errno
import os
import shlex
import shutil
import signal

import pytest

from harness import Agent, command, need, read_exactly, settings, until

pytestmark = need("aditd", "adit")

BUILD = os.environ.get("top_builddir") or os.environ.get("ADIT_BUILD_DIR") or "."


class World:
    def __init__(self, site):
        self.site = site
        self.folder = site.path("plugins")
        os.mkdir(self.folder, 0o755)
        real = [os.path.join(os.environ["plugin_dir"], n + ".so")
                for n in ("transport-tcp", "auth-token", "route-port")]
        odd = [os.path.join(BUILD, "tests", "plugin", ".libs", "auth-odd-%s.so" % mode)
               for mode in ("serial", "parallel", "loop")]
        for path in real + odd:
            shutil.copy(path, self.folder)
            os.chmod(os.path.join(self.folder, os.path.basename(path)), 0o755)
        self.gates = site.path("gates")
        os.mkdir(self.gates)

    def server(self, **limits):
        odd = {"auth-odd-" + mode: {"gates": self.gates} for mode in ("serial", "parallel", "loop")}
        return self.site.server(args=["--log-level", "debug"], limits=limits, plugins=odd)

    def gate(self, name):
        os.mkfifo(os.path.join(self.gates, name))

    def meet(self, name):
        """Returns when the plugin stands at its gate."""
        def stands():
            try:
                return os.open(os.path.join(self.gates, name), os.O_WRONLY | os.O_NONBLOCK)
            except OSError as e:
                assert e.errno == errno.ENXIO       # nobody has opened it for reading
                return None
        return until(stands, "nobody comes to the gate of " + name, 20)

    def open(self, fd):
        os.write(fd, b"x")
        os.close(fd)

    def agent(self, server, mode, say, name, target, wait=True, **options):
        conf = self.site.write("%s/adit.conf" % name, settings({
            "name": name, "server": "tcp://127.0.0.1:%d" % server.port,
            "auth-odd-" + mode: dict({"say": say}, **options)}))
        argv = command("adit") + ["run", "-c", conf, "--local", "127.0.0.1:%d" % target.port]
        agent = self.site.start("adit-" + name, argv, Agent)
        agent.dies_of_sigterm = True
        if wait:
            agent.wait_up()
        return agent

    def exchange(self, agent, target):
        client = self.site.connect(agent.public)
        served = target.accept()
        client.sendall(b"there")
        assert read_exactly(served, 5) == b"there"
        served.sendall(b"back")
        assert read_exactly(client, 4) == b"back"
        client.close()
        served.close()


@pytest.fixture
def world(site, monkeypatch):
    if not os.environ.get("plugin_dir"):
        pytest.skip("plugin_dir is not set")
    w = World(site)
    for name in ("aditd", "adit"):
        words = command(name) + ["--plugin-dir", w.folder]
        monkeypatch.setenv(name.upper(), shlex.join(words))
    return w


@pytest.mark.parametrize("mode", ["serial", "parallel"])
def test_one_that_blocks(world, site, mode):
    """It holds up logins of its own; others, and traffic, go on."""
    server = world.server(handshake_timeout="60s")
    target = site.listener()
    other = site.agent(server, target.port, name="other")
    held = ["held%d" % i for i in range(1 if mode == "serial" else 4)]
    for name in held:
        world.gate(name)
        world.agent(server, mode, "block", name, target, wait=False)
    gates = [world.meet(name) for name in held]
    waits = world.agent(server, mode, "allow", "waits", target, wait=False)
    world.exchange(other, target)
    world.exchange(site.agent(server, target.port, name="third"), target)
    beside = "parallel" if mode == "serial" else "serial"
    world.exchange(world.agent(server, beside, "allow", "beside", target), target)
    assert not any("agent=%s." % n in server.text() for n in held + ["waits"])
    for fd in gates:
        world.open(fd)
    for name in held + ["waits"]:
        server.wait_for(r"account=odd agent=%s\.\S+ logged in .*by odd-%s" % (name, mode))
    world.exchange(waits, target)


def test_one_that_never_returns(world, site):
    """Its logins are closed; a reload has a thread of its own; neither that nor the end waits."""
    server = world.server(handshake_timeout="2s")
    target = site.listener()
    world.gate("stuck")
    stuck = world.agent(server, "serial", "never", "stuck", target, wait=False)
    world.open(world.meet("stuck"))
    behind = world.agent(server, "serial", "allow", "behind", target, wait=False)
    silent = world.agent(server, "loop", "silent", "silent", target, wait=False)
    server.wait_for(r"auth-odd-loop: silent\S* is cancelled", 20)
    for agent in (stuck, behind, silent):
        agent.wait_for("login took too long; trying again")
        agent.stop()
    assert "logged in" not in server.text()

    text = open(server.conf, encoding="utf-8").read()
    site.write("server/aditd.conf", text.replace('handshake_timeout = "2s"',
                                                 'handshake_timeout = "10s"'))
    server.signal(signal.SIGHUP)
    server.wait_for("configuration reloaded")
    world.exchange(world.agent(server, "serial", "allow", "fresh", target), target)
    assert "auth-odd-parallel: destroyed" not in server.text()      # the old configuration stays
    assert server.stop() == 0


def test_one_that_answers_twice(world, site):
    server = world.server()
    target = site.listener()
    for name in ("web1", "twice"):
        world.gate(name)
    agent = world.agent(server, "loop", "twice", "web1", target)
    world.open(world.meet("web1"))
    server.wait_for("adit_auth_finish.. for a login that it has answered already; ignored")
    world.open(world.meet("twice"))
    world.exchange(agent, target)
    agent = world.agent(server, "serial", "both", "web2", target, wait=False)
    server.wait_for("both answered a login; check.. counts")
    assert agent.wait() == 77, agent.text()


def test_one_that_crashes(world, site):
    """It takes the server with it; the next server has its agents back."""
    server = world.server()
    server.crash_is_fine = True
    target = site.listener()
    other = site.agent(server, target.port, name="other")
    crash = world.agent(server, "serial", "crash", "crash", target, wait=False)
    assert server.wait() == -signal.SIGABRT
    crash.kill()
    again = site.restart_server("server", server.conf, server.port, server.ports, server.tokens)
    m = again.wait_for(r"agent=\S*other tunnel=\S+ bound to tcp://127.0.0.1:(\d+)", 30)
    client = site.connect(int(m.group(1)))
    target.accept().sendall(b"back")
    assert read_exactly(client, 4) == b"back"


def test_an_agents_half_that_never_returns(world, site):
    """The agent can be stopped all the same."""
    server = world.server()
    agent = world.agent(server, "serial", "allow", "stuck", site.listener(), wait=False, stuck=True)
    agent.wait_for("prove.. stays")
    assert agent.stop() in (0, -signal.SIGTERM)
    assert "a call does not return" in agent.text()


@pytest.mark.skipif(not os.environ.get("ADIT_FULL"), reason="takes 20 s; ADIT_FULL=1")
def test_a_worker_that_never_comes_back(world, site):
    server = world.server()
    world.gate("stuck")
    agent = world.agent(server, "loop", "never", "stuck", site.listener(), wait=False)
    world.open(world.meet("stuck"))
    agent.kill()
    server.signal(signal.SIGTERM)
    server.wait_for("a worker does not come back from .auth-odd-loop.: ending without it", 60)
    assert server.wait() == 1
