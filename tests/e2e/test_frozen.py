# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The promise: plugins that were built long ago load and work as they did.

Each folder of tests/plugin/frozen holds the binaries of one generation, built from the headers of
that day. Here a whole world is made of them alone: transport, logins of every run mode, route; and
a service is fetched through it.
"""

import hashlib
import os
import platform
import shutil

import pytest

from harness import Agent, Server, command, need, read_exactly, setting, settings

pytestmark = need("aditd", "adit")

FROZEN = os.path.join(os.environ.get("top_srcdir",
                                     os.path.join(os.path.dirname(__file__), "..", "..")),
                      "tests", "plugin", "frozen")
GENERATIONS = sorted(d for d in os.listdir(FROZEN) if os.path.isdir(os.path.join(FROZEN, d)))


def foreign():
    """Why the binaries cannot be loaded here, or None."""
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""          # "glibc 2.36"
    except ValueError:
        libc = ""
    if platform.machine() != "x86_64" or not libc.startswith("glibc "):
        return "the frozen plugins are for x86_64 with glibc"
    if tuple(int(w) for w in libc.split()[1].split(".")[:2]) < (2, 34):
        return "the frozen plugins need glibc 2.34, here is %s" % libc
    return None


whole = pytest.mark.skipif(foreign() is not None, reason=str(foreign()))


def sums(generation):
    with open(os.path.join(FROZEN, generation, "SHA256SUMS"), encoding="ascii") as f:
        return dict(reversed(line.split()) for line in f)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_nobody_has_touched_them(generation):
    """A generation that is built again proves nothing."""
    folder = os.path.join(FROZEN, generation)
    for name, sha in sums(generation).items():
        with open(os.path.join(folder, name), "rb") as f:
            assert hashlib.sha256(f.read()).hexdigest() == sha, name
        assert os.path.exists(os.path.join(folder, name[:-3] + ".c")), "its source"
    assert sorted(n for n in os.listdir(folder) if n.endswith(".so")) == sorted(sums(generation))


class Frozen:
    """A site whose plugins are those of one generation, and no others."""

    def __init__(self, site, generation):
        self.site = site
        self.folder = site.path("plugins")
        os.mkdir(self.folder, 0o755)
        for name in sums(generation):
            shutil.copy(os.path.join(FROZEN, generation, name), self.folder)
            os.chmod(os.path.join(self.folder, name), 0o755)
        self.word = site.write("word", "a word that both sides know\n")

    def server(self, more=None):
        plugins = {"transport-tcp": None, "auth-token": None, "route-port": None,
                   "auth-frozen-word": {"word_file": self.word, "least": 4},
                   "auth-frozen-later": {}, "auth-frozen-pool": {}}
        plugins.update(more or {})
        conf, port, first = self.site.server_conf(
            ports=8, conf={"plugin_dir": self.folder}, plugins=plugins)
        self.site.write("server/conf.d/route-frozen.conf",
                        settings({"route-frozen": {"first": first, "number": 8}}))
        self.site.write("server/conf.d/transport-frozen.conf",
                        settings({"transport-frozen": {"listen": "127.0.0.1:%d" % port}}))
        argv = command("aditd") + ["--plugin-dir", self.folder]
        server = self.site.start("aditd", argv + ["-c", conf, "--log-level", "debug"], Server)
        server.conf, server.port, server.ports = conf, port, first
        server.wait_for(r"\bready\b", 20)
        return server

    def agent(self, server, method, options, target, name, wait=True):
        conf = self.site.write("%s/adit.conf" % name, settings({
            "plugin_dir": self.folder, "server": "frozen://127.0.0.1:%d" % server.port,
            "auth-frozen-" + method: options}))
        argv = command("adit") + ["--plugin-dir", self.folder, "run", "-c", conf, "--local",
                                  "127.0.0.1:%d" % target.port, "--name", name]
        agent = self.site.start("adit", argv, Agent)
        if wait:
            agent.wait_up()
        return agent

    def fetched(self, agent, target):
        """Bytes go through and come back."""
        client = self.site.connect(agent.public)
        served = target.accept()
        client.sendall(b"GET me\n")
        assert read_exactly(served, 7) == b"GET me\n"
        served.sendall(b"x" * 100000)
        assert read_exactly(client, 100000) == b"x" * 100000
        client.close()
        served.close()


@whole
@pytest.mark.parametrize("generation", GENERATIONS)
def test_logins(site, generation):
    """Every plugin of the generation, in one server: whole logins, and a service behind each."""
    world = Frozen(site, generation)
    server = world.server()
    target = site.listener()
    word = {"word_file": world.word}
    for method, options, name, account, seen in (
            ("word", word, "w1", "frozen", "w1-w"), ("pool", {}, "p1", "pool", "p1"),
            ("later", {}, "l1", "later", "l1"), ("later", {}, "l2", "later", "l2")):
        agent = world.agent(server, method, options, target, name)
        server.wait_for(r"account=%s agent=\S*%s logged in .*by frozen-%s" % (
            account, seen, method))
        world.fetched(agent, target)
    assert server.text().count("logged in") == 4
    site.write("other", "another word\n")
    refused = world.agent(server, "word", {"word_file": site.path("other")}, target, "w2",
                          wait=False)
    server.wait_for(r"agent=\S*w2 .*the word is another")
    assert refused.wait() == 77, refused.text()


@whole
@pytest.mark.parametrize("generation", GENERATIONS)
def test_command_line(site, generation):
    """What the programs ask a plugin outside of logins."""
    world = Frozen(site, generation)
    server = world.server()
    plugins = ["--plugin-dir", world.folder]
    out, err = site.run("aditd", *plugins, "issue", "-c", server.conf, "--account", "frozen")
    assert out == "a word that both sides know\n" and world.word in err
    out, err = site.run("aditd", *plugins, "issue", "-c", server.conf, "--account", "x", status=1)
    assert out == "" and '"x" is not the account' in err
    out, _ = site.run("aditd", "--plugin-info", os.path.join(world.folder, "auth-frozen-word.so"))
    said = dict(line.split("=", 1) for line in out.splitlines())
    assert said["name"] == "auth-frozen-word" and said["option.room.default"] == "64KiB"
    site.write("server/conf.d/auth-frozen-word.conf",
               "auth-frozen-word = { word_file = %s; least = 10; };\n" % setting(world.word))
    out, err = site.run("aditd", *plugins, "--check", "-c", server.conf, status=78)
    assert "least" in err and "auth-frozen-word.conf:1" in err
