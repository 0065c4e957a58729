# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Samples, manual pages and --help say what the programs take."""

import os
import re
import subprocess

import pytest

from configcase import BUILD, PLUGINS, mint, token, write

TOP = os.environ["top_srcdir"]


def page(name):
    with open(os.path.join(TOP, "man", name), encoding="ascii") as f:
        return f.read()


def sample(name):
    with open(os.path.join(TOP, "conf.d", name), "rb") as f:
        return f.read()


def run(program, *args, cwd=None):
    return subprocess.run([os.path.join(BUILD, program), "--plugin-dir", PLUGINS, *args], cwd=cwd,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def plugins():
    return sorted(name[:-3] for name in os.listdir(PLUGINS)
                  if re.fullmatch(r"(transport|auth|route)-.*\.so", name))


# ---- samples --------------------------------------------------------------------------------------

def test_server_samples(tmp_path):
    """The main sample with every plugin's sample beside it."""
    write(str(tmp_path / "aditd.conf"), sample("aditd.conf.sample"))
    names = plugins()
    assert len(names) >= 3
    for name in names:
        text = sample(name + ".conf").replace(b"/etc/adit/auth-file.py", b"/bin/sh")
        write(str(tmp_path / "conf.d" / (name + ".conf")), text)
    write(str(tmp_path / "conf.d" / "authorized_keys"), b"")
    os.chmod(tmp_path / "conf.d", 0o700)
    mint(str(tmp_path / "conf.d" / "server"))
    got = run("aditd", "--check", "-c", str(tmp_path / "aditd.conf"))
    assert got.returncode == 0, got.stderr
    for name in names:
        assert name in got.stdout


def test_agent_sample(tmp_path):
    write(str(tmp_path / "adit.conf"), sample("adit.conf.sample"))
    write(str(tmp_path / "token"), token().encode())
    got = run("adit", "run", "--check", "-c", str(tmp_path / "adit.conf"))
    assert got.returncode == 0, got.stderr
    assert "3 tunnels" in got.stdout


# ---- manual pages ---------------------------------------------------------------------------------

def known_keys(program, tmp_path, group="%s"):
    """What the program itself lists when a key is near to none."""
    path = str(tmp_path / "x.conf")
    write(path, (group % "zzzzzzzz = 1;").encode())
    command = ["--check"] if program == "aditd" else ["run", "--check"]
    said = run(program, *command, "-c", path).stderr
    return re.search(r"known here: (.*)", said).group(1).split(", ")


@pytest.mark.parametrize("program, name, group", [
    ("aditd", "aditd.conf.5", "%s"),
    ("aditd", "aditd.conf.5", "limits = { %s };"),
    ("adit", "adit.conf.5", "%s"),
    ("adit", "adit.conf.5", "tunnels = ( { %s } );"),
])
def test_keys(program, name, group, tmp_path):
    keys = known_keys(program, tmp_path, group)
    assert len(keys) >= 4
    text = page(name)
    missing = [k for k in keys if not re.search(r"^\.It Cm (.* )?%s( ,|$)" % k, text, re.M)]
    assert missing == []


@pytest.mark.parametrize("program, name", [("aditd", "aditd.8"), ("adit", "adit.1")])
def test_options(program, name):
    got = run(program, "--help")
    assert got.returncode == 0 and got.stderr == ""
    text = page(name)
    options = set(re.findall(r"--([a-z][a-z-]+)", got.stdout))
    assert len(options) >= 8
    described = set(re.findall(r"Fl -([a-z][a-z-]+)", text))
    assert options - described == set()
    assert described - options == set()


# ---- aditd init -----------------------------------------------------------------------------------

def test_init(tmp_path):
    site = tmp_path / "site"
    got = run("aditd", "init", str(site), "--account", "acme", "--listen", "127.0.0.1:9999",
              "--transport", "tcp")
    assert got.returncode == 0, got.stderr
    assert len(got.stdout.splitlines()) == 6
    assert "Public ports open on 127.0.0.1 only; 'bind' in %s/conf.d/50-route-*.conf" % site \
        in got.stdout
    for path in [site, *site.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    assert run("aditd", "--check", "-c", str(site / "aditd.conf")).returncode == 0
    got = run("adit", "run", "--check", "-c", str(site / "adit.conf"))
    assert got.returncode == 0, got.stderr
    assert "tcp://127.0.0.1:9999" in got.stdout
    assert " acme " in (site / "state" / "tokens").read_text()
    assert (site / "token").read_text().startswith("adit_")
    assert (site / "token").read_text().strip() not in (site / "state" / "tokens").read_text()


def test_init_refuses(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    got = run("aditd", "init", str(tmp_path / "full"))
    assert got.returncode == 1 and "not an empty folder" in got.stderr
    got = run("aditd", "init", str(tmp_path / "new"), "--listen", "0.0.0.0:9000",
              "--transport", "tcp")
    assert got.returncode == 1 and "--allow-plain" in got.stderr
    got = run("aditd", "init", str(tmp_path / "new"), "--account", "a b")
    assert got.returncode == 1 and "--account" in got.stderr
    got = run("aditd", "--plugin-dir", str(tmp_path / "full"), "init", str(tmp_path / "new"))
    assert got.returncode == 1 and "transport-tls.so: No such file" in got.stderr
    assert not (tmp_path / "new").exists(), "nothing is left behind"


LINE = re.compile(r"adit://(adit_[a-z2-7]{8}_[A-Za-z0-9_-]{49})@([^/?]*)\?pin=sha256-[\w-]{43}")


def test_init_tls(tmp_path):
    """What is the default: key, certificate, and a join line."""
    site = tmp_path / "site"
    got = run("aditd", "init", str(site), "--account", "acme")
    assert got.returncode == 0, got.stderr
    assert len(got.stdout.splitlines()) == 6
    line = LINE.search(got.stdout)
    assert line.group(2) == "127.0.0.1:7835"
    assert "Public ports open on 127.0.0.1 only" in got.stdout
    for path in [site, *site.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    tokens = (site / "state" / "tokens").read_text()
    assert " acme " in tokens and " invite=20" in tokens and line.group(1)[14:] not in tokens
    assert "BEGIN PRIVATE KEY" in (site / "server.key").read_text()
    assert not (site / "adit.conf").exists()
    got = run("aditd", "--check", "-c", str(site / "aditd.conf"))
    assert got.returncode == 0 and "transport-tls" in got.stdout, got.stderr


def test_init_tls_host(tmp_path):
    site = tmp_path / "site"
    got = run("aditd", "init", str(site), "--host", "tunnel.example.org:443", "--host", "192.0.2.1",
              "--host", "2001:db8::1")
    assert got.returncode == 0, got.stderr
    assert LINE.search(got.stdout).group(2) == "tunnel.example.org:443"
    assert "Public ports open on all addresses" in got.stdout
    assert 'listen = "0.0.0.0:7835"' in (site / "conf.d" / "50-transport-tls.conf").read_text()
    assert 'public_address = "tunnel.example.org:443"' in (site / "aditd.conf").read_text()
    assert run("aditd", "--check", "-c", str(site / "aditd.conf")).returncode == 0
    got = run("aditd", "init", str(tmp_path / "new"), "--listen", "0.0.0.0:7835")
    assert got.returncode == 1 and "--host NAME" in got.stderr
    for bad in ("", "7835", "a b", "http://x", "host:0", "[::1"):
        got = run("aditd", "init", str(tmp_path / "new"), "--host", bad)
        assert got.returncode == 1 and "--host: expected" in got.stderr, bad
    assert not (tmp_path / "new").exists()


def test_init_public(tmp_path):
    site = tmp_path / "site"
    got = run("aditd", "init", str(site), "--listen", "0.0.0.0:9999", "--allow-plain")
    assert got.returncode == 0, got.stderr
    assert "Public ports open on all addresses" in got.stdout
    assert run("aditd", "--check", "-c", str(site / "aditd.conf")).returncode == 0
    assert run("adit", "run", "--check", "-c", str(site / "adit.conf")).returncode == 0


# ---- what a newcomer types ------------------------------------------------------------------------

def test_no_command():
    got = run("adit")
    assert got.returncode == 2 and got.stdout == ""
    for command in ("adit tcp 22 --port 10022", "adit run", "adit --help"):
        assert "  %s " % command in got.stderr


def test_version():
    for program in ("adit", "aditd"):
        got = run(program, "--version")
        assert got.returncode == 0 and got.stderr == ""
        assert re.match(r"%s \d+\.\d+\.\d+\nprotocol \d+, plugin ABI \d+\nplugins in /" % program,
                        got.stdout)


def test_no_agent_configuration(tmp_path):
    """All places are named where a file would have been found."""
    got = subprocess.run([os.path.join(BUILD, "adit"), "--plugin-dir", PLUGINS, "tcp", "22"],
                         capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                         env={**os.environ, "HOME": "/none", "XDG_CONFIG_HOME": str(tmp_path)})
    assert got.returncode == 78
    assert re.fullmatch(r"adit: no server: join one by adit join 'LINE', .*; no configuration file is at "
                        r"%s/adit/adit\.conf, /none/\.config/adit/adit\.conf, /.*/adit\.conf\n"
                        % tmp_path, got.stderr)


def test_plain_is_forbidden(tmp_path):
    """The address is one that leads nowhere; nothing is sent to it."""
    site = tmp_path / "site"
    assert run("aditd", "init", str(site), "--transport", "tcp").returncode == 0
    got = run("adit", "tcp", "22", "-c", str(site / "adit.conf"), "--server", "tcp://192.0.2.1:9000")
    assert got.returncode == 78
    assert "192.0.2.1 is not this machine" in got.stdout and "--allow-plain" in got.stdout


# ---- aditd issue ----------------------------------------------------------------------------------

def test_issue(tmp_path):
    site = tmp_path / "site"
    assert run("aditd", "init", str(site), "--transport", "tcp").returncode == 0
    got = run("aditd", "issue", "-c", str(site / "aditd.conf"), "--account", "acme",
              "--grant", "ports=443,8443")
    assert got.returncode == 0, got.stderr
    assert re.fullmatch(r"adit_[a-z2-7]{8}_[A-Za-z0-9_-]{43}[0-9a-f]{6}\n", got.stdout)
    assert str(site / "state" / "tokens") in got.stderr
    assert "SIGHUP" in got.stderr
    stored = (site / "state" / "tokens").read_text().splitlines()
    assert len(stored) == 2 and stored[1].split()[1] == "acme" and "ports=443,8443" in stored[1]
    write(str(site / "other"), got.stdout.encode())
    got = run("adit", "tcp", "22", "--check", "-c", str(site / "adit.conf"), "--token-file",
              str(site / "other"))
    assert got.returncode == 0, got.stderr


def test_issue_refuses(tmp_path):
    site = tmp_path / "site"
    assert run("aditd", "init", str(site), "--transport", "tcp").returncode == 0
    before = (site / "state" / "tokens").read_text()
    got = run("aditd", "issue", "-c", str(site / "aditd.conf"), "--account", "a b")
    assert got.returncode == 1 and got.stdout == "" and got.stderr.startswith("aditd: ")
    assert (site / "state" / "tokens").read_text() == before
    with open("/dev/full", "w") as full:
        done = subprocess.run([os.path.join(BUILD, "aditd"), "--plugin-dir", PLUGINS, "issue", "-c",
                               str(site / "aditd.conf"), "--account", "acme"], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and "cannot write the output" in done.stderr


# ---- aditd --plugin-info --------------------------------------------------------------------------

def test_plugin_info():
    for name in plugins():
        got = run("aditd", "--plugin-info", os.path.join(PLUGINS, name + ".so"))
        assert got.returncode == 0, got.stderr
        lines = got.stdout.splitlines()
        assert "name=" + name in lines
        assert all("=" in line for line in lines)
    got = run("aditd", "--plugin-info", "/nonexistent/auth-x.so")
    assert got.returncode == 1 and got.stdout == ""
    got = run("aditd", "--plugin-info", "auth-token")
    assert got.returncode == 1
    assert re.fullmatch(r"aditd: auth-token: expected a plugin's file, like /.*/auth-token\.so\n",
                        got.stderr)
