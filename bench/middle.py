# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The programs between client and target: started for one measurement, looked at, stopped.

Whether a program listens is asked every 10 ms; that is before anything is measured.

Whatever a program starts belongs to it. Processor time is user plus system time of all of them, in
the resolution of the kernel's clock for a process (nanoseconds); of children that ended and were
waited for, in ticks of 10 ms. Memory is the largest resident size that each had; pages that processes
share count for each.
"""

import os
import random
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

RESERVE = 600                           # descriptors that are not for connections
TICK = os.sysconf("SC_CLK_TCK")
PORTS = range(32000, 32768)             # below those that the kernel gives to clients


class Failed(Exception):
    """A program did not do what it should; the text says which and what it said."""


def free_port(taken):
    """A port of 127.0.0.1 where nobody listens and that is not in taken, where it is noted."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in taken:
            taken.add(port)
            return port
    raise Failed("no free ports")


def listens(port):
    """True if somebody listens there; found out without connecting."""
    want = ":%04X" % port
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(name, encoding="ascii") as f:
                for line in f:
                    words = line.split()
                    if words[3] == "0A" and words[1].endswith(want):
                        return True
        except FileNotFoundError:
            pass
    return False


def children(pid):
    found = []
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, task), encoding="ascii") as f:
                found += map(int, f.read().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def tree(pids):
    """These processes and all that descend from them."""
    found, todo = [], list(pids)
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children(pid)
    return found


def cpu_seconds(pid):
    """Of one process and of its children that it has waited for."""
    try:
        own = time.clock_gettime((~pid << 3) | 2)       # as clock_getcpuclockid(3) makes it
        with open("/proc/%d/stat" % pid, encoding="ascii") as f:
            words = f.read().rsplit(")", 1)[1].split()
        return own + (int(words[13]) + int(words[14])) / TICK
    except (OSError, ProcessLookupError):
        return 0.0


def memory(pid, what):
    """VmHWM or VmRSS of a process in bytes."""
    try:
        with open("/proc/%d/status" % pid, encoding="ascii") as f:
            for line in f:
                if line.startswith(what + ":"):
                    return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


class Lines:
    """A program of ours that speaks in lines; it fails with what it said, or by saying nothing."""

    def __init__(self, argv, env):
        self.proc = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True, env=env)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.proc.stdin.close()
        try:
            self.proc.wait(5)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        self.proc.stdout.close()
        self.proc.stderr.close()

    def line(self, timeout):
        ready, _, _ = select.select([self.proc.stdout], [], [], timeout)
        text = self.proc.stdout.readline() if ready else ""
        if not text:
            if not ready:
                self.proc.kill()
            raise Failed(self.proc.stderr.read().strip() or "no answer in %d s" % timeout)
        return text

    def go(self):
        self.proc.stdin.write("\n")
        self.proc.stdin.flush()


class Middle:
    """What one peer runs, in a folder of its own; with Middle(…) as m: m.start(…) …

    bench: adit_run, the command that runs Adit's programs; files, how many descriptors; relay and
    env. case: link and limits. What m.link() starts is not one of the peer's programs."""

    def __init__(self, bench, case):
        self.bench, self.case = bench, case
        self.adit_run, self.files = bench.adit_run, bench.files
        self.folder = tempfile.mkdtemp(prefix="adit-bench-")
        self.env = dict(bench.env, HOME=self.folder)
        self.taken = set()
        self.programs = []              # (name, process)
        self.relays, self.links = [], []

    def __enter__(self):
        return self

    def link(self, port):
        """Where to connect for a port at the other end of the case's link."""
        link = self.case.link
        if not link:
            return port
        args = [self.bench.relay, "--to", str(port), "--delay", "%g" % (link.rtt / 2)]
        if link.rate:
            args += ["--rate", "%.0f" % link.rate]
        relay = Lines(args, self.bench.env)
        self.relays.append(relay)
        self.links.append(int(relay.line(10).split()[1]))
        return self.links[-1]

    def __exit__(self, *exc):
        for _, p in reversed(self.programs):
            self._stop(p)
        for r in self.relays:
            r.__exit__(*exc)
        shutil.rmtree(self.folder)

    @staticmethod
    def _stop(p):
        """Ends a program with all that it started, politely at first."""
        fds = []
        for pid in tree([p.pid]) if p.poll() is None else ():
            try:
                fds.append(os.pidfd_open(pid))
            except ProcessLookupError:
                pass
        for number, seconds in ((signal.SIGTERM, 2), (signal.SIGKILL, 10)):
            for fd in fds:
                try:
                    signal.pidfd_send_signal(fd, number)
                except ProcessLookupError:
                    pass
            end = time.monotonic() + seconds
            while fds and time.monotonic() < end:
                p.poll()
                ended = select.select(fds, [], [], 0.1)[0]
                for fd in ended:
                    os.close(fd)
                    fds.remove(fd)
        p.wait()

    def port(self):
        return free_port(self.taken)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(text)
        return path

    def start(self, name, argv, port):
        """Starts a program and waits until there is a listener at the port."""
        with open(self.path(name + ".log"), "wb") as log:
            p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 env=self.env, cwd=self.folder, start_new_session=True)
        self.programs.append((name, p))
        end = time.monotonic() + 10
        while not listens(port):
            if p.poll() is not None or time.monotonic() > end:
                raise Failed("%s does not listen: %s" % (name, self.said(name)))
            time.sleep(0.01)

    def said(self, name):
        with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as f:
            return " / ".join(f.read().strip().splitlines()[-2:])

    def wait_for(self, name, text):
        """Waits until the log of a program has the text."""
        end = time.monotonic() + 10
        while True:
            with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as f:
                if text in f.read():
                    return
            if time.monotonic() > end:
                raise Failed("%s does not say %r: %s" % (name, text, self.said(name)))
            time.sleep(0.01)

    def alive(self):
        for name, p in self.programs:
            if p.poll() is not None:
                raise Failed("%s ended: %s" % (name, self.said(name)))

    def cpu(self):
        """Seconds so far, of all programs."""
        return sum(map(cpu_seconds, tree(p.pid for _, p in self.programs)))

    def peak(self):
        """Bytes: the most that was resident, summed over the processes that are there."""
        return sum(self.peaks().values())

    def peaks(self):
        """The same for each program by name."""
        return {name: sum(memory(pid, "VmHWM") for pid in tree([p.pid]))
                for name, p in self.programs}

    def resident(self):
        """Bytes that are resident now, for each program by name."""
        return {name: sum(memory(pid, "VmRSS") for pid in tree([p.pid]))
                for name, p in self.programs}
