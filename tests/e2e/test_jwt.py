# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Logins by JSON Web Token: who gets in and as whom, who does not and why, several issuers, and what
becomes of a session when its token ends or a new one is in the file.

Tokens are signed by plugins/auth-jwt/test-signer with the keys of plugins/auth-jwt/vectors.
"""

import json
import os
import shutil
import subprocess
import time

import pytest

from aditsession import AgentPeer
from harness import SLOW, Agent, command, need, setting
from peerworld import World as PeerWorld
from tlsworld import BUILD, TlsWorld
from traffic import Traffic, echo_target

pytestmark = need("aditd", "adit")

TOP = os.environ.get("top_srcdir") or os.path.join(os.path.dirname(__file__), "../..")
VECTORS = os.path.join(TOP, "plugins/auth-jwt/vectors")
ISSUER = "https://id.example"
REFUSED = "login refused; the server's log says why"
DENIED = 77


def sign(kid, more="", **claims):
    """A token that is good for ten minutes; claims that are None are left out."""
    all_ = dict({"iss": ISSUER, "aud": "adit", "sub": "alice", "exp": int(time.time()) + 600}, **claims)
    text = json.dumps({k: v for k, v in all_.items() if v is not None})
    done = subprocess.run([os.path.join(BUILD, "plugins/auth-jwt/test-signer"), VECTORS, "sign", kid,
                           more], input=text, capture_output=True, text=True, check=True,
                          timeout=60 * SLOW)
    return done.stdout.strip()


class JwtWorld(TlsWorld):
    """A server that takes tokens, over TLS."""

    def rules(self, **more):
        keys = self.site.path("keys.jwks")
        if not os.path.exists(keys):
            shutil.copy(os.path.join(VECTORS, "keys.jwks"), keys)
            os.chmod(keys, 0o600)
        return dict({"issuer": ISSUER, "audience": "adit", "secret_file": keys,
                     "account_claim": "sub", "leeway": "0s"}, **more)

    def serve(self, rules):
        return self.server(accounts=(), plugins={"auth-token": None, "auth-jwt": rules})

    def file(self, token, name="jwt"):
        """Puts a token into the agent's file, as whoever renews one should: in one piece."""
        new = self.site.write(name + ".new", token + "\n")
        os.rename(new, self.site.path(name))
        return self.site.path(name)

    def come(self, server, token, *args, target=1, wait=True, url=None, **options):
        """An agent with its own configuration."""
        path = token if token.startswith("/") else self.file(token, "jwt%d" % len(self.site.programs))
        conf = self.site.write("agent%d/adit.conf" % len(self.site.programs),
                               "transport-tls = %s;\ntransport-tcp = {};\nauth-jwt = %s;\n" % (
                                   setting({"ca_file": self.pem("ca")}),
                                   setting(dict({"token_file": path}, **options))))
        argv = command("adit") + ["run", "-c", conf, "--server",
                                  url or "tls://localhost:%d" % server.port,
                                  "--local", "127.0.0.1:%d" % target]
        p = self.site.start("adit", argv + list(args), Agent)
        if wait:
            p.wait_up()
        return p

    def turned_away(self, server, token, **options):
        """What the server's log says of a login that must fail; the agent always hears the same."""
        mark = server.mark()
        a = self.come(server, token, "--no-reconnect", wait=False, **options)
        assert a.wait() == DENIED, a.text()
        assert a.wait_for("^stopped: (.*)").group(1) == REFUSED
        return server.wait_for("the token: .*", after=mark).group(0)

    def agents(self, server):
        got = subprocess.run(command("aditctl") + ["-c", server.conf, "agents", "--json"],
                             check=True, capture_output=True, text=True, timeout=60 * SLOW)
        return {a["agent"]: a for a in json.loads(got.stdout)["agents"]}


@pytest.fixture
def w(site):
    return JwtWorld(site)


# Who gets in.

def test_logins(w):
    """The families of algorithms, claims as account, agent and ports, and a token in five parts."""
    server = w.serve(w.rules(agent_claim="adit.agent", grants=["ports=adit.ports"],
                             require=["groups=tunnels"]))
    for i, kid in enumerate(["hs256", "rs256", "ps512", "es384", "eddsa", "ed448"]):
        port = server.ports + i
        token = sign(kid, sub="acct-" + kid, groups=["users", "tunnels"],
                     adit={"agent": "of-" + kid, "ports": [port]},
                     filler="x" * (5400 if kid == "es384" else 0))
        a = w.come(server, token, "--name", "t")
        assert a.public[1] == port
    agents = w.agents(server)
    assert {(n, a["account"]) for n, a in agents.items()} == {
        ("of-" + k, "acct-" + k) for k in ["hs256", "rs256", "ps512", "es384", "eddsa", "ed448"]}


def test_refusals(w):
    server = w.serve(w.rules())
    now = int(time.time())
    for token, why in [
            (sign("es256", aud="other"), "it is not for us"),
            (sign("es256", exp=now - 5), "it has expired"),
            (sign("es256", nbf=now + 5000), "it is good in "),
            (sign("es256", iss="https://other.example"), "its issuer is not one of"),
            (sign("es256")[:-8] + "AAAAAAAA"[:7] + "A", "its signature is wrong"),
            (sign("es256", sub="../root"), "the claim sub cannot be the name of an account"),
            (sign("es256", exp=None), "it has no exp"),
            (sign("es256", ',"crit":["x"]'), "crit"),
            (sign("es256", aud="other", filler="x" * 5000), "it is not for us")]:
        assert why in w.turned_away(server, token)


def test_links_that_are_not_encrypted(site, w):
    """Neither half takes part."""
    server = site.server(plugins={"auth-jwt": w.rules()})
    a = w.come(server, sign("es256"), "--no-reconnect", wait=False,
               url="tcp://127.0.0.1:%d" % server.port)
    assert a.wait() != 0
    a.wait_for("a token is sent over an encrypted link only")
    with PeerWorld(site, server) as world:
        p = world.link(AgentPeer)
        p.start()
        p.send("AUTH", method="jwt", agent="web1", data=b"\0" + sign("es256").encode())
        p.wait_for("AUTH_FAIL")
    server.wait_for("came over a link that is not encrypted")


def test_two_issuers(w):
    """Each instance has keys of its own, also for tokens in several parts, with kid or without."""
    shutil.copy(os.path.join(VECTORS, "rsa.pub"), w.site.path("rsa.pub"))
    server = w.serve([
        dict({k: v for k, v in w.rules().items() if k != "account_claim"}, account="one",
             agent_claim="sub"),
        {"issuer": "https://two.example", "audience": "adit", "account": "two", "agent_claim": "sub",
         "key_file": w.site.path("rsa.pub")}])
    for name, kid, claims in [
            ("a", "es256", {}), ("b", "es256", {"filler": "x" * 5000}),
            ("c", "rs256", {"iss": "https://two.example"}),
            ("d", "rs256", {"iss": "https://two.example", "filler": "x" * 5000})]:
        claims = dict(claims, sub=name)
        w.come(server, sign(kid, **claims), "--name", name)
    accounts = {n: a["account"] for n, a in w.agents(server).items()}
    assert accounts == {"a": "one", "b": "one", "c": "two", "d": "two"}
    assert "its issuer is not one of issuer" in w.turned_away(
        server, sign("es256", iss="https://three.example"))
    # The keys of one issuer are no keys of the other.
    assert "no key" in w.turned_away(server, sign("es256", iss="https://two.example"))


def test_keys_change(w):
    """A key that is taken out of the file is none any more, without a reload."""
    server = w.serve(w.rules())
    w.come(server, sign("es256"))
    with open(w.site.path("keys.jwks"), encoding="ascii") as f:
        keys = json.load(f)
    keys["keys"] = [k for k in keys["keys"] if k["kid"] != "es256"]
    new = w.site.write("keys.new", json.dumps(keys))
    os.rename(new, w.site.path("keys.jwks"))
    assert "no key has its kid" in w.turned_away(server, sign("es256"))
    w.come(server, sign("es384"))


# The agent's file.

def test_token_file(w):
    """What the agent says of its file before it goes anywhere."""
    def say(path, **env):
        conf = w.site.write("check/adit.conf", "transport-tcp = {};\nauth-jwt = %s;\n" % setting(
            dict({"token_file": path}, **env)))
        out, err = w.site.run("adit", "run", "--check", "-c", conf, "--server", "tcp://127.0.0.1:1",
                              "--local", "127.0.0.1:1", status=None)
        return out + err
    path = w.file(sign("hs256"))
    assert "error" not in say(path)
    os.chmod(path, 0o640)
    assert "must not be open to group or others" in say(path)
    assert "error" not in say(path, shared_token_file=True)
    os.chmod(path, 0o660)
    assert "must not be writable by group or others" in say(path, shared_token_file=True)
    os.chmod(path, 0o440)                   # as systemd has it
    assert "must not be open" in say(path)
    w.site.env["CREDENTIALS_DIRECTORY"] = w.site.folder
    assert "error" not in say(path)
    assert "must not be open" in say(os.path.join(w.site.folder, "check/../jwt"))
    os.symlink("jwt", w.site.path("link"))  # as Kubernetes has it
    assert "error" not in say(w.site.path("link"))
    for text, why in [("", "is empty"), ("a.b.c d", "holds more than a token"),
                      ("a b", "holds more than a token"), ("token", "holds no token in compact form"),
                      ("a.b.c?", "holds no token"), ("a." + "b" * 8191, "is longer than 8192")]:
        assert why in say(w.site.write("bad", text)), text
    assert "No such file" in say(w.site.path("none"))


# The end of a token.

def patiently(attempt):
    """Tries with a life of 2 s, and twice as long as often as this machine is too slow for that."""
    life = 2
    while not attempt(life):
        life *= 2
        assert life < 200


def test_session_ends_with_its_token(w):
    """It ends, although the link is fine, and the agent says what is wrong."""
    server = w.serve(w.rules())

    def attempt(life):
        mark = server.mark()
        a = w.come(server, sign("es256", exp=int(time.time()) + life), "--no-reconnect", wait=False)
        try:
            a.wait_up()
        except TimeoutError:
            assert "has expired" in server.wait_for("the token: .*", after=mark).group(0)
            return False
        assert a.wait(30 + life) != 0
        a.wait_for("the login has expired")
        server.wait_for("the login has expired", after=mark)
        return True
    patiently(attempt)


def test_renewed_by_a_new_file(w):
    """Streams run on beyond the end of the first token."""
    server = w.serve(w.rules())
    echo = echo_target(w.site)

    def attempt(life):
        ends = int(time.time()) + life
        path = w.file(sign("es256", exp=ends), "renewed%d" % life)
        a = w.come(server, path, target=echo.port, wait=False)
        try:
            public = a.wait_up()[0]
        except TimeoutError:
            return False
        w.file(sign("rs256"), "renewed%d" % life)     # another key, even
        with Traffic(lambda: w.site.connect(public[1]), 2) as t:
            try:
                a.wait_for("renewed", life + 10)
            except TimeoutError:
                t.ends()
                return False
            while time.time() < ends + 1:
                t.wait(1 << 16)
            t.wait(1 << 20)
        assert "the login has expired" not in a.text()
        a.stop()
        return True
    patiently(attempt)
