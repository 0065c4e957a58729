# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The agent behind a proxy: HTTP and SOCKS5, with and without a login, squid and ssh -D, proxies that
refuse, and proxies that mean harm."""

import threading

import pytest

from harness import Agent, command, free_port, need, settings
from proxies import HttpProxy, Script, SocksProxy, Squid
from test_clients import Sshd
from tools import tool
from traffic import echo_target

pytestmark = need("aditd", "adit")

LOGIN = ("me", "s3cret word")


@pytest.fixture(scope="module")
def server(shared):
    return shared.server("proxied", limits={"fail_penalty": "0"})


@pytest.fixture(scope="module")
def target(shared):
    return echo_target(shared)


def carries(site, agent):
    """Bytes go there and back."""
    client = site.connect(agent.public)
    client.sendall(b"through the proxy")
    got = b""
    while len(got) < 17:
        more = client.recv(100)
        assert more, "the stream ended"
        got += more
    assert got == b"through the proxy"
    client.close()


def login_args(site, login):
    path = site.write("proxy-password", login[1] + "\n")
    return ("--proxy-user", login[0], "--proxy-password-file", path)


def refused(site, server, *args, status):
    """adit run with one attempt, which must fail with the status; returns what was said."""
    argv = command("adit") + ["run", "--server", "tcp://127.0.0.1:%d" % server.port, "--local", "22",
                              "--token-file", server.token_file, "--max-attempts", "1",
                              *args]
    p = site.start("adit", argv)
    assert p.wait(30) == status, p.text()
    return p.text()


# Proxies that do their work.

@pytest.mark.parametrize("login", [None, LOGIN], ids=["open", "login"])
@pytest.mark.parametrize("kind", [HttpProxy, SocksProxy])
def test_through(site, server, target, kind, login):
    proxy = kind(site, login)
    agent = site.agent(server, target.port, "--proxy", proxy.url,
                       *(login_args(site, login) if login else ()))
    carries(site, agent)
    assert proxy.asked == [("127.0.0.1", server.port)]
    agent.wait_for(r"connecting to tcp://127\.0\.0\.1:\d+ through the proxy at 127\.0\.0\.1:%d$" %
                   proxy.port)
    proxy.cut()                         # and the way back is the same
    agent.wait_for("link back after .*, nothing lost")
    carries(site, agent)
    assert proxy.asked == [("127.0.0.1", server.port)] * 2
    assert LOGIN[1] not in agent.text()


@pytest.mark.parametrize("kind", [HttpProxy, SocksProxy])
def test_names_are_the_proxys(site, server, target, kind):
    """The server's name is nothing to us: only the proxy knows it."""
    name = "tunnel.invalid"
    proxy = kind(site, names={name: ("127.0.0.1", server.port)})
    agent = site.agent(server, target.port, "--server", "tcp://" + name + ":7", "--proxy", proxy.url,
                       "--allow-plain", wait=False)
    agent.wait_for(r"tcp://\S+:\d+ +->")
    assert proxy.asked == [(name, 7)]
    if kind is SocksProxy:
        assert proxy.kinds == [3]
    text = refused(site, server, "--server", "tcp://" + name + ":7", "--proxy", proxy.url, status=78)
    assert "does not encrypt, and tunnel.invalid is not this machine" in text


def test_plain_only_here(site, server):
    """127.0.0.1 behind a proxy that stands elsewhere is not this machine."""
    text = refused(site, server, "--proxy", "http://192.0.2.1:3128", status=78)
    assert "does not encrypt, and 192.0.2.1 is not this machine" in text


def test_configuration_file(site, server, target):
    proxy = SocksProxy(site, LOGIN)
    site.write("password", LOGIN[1] + "\n")
    conf = site.write("adit.conf", settings({
        "server": "tcp://127.0.0.1:%d" % server.port, "token_file": server.token_file,
        "proxy": proxy.url, "proxy_user": LOGIN[0], "proxy_password_file": "password",
        "tunnels": [{"name": "a", "target": "127.0.0.1:%d" % target.port}]}))
    agent = site.start("adit", command("adit") + ["run", "-c", conf], kind=Agent)
    carries(site, agent)
    # What the file says of the user is for the file's proxy only.
    other = HttpProxy(site, LOGIN)
    text = refused(site, server, "-c", conf, "--proxy", other.url, status=77)
    assert "wants a user and a password: 407 Proxy Authentication Required" in text


def test_environment(site, server, target):
    name = "tunnel.invalid"
    proxy = HttpProxy(site, LOGIN, {name: ("127.0.0.1", server.port)})
    url = "http://me:s3cret%%20word@127.0.0.1:%d" % proxy.port
    there = ("--server", "tcp://" + name + ":7", "--allow-plain")
    agent = site.agent(server, target.port, *there, env={"HTTPS_PROXY": url}, wait=False)
    agent.wait_for(r"tcp://\S+:\d+ +->")
    agent.wait_for("because HTTPS_PROXY in the environment says so")
    assert LOGIN[1] not in agent.text()
    agent.stop()
    for args, env in ((("--proxy", "none"), {"https_proxy": url}),
                      ((), {"ALL_PROXY": url, "NO_PROXY": "x.org, .invalid"})):
        argv = command("adit") + ["run", "--local", "22", "--token-file", server.token_file,
                                  "--max-attempts", "1", *there, *args]
        p = site.start("adit", argv, env=env)
        assert p.wait(30) == 69, p.text()
        assert "cannot resolve tunnel.invalid" in p.text()
    site.agent(server, target.port, env={"HTTPS_PROXY": "http://127.0.0.1:1"})
    p = site.start("adit", command("adit") + ["run", "--local", "22", "--token-file",
                                              server.token_file, *there],
                   env={"all_proxy": "https://proxy.example:443"})
    assert p.wait(30) == 78
    assert "all_proxy in the environment: a proxy's address begins with" in p.text()


def test_password_in_the_command_line(site, server, target):
    proxy = SocksProxy(site, LOGIN)
    agent = site.agent(server, target.port, "--proxy",
                       "socks5://me:s3cret%%20word@127.0.0.1:%d" % proxy.port)
    agent.wait_for("can read the password in the list of processes")
    carries(site, agent)
    assert LOGIN[1] not in agent.text() and "s3cret" not in agent.text()


# Other people's proxies.

@pytest.mark.parametrize("login", [None, LOGIN], ids=["open", "login"])
def test_squid(site, server, target, login):
    tool("squid")
    squid = Squid(site, (login[0], login[1].replace(" ", "%20")) if login else None)
    args = ("--proxy", squid.url)
    carries(site, site.agent(server, target.port, *args,
                             *(login_args(site, login) if login else ())))
    if login:
        text = refused(site, server, *args, status=77)
        assert "wants a user and a password: 407 Proxy Authentication Required" in text
        text = refused(site, server, *args, *login_args(site, ("me", "wrong")), status=77)
        assert "refuses the user or the password: 407" in text
    nobody = free_port()
    text = refused(site, server, "--server", "tcp://127.0.0.1:%d" % nobody, *args,
                   *(login_args(site, login) if login else ()), status=69)
    assert "refuses to connect to 127.0.0.1:%d: 503 Service Unavailable" % nobody in text


def test_ssh(site, server, target):
    """ssh -D, the SOCKS5 proxy that most people have."""
    sshd = Sshd(site)
    port = free_port()
    argv = sshd.ssh(sshd.port)
    ssh = site.start("ssh", argv[:1] + ["-v", "-N", "-D", "127.0.0.1:%d" % port] + argv[1:])
    ssh.crash_is_fine = True            # SIGTERM is how it ends
    ssh.wait_for("Entering interactive session")
    carries(site, site.agent(server, target.port, "--proxy", "socks5://127.0.0.1:%d" % port))
    text = refused(site, server, "--server", "tcp://127.0.0.1:%d" % free_port(), "--proxy",
                   "socks5://127.0.0.1:%d" % port, status=69)
    assert "refuses to connect to 127.0.0.1:" in text or "without an answer" in text


# Proxies that refuse.

REFUSALS = [
    ("http", b"HTTP/1.1 403 Forbidden\r\n\r\n", 1,
     r"the proxy at 127.0.0.1:PORT refuses to connect to 127.0.0.1:SERVER: 403 Forbidden"),
    ("http", b"HTTP/1.0 407 Who\r\nProxy-Authenticate: NTLM\r\n\r\n", 77,
     r"wants a login by NTLM, and adit knows Basic only: 407 Who"),
    ("http", b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<html>", 69,
     r"refuses to connect to 127.0.0.1:SERVER: 502 Bad Gateway"),
    ("http", b"HTTP/1.1 200 \x1b[2Jx\r\n\r\n", 1, r"sends a byte 0x1b in its head"),
    ("http", b"SSH-2.0-OpenSSH_9.2p1\r\n", 1, r"does not answer as an HTTP proxy does"),
    ("http", b"", 69, r"closes the connection without an answer"),
    ("http", b"HTTP/1.1 200 OK\r\nVia", 69, r"closes the connection without an answer"),
    ("socks5", b"\5\xff", 77, r"wants a login"),
    ("socks5", b"\5\0\5\2\0\1\0\0\0\0\0\0", 1, r"127.0.0.1:SERVER: not allowed by its rules"),
    ("socks5", b"\5\0\5\5\0\1\0\0\0\0\0\0", 69, r"127.0.0.1:SERVER: connection refused"),
    ("socks5", b"\5\0\5\4", 69, r"127.0.0.1:SERVER: host unreachable"),
    ("socks5", b"\4\0", 1, r"does not answer as a SOCKS5 proxy does"),
    ("socks5", b"\5", 69, r"closes the connection without an answer"),
]


@pytest.mark.parametrize("number", range(len(REFUSALS)))
def test_refused(site, server, number):
    scheme, answer, status, text = REFUSALS[number]
    proxy = Script(site, [answer], end=True, scheme=scheme)
    said = refused(site, server, "--proxy", proxy.url, status=status)
    text = text.replace("PORT", str(proxy.port)).replace("SERVER", str(server.port))
    assert text in said, said


def test_nobody_there(site, server):
    port = free_port()
    text = refused(site, server, "--proxy", "http://127.0.0.1:%d" % port, status=69)
    assert "cannot connect to the proxy at 127.0.0.1:%d: Connection refused" % port in text
    text = refused(site, server, "--proxy", "http://proxy.invalid:1", status=69)
    assert "cannot resolve the proxy proxy.invalid: " in text


# Proxies that mean harm: each is given up, in time and with a reason.

HOSTILE = {
    "silence": ([], 0, r"does not answer in time"),
    "half": ([b"HTTP/1.1 200 OK\r\nVia: "], 0, r"does not answer in time"),
    "slow": ([b"HTTP/1.1 200 OK\r\nVia: "] + [b"x"] * 10000, 0.01, r"does not answer in time"),
    "endless": ([b"HTTP/1.1 200 OK\r\n"] + [b"X-Line: %s\r\n" % (b"x" * 1000)] * 10000, 0,
                r"sends a head of more than 16384 bytes"),
    "heads": ([b"HTTP/1.1 100 Continue\r\n\r\n" * 100] * 10000, 0,
              r"sends a head of more than 16384 bytes"),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile(site, server, name):
    pieces, pause, text = HOSTILE[name]
    proxy = Script(site, pieces, pause)
    conf = site.write("adit.conf", settings({"limits": {"handshake_timeout": "400ms"}}))
    said = refused(site, server, "-c", conf, "--proxy", proxy.url, status=1 if "head" in text else 69)
    assert text in said, said


def test_one_byte_at_a_time(site, server, target):
    """Slow is not wrong: within its time it may take one packet for each byte."""

    class Slow(HttpProxy):
        def through(self, conn, host, port, good):
            for byte in good[:-1]:
                conn.sendall(bytes((byte,)))
                threading.Event().wait(0.001)
            super().through(conn, host, port, good[-1:])

    agent = site.agent(server, target.port, "--proxy", Slow(site).url)
    carries(site, agent)
