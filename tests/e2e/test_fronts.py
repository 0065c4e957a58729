# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The server behind nginx and haproxy, with exactly the configurations of adit-transport-ws(5): they
are read out of the page, and only ports and paths of files are others. And a proxy on the way."""

import hashlib
import http.client
import os
import re
import socket
import ssl
import threading

import pytest

from harness import SLOW, Agent, command, free_port, need, read_to_end, settings, until
from proxies import Squid
from slowpokes import REQUEST
from tools import mint, tool

pytestmark = need("aditd", "adit")

NAME = "tunnel.example.net"
SIZE = 3000000


def sample(section, number=0):
    """A literal block of a section of the manual page."""
    path = os.path.join(os.environ["top_srcdir"], "plugins", "transport-ws",
                        "adit-transport-ws.5")
    with open(path, encoding="ascii") as f:
        page = f.read()
    text = page.split("\n.Sh %s\n" % section, 1)[1].split("\n.Sh ", 1)[0]
    block = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", text, re.M | re.S)[number]
    block = block.replace("\\e", "\\").replace("\\&", "")
    assert not re.search(r"\\[(*\[]", block), block
    return block


def fitted(text, changes):
    """With other ports and files; each must stand there once, or the page has drifted from this."""
    for old, new in changes.items():
        assert text.count(old) == 1, "%r stands %d times in\n%s" % (old, text.count(old), text)
        text = text.replace(old, new)
    return text


class Front:
    """A server with bare WebSocket on .ws and TLS with WebSocket inside on .tls, and a certificate
    for whoever stands in front."""

    def __init__(self, site):
        self.site = site
        self.ws, self.tls = free_port(), free_port()
        self.cert, self.key, _ = mint(site, "front", NAME + ",localhost")
        both = "127.0.0.1:%d" % self.tls
        self.server = site.server(plugins={
            "transport-tls": {"listen": both, "certificate": self.cert, "key": self.key},
            "transport-ws": {"listen": ["127.0.0.1:%d" % self.ws, both],
                             "trusted_proxies": ["127.0.0.1"]}})

    def wait(self, port, program):
        def listens():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        until(listens, lambda: "nobody listens\n" + program.text(), 30)

    def agent(self, url, target, *args):
        conf = {"server": url, "transport-tls": {"ca_file": self.cert}}
        if url.startswith("ws"):
            conf["transport-ws"] = {}
        path = self.site.write("adit.conf", settings(conf))
        p = self.site.start("adit", command("adit") + [
            "run", "-c", path, "--token-file", self.server.token_file, "--local",
            "127.0.0.1:%d" % target.port, *args], Agent)
        p.wait_for(r"tcp://\S+:\d+ +->")
        return p

    def carries(self, agent, target):
        """Bytes at once in both directions, with their ends."""
        up, down = os.urandom(SIZE), os.urandom(SIZE)
        public = agent.wait_up()[0][1]
        client = self.site.connect(public, timeout=30)
        far = target.accept()
        far.settimeout(30)
        got = {}

        def end(sock, out, name):
            writer = threading.Thread(target=lambda: (sock.sendall(out), sock.shutdown(1)))
            writer.start()
            got[name] = hashlib.sha256(read_to_end(sock)).digest()
            writer.join()

        other = threading.Thread(target=end, args=(far, down, "up"))
        other.start()
        end(client, up, "down")
        other.join()
        assert got == {"up": hashlib.sha256(up).digest(), "down": hashlib.sha256(down).digest()}

    def get(self, port, path):
        """The status that a visitor without WebSocket gets."""
        context = ssl.create_default_context(cafile=self.cert)
        c = http.client.HTTPSConnection("localhost", port, timeout=20, context=context)
        c.request("GET", path, headers={"Host": NAME})
        status = c.getresponse().status
        c.close()
        return status


    def knows_address(self, port):
        """The server hears from the front who came: somebody who talks nonsense."""
        context = ssl.create_default_context(cafile=self.cert)
        raw = self.site.own(socket.create_connection(("127.0.0.1", port), 20 * SLOW,
                                                     source_address=("127.0.0.9", 0)))
        sock = self.site.own(context.wrap_socket(raw, server_hostname="localhost"))
        sock.sendall(REQUEST)
        got = b""
        while b"\r\n\r\n" not in got:
            more = sock.recv(1000)
            assert more, got
            got += more
        assert got.startswith(b"HTTP/1.1 101 "), got
        sock.sendall(bytes((0x82, 0x88)) + bytes(4) + b"nonsense")
        self.server.wait_for(r"link from 127\.0\.0\.9\b.* closed: ")


@pytest.fixture
def front(site):
    return Front(site)


def test_nginx(site, front):
    port = free_port()
    conf = fitted(sample("BEHIND NGINX"), {
        "listen 443 ssl;": "listen 127.0.0.1:%d ssl;" % port,
        "/etc/ssl/tunnel.crt": front.cert, "/etc/ssl/tunnel.key": front.key,
        "http://127.0.0.1:9001;": "http://127.0.0.1:%d;" % front.ws})
    temp = "".join("\t%s_temp_path %s;\n" % (what, site.path("nginx-" + what))
                   for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if os.getuid() == 0 else ""
    path = site.write("nginx.conf", "%sdaemon off;\npid %s;\nerror_log stderr;\nevents { }\n"
                      "http {\n\taccess_log off;\n%s%s}\n" % (user, site.path("nginx.pid"), temp,
                                                        conf))
    nginx = site.start("nginx", [tool("nginx"), "-c", path, "-e", "stderr"])
    front.wait(port, nginx)
    target = site.listener()
    agent = front.agent("wss://localhost:%d/adit" % port, target)
    front.carries(agent, target)
    assert front.get(port, "/elsewhere") == 404
    assert front.get(port, "/adit") == 426
    front.knows_address(port)


def haproxy(site, front, conf, port):
    path = site.write("haproxy.cfg", "global\n\tmaxconn 200\n" + conf)
    program = site.start("haproxy", [tool("haproxy"), "-db", "-f", path])
    program.crash_is_fine = True        # it says 143 to SIGTERM
    front.wait(port, program)
    return program


def test_haproxy(site, front):
    port = free_port()
    with open(front.cert, encoding="ascii") as c, open(front.key, encoding="ascii") as k:
        pem = site.write("tunnel.pem", c.read() + k.read())
    haproxy(site, front, fitted(sample("BEHIND HAPROXY"), {
        "bind :443 ": "bind 127.0.0.1:%d " % port, "/etc/haproxy/tunnel.pem": pem,
        "127.0.0.1:9001": "127.0.0.1:%d" % front.ws}), port)
    target = site.listener()
    agent = front.agent("wss://localhost:%d/adit" % port, target)
    front.carries(agent, target)
    assert front.get(port, "/") == 404
    assert front.get(port, "/adit") == 426
    front.knows_address(port)


@pytest.mark.parametrize("scheme", ["tls", "wss"])
def test_haproxy_passes_tls_on(site, front, scheme):
    """TLS ends at the server itself, with its own certificate."""
    port = free_port()
    haproxy(site, front, "defaults\n\ttimeout client 1m\n" + fitted(sample("BEHIND HAPROXY", 1), {
        "bind :443": "bind 127.0.0.1:%d" % port,
        "127.0.0.1:7835": "127.0.0.1:%d" % front.tls}), port)
    target = site.listener()
    agent = front.agent("%s://localhost:%d" % (scheme, port), target)
    front.carries(agent, target)


@pytest.mark.parametrize("login", [None, ("me", "secret")], ids=["open", "login"])
def test_squid_before_wss(site, front, login):
    tool("squid")
    squid = Squid(site, login)
    target = site.listener()
    url = "http://%s127.0.0.1:%d" % ("me:secret@" if login else "", squid.port)
    agent = front.agent("wss://localhost:%d/adit" % front.tls, target, "--proxy", url)
    front.carries(agent, target)
