# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""adit-auth-test: logins without a server, as authors of plugins make them."""

import os
import shutil
import subprocess

import pytest

from harness import need

pytestmark = need("adit-auth-test")

BUILD = os.environ.get("top_builddir") or os.environ.get("ADIT_BUILD_DIR") or "."
SANITIZED = os.environ.get("sanitizers", "no") != "no"


@pytest.fixture
def shelf(site):
    """A folder with the plugins of the tests."""
    folder = site.path("plugins")
    os.mkdir(folder, 0o755)
    for name in ("auth-odd-serial", "auth-odd-parallel", "auth-odd-loop", "auth-twostep",
                 "auth-lease"):
        path = os.path.join(BUILD, "tests", "plugin", ".libs", name + ".so")
        shutil.copy(path, folder)
        os.chmod(os.path.join(folder, name + ".so"), 0o755)
    return folder


def trial(site, *args, status=0):
    """What it has printed, as (of the last login, of all), and its errors."""
    out, err = site.run("adit-auth-test", *args, status=status)
    parts = [dict(line.split("=", 1) for line in part.splitlines()) for part in out.split("\n\n")]
    return parts[0], parts[-1], err


def odd(shelf, mode):
    return os.path.join(shelf, "auth-odd-%s.so" % mode)


@pytest.mark.parametrize("mode", ["serial", "parallel", "loop"])
def test_verdicts(site, shelf, mode):
    plugin = odd(shelf, mode)
    said, _, _ = trial(site, "--name", "web1", plugin)
    assert (said["verdict"], said["account"], said["agent"]) == ("allow", "odd", "web1")
    assert said["confirmed"] == "yes" and said["challenges"] == "0" and int(said["time_us"]) >= 0
    for word in ("later", "early"):
        assert trial(site, "-a", "say=" + word, plugin)[0]["verdict"] == "allow"
    said, _, _ = trial(site, "-a", "say=what", plugin, status=1)
    assert said["verdict"] == "deny" and said["cause"] == "other" and "denied" in said["reason"]
    said, _, _ = trial(site, "-a", "say=nonsense", plugin, status=3)
    assert said["verdict"] == "fail" and "a verdict that is none" in said["reason"]


def test_challenges(site, shelf):
    """Two at once, since this plugin lets them meet."""
    said, sums, _ = trial(site, "-n", "20", "-j", "2", "-v", os.path.join(shelf, "auth-twostep.so"))
    assert said["verdict"] == "allow" and said["challenges"] == "1"
    there, back = bytes.fromhex(said["challenge.0"]), bytes.fromhex(said["message.1"])
    assert len(there) == 8 and there == back[::-1]
    assert sums["logins"] == "20" and sums["allowed"] == "20"
    assert int(sums["time_min_us"]) <= int(sums["time_mean_us"]) <= int(sums["time_max_us"])


def test_messages(site, shelf):
    """check() alone, with the bytes of somebody who has no plugin."""
    plugin = odd(shelf, "serial")
    said, _, _ = trial(site, "-m", b"allow".hex(), "-v", plugin)
    assert said["verdict"] == "allow" and said["message.0"] == b"allow".hex()
    assert "confirmed" not in said
    assert trial(site, "-m", "", plugin, status=1)[0]["verdict"] == "deny"
    path = site.write("message", "allow")
    assert trial(site, "--message-file", path, plugin)[0]["verdict"] == "allow"
    plugin = os.path.join(shelf, "auth-twostep.so")
    said, _, _ = trial(site, "-m", "", "-m", "", "-n", "2", "-j", "2", plugin, status=1)
    assert said["verdict"] == "deny" and said["challenges"] == "1"
    said, _, _ = trial(site, "-m", "", "-n", "2", "-j", "2", plugin, status=5)
    assert said["verdict"] == "continue"
    for words, why in ((("-m", "0"), "hexadecimal"), (("-m", "0x"), "hexadecimal"),
                       (("-m", "00" * 2049), "2048 bytes"),
                       (("-m", "00", "-a", "say=x"), "--agent"),
                       (("--message-file", site.path("none")), "No such file"),
                       (("-m", "") * 10, "more than 9 messages")):
        _, err = site.run("adit-auth-test", *words, plugin, status=2)
        assert why in err and "--help" in err, err


def test_what_is_granted(site, shelf):
    plugin = os.path.join(shelf, "auth-lease.so")
    path = site.write("credential", "acme 1000 ask agent=web7 ports=443\n")
    said, _, err = trial(site, "--renewal", "-a", "credential=" + path, plugin)
    assert (said["account"], said["agent"], said["grant.ports"]) == ("acme", "web7", "443")
    assert 900 <= int(said["expires_s"]) <= 1000 and said["challenges"] == "1"
    assert "renewal of test" in err
    site.write("credential", "acme ever\n")
    said, _, err = trial(site, "-a", "credential=" + path, plugin)
    assert "expires_s" not in said and "login of test" in err


def test_no_verdict(site, shelf):
    said, _, err = trial(site, "-a", "say=given-up", "--cancel", "1ms", odd(shelf, "serial"),
                         status=5)
    assert said["verdict"] == "none" and "has left" in said["reason"] and "owes" not in err
    said, _, err = trial(site, "-a", "say=silent", "--wait", "1ms", odd(shelf, "loop"), status=5)
    assert "in time" in said["reason"] and "still owes 1 answer" in err
    said, _, _ = trial(site, "-a", "stuck=true", "--wait", "1ms", odd(shelf, "parallel"),
                       status=5)
    assert said["verdict"] == "none"


def test_passed_on(site, shelf):
    said, _, _ = trial(site, "-a", "say=next", odd(shelf, "serial"), status=4)
    assert said["verdict"] == "next"
    _, err = site.run("adit-auth-test", "--method", "nothing-of-it", "-m", "",
                      odd(shelf, "serial"), status=78)
    assert 'takes the methods "odd-serial", but not "nothing-of-it"' in err
    said, _, _ = trial(site, "-s", "methods=nothing-of-it", "--method", "nothing-of-it", "-m",
                       b"allow".hex(), odd(shelf, "serial"))
    assert said["verdict"] == "allow"


def test_what_is_wrong(site, shelf):
    plugin = odd(shelf, "serial")
    for words, why in (([], "expected the file of a plugin"), ([plugin, plugin], "one plugin"),
                       (["--peer", "web1", plugin], "numeric address"),
                       (["--name", "a b", plugin], "--name"), (["-n", "0", plugin], "--times"),
                       (["-j", "65", plugin], "from 1 to 64"), (["--wait", "9", plugin], "--wait"),
                       (["-s", "gates", plugin], "KEY=VALUE"), (["--fact", "=1", plugin], "--fact"),
                       (["--nothing", plugin], "unknown option"), (["-s"], "needs a value")):
        out, err = site.run("adit-auth-test", *words, status=2)
        assert out == "" and why in err, err
    for words, why in (([site.path("auth-none.so")], "No such file"), ([plugin[:-3]], "expected a"),
                       (["-s", "gate=x", plugin], 'did you mean "gates"'),
                       (["-s", "say=x", plugin], "say"), (["-a", "stuck=maybe", plugin], "stuck"),
                       ([os.path.join(os.environ["plugin_dir"], "route-port.so")],
                        "no auth plugin")):
        out, err = site.run("adit-auth-test", *words, status=78)
        assert out == "" and why in err, err
    out, _ = site.run("adit-auth-test", "--version")
    assert out.startswith("adit-auth-test ") and "plugin ABI 1" in out


@pytest.mark.skipif(SANITIZED, reason="one tool at a time")
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="no valgrind")
def test_under_valgrind(site, shelf):
    """Nothing is left behind, in any run mode; what it reports is the plugin's own."""
    build = os.path.abspath(BUILD)
    for mode, say in (("serial", "later"), ("parallel", "allow"), ("loop", "early")):
        done = subprocess.run(
            [os.path.join(build, "libtool"), "--mode=execute", "valgrind", "-q",
             "--leak-check=full", "--show-leak-kinds=definite,indirect",
             "--errors-for-leak-kinds=definite,indirect", "--error-exitcode=99",
             os.path.join(build, "adit-auth-test"), "-n", "20", "-j", "4", "-a", "say=" + say,
             odd(shelf, mode)], env=site.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "allowed=20" in done.stdout, done.stdout + done.stderr
