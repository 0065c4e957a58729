# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""A target for bulk: a client's first line says what it does with the connection.

    bulk.py PORT    says "listening PORT" and runs until it is killed

    send N      sends N bytes, then FIN
    take N      reads N bytes, answers "taken", then FIN
    hold        never reads again
    sent        answers how many bytes have been sent by all "send" together, then FIN
"""

import socket
import sys
import threading

BLOCK = memoryview(bytes(1 << 18))


class Bulk:
    def __init__(self):
        self.lock = threading.Lock()
        self.sent = 0
        self.held = []

    def send(self, sock, n):
        while n > 0:
            done = sock.send(BLOCK[:n])
            n -= done
            with self.lock:
                self.sent += done

    def take(self, sock, n):
        room = bytearray(1 << 18)
        while n > 0:
            done = sock.recv_into(room, min(n, len(room)))
            if done == 0:
                return
            n -= done
        sock.sendall(b"taken\n")

    def serve(self, sock):
        try:
            line = b""
            while not line.endswith(b"\n"):
                got = sock.recv(1)
                if not got:
                    return
                line += got
            word, *rest = line.split()
            if word == b"send":
                self.send(sock, int(rest[0]))
            elif word == b"take":
                self.take(sock, int(rest[0]))
            elif word == b"hold":
                self.held.append(sock)
                return
            elif word == b"sent":
                with self.lock:
                    sock.sendall(b"%d\n" % self.sent)
            sock.close()
        except OSError:
            sock.close()


def main():
    bulk = Bulk()
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=512)
    print("listening", listener.getsockname()[1], flush=True)
    while True:
        sock = listener.accept()[0]
        threading.Thread(target=bulk.serve, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    main()
