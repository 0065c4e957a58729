# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Logins by key: keys of ssh-keygen, openssl and adit keygen; over TLS, WebSocket inside TLS and a
plain link; what the server's file allows and forbids, also when it changes; and somebody in between
who ends TLS himself and passes everything on."""

import asyncio
import base64
import os
import re
import shutil
import socket
import ssl
import stat
import subprocess
import threading

import pytest

from harness import SLOW, Agent, command, free_port, need, setting
from terminal import Terminal
from tlsworld import TlsWorld
from tools import tool

pytestmark = need("aditd", "adit")


def run(*words, **options):
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60 * SLOW,
                          stdin=subprocess.DEVNULL, **options).stdout


def line_of_pem(path):
    """The public line of a key that openssl has made."""
    der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], check=True,
                         capture_output=True, timeout=60 * SLOW).stdout
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + der[-32:]
    return "ssh-ed25519 " + base64.b64encode(blob).decode()


class KeyWorld(TlsWorld):
    """A server for tls:// and wss:// on one port and tcp:// on another, and its file of keys."""

    def __init__(self, site):
        super().__init__(site)
        self.keys = site.write("server/keys", "", 0o644)
        self.tcp_port = free_port()
        self.number = 0
        self.start()

    def start(self, **options):
        auth = dict({"file": self.keys}, **options)
        port = free_port()
        self.mint("server", names="localhost", issuer="ca")
        plugins = {
            "transport-tcp": {"listen": "127.0.0.1:%d" % self.tcp_port},
            "transport-tls": {"listen": "127.0.0.1:%d" % port, "certificate": self.pem("server"),
                              "key": self.key("server")},
            "transport-ws": {"listen": "127.0.0.1:%d" % port},
            "auth-token": None, "auth-key": auth}
        self.aditd = self.site.server("server", port=port, plugins=plugins, accounts=())

    def new_key(self, comment="test"):
        """By adit keygen; returns (path, line, fingerprint)."""
        self.number += 1
        path = self.site.path("key%d" % self.number)
        out, err = self.site.run("adit", "keygen", "--out", path, "--comment", comment)
        return path, out.strip(), err.split("Fingerprint: 256 ")[1].split()[0]

    def allow(self, *lines):
        """The server's file from now on."""
        self.site.write("new-keys", "".join(text + "\n" for text in lines), 0o644)
        os.rename(self.site.path("new-keys"), self.keys)

    def log_in(self, key, *args, scheme="tls", port=None, bound=True, wait=True):
        self.number += 1
        port = port or (self.tcp_port if scheme == "tcp" else self.aditd.port)
        groups = {"auth-key": {"key_file": key, "channel_binding": bound}}
        if scheme != "tcp":
            groups["transport-tls"] = {"ca_file": self.pem("ca")}
        conf = self.site.write("agent%d/adit.conf" % self.number, "".join(
            "%s = %s;\n" % (k, setting(v)) for k, v in groups.items()))
        argv = command("adit") + [
            "run", "-c", conf, "--server", "%s://localhost:%d" % (scheme, port), "--local",
            "127.0.0.1:1", "--agent", "agent%d" % self.number, "--no-reconnect", *args]
        agent = self.site.start("adit", argv, Agent)
        if wait:
            agent.wait_up()
        return agent

    def is_in(self, key, account, said="", **options):
        mark = self.aditd.mark()
        agent = self.log_in(key, **options)
        self.aditd.wait_for("auth-key: account %s, .*%s" % (account, re.escape(said)), after=mark)
        assert agent.stop() == 0

    def is_out(self, key, said, **options):
        mark = self.aditd.mark()
        agent = self.log_in(key, wait=False, **options)
        assert agent.wait() == 77, agent.text()
        self.aditd.wait_for(said, after=mark)
        return agent.wait_for("^stopped: (.*)").group(1)


@pytest.fixture(scope="module")
def k(shared):
    return KeyWorld(shared)


# Keys and who makes them.

def test_keygen(k):
    """Private, never overwritten, and understood by ssh-keygen."""
    path, line, print_ = k.new_key("two words")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert line.startswith("ssh-ed25519 AAAA") and line.endswith(" two words")
    with open(path, encoding="ascii") as f:
        text = f.read()
    out, err = k.site.run("adit", "keygen", "--out", path, status=1)
    assert not out and "never overwritten" in err
    with open(path, encoding="ascii") as f:
        assert f.read() == text
    if shutil.which("ssh-keygen"):
        assert run("ssh-keygen", "-l", "-f", path) == "256 %s two words (ED25519)\n" % print_
        assert run("ssh-keygen", "-y", "-f", path) == line + "\n"
    k.allow('account="acme" ' + line)
    k.is_in(path, "acme", "by key %s two words" % print_)


def test_keygen_usual_place(k):
    """Without --out beside the configuration, where it is found."""
    out, err = k.site.run("adit", "keygen", "-q")
    path = k.site.path(".config/adit/key")
    assert not err and out.startswith("ssh-ed25519 ") and os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(k.site.path(".config")).st_mode & 0o777 == 0o700
    k.allow('account="acme" ' + out.strip())
    k.is_in(path, "acme")


def test_ssh_keygen(k):
    tool("ssh-keygen")
    path = k.site.path("by-ssh")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "by ssh", "-f", path)
    with open(path + ".pub", encoding="ascii") as f:
        k.allow('account="acme" ' + f.read().strip())
    k.is_in(path, "acme", run("ssh-keygen", "-l", "-f", path).split()[1] + " by ssh")


def test_passphrase(k):
    """openssl's key with a passphrase, which adit asks for; and the command line's way to a key."""
    tool("openssl")
    path = k.site.path("locked")
    run("openssl", "genpkey", "-algorithm", "ed25519", "-out", k.site.path("plain"))
    run("openssl", "pkcs8", "-topk8", "-in", k.site.path("plain"), "-out", path,
        "-passout", "pass:open sesame", "-iter", "100")
    os.chmod(path, 0o600)
    k.allow('account="acme" ' + line_of_pem(k.site.path("plain")))
    mark = k.aditd.mark()
    t = Terminal(k.site, command("adit") + [
        "tcp", "1", "--server", "tcp://localhost:%d" % k.tcp_port, "--key", path])
    t.wait_for("Passphrase of %s: " % path)
    t.type("open sesame")
    t.wait_for("->")
    k.aditd.wait_for("auth-key: account acme, agent", after=mark)
    nowhere = k.site.start("adit", command("adit") + [       # in a session without a terminal
        "tcp", "1", "--server", "tcp://localhost:%d" % k.tcp_port, "--key", path], Agent)
    assert nowhere.wait() == 78
    nowhere.wait_for('"passphrase_file": is missing')


def test_openssl(k):
    tool("openssl")
    path = k.site.path("by-openssl")
    run("openssl", "genpkey", "-algorithm", "ed25519", "-out", path)
    os.chmod(path, 0o600)
    k.allow('account="acme" ' + line_of_pem(path))
    k.is_in(path, "acme")


# Links.

@pytest.mark.parametrize("scheme", ["tls", "wss", "tcp"])
def test_links(k, scheme):
    path, line, _ = k.new_key()
    k.allow('account="acme" ' + line)
    k.is_in(path, "acme", scheme=scheme)


# What the file says.

def test_file(k):
    """One server all the time, whose file changes; what is refused says the same whatever it was."""
    path, line, print_ = k.new_key()
    other = k.new_key()[1]
    said = set()
    for text, want in (
            ("", "key %s is not known" % re.escape(print_)),
            ('account="a" ' + other, "is not known"),
            ('account="a",revoked ' + line, "key %s is revoked" % re.escape(print_)),
            ('account="a",expires="2026-01-01T00:00:00Z" ' + line, "has expired"),
            ('account="a",from="192.0.2.0/24" ' + line, "may not be used from this address"),
            ('account="a",from="!127.0.0.1,0.0.0.0/0" ' + line, "not be used from this address")):
        k.allow(text)
        said.add(k.is_out(path, want))
    assert len(said) == 1, said
    k.allow('account="a",from="127.0.0.0/8,::1",expires="2999-01-01" ' + line, other)
    said.add(k.is_out(path, r"keys:2: account=.* is missing in front of the key.*still counts"))
    assert len(said) == 1, said
    k.allow('account="a",from="127.0.0.0/8,::1",expires="2999-01-01" ' + line)
    k.is_in(path, "a")


def test_rights(k):
    """Grants and a name that the key brings along."""
    path, line, _ = k.new_key()
    port = free_port()
    k.allow('account="b",agent="fixed",ports="%d" %s' % (port, line))
    mark = k.aditd.mark()
    agent = k.log_in(path, "--port", str(port))
    k.aditd.wait_for("account b, agent fixed", after=mark)
    assert agent.public[1] == port
    assert agent.stop() == 0
    k.allow('account="b",agent="fixed" ' + line)
    agent = k.log_in(path, "--port", str(port), wait=False)
    agent.wait_for("tunnel tcp-1 is not published: .*%d" % port)
    agent.wait()


# In between.

class InBetween:
    """Ends TLS with a certificate that the agent believes, and passes all bytes on over a link of its
    own: TLS, or plain as a front would."""

    def __init__(self, world, port, tls=True):
        self.world, self.to, self.tls = world, port, tls
        self.carried = 0
        self.port = free_port()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self.listen(), self.loop).result(20 * SLOW)

    async def listen(self):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.world.pem("between"), self.world.key("between"))
        context.set_alpn_protocols(["adit/1"])
        self.server = await asyncio.start_server(self.link, "127.0.0.1", self.port, ssl=context,
                                                 family=socket.AF_INET)

    async def link(self, reader, writer):
        context = None
        if self.tls:
            context = ssl.create_default_context(cafile=self.world.pem("ca"))
            context.set_alpn_protocols(["adit/1"])
        try:
            there = await asyncio.open_connection("127.0.0.1", self.to, ssl=context,
                                                  server_hostname="localhost" if context else None)
            await asyncio.gather(self.pass_on(reader, there[1]), self.pass_on(there[0], writer))
        except (OSError, asyncio.CancelledError):
            pass

    async def pass_on(self, reader, writer):
        try:
            while data := await reader.read(65536):
                self.carried += len(data)
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def end(self):
        self.server.close()
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()

    def close(self):
        asyncio.run_coroutine_threadsafe(self.end(), self.loop).result(20 * SLOW)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture(scope="module")
def between(k):
    k.mint("between", names="localhost", issuer="ca")
    return k.site.own(InBetween(k, k.aditd.port))


def test_relay_is_refused(k, between):
    """The agent believes the one in between, who passes its login on, bytes unchanged."""
    path, line, _ = k.new_key()
    k.allow('account="acme" ' + line)
    before = between.carried
    k.is_out(path, "did not sign this link: another key, or another server's TLS channel",
             port=between.port)
    assert between.carried > before
    k.is_out(path, "is not bound to the TLS channel of its link", port=between.port, bound=False)
    k.is_in(path, "acme")


def test_front(site):
    """What ends TLS on purpose: both sides have to be told, and then it works."""
    k = KeyWorld(site)
    k.mint("between", names="localhost", issuer="ca")
    path, line, _ = k.new_key()
    k.allow('account="acme" ' + line)
    plain = k.site.own(InBetween(k, k.tcp_port, tls=False))
    k.is_out(path, "is bound to a TLS channel, but this link has none", port=plain.port)
    k.is_in(path, "acme", port=plain.port, bound=False)
    assert k.aditd.stop() == 0
    k.tcp_port = free_port()
    k.start(channel_binding=False)
    again = k.site.own(InBetween(k, k.aditd.port))
    k.is_in(path, "acme", port=again.port, bound=False)
    k.is_out(path, "did not sign this link", port=again.port)
