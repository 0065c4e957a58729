# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Links that are cut in every way there is, between an aditd and an adit that stay.

Lane: through adit-relay, on 127.0.0.1; anybody can do that.
Nets: two network namespaces with a cable for the link and another for everything else; needs root.
Both have .cut(kind), which breaks the link and makes it possible again, and .kinds.
"""

import itertools
import os
import shlex
import signal
import subprocess
import threading

import pytest

from harness import Agent, command, free_port, settings
from relay import Relay
from tools import run, tool

TRANSPORTS = ("tcp", "tls", "wss")
# So that silence is noticed soon; what waits for a target or a login may take as long as ever.
LIMITS = {"ping_interval": "600ms", "dead_after": "1500ms"}


def certificate(site, address):
    """A new one for an address; its file, with its key beside it."""
    pem, key = site.path("server.pem"), site.path("server.key")
    run([tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=adit", "-days", "2",
         "-addext", "subjectAltName=IP:%s" % address, "-keyout", key, "-out", pem])
    os.chmod(key, 0o600)
    return pem, key


class Place:
    """Where the programs run: a server and an agent that speak by a transport."""

    near = far = ()                     # words before the command of whoever is on either side
    host = "127.0.0.1"                  # of the server, for the agent
    target = "127.0.0.1"                # where the agent finds targets that are beside the server

    def __init__(self, site, transport, dice):
        self.site, self.transport, self.dice = site, transport, dice

    def begin(self, tunnels, **options):
        """tunnels: name -> "address:port" of the target; .public has their public ports."""
        self.start_server(**options)
        self.start_agent(tunnels, self.server.port)

    def start_server(self, workers=1, limits=None):
        site, port = self.site, free_port()
        at = "%s:%d" % (self.host, port)
        plugins = {"transport-tcp": {"listen": at, "allow_plain": True}}
        if self.transport != "tcp":
            pem, key = certificate(site, self.host)
            plugins = {"transport-tcp": None,
                       "transport-tls": {"listen": at, "certificate": pem, "key": key}}
        if self.transport == "wss":
            plugins["transport-ws"] = {"listen": at}
        conf, _, first = site.server_conf(port=port, plugins=plugins, conf={"workers": workers},
                                          limits=dict(LIMITS, **(limits or {})))
        tokens = {"acme": site.token(conf)}
        with prefixed("ADITD", self.near):
            self.server = site.restart_server("server", conf, port, first, tokens)

    def start_agent(self, tunnels, port):
        path = "/adit" if self.transport == "wss" else ""
        values = {"server": "%s://%s:%d%s" % (self.transport, self.host, port, path),
                  "name": "cut", "token_file": self.server.token_file, "limits": LIMITS}
        if os.environ.get("plugin_dir"):
            values["plugin_dir"] = os.environ["plugin_dir"]
        if self.transport == "tcp":
            values["transport-tcp"] = {"allow_plain": True}
        else:
            values["transport-tls"] = {"ca_file": self.site.path("server.pem")}
        if self.transport == "wss":
            values["transport-ws"] = {}
        values["tunnels"] = [{"name": n, "target": t} for n, t in tunnels.items()]
        conf = self.site.write("agent/adit.conf", settings(values))
        with prefixed("ADIT", self.far):
            self.agent = self.site.start("adit", command("adit") + ["run", "-c", conf], Agent)
        by_target = {t: p for _, p, t in self.agent.wait_up(len(tunnels), 30)}
        self.public = {n: by_target[t] for n, t in tunnels.items()}

    def cut(self, kind):
        """Breaks the link; returns when the session goes on over another. What both ends have
        slept through is done again."""
        for _ in range(5):
            mark = self.server.mark()
            getattr(self, "cut_" + kind)()
            try:
                self.server.wait_for("goes on over a link", 10, after=mark)
                return
            except TimeoutError:
                if "lost its link" in "".join(t for _, t in self.server.lines[mark:]):
                    self.server.wait_for("goes on over a link", 60, after=mark)
                    return
        raise TimeoutError("%s does not break the link" % kind)

    def pause(self):
        """Longer than either end waits for a word of the other."""
        threading.Event().wait(self.dice.uniform(1.9, 2.5))

    def stop(self, program):
        program.signal(signal.SIGSTOP)
        try:
            self.pause()
        finally:
            program.signal(signal.SIGCONT)

    def cut_stop_server(self):
        self.stop(self.server)

    def cut_stop_agent(self):
        self.stop(self.agent)


class Lane(Place):
    """Through a relay."""

    kinds = ("reset", "freeze", "stop_agent", "close", "stop_server")

    def start_agent(self, tunnels, port):
        self.relay = Relay(self.site, port)
        super().start_agent(tunnels, self.relay.port)

    def cut_reset(self):
        self.relay.tell("reset")

    def cut_close(self):
        self.relay.tell("close")

    def cut_freeze(self):
        """What was on its way comes all the same, when there is another link perhaps."""
        self.relay.tell("freeze")
        self.pause()
        self.relay.tell("thaw")


def ip(*words):
    run([tool("ip"), *words])


class Nets(Place):
    """Two namespaces: the server, its clients and their targets in one, the agent in the other."""

    kinds = ("reset", "drop", "down", "address", "stop_server", "stop_agent")
    numbers = itertools.count()
    host, target = "10.77.0.1", "10.78.0.1"

    def __init__(self, site, transport, dice):
        super().__init__(site, transport, dice)
        if os.geteuid() != 0:
            pytest.skip("only root can make network namespaces")
        tool("nft")
        n = "%d-%d" % (os.getpid(), next(self.numbers))
        self.ns = ["adit-s" + n, "adit-a" + n]
        try:
            ip("netns", "add", self.ns[0])
        except AssertionError as e:
            pytest.skip("no network namespaces: %s" % e)
        site.own(self)
        ip("netns", "add", self.ns[1])
        self.near, self.far = [["ip", "netns", "exec", ns] for ns in self.ns]
        for cable, net in (("wan", "10.77.0"), ("lan", "10.78.0")):
            ip("-n", self.ns[0], "link", "add", cable, "type", "veth", "peer", "name", cable,
               "netns", self.ns[1])
            for i, ns in enumerate(self.ns):
                ip("-n", ns, "addr", "add", "%s.%d/24" % (net, i + 1), "dev", cable)
                ip("-n", ns, "link", "set", cable, "up")
        for ns in self.ns:
            ip("-n", ns, "link", "set", "lo", "up")
        self.address = 2

    def close(self):
        for ns in self.ns:
            subprocess.run(["ip", "netns", "del", ns], check=False, capture_output=True)

    def rules(self, *chains):
        """What becomes of each packet of the link at the server, coming in and going out."""
        port = self.server.port
        run([*self.near, "nft", "-f", "-"], ("table inet cut {\n%s}\n" % "".join(
            " chain %s { type filter hook %s priority 0; tcp %s %d %s; }\n"
            % (hook, hook, "dport" if hook == "input" else "sport", port, verdict)
            for hook, verdict in chains)).encode())

    def no_rules(self):
        run([*self.near, "nft", "delete", "table", "inet", "cut"])

    def cut_reset(self):
        """One end sees RST, at the next packet; the other does not know."""
        self.rules((self.dice.choice(["input", "output"]), "reject with tcp reset"))
        threading.Event().wait(0.8)     # there is a PING at the latest
        self.no_rules()

    def cut_drop(self):
        self.rules(("input", "drop"), ("output", "drop"))
        self.pause()
        self.no_rules()

    def cut_down(self):
        ns = self.dice.choice(self.ns)
        ip("-n", ns, "link", "set", "wan", "down")
        self.pause()
        ip("-n", ns, "link", "set", "wan", "up")

    def cut_address(self):
        """The agent's host is elsewhere now."""
        old, self.address = self.address, self.address % 250 + 2
        ip("-n", self.ns[1], "addr", "del", "10.77.0.%d/24" % old, "dev", "wan")
        ip("-n", self.ns[1], "addr", "add", "10.77.0.%d/24" % self.address, "dev", "wan")


class prefixed:
    """Words before the command of a program, while it is started."""

    def __init__(self, name, words):
        self.name, self.words = name, list(words)

    def __enter__(self):
        self.old = os.environ.get(self.name)
        if self.words:
            os.environ[self.name] = shlex.join(self.words + command(self.name.lower()))

    def __exit__(self, *_):
        if self.words and self.old is not None:
            os.environ[self.name] = self.old
        elif self.words:
            del os.environ[self.name]
