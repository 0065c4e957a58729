# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Logins that expire: sessions end with them, whatever they do, unless they are renewed before.

The plugin auth-lease of the tests lets in whoever says for how long: "ACCOUNT SECONDS [WORD]...".
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from aditsession import Closed, code_of
from aditwire import CODES
from harness import SLOW, Agent, command, ended_by_reset, need, read_exactly, settings, until
from peerworld import AditWorld
from peerworld import World as PlainWorld
from resumepeer import ResumePeer, ResumeServer, ResumeWorld
from test_sessions import Relay
from traffic import echo_target

pytestmark = need("aditd", "adit")

BUILD = os.environ.get("top_builddir") or os.environ.get("ADIT_BUILD_DIR") or "."
FULL = os.environ.get("ADIT_FULL") == "1"
EXPIRED = "the login has expired"


@pytest.fixture(name="plugins", scope="module")
def fixture_plugins(tmp_path_factory):
    """The plugins, and auth-lease with them."""
    folder = str(tmp_path_factory.mktemp("plugins"))
    os.chmod(folder, 0o755)
    for file in os.listdir(os.environ["plugin_dir"]):
        if file.endswith(".so"):
            shutil.copy(os.path.join(os.environ["plugin_dir"], file), folder)
    shutil.copy(os.path.join(BUILD, "tests/plugin/.libs/auth-lease.so"), folder)
    for file in os.listdir(folder):
        os.chmod(os.path.join(folder, file), 0o755)
    return folder


class Lessee(ResumePeer):
    """An agent in Python."""

    name = "web1"

    def say(self, line):
        agent, server = self.m.nonces()
        self.send("AUTH", method="lease", agent=self.name, data=line.encode() + agent + server)

    def answer(self, line):
        self.m.auths -= 1               # of the AUTH that is under way
        agent, server = self.m.nonces()
        self.m.auths += 1
        self.send("AUTH_ANSWER", data=line.encode() + agent + server)

    def come(self, line):
        self.start()
        self.say(line)
        self.session = self.expect("AUTH_OK").fields
        return self.session

    def renew(self, line):
        self.say(line)
        return self.wait_for("AUTH_OK")

    def refused(self, line, code):
        self.say(line)
        f = self.wait_for("AUTH_FAIL")
        assert f["code"] == CODES[code], self.story()
        return f


class World(ResumeWorld):
    """A server that takes leases."""

    def __init__(self, site, plugins, lease="1h", **limits):
        self.site, self.socks = site, []
        self.server = site.server(accounts=(), args=("--plugin-dir", plugins), limits=limits,
                                  conf={"plugin_dir": plugins},
                                  plugins={"auth-lease": {"lease": lease}, "auth-token": None})

    def lessee(self, line, name="web1"):
        p = self.link(Lessee)
        p.name = name
        p.come(line)
        return p

    def bound(self, line, name="web1"):
        p = self.lessee(line, name)
        p.address = p.bind()
        p.port = int(p.address.rsplit(":", 1)[1])
        return p

    def agents(self):
        got = subprocess.run(command("aditctl") + ["-c", self.server.conf, "agents", "--json"],
                             check=True, capture_output=True, text=True, timeout=60 * SLOW)
        return {a["agent"]: a.get("expires_ms") for a in json.loads(got.stdout)["agents"]}


def echo(p, st, c, data=b"still here"):
    c.sendall(data)
    assert p.read(st.sid, len(data)) == data
    p.send_data(st.sid, data)
    assert read_exactly(c, len(data)) == data


# The real server.

def test_renewals(site, plugins):
    """A session goes on with its streams, whatever comes of a login again."""
    with World(site, plugins) as w:
        p = w.bound("acme 1000 ports=1-65535")
        c, st = w.stream(p)
        assert 990000 < p.session["expires_ms"] <= 1000000
        assert 900000 < w.agents()["web1"] <= 1000000
        assert 4990000 < p.renew("acme 5000 ports=1-65535")["expires_ms"] <= 5000000
        assert 4900000 < w.agents()["web1"] <= 5000000
        f = p.refused("other 9000 ports=1-65535", "not_permitted")
        assert f["text"] == "the login is of another account than the session"
        assert "other rights" in p.refused("acme 9000 ports=1-2", "not_permitted")["text"]
        assert "another agent" in p.refused("acme 9000 agent=web2 ports=1-65535",
                                            "not_permitted")["text"]
        assert p.refused("acme 9000 no", "auth_failed")["text"] == "login refused"
        echo(p, st, c)
        assert 4900000 < w.agents()["web1"] <= 5000000
        w.server.wait_for("has renewed its login by lease, good for")
        text = w.server.text()
        assert text.count("logged in from") == 1 and "auth-lease: renewal of web1: acme" in text


def test_other_renewals(site, plugins):
    """Longer or not; by challenges; and one that lasts for ever."""
    with World(site, plugins) as w:
        p = w.lessee("acme lease")
        assert 3590000 < p.session["expires_ms"] <= 3600000
        assert p.renew("acme ever")["expires_ms"] == 0
        assert w.agents()["web1"] is None
        p.say("acme 500 ask")
        p.wait_for("AUTH_CHALLENGE")
        p.answer("acme 50")
        assert 40000 < p.wait_for("AUTH_OK")["expires_ms"] <= 50000
        assert p.refused("acme 500 busy", "busy")["retry_after_ms"] > 0
        p.ping()


def test_too_many_renewals(site, plugins):
    with World(site, plugins) as w:
        p = w.lessee("acme 1000")
        for _ in range(5):
            p.refused("acme 1000 no", "auth_failed")
        with pytest.raises(Closed) as ended:
            for _ in range(1000):       # more may become due meanwhile; these are not slowed down
                p.renew("acme 1000")
        assert code_of(ended.value.goaway) == "limit"


def test_guessing(site, plugins):
    """Logins again pass the same gate: an address that has failed too often may not, for all its
    sessions, and who is refused for it keeps what it has."""
    with World(site, plugins, fail_penalty="20s", penalty_from="40s") as w:
        p, q = w.bound("acme 1000"), w.lessee("acme 1000", "web2")
        c, st = w.stream(p)
        p.refused("acme 1000 no", "auth_failed")
        p.refused("acme 1000 no", "auth_failed")
        f = p.refused("acme 1000", "busy")
        assert f["retry_after_ms"] > 1000 and "too many failed logins" in f["text"]
        q.refused("acme 1000", "busy")
        until(lambda: w.server.text().count("auth-lease: renewal of") == 2, "two were looked at")
        echo(p, st, c)
        q.ping()


def test_renewal_without_end(site, plugins):
    """The plugin never answers, or the agent does not: the server gives up, the session lives, and
    the only place at the gate is free again."""
    with World(site, plugins, handshake_timeout="8s", unauthenticated_per_source=1) as w:
        p, q = w.lessee("acme 1000"), w.lessee("acme 1000", "web2")
        conf = open(w.server.conf, encoding="utf-8").read()
        mark = w.server.mark()
        site.write("server/aditd.conf", conf.replace("8s", "200ms"))
        w.server.signal(signal.SIGHUP)
        w.server.wait_for("reloaded", after=mark)
        p.refused("acme 1000 never", "timeout")
        q.renew("acme 1000")
        p.say("acme 1000 ask")
        p.wait_for("AUTH_CHALLENGE")
        until(lambda: w.server.text().count("not renewed its login: it took too long") == 2,
              "the server gives it up", 30)
        q.renew("acme 1000")
        p.answer("acme 1000")
        assert p.wait_for("AUTH_FAIL")["code"] == CODES["timeout"]
        p.renew("acme 1000")


def away(w, seconds):
    """An agent without a link, whose login is good for no longer than that; None: it was not even so
    long until its link was lost."""
    p = w.bound("acme 1000", "away%d" % seconds)
    p.client, _ = w.stream(p)
    p.renew("acme %d" % seconds)
    p.abort()
    w.server.wait_for("agent=%s (lost its link|closed)" % p.name)
    return p if "agent=%s lost" % p.name in w.server.text() else None


def test_session_ends(site, plugins):
    """With its streams, by RST; whether it has a link or not; and there is nothing to go on with."""
    with World(site, plugins) as w:
        p = w.bound("acme 1000")
        c, _ = w.stream(p)
        p.renew("acme 2")               # "1" can be over before it is said
        assert p.expect_close("login_expired")["text"] == EXPIRED
        assert ended_by_reset(c)
        w.server.wait_for("agent=web1 closed: " + EXPIRED)
        q = next(filter(None, (away(w, seconds) for seconds in (2, 8, 30))))
        w.server.wait_for("agent=%s closed: %s" % (q.name, EXPIRED), 30)
        assert ended_by_reset(q.client)
        fresh = q.ask(w.connect(w.server.port))
        assert fresh.expect("RESUME_FAIL")["code"] == CODES["no_session"]
        assert w.agents() == {}


def test_renewal_and_other_links(site, plugins):
    """One that was under way is lost with its link; on the next there are other nonces."""
    with World(site, plugins) as w:
        p = w.bound("acme 1000")
        c, st = w.stream(p)
        for cut in (True, False):
            p.say("acme 5000 never")
            p.ping()
            if cut:
                p.abort()
                w.server.wait_for("lost its link")
            p.resume(w.connect(w.server.port))
            assert p.renew("acme 5000")["expires_ms"] > 4900000
            echo(p, st, c)
        assert p.renew("acme 50")["expires_ms"] <= 50000


def test_takeover_while_renewing(site, plugins):
    with World(site, plugins) as w:
        p = w.bound("acme 1000")
        p.say("acme 1000 never")
        p.ping()
        q = w.bound("acme 1000")
        p.expect_close("replaced")
        assert q.port == p.port
        q.renew("acme 1000")


def test_renewal_after_reload(site, plugins):
    """What the server says now counts."""
    with World(site, plugins) as w:
        p = w.lessee("acme lease")
        mark = w.server.mark()
        site.write("server/conf.d/auth-lease.conf", settings({"auth-lease": {"lease": "10s"}}))
        w.server.signal(signal.SIGHUP)
        w.server.wait_for("reloaded", after=mark)
        w.link().start()                # behind it the worker has it, too
        assert p.renew("acme lease")["expires_ms"] <= 10000
        assert p.refused("acme -1", "auth_failed")


def write_token(w, word):
    """The server's only token, with that word more; the server takes it."""
    file = "server/conf.d/tokens"
    with open(w.site.path(file), encoding="ascii") as f:
        line = f.read().split()[:4]
    mark = w.server.mark()
    w.site.write(file, " ".join(line + [word]) + "\n")
    w.server.signal(signal.SIGHUP)
    w.server.wait_for("reloaded", after=mark)


def test_token_expires(site):
    """A token that ends says so at each login, and is of no use afterwards."""
    with PlainWorld(site, site.server()) as w:
        soon = time.time() + 1000
        write_token(w, "expires=" + time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(soon)))
        p = w.link()
        ok = p.login(w.token, "web1")
        assert 900000 < ok["expires_ms"] <= 1000000
        assert 900000 < p.renew(w.token, "web1")["expires_ms"] <= ok["expires_ms"]
        write_token(w, "expires=2026-01-01T00:00:00Z")
        w.link().start()                # behind it the worker has the new configuration
        p.auth(w.token, "web1")
        assert p.wait_for("AUTH_FAIL")["code"] == CODES["auth_failed"]
        w.server.wait_for("token %s has expired" % w.token.id)
        write_token(w, "")
        w.link().start()
        assert p.renew(w.token, "web1")["expires_ms"] == 0


# The real agent, and a server in Python.

@pytest.fixture(name="a")
def fixture_a(site):
    return AditWorld(site)


def leased(a, ms):
    """adit, logged in for so long, with a stream: (peer, target's socket, stream)."""
    p = a.link(ResumeServer, reconnect=True)
    p.login(expires_ms=ms)
    p.tunnel = p.bound()["tunnel"]
    return p, *a.open(p)


def both_ways(p, t, st, data=b"still here"):
    p.send_data(st.sid, data)
    assert read_exactly(t, len(data)) == data
    t.sendall(data)
    assert p.read(st.sid, len(data)) == data


def test_agent_renews(a):
    """At two thirds; on another link, too, if the first did not bring the answer."""
    p, t, st = leased(a, 500)
    p.renew(expires_ms=3600000)
    a.adit.wait_for(r"login renewed until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
    both_ways(p, t, st)


def test_agent_begins_again(a):
    p, t, st = leased(a, 500)
    p.check_auth()
    p.abort()
    p.resume(a.next_link(ResumeServer))
    p.renew(expires_ms=0)
    a.adit.wait_for("login renewed, for ever")
    both_ways(p, t, st)


def test_agent_is_refused(a):
    p, t, st = leased(a, 500)
    p.renew(good=False)
    a.adit.wait_for("could not renew the login: login refused; the session ends in")
    both_ways(p, t, st)
    p.send("GOAWAY", code=CODES["login_expired"], text=EXPIRED)
    a.adit.wait_for("connection lost: %s; trying again in" % EXPIRED)
    assert ended_by_reset(t)
    a.next_link(ResumeServer).login()


def gets_no_more(a, ms):
    """A login of ms that ends when it did before, or, on a machine that is slow, later."""
    p, t, st = leased(a, ms)
    p.renew(expires_ms=1)
    said = a.adit.wait_for("(login renewed until|could not renew the login: what this agent logs in "
                           "with ends then itself; the session ends in)").group(0)
    both_ways(p, t, st)
    p.close()
    a.adit.stop()
    return "could not" in said


def test_agent_gets_no_more_time(a):
    assert any(gets_no_more(a, ms) for ms in (500, 5000, 30000))


@pytest.mark.skipif(not FULL, reason="takes 15 s; ADIT_FULL=1 asks for it")
def test_agent_tries_again(a):
    """At half of what remains, and no more often than every two seconds."""
    p, t, st = leased(a, 12000)
    times = [time.monotonic()]
    for _ in range(2):
        p.renew(good=False)
        times.append(time.monotonic())
    assert 6.5 < times[1] - times[0] and 1.9 < times[2] - times[1] < 4
    p.renew(expires_ms=3600000)
    a.adit.wait_for("login renewed until")
    both_ways(p, t, st)


@pytest.mark.parametrize("change,code", [
    ({"account": "other"}, "protocol"), ({"agent": "other"}, "protocol"),
    ({"session": 8}, "protocol"), ({"data": bytes(32)}, "auth_failed"),
    ({"resume": bytes(3) + b"\1" + bytes(32)}, "protocol")])
def test_agent_is_deceived(a, change, code):
    """A renewal makes no other session, and comes from the right server."""
    p, _, _ = leased(a, 500)
    _, values, _ = p.check_auth()
    p.send("AUTH_OK", **dict(p.session, data=values.server_proof, **change) if "data" not in change
           else dict(p.session, **change))
    p.expect_close(code)


def test_agent_proves_nothing(a):
    """Its plugin has given up: it is not asked again, and what the server says of it is worth
    nothing."""
    p, t, st = leased(a, 500)
    _, values, _ = p.check_auth()
    for _ in range(2):
        p.send("AUTH_CHALLENGE", data=b"more")
        assert p.wait_for("AUTH_ANSWER")["data"] == b""
    both_ways(p, t, st)
    p.send("AUTH_OK", **dict(p.session, data=values.server_proof))
    p.expect_close("protocol")


# Both.

def leasing(site, plugins, port, line, name="web1"):
    """adit that logs in with that line; it stands in a file."""
    conf = {"server": "tcp://127.0.0.1:%d" % port, "name": name, "plugin_dir": plugins,
            "auth-lease": {"credential": site.write("lease-" + name, line)},
            "tunnels": [{"name": "t", "target": "127.0.0.1:%d" % echo_target(site).port}]}
    return site.start("adit", command("adit") + [
        "run", "-c", site.write("adit-%s.conf" % name, settings(conf)),
        "--plugin-dir", plugins], Agent)


def said(sock, data):
    sock.sendall(data)
    return read_exactly(sock, len(data)) == data


LOST = "the session is lost|connection lost"


def goes_on(w, plugins, seconds, name):
    """An agent renews its login twice, and its stream goes on beyond the end of the first, although
    its link is cut meanwhile. False: the machine was too slow for that."""
    relay = Relay(w.site, w.server)
    agent = leasing(w.site, plugins, relay.port, "acme %d" % seconds, name)
    try:
        c = w.site.connect(agent.public)
        assert said(c, b"before")
        relay.cut(0)
        agent.wait_for("link back after|" + LOST, 60)
        for _ in range(2):
            mark = agent.mark()
            agent.wait_for("login renewed until|" + LOST, 60, after=mark)
        assert said(c, b"after")
        assert len(re.findall("agent=%s logged in from" % name, w.server.text())) == 1
    except (AssertionError, EOFError, OSError):
        agent.wait_for(LOST, 60)
    return re.search(LOST, agent.text()) is None


def is_refused(w, plugins, seconds, name):
    """One whose renewal is refused says so, and when its session has ended, comes again. False: it
    had ended before that."""
    agent = leasing(w.site, plugins, w.server.port, "acme %d" % seconds, name)
    try:
        d = w.site.connect(agent.public)
        assert said(d, b"x")
        w.site.write("lease-" + name, "acme %d no" % seconds)
        agent.wait_for(r"could not renew the login: login refused; the session ends in \d", 60)
    except (AssertionError, EOFError, OSError):
        agent.wait_for(LOST, 60)
        return False
    agent.wait_for("connection lost: %s; trying again in" % EXPIRED, 60)
    assert ended_by_reset(d)
    assert "stopped" not in agent.text()
    return True


def test_end_to_end(site, plugins):
    """Twice as long as often as this machine is too slow for it."""
    with World(site, plugins) as w:
        assert any(goes_on(w, plugins, n, "on%d" % n) for n in (4, 12, 40))
        assert any(is_refused(w, plugins, n, "off%d" % n) for n in (3, 12, 40))
