# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""adit-relay in a test: a link with delay, rate and faults between two ports of 127.0.0.1.

    relay = Relay(site, server.port, "--delay", "25")
    agent = site.agent(relay.port, target.port, token_file=server.token_file)
    relay.tell("freeze")
"""

import json
import os
import select
import subprocess

import pytest

from harness import SLOW

BUILD = os.environ.get("ADIT_BUILD_DIR") or os.environ.get("top_builddir") or ""
RELAY = os.path.join(BUILD, "tests", "relay", "adit-relay")


class Relay:
    """Runs until the site ends; port is where to connect."""

    def __init__(self, site, to, *options):
        if not os.access(RELAY, os.X_OK):
            pytest.skip("tests/relay/adit-relay is not built")
        self.proc = subprocess.Popen([RELAY, "--to", str(to), *options], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)
        site.own(self)
        self.port = int(self._line().split()[1])

    def _line(self):
        assert select.select([self.proc.stdout], [], [], 10 * SLOW)[0], "the relay says nothing"
        return self.proc.stdout.readline()

    def _ask(self, line):
        self.proc.stdin.write(line + "\n")
        self.proc.stdin.flush()
        return self._line()

    def tell(self, line):
        """A command of relay.h; it has been obeyed when this returns."""
        said = self._ask(line)
        assert said == "ok\n", "%s: %r" % (line, said)

    def stat(self):
        return json.loads(self._ask("stat"))

    def close(self):
        self.proc.stdin.close()
        status = self.proc.wait(10 * SLOW)
        self.proc.stdout.close()
        assert status == 0, "adit-relay ended with status %d" % status
