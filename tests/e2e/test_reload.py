# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""SIGHUP: a bad configuration changes nothing and says where it is bad; a good one is in force for
what comes, and what is established never notices."""

import os
import re
import signal

import pytest

from harness import free_port, need, until
from traffic import Traffic, echo_target

pytestmark = need("aditd", "adit")

MIB = 1 << 20
PLAIN = os.environ.get("sanitizers", "no") == "no"


def reload(server):
    """SIGHUP, and what aditd says to it."""
    mark = server.mark()
    server.signal(signal.SIGHUP)
    return server.wait_for("(configuration reloaded|reload refused|reload failed|not reloading).*",
                           after=mark).group(0)


class World:
    """A server, an agent with traffic, and the files that the server reads."""

    def __init__(self, site, **options):
        self.site = site
        self.server = site.server(ports=12, **options)
        self.echo = echo_target(site)
        self.agent = site.agent(self.server, self.echo.port, "--agent", "first")
        self.traffic = self.streams()

    def streams(self, n=2):
        return Traffic(lambda: self.site.connect(self.agent.public), n)

    def path(self, name):
        return self.site.path("server", name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def write(self, name, text, mode=0o600):
        return self.site.write("server/" + name, text, mode)

    def try_login(self, token_file, port=None):
        """The exit status of an agent that tries once; 0: it was let in, and then stopped."""
        a = self.site.agent(port or self.server.port, self.echo.port, "--agent", "another",
                            "--no-reconnect", token_file=token_file, wait=False)
        m = a.wait_for("^(Published|stopped|not connected)")
        if m.group(1) == "Published":
            assert a.stop() == 0
            return 0
        return a.wait()

    def untouched(self):
        """The stream goes on, the link is the first one, the first token still opens."""
        self.traffic.wait(MIB // 4)
        assert self.agent.text("out").count("connecting to") == 1
        assert self.try_login(self.server.token_file) == 0


@pytest.fixture
def w(site):
    world = World(site)
    with world.traffic:
        yield world


# Bad ones.

def replaced(old, new):
    return lambda text: re.sub(old, new, text, count=1)


TCP, TOKEN, ROUTE = ("conf.d/%s.conf" % n for n in ("transport-tcp", "auth-token", "route-port"))

BAD = {
    "syntax": ("aditd.conf", lambda t: t + "workers = ;\n", r"aditd\.conf:\d+: "),
    "brace": (ROUTE, lambda t: t.replace("}", ""), r"route-port\.conf:\d+: "),
    "unknown-key": ("aditd.conf", lambda t: "\nworker = 1;\n" + t,
                    r"aditd\.conf:2: .*worker.*did you mean.*workers"),
    "type": ("aditd.conf", lambda t: 'workers = "two";\n', r"aditd\.conf:1: .*workers"),
    "range": ("aditd.conf", lambda t: t + "\nlimits2 = { };\n", r"aditd\.conf:\d+: .*limits"),
    "limit": ("aditd.conf", replaced(r"fail_penalty = \"0\"", 'fail_penalty = "0"; max_frame = 1'),
              r"aditd\.conf:\d+: .*max_frame"),
    "limits-conflict": ("aditd.conf", replaced(
        r"fail_penalty = \"0\"", 'ping_interval = "20s"; dead_after = "10s"'),
        r"aditd\.conf:\d+: .*(ping_interval.*dead_after|dead_after.*ping_interval)"),
    "option": (ROUTE, replaced("bind", "bnid"), r"route-port\.conf:1: .*bnid"),
    "value": (ROUTE, replaced(r"range = \"[^\"]*\"", 'range = "90-100"'),
              r"route-port\.conf:1: .*range"),
    "listen": (TCP, replaced(r"listen = \"[^\"]*\"", 'listen = "nowhere:0x"'),
               r"transport-tcp\.conf:1: .*listen"),
    "plain-on-public": (TCP, replaced(r"listen = \"[^\"]*\"", 'listen = "192.0.2.1:9000"'),
                        r"transport-tcp\.conf:1: .*allow_plain"),
    "missing-plugin": ("conf.d/auth-none.conf", lambda t: "auth-none = { };\n",
                       r"auth-none\.conf:1: .*auth-none\.so: No such file"),
    "no-route": (ROUTE, lambda t: "\n", r"aditd\.conf: .*no route plugin"),
    "twice": ("conf.d/zzz.conf", lambda t: '\nroute-port = { };\n', r"zzz\.conf:2: .*route-port"),
    "tokens": ("conf.d/tokens", lambda t: t + "this is no token\n", r"tokens.*\b2\b"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_file_changes_nothing(w, name):
    file, change, said = BAD[name]
    old = w.read(file) if os.path.exists(w.path(file)) else None
    w.write(file, change(old or ""))
    text = reload(w.server)
    assert text.startswith("reload refused, the old configuration stays: "), text
    assert re.search(said, text), text
    out, err = w.site.run("aditd", "--check", "-c", w.server.conf, status=78)
    assert out == "" and err.strip()[len("aditd: "):] == text.split("stays: ", 1)[1]
    w.untouched()
    if old is None:
        os.unlink(w.path(file))
    else:
        w.write(file, old)
    assert reload(w.server).startswith("configuration reloaded: ")
    w.untouched()


def test_tokens_that_others_can_read(w):
    os.chmod(w.path("conf.d/tokens"), 0o644)
    text = reload(w.server)
    assert "reload refused" in text and "auth-token.conf:1" in text and "tokens" in text, text
    w.untouched()


def test_listener_that_cannot_be(w):
    """Found out only when it is tried; nothing else of that configuration is in force then."""
    busy = w.site.listener()
    w.write(TCP, 'transport-tcp = { listen = ["127.0.0.1:%d", "127.0.0.1:%d"]; };\n' % (
        w.server.port, busy.port))
    w.write(ROUTE, 'route-port = { range = "%d"; };\n' % (w.server.ports + 5))
    text = reload(w.server)
    assert "reload failed, the old configuration stays: " in text
    assert "cannot listen on 127.0.0.1:%d: Address already in use" % busy.port in text, text
    w.untouched()
    b = w.site.agent(w.server, w.echo.port, "--agent", "b")
    assert b.public[1] != w.server.ports + 5


# Good ones.

def test_tokens_come_and_go(w):
    """The old one's session stays; logins with it are refused."""
    text, new = w.site.token(w.server.conf)
    old_id = w.server.token[5:13]
    assert text[5:13] != old_id
    assert w.try_login(new) == 77
    assert w.try_login(w.server.token_file) == 0
    assert "configuration reloaded" in reload(w.server)
    assert w.try_login(new) == 0
    assert w.try_login(w.server.token_file) == 0
    kept = [line for line in w.read("conf.d/tokens").splitlines() if old_id not in line]
    assert len(kept) < len(w.read("conf.d/tokens").splitlines())
    w.write("conf.d/tokens", "\n".join(kept) + "\n")
    assert w.try_login(w.server.token_file) == 0, "nobody has said reload"
    assert "configuration reloaded" in reload(w.server)
    assert w.try_login(w.server.token_file) == 77
    assert w.try_login(new) == 0
    w.traffic.wait(MIB)
    with w.streams() as later:
        later.wait(MIB)
    assert w.agent.text("out").count("connecting to") == 1


def test_listeners_come_and_go(w):
    other = free_port()
    both = 'transport-tcp = { listen = ["127.0.0.1:%d", "127.0.0.1:%d"]; };\n' % (
        w.server.port, other)
    w.write(TCP, both)
    w.untouched()
    fds = w.server.fds()
    assert "configuration reloaded" in reload(w.server)
    assert w.try_login(w.server.token_file, other) == 0
    assert w.try_login(w.server.token_file) == 0
    w.write(TCP, 'transport-tcp = { listen = "127.0.0.1:%d"; };\n' % other)
    assert "configuration reloaded" in reload(w.server)
    until(lambda: w.site.refused(w.server.port), "the old listener is still there")
    assert w.try_login(w.server.token_file, other) == 0
    w.traffic.wait(MIB)
    assert w.agent.text("out").count("connecting to") == 1
    w.server.wait_fds(fds)


def test_routes_and_limits_are_for_what_comes(w):
    first = w.server.ports
    w.write(ROUTE, 'route-port = { bind = "127.0.0.1"; range = "%d"; };\n' % (first + 9))
    main = w.read("aditd.conf")
    w.write("aditd.conf", main.replace("limits = {", "limits = { sessions_per_account = 2;"))
    assert "configuration reloaded" in reload(w.server)
    b = w.site.agent(w.server, w.echo.port, "--agent", "b")
    assert b.public[1] == first + 9
    assert w.try_login(w.server.token_file) != 0
    w.write("aditd.conf", main)
    assert "configuration reloaded" in reload(w.server)
    c = w.site.agent(w.server, w.echo.port, "--agent", "c", "--max-attempts", "1", wait=False)
    assert c.wait() == 1
    assert "no port of %d is free" % (first + 9) in c.text("out")
    w.traffic.wait(MIB)
    with w.streams() as later:
        later.wait(MIB)


def test_log_level(w):
    main = w.read("aditd.conf")
    w.write("aditd.conf", 'log_level = "error";\n' + main)
    w.server.signal(signal.SIGHUP)
    quiet = w.site.agent(w.server, w.echo.port, "--agent", "quiet")
    until(lambda: w.try_login(w.server.token_file) == 0, "a login")
    w.write("aditd.conf", 'log_level = "info";\n' + main)
    w.server.signal(signal.SIGHUP)
    w.server.wait_for("configuration reloaded")
    assert "agent=another" not in w.server.text()
    assert quiet.stop() == 0
    w.server.wait_for("agent=quiet leaves")
    w.untouched()


def test_not_while_draining(site):
    w = World(site, limits={"drain_for": "10m"})
    with w.traffic as t:
        t.wait(MIB)                             # so that its clients are in
        w.server.signal(signal.SIGTERM)
        w.server.wait_for("draining")
        assert "not reloading, because the server is draining" in reload(w.server)
        t.wait(MIB)
    assert w.server.wait() == 0


@pytest.mark.parametrize("workers", [1, 4])
def test_two_hundred_times(site, workers):
    """Good and bad in turns under traffic; listeners and plugins' instances come and go each time."""
    w = World(site, conf={"workers": workers})
    other = free_port()
    lists = ('"127.0.0.1:%d"' % w.server.port,
             '["127.0.0.1:%d", "127.0.0.1:%d"]' % (other, w.server.port))
    route = w.read(ROUTE)
    with w.traffic as t:
        for i in range(200):
            w.write(TCP, "transport-tcp = { listen = %s; };\n" % lists[i // 2 % 2])
            w.write(ROUTE, route if i % 2 == 0 else route.replace("range", "rnage"))
            text = reload(w.server)
            assert text.startswith(("configuration reloaded", "reload refused")[i % 2]), text
            if i == 20:
                w.untouched()
                rss, fds = w.server.rss(), w.server.fds()
            if i % 10 == 0:
                t.wait(MIB // 8)
                with w.streams(1) as s:
                    s.wait(1000)
        w.write(ROUTE, route)
        w.write(TCP, "transport-tcp = { listen = %s; };\n" % lists[0])
        assert "configuration reloaded" in reload(w.server)
        w.untouched()
        w.server.wait_fds(fds)
        assert not PLAIN or w.server.rss() < rss + 4 * MIB


def test_reloads_while_agents_log_in(site):
    """Logins that are under way belong to the configuration that they began with."""
    w = World(site, conf={"workers": 4})
    with w.traffic as t:
        for i in range(10):
            agents = [w.site.agent(w.server, w.echo.port, "--agent", "a%d" % k, wait=False)
                      for k in range(4)]
            for _ in range(5):
                assert "configuration reloaded" in reload(w.server)
            for a in agents:
                a.wait_up()
            for a in agents:
                assert a.stop() == 0
        t.wait(MIB)
