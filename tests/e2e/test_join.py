# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""The way of an agent from a join line to a tunnel, with everything that can go wrong on it."""

import os
import re
import selectors
import socket
import stat
import subprocess
import threading

from harness import RST_ON_CLOSE, SLOW, command, free_port, free_ports, need, settings
from tools import mint

pytestmark = need("aditd", "adit", "aditctl")

LINE = re.compile(r"adit://(adit_[a-z2-7]{8}_[\w-]{49})@([^/?\s]+)\?pin=(sha256-[\w-]{43})")


class World:
    """A server that aditd init has made, its join lines, and homes of agents."""

    def __init__(self, site, *, limits=None):
        self.site = site
        self.said = []                  # by all commands that are over
        self.secrets = []               # that nobody may say
        self.port = free_port()
        self.dir = site.path("server")
        os.mkdir(site.path("home"), 0o700)
        out, _ = self.run("aditd", "init", self.dir, "--listen", "127.0.0.1:%d" % self.port)
        self.first = self.take(out)
        first = free_ports(16)
        for kind in ("port", "udp"):
            site.write("server/conf.d/50-route-%s.conf" % kind, settings({"route-" + kind: {
                "bind": "127.0.0.1", "range": "%d-%d" % (first, first + 15)}}))
        self.conf = os.path.join(self.dir, "aditd.conf")
        with open(self.conf, "a", encoding="utf-8") as f:
            f.write(settings({"limits": dict({"drain_for": "1s", "fail_penalty": "0",
                                              "unauthenticated_per_source": 64}, **(limits or {}))}))
        self.server = self.start()

    def start(self):
        server = self.site.start("aditd", command("aditd") + ["-c", self.conf])
        server.dies_of_sigterm = False
        server.wait_for(r"\bready\b", 20)
        return server

    def run(self, program, *args, status=0, stdin=None, home=None):
        env = dict(self.site.env, HOME=home or self.site.path("home"))
        done = subprocess.run(command(program) + list(args), check=False, env=env,
                              input=stdin if stdin is not None else "", capture_output=True,
                              text=True, timeout=60 * SLOW)
        self.said.append(done.stderr + ("" if program != "adit" else done.stdout))
        if status is not None:
            assert done.returncode == status, done.stdout + done.stderr
        return done.stdout, done.stderr

    def take(self, text):
        """The join line in a text; it is to be found nowhere else."""
        m = LINE.search(text)
        assert m, text
        self.secrets.append(m.group(1)[14:])
        return m.group(0)

    def invite(self, *args):
        return self.take(self.run("aditctl", "-c", self.conf, "invite", *args)[0])

    def join(self, line, *args, home=None, status=0):
        return self.run("adit", "join", "-", *args, stdin=line + "\n", home=home, status=status)

    def tokens(self):
        with open(os.path.join(self.dir, "state", "tokens"), encoding="ascii") as f:
            return f.read()

    def files(self, home=None):
        """All that is below a home, with its mode."""
        top = home or self.site.path("home")
        found = {}
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                found[os.path.relpath(path, top)] = stat.S_IMODE(os.stat(path).st_mode)
        return found

    def check_silence(self):
        """No secret is in anything that was said or logged, nor in the server's file."""
        everything = "\n".join(self.said + [p.text() for p in self.site.programs])
        for name in self.files():
            if name.endswith(".token"):
                with open(os.path.join(self.site.path("home"), name), encoding="ascii") as f:
                    self.secrets.append(f.read().strip()[14:])
        for secret in self.secrets:
            assert secret not in everything
            assert secret not in self.tokens()


def test_join_and_publish(site):
    w = World(site)
    out, err = w.join(w.first)
    assert 'as server "default". Now: adit tcp 22\n' in out and "adit: " not in err
    files = w.files()
    assert len(files) == 2 and ".config/adit/servers/default.conf" in files
    assert set(files.values()) == {0o600}
    for folder in (".config", ".config/adit", ".config/adit/servers"):
        assert stat.S_IMODE(os.stat(os.path.join(site.path("home"), folder)).st_mode) == 0o700
    target = site.listener()
    agent = site.start("adit", command("adit") + ["tcp", str(target.port)],
                       env={"HOME": site.path("home")})
    m = agent.wait_for(r"tcp://(\S+):(\d+)\s+->")
    client = site.connect((m.group(1), int(m.group(2))))
    client.sendall(b"through TLS")
    assert target.accept().recv(100) == b"through TLS"
    agents = w.run("aditctl", "-c", w.conf, "agents")[0]
    assert " tls " in agents
    # A reload and a restart: the token stays.
    w.run("aditctl", "-c", w.conf, "reload")
    agent.stop()
    w.server.stop()
    w.server = w.start()
    again = site.start("adit", command("adit") + ["tcp", str(target.port)],
                       env={"HOME": site.path("home")})
    again.wait_for(r"tcp://(\S+):(\d+)\s+->")
    again.stop()
    w.check_silence()


def test_refusals_leave_nothing(site):
    """Used twice, expired, wrong pin, no server, not a line: a clear text, and no file."""
    w = World(site)
    home = site.path("winner")
    os.mkdir(home, 0o700)
    w.join(w.first, home=home)
    assert len(w.files(home)) == 2
    _, err = w.join(w.first, status=77)
    assert "refuses the invite: it was used" in err
    late = w.invite("--expires", "30d")
    tokens = re.sub("invite=[0-9]*", "invite=2020", w.tokens())
    site.write("server/state/tokens", tokens)       # time passes
    w.run("aditctl", "-c", w.conf, "reload")
    _, err = w.join(late, status=77)
    assert "its time is over" in err
    w.server.wait_for("token %s has expired" % late[12:20])
    line = w.invite()
    pin = LINE.search(line).group(3)
    other = pin[:-2] + ("g" if pin[-2] != "g" else "h") + pin[-1]
    _, err = w.join(line.replace(pin, other), status=69)
    assert "the server's key is not the pinned one" in err
    closed = site.listener()
    closed.close()
    _, err = w.join(line.replace(":%d?" % w.port, ":%d?" % closed.port), status=69)
    assert "cannot connect" in err
    _, err = w.join(line[:-3], status=2)
    assert "too short: was the line copied whole?" in err
    _, err = w.join("", status=2)
    assert "is empty" in err
    assert os.listdir(site.path("home")) == []
    w.join(line)                        # it is good still: nobody has used it
    w.check_silence()


def test_names(site):
    """Several servers side by side, replaced only when that is said, and forgotten."""
    w = World(site)
    w.join(w.first)
    _, err = w.join(w.invite(), status=1)
    assert "default.conf is there already" in err and "--force" in err
    before = w.files()
    w.join(w.invite(), "--force")
    after = w.files()
    assert len(after) == 2 and after != before
    w.join(w.invite(), "--name", "work")
    target = site.listener()
    for args in ((), ("--server", "work")):
        agent = site.start("adit", command("adit") + ["tcp", str(target.port), *args],
                           env={"HOME": site.path("home")})
        agent.wait_for(r"tcp://(\S+):(\d+)\s+->")
        agent.stop()
    w.join(w.invite(), "--name", "home")
    w.run("adit", "leave")
    _, err = w.run("adit", "tcp", "22", status=78)
    assert "several servers were joined" in err and "work" in err and "home" in err
    _, err = w.run("adit", "tcp", "22", "--server", "wss://127.0.0.1:%d" % w.port, status=78)
    assert "a server that was joined is meant by its name" in err
    w.run("adit", "leave", "home")
    w.run("adit", "tcp", "22", "--check")
    conf = site.path("home/.config/adit/servers/work.conf")
    with open(conf, encoding="utf-8") as f:
        said = f.read()
    with open(conf, "w", encoding="utf-8") as f:
        f.write(said.replace("tls://", "wss://"))
    agent = site.start("adit", command("adit") + ["tcp", str(target.port)],
                       env={"HOME": site.path("home")})
    agent.wait_for(r"connected to wss://")
    agent.stop()
    _, err = w.run("adit", "leave", "home", status=1)
    assert "no server 'home' was joined; there are: work" in err
    w.run("adit", "leave", "work")
    assert w.files() == {}
    for bad in ("", ".x", "a/b", "x" * 65):
        _, err = w.join(w.invite(), "--name", bad, status=1)
        assert "--name: expected" in err
    assert w.files() == {}


def test_own_configuration(site):
    """Tunnels in adit.conf and the server from a join go together; its own server goes first."""
    w = World(site)
    w.join(w.first, "--name", "work")
    target = site.listener()
    site.write("home/.config/adit/adit.conf",
               'tunnels = ( { name = "one"; target = "%d"; } );\n' % target.port)
    agent = site.start("adit", command("adit") + ["run"], env={"HOME": site.path("home")})
    agent.wait_for(r"one\s+tcp://(\S+):(\d+)\s+->")
    agent.stop()
    site.write("home/.config/adit/adit.conf", 'server = "tcp://127.0.0.1:1";\n')
    site.write("home/.config/adit/token", w.run("aditd", "issue", "-c", w.conf, "--account",
                                                "other")[0])
    out, _ = w.run("adit", "tcp", "22", "--check")
    assert "server tcp://127.0.0.1:1," in out
    out, _ = w.run("adit", "tcp", "22", "--check", "--server", "work")
    assert "server tls://127.0.0.1:%d," % w.port in out
    out, _ = w.join(w.invite(), "--name", "third")
    assert "Now: adit tcp 22 --server third" in out


def test_several_certificates(site):
    """The line's pin is that of the certificate which the agent will be shown."""
    w = World(site)
    pem, key_file, made = mint(site, "other", "localhost")
    conf = os.path.join(w.dir, "conf.d", "50-transport-tls.conf")
    with open(conf, encoding="utf-8") as f:
        said = f.read()
    for own, more in (("../server.crt", pem), ("../server.key", key_file)):
        said = said.replace('"%s"' % own, '[ "%s", "%s" ]' % (own, more))
    with open(conf, "w", encoding="utf-8") as f:
        f.write(said)
    w.run("aditctl", "-c", w.conf, "reload")
    for host, mine in (("localhost", True), ("127.0.0.1", False)):
        line = w.invite("--host", "%s:%d" % (host, w.port))
        assert (LINE.search(line).group(3) == made) == mine
        w.join(line, "--name", host)


def test_race(site):
    """Twenty agents with one line: one has a token, and nobody else has anything."""
    w = World(site)
    line = w.invite()
    homes = [site.path("home%d" % i) for i in range(20)]
    for home in homes:
        os.mkdir(home, 0o700)
    racers = [subprocess.Popen(command("adit") + ["join", "-"], env=dict(site.env, HOME=home),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True) for home in homes]
    for r in racers:
        r.stdin.write(line + "\n")
        r.stdin.flush()
    out = [r.communicate(timeout=120 * SLOW)[0] for r in racers]
    status = sorted(r.returncode for r in racers)
    assert status == [0] + 19 * [77], out
    assert sum(len(w.files(home)) for home in homes) == 2
    assert w.tokens().count("# joined") == 1
    w.said += out
    w.check_silence()


def test_restart_between(site):
    """The server is killed between invite and join; the invite is there, and once only."""
    w = World(site)
    line = w.invite()
    w.server.kill()
    w.server = w.start()
    w.join(line)
    w.server.kill()
    w.server = w.start()
    home = site.path("late")
    os.mkdir(home, 0o700)
    w.join(line, home=home, status=77)
    assert w.files(home) == {}


class Cutter:
    """Passes one link on, and resets both ends when the server has sent so many bytes."""

    def __init__(self, site, to, after):
        self.listener = site.listener()
        self.port = self.listener.port
        self.site, self.to, self.left = site, to, after
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        agent = self.listener.accept(60)
        server = self.site.connect(self.to)
        with selectors.DefaultSelector() as sel:
            sel.register(agent, selectors.EVENT_READ, server)
            sel.register(server, selectors.EVENT_READ, agent)
            while self.left > 0:
                for key, _ in sel.select():
                    try:
                        got = key.fileobj.recv(65536)
                        if key.fileobj is server:
                            got = got[:self.left]
                            self.left -= len(got)
                        key.data.sendall(got)
                    except OSError:
                        got = b""
                    if not got:
                        self.left = 0
        for s in (agent, server):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
            s.close()


def test_answer_lost(site):
    """The link is cut in the middle of a join: never a token for two, and never half of one."""
    w = World(site)
    won = 0
    for after in (1, 300, 700, 800, 900, 950, 1000, 1050, 1100, 1200, 1000000):
        line = w.invite()
        home, second = site.path("cut%d" % after), site.path("second%d" % after)
        os.mkdir(home, 0o700)
        os.mkdir(second, 0o700)
        cutter = Cutter(site, w.port, after)
        w.join(line.replace(":%d?" % w.port, ":%d?" % cutter.port), home=home, status=None)
        cutter.thread.join(60 * SLOW)
        joined = len(w.files(home)) == 2
        assert joined or os.listdir(home) == []
        w.join(line, home=second, status=None)
        assert not (joined and w.files(second))
        won += joined
    assert won >= 1
    w.check_silence()


def test_seen_in_the_list_of_processes(site):
    """As an argument the line is warned of, and wiped from the list while adit runs."""
    w = World(site)
    silent = site.listener()            # takes the link and says nothing
    line = w.first.replace(":%d?" % w.port, ":%d?" % silent.port)
    p = site.start("adit", command("adit") + ["join", line], env={"HOME": site.path("home")})
    p.crash_is_fine = True
    link = silent.accept()
    with open("/proc/%d/cmdline" % p.pid, "rb") as f:
        cmdline = f.read()
    assert b"join" in cmdline and LINE.search(w.first).group(1).encode() not in cmdline
    assert "list of processes" in p.text("err")
    p.signal(15)
    assert p.wait() != 0
    link.close()
    assert not os.path.exists(site.path("home", ".config"))


def test_plain_links_take_no_invite(site):
    """An invite does not log in, and it is not used where the link is not encrypted."""
    w = World(site)
    port = free_port()
    site.write("server/conf.d/50-transport-tcp.conf",
               settings({"transport-tcp": {"listen": "127.0.0.1:%d" % port}}))
    w.run("aditctl", "-c", w.conf, "reload")
    secret = LINE.search(w.invite()).group(1)
    site.write("invite", secret + "\n")
    out, _ = w.run("adit", "tcp", "22", "--server", "tcp://127.0.0.1:%d" % port, "--token-file",
                   site.path("invite"), status=77)
    assert "login refused" in out
    w.server.wait_for("is an invite: it is for adit join")
    conf = site.write("plain.conf", settings({"server": "tcp://127.0.0.1:%d" % port,
                                              "auth-token": {"invite": secret}}))
    out, _ = w.run("adit", "tcp", "22", "-c", conf, status=77)
    assert "over an encrypted link only" in out
    assert w.tokens().count(" invite=") == 2


def test_account_and_grants(site):
    w = World(site)
    w.join(w.invite("--account", "acme", "--grant", "agent=fixed", "--grant", "ports=1-9"))
    assert re.search(r"^\w+ acme \w+ \w+ agent=fixed ports=1-9 # joined ", w.tokens(), re.M)
    _, err = w.run("aditctl", "-c", w.conf, "invite", "--account", "a b", status=1)
    assert '"a b" is not an account' in err
    _, err = w.run("aditctl", "-c", w.conf, "invite", "--host", "7835", status=1)
    assert "expected a host" in err
    line = w.run("aditctl", "-c", w.conf, "invite", "--host", "[2001:db8::1]:443")[0]
    assert "@[2001:db8::1]:443?pin=" in line
