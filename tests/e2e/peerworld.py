# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Python agents on a real aditd with public clients, and a Python server with a real adit."""

import itertools
import socket

from aditsession import AgentPeer, ServerPeer
from aditwire import Token
from harness import Agent, command, settings


class World:
    """Links and clients of one test on a harness.Server that several tests may share."""

    _numbers = itertools.count(1)

    def __init__(self, site, server):
        self.site, self.server = site, server
        self.token = Token(server.token)
        self.socks = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self.socks:
            sock.close()

    def number(self):
        """For agent names that nobody else has."""
        return next(self._numbers)

    def connect(self, port, rcvbuf=None):
        sock = self.site.connect(port, rcvbuf=rcvbuf)
        self.site.owned.remove(sock)
        self.socks.append(sock)
        return sock

    def link(self, kind=AgentPeer, **options):
        return kind(self.connect(self.server.port), **options)

    def login(self, **options):
        p = self.link(**options)
        p.login(self.token, "peer%d" % self.number())
        return p

    def bound(self, **options):
        """Logged in with tunnel 1; .address and .port are public."""
        p = self.login(**options)
        p.address = p.bind()
        p.port = int(p.address.rsplit(":", 1)[1])
        return p

    def client(self, p, rcvbuf=None):
        return self.connect(p.port, rcvbuf)

    def stream(self, p, answer=True, rcvbuf=None):
        """(client, stream) of a new public connection."""
        c = self.client(p, rcvbuf)
        return c, p.accept(answer=answer)


class AditWorld:
    """The Python server, one real adit, and the target of its tunnel, played by the test."""

    def __init__(self, site):
        self.site = site
        self.token = Token.make()
        self.token_file = site.write("token", self.token.text + "\n")
        self.here = site.listener()
        self.target = site.listener()
        self.adit = None

    def start(self, *args, target=None, token_file=None, conf=None, reconnect=False):
        """One tunnel by command line; or what conf says, a configuration file."""
        token_file = token_file or self.token_file
        args += () if reconnect else ("--no-reconnect",)
        if conf is None:
            self.adit = self.site.agent(self.here.port, target or self.target.port,
                                        *args, wait=False, token_file=token_file)
            return
        path = self.site.write("adit.conf", settings(conf))
        self.adit = self.site.start("adit", command("adit") + [
            "run", "-c", path, "--server", "tcp://127.0.0.1:%d" % self.here.port,
            "--token-file", token_file, *args], Agent)

    def tunnels(self, n):
        return {"tunnels": [{"name": "t%d" % i, "target": "127.0.0.1:%d" % self.target.port}
                            for i in range(n)]}

    def link(self, kind=ServerPeer, *args, target=None, conf=None, reconnect=False, **options):
        """adit is started, and its link is here."""
        self.start(*args, target=target, conf=conf, reconnect=reconnect)
        return self.next_link(kind, **options)

    def next_link(self, kind=ServerPeer, **options):
        """adit comes back."""
        return kind(self.here.accept(), [self.token], **options)

    def login(self, **options):
        p = self.link(**options)
        assert p.login()
        return p

    def bound(self, **options):
        p = self.login(**options)
        self.bind = p.bound()
        p.tunnel = self.bind["tunnel"]
        return p

    def open(self, p, data=b""):
        """(target's connection, stream) of a stream that was answered with OPEN_OK."""
        st = p.open(tunnel=p.tunnel, data=data)
        t = self.target.accept()
        p.wait_for("OPEN_OK", st.sid)
        return t, st

    def stalled_target(self):
        """A port that takes no more connections: connect() stays under way."""
        full = self.site.listener(backlog=0)
        for _ in range(3):
            s = self.site.own(socket.socket())
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", full.port))
        return full.port
