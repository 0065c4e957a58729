# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Visitors of a tunnel whose target echoes, each timed: for benches that ask what others notice."""

import statistics
import sys
import threading
import time


class Visitors(threading.Thread):
    """Comes and goes 50 times in a second at most: a new connection, 16 bytes there and back, the end.
    .times holds how long each took, in ms."""

    def __init__(self, site, public):
        super().__init__(daemon=True)
        self.site, self.public = site, public
        self.times, self.wrong = [], None
        self.over = threading.Event()
        self.start()

    def run(self):
        try:
            while not self.over.wait(0.02):
                began = time.monotonic()
                with self.site.connect(self.public) as sock:
                    sock.sendall(b"0123456789abcdef")
                    got = b""
                    while len(got) < 16:
                        more = sock.recv(16)
                        if not more:
                            raise EOFError("a visitor was cut off")
                        got += more
                self.site.owned.pop()   # closed
                self.times.append((time.monotonic() - began) * 1000)
        except Exception as e:          # pylint: disable=broad-except
            self.wrong = e

    def stop(self):
        self.over.set()
        self.join()
        if self.wrong:
            sys.exit("%s: %r" % (sys.argv[0], self.wrong))
        return self.times


def percentiles(times):
    cuts = statistics.quantiles(times, n=100)
    return cuts[49], cuts[98]


def quiet(site, public, seconds):
    visitors = Visitors(site, public)
    time.sleep(seconds)
    return percentiles(visitors.stop())
