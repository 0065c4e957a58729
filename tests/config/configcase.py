# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Configurations as test cases: one text file each, laid out as a folder with good surroundings.

The first line of a wrong one says `# expect: [FILE:]LINE: TEXT`: the place of the error (line 0: it
has none) and what its message contains. What follows is the main file, so that its line numbers are
those of the case. `#### NAME [MODE]` begins another file (or, with a slash at its end, a folder), or
changes the main file's mode. `# alone` leaves out the plugins that otherwise stand in conf.d;
`# no --plugin-dir` leaves out that option. Where transport-tls is, there are server.pem and other.pem with their keys.
"""

import hashlib
import os
import re
import subprocess

BUILD = os.environ["top_builddir"]
PLUGINS = os.environ["plugin_dir"]
HERE = os.path.dirname(os.path.abspath(__file__))

PLUGIN_FILES = {
    "50-transport-tcp.conf": 'transport-tcp = { listen = "127.0.0.1:0"; };\n',
    "50-auth-token.conf": 'auth-token = { file = "../tokens"; };\n',
    "50-route-port.conf": "route-port = { };\n",
}


def token():
    """A token that is one by its form."""
    body = "adit_abcdefgh_" + "A" * 43
    return body + hashlib.sha256(body.encode()).hexdigest()[:6]


def write(path, text, mode=0o600):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(text)
    os.chmod(path, mode)


def mint(path, *words):
    """A certificate, PATH.pem, and its key, PATH.key, for a month; words as of adit-mint."""
    words = words or ("x", "localhost", "-1", "30", "any")
    subprocess.run([os.path.join(BUILD, "plugins/transport-tls/adit-mint"), path, *words], check=True,
                   stdout=subprocess.DEVNULL, timeout=60)


def cases(folder):
    where = os.path.join(HERE, folder)
    return sorted(name[:-5] for name in os.listdir(where) if name.endswith(".conf"))


class Case:
    """One configuration in a folder of its own."""

    def __init__(self, folder, name, root, program):
        with open(os.path.join(HERE, folder, name + ".conf"), "rb") as f:
            self.text = f.read()
        self.root = str(root)
        self.program = program
        self.main = program + ".conf"
        os.chmod(self.root, 0o700)
        if program == "adit":
            write(os.path.join(self.root, "token"), token().encode() + b"\n")
        else:
            self.lay_surroundings()
        if b"transport-tls" in self.text:
            mint(os.path.join(self.root, "server"))
            mint(os.path.join(self.root, "other"))
        self.lay()

    def lay_surroundings(self):
        write(os.path.join(self.root, "tokens"), b"")
        os.mkdir(os.path.join(self.root, "conf.d"), 0o700)
        if b"# alone\n" in self.text:
            return
        for name, text in PLUGIN_FILES.items():
            write(os.path.join(self.root, "conf.d", name), text.encode())

    def lay(self):
        parts = re.split(rb"^#### (\S+)(?: ([0-7]+))?\n", self.text, flags=re.M)
        write(os.path.join(self.root, self.main), parts[0])
        for i in range(1, len(parts), 3):
            name, mode, text = parts[i].decode(), parts[i + 1], parts[i + 2]
            path = os.path.join(self.root, name)
            if name.endswith("/"):
                os.makedirs(path)
                os.chmod(path, int(mode or b"755", 8))
            elif name == self.main:
                os.chmod(path, int(mode, 8))
            else:
                write(path, text, int(mode or b"600", 8))

    def expected(self):
        first = self.text.split(b"\n", 1)[0].decode()
        m = re.fullmatch(r"# expect: (?:([^:]+):)?(\d+): (.+)", first)
        assert m, "the first line is no expectation: " + first
        return m.group(1) or self.main, int(m.group(2)), m.group(3)

    def check(self):
        options = [] if b"# no --plugin-dir\n" in self.text else ["--plugin-dir", PLUGINS]
        command = ["run"] if self.program == "adit" else []
        return subprocess.run(
            [os.path.join(BUILD, self.program), *options, *command, "--check", "-c", self.main],
            cwd=self.root, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
            env={**{k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")},
                 "HOME": self.root})
