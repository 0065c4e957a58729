# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Logins by password: from a file and from a terminal, who is refused and what he sees, changes of
the server's file, more logins than it can check, and adit-passwd."""

import os
import re
import select
import signal
import subprocess

import pytest

from aditsession import AgentPeer
from aditwire import CODES
from harness import SLOW, Agent, command, need, read_exactly, setting
from terminal import Terminal
from tlsworld import TlsWorld
from traffic import echo_target

pytestmark = need("aditd", "adit")

PASSWORD = "correct horse"
OTHER = "battery staple"
# Of PASSWORD, and cheap: made by mkpasswd.
HASH = "$2b$05$vhB1kj9ewO84X/CvJ4YsSuO.RVksKuNvEyvLwk1UtdG9g2.zgWPt6"
# Of nobody's password, and dear: seconds of a processor.
DEAR = "$2b$15$vhB1kj9ewO84X/CvJ4YsSuO.RVksKuNvEyvLwk1UtdG9g2.zgWPt6"
USERS = """# who may log in
alice:%(h)s:account=acme note="two words"
carol@example.org:%(h)s:account=acme agent=desk
locked:!%(h)s
gone:%(h)s:expires=2020-01-01T00:00:00Z
old:%(h)s:10000:0:99999:7::10001:
nothing:*:19000:0:99999:7:::
""" % {"h": HASH}


class PasswordWorld(TlsWorld):
    """A server that takes passwords over TLS."""

    def start(self, users=USERS, options=None, tls=True, **more):
        self.file = self.site.path("users")
        if users is not None:
            self.site.write("users", users)
        plugins = {"auth-password": dict({"file": self.file}, **(options or {}))}
        self.running = (self.server(plugins=plugins, **more) if tls else
                        self.site.server(plugins=plugins, **more))
        return self.running

    def secret(self, text):
        return self.site.write("secret%d" % len(self.site.programs), text + "\n")

    def argv(self, *words, scheme="tls", tls=True):
        """adit run for one tunnel; words say how to log in."""
        conf = self.site.write("agent%d/adit.conf" % len(self.site.programs), "" if not tls else
                               "transport-tls = %s;\n" % setting({"ca_file": self.pem("ca")}))
        return command("adit") + [
            "run", "-c", conf, "--server", "%s://localhost:%d" % (scheme, self.running.port),
            "--local", "127.0.0.1:%d" % self.target, *words]

    target = 1

    def log_in(self, user, password, *words, auth=None, **options):
        auth = auth or "password,user=%s,password_file=%s" % (user, self.secret(password))
        return self.site.start("adit", self.argv("--auth", auth, *words, **options), Agent)

    def refused(self, user, password, *words, **options):
        """What an agent says that must not get in."""
        a = self.log_in(user, password, *words, **options)
        assert a.wait(20) == 77, a.text()
        assert password not in a.text()
        return a.wait_for("^stopped: (.*)").group(1)


@pytest.fixture
def w(site):
    return PasswordWorld(site)


@pytest.fixture(scope="module")
def world(shared):
    w = PasswordWorld(shared)
    w.start()
    return w


# Who gets in.

def test_file(world):
    """By a file, with the account of the server's line; bytes pass."""
    echo = echo_target(world.site)
    mark = world.running.mark()
    world.target = echo.port
    agent = world.log_in("alice", PASSWORD)
    with world.site.connect(agent.public) as c:
        c.sendall(b"hello")
        assert read_exactly(c, 5) == b"hello"
    world.site.owned.remove(c)
    world.running.wait_for(r"session \w+ account=acme agent=\S+ logged in from .* by password", 10,
                           mark)
    agent.stop()
    assert PASSWORD not in world.running.text() + agent.text()


def test_configuration(world):
    """By a group of adit.conf; the agent's name is the server's to say."""
    mark = world.running.mark()
    words = world.argv("--agent", "other")
    with open(words[words.index("-c") + 1], "a", encoding="utf-8") as f:
        f.write("auth-password = %s;\n" % setting({
            "user": "carol@example.org", "password_file": world.secret(PASSWORD + "\r\nmore")}))
    agent = world.site.start("adit", words, Agent)
    agent.wait_up()
    world.running.wait_for(r"account=acme agent=desk logged in .* by password", 10, mark)
    agent.stop()


# Who does not.

REFUSAL = "login refused; the server's log says why"

REFUSED = [("alice", OTHER, "user alice gave a wrong password"),
           ("mallory", PASSWORD, "user mallory is not known"),
           ("locked", PASSWORD, "user locked is locked"),
           ("locked", OTHER, "user locked gave a wrong password"),
           ("gone", PASSWORD, "user gone has expired"),
           ("old", PASSWORD, "user old has expired"),
           ("nothing", PASSWORD, "user nothing gave a wrong password"),
           ("alice", "p" * 1024, "user alice gave a wrong password")]


def test_same_words(world):
    """The agent sees one text for all; the server's log says which it was."""
    said = set()
    for user, password, reason in REFUSED:
        mark = world.running.mark()
        said.add(world.refused(user, password))
        world.running.wait_for(r"login by password refused: %s$" % re.escape(reason), 10, mark)
    assert said == {REFUSAL}, said


def test_malformed(world):
    """No message of a stranger is more than a refused login."""
    for data in (b"", b"\x05alice", b"\xffalice", b"\x05al ce" + b"x", b"\x05alicex\0y", b"\0x"):
        mark = world.running.mark()
        p = AgentPeer(world.link(world.running.port))
        p.start()
        p.send("AUTH", method="password", agent="peer", data=data)
        p.expect("AUTH_FAIL", code="auth_failed")
        p.close()
        world.running.wait_for("a message that this method does not have", 10, mark)


def test_open_link(w):
    """Over a link that others can read neither half has to do with passwords."""
    server = w.start(tls=False)
    said = w.refused("alice", PASSWORD, scheme="tcp", tls=False)
    assert "a password is sent over an encrypted link only: use tls:// or wss://" in said
    p = AgentPeer(w.site.connect(server.port))
    p.start()
    p.send("AUTH", method="password", agent="peer", data=b"\x05alice" + PASSWORD.encode())
    p.expect("AUTH_FAIL", code="auth_failed")
    server.wait_for("user alice sent a password over a link that is not encrypted; if it is right, "
                    "set another")
    assert PASSWORD not in server.text()


# The server's file.

def passwd(w, *words, data=None, status=0):
    """adit-passwd to its end; returns (stdout, stderr)."""
    done = subprocess.run([*command("adit")[:-1], "adit-passwd", *words], input=data or "",
                          capture_output=True, text=True, timeout=60 * SLOW, check=False,
                          env=w.site.env)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout, done.stderr


def test_changes(w):
    """It is read again by itself; a bad one changes nothing, and its mistake is said."""
    server = w.start(users=None)
    server.wait_for("users is not there: nobody can log in by a password")
    assert w.refused("alice", PASSWORD) == REFUSAL
    passwd(w, "--stdin", "--cost", "1", w.file, "alice", data=PASSWORD + "\n")
    assert os.stat(w.file).st_mode & 0o777 == 0o600
    w.log_in("alice", PASSWORD).wait_up()
    passwd(w, "--stdin", "--cost", "1", w.file, "alice", data=OTHER + "\n")
    w.refused("alice", PASSWORD)
    with open(w.file, "a", encoding="utf-8") as f:
        f.write("bob:" + HASH + ":port=1\n")
    w.log_in("alice", OTHER).wait_up()
    server.wait_for(r"users:2: user bob: key \"port\": did you mean \"ports\"\?; "
                    "what was read before still counts")
    passwd(w, "--delete", w.file, "bob")
    passwd(w, "--delete", w.file, "alice")
    w.refused("alice", OTHER)


def test_start_with_bad_file(w):
    """A server does not start with a file that it cannot trust, and says why."""
    for text, why in ((":", 'users:1: "" cannot be a user'),
                      ("a:msnK5H3OZYeSk\n", "users:1: user a: has a hash by DES"),
                      ("a:%s\nb:%s\na:%s\n" % (HASH, HASH, HASH), "users:3: user a is in line 1")):
        conf, _, _ = w.site.server_conf(plugins={"auth-password": {
            "file": w.site.write("users", text)}})
        _, err = w.site.run("aditd", "--check", "-c", conf, status=78)
        assert why in err


# More than it can do.

def twelve_at_once(w):
    """Eight of one address are checked or wait, one after the other; what comes besides is told that
    the server is busy, at once, and nobody is told that his password is wrong. False: this machine
    was too slow to send all of them while the first was checked, which takes some seconds."""
    server = w.start("alice:%s\n" % DEAR, {"parallel": 1})
    peers = []
    for _ in range(12):
        p = AgentPeer(w.link(server.port))
        p.start()
        peers.append(p)
    for p in peers:
        p.send("AUTH", method="password", agent="peer", data=b"\x05alice" + b"wrong guess")
    waiting, codes = list(peers), []
    while len(codes) < 4:
        ready = select.select([p.sock for p in waiting], [], [], 20 * SLOW)[0]
        assert ready, server.text()
        for p in [p for p in waiting if p.sock in ready]:
            codes.append(p.expect("AUTH_FAIL")["code"])
            waiting.remove(p)
    text = server.text()
    for p in peers:
        p.close()
    server.kill()                       # the one under way takes some seconds
    return ("wrong password" not in text and codes == [CODES["busy"]] * 4 and
            text.count("auth-password: too many logins wait for it") == 4)


def test_busy(w):
    assert any(twelve_at_once(w) for _ in range(3))


# At the terminal.

def test_prompt(world):
    """adit asks, shows nothing of it, and leaves the terminal as it was."""
    t = Terminal(world.site, world.argv("--user", "alice"))
    t.wait_for("Password of alice: ")
    assert not t.echoes()
    t.type(PASSWORD)
    t.wait_for("tcp://")
    assert t.is_as_before() and PASSWORD not in t.seen
    t.proc.send_signal(signal.SIGTERM)
    assert t.wait() == 0


def test_prompt_wrong(world):
    """Who has mistyped is told so, and is not asked or tried again."""
    t = Terminal(world.site, world.argv("--user", "alice"))
    t.wait_for("Password of alice: ")
    t.type(OTHER)
    assert t.wait() == 77
    assert REFUSAL in t.seen and "Password" not in t.seen
    assert t.is_as_before()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_prompt_signal(world, number):
    t = Terminal(world.site, world.argv("--user", "alice"))
    t.wait_for("Password of alice: ")
    assert not t.echoes()
    t.proc.send_signal(number)
    assert t.wait() == -number
    assert t.is_as_before()


def test_prompt_stopped(world):
    """While it is stopped the terminal is the shell's; afterwards it asks again."""
    t = Terminal(world.site, ["bash", "-mc", '"$@"; echo "st"opped; read -r x; fg; echo "rc $?"',
                              "bash", *world.argv("--user", "alice")])
    t.wait_for("Password of alice: ")
    with open("/proc/%d/task/%d/children" % (t.proc.pid, t.proc.pid), encoding="ascii") as f:
        os.kill(int(f.read()), signal.SIGTSTP)
    t.wait_for("stopped")
    assert t.is_as_before()
    t.type("")
    t.wait_for("Password of alice: ")
    assert not t.echoes()
    t.type("")
    t.wait_for("nothing was typed")
    t.wait_for("rc 78")
    assert t.wait() == 0 and t.is_as_before()


def test_no_terminal(world):
    a = world.site.start("adit", world.argv("--user", "alice"), Agent)
    assert a.wait() == 78
    assert 'auth-password: "password_file": is missing, and there is no terminal' in a.text()


def test_check_asks_nobody(world):
    a = world.site.start("adit", world.argv("--user", "alice", "--check"), Agent)
    assert a.wait() == 0 and "configuration is good" in a.text()


# The command line.

@pytest.mark.parametrize("words, status, said", [
    (("--auth", "password"), 78, 'auth-password: "user": is missing: who logs in'),
    (("--auth", "password,user=a b"), 78, '"user": expects 1 to 64 letters'),
    (("--auth", "password,usr=alice"), 78, 'auth-password has no option "usr"; did you mean "user"?'),
    (("--auth", "password,file=x"), 78, '"file" is an option for the server, not for the agent'),
    (("--auth", "password,user"), 2, "expected NAME,OPTION=VALUE, found 'user'"),
    (("--auth", "password,user=a,user=b"), 2, "user= is given twice"),
    (("--auth", "password,password=geheim"), 2, "give password_file=FILE"),
    (("--auth", "token,invite=adit_x"), 2, "--auth: invite= is refused"),
    (("--auth", ""), 2, "expected a plugin's name"),
    (("--auth", "../x"), 2, "expected a plugin's name"),
    (("--auth", "auth-"), 2, "expected a plugin's name"),
    (("--auth", "passwort,user=a"), 78, "did you mean 'auth-password'?"),
    (("--auth", "password", "--auth", "token"), 2, "--auth is given twice"),
    (("--user", "alice", "--auth", "token"), 2, "--user is for auth-password"),
    (("--user", "alice", "--auth", "password,user=bob"), 2, "both name the user"),
    (("--user", "alice", "--token-file", "x"), 2, "one of them is enough"),
    (("--token-file", "x", "--auth", "password,user=a"), 2, "--token-file is for auth-token"),
    (("--password", "geheim"), 2, "--password is refused"),
])
def test_wrong_words(world, words, status, said):
    _, err = world.site.run("adit", "run", "--server", "tls://localhost:1", "--local", "1", *words,
                            status=status)
    assert said in err and "geheim" not in err


# adit-passwd.

def test_tool_at_terminal(world):
    file = world.site.path("tool")
    argv = [*command("adit")[:-1], "adit-passwd", "--cost", "1", file, "dave"]
    t = Terminal(world.site, argv)
    t.wait_for("New password of dave: ")
    assert not t.echoes()
    t.type(PASSWORD)
    t.wait_for("The same again: ")
    t.type(PASSWORD)
    assert t.wait() == 0 and t.is_as_before()
    assert "user dave was added to " + file in t.seen
    t = Terminal(world.site, argv)
    t.wait_for("New password of dave: ")
    t.type(OTHER)
    t.wait_for("The same again: ")
    t.type(PASSWORD)
    assert t.wait() == 1 and "two different passwords" in t.seen
    t = Terminal(world.site, argv)
    t.wait_for("New password of dave: ")
    t.type("short")
    assert t.wait() == 1 and "too short" in t.seen
    t = Terminal(world.site, argv[:-4] + ["--verify", file, "dave"])
    t.wait_for("Password of dave: ")
    t.type(PASSWORD)
    assert t.wait() == 0 and "the password is right" in t.seen


def test_tool(world):
    file = world.site.path("tool2")
    out, err = passwd(world, "--generate", "--cost", "1", file, "erin")
    made = out.strip()
    assert re.fullmatch(r"([a-km-np-z2-9]{5}-){3}[a-km-np-z2-9]{5}", made) and made not in err
    with open(file, encoding="utf-8") as f:
        line = f.read()
    assert re.fullmatch(r"erin:\$y\$j75\$\S+\n", line) and made not in line
    passwd(world, "--verify", "--stdin", file, "erin", data=made)
    _, err = passwd(world, "--verify", "--stdin", file, "erin", data=OTHER, status=1)
    assert "the password is wrong" in err
    _, err = passwd(world, "--verify", "--stdin", file, "nobody", data=OTHER, status=1)
    assert "there is no such user" in err
    world.site.write("tool2", line.strip() + ":ports=1 note=\"a b\"\nfrank:md5\n")
    _, err = passwd(world, "--stdin", "--cost", "1", file, "erin", data=OTHER)
    assert "the server will refuse this file: %s:2: user frank: has something that is no hash" \
        % file in err
    with open(file, encoding="utf-8") as f:
        assert re.fullmatch(r"erin:\$y\$\S+:ports=1 note=\"a b\"\nfrank:md5\n", f.read())
    out, err = passwd(world, "--delete", file, "frank")
    assert out == "" and "user frank was removed from" in err
    assert not os.path.exists(file + ".new")


@pytest.mark.parametrize("words, data, status, said", [
    ((), None, 2, "expected FILE USER"),
    (("F", "u", "secret-word"), None, 2, "a password is never an argument"),
    (("F", "a b"), None, 2, "USER: expected"),
    (("--cost", "10", "F", "u"), None, 2, "--cost: expected 1 to 9"),
    (("--delete", "--verify", "F", "u"), None, 2, "do not go together"),
    (("--delete", "--stdin", "F", "u"), None, 2, "no password is read"),
    (("--verify", "--cost", "3", "F", "u"), None, 2, "no hash is made"),
    (("--nonsense", "F", "u"), None, 2, "no option of it"),
    (("--stdin", "F", "u"), "short\n", 1, "too short"),
    (("--stdin", "F", "u"), "\n", 1, "has no password"),
    (("--stdin", "F", "u"), "a\0bcdefghijk\n", 1, "zero byte"),
    (("--stdin", "F", "longusername"), "LongUserName\n", 1, "the user's own name"),
    (("--stdin", "F", "u"), "Password1\n", 1, "anybody tries"),
    (("--stdin", "F", "u"), "p" * 512 + "\n", 1, "too long"),
    (("F", "u"), None, 1, "there is no terminal to ask at; --stdin reads"),
    (("--delete", "F", "u"), None, 1, "No such file"),
    (("--verify", "F", "u"), None, 1, "No such file"),
])
def test_tool_refuses(world, words, data, status, said):
    file = world.site.path("none")
    words = [file if x == "F" else x for x in words]
    done = subprocess.run(["setsid", "-w", *command("adit")[:-1], "adit-passwd", *words],
                          input=data or "", capture_output=True, text=True, timeout=60 * SLOW,
                          check=False, env=world.site.env)
    assert done.returncode == status and said in done.stderr, done.stderr
    assert done.stdout == "" and not os.path.exists(file)


def test_tool_page(world):
    """--help and the manual have the same options."""
    out, _ = passwd(world, "--help")
    top = os.environ["top_srcdir"]
    with open(os.path.join(top, "plugins/auth-password/adit-passwd.8"), encoding="ascii") as f:
        page = set(re.findall(r"Fl -([a-z]+)", f.read()))
    assert page == set(re.findall(r"--([a-z]+)", out)) and len(page) == 7
    assert passwd(world, "--version")[0].startswith("adit-passwd ")
