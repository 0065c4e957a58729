# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""A private sshd, its client, and a terminal to type into."""

import fcntl
import os
import pwd
import shutil
import struct
import subprocess
import termios
import threading

import pytest

from harness import free_port
from tools import run, tool


class Sshd:
    """A private sshd and what a client needs to log in as the user who runs the tests."""

    def __init__(self, site, prefix=()):
        keygen, sshd = tool("ssh-keygen"), tool("sshd")
        if os.path.basename(pwd.getpwuid(os.getuid()).pw_shell) in ("nologin", "false"):
            pytest.skip("this user may not log in")
        self.site = site
        self.port = free_port()
        for name in ("host", "user"):
            run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", site.path(name)])
        shutil.copy(site.path("user.pub"), site.path("authorized"))
        if os.getuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        conf = site.write("sshd_config", "".join(line + "\n" for line in (
            "ListenAddress 127.0.0.1", "Port %d" % self.port, "HostKey " + site.path("host"),
            "AuthorizedKeysFile " + site.path("authorized"), "PidFile none", "UsePAM no",
            "StrictModes no", "PasswordAuthentication no", "PermitRootLogin yes",
            "KbdInteractiveAuthentication no", "Subsystem sftp internal-sftp")))
        site.start("sshd", [*prefix, sshd, "-D", "-e", "-f", conf]).wait_for("listening on")

    def options(self, public):
        with open(self.site.path("host.pub"), encoding="ascii") as f:
            key = " ".join(f.read().split()[:2])
        known = self.site.write("known_hosts", "[127.0.0.1]:%d %s\n" % (public, key))
        return ["-F", "/dev/null", "-i", self.site.path("user"), "-o", "BatchMode=yes",
                "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes",
                "-o", "UserKnownHostsFile=" + known]

    def ssh(self, public, *args):
        user = pwd.getpwuid(os.getuid()).pw_name
        return [tool("ssh"), *self.options(public), "-p", str(public), user + "@127.0.0.1", *args]


class Terminal:
    """A program on a terminal of its own, as a person would use it."""

    def __init__(self, argv, timeout=60):
        self.master, slave = os.openpty()
        self.proc = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env=dict(os.environ, TERM="xterm"),
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.seen = b""
        self.alarm = threading.Timer(timeout, self.proc.kill)    # ends a read that waits for ever
        self.alarm.start()

    def type(self, text):
        os.write(self.master, text)

    def expect(self, text):
        """Reads until text has come; forgets what was before it."""
        while text not in self.seen:
            try:
                got = os.read(self.master, 4096)
            except OSError as e:        # EIO: the program is gone
                raise AssertionError("no %r in %r" % (text, self.seen)) from e
            self.seen += got
        self.seen = self.seen[self.seen.index(text) + len(text):]

    def size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close(self):
        self.alarm.cancel()
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        os.close(self.master)
