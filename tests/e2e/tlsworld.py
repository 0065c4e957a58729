# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Certificates, servers and agents over TLS, for test_tls.py.

    w = TlsWorld(site)
    w.mint("server", names="localhost,127.0.0.1", issuer="ca")
    server = w.server("server")
    agent = w.agent(server, {"ca_file": w.pem("ca")}, "localhost")
"""

import os
import select
import socket
import ssl
import subprocess
import threading

from harness import SLOW, Agent, command, free_port, setting

BUILD = os.environ.get("top_builddir") or os.environ.get("ADIT_BUILD_DIR") or "."


class TlsWorld:
    def __init__(self, site):
        self.site = site
        self.pins = {}
        self.mint("ca", "Test CA", purpose="ca")

    def pem(self, name):
        return self.site.path(name + ".pem")

    def key(self, name):
        return self.site.path(name + ".key")

    def mint(self, name, cn="x", names="", first=-1, last=30, purpose="any", issuer=None):
        """NAME.pem and NAME.key; valid from first to last, in days from now. Returns the pin."""
        words = [os.path.join(BUILD, "plugins/transport-tls/adit-mint"), self.site.path(name), cn,
                 names, str(first), str(last), purpose]
        words += [self.site.path(issuer)] if issuer else []
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60 * SLOW)
        self.pins[name] = done.stdout.strip()
        return self.pins[name]

    def server(self, cert="server", tls=None, plugins=None, **options):
        """A server whose agents come over TLS; tls adds options of transport-tls."""
        port = free_port()
        if not os.path.exists(self.pem(cert)):
            self.mint(cert, names="localhost,127.0.0.1,::1", issuer="ca")
        conf = {"listen": "127.0.0.1:%d" % port, "certificate": self.pem(cert),
                "key": self.key(cert)}
        conf.update(tls or {})
        files = {"transport-tcp": None, "transport-tls": conf}
        files.update(plugins or {})
        return self.site.server(port=port, plugins=files, **options)

    def agent(self, server, tls, target, *args, host="localhost", scheme="tls", wait=True,
              token_file=None):
        """adit run for one tunnel to 127.0.0.1:target; server is a Server or a port."""
        port = server if isinstance(server, int) else server.port
        conf = self.site.write("agent%d/adit.conf" % len(self.site.programs),
                               "transport-%s = %s;\n" % (scheme, setting(tls)))
        argv = command("adit") + [
            "run", "-c", conf, "--server", "%s://%s:%d" % (scheme, host, port),
            "--local", "127.0.0.1:%d" % target, "--token-file", token_file or server.token_file]
        p = self.site.start("adit", argv + list(args), Agent)
        if wait:
            p.wait_up()
        return p

    def refused(self, server, tls, host="localhost", token_file=None):
        """What an agent says that tries once and must not get in."""
        a = self.agent(server, tls, 1, "--no-reconnect", host=host, wait=False,
                       token_file=token_file)
        assert a.wait() == 69, a.text()
        return a.wait_for("^stopped: (.*)").group(1)

    def connect(self, port, name="localhost", alpn=("adit/1",), ca="ca", **files):
        """A TLS link by Python's own library."""
        context = ssl.create_default_context(cafile=self.pem(ca))
        context.set_alpn_protocols(list(alpn))
        if files:
            context.load_cert_chain(**files)
        sock = self.site.own(socket.create_connection(("127.0.0.1", port), 10 * SLOW))
        return self.site.own(context.wrap_socket(sock, server_hostname=name))

    def link(self, port):
        """A TLS link as a plain socket, whose other end a thread feeds."""
        ours, theirs = socket.socketpair()
        self.site.own(ours)
        threading.Thread(target=_carry, args=(self.connect(port), theirs), daemon=True).start()
        return ours

    def through(self, argv):
        """A socket whose other end is the stdin and stdout of a program."""
        ours, theirs = socket.socketpair()
        self.site.own(ours)
        p = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
                             start_new_session=True)
        theirs.close()
        self.site.own(Child(p))
        return ours


def _take(sock, n=65536):
    """What is there; None: nothing yet; b"": the end, however it came."""
    try:
        return sock.recv(n)
    except (ssl.SSLWantReadError, BlockingIOError):
        return None
    except OSError:
        return b""


def _carry(tls, plain):
    """Between a TLS link and a socket until one of them ends; then both do."""
    tls.setblocking(False)
    plain.setblocking(False)
    ends = {tls: plain, plain: tls}
    with tls, plain:
        while True:
            try:
                ready = select.select(list(ends), [], [])[0]
            except (OSError, ValueError):       # the site is over
                return
            for from_ in ready:
                while (got := _take(from_)) is not None:
                    to = ends[from_]
                    to.setblocking(True)
                    try:
                        to.sendall(got)
                    except OSError:
                        return
                    to.setblocking(False)
                    if not got:
                        return


class Child:
    """A program of somebody else's, ended with the site."""

    def __init__(self, proc):
        self.proc = proc

    def close(self):
        self.proc.kill()
        self.proc.communicate()
