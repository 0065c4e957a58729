# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Many agents lose their server at the same moment, and come back one after the other.

The agents are real ones, hundreds in a process (tests/herd). How they spread their attempts is
computed in tests/unit/test-backoff; here is whether all of them have been told what they need for it,
and come back. 200 of them; 2,000 with ADIT_FULL=1, when the attempts of each second are counted as
well."""

import os
import resource
import signal

import pytest

from harness import need, settings, until
from relay import BUILD

HERD = os.path.join(BUILD, "tests", "herd", "adit-herd")
FULL = os.environ.get("ADIT_FULL") == "1"
N, EACH, SPREAD = (2000, 500, 10240) if FULL else (200, 200, 1280)
MANY = 3 * N + 1000
LIMITS = {"sessions_per_account": MANY, "tunnels_per_account": MANY, "unauthenticated": MANY,
          "unauthenticated_per_source": MANY}

pytestmark = need("aditd", "adit")


@pytest.fixture(autouse=True)
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 8 * EACH + 1000:
        pytest.skip("RLIMIT_NOFILE is %d" % hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def own_address():
    """Where public ports are that nobody else looks for."""
    return "127.%d.%d.1" % (100 + os.getpid() // 250 % 100, 1 + os.getpid() % 250)


class Herds:
    """N agents in processes of EACH."""

    def __init__(self, site, server):
        if not os.access(HERD, os.X_OK):
            pytest.skip("tests/herd/adit-herd is not built")
        conf = {"server": "tcp://127.0.0.1:%d" % server.port, "token_file": server.token_file,
                "name": "a", "workers": 1, "tunnels": ({"name": "t", "target": "1"},)}
        if os.environ.get("plugin_dir"):
            conf["plugin_dir"] = os.environ["plugin_dir"]
        path = site.write("herd.conf", settings(conf))
        # Each agent has its worker's buffers: filling them with a pattern would be all it does.
        self.all = [site.start("herd", [HERD, path, str(first), str(EACH)],
                               env={"MALLOC_PERTURB_": "0"}) for first in range(0, N, EACH)]

    def mark(self):
        return [h.mark() for h in self.all]

    def wait_up(self, after, timeout=60):
        for h, mark in zip(self.all, after):
            h.wait_for(r"^up %d$" % EACH, timeout, mark)

    def times(self, what, after):
        """The last number of every line that begins with what, since the marks."""
        found = []
        for h, mark in zip(self.all, after):
            with h.changed:
                found += [int(line.split()[-1]) for _, line in h.lines[mark:]
                          if line.startswith(what + " ")]
        return sorted(found)

    def retries(self, after):
        """How long each waits after the first loss since the marks: in any order."""
        found = []
        for h, mark in zip(self.all, after):
            with h.changed:
                found += [int(line.split()[1]) for _, line in h.lines[mark:]
                          if line.startswith("lost ")][:EACH]
        return found

    def told(self):
        """How many know what the server wants for all of them."""
        return sum(h.text("err").count("come back within %d ms" % SPREAD) for h in self.all)


def per_second(times):
    """How many in each second since the first, as far as the last."""
    counts = [0] * ((times[-1] - times[0]) // 1000 + 1)
    for t in times:
        counts[(t - times[0]) // 1000] += 1
    return counts


def even(times):
    counts = per_second(times)
    mean = len(times) / len(counts)
    print("%d attempts in %d s, at most %d in one: %.2f of the mean" % (
        len(times), len(counts), max(counts), max(counts) / mean))
    return max(counts) <= 2 * mean


def go_and_return(site, server, herds, how):
    """The server ends and is started again; returns the times of all attempts."""
    before = herds.mark()
    server.crash_is_fine = True
    server.signal(how)
    server.wait(30)
    again = site.restart_server("server", server.conf, server.port, server.ports, server.tokens)
    herds.wait_up(before)
    tries = herds.times("try", before)
    took = herds.times("in", before)[-1] - herds.times("lost", before)[0]
    print("all %d are back after %d ms" % (N, took))
    return again, before, tries, took


def herd_world(site):
    address = own_address()
    server = site.server(limits=LIMITS, conf={"workers": 2},
                         plugins={"route-port": {"bind": address,
                                                 "range": "10000-%d" % (10000 + 2 * N)}})
    herds = Herds(site, server)
    herds.wait_up([0] * len(herds.all), 120)
    until(lambda: herds.told() >= N, "all are told how far apart they are to come back", 60)
    return server, herds


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_all_come_back_one_after_the_other(site, how):
    server, herds = herd_world(site)
    for turn in range(3):
        told = herds.told()
        server, before, tries, took = go_and_return(site, server, herds, how)
        waits = herds.retries(before)
        assert len(waits) == N
        least = 100 if how == signal.SIGKILL else 1100      # GOAWAY asks for a second more
        assert least <= min(waits) and max(waits) < least + SPREAD
        # A quarter of the time gets a quarter of them; more than half by chance is out of the question.
        for i in range(4):
            part = sum(least + i * SPREAD // 4 <= w < least + (i + 1) * SPREAD // 4 for w in waits)
            assert N // 20 < part < N // 2, sorted(waits)
        if not FULL:
            return
        assert took < 30000
        if even(tries):
            return
        # This machine may have slept at the wrong moment, so it has another chance.
        print("not even: turn %d" % turn)
        until(lambda n=told: herds.told() >= n + N, "the new server has told them, too", 60)
    raise AssertionError("three times some second had more than twice the mean")
