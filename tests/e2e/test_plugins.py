# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Plugins that must not be loaded, through the real aditd: each is refused with a message that is
true, and what is refused for its place has not run a single instruction.

Every bad plugin here has a constructor that leaves a mark when it runs.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess

import pytest

from harness import command, need
from tools import run, tool

pytestmark = need("aditd")

NOBODY = 65534
REAL = ("transport-tcp", "auth-token", "route-port", "route-udp")
SOURCE = os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", ".."))

CODE = r"""
#include <adit/auth.h>
#include <fcntl.h>
#include <stdlib.h>

__attribute__((constructor)) static void
mark(void)
{
	const char *path = getenv("PLUGIN_MARK");

	if (path != NULL)
		open(path, O_CREAT | O_WRONLY, 0600);
}

static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	(void)inst, (void)worker;
	return adit_auth_account(req, "guest") == 0 ? ADIT_ALLOW : ADIT_FAIL;
}

static const struct adit_auth_ops ops = {.size = sizeof(ops), .check = check};

#ifdef NOWHERE
void nowhere(void);
static int create(const struct adit_conf *conf, void **inst_r)
{ (void)conf, (void)inst_r; nowhere(); return 0; }
#define CREATE create
#else
#define CREATE NULL
#endif
#ifndef ABI
#define ABI ADIT_PLUGIN_ABI
#endif
#ifndef NAME
#define NAME "auth-test"
#endif
#ifndef KIND
#define KIND ADIT_KIND_AUTH
#endif
#ifndef SYMBOL
#define SYMBOL adit_plugin
#endif

ADIT_EXPORT const struct adit_plugin SYMBOL = {
	.abi = ABI, .size = sizeof(struct adit_plugin), .option_size = sizeof(struct adit_option),
	.kind = KIND, .run = ADIT_RUN_LOOP, .sides = ADIT_SIDE_SERVER, .name = NAME,
	.version = "1", .summary = "a plugin of the tests", .ops = &ops, .create = CREATE,
};
"""


def direct(name="aditd"):
    """The program without ./run, whose --plugin-dir takes precedence over the file's plugin_dir."""
    words = command(name)
    if os.path.basename(words[0]) == "run":
        return [os.path.join(os.path.dirname(words[0]), name)]
    return words


class Shelf:
    """A folder of plugins with the real ones in it, and a configuration that wants auth-test too."""

    def __init__(self, site):
        self.site = site
        self.folder = site.path("plugins")
        os.mkdir(self.folder, 0o755)
        for name in REAL:
            shutil.copy(os.path.join(os.environ["plugin_dir"], name + ".so"), self.folder)
        self.plugin = os.path.join(self.folder, "auth-test.so")
        self.mark = site.path("mark")
        site.env["PLUGIN_MARK"] = self.mark
        self.conf = site.server_conf(ports=4, conf={"plugin_dir": self.folder},
                                     plugins={"auth-test": {}})[0]
        self.where = os.path.join(os.path.dirname(self.conf), "conf.d", "auth-test.conf") + ":1: "

    def build(self, *defines, to=None):
        cc = shlex.split(os.environ.get("CC", "cc"))
        source = self.site.write("auth-test.c", CODE)
        run([tool(cc[0]), *cc[1:], "-shared", "-fPIC", "-I", os.path.join(SOURCE, "include"),
             *("-D" + d for d in defines), "-o", to or self.plugin, source])
        return to or self.plugin

    def loaded(self):
        return os.path.exists(self.mark)

    def check(self, status=0):
        done = subprocess.run(direct() + ["--check", "-c", self.conf], env=self.site.env,
                              capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout, done.stderr

    def refused(self, said):
        """--check and a start both refuse, with this message; returns the message."""
        out, err = self.check(78)
        assert out == "" and err.startswith("aditd: " + self.where), err
        assert re.search(said, err), err
        p = self.site.start("aditd", direct() + ["-c", self.conf])
        assert p.wait() == 78
        assert err.strip()[len("aditd: "):] in p.text(), p.text()
        return err

    def accepted(self):
        assert "configuration is good" in self.check()[0] and "auth-test" in self.check()[0]


@pytest.fixture
def shelf(site):
    if not os.environ.get("plugin_dir"):
        pytest.skip("plugin_dir is not set")
    return Shelf(site)


def test_a_good_one_is_accepted(shelf):
    """Or all of the following would prove nothing."""
    shelf.build()
    shelf.accepted()
    assert shelf.loaded()


def test_missing_symbol(shelf):
    shelf.build("NOWHERE")
    shelf.refused(r"cannot be loaded: .*auth-test\.so: undefined symbol: nowhere$")


def test_no_descriptor(shelf):
    shelf.build("SYMBOL=something_else")
    shelf.refused("exports no symbol adit_plugin")


def test_wrong_abi(shelf):
    shelf.build("ABI=ADIT_PLUGIN_ABI+1")
    shelf.refused("was built for plugin ABI 2, but this Adit has 1")


def test_another_name(shelf):
    shelf.build('NAME="auth-best"')
    shelf.refused('calls itself "auth-best", but its file is called "auth-test.so"')


def test_another_kind(shelf):
    shelf.build("KIND=ADIT_KIND_ROUTE")
    shelf.refused('is of kind "route", but its name begins otherwise')


def test_no_plugin_at_all(shelf):
    shelf.refused(r"plugins/auth-test\.so: No such file or directory")
    with open(shelf.plugin, "w", encoding="ascii") as f:
        f.write("#!/bin/sh\nexit 0\n" * 20)
    shelf.refused("cannot be loaded: .*invalid ELF header")


def test_writable_file(shelf):
    shelf.build()
    os.chmod(shelf.plugin, 0o757)
    shelf.refused(r"plugins/auth-test\.so has mode 0757; .*nobody else may write")
    assert not shelf.loaded()


def test_link(shelf):
    real = shelf.build(to=shelf.site.path("elsewhere.so"))
    os.symlink(real, shelf.plugin)
    shelf.refused(r"plugins/auth-test\.so is a symbolic link; a plugin must be a file")
    assert not shelf.loaded()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
def test_writable_folder(shelf, mode):
    shelf.build()
    os.chmod(shelf.folder, mode)
    shelf.refused(r"the folder \S*/plugins has mode %04o; .*nobody else may write" % mode)
    assert not shelf.loaded()


def test_writable_folder_above(shelf):
    shelf.build()
    os.chmod(shelf.site.folder, 0o777)
    try:
        shelf.refused(r"the folder %s has mode 0777" % shelf.site.folder)
        assert not shelf.loaded()
    finally:
        os.chmod(shelf.site.folder, 0o700)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_wrong_owner(shelf, what):
    shelf.build()
    path = shelf.plugin if what == "file" else shelf.folder
    os.chown(path, NOBODY, -1)
    shelf.refused(r"%s belongs to user %d; what is loaded must belong to root or to user 0" % (
        re.escape(path), NOBODY))
    assert not shelf.loaded()


def evil(shelf):
    """A folder with plugins of the right names that leave their mark."""
    folder = shelf.site.path("evil")
    os.mkdir(folder, 0o755)
    for name in ("auth-test",) + REAL:
        for ending in (".so", ""):
            shelf.build('NAME="%s"' % name, to=os.path.join(folder, name + ending))
    for variable in ("LTDL_LIBRARY_PATH", "LD_LIBRARY_PATH"):
        shelf.site.env[variable] = folder + ":" + shelf.site.env.get(variable, "")
    return folder


def test_library_path_leads_nowhere(shelf):
    """A plugin that is missing is missing, wherever the environment says that there is one."""
    evil(shelf)
    shelf.refused(r"plugins/auth-test\.so: No such file or directory")
    assert not shelf.loaded()


def test_library_path_does_not_replace(shelf):
    evil(shelf)
    shelf.build("ABI=99")
    shelf.refused("was built for plugin ABI 99")
    os.unlink(shelf.mark)                               # its own constructor has run
    os.unlink(os.path.join(os.path.dirname(shelf.conf), "conf.d", "auth-test.conf"))
    assert "configuration is good: 3 plugins" in shelf.check()[0]
    assert not shelf.loaded()


def test_libtool_archive_does_not_redirect(shelf):
    """libltdl would follow the .la file to wherever it says."""
    folder = evil(shelf)
    archive = "dlname='auth-test.so'\nlibrary_names='auth-test.so'\nold_library=''\n" \
        "dependency_libs=''\ncurrent=0\nage=0\nrevision=0\ninstalled=yes\nshouldnotlink=yes\n" \
        "dlopen=''\ndlpreopen=''\nlibdir='%s'\n" % folder
    with open(os.path.join(shelf.folder, "auth-test.la"), "w", encoding="ascii") as f:
        f.write(archive)
    shelf.refused(r"plugins/auth-test\.so: No such file or directory")
    assert not shelf.loaded()


def test_name_is_no_path(shelf):
    """What a configuration can name is a file of the folder, and nothing else."""
    shelf.site.write("server/conf.d/auth-test.conf", "auth-TEST = { };\n")
    out, err = shelf.check(78)
    assert out == "" and 'auth-TEST' in err and shelf.where in err


def test_reload_refuses_too(shelf):
    os.unlink(os.path.join(os.path.dirname(shelf.conf), "conf.d", "auth-test.conf"))
    p = shelf.site.start("aditd", direct() + ["-c", shelf.conf])
    p.dies_of_sigterm = False
    p.wait_for(" ready: ")
    shelf.site.write("server/conf.d/auth-test.conf", "auth-test = { };\n")
    shelf.build("NOWHERE")
    p.signal(signal.SIGHUP)
    p.wait_for("reload refused, the old configuration stays: .*conf.d/auth-test.conf:1: .*"
               "undefined symbol: nowhere")
    shelf.build()
    mark = p.mark()
    p.signal(signal.SIGHUP)
    p.wait_for("configuration reloaded: .*auth-test", after=mark)
    assert p.stop() == 0


# aditd --plugin-info

def info(site, path):
    out, err = site.run("aditd", "--plugin-info", path)
    assert err == ""
    return dict(line.split("=", 1) for line in out.splitlines())


@pytest.mark.parametrize("name,lines", [
    ("transport-tcp", {"scheme": "tcp", "encrypted": "no"}),
    ("transport-ws", {"scheme": "ws", "secure_scheme": "wss", "operations": "layer,probe"}),
    ("transport-tls", {"scheme": "tls", "encrypted": "yes"}),
    ("auth-token", {"methods": "token", "operations": "check,cancel,prove,confirm,issue,invite"}),
    ("route-port", {"route": "port", "protocol": "tcp", "operations": "claim"}),
    ("route-udp", {"protocol": "udp"}),
])
def test_plugin_info_of_each_kind(site, name, lines):
    said = info(site, os.path.join(os.environ["plugin_dir"], name + ".so"))
    assert {k: said.get(k) for k in lines} == lines


@pytest.mark.parametrize("name,kind,run_where,sides,names", [
    ("transport-tcp", "transport", "loop", "server,agent", {"listen", "allow_plain"}),
    ("auth-token", "auth", "loop", "server,agent", {"file", "invite", "methods", "token_file"}),
    ("route-port", "route", "loop", "server", {"bind", "range"}),
    ("route-udp", "route", "loop", "server", {"bind", "range"}),
])
def test_plugin_info(site, name, kind, run_where, sides, names):
    said = info(site, os.path.join(os.environ["plugin_dir"], name + ".so"))
    assert (said["abi"], said["name"], said["kind"], said["run"], said["sides"]) == (
        "1", name, kind, run_where, sides)
    assert said["version"] and said["summary"]
    options = {k.split(".")[1] for k in said if k.startswith("option.")}
    assert options == names
    for o in options:
        assert said["option.%s.type" % o] and said["option.%s.help" % o]
        assert said["option.%s.required" % o] in ("yes", "no")


def test_plugin_info_of_bad_ones(shelf):
    for defines, said in ((["ABI=7"], "was built for plugin ABI 7"),
                          (["NOWHERE"], "undefined symbol: nowhere"),
                          (["SYMBOL=other"], "exports no symbol adit_plugin")):
        out, err = shelf.site.run("aditd", "--plugin-info", shelf.build(*defines), status=1)
        assert out == "" and said in err, err
    os.unlink(shelf.mark)
    os.chmod(shelf.build(), 0o666)
    out, err = shelf.site.run("aditd", "--plugin-info", shelf.plugin, status=1)
    assert out == "" and "has mode 0666" in err and not shelf.loaded()
    for path in (shelf.site.path("auth-none.so"), shelf.conf, "/"):
        out, err = shelf.site.run("aditd", "--plugin-info", path, status=1)
        assert out == "" and err.startswith("aditd: ")


def test_plugin_info_of_a_relative_path(shelf):
    shelf.build()
    done = subprocess.run(command("aditd") + ["--plugin-info", "auth-test.so"], cwd=shelf.folder,
                          env=shelf.site.env, capture_output=True, text=True, check=True)
    assert "name=auth-test\n" in done.stdout and "summary=a plugin of the tests\n" in done.stdout
