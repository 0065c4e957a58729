# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Other people's programs in tests: found, run to their end, or skipped with the reason."""

import glob
import os
import shutil
import subprocess

import pytest

from harness import SLOW

PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def tool(name, pattern=None):
    """Its absolute path; skips the test when it is not installed."""
    found = sorted(glob.glob(pattern)) if pattern else []
    path = found[-1] if found else shutil.which(name, path=PLACES)
    if path is None:
        pytest.skip("%s is not installed" % name)
    return path


def run(argv, data=None, status=0, timeout=60, **options):
    """Runs a tool to its end, with data as its input; returns its stdout, as bytes."""
    if "stdin" not in options:
        options.update({"stdin": subprocess.DEVNULL} if data is None else {"input": data})
    done = subprocess.run(argv, capture_output=True, check=False, timeout=timeout * SLOW,
                          **options)
    assert done.returncode == status, "%s ended with %d\n%s\n%s" % (
        " ".join(argv), done.returncode, done.stdout[-2000:].decode("utf-8", "replace"),
        done.stderr[-2000:].decode("utf-8", "replace"))
    return done.stdout


def mint(site, name, names, issuer=None, days=(-1, 30), purpose="server"):
    """Makes a certificate and its key; returns the paths of both and the key's pin."""
    build = os.environ.get("ADIT_BUILD_DIR") or os.environ["top_builddir"]
    made = os.path.join(build, "plugins", "transport-tls", "adit-mint")
    argv = [made, site.path(name), name, names, *map(str, days), purpose]
    pin = run(argv + ([issuer] if issuer else []))
    return site.path(name + ".pem"), site.path(name + ".key"), pin.decode().strip()
