# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Who may log in, with the real aditd: brute force from one address and from many, the chain, what
is told to whom, limits that are granted, and the counts of aditctl.

The agents are Python's, so that they can come from any address of 127.0.0.0/8 and hold as many links
as they like. auth-guess is a plugin of passwords (tests/plugin/good) that counts how often it was
reached."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from aditsession import AgentPeer, Closed
from aditwire import CODES, Token
from harness import command, ended_by_reset, need, read_exactly, until
from relay import BUILD

pytestmark = need("aditd", "aditctl")

BUSY, DENIED = CODES["busy"], CODES["auth_failed"]


@pytest.fixture(scope="module")
def plugins(shared):
    """A folder with the real plugins and auth-guess."""
    folder = shared.path("plugins")
    shutil.copytree(os.environ["plugin_dir"], folder)
    shutil.copy(os.path.join(BUILD, "tests/plugin/.libs/auth-guess.so"), folder)
    for name in os.listdir(folder):
        os.chmod(os.path.join(folder, name), 0o755)
    return folder


class World:
    """A server with auth-guess (one instance for each dictionary) and guessers from anywhere."""

    def __init__(self, site, plugins, *guess, limits=None, tokens=False, **conf):
        self.site, self.socks, self.plugins = site, [], plugins
        self.server = site.server(
            limits=dict({"fail_penalty": "5s"}, **(limits or {})), accounts=(),
            plugins={"auth-guess": guess if len(guess) > 1 else guess[0],
                     "auth-token": {"file": "tokens"} if tokens else None},
            args=("--plugin-dir", plugins), conf=dict(conf, plugin_dir=plugins))

    def link(self, address="127.0.0.1"):
        s = socket.create_connection(("127.0.0.1", self.server.port), 20,
                                     source_address=(address, 0))
        self.socks.append(s)
        return AgentPeer(s)

    def guess(self, user, password, address="127.0.0.1", method="guess", agent="a"):
        """What the server answers: the frame, or None when it has closed the link without one."""
        p = self.link(address)
        try:
            p.start()
            p.send("AUTH", method=method, agent=agent, data=user.encode() + b"\0" + password.encode())
            f = p.recv(30)
            if f.name == "AUTH_CHALLENGE":
                p.send("AUTH_ANSWER", data=user.encode() + b"\0" + password.encode())
                f = p.recv(30)
            f.peer = p
            return f
        except (AssertionError, Closed, OSError):                   # GOAWAY in place of HELLO
            return None

    def reached(self):
        return self.server.text().count("auth-guess: reached ")

    def status(self):
        got = subprocess.run(command("aditctl") + ["-c", self.server.conf, "--json", "status"],
                             check=True, capture_output=True, text=True, timeout=60)
        return {row.pop("plugin"): {k: n for k, n in row.items() if n}
                for row in json.loads(got.stdout)["logins"]}

    def close(self):
        for s in self.socks:
            s.close()


@pytest.fixture
def world(site, plugins):
    made = []

    def make(*guess, **options):
        made.append(World(site, plugins, *guess, **options))
        return made[-1]

    yield make
    for w in made:
        w.close()


def brute_force(w, address="127.0.0.1", links=100, threads=20):
    """As many wrong passwords as there are links, many at once; what they were told."""
    told, lock, left = [], threading.Lock(), list(range(links))

    def run():
        while True:
            with lock:
                if not left:
                    return
                n = left.pop()
            f = w.guess("user%d" % n, "wrong", address)
            with lock:
                told.append(f["code"] if f is not None and f.name == "AUTH_FAIL" else None)

    all_ = [threading.Thread(target=run) for _ in range(threads)]
    for t in all_:
        t.start()
    for t in all_:
        t.join()
    return told


@pytest.mark.parametrize("how", ["at once", "late", "in two steps"])
def test_brute_force_from_one_address(world, how):
    w = world({"user": "bob", "takes": "0" if how == "at once" else "100ms",
               "asks": how == "in two steps"})
    told = []
    t = threading.Thread(target=lambda: told.extend(brute_force(w)))
    t.start()
    until(lambda: w.reached() > 0, "the first guess")
    assert w.guess("bob", "right", "127.0.0.2").name == "AUTH_OK"   # meanwhile
    t.join()
    assert len(told) == 100 and DENIED in told
    until(lambda: w.reached() >= 2, "guesses")
    own = 2 if how == "in two steps" else 1
    assert w.reached() - own <= 15
    w.guess("bob", "right")                                         # this address has to wait
    assert w.reached() - own <= 15
    w.server.wait_for("address 127.0.0.1 is refused")
    assert w.status()["gate"]["busy"] >= 1


def test_an_address_that_is_right_is_never_in_its_own_way(world):
    """Many at once, all right, through one address, by a method of two messages that takes time."""
    w = world({"user": "bob", "takes": "5ms", "asks": True}, limits={"sessions_per_account": 1000})
    names, lock, lost = ["a%d" % i for i in range(60)], threading.Lock(), []

    def run():
        while True:
            with lock:
                if not names:
                    return
                name = names.pop()
            f = w.guess("bob", "right", agent=name)
            while f is not None and f.name == "AUTH_FAIL" and f["code"] == BUSY:
                assert f["retry_after_ms"] == 1000                  # a slow machine: once more
                f = w.guess("bob", "right", agent=name)
            if f is None or f.name != "AUTH_OK":
                lost.append(f)

    all_ = [threading.Thread(target=run) for _ in range(12)]
    for t in all_:
        t.start()
    for t in all_:
        t.join()
    assert not lost
    assert w.status()["auth-guess"]["accepted"] == 60
    assert w.guess("bob", "wrong")["code"] == DENIED                # nothing was counted


def test_a_name_is_guessed_at_from_many_addresses(world):
    w = world({"user": "bob"}, limits={"account_fail_penalty": "10m", "account_penalty_from": "1h",
                                       "account_penalty_max": "1d"})
    assert w.guess("bob", "right", "127.0.1.1").name == "AUTH_OK"
    for user in ("bob", "nobody"):                                  # both in the same way
        told = [w.guess(user, "wrong", "127.0.2.%d" % i) for i in range(1, 4)]
        assert [f["code"] for f in told] == [DENIED] * 3
        f = w.guess(user, "right", "127.0.2.9")
        assert f["code"] == BUSY and 3600000 <= f["retry_after_ms"] <= 4200000
    assert w.guess("bob", "right", "127.0.1.1").name == "AUTH_OK"   # the owner, where he always is
    w.server.wait_for("too many logins have failed for this name")
    assert w.status()["auth-guess"] == {"accepted": 2, "wrong": 3, "unknown": 3, "busy": 2}


def test_refusals_are_the_same(world):
    """One text for all that are denied; and the time of the slowest, from then on."""
    w = world({"user": "bob", "takes": "100ms"}, limits={"fail_penalty": "0"}, workers=1)
    told = [w.guess("bob", "wrong"), w.guess("nobody", "right"), w.guess("", "")]
    began = time.monotonic()
    told.append(w.guess("bob", "right", method="token"))            # nobody has to think
    took = time.monotonic() - began
    assert {(f.name, f.payload) for f in told} == {("AUTH_FAIL", told[0].payload)}
    assert told[0]["code"] == DENIED and took >= 0.16
    assert w.status() == {"auth-guess": {"wrong": 1, "unknown": 2}, "no plugin": {"denied": 1}}


def test_a_refusal_that_comes_too_late_counts_once(world):
    """Its link's time is over while it waits for its own."""
    w = world({"user": "bob", "takes": "350ms"},
              limits={"handshake_timeout": "500ms", "fail_penalty": "20s", "penalty_from": "40s"})
    w.guess("bob", "wrong")
    w.server.wait_for("link from .* closed: ")
    assert "is refused for" not in w.server.text()


def test_several_instances(world):
    w = world({"user": "alice"}, {"user": "bob", "grants": ["max_streams=x"]},
              {"user": "carol", "methods": ["other", "third"]}, limits={"fail_penalty": "0"})
    assert w.guess("alice", "right")["account"] == "alice"
    assert w.guess("carol", "right", method="third")["account"] == "carol"
    assert w.guess("carol", "right")["code"] == DENIED              # not by this method
    assert w.guess("alice", "wrong")["code"] == DENIED
    assert w.guess("bob", "right")["code"] == BUSY                  # what it grants is no limit
    w.server.wait_for(r"auth-guess\[1\]: the grant max_streams is no number from 1 to 1000000, "
                      r'but "x"')
    assert w.status() == {
        "auth-guess[0]": {"accepted": 1, "wrong": 1}, "auth-guess[1]": {"unknown": 1, "failed": 1},
        "auth-guess[2]": {"accepted": 1}}
    text = subprocess.run(command("aditctl") + ["-c", w.server.conf, "status"], check=True,
                          capture_output=True, text=True, timeout=60).stdout
    assert "logins     auth-guess[0]: 1 accepted, 1 wrong\n" in text
    assert "auth-guess[0], auth-guess[1], auth-guess[2]" in text


def is_reset(port):
    """Whether a client of it is; that may come before connect() returns."""
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as c:
            return ended_by_reset(c)
    except ConnectionResetError:
        return True


def bind(p, tunnel):
    p.send("BIND", tunnel=tunnel, route="port", name="t%d" % tunnel, params=[])
    return p.recv(20)


@pytest.mark.parametrize("by", ["guess", "token"])
def test_limits_that_are_granted(world, by):
    grants = ["max_tunnels=1", "max_streams=1", "max_sessions=2"]
    w = world({"user": "bob", "grants": grants}, tokens=True)
    if by == "token":
        words = [word for g in grants for word in ("--grant", g)]
        token = Token(w.site.run("aditd", "issue", "-c", w.server.conf, "--plugin-dir",
                                 w.plugins, "--account", "bob", *words)[0].strip())
        w.server.signal(signal.SIGHUP)
        w.server.wait_for("configuration reloaded")

    def login(name):
        if by == "guess":
            f = w.guess("bob", "right", agent=name)
            return f, f.peer
        p = w.link()
        p.start()
        p.auth(token, name)
        return p.recv(20), p

    f, p = login("one")
    assert f.name == "AUTH_OK"
    f = bind(p, 1)
    port = int(f["address"].rsplit(":", 1)[1])
    assert bind(p, 2).fields["code"] == CODES["limit"]
    w.server.wait_for(r"grant max_tunnels")
    with socket.create_connection(("127.0.0.1", port), 20) as c:
        st = p.accept()
        assert is_reset(port)
        w.server.wait_for("refuses a client: grant max_streams")
        p.send_data(st.sid, b"still")
        assert read_exactly(c, 5) == b"still"
    assert login("two")[0].name == "AUTH_OK"
    assert login("three")[0]["code"] == CODES["limit"]
    w.server.wait_for("grant max_sessions")
