# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Clients and servers that know nothing of Adit, through one aditd and one adit.

What they are: ssh and scp, curl, PostgreSQL, Redis, iperf3, netcat; and the ways in which a target
can fail, each of which a client must see as what it is.
"""

import errno
import hashlib
import http.server
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import tempfile
import threading

import pytest

from harness import (Agent, command, ended_by_reset, free_port, need, read_exactly, read_to_end,
                     reset, settings, until)
from sshtools import Sshd, Terminal
from tools import run, tool
from traffic import pattern

pytestmark = need("aditd", "adit")

MIB = 1 << 20


@pytest.fixture(scope="module")
def server(shared):
    return shared.server()


@pytest.fixture
def publish(site, server):
    """publish(port): the public port of a tunnel to a port of this host."""
    def up(target, *args):
        up.agent = site.agent(server, target, *args)
        up.fds = up.agent.fds() if os.getuid() == 0 else None
        return up.agent.public[1]

    def summary():
        """What the agent says in the end, when its streams are over."""
        if up.fds is None:
            pytest.skip("only root can see that the streams are over")
        up.agent.wait_fds(up.fds)
        assert up.agent.stop() == 0
        return up.agent.text("out")

    up.summary = summary
    return up


def sha(data):
    return hashlib.sha256(data).hexdigest()


# ssh.

@pytest.fixture(scope="module")
def sshd(shared):
    return Sshd(shared)


def test_ssh_scripted(publish, sshd):
    public = publish(sshd.port)
    done = subprocess.run(sshd.ssh(public, "echo out; echo err >&2; exit 7"), check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (7, b"out\n") and done.stderr.endswith(b"err\n")
    data = os.urandom(5 * MIB)
    assert run(sshd.ssh(public, "sha256sum"), data).decode().split()[0] == sha(data)


def test_ssh_interactive(site, publish, sshd):
    argv = sshd.ssh(publish(sshd.port), "PS1='adi''t> ' exec sh -i")
    argv.insert(1, "-tt")
    t = site.own(Terminal(argv))
    t.expect(b"adit> ")
    t.type(b"echo =$((6 * 7))=\n")
    t.expect(b"=42=")
    t.expect(b"adit> ")
    t.size(51, 133)
    t.type(b"stty size\n")
    t.expect(b"51 133")
    t.expect(b"adit> ")
    t.type(b"sh -c 'echo beg\"\"un; exec sleep 1000'\n")
    t.expect(b"begun")
    t.type(b"\x03")
    t.expect(b"adit> ")
    t.type(b"exit 3\n")
    assert t.proc.wait(30) == 3


def test_scp_of_100_mb(site, publish, sshd):
    public = publish(sshd.port)
    data = os.urandom(100 * 1000 * 1000)
    with open(site.path("here"), "wb") as f:
        f.write(data)
    user = pwd.getpwuid(os.getuid()).pw_name
    scp = [tool("scp"), "-q", *sshd.options(public), "-P", str(public)]
    run(scp + [site.path("here"), "%s@127.0.0.1:%s" % (user, site.path("there"))], timeout=120)
    run(scp + ["%s@127.0.0.1:%s" % (user, site.path("there")), site.path("back")], timeout=120)
    for name in ("there", "back"):
        with open(site.path(name), "rb") as f:
            assert hashlib.file_digest(f, "sha256").hexdigest() == sha(data), name
    assert publish.agent.rss() < 64 * MIB or os.environ.get("sanitizers", "no") != "no"


# HTTP.

class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(("%s of %s:%d" % (self.path, *self.client_address)).encode())

    def chunks(self):
        while True:
            n = int(self.rfile.readline().split(b";")[0], 16)
            data = self.rfile.read(n)
            assert self.rfile.readline() == b"\r\n"
            if n == 0:
                return
            yield data

    def do_PUT(self):
        assert self.headers["Transfer-Encoding"] == "chunked", self.headers
        digest, n, count = hashlib.sha256(), 0, 0
        for data in self.chunks():
            digest.update(data)
            n, count = n + len(data), count + 1
        self.answer(("%s %d %s" % (digest.hexdigest(), n, count > 1)).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def web(site):
    s = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Web)
    thread = threading.Thread(target=s.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield s.server_port
    s.shutdown()
    s.server_close()


def test_curl_keeps_its_connection(publish, web):
    public = publish(web)
    urls = ["http://127.0.0.1:%d/%d" % (public, i) for i in range(5)]
    out = run([tool("curl"), "-sS", "-w", " connects=%{num_connects}\n", *urls]).decode()
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == ["/%d" % i for i in range(5)]
    assert sum(int(line.rsplit("=", 1)[1]) for line in lines) == 1
    assert len({line.split()[2] for line in lines}) == 1, "one connection at the target"
    for i in range(5):
        publish.agent.wait_for(r"HTTP GET /%d 200 " % i)
    said = publish.summary()
    assert re.search(r"streams +1 \(0 refused, 0 reset", said)
    assert re.search(r"HTTP requests +5 \(2xx 5\)", said)


def test_few_requests_are_logged_and_all_counted(publish, web):
    public = publish(web, "--log-requests", "2")
    urls = ["http://127.0.0.1:%d/%d" % (public, i) for i in range(50)]
    out = run([tool("curl"), "-sS", *urls]).decode()
    assert out.count(" of 127.0.0.1:") == 50
    publish.agent.wait_for(r"… and \d+ more HTTP requests in the last second")
    said = publish.summary()
    lines = len(re.findall(r"HTTP GET /", publish.agent.text()))
    more = map(int, re.findall(r"… and (\d+) more HTTP request", publish.agent.text()))
    assert lines < 50 and lines + sum(more) == 50
    assert re.search(r"HTTP requests +50 \(2xx 50\)", said)


def test_curl_chunked_upload(publish, web):
    public = publish(web)
    data = os.urandom(20 * MIB)
    out = run([tool("curl"), "-sS", "-T", "-", "http://127.0.0.1:%d/up" % public], data)
    assert out.decode().split() == [sha(data), str(len(data)), "True"]


# PostgreSQL.

class Postgres:
    """A cluster of its own, run by the user postgres when root runs the tests."""

    def __init__(self, site):
        self.bin = os.path.dirname(tool("postgres", "/usr/lib/postgresql/*/bin/postgres"))
        self.who = []
        self.folder = tempfile.mkdtemp(prefix="adit-postgres-")
        site.own(self)
        if os.getuid() == 0:
            try:
                user = pwd.getpwnam("postgres")
            except KeyError:
                pytest.skip("there is no user postgres")
            self.who = [tool("setpriv"), "--reuid=%d" % user.pw_uid, "--regid=%d" % user.pw_gid,
                        "--clear-groups"]
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self.port = free_port()
        self.env = dict(os.environ, LC_ALL="C", HOME=self.folder)
        run(self.who + [
            self.bin + "/initdb", "-D", self.folder + "/data", "-U", "postgres", "-A", "trust",
            "-E", "UTF8", "--no-sync", "--no-instructions"], env=self.env, cwd="/")
        self.server = site.start("postgres", self.who + [
            self.bin + "/postgres", "-D", self.folder + "/data", "-p", str(self.port),
            "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
            "-c", "fsync=off", "-c", "shared_buffers=16MB"], cwd="/")
        self.server.wait_for("ready to accept connections", 60)

    def close(self):
        """Comes before the programs are stopped: its files must stay until then."""
        if getattr(self, "server", None) is not None:
            self.server.signal(signal.SIGINT)
            self.server.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self, name, public, *args, data=None):
        return run([os.path.join(self.bin, name), "-h", "127.0.0.1", "-p", str(public),
                    "-U", "postgres", *args], data, env=self.env, cwd="/").decode()


@pytest.fixture(scope="module")
def postgres(shared):
    return Postgres(shared)


def test_psql(publish, postgres):
    public = publish(postgres.port)
    n = 300000
    lines = "".join("%d\n" % i for i in range(n))
    postgres.client("psql", public, "-Xqc", "create table t (i int)", "-c", "copy t from stdin",
                    data=lines.encode())
    assert postgres.client("psql", public, "-XAtc", "select count(*), sum(i) from t").strip() == (
        "%d|%d" % (n, n * (n - 1) // 2))
    assert postgres.client("psql", public, "-XAtc", "copy (select i from t order by i) to stdout"
                           ) == lines
    assert re.search(r"streams +3 \(0 refused, 0 reset", publish.summary())


def test_pgbench(publish, postgres):
    public = publish(postgres.port)
    postgres.client("pgbench", public, "-i", "-q", "postgres")
    out = postgres.client("pgbench", public, "-n", "-c", "4", "-j", "2", "-t", "250", "postgres")
    assert "transactions actually processed: 1000/1000" in out, out
    out = postgres.client("pgbench", public, "-n", "-S", "-C", "-c", "2", "-t", "50", "postgres")
    assert "transactions actually processed: 100/100" in out, out


# Redis.

@pytest.fixture(scope="module")
def redis(shared):
    port = free_port()
    p = shared.start("redis", [tool("redis-server"), "--port", str(port), "--bind", "127.0.0.1",
                               "--save", "", "--appendonly", "no", "--dir", shared.folder])
    p.wait_for("Ready to accept connections", 30)
    return port


def test_redis(site, publish, redis):
    cli = [tool("redis-cli"), "-h", "127.0.0.1", "-p", str(publish(redis))]
    assert run(cli + ["ping"]) == b"PONG\n"
    data = os.urandom(5 * MIB).replace(b"\n", b"x")
    assert run(cli + ["-x", "set", "big"], data) == b"OK\n"
    assert run(cli + ["--raw", "get", "big"]) == data + b"\n"
    n = 50000
    words = b"".join(b"*3\r\n$3\r\nset\r\n$%d\r\n%d\r\n$1\r\nv\r\n" % (len(str(i)), i)
                     for i in range(n))
    out = run(cli + ["--pipe"], words).decode()
    assert "errors: 0, replies: %d" % n in out, out
    ear = site.start("subscriber", cli + ["--csv", "subscribe", "news"])
    ear.wait_for('"subscribe","news"')
    assert run(cli + ["publish", "news", "hello"]) == b"1\n"
    ear.wait_for('"message","news","hello"')


# iperf3.

def test_iperf3_both_ways(site, publish):
    port = free_port()
    s = site.start("iperf3", [tool("iperf3"), "-s", "-1", "--forceflush", "-B", "127.0.0.1",
                              "-p", str(port)])
    s.wait_for("listening")
    out = run([tool("iperf3"), "-c", "127.0.0.1", "-p", str(publish(port)), "--bidir", "-J",
               "-n", "200M"], timeout=120)
    end = json.loads(out)["end"]
    for way in ("sum_sent", "sum_received", "sum_sent_bidir_reverse", "sum_received_bidir_reverse"):
        assert end[way]["bytes"] > 4 * MIB, end
    s.wait(30)


# Half-close.

class Peer:
    """A tool that listens; ready when it says so. Its output never waits for a reader."""

    def __init__(self, argv, data=None):
        self.out = tempfile.TemporaryFile()
        self.proc = subprocess.Popen(argv, stdin=data or subprocess.DEVNULL, stdout=self.out,
                                     stderr=subprocess.PIPE, start_new_session=True)
        while b"istening on" not in self.proc.stderr.readline():
            assert self.proc.poll() is None

    def end(self):
        """Its end and its output."""
        self.proc.communicate(timeout=60)
        assert self.proc.returncode == 0
        self.out.seek(0)
        return self.out.read()

    def close(self):
        self.proc.kill()
        self.proc.communicate()
        self.out.close()


@pytest.fixture
def answer(site):
    """(command, its answer to a question): reads to the end, and answers only then."""
    data = os.urandom(7 * MIB)
    with open(site.path("data"), "wb") as f:
        f.write(data)
    script = site.write("answer", "sha256sum\ncat %s\n" % site.path("data"))
    return "EXEC:sh " + script, lambda question: b"%s  -\n" % sha(question).encode() + data


def test_nc_ends_first(site, publish, answer):
    port = free_port()
    exe, expected = answer
    target = site.own(Peer([tool("socat"), "-dd", "-t", "600",
                            "TCP-LISTEN:%d,bind=127.0.0.1" % port, exe]))
    question = os.urandom(3 * MIB)
    out = run([tool("nc"), "-N", "127.0.0.1", str(publish(port))], question)
    assert out == expected(question)
    target.end()


def test_nc_as_target_ends_first(site, publish, answer):
    port = free_port()
    exe, expected = answer
    with open(site.path("data"), "rb") as f:
        target = site.own(Peer([tool("nc"), "-v", "-N", "-l", "127.0.0.1", str(port)], f))
        run([tool("socat"), "-t", "600", "TCP:127.0.0.1:%d" % publish(port), exe])
        f.seek(0)
        assert target.end() == expected(f.read())


@pytest.fixture
def pair(site, publish):
    """(client, target) of a connection through the tunnel."""
    target = site.listener()
    client = site.connect(publish(target.port))
    return client, target.accept()


@pytest.mark.parametrize("first", ["client", "target"])
@pytest.mark.parametrize("size", [0, 1, 3 * MIB])
def test_half_close(pair, first, size):
    a, b = pair if first == "client" else reversed(pair)
    data = pattern(5, size)
    writer = threading.Thread(target=lambda: (a.sendall(data), a.shutdown(socket.SHUT_WR)))
    writer.start()
    assert read_to_end(b) == data           # the end is here, the other half is open
    writer.join()
    for i in range(3):
        b.sendall(b"answer %d" % i)
        assert read_exactly(a, 8) == b"answer %d" % i
    writer = threading.Thread(target=lambda: (b.sendall(data), b.close()))
    writer.start()
    assert read_to_end(a) == data
    writer.join()


# Ends that are no good ends.

def test_target_resets_at_once(pair):
    client, target = pair
    reset(target)
    assert ended_by_reset(client)


def test_target_resets_after_an_answer(pair):
    client, target = pair
    client.sendall(b"question")
    assert read_exactly(target, 8) == b"question"
    target.sendall(b"half an ans")
    assert read_exactly(client, 11) == b"half an ans"
    reset(target)
    assert ended_by_reset(client)


def test_target_closes_with_unread_data(pair):
    client, target = pair
    client.sendall(b"unread")
    until(lambda: target.recv(100, socket.MSG_PEEK) == b"unread", "the data does not come")
    target.close()                          # the kernel makes that a RST
    assert ended_by_reset(client)


def test_target_resets_a_download(site, publish):
    """A client that is behind loses the rest and is told so."""
    listener = site.listener()
    client = site.connect(("127.0.0.1", publish(listener.port)), rcvbuf=16384)
    target = listener.accept()
    target.setblocking(False)
    sent = 0
    with pytest.raises(BlockingIOError):
        while True:
            sent += target.send(pattern(sent, 65536))
    first = read_exactly(client, 100000)
    assert first == pattern(0, 100000)
    reset(target)
    rest = bytearray()
    with pytest.raises(ConnectionResetError):
        while True:
            got = client.recv(65536)
            assert got, "a clean end after %d of %d bytes" % (len(first) + len(rest), sent)
            rest += got
    assert rest == pattern(100000, len(rest)) and len(first) + len(rest) <= sent


def test_target_ends_and_resets(pair):
    """FIN, and RST for what comes later."""
    client, target = pair
    target.shutdown(socket.SHUT_WR)
    assert client.recv(10) == b""
    reset(target)
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        for _ in range(10000):
            client.sendall(b"x" * 1000)
            until(lambda: client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (
                0, errno.ECONNRESET, errno.EPIPE), "an error")


def test_client_resets(pair):
    client, target = pair
    client.sendall(b"abc")
    assert read_exactly(target, 3) == b"abc"
    reset(client)
    assert ended_by_reset(target)


def refused(site, public):
    """A client with a question; True if all it gets is RST."""
    try:
        client = site.connect(public)
        client.sendall(b"is anybody there?")
    except ConnectionResetError:            # so soon
        return True
    with pytest.raises(ConnectionResetError):
        assert client.recv(100) == b"no data, and no clean end"
    return True


def test_target_refuses(site, publish):
    public = publish(free_port())
    for _ in range(3):
        assert refused(site, public)
    publish.agent.wait_for("target 127.0.0.1:.*: Connection refused")
    assert re.search(r"streams +3 \(3 refused, 0 reset", publish.summary())


def test_target_appears_later(site, publish):
    port = free_port()
    public = publish(port)
    assert refused(site, public)
    target = site.listener(port)
    client = site.connect(public)
    client.sendall(b"now?")
    conn = target.accept()
    assert read_exactly(conn, 4) == b"now?"
    target.close()
    conn.sendall(b"yes")
    conn.close()
    client.shutdown(socket.SHUT_WR)
    assert read_to_end(client) == b"yes"
    assert refused(site, public)


def run_agent(site, server, target, **limits):
    """An agent for a target by name, or with limits; both need a file."""
    conf = site.write("adit.conf", settings({
        "server": "tcp://127.0.0.1:%d" % server.port, "name": site.folder.rsplit("-", 1)[1],
        "token_file": server.token_file, "limits": limits,
        "tunnels": [{"name": "t", "target": target}]}))
    a = site.start("adit", command("adit") + ["run", "-c", conf], Agent)
    a.wait_up()
    return a


def test_target_never_answers(site, server):
    full = site.listener(backlog=0)
    for _ in range(3):                      # what its backlog takes, and one more
        s = site.own(socket.socket())
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", full.port))
    agent = run_agent(site, server, "127.0.0.1:%d" % full.port, open_timeout="300ms")
    clients = [site.connect(agent.public[1]) for _ in range(4)]
    for c in clients:
        c.sendall(b"hello?")
    for c in clients:
        assert ended_by_reset(c)
    agent.wait_for("target 127.0.0.1:%d: does not answer" % full.port)


def test_client_leaves_while_the_target_does_not_answer(site, server):
    full = site.listener(backlog=0)
    for _ in range(3):
        s = site.own(socket.socket())
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", full.port))
    agent = run_agent(site, server, "127.0.0.1:%d" % full.port)
    fds = agent.fds()
    clients = [site.connect(agent.public[1]) for _ in range(20)]
    until(lambda: agent.fds() >= fds + 20, "the agent does not dial")
    for c in clients:
        reset(c)
    agent.wait_fds(fds)


def test_target_without_an_address(site, server):
    """No name server is asked for a name that cannot be one."""
    name = "x" * 64 + ".invalid"
    agent = run_agent(site, server, name + ":80")
    assert refused(site, agent.public[1])
    agent.wait_for("target %s:80: " % name)


def test_target_by_name(site, server):
    target = site.listener()
    agent = run_agent(site, server, "localhost:%d" % target.port)
    client = site.connect(agent.public[1])
    target.accept().sendall(b"here")
    assert read_exactly(client, 4) == b"here"
