# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Proxies for agents: an HTTP and a SOCKS5 one that can be watched, one that says what a test wants,
and squid."""

import base64
import os
import pwd
import shutil
import socket
import struct
import tempfile
import threading

import pytest

from harness import free_port, read_exactly, until
from tools import tool


def pump(a, b):
    """From a to b until a ends; both ways is two threads."""
    try:
        while True:
            got = a.recv(1 << 16)
            if not got:
                break
            b.sendall(got)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Door:
    """A listening socket; each connection goes to talk() on a thread of its own."""

    def __init__(self, site):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.conns = []
        self.asked = []                 # (host, port) of each request that was let through
        self.changed = threading.Condition()
        site.own(self)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                conn = self.listener.accept()[0]
            except OSError:
                return
            with self.changed:
                self.conns.append(conn)
                self.changed.notify_all()
            threading.Thread(target=self._talk, args=(conn,), daemon=True).start()

    def _talk(self, conn):
        try:
            self.talk(conn)
        except (OSError, EOFError):
            pass

    def wait(self, n, timeout=20):
        """Until n connections have come."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.conns) >= n, timeout), len(self.conns)

    def through(self, conn, host, port, good):
        """Connects to where the names say, sends good and passes everything on."""
        with self.changed:
            self.asked.append((host, port))
        far = socket.create_connection(self.names.get(host, (host, port)))
        with self.changed:
            self.conns.append(far)
        conn.sendall(good)
        threading.Thread(target=pump, args=(far, conn), daemon=True).start()
        pump(conn, far)

    def cut(self):
        """All connections that there are end."""
        with self.changed:
            for conn in self.conns:
                try:
                    conn.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.listener.close()
        self.cut()
        for conn in self.conns:
            conn.close()


class HttpProxy(Door):
    """CONNECT, with basic authentication if login is (user, password)."""

    def __init__(self, site, login=None, names=None):
        self.login, self.names = login, names or {}
        super().__init__(site)

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def talk(self, conn):
        head = b""
        while b"\r\n\r\n" not in head:
            got = conn.recv(1)
            if not got:
                raise EOFError
            head += got
        lines = head.decode("latin-1").split("\r\n")
        method, where, version = lines[0].split(" ")
        assert (method, version) == ("CONNECT", "HTTP/1.1"), lines[0]
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        assert fields["Host"] == where
        if self.login:
            want = base64.b64encode(("%s:%s" % self.login).encode()).decode()
            if fields.get("Proxy-Authorization") != "Basic " + want:
                conn.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                             b"Proxy-Authenticate: Basic realm=\"test\"\r\n"
                             b"Content-Length: 0\r\n\r\n")
                return
        host, port = where.rsplit(":", 1)
        self.through(conn, host.strip("[]"), int(port), b"HTTP/1.1 200 Fine\r\nVia: test\r\n\r\n")


class SocksProxy(Door):
    """SOCKS5 (RFC 1928), with user and password (RFC 1929) if login is one."""

    def __init__(self, site, login=None, names=None):
        self.login, self.names = login, names or {}
        self.kinds = []                 # address types that were asked for
        super().__init__(site)

    @property
    def url(self):
        return "socks5://127.0.0.1:%d" % self.port

    def log_in(self, conn):
        version, n = read_exactly(conn, 2)
        assert version == 5
        methods = read_exactly(conn, n)
        method = 2 if self.login else 0
        if method not in methods:
            conn.sendall(b"\5\xff")
            return False
        conn.sendall(bytes((5, method)))
        if not self.login:
            return True
        version, n = read_exactly(conn, 2)
        assert version == 1
        user = read_exactly(conn, n).decode()
        password = read_exactly(conn, read_exactly(conn, 1)[0]).decode()
        good = (user, password) == self.login
        conn.sendall(b"\1\0" if good else b"\1\1")
        return good

    def talk(self, conn):
        if not self.log_in(conn):
            return
        version, command, reserved, kind = read_exactly(conn, 4)
        assert (version, command, reserved) == (5, 1, 0)
        if kind == 3:
            host = read_exactly(conn, read_exactly(conn, 1)[0]).decode()
        else:
            family = socket.AF_INET if kind == 1 else socket.AF_INET6
            host = socket.inet_ntop(family, read_exactly(conn, 4 if kind == 1 else 16))
        port = struct.unpack("!H", read_exactly(conn, 2))[0]
        self.kinds.append(kind)
        self.through(conn, host, port, b"\5\0\0\1\0\0\0\0\0\0")


class Script(Door):
    """Says pieces, one after the other with a pause, and then ends or is silent."""

    def __init__(self, site, pieces, pause=0.0, end=False, scheme="http"):
        self.pieces, self.pause, self.end = pieces, pause, end
        self.url_scheme = scheme
        super().__init__(site)

    @property
    def url(self):
        return "%s://127.0.0.1:%d" % (self.url_scheme, self.port)

    def talk(self, conn):
        conn.recv(4096)
        for piece in self.pieces:
            conn.sendall(piece)
            threading.Event().wait(self.pause)
        if self.end:
            conn.close()
        else:
            while conn.recv(4096):
                pass


class Squid:
    """A private squid that lets everything through, or only who logs in."""

    def __init__(self, site, login=None):
        self.port = free_port()
        # It gives up its rights and so cannot look into the site's folder.
        self.folder = tempfile.mkdtemp(prefix="adit-squid-")
        site.own(self)
        os.chmod(self.folder, 0o755)
        lines = ["http_port 127.0.0.1:%d" % self.port, "visible_hostname localhost",
                 "pid_filename none", "cache_log %s/log" % self.folder, "access_log none",
                 "cache_store_log none", "cache deny all", "cache_mem 8 MB",
                 "netdb_filename none", "coredump_dir none", "pinger_enable off",
                 "shutdown_lifetime 0 seconds", "max_filedescriptors 1024"]
        if login:
            helper = os.path.join(self.folder, "helper")
            with open(helper, "w", encoding="ascii") as f:
                f.write('while read -r line; do if [ "$line" = "%s %s" ]; then echo OK; '
                        "else echo ERR; fi; done\n" % login)
            lines += ["auth_param basic program /bin/sh " + helper,
                      "auth_param basic children 1 startup=1 idle=1",
                      "acl known proxy_auth REQUIRED", "http_access allow known",
                      "http_access deny all"]
        else:
            lines += ["http_access allow all"]
        conf = os.path.join(self.folder, "squid.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write("".join(line + "\n" for line in lines))
        if os.getuid() == 0:
            user = pwd.getpwnam("proxy")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self.program = site.start("squid", [tool("squid"), "-N", "-f", conf])
        until(lambda: self._listens() or self.program.proc.poll() is not None,
              lambda: "squid does not listen\n" + self.said(), 30)
        if "shm_open" in self.said():
            pytest.skip("squid may not have shared memory here (/dev/shm)")
        assert self.program.proc.poll() is None, self.said()

    def _listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def said(self):
        path = os.path.join(self.folder, "log")
        if not os.path.exists(path):
            return self.program.text()
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def close(self):
        self.program.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
