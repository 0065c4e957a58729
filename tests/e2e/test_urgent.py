# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Urgent data (MSG_OOB) is data: no byte of it is lost, and nothing behind it waits for ever.

splice(2) stops at an urgent byte for ever; it says that nothing is there, or that this is the end.
"""

import socket
import threading

import pytest

from harness import need

pytestmark = need("aditd", "adit")

BULK, REST = 12 << 20, 1 << 20


def send(sock):
    """Enough for payload to move aside, an urgent byte, and more behind it."""
    sock.sendall(b"a" * BULK)
    sock.send(b"U", socket.MSG_OOB)
    sock.sendall(b"b" * REST)
    sock.send(b"V", socket.MSG_OOB)
    sock.shutdown(socket.SHUT_WR)


def receive(sock):
    sock.settimeout(60)
    parts = []
    while True:
        part = sock.recv(1 << 20)
        if not part:
            return b"".join(parts)
        parts.append(part)


@pytest.mark.parametrize("dice", [False, True])
def test_urgent_bytes_arrive_in_their_place(site, dice):
    env = {"ADIT_TEST_DICE": "1"} if dice else {}
    server = site.server(env=env, limits={"resume_for": "0s"} if dice else None)
    listener = site.listener()
    agent = site.agent(server, listener.port, env=env)
    client = site.connect(agent.public)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    target = listener.accept()
    target.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    senders = [threading.Thread(target=send, args=(s,)) for s in (client, target)]
    for t in senders:
        t.start()
    back = []
    reader = threading.Thread(target=lambda: back.append(receive(client)))
    reader.start()
    want = b"a" * BULK + b"U" + b"b" * REST + b"V"
    assert receive(target) == want
    reader.join(60)
    assert back == [want]
    for t in senders:
        t.join()
