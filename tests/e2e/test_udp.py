# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""UDP tunnels: whole datagrams, answers to who asked and to nobody else, and bounds under a flood.

Datagrams may be lost by right; on loopback, with nothing else going on, they are not, so tests ask
again only where something happens to the link in between.
"""

import os
import re
import socket
import threading
import time

import pytest

from harness import SLOW, Agent, command, free_ports, need, read_exactly, settings, until
from tools import run, tool

pytestmark = need("aditd", "adit")

MIB = 1 << 20
LARGEST = 65507


class UdpAgent(Agent):
    PUBLIC = r"udp://(\S+):(\d+)\s+->\s+(\S+)"


class Target:
    """A UDP service: answers with what it got, behind the number of the peer that asked."""

    def __init__(self, site, family=socket.AF_INET, answer=None):
        self.sock = site.own(socket.socket(family, socket.SOCK_DGRAM))
        self.sock.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        self.sock.settimeout(20 * SLOW)
        self.port = self.sock.getsockname()[1]
        self.peers = []
        self.answer = answer or (lambda data, n: data)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                data, peer = self.sock.recvfrom(65536)
            except OSError:
                return
            if peer not in self.peers:
                self.peers.append(peer)
            try:
                self.sock.sendto(self.answer(data, self.peers.index(peer)), peer)
            except OSError:
                pass


def udp_server(site, bind="127.0.0.1", name="server", **options):
    first = free_ports(8)
    plugins = {"route-udp": {"bind": bind, "range": "%d-%d" % (first, first + 7)}}
    plugins.update(options.pop("plugins", {}))
    server = site.server(name, ports=8, plugins=plugins, **options)
    server.udp_ports = first
    return server


def udp_agent(site, server, target, *args, port=None, wait=True, kind="udp"):
    argv = command("adit") + [kind, target if isinstance(target, str) else "127.0.0.1:%d" % target,
                              "--server", "tcp://127.0.0.1:%d" % server.port,
                              "--token-file", server.token_file]
    argv += ["--port", str(port)] if port else []
    agent = site.start("adit", argv + list(args), UdpAgent)
    if wait:
        agent.wait_up()
    return agent


def client(site, where, timeout=10.0):
    """A connected UDP socket: it gets only what comes from the address that it asks."""
    family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
    sock = site.own(socket.socket(family, socket.SOCK_DGRAM))
    sock.settimeout(timeout * SLOW)
    sock.connect(where)
    return sock


def ask(sock, data):
    sock.send(data)
    return sock.recv(65536)


def ask_again(sock, data, timeout=20.0):
    """Until there is an answer: for what happens to the link meanwhile."""
    end = time.monotonic() + timeout * SLOW
    sock.settimeout(0.2 * SLOW)
    while True:
        try:
            if ask(sock, data) == data:
                return
        except (TimeoutError, ConnectionRefusedError):
            assert time.monotonic() < end, "no answer"


def test_echo(site):
    target = Target(site)
    agent = udp_agent(site, udp_server(site), target.port)
    c = client(site, agent.public)
    for size in (5, 0, 1, 1472, 9000, LARGEST, 0, 3):
        data = os.urandom(size)
        assert ask(c, data) == data
    for _ in range(200):
        assert ask(c, b"again") == b"again"
    assert len(target.peers) == 1       # one client, one flow
    agent.stop()
    said = agent.text("out")
    assert re.search(r"UDP flows\s+1 \(0 refused", said), said
    assert re.search(r"datagrams\s+208 to targets, 208 to clients", said), said


def test_one_session_has_both_kinds(site):
    """TCP and UDP tunnels of one file; the same public port number, and a name that was the other's."""
    server = udp_server(site, limits={"reserve_for": "10m"})
    target, tcp = Target(site), site.listener()
    port = server.udp_ports
    text = settings({
        "server": "tcp://127.0.0.1:%d" % server.port, "token_file": server.token_file,
        "tunnels": [
            {"name": "dns", "target": "127.0.0.1:%d" % target.port, "route": "udp", "port": port},
            {"name": "web", "target": "127.0.0.1:%d" % tcp.port},
        ]})
    conf = site.write("agent/adit.conf", text)
    agent = site.start("adit", command("adit") + ["run", "-c", conf], Agent)
    up = agent.wait_for(r"tcp://(\S+):(\d+)\s+->")
    agent.wait_for(r"dns\s+udp://127.0.0.1:%d\s+->" % port)
    assert ask(client(site, ("127.0.0.1", port)), b"question") == b"question"
    c = site.connect(int(up.group(2)))
    s = tcp.accept()
    c.sendall(b"hello")
    assert read_exactly(s, 5) == b"hello"


def test_clients_are_kept_apart(site):
    """Each client gets its own answers only, whatever the order in which they are asked for."""
    target = Target(site, answer=lambda data, n: b"%d:" % n + data)
    agent = udp_agent(site, udp_server(site), target.port)
    clients = [client(site, agent.public) for _ in range(40)]
    for i, c in enumerate(clients):
        assert ask(c, b"first-%d" % i) == b"%d:first-%d" % (i, i)
    for round_ in range(5):
        for i, c in enumerate(clients):
            c.send(b"r%d-%d" % (round_, i))
        for i, c in reversed(list(enumerate(clients))):
            assert c.recv(100) == b"%d:r%d-%d" % (i, round_, i)
    assert len(target.peers) == 40


def test_nobody_else_gets_anything(site):
    """A stranger to a flow, at the public side and at the agent's, is not heard."""
    target = Target(site)
    server = udp_server(site)
    agent = udp_agent(site, server, target.port)
    c = client(site, agent.public)
    assert ask(c, b"1") == b"1"
    stranger = site.own(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    stranger.sendto(b"forged", target.peers[0])
    assert ask(c, b"2") == b"2"


def test_wildcard_answers_from_where_it_was_asked(site):
    """Connected clients drop what comes from another address."""
    target = Target(site)
    agent = udp_agent(site, udp_server(site, bind="*"), target.port)
    port = int(agent.wait_for(r"udp://\S+?:(\d+)\s+->").group(1))
    for host in ("127.0.0.1", "127.0.0.2", "127.9.8.7"):
        c = client(site, (host, port))
        assert ask(c, host.encode()) == host.encode()
        assert ask(c, b"more") == b"more"


def test_ipv6(site):
    try:
        target = Target(site, socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6")
    server = udp_server(site, bind="::")
    agent = udp_agent(site, server, "[::1]:%d" % target.port)
    port = int(agent.wait_for(r"udp://\S+:(\d+)\s+->").group(1))
    c = client(site, ("::1", port))
    assert ask(c, b"six") == b"six"
    assert ask(c, bytes(LARGEST)) == bytes(LARGEST)


def test_flows_expire(site):
    """A silent flow ends, which closes the agent's socket; the next datagram begins another."""
    target = Target(site)
    server = udp_server(site, limits={"flow_idle": "1s"})
    agent = udp_agent(site, server, target.port, "--log-level", "debug")
    before = agent.fds()
    c = client(site, agent.public)
    assert ask(c, b"one") == b"one"
    assert agent.fds() == before + 1
    agent.wait_fds(before)
    assert ask(c, b"two") == b"two"
    assert len(target.peers) == 2
    agent.wait_fds(before)
    agent.wait_for(r"flow ended: 1 datagrams to the target, 0 dropped; 1 to the client")


def test_target_that_refuses(site):
    """ICMP says that nobody listens: the flow ends with that reason and the tunnel stays."""
    gone = site.own(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    gone.bind(("127.0.0.1", 0))
    port = gone.getsockname()[1]
    gone.close()
    server = udp_server(site)
    agent = udp_agent(site, server, port)
    c = client(site, agent.public)
    c.send(b"anybody?")
    agent.wait_for(r"target 127.0.0.1:%d: Connection refused" % port)
    back = site.own(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    back.bind(("127.0.0.1", port))
    back.settimeout(0.2 * SLOW)

    def heard():                        # what was sent to the flow that ends is lost
        c.send(b"now?")
        try:
            return back.recvfrom(100)
        except TimeoutError:
            return None
    data, peer = until(heard, "nothing comes through")
    assert data == b"now?"
    back.sendto(b"yes", peer)
    assert c.recv(100) == b"yes"


def test_flood_is_bounded(site):
    """A flood that nothing can take, beside a bulk stream: memory is bounded, the stream goes on, and
    what was lost is said."""
    target = Target(site)
    server = udp_server(site)
    sink = site.listener()
    conf = site.write("agent/adit.conf", settings({
        "server": "tcp://127.0.0.1:%d" % server.port, "token_file": server.token_file,
        "tunnels": [{"name": "u", "target": "127.0.0.1:%d" % target.port, "route": "udp"},
                    {"name": "t", "target": "127.0.0.1:%d" % sink.port}]}))
    agent = site.start("adit", command("adit") + ["run", "-c", conf], Agent)
    port = int(agent.wait_for(r"tcp://\S+:(\d+)\s+->").group(1))
    udp = int(agent.wait_for(r"udp://\S+:(\d+)\s+->").group(1))
    up = site.connect(port)
    down = sink.accept()
    before = server.rss(), agent.rss()
    stop = threading.Event()

    def flood():
        socks = [client(site, ("127.0.0.1", udp)) for _ in range(8)]
        data = bytes(8000)
        while not stop.is_set():
            for s in socks:
                try:
                    s.send(data)
                except OSError:
                    pass
    thread = threading.Thread(target=flood)
    thread.start()
    try:
        sender = threading.Thread(target=up.sendall, args=(bytes(64 * MIB),))
        sender.start()
        assert read_exactly(down, 64 * MIB) == bytes(64 * MIB)
        sender.join()
    finally:
        stop.set()
        thread.join()
    plain = os.environ.get("sanitizers", "no") == "no"
    for p, rss in zip((server, agent), before):
        assert not plain or p.rss() < rss + 24 * MIB, "%s: %d" % (p.name, p.rss())
    c = client(site, ("127.0.0.1", udp))
    ask_again(c, b"still there?")
    agent.stop()
    server.stop()
    assert re.search(r"UDP: 1?\d flows, \d+ datagrams from clients", server.text())


def test_flow_limits(site):
    """More clients than a source may have: the others are refused, counted, and let in when those
    before them are silent."""
    target = Target(site)
    server = udp_server(site, limits={"flows_per_source": 4, "flow_idle": "30s"})
    agent = udp_agent(site, server, target.port)
    clients = [client(site, agent.public) for _ in range(6)]
    for c in clients[:4]:
        assert ask(c, b"x") == b"x"
    for c in clients[4:]:
        c.send(b"y")
    server.wait_for(r"tunnel=\S+ so far lost \d+ because their source has all its flows")
    ask_again(clients[5], b"later")     # the oldest was silent for a second
    assert ask(clients[3], b"x") == b"x"


def test_agent_killed(site):
    """Nothing is heard while the agent is away; the flow begins anew with the next one."""
    target = Target(site)
    server = udp_server(site, limits={"resume_for": "0s"})
    agent = udp_agent(site, server, target.port)
    where = agent.public
    c = client(site, where)
    assert ask(c, b"before") == b"before"
    agent.kill()
    server.wait_for(r"closed: link_lost|closed: the link broke|closed: .*(broke|lost)")
    c.send(b"lost")
    server.wait_for(r"lost \d+ while the agent was away")
    again = udp_agent(site, server, target.port)
    assert again.public == where        # its port was kept
    ask_again(c, b"after")


def test_takeover(site):
    """The newer login of the same agent has the tunnel at once, with 4 workers mostly on another one:
    the socket moves."""
    target = Target(site)
    server = udp_server(site, conf={"workers": 4})
    c = None
    for i in range(6):
        agent = udp_agent(site, server, target.port, "--no-reconnect", wait=False)
        agent.wait_up()
        c = c or client(site, agent.public)
        ask_again(c, b"after takeover %d" % i)
    assert agent.public == c.getpeername()


def test_many_agents_on_workers(site):
    server = udp_server(site, conf={"workers": 4})
    pairs = []
    for i in range(6):
        target = Target(site, answer=lambda data, n, i=i: b"%d" % i + data)
        agent = udp_agent(site, server, target.port, "--agent", "a%d" % i)
        pairs.append((i, client(site, agent.public)))
    for _ in range(20):
        for i, c in pairs:
            assert ask(c, b"?") == b"%d?" % i


def test_several_sessions(site):
    """The front is where at least one of the agent's sessions is, whichever leaves first."""
    target = Target(site)
    server = udp_server(site, conf={"workers": 4})
    agent = udp_agent(site, server, target.port, "--sessions", "3")
    clients = [client(site, agent.public) for _ in range(12)]
    for round_ in range(5):
        for i, c in enumerate(clients):
            data = b"%d-%d" % (round_, i)
            assert ask(c, data) == data
    agent.stop()
    again = udp_agent(site, server, target.port, "--sessions", "2")
    assert again.public == agent.public
    for c in clients:
        ask_again(c, b"anew")


def test_server_stops_while_flows_are_open(site):
    """Drain waits for no flow."""
    target = Target(site)
    server = udp_server(site, limits={"drain_for": "60s"})
    agent = udp_agent(site, server, target.port)
    assert ask(client(site, agent.public), b"x") == b"x"
    began = time.monotonic()
    assert server.stop(30) == 0
    assert time.monotonic() - began < 30 * SLOW
    assert re.search(r"tunnel=udp-%d closed: 1 flows, 1 datagrams in, 1 out" % target.port,
                     server.text())


def test_kinds_must_agree(site):
    """A tunnel for UDP on a route for TCP is refused with that reason, and the other way round."""
    server = udp_server(site)
    for protocol, route in (("udp", "port"), ("tcp", "udp")):
        conf = site.write("agent-%s/adit.conf" % protocol, settings({
            "server": "tcp://127.0.0.1:%d" % server.port, "token_file": server.token_file,
            "tunnels": [{"name": "x", "target": "127.0.0.1:9", "route": route,
                         "protocol": protocol}]}))
        agent = site.start("adit", command("adit") + ["run", "-c", conf, "--no-reconnect"], Agent)
        agent.wait_for(r"not published: this route is for (TCP|UDP), and the tunnel is for")


def test_name_of_target(site):
    """Datagrams wait until the name is resolved."""
    target = Target(site)
    agent = udp_agent(site, udp_server(site), "localhost:%d" % target.port)
    assert ask(client(site, agent.public), b"by name") == b"by name"


def test_name_that_is_none(site):
    agent = udp_agent(site, udp_server(site), "no-such-host.invalid:53")
    client(site, agent.public).send(b"x")
    agent.wait_for(r"target no-such-host.invalid:53: ", 30)


def test_dig(site):
    """A real resolver behind the tunnel, asked by a real client, over UDP and over TCP."""
    dig, dnsmasq = tool("dig"), tool("dnsmasq")
    port = free_ports(1)
    site.start("dnsmasq", [dnsmasq, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
                           "--no-hosts", "--pid-file=", "--port=%d" % port, "--user=",
                           "--listen-address=127.0.0.1", "--bind-interfaces", "--edns-packet-max=4096", "--log-facility=-",
                           "--address=/adit.test/192.0.2.53",
                           "--txt-record=long.test," + ",".join("x" * 200 for _ in range(10))])

    def listens():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0
    until(listens, "dnsmasq")
    server = udp_server(site)
    agent = udp_agent(site, server, port)
    host, public = agent.public
    base = [dig, "@" + host, "-p", str(public), "+tries=3", "+short"]
    for _ in range(10):
        assert run(base + ["www.adit.test"]).strip() == b"192.0.2.53"
    assert run(base + ["+bufsize=4096", "long.test", "TXT"]).count(b"x") == 2000


def test_socat(site):
    """socat at both ends, its own datagrams."""
    socat = tool("socat")
    port = free_ports(1)
    site.start("socat", [socat, "UDP4-RECVFROM:%d,bind=127.0.0.1,fork" % port, "PIPE"])
    agent = udp_agent(site, udp_server(site), port)
    host, public = agent.public
    c = client(site, (host, public))
    ask_again(c, b"warm")               # socat is listening
    out = run([socat, "-t", "1", "-", "UDP4:%s:%d" % (host, public)], b"from socat\n")
    assert out == b"from socat\n"


def test_sessions_of_an_agent(site):
    """Flows belong to the session on the socket's worker; without one the socket goes to another's."""
    server = udp_server(site, conf={"workers": 4})
    target = Target(site)
    agent = udp_agent(site, server, target.port, "--sessions", "3")
    agent.wait_for("session 3 of 3 connected", 20)
    agent.wait_for("session 2 of 3 connected", 20)
    client = site.own(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    client.connect(("127.0.0.1", server.udp_ports))
    client.settimeout(0.2)
    ask_again(client, b"first")
    first = re.search(r"session (\w+) .* bound to udp", server.text()).group(1)
    link = re.search(r"session %s .* logged in from 127.0.0.1:(\d+)" % first, server.text()).group(1)
    run([tool("ss"), "-K", "dst", "127.0.0.1", "dport", "=", link])
    if not re.search(r"session %s .* closed" % first, server.text()):
        try:
            server.wait_for(r"session %s .* closed" % first, 2)
        except TimeoutError:
            pytest.skip("this kernel does not let ss close sockets")
    ask_again(client, b"second")
