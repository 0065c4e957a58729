# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""No silent truncation: streams of every size and every kind of ending through a real tunnel.

tests/integrity/integrity plays the clients and the target and judges; these tests put aditd and adit
between them. ADIT_FULL=1 runs 2,000 streams of up to 64 MiB, ADIT_TEST_SEED repeats a run.
"""

import os
import subprocess

import pytest

from harness import SLOW, free_port, need, until
from procfs import descriptors

pytestmark = need("aditd", "adit")

PROGRAM = os.path.join(os.environ.get("top_builddir", os.environ.get("ADIT_BUILD_DIR", ".")),
                       "tests", "integrity", "integrity")
FULL = os.environ.get("ADIT_FULL") == "1"


def integrity(target, public, streams, size, parallel, timeout):
    """Runs the program through a tunnel; fails with what it said."""
    seed = os.environ.get("ADIT_TEST_SEED")
    argv = [PROGRAM, "--listen", "127.0.0.1:%d" % target, "--connect", "%s:%d" % public,
            "--streams", str(streams), "--max-size", size, "--parallel", str(parallel),
            "--stall", str(int(30 * SLOW))]
    done = subprocess.run(argv + (["--seed", seed] if seed else []), capture_output=True,
                          text=True, timeout=timeout * SLOW, check=False)
    print(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr


def run_through(site, streams, size, parallel, timeout, agent_options=None, **options):
    server = site.server(**options)
    target = free_port()
    agent = site.agent(server, target, **(agent_options or {}))
    before = descriptors(server), descriptors(agent)
    integrity(target, agent.public, streams, size, parallel, timeout)
    until(lambda: (descriptors(server), descriptors(agent)) == before,
          "descriptors do not come back", timeout=40)


@pytest.mark.parametrize("workers", [1, 4])
def test_every_size_and_ending(site, workers):
    if FULL:
        run_through(site, 2000, "64MiB", 16, 1800, conf={"workers": workers})
    else:
        run_through(site, 300, "4MiB", 16, 120, conf={"workers": workers})


@pytest.mark.parametrize("workers", [1, 4])
def test_both_ways_of_moving_at_random(site, workers):
    """Each piece of payload, however short, is copied or moved inside the kernel by the throw of a dice."""
    dice = {"ADIT_TEST_DICE": "1"}
    streams, size, timeout = (2000, "64MiB", 1800) if FULL else (300, "4MiB", 240)
    run_through(site, streams, size, 16, timeout, conf={"workers": workers}, env=dice,
                limits={"resume_for": "0s"}, agent_options={"env": dice})


def test_copying_alone(site):
    run_through(site, 200, "4MiB", 16, 120, conf={"splice": False},
                agent_options={"env": {"ADIT_TEST_DICE": "1"}})


@pytest.mark.parametrize("parallel", [1, 64])
def test_one_at_a_time_and_many_at_once(site, parallel):
    run_through(site, 200, "256KiB", parallel, 120)


def test_narrow_windows(site):
    """Credit runs out all the time, of streams and of the session."""
    run_through(site, 200, "1MiB", 32, 120, limits={
        "stream_window": "16KiB", "stream_window_max": "16KiB", "session_window": "64KiB",
        "max_frame": "16KiB"})
