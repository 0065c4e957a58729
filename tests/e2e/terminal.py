# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""A program at a terminal of its own, where it asks a person.

    t = Terminal(site, "adit", argv)
    t.wait_for("Password of alice: ")
    t.type("secret")                # after echo is off
"""

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time

from harness import BAD_LINE, SANITIZER_EXIT, SLOW


class Terminal:
    """stdin, stdout and stderr are one terminal, the controlling one of the program's session."""

    def __init__(self, site, argv, env=None):
        self.ours, theirs = pty.openpty()
        self.before = termios.tcgetattr(theirs)
        self.seen = ""

        def lead():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.proc = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs,
                                     env=dict(site.env, **(env or {})), preexec_fn=lead)
        self.theirs = theirs            # keeps the terminal when the program has ended
        site.own(self)

    def _read(self, end, what):
        left = end - time.monotonic()
        if left <= 0 or not select.select([self.ours], [], [], left)[0]:
            raise TimeoutError("%s does not come; so far:\n%s" % (what, self.seen))
        self.seen += os.read(self.ours, 65536).decode("utf-8", "replace")

    def wait_for(self, text, timeout=20.0):
        """Until text is there, which is taken away with all before it; returns that."""
        end = time.monotonic() + timeout * SLOW
        while text not in self.seen:
            self._read(end, repr(text))
        before, self.seen = self.seen.split(text, 1)
        return before + text

    def echoes(self):
        return bool(termios.tcgetattr(self.theirs)[3] & termios.ECHO)

    def is_as_before(self):
        return termios.tcgetattr(self.theirs) == self.before

    def type(self, text):
        os.write(self.ours, text.encode() + b"\n")

    def wait(self, timeout=20.0):
        """Waits for the end; returns the status. What was written is in .seen."""
        end = time.monotonic() + timeout * SLOW
        while self.proc.poll() is None:
            if time.monotonic() > end:
                raise TimeoutError("it does not end; so far:\n" + self.seen)
            self._drain(0.05)
        self._drain(0)
        return self.proc.returncode

    def _drain(self, seconds):
        while select.select([self.ours], [], [], seconds)[0]:
            self.seen += os.read(self.ours, 65536).decode("utf-8", "replace")

    def close(self):
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.wait()
            finally:
                self.proc.kill()
        os.close(self.ours)
        os.close(self.theirs)
        assert not BAD_LINE.search(self.seen), self.seen
        assert self.proc.returncode not in SANITIZER_EXIT, self.seen
