# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""In a network of its own, where the kernel gives every client the port of a target that is away.

    unshare -n selfdial.py PORT

Prints "refused" when a public client of the tunnel is reset, which is what must happen: whoever dials
a port where nobody listens, from that very port, is connected to itself.
"""

import socket
import subprocess
import sys

from harness import Site


def answer(where):
    try:
        with socket.create_connection(where, 10) as client:
            client.sendall(b"is anybody there?")
            return "said %r" % client.recv(100)
    except ConnectionResetError:
        return "refused"


def main(port):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w", encoding="ascii") as f:
        f.write("%d %d" % (port, port))
    with Site("selfdial") as site:
        server = site.server(ports=1)
        agent = site.agent(server, port)
        print(answer(agent.public))
        agent.wait_for("Connection refused")


if __name__ == "__main__":
    main(int(sys.argv[1]))
