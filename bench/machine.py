# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Where and with what something was measured: figures mean nothing without it."""

import contextlib
import ctypes
import fcntl
import os
import platform
import re
import shutil
import socket
import struct
import subprocess
import time

VERSIONS = {                            # how a program is asked for its version
    "haproxy": ["haproxy", "-v"], "nginx": ["nginx", "-v"], "socat": ["socat", "-V"],
    "ssh": ["ssh", "-V"], "stunnel": ["stunnel", "-version"],
}


SBIN = "/usr/sbin:/sbin:/usr/local/sbin"
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
ALONE = []                              # own_network() was here


def own_network(congestion):
    """Moves this process and what it starts into a network with nothing but loopback. OSError when
    that is not allowed or there is no such congestion control."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "a network of its own: %s" % os.strerror(
            ctypes.get_errno()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
    try:
        with open("/proc/sys/net/ipv4/tcp_congestion_control", "w", encoding="ascii") as f:
            f.write(congestion)
    except OSError as e:
        raise OSError(e.errno, "%s may not be used there: %s" % (congestion, e.strerror)) from e
    ALONE.append(True)


def loses():
    """Why packets cannot be lost here; an empty string when they can."""
    if not ALONE:
        return "packets are lost only in a network of its own (--own-net)"
    if not shutil.which("nft", path=SBIN):
        return "packets cannot be lost: nft is not installed"
    try:
        with losing([9], 1):
            return ""
    except OSError as e:
        return "packets cannot be lost: %s" % e


@contextlib.contextmanager
def losing(ports, share):
    """While it lasts, so many of a thousand packets from and to these ports are lost, at random; those
    that begin a connection are not."""
    table = "add table inet adit_bench\nadd chain inet adit_bench in { type filter hook input priority 0; }\n"
    rule = "add rule inet adit_bench in tcp %s %d tcp flags & syn == 0 numgen random mod 1000 < %d drop\n"
    nft(table + "".join(rule % (which, port, share) for port in ports for which in ("sport", "dport")))
    try:
        yield
    finally:
        nft("delete table inet adit_bench\n")


def nft(script):
    done = subprocess.run([shutil.which("nft", path=SBIN), "-f", "-"], input=script,
                          capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        raise OSError("nft: %s" % " ".join(done.stderr.split()))


def first_match(path, pattern):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            m = re.search(pattern, f.read(), re.M)
    except OSError:
        return ""
    return m.group(1).strip() if m else ""


def said(argv, **options):
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, timeout=10, **options)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


def version(name, find):
    """The first thing that looks like a version in what a program says about itself."""
    argv = VERSIONS.get(name)
    path = find(argv[0]) if argv else None
    m = re.search(r"\d+\.\d+[\w.+-]*", said([path] + argv[1:])) if path else None
    return m.group(0) if m else ""


def describe(source, build, find, peers):
    """What stands at the head of a report, as a dictionary of texts."""
    makefile = os.path.join(build, "Makefile") if build else ""
    commit = said(["git", "-C", source, "log", "-1", "--format=%h"]).strip()
    changed = said(["git", "--no-optional-locks", "-C", source, "status", "--porcelain", "core",
                    "plugins", "include"])
    out = {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "kernel": platform.release(),
        "processor": "%d x %s" % (os.cpu_count() or 0, first_match(
            "/proc/cpuinfo", r"^model name\s*:\s*(.*)$") or platform.machine()),
        "congestion control": first_match("/proc/sys/net/ipv4/tcp_congestion_control", r"(\S+)"),
        "load at the start": "%.2f" % os.getloadavg()[0],
        "adit": (commit or "unknown") + (", with changes" if changed.strip() else ""),
    }
    for key, name in (("CFLAGS", "CFLAGS"), ("SAN_CFLAGS", "sanitizers"),
                      ("HARDEN_CFLAGS", "hardening")):
        value = first_match(makefile, r"^%s[ \t]*=[ \t]*(.*)$" % key)
        if value or key == "CFLAGS":
            out[name] = value
    names = {p.name.split("-")[0] for p in peers}
    for name in sorted(names & set(VERSIONS)):
        out[name] = version(name, find)
    return out


def lines(about):
    width = max(map(len, about))
    out = ["%s  %s" % (k.ljust(width), v) for k, v in about.items()]
    if float(about["load at the start"]) > 0.3:
        out.append("The machine was not idle: the figures are only a hint.")
    if about.get("sanitizers"):
        out.append("A build with sanitizers: its figures say nothing about Adit's speed.")
    return out
