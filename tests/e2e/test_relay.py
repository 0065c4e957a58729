# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The relay that other tests and the bench believe: order, content, delay, rate, faults, memory."""

import hashlib
import random
import threading
import time

import pytest

from harness import (SLOW, ended_by_reset, need, read_exactly, read_to_end, reset, until)
from procfs import MIB
from relay import Relay

DELAY = 0.08


def joined(site, *options):
    """(relay, who has connected, the other end)."""
    target = site.listener()
    relay = Relay(site, target.port, *options)
    return relay, site.connect(relay.port), target.accept()


def both_ways(one, other, data):
    """Sends data from one to the other and back, in odd pieces, and ends each way; true if it came."""
    pieces = random.Random(7)

    def send(sock):
        at = 0
        while at < len(data):
            n = pieces.randrange(1, 100000)
            sock.sendall(data[at:at + n])
            at += n
        sock.shutdown(1)

    threads = [threading.Thread(target=send, args=(s,)) for s in (one, other)]
    for t in threads:
        t.start()
    got = []
    reader = threading.Thread(target=lambda: got.append(read_to_end(one)))
    reader.start()
    got.append(read_to_end(other))
    for t in threads + [reader]:
        t.join()
    return [hashlib.sha256(g).digest() for g in got] == [hashlib.sha256(data).digest()] * 2


@pytest.mark.parametrize("options", [(), ("--delay", "30"), ("--up", "1", "--down", "20"),
                                     ("--delay", "5", "--buffer", "65536"),
                                     ("--delay", "3", "--rate", "200000000")])
def test_everything_arrives_in_order(site, options):
    _, one, other = joined(site, *options)
    assert both_ways(one, other, random.Random(3).randbytes(5 * MIB + 77))


def test_nothing_comes_early(site):
    """Neither bytes nor the end of file, and each direction has its own delay."""
    _, one, other = joined(site, "--up", str(DELAY * 1000), "--down", "10")
    for sender, receiver, least in ((one, other, DELAY), (other, one, 0.01)):
        start = time.monotonic()
        sender.sendall(b"x")
        assert read_exactly(receiver, 1) == b"x"
        assert time.monotonic() - start >= least
    start = time.monotonic()
    one.shutdown(1)
    assert other.recv(1) == b""
    assert time.monotonic() - start >= DELAY
    other.sendall(b"still open")                            # only one direction has ended
    assert read_exactly(one, 10) == b"still open"


def test_many_are_on_their_way_at_once(site):
    """A delay is not a rate: what is sent in a row arrives in a row."""
    _, one, other = joined(site, "--delay", str(DELAY * 1000))
    start = time.monotonic()
    for i in range(100):
        one.sendall(bytes([i]))
    assert read_exactly(other, 100) == bytes(range(100))
    assert DELAY <= time.monotonic() - start < 50 * DELAY * SLOW


def test_a_shorter_delay_overtakes_nothing(site):
    relay, one, other = joined(site, "--delay", str(DELAY * 1000))
    one.sendall(b"first ")
    until(lambda: relay.stat()["held"][0] == 6, "the relay has it")
    relay.tell("delay 0 0")
    one.sendall(b"second")
    assert read_exactly(other, 12) == b"first second"


def test_a_rate_is_kept(site):
    """4 MiB at 80 Mbit/s; the first bytes do not wait for the last."""
    _, one, other = joined(site, "--rate", "80000000")
    sender = threading.Thread(target=one.sendall, args=(bytes(4 * MIB),))
    start = time.monotonic()
    sender.start()
    read_exactly(other, 65536)
    assert time.monotonic() - start < 0.3 * SLOW
    read_exactly(other, 4 * MIB - 65536)
    assert time.monotonic() - start >= 4 * MIB * 8 / 80e6
    sender.join()


def test_what_is_held_is_bounded(site):
    """The sender waits when nobody reads at the other end."""
    relay, one, _ = joined(site, "--delay", "1", "--buffer", str(MIB))
    one.setblocking(False)

    def stuffed():
        try:
            one.send(bytes(MIB))
        except BlockingIOError:
            return relay.stat()["held"][0] == MIB
        return False

    until(stuffed, "the relay's buffer is full", 30)
    assert relay.stat()["most"] == [MIB, 0]


def test_a_reset_is_passed_on_behind_the_bytes(site):
    _, one, other = joined(site, "--delay", "20")
    one.sendall(b"last words")
    reset(one)
    assert read_exactly(other, 10) == b"last words"
    assert ended_by_reset(other)


def test_commands(site):
    target = site.listener()
    relay = Relay(site, target.port)
    for how, is_reset in (("close", False), ("reset", True)):
        one, other = site.connect(relay.port), target.accept()
        one.sendall(b"x")
        assert read_exactly(other, 1) == b"x"
        relay.tell(how)
        assert ended_by_reset(one) == is_reset
        assert ended_by_reset(other) == is_reset
    assert relay.stat() == {"open": 0, "ever": 2, "bytes": [2, 0], "held": [0, 0], "most": [1, 0]}
    assert relay._ask("nonsense") == "unknown\n"


def test_frozen_links_are_silent_and_alive(site):
    relay, one, other = joined(site, "--delay", "1")
    relay.tell("freeze")
    one.sendall(b"x")
    other.shutdown(1)
    late = site.connect(relay.port)                         # the kernel takes it
    late.sendall(b"y")
    for sock in (one, other):
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(10 * SLOW)
    assert relay.stat()["bytes"] == [0, 0] and relay.stat()["ever"] == 1
    relay.tell("thaw")
    assert read_exactly(other, 1) == b"x" and one.recv(1) == b""
    until(lambda: relay.stat()["bytes"][0] == 2, "the late connection goes on")


def test_nobody_listens_behind(site):
    target = site.listener()
    relay = Relay(site, target.port)
    target.close()
    with pytest.raises((ConnectionResetError, BrokenPipeError)):    # perhaps before connect() is back
        read_to_end(site.connect(relay.port))


def test_an_idle_relay_costs_nothing(site):
    """Not after a freeze with an end in it either, nor when one direction is over."""
    relay, one, other = joined(site, "--delay", "300")
    other.shutdown(1)
    relay.tell("freeze")
    one.shutdown(1)

    def cpu():
        with open("/proc/%d/stat" % relay.proc.pid, encoding="ascii") as f:
            words = f.read().rsplit(")", 1)[1].split()
        return int(words[11]) + int(words[12])

    before = cpu()
    with pytest.raises(TimeoutError):
        one.settimeout(0.4)
        one.recv(1)
    relay.tell("thaw")
    one.settimeout(10 * SLOW)
    assert one.recv(1) == b"" and other.recv(1) == b""
    assert cpu() - before <= 5                              # ticks of 10 ms


@need("aditd", "adit")
class TestUnderAdit:
    def test_a_tunnel_over_a_long_link(self, site):
        server, target = site.server(), site.listener()
        relay = Relay(site, server.port, "--delay", "25")
        agent = site.agent(relay.port, target.port, token_file=server.token_file)
        one = site.connect(agent.public)
        one.sendall(b"first bytes travel with OPEN")
        other = target.accept()
        assert both_ways_after(other, one, 28)
        assert relay.stat()["ever"] == 1


def both_ways_after(other, one, n):
    read_exactly(other, n)
    return both_ways(one, other, random.Random(5).randbytes(MIB))
