# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""What every end-to-end test stands on: programs, configurations, ports, logs, and a clean end.

    def test_something(site):                       # the fixture is in conftest.py
        server = site.server(limits={"drain_for": "1s"})
        target = site.listener()
        agent = site.agent(server, target.port)
        client = site.connect(agent.public)
        assert target.accept() ...

A Site owns a directory (mode 0700), the programs and the sockets of one test. When the test is over
everything is stopped, and the site fails if a program crashed or did not stop, if a child process
stayed, or if a log holds an assertion, a sanitizer's report or an alert. Waiting is for events with
a deadline, never for a fixed time.

Environment: ADITD and ADIT are the commands (split as a shell would); without them the programs are
started by ./run of ADIT_BUILD_DIR, or of top_builddir. plugin_dir goes into the configuration.
ADIT_TEST_WORKERS is the number of workers (1), ADIT_TEST_SLOW a factor for all deadlines (1),
ADIT_TEST_KEEP=1 keeps the directories.
"""

import errno
import fcntl
import os
import random
import re
import selectors
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import pytest

SLOW = float(os.environ.get("ADIT_TEST_SLOW", "1"))
BAD_LINE = re.compile(r"must failed|assertion|Sanitizer|runtime error:|\[alert\]|"
                      r"stack smashing|double free|corrupted", re.I)
SANITIZER_EXIT = (66, 99)
RST_ON_CLOSE = struct.pack("ii", 1, 0)


def command(name):
    """The words that start aditd or adit; None when there is no such program yet."""
    words = shlex.split(os.environ.get(name.upper(), ""))
    if words:
        return words
    build = os.environ.get("ADIT_BUILD_DIR") or os.environ.get("top_builddir")
    if build and os.access(os.path.join(build, name), os.X_OK):
        return [os.path.join(os.path.abspath(build), "run"), name]
    return None


def need(*names):
    """A mark that skips a whole file while programs are missing."""
    gone = [n for n in names if command(n) is None]
    return pytest.mark.skipif(bool(gone), reason="not built: %s (set ADITD and ADIT, or "
                              "ADIT_BUILD_DIR)" % ", ".join(gone))


def until(done, what, timeout=10.0):
    """For what has no event to wait for (/proc, mostly): asks again until done() is true."""
    end = time.monotonic() + timeout * SLOW
    while True:
        result = done()
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError(what() if callable(what) else what)
        threading.Event().wait(0.01)


# Ports below the range that the kernel gives out; a lock file keeps parallel runs apart.

_port_locks = []


def _lock_port(port):
    folder = "/tmp/adit-test-ports-%d" % os.getuid()
    os.makedirs(folder, mode=0o700, exist_ok=True)
    fd = os.open(os.path.join(folder, str(port)), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", port))
    except OSError:
        os.close(fd)
        return False
    _port_locks.append(fd)
    return True


def _unlock_ports(keep):
    """Gives back all but the first keep ports that this process has."""
    while len(_port_locks) > keep:
        os.close(_port_locks.pop())


def free_ports(n=1):
    """The first of n ports in a row that are free on 127.0.0.1, and ours until the site ends that was
    made last (or this process)."""
    low, high = 10100, 32700
    had = len(_port_locks)
    port = random.randrange(low, high)
    for _ in range(2 * (high - low)):
        port = low if port == high else port + 1
        if port == low or not _lock_port(port):
            _unlock_ports(had)          # a row with a gap is of no use
        elif len(_port_locks) - had == n:
            return port - n + 1
    raise RuntimeError("no row of %d free ports" % n)


def free_port():
    return free_ports(1)


# Programs.

class Program:
    """A running command. Its stdout and stderr are read all the time by a thread of its own."""

    dies_of_sigterm = True              # which may come before it has a handler

    def __init__(self, name, argv, folder, env=None, cwd=None):
        self.name, self.argv = name, argv
        self.lines = []                 # (stream, text)
        self.changed = threading.Condition()
        self.ended = False              # both streams are at their end
        self.crash_is_fine = False
        self.path = os.path.join(folder, name + ".log")
        self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, env=env, cwd=cwd,
                                     start_new_session=True)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    @property
    def pid(self):
        return self.proc.pid

    def _read(self):
        rest = {"out": b"", "err": b""}
        with selectors.DefaultSelector() as sel, open(self.path, "ab", buffering=0) as log:
            sel.register(self.proc.stdout, selectors.EVENT_READ, "out")
            sel.register(self.proc.stderr, selectors.EVENT_READ, "err")
            while sel.get_map():
                for key, _ in sel.select():
                    got = os.read(key.fd, 65536)
                    log.write(got)
                    *whole, rest[key.data] = (rest[key.data] + got).split(b"\n")
                    if not got:
                        sel.unregister(key.fileobj)
                        whole = [rest[key.data]] if rest[key.data] else []
                    with self.changed:
                        self.lines += [(key.data, w.decode("utf-8", "replace")) for w in whole]
                        self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def mark(self):
        """Where the log is now, for wait_for(after=…)."""
        with self.changed:
            return len(self.lines)

    def text(self, stream=None):
        with self.changed:
            return "\n".join(t for s, t in self.lines if stream in (None, s))

    def wait_for(self, pattern, timeout=10.0, after=0, stream=None):
        """The match of the first line after a mark that fits; fails when the program ends."""
        end = time.monotonic() + timeout * SLOW
        at = after
        with self.changed:
            while True:
                for s, line in self.lines[at:]:
                    m = re.search(pattern, line) if stream in (None, s) else None
                    if m:
                        return m
                at = len(self.lines)
                left = end - time.monotonic()
                if self.ended or left <= 0:
                    raise TimeoutError("%s: no %r %s\n%s" % (
                        self.name, pattern, "before its end" if self.ended else "in time",
                        "\n".join(t for _, t in self.lines[-40:])))
                self.changed.wait(left)

    def signal(self, number):
        self.proc.send_signal(number)

    def wait(self, timeout=10.0):
        """Waits for the end of the process and of its output; returns the status."""
        try:
            status = self.proc.wait(timeout * SLOW)
        except subprocess.TimeoutExpired:
            raise TimeoutError("%s does not end\n%s" % (self.name, self.text()[-4000:])) from None
        self.thread.join(5 * SLOW)
        return status

    def kill(self):
        """SIGKILL, as a crash: the status is not looked at."""
        self.crash_is_fine = True
        self.proc.kill()
        self.wait()

    def stop(self, timeout=10.0):
        """SIGTERM and wait; returns the status."""
        if self.proc.poll() is None:
            self.proc.terminate()
        return self.wait(timeout)

    def fds(self):
        """How many descriptors are open. Both programs guard their memory, and this with it."""
        try:
            return len(os.listdir("/proc/%d/fd" % self.pid))
        except PermissionError:
            pytest.skip("only root can see the descriptors of %s" % self.name)

    def wait_fds(self, most, timeout=10.0):
        """Waits until at most so many descriptors are open."""
        until(lambda: self.fds() <= most,
              lambda: "%s has %d descriptors, not %d" % (self.name, self.fds(), most), timeout)

    def rss(self):
        """Resident memory in bytes."""
        with open("/proc/%d/statm" % self.pid, encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu(self):
        """Seconds of processor time so far."""
        with open("/proc/%d/stat" % self.pid, encoding="ascii") as f:
            words = f.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def _group_lives(self):
        """True if a process that it started is left; zombies wait for init only."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/stat" % pid, encoding="ascii", errors="replace") as f:
                    state, _, group = f.read().rsplit(")", 1)[1].split()[:3]
            except OSError:
                continue
            if int(group) == self.pid and state != "Z":
                return True
        return False

    def close(self):
        """The end of a test: stops what still runs; returns what was wrong."""
        wrong = []
        stopped = self.proc.poll() is None
        try:
            self.stop()
        except TimeoutError as e:
            wrong.append(str(e))
            self.crash_is_fine = True
            self.proc.kill()
            self.proc.wait()
            self.thread.join(5)
        status = self.proc.returncode
        if status == -signal.SIGTERM and stopped and self.dies_of_sigterm:
            status = 0
        if (status < 0 or status in SANITIZER_EXIT) and not self.crash_is_fine:
            wrong.append("%s ended with status %d" % (self.name, status))
        try:                            # what is just ending may do so
            until(lambda: not self._group_lives(), "the end of the group", 2)
        except TimeoutError:
            os.killpg(self.pid, signal.SIGKILL)
            wrong.append("%s left child processes" % self.name)
        bad = [t for _, t in self.lines if BAD_LINE.search(t)]
        if bad:
            wrong.append("%s said:\n%s" % (self.name, "\n".join(bad[:20])))
        if wrong:
            wrong.append("--- end of %s\n%s" % (self.path, self.text()[-6000:]))
        self.proc.stdout.close()
        self.proc.stderr.close()
        return wrong


class Server(Program):
    """A running aditd: port is where agents come, tokens by account, ports the route's first."""

    dies_of_sigterm = False             # it was ready
    host = "127.0.0.1"
    port = ports = conf = None


class Agent(Program):
    """A running adit; public is the (host, port) of its tunnel, addresses those of all."""

    PUBLIC = r"tcp://(\S+):(\d+)\s+->\s+(\S+)"

    def wait_up(self, n=1, timeout=15.0):
        """Waits until n tunnels are shown; returns [(host, port, target)]."""
        found = []
        at = 0
        end = time.monotonic() + timeout * SLOW
        while len(found) < n:
            m = self.wait_for(self.PUBLIC, max(0.01, (end - time.monotonic()) / SLOW), at)
            with self.changed:
                at = next(i for i in range(at, len(self.lines))
                          if self.lines[i][1] == m.string) + 1
            found.append((m.group(1), int(m.group(2)), m.group(3)))
        return found

    @property
    def public(self):
        host, port, _ = self.wait_up()[0]
        return ("127.0.0.1" if host == "0.0.0.0" else host, port)


# Sockets.

class Listener:
    """A listening socket on 127.0.0.1, the target of a tunnel or a server for adit."""

    def __init__(self, site, port=0, backlog=128):
        self.site = site
        self.sock = site.own(socket.socket())
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("127.0.0.1", port or free_port()))
        self.sock.listen(backlog)
        self.port = self.sock.getsockname()[1]

    def accept(self, timeout=10.0):
        self.sock.settimeout(timeout * SLOW)
        conn = self.site.own(self.sock.accept()[0])
        conn.settimeout(10.0 * SLOW)
        return conn

    def close(self):
        self.sock.close()


def read_exactly(sock, n):
    out = bytearray()
    while len(out) < n:
        got = sock.recv(min(1 << 18, n - len(out)))
        if not got:
            raise EOFError("end of file after %d of %d bytes" % (len(out), n))
        out += got
    return bytes(out)


def read_to_end(sock):
    """Everything until a clean end; ConnectionResetError if there is none."""
    out = bytearray()
    while True:
        got = sock.recv(1 << 18)
        if not got:
            return bytes(out)
        out += got


def ended_by_reset(sock):
    """True if the connection ends with RST, False if cleanly; what comes before is dropped."""
    try:
        read_to_end(sock)
        return False
    except ConnectionResetError:
        return True


def reset(sock):
    """Closes with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
    sock.close()


# Configuration.

def setting(value):
    """A value as libconfig writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"')
    if isinstance(value, dict):
        return "{ %s }" % " ".join("%s = %s;" % (k, setting(v)) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        inner = ", ".join(setting(v) for v in value)
        return "(%s)" % inner if any(isinstance(v, dict) for v in value) else "[%s]" % inner
    raise TypeError(value)


def settings(values):
    return "".join("%s = %s;\n" % (k, setting(v)) for k, v in values.items())


class Site:
    """One test's world; a context manager."""

    def __init__(self, name="site"):
        self.folder = tempfile.mkdtemp(prefix="adit-%s-" % re.sub(r"\W+", "-", name)[:40])
        os.chmod(self.folder, 0o700)
        self.programs, self.owned = [], []
        self.ports_before = len(_port_locks)
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith("XDG_") and not k.lower().endswith("_proxy")}
        self.env.update(HOME=self.folder, LC_ALL="C.UTF-8")
        self.env.setdefault("MALLOC_PERTURB_", "165")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        wrong = self.close()
        if kind is None:
            assert not wrong, "\n".join(wrong)
        elif wrong:
            print("\n".join(wrong))

    def own(self, thing):
        """Remembers something that has close()."""
        self.owned.append(thing)
        return thing

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text, mode=0o600):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def start(self, name, argv, kind=Program, **options):
        number = sum(p.name.split(".")[0] == name for p in self.programs)
        full = "%s.%d" % (name, number) if number else name
        p = kind(full, argv, self.folder, env=dict(self.env, **options.pop("env", {})), **options)
        self.programs.append(p)
        return p

    def run(self, name, *args, status=0, timeout=20):
        """aditd or adit to its end; returns (stdout, stderr). status None: any but a crash."""
        done = subprocess.run(command(name) + list(args), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, env=self.env, check=False,
                              timeout=timeout * SLOW)
        said = done.stdout + done.stderr
        assert not BAD_LINE.search(said), said
        if status is None:
            assert done.returncode >= 0 and done.returncode not in SANITIZER_EXIT, said
        else:
            assert done.returncode == status, "status %d\n%s" % (done.returncode, said)
        return done.stdout, done.stderr

    def server_conf(self, name="server", *, port=None, first=None, ports=64, limits=None,
                    conf=None, plugins=None):
        """Writes NAME/aditd.conf and conf.d; returns (path, port for agents, first public port).

        conf adds keys to the main file; plugins replaces or adds files of conf.d, as a dictionary
        for each plugin (None: no such file)."""
        port = port or free_port()
        first = first or free_ports(ports)
        main = {"workers": int(os.environ.get("ADIT_TEST_WORKERS", "1"))}
        if os.environ.get("plugin_dir"):
            main["plugin_dir"] = os.environ["plugin_dir"]
        main["limits"] = dict({"drain_for": "1s", "fail_penalty": "0"}, **(limits or {}))
        main.update(conf or {})
        files = {
            "transport-tcp": {"listen": "127.0.0.1:%d" % port},
            "auth-token": {"file": "tokens"},
            "route-port": {"bind": "127.0.0.1", "range": "%d-%d" % (first, first + ports - 1)},
        }
        files.update(plugins or {})
        for plugin, values in files.items():
            if values is not None:
                self.write("%s/conf.d/%s.conf" % (name, plugin), settings({plugin: values}))
        if not os.path.exists(self.path(name, "tokens")):
            self.write("%s/tokens" % name, "")
        return self.write("%s/aditd.conf" % name, settings(main)), port, first

    def token(self, conf, account="acme", name=None):
        """Issues a token; returns (text, path of a file that holds it)."""
        out, _ = self.run("aditd", "issue", "-c", conf, "--account", account)
        text = out.strip()
        assert re.fullmatch(r"adit_\w{8}_[\w-]{49}", text), out
        return text, self.write(name or "token-%s" % text[5:13], text + "\n")

    def server(self, name="server", *, accounts=("acme",), args=(), env=None, **options):
        """A running aditd that takes agents: .port, .ports, .conf, .token, .token_file."""
        conf, port, first = self.server_conf(name, **options)
        tokens = {a: self.token(conf, a) for a in accounts}
        return self.restart_server(name, conf, port, first, tokens, args, env)

    def restart_server(self, name, conf, port, first, tokens, args=(), env=None):
        p = self.start(name, command("aditd") + ["-c", conf, *args], Server, env=env or {})
        p.conf, p.port, p.ports, p.tokens = conf, port, first, tokens
        if tokens:
            p.token, p.token_file = next(iter(tokens.values()))
        p.wait_for(r"\bready\b", 20)
        return p

    def agent(self, server, target, *args, token_file=None, name=None, port=None, wait=True,
              env=None):
        """adit run for one tunnel to 127.0.0.1:target; server is a Server or a port."""
        where = server if isinstance(server, int) else server.port
        argv = command("adit") + ["run", "--server", "tcp://127.0.0.1:%d" % where,
                                  "--local", "127.0.0.1:%d" % target,
                                  "--token-file", token_file or server.token_file]
        argv += ["--name", name] if name else []
        argv += ["--port", str(port)] if port else []
        p = self.start("adit", argv + list(args), Agent, env=env or {})
        if wait:
            p.wait_up()
        return p

    def listener(self, port=0, backlog=128):
        return Listener(self, port, backlog)

    def connect(self, where, timeout=10.0, rcvbuf=None):
        """A TCP connection to (host, port) or to a port of 127.0.0.1."""
        where = ("127.0.0.1", where) if isinstance(where, int) else where
        family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
        sock = self.own(socket.socket(family))
        if rcvbuf:                      # counts only before the connection is made
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        sock.settimeout(timeout * SLOW)
        sock.connect(where)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def refused(self, where):
        """True if nobody listens there."""
        with socket.socket() as s:
            s.settimeout(5 * SLOW)
            return s.connect_ex(("127.0.0.1", where)) == errno.ECONNREFUSED

    def close(self):
        """Stops everything, agents first; returns what was wrong."""
        wrong = []
        for thing in reversed(self.owned):
            thing.close()
        for p in reversed(self.programs):
            wrong += p.close()
        _unlock_ports(self.ports_before)
        if not wrong and not os.environ.get("ADIT_TEST_KEEP"):
            shutil.rmtree(self.folder)
        return wrong
