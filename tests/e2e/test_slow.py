# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Slow and hostile handshakes: two thousand links that are silent, stop half way or send a byte now
and then, at each level that a link goes through. All are closed when their time is over, whatever
they send, and nobody else notices.

Who notices first is the canary: an agent of another account, whose visitors come all the time, and
a stream of it that was there before. How quickly it is served meanwhile is for bench/handshakes.
"""

import os
import re
import resource
import sys
import threading

import pytest

from aditwire import Token
from harness import command, free_port, need, settings
from proxies import Script
from tools import mint
from traffic import echo_target

pytestmark = need("aditd", "adit")

SANITIZED = os.environ.get("sanitizers", "no") not in ("", "no")
FULL = os.environ.get("ADIT_FULL") == "1"
TIMEOUT = 6 if SANITIZED else 3
LIMITS = {"handshake_timeout": "%ds" % TIMEOUT, "unauthenticated": 8000,
          "unauthenticated_per_source": 8000}
KINDS = ("silent", "half", "drip")


def share(plain, sealed):
    """How many links of each kind: those that cost a TLS handshake are fewer."""
    if FULL:
        return plain, plain
    return (plain // 10, sealed // 5) if SANITIZED else (plain, sealed)


@pytest.fixture
def many_descriptors():
    """Children may open as many as the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 6000:
        pytest.skip("RLIMIT_NOFILE is %d, 6000 are needed" % hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Canary(threading.Thread):
    """Visitors of another account, one after the other, and one stream that stays."""

    def __init__(self, site, public):
        super().__init__(daemon=True)
        self.site, self.public = site, public
        self.old = site.connect(public)
        self.served, self.wrong = 0, None
        self.over = threading.Event()
        self.start()

    def ask(self, sock, n):
        sent = b"canary %08d" % n
        sock.sendall(sent)
        got = b""
        while len(got) < len(sent):
            more = sock.recv(100)
            if not more:
                raise EOFError("the stream of visitor %d ended" % n)
            got += more
        assert got == sent, (got, sent)

    def run(self):
        try:
            while not self.over.wait(0.02):
                with self.site.connect(self.public) as sock:
                    self.ask(sock, self.served)
                self.ask(self.old, self.served)
                self.served += 1
        except Exception as e:          # pylint: disable=broad-except
            self.wrong = e

    def stop(self):
        self.over.set()
        self.join()
        assert self.wrong is None, repr(self.wrong)
        return self.served


def slowpokes(site, port, specs):
    here = os.path.dirname(os.path.abspath(__file__))
    return site.start("slowpokes", [sys.executable, os.path.join(here, "slowpokes.py"),
                                    "127.0.0.1", str(port), "0.5", *specs])


def check_closed(crowd, spec):
    """All of the spec were closed, and none long before its time."""
    m = crowd.wait_for(r"^closed %s: (\d+) after ([\d.]+) to ([\d.]+) s$" % re.escape(spec), 90)
    assert m.group(1) == spec.rsplit("/", 1)[1]
    assert float(m.group(2)) > TIMEOUT / 2, m.group(0)


def stand(site, server, specs):
    """Lets them come and waits until they are gone; returns how often the canary was served."""
    target = echo_target(site)
    token = server.tokens["canary"][1]
    agent = site.agent(server, target.port, token_file=token)
    canary = Canary(site, agent.public)
    before = server.fds()
    mark = server.mark()
    crowd = slowpokes(site, server.port, specs)
    for spec in specs:
        check_closed(crowd, spec)
    assert crowd.wait(30) == 0
    served = canary.stop()
    print(crowd.text(), "canary served %d times" % served, sep="\n")
    assert served > 0
    stuck, lost = map(int, crowd.wait_for(r"^stuck (\d+), lost (\d+),").groups())
    assert stuck + lost == sum(int(spec.rsplit("/", 1)[1]) for spec in specs)
    # A machine that sleeps for so long costs those that were on their way, 32 at most each time.
    assert lost <= 64, crowd.text()
    server.wait_fds(before + 10)
    with server.changed:
        lines = len(server.lines) - mark
    assert lines < 100, "a line for each of them is a flood of the log"
    site.agent(server, target.port, token_file=server.tokens["acme"][1])
    return served


def test_two_thousand(site, many_descriptors):
    """All transports on one address, so each link is told apart by its first bytes, if any come."""
    port = free_port()
    here = "127.0.0.1:%d" % port
    cert, key, _ = mint(site, "slow", "localhost")
    server = site.server(port=port, accounts=("acme", "canary"), limits=LIMITS, plugins={
        "transport-tls": {"listen": here, "certificate": cert, "key": key},
        "transport-ws": {"listen": here}})
    plain, sealed = share(150, 25)
    specs = ["%s/%s/%s/%d" % (transport, level, kind, n) for transport, levels, n in (
        ("tcp", ("first", "auth"), plain), ("ws", ("first", "hello"), plain),
        ("tls", ("first",), plain), ("tls", ("hello", "auth"), sealed),
        ("wss", ("http", "hello"), sealed)) for level in levels for kind in KINDS]
    stand(site, server, specs)


# The other way: a server that gets stuck.

STUCK = {"tcp": [], "tls": [b"\x16\x03\x03\x00\x7a\x02"], "ws": [b"HTTP/1.1 101 Switching"],
         "wss": []}


@pytest.mark.parametrize("scheme", sorted(STUCK))
def test_agent_gives_up(site, scheme):
    """The agent tries again when its own time for a handshake is over, whatever it waits for."""
    stuck = Script(site, STUCK[scheme])
    conf = {"server": "%s://localhost:%d" % (scheme, stuck.port),
            "limits": {"handshake_timeout": "400ms"}}
    if scheme in ("tls", "wss"):
        conf["transport-tls"] = {"ca_file": mint(site, "stuck", "localhost")[0]}
    if scheme in ("ws", "wss"):
        conf["transport-ws"] = {}
    token = site.write("token", Token.make().text + "\n")
    agent = site.start("adit", command("adit") + [
        "run", "-c", site.write("adit.conf", settings(conf)), "--token-file", token, "--local",
        "22"])
    agent.wait_for(r"not connected: .*; trying again in", 30)
    stuck.wait(2)
    print(agent.text())
