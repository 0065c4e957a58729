# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Links inside WebSocket: both programs with each other, with python3-websockets, with ws of npm, and
with peers that break every rule of the tables beside the plugin."""

import base64
import hashlib
import os
import re
import subprocess
import sys
import threading

import pytest

from aditsession import AgentPeer, ServerPeer
from aditwire import Token
from harness import Agent, command, free_port, need, read_to_end, settings
from test_integrity import integrity
from tlsworld import TlsWorld
from tools import tool
from wspeer import BINARY, CLOSE, PING, PONG, Frames, WsSocket, frame, next_frames, shake
from wstables import ANSWER, REQUEST, hex_bytes, message, rows
import wstables

pytestmark = need("aditd", "adit")

HERE = os.path.dirname(os.path.abspath(__file__))


def ws_server(site, ws=None, **options):
    """aditd that takes WebSocket on .ws_port, with .url for agents. ws: options of transport-ws."""
    port = free_port()
    plugins = {"transport-ws": dict({"listen": "127.0.0.1:%d" % port}, **(ws or {}))}
    server = site.server(plugins=plugins, **options)
    server.ws_port, server.url = port, "ws://127.0.0.1:%d" % port
    return server


def ws_agent(site, url, token_file, target, *args, conf=None, wait=True):
    """adit with one tunnel; conf: keys of its configuration file."""
    path = site.write("adit.conf", settings(conf or {}))
    argv = command("adit") + ["run", "-c", path, "--server", url, "--local",
                              "127.0.0.1:%d" % target, "--token-file", token_file, *args]
    p = site.start("adit", argv, Agent)
    if wait:
        p.wait_up()
    return p


@pytest.fixture(scope="module")
def server(shared):
    return ws_server(shared)


def exchange(client, target, size):
    """size bytes each way at once; both ends are sockets."""
    up, down = os.urandom(size), os.urandom(size)
    got = {}

    def end(sock, out, name):
        writer = threading.Thread(target=lambda: (sock.sendall(out), sock.shutdown(1)))
        writer.start()
        got[name] = read_to_end(sock)
        writer.join()

    other = threading.Thread(target=end, args=(target, down, "target"))
    other.start()
    end(client, up, "client")
    other.join()
    assert got["target"] == up and got["client"] == down


# Both programs.

def test_tunnel(site):
    server = ws_server(site)
    target = site.listener()
    agent = ws_agent(site, server.url, server.token_file, target.port)
    for size in (0, 1, 125, 126, 65535, 65536, 65537, 3000000):
        client = site.connect(agent.public)
        exchange(client, target.accept(), size)
    agent.stop()
    server.wait_for("leaves")


def test_integrity(site):
    """Every size and every kind of ending, as over bare TCP."""
    server = ws_server(site)
    target = site.listener()
    port = target.port
    target.close()
    agent = ws_agent(site, server.url, server.token_file, port)
    full = os.environ.get("ADIT_FULL") == "1"
    integrity(port, agent.public, 2000 if full else 200, "64MiB" if full else "2MiB", 16, 1200)


def test_path(site):
    server = ws_server(site, ws={"path": "/somewhere/else"})
    target = site.listener()
    p = ws_agent(site, server.url, server.token_file, target.port, "--no-reconnect", wait=False)
    p.wait_for(r"answers 404 Not Found for /adit: is transport-ws enabled there, is the path right\?")
    server.wait_for("warn .*answered 404 Not Found: no WebSocket at this path")
    for url, conf in ((server.url + "/somewhere/else", {}),
                      (server.url + "/somewhere/else?who=me", {}),
                      (server.url, {"transport-ws": {"path": "/somewhere/else"}})):
        ws_agent(site, url, server.token_file, target.port, conf=conf).stop()


# What the agent asks with.

def asked(site, url="", conf=None):
    """The lines of the agent's request."""
    here = site.listener()
    token = site.write("token", Token.make().text + "\n")
    p = ws_agent(site, "ws://127.0.0.1:%d%s" % (here.port, url), token, 9, "--no-reconnect",
                 conf=conf, wait=False)
    sock = here.accept()
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        got += sock.recv(65536)
    sock.close()
    p.wait()
    return here.port, got.decode("ascii").split("\r\n")[:-2]


def test_request(site):
    port, lines = asked(site)
    assert lines[0] == "GET /adit HTTP/1.1"
    assert "Host: 127.0.0.1:%d" % port in lines
    assert "Sec-WebSocket-Protocol: adit.1" in lines
    assert not any("xtensions" in line for line in lines)
    assert any(line.startswith("User-Agent: adit/") for line in lines)


def test_request_with_fields(site):
    secret = site.write("front", "X-Secret: s3cr3t\n\nX-More: x\n")
    _, lines = asked(site, "/way?q=1", {"transport-ws": {
        "path": "/another", "headers": ["Host: front.example", "User-Agent: mine", "X-Site: north"],
        "headers_file": secret}})
    assert lines[0] == "GET /way?q=1 HTTP/1.1"
    for line in ("X-Secret: s3cr3t", "X-More: x", "X-Site: north"):
        assert line in lines
    assert [x for x in lines if x.startswith("Host:")] == ["Host: front.example"]
    assert [x for x in lines if x.startswith("User-Agent:")] == ["User-Agent: mine"]


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


ACCEPT = accept_of(wstables.KEY.encode())


def answer_once(listener, data):
    sock = listener.accept()
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        got += sock.recv(65536)
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", got)[1]
    sock.sendall(data.replace(ACCEPT, accept_of(key)))
    return sock


@pytest.mark.parametrize("name,edits,words", rows("answers.txt", 3), ids=lambda v: None)
def test_answers(shared, name, edits, words):
    """What the user is told when something else answers; every row of the table but the good ones."""
    if words == "up":
        return
    here = shared.listener()
    token = shared.write("any-token", Token.make().text + "\n")
    p = ws_agent(shared, "ws://127.0.0.1:%d" % here.port, token, 9, "--no-reconnect", wait=False)
    sock = answer_once(here, message(ANSWER, edits))
    assert words in p.wait_for("stopped: .*")[0]
    assert p.wait() != 0
    sock.close()
    here.close()


# Plain HTTP and every bad request, on one port with links.

METHOD = rb"(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT|PRI) "

@pytest.mark.parametrize("name,edits,status,words", rows("requests.txt", 4), ids=lambda v: None)
def test_requests(server, shared, name, edits, status, words):
    sock = shared.connect(server.ws_port)
    data = message(REQUEST, edits)
    sock.sendall(data)
    if status == "101":
        sock.sendall(frame(CLOSE, b"\x03\xe8"))
    if not re.match(METHOD, data):
        assert read_to_end(sock) == b"", "it is no HTTP, so nothing answers in it"
        return
    got = read_to_end(sock)
    head, body = got.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 %s " % status.encode()), name
    if status == "101":
        assert Frames(body).feed() == [(CLOSE, b"\x03\xe8")]
    elif not edits.startswith("first: HEAD"):
        assert words.encode() in body and b"Connection: " in head
        assert len(body) == int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    sock.close()


def test_byte_by_byte(server, shared):
    sock = shared.connect(server.ws_port)
    for byte in message(REQUEST, "-"):
        sock.sendall(bytes([byte]))
    assert read_head(sock).startswith(b"HTTP/1.1 101 ")


def read_head(sock):
    got = b""
    while b"\r\n\r\n" not in got:
        more = sock.recv(65536)
        assert more, got
        got += more
    return got


def test_curl(server):
    out = subprocess.run([tool("curl"), "-sS", "-i", "--max-time", "20",
                          "http://127.0.0.1:%d/" % server.ws_port],
                         capture_output=True, check=True).stdout
    assert out.startswith(b"HTTP/1.1 200 OK") and out.endswith(b"by WebSocket.\n")


def test_health_checks_fill_no_log(site):
    server = ws_server(site)
    before = server.mark()
    for edits in ("first: GET / HTTP/1.1 ;; drop: Upgrade", "first: HEAD / HTTP/1.1 ;; drop: Upgrade",
                  "first: GET /favicon.ico HTTP/1.1 ;; drop: Upgrade"):
        sock = site.connect(server.ws_port)
        sock.sendall(message(REQUEST, edits))
        read_to_end(sock)
    sock = site.connect(server.ws_port)
    sock.sendall(message(REQUEST, "drop: Upgrade"))
    read_to_end(sock)
    server.wait_for("warn .*answered 426 Upgrade Required", after=before)
    assert server.mark() == before + 1


# Frames.

def server_rows():
    """Rows for the server whose payload does not already end the session inside."""
    for row in rows("frames.txt", 5):
        words = row[3].split()
        data = len(b"".join(hex_bytes(w) for b, w in zip(words, words[1:]) if b == "data"))
        if row[1] == "server" and data < 8 and len(words) > 0:
            yield row


@pytest.mark.parametrize("name,_,data,events,words", server_rows(), ids=lambda v: None)
def test_frames(server, shared, name, _, data, events, words):
    """Every bad frame ends the link with its code, and pings and ends are answered."""
    sock = shared.connect(server.ws_port)
    frames = Frames(shake(sock))
    sock.sendall(hex_bytes(data))
    want = events.split()
    got = []
    if "ping" in want:
        got = next_frames(sock, frames, lambda out: any(op == PONG for op, _ in out))
        payload = hex_bytes(want[want.index("ping") + 1]) if want[-1] != "ping" else b""
        assert got == [(PONG, payload)]
    elif "bad" in want or "close" in want:
        code = int(want[want.index("bad" if "bad" in want else "close") + 1])
        got = next_frames(sock, frames, lambda out: False)
        assert [op for op, _ in got] == [CLOSE]
        assert int.from_bytes(got[0][1][:2], "big") == (1000 if code == 1005 else code)
        assert words.encode() in got[0][1]
    sock.close()


# Adit's own frames.

def both_ends(p, sid, sock, size):
    """A stream of a Python peer carries size bytes each way; sock is its other end."""
    here, there = os.urandom(size), os.urandom(size)
    got = []

    def write():
        sock.sendall(there)
        sock.shutdown(1)

    threads = [threading.Thread(target=write),
               threading.Thread(target=lambda: got.append(read_to_end(sock)))]
    for thread in threads:
        thread.start()
    p.send_data(sid, here, timeout=60)
    p.send("FIN", sid)
    data, end = p.read_end(sid, timeout=60)
    for thread in threads:
        thread.join()
    assert (data, end) == (there, "fin") and got == [here]
    p.ping()


def both_ways(site, p, size):
    """The same through a tunnel of a Python agent."""
    address = p.bind()
    client = site.connect(int(address.rsplit(":", 1)[1]), timeout=60)
    both_ends(p, p.accept().sid, client, size)


@pytest.mark.parametrize("chop", [None, 1000, 7], ids=["whole", "fragments", "crumbs"])
def test_messages_mean_nothing(server, shared, chop):
    """Frames of Adit are cut by messages of WebSocket anyhow, with pings in between."""
    p = AgentPeer(WsSocket(shared.connect(server.ws_port), chop), timeout=30)
    p.login(Token(server.token), "chop%s" % chop)
    both_ways(shared, p, 3000 if chop == 7 else 300000)
    assert p.sock.pongs > 0 or chop is None
    p.send_raw(b"no frame of Adit")
    p.expect_close("protocol")
    assert p.sock.close_code == 1000


def test_pings_are_no_burden(server, shared):
    """A flood of pings from a peer that reads nothing is taken in, costs no memory, and the last is
    answered."""
    ws = WsSocket(shared.connect(server.ws_port, rcvbuf=4096), None)
    p = AgentPeer(ws)
    p.login(Token(server.token), "flood")
    before = server.rss()
    ws.setblocking(True)
    some = b"".join(frame(PING, b"%0125d" % i) for i in range(1000))
    for _ in range(200):
        ws.sock.sendall(some)
    ws.sock.sendall(frame(PING, b"the last"))
    ws.setblocking(False)
    p.ping()
    assert server.rss() - before < 12 << 20 # 26 MB of pongs were asked for
    assert 0 < ws.pongs < 1000


# Other people's WebSocket.

def bridge_command(kind):
    if kind == "python":
        for python in (sys.executable, "/usr/bin/python3"):
            if subprocess.run([python, "-c", "import websockets"], check=False,
                              capture_output=True).returncode == 0:
                return [python, os.path.join(HERE, "wsbridge.py")], {}
        pytest.skip("python3-websockets is not installed")
    env = {"NODE_PATH": "/usr/share/nodejs:/usr/lib/nodejs"}
    node = tool("node")
    if subprocess.run([node, "-e", "require('ws')"], check=False, capture_output=True,
                      env=dict(os.environ, **env)).returncode != 0:
        pytest.skip("node-ws (ws of npm) is not installed")
    return [node, os.path.join(HERE, "wsbridge.js")], env


@pytest.mark.parametrize("kind", ["python", "npm"])
def test_foreign_client(site, kind):
    argv, env = bridge_command(kind)
    server = ws_server(site)
    inside = site.listener()
    bridge = site.start("bridge", argv + ["client", server.url + "/adit", str(inside.port)], env=env)
    p = AgentPeer(inside.accept(30), timeout=60)
    p.login(Token(server.token), "foreign")
    bridge.wait_for("subprotocol adit.1")
    both_ways(site, p, 1000000)
    p.close()
    server.wait_for("the agent closed the WebSocket: 1000")
    bridge.wait_for("closed 1000")


@pytest.mark.parametrize("kind", ["python", "npm"])
def test_foreign_server(site, kind):
    argv, env = bridge_command(kind)
    inside, target = site.listener(), site.listener()
    bridge = site.start("bridge", argv + ["server", str(inside.port)], env=env)
    port = int(bridge.wait_for(r"port (\d+)", 30)[1])
    token = Token.make()
    agent = ws_agent(site, "ws://127.0.0.1:%d" % port, site.write("token", token.text + "\n"),
                     target.port, "--no-reconnect", wait=False)
    p = ServerPeer(inside.accept(30), [token], timeout=60)
    assert p.login()
    bridge.wait_for("path /adit")
    tunnel = p.bound()["tunnel"]
    st = p.open(tunnel=tunnel)
    t = target.accept()
    p.wait_for("OPEN_OK", st.sid)
    up, down = os.urandom(1000000), os.urandom(1000000)
    both_ends(p, st.sid, t, 1000000)
    p.close()
    agent.wait_for("the server closed the WebSocket: 1000")
    assert agent.wait() != 0


# Slow and hostile handshakes.

HANDSHAKES = {
    "silent": (b"", b""), "a letter": (b"G", b""), "a word": (b"GET ", b""),
    "half": (message(REQUEST, "-")[:60], b""), "all but the last byte": (message(REQUEST, "-")[:-1], b""),
    "a byte at a time": (b"", message(REQUEST, "pad: 4000")),
    "silent behind it": (message(REQUEST, "-"), b""),
    "half a frame": (message(REQUEST, "-") + b"\x82", b""),
    "pings behind it": (message(REQUEST, "-"), frame(PING, b"x") * 1000),
    "empty messages behind it": (message(REQUEST, "-"), frame(BINARY) * 1000),
}


def test_deadline(site):
    """All are closed when the time for logging in is over, however they drag it out; a session that is
    there does not notice."""
    server = ws_server(site, limits={"handshake_timeout": "1s"})
    p = AgentPeer(WsSocket(site.connect(server.ws_port)), timeout=30)
    p.login(Token(server.token), "canary")
    slow = {name: site.connect(server.ws_port) for name in HANDSHAKES}
    for name, (first, _) in HANDSHAKES.items():
        slow[name].sendall(first)
    done = threading.Event()

    def drip():
        drops = {name: bytearray(rest) for name, (_, rest) in HANDSHAKES.items() if rest}
        while not done.wait(0.05):
            for name, rest in drops.items():
                try:
                    slow[name].send(rest[:1])
                    del rest[:1]
                except OSError:
                    pass

    thread = threading.Thread(target=drip)
    thread.start()
    for sock in slow.values():
        try:
            read_to_end(sock)
        except ConnectionResetError:
            pass                        # what was on its way was not read any more
    done.set()
    thread.join()
    p.ping()
    server.wait_for("closed: timeout: login took too long")


# Behind a proxy.

def behind_proxy(site, server, forwarded):
    edits = "-" if forwarded is None else "add: X-Forwarded-For: " + forwarded
    return AgentPeer(WsSocket(site.connect(server.ws_port), edits=edits))


def test_trusted_proxy(site):
    """What a trusted proxy says decides whose logins fail and who waits; the proxy itself does not."""
    server = ws_server(site, ws={"trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"]},
                       limits={"fail_penalty": "60s", "penalty_from": "1s"})
    bad = Token.make()
    for where, seen in (("192.0.2.1", "192.0.2.1"), ("6.6.6.6, 192.0.2.2, 10.1.2.3", "192.0.2.2"),
                        ("2001:db8:5::1", "2001:db8:5::1")):
        p = behind_proxy(site, server, where)
        p.start()
        p.auth(bad, "x")
        p.expect("AUTH_FAIL", code="auth_failed")
        server.wait_for("link from %s agent=x login by token refused" % re.escape(seen))
        server.wait_for("address %s is refused for" % re.escape(seen))
    p = behind_proxy(site, server, "6.6.6.6, 192.0.2.1")
    p.send_hello()
    p.expect_close("busy")
    p = behind_proxy(site, server, "192.0.2.3")
    p.login(Token(server.token), "another")
    server.wait_for("agent=another logged in from 192.0.2.3 by token")
    p = behind_proxy(site, server, None)
    p.login(Token(server.token), "itself")
    server.wait_for(r"agent=itself logged in from 127\.0\.0\.1:")


def test_proxy_that_is_not_trusted(site):
    server = ws_server(site)
    p = behind_proxy(site, server, "192.0.2.1")
    p.login(Token(server.token), "x")
    server.wait_for(r"agent=x logged in from 127\.0\.0\.1:")


# Inside TLS.

@pytest.fixture
def tls(site):
    """A world in which transport-ws and transport-tls, and nothing else, share the server's port."""
    w = TlsWorld(site)
    port = free_port()
    w.mint("server", names="localhost,127.0.0.1", issuer="ca")
    w.srv = site.server(port=port, plugins={
        "transport-tcp": None, "transport-ws": {"listen": "127.0.0.1:%d" % port},
        "transport-tls": {"listen": "127.0.0.1:%d" % port, "certificate": w.pem("server"),
                          "key": w.key("server")}})
    return w


def s_client(tls, *alpn):
    """A socket into the server's TLS, by openssl."""
    return tls.through([tool("openssl"), "s_client", "-quiet", "-connect",
                        "127.0.0.1:%d" % tls.srv.port, "-CAfile", tls.pem("ca"),
                        "-verify_return_error", *alpn])


@pytest.mark.parametrize("alpn", [("-alpn", "http/1.1"), ()], ids=["http/1.1", "no ALPN"])
def test_wss_from_outside(tls, site, alpn):
    """What a library or a browser does, and plain HTTP by the same way."""
    p = AgentPeer(WsSocket(s_client(tls, *alpn)), timeout=30)
    p.login(Token(tls.srv.token), "outside")
    both_ways(site, p, 300000)
    sock = s_client(tls, *alpn)
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert read_head(sock).startswith(b"HTTP/1.1 200 OK\r\n")


def test_frames_of_adit_beside_wss(tls, site):
    p = AgentPeer(s_client(tls, "-alpn", "adit/1"), timeout=30)
    p.login(Token(tls.srv.token), "beside")
    both_ways(site, p, 300000)


def test_bare_websocket_beside_wss_on_loopback(tls, site):
    """What does not encrypt is served on loopback, here by the same port."""
    p = AgentPeer(WsSocket(site.connect(tls.srv.port)), timeout=30)
    p.login(Token(tls.srv.token), "bare")
    both_ways(site, p, 300000)


@pytest.mark.parametrize("path", ["", "/adit"], ids=["no path", "path"])
def test_wss(tls, site, path):
    target = site.listener()
    agent = ws_agent(site, "wss://localhost:%d%s" % (tls.srv.port, path), tls.srv.token_file,
                     target.port, conf={"transport-tls": {"ca_file": tls.pem("ca")}})
    for size in (0, 1, 70000, 3000000):
        client = site.connect(agent.public)
        exchange(client, target.accept(), size)


def test_wss_integrity(tls, site):
    target = site.listener()
    port = target.port
    target.close()
    agent = ws_agent(site, "wss://localhost:%d" % tls.srv.port, tls.srv.token_file, port,
                     conf={"transport-tls": {"ca_file": tls.pem("ca")}})
    full = os.environ.get("ADIT_FULL") == "1"
    integrity(port, agent.public, 2000 if full else 150, "64MiB" if full else "2MiB", 16, 1200)


def test_wss_verifies_the_server(tls, site):
    p = ws_agent(site, "wss://localhost:%d" % tls.srv.port, tls.srv.token_file, 9,
                 "--no-reconnect", wait=False,
                 conf={"transport-tls": {"pin": "sha256-" + "A" * 43}})
    p.wait_for("stopped: .*pin")
    assert p.wait() != 0


def test_wss_where_only_tls_is(site):
    """The server's log says what has come."""
    w = TlsWorld(site)
    server = w.server()
    p = ws_agent(site, "wss://localhost:%d" % server.port, server.token_file, 9, "--no-reconnect",
                 wait=False, conf={"transport-tls": {"ca_file": w.pem("ca")}})
    server.wait_for("47 45 54 20 inside tls is not anything that is taken")
    assert p.wait() != 0
