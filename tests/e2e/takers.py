# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""N clients of bulk.py that take as much as they can get, in a process of their own.

    takers.py PORT N FILE   FILE has N counters of 8 bytes, in the machine's order: what each has got
"""

import mmap
import selectors
import socket
import sys

ENDLESS = b"send 1000000000000\n"


def main():
    port, n = int(sys.argv[1]), int(sys.argv[2])
    with open(sys.argv[3], "r+b") as f, mmap.mmap(f.fileno(), 8 * n) as m:
        counts = memoryview(m).cast("Q")
        room = bytearray(1 << 16)
        with selectors.EpollSelector() as sel:
            for i in range(n):
                sock = socket.create_connection(("127.0.0.1", port))
                sock.sendall(ENDLESS)
                sel.register(sock, selectors.EVENT_READ, i)
            print("taking", flush=True)
            while True:
                for key, _ in sel.select():
                    counts[key.data] += key.fileobj.recv_into(room)


if __name__ == "__main__":
    main()
