# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""What is compared: each peer carries connections from a port to the target's port over two hops,
as a tunnel does, with one thread for each program and its usual buffers.

A peer's start function gets a Middle and the ports of the targets and returns those for clients. Only
Adit is asked for two, which are two agents then, or for none, which is the server alone. A case may
put a long link between the hops: m.link().
"""

import base64
import collections
import getpass
import hashlib
import os
import shutil
import subprocess
import tempfile

from middle import RESERVE, Failed

PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# tools: programs that must be installed; per: what it keeps for each connection, when that is a
# process or a thread of its own and thousands of them are not tried; rest: no goal looks at it, fewer
# rounds will do.
Peer = collections.namedtuple("Peer", "name tools start about per rest", defaults=("", False))


def tool(name):
    return shutil.which(name, path=PLACES)


def run(argv, m):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=m.env,
                          check=False, timeout=30)
    if done.returncode:
        raise Failed("%s: %s" % (argv[0], (done.stderr or done.stdout).strip()))
    return done.stdout


def certificate(m):
    """A file with a new P-256 key and its certificate."""
    run([tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", m.path("key.pem"),
         "-out", m.path("cert.pem")], m)
    with open(m.path("key.pem"), encoding="ascii") as k, \
            open(m.path("cert.pem"), encoding="ascii") as c:
        return m.write("both.pem", c.read() + k.read())


def pin(m):
    """Of the key of certificate()."""
    public = run([tool("openssl"), "x509", "-in", m.path("cert.pem"), "-pubkey", "-noout"], m)
    der = base64.b64decode("".join(public.splitlines()[1:-1]))
    return "sha256-" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def direct(m, targets):
    return [m.link(targets[0])]


# ---- Adit ----------------------------------------------------------------------------------------

TCP = """transport-tcp = { listen = "127.0.0.1:%(link)d"; };
"""
TLS = """transport-tls = { listen = "127.0.0.1:%(link)d";
    certificate = "../cert.pem"; key = "../key.pem"; };
"""
WS = """transport-ws = { listen = "127.0.0.1:%(link)d"; };
"""
LISTEN = {"tcp": TCP, "tls": TLS, "ws": WS, "wss": TLS + WS}
PLUGINS = """auth-token = { file = "tokens"; };
route-port = { bind = "127.0.0.1"; range = "%(range)s"; };
"""
AGENT = """server = "%(scheme)s://127.0.0.1:%(link)d";
name = "%(name)s";
token_file = "token";
tunnels = ( { name = "bench"; target = "127.0.0.1:%(target)d"; port = %(public)d; } );
"""
SESSION = ("streams_per_session", "opening_per_session", "stream_window", "stream_window_max",
           "session_window")            # limits that agents have, too


RESUME = {"resume_for": "0s"}           # what may have to be sent again is not spliced


def limits(values):
    if not values:
        return ""
    return "limits = { %s };\n" % " ".join(
        "%s = %s;" % (k, '"%s"' % v if isinstance(v, str) else v) for k, v in values.items())


def knows(adit_run, key):
    """True if this build's aditd knows a key of its main settings."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "aditd.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write(key)
        done = subprocess.run([adit_run, "aditd", "--check", "-c", path], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=30)
    return key.split()[0] not in done.stdout + done.stderr


def adit(extra="", workers=1, sessions=1, scheme="tcp", resume=False):
    """extra: more lines for both configurations; sessions: of each agent; scheme: of the link; resume:
    sessions outlive it. But for tcp everything is as it comes, so they do as well."""
    def start(m, targets):
        ports = [m.port() for _ in targets]
        v = {"link": m.port(), "range": "%d-%d" % (min(ports), max(ports)) if ports else "20000-31999"}
        trust = ""
        if scheme in ("tls", "wss"):
            certificate(m)
            trust = 'transport-tls = { pin = "%s"; };\n' % pin(m)
        conf = m.write("aditd.conf", "workers = %d;\n" % workers + extra +
                       limits(dict({} if resume or scheme != "tcp" else RESUME,
                                   **(m.case.limits or {}))))
        m.write("conf.d/plugins.conf", (LISTEN[scheme] + PLUGINS) % v)
        m.write("tokens", "")
        token = run([m.adit_run, "aditd", "issue", "-c", conf, "--account", "bench"], m)
        token = m.write("token", token)
        m.start("aditd", [m.adit_run, "aditd", "-c", conf], v["link"])
        if not targets:
            return v["link"], token
        more = extra + ("sessions = %d;\n" % sessions if sessions > 1 else "") + limits({k: x for k, x in m.case.limits.items() if k in SESSION})
        near = m.link(v["link"])
        for i, (public, target) in enumerate(zip(ports, targets)):
            name = "adit" if i == 0 else "adit%d" % (i + 1)
            agent = m.write(name + ".conf", trust + more + AGENT % {
                "scheme": scheme, "link": near, "name": name, "target": target,
                "public": public})
            m.start(name, [m.adit_run, "adit", "run", "-c", agent], public)
        return ports
    return start


# ---- two proxies in a row ------------------------------------------------------------------------

HAPROXY = """global
    nbthread 1
    maxpipes 200
    maxconn %(many)d
defaults
    mode tcp
    maxconn %(many)d
    timeout connect 30s
    timeout client 10m
    timeout server 10m
%(options)s
listen bench
    bind 127.0.0.1:%(port)d backlog 4096 %(bind)s
    server next 127.0.0.1:%(next)d %(server)s
"""
SPLICE = "    option splice-request\n    option splice-response"


def haproxy(options, tls=False):
    def start(m, targets):
        target = targets[0]
        cert = certificate(m) if tls else ""
        inner, outer = m.port(), m.port()
        hops = [("inner", inner, target, "ssl crt %s" % cert if tls else "", ""),
                ("outer", outer, inner, "", "ssl verify none" if tls else "")]
        for name, port, following, bind, server in hops:
            v = {"many": (m.files - RESERVE) // 2, "options": options, "port": port, "next": following,
                 "bind": bind, "server": server}
            conf = m.write(name + ".cfg", HAPROXY % v)
            m.start(name, [tool("haproxy"), "-db", "-f", conf], port)
        return [outer]
    return start


NGINX = """daemon off;
master_process off;
pid %(folder)s/%(name)s.pid;
error_log stderr crit;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
worker_rlimit_nofile %(many)d;
events { worker_connections %(many)d; }
stream {
    proxy_connect_timeout 30s;
    server {
        listen 127.0.0.1:%(port)d backlog=4096 so_keepalive=off;
        proxy_pass 127.0.0.1:%(next)d;
    }
}
"""


def nginx(m, targets):
    target = targets[0]
    for name in ("inner", "outer"):
        v = {"many": m.files, "folder": m.folder, "name": name, "port": m.port(), "next": target}
        conf = m.write(name + ".conf", NGINX % v)
        m.start(name, [tool("nginx"), "-e", "stderr", "-p", m.folder, "-c", conf], v["port"])
        target = v["port"]
    return [target]


def socat(m, targets):
    target = targets[0]
    for name in ("inner", "outer"):
        port = m.port()
        m.start(name, [tool("socat"), "-b", "65536",
                       "TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr,fork,backlog=4096,nodelay" % port,
                       "TCP:127.0.0.1:%d,nodelay" % target], port)
        target = port
    return [target]


STUNNEL = """foreground = yes
debug = 3
pid =
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
ciphersuites = TLS_AES_128_GCM_SHA256
[bench]
client = %(client)s
accept = 127.0.0.1:%(port)d
connect = 127.0.0.1:%(next)d
%(cert)s
"""


def stunnel(m, targets):
    target = targets[0]
    cert = certificate(m)
    for name, client in (("inner", "no"), ("outer", "yes")):
        v = {"client": client, "port": m.port(), "next": target,
             "cert": "" if client == "yes" else "cert = %s" % cert}
        conf = m.write(name + ".conf", STUNNEL % v)
        m.start(name, [tool("stunnel"), conf], v["port"])
        target = v["port"]
    return [target]


# ---- ssh -R --------------------------------------------------------------------------------------

SSHD = """ListenAddress 127.0.0.1:%(port)d
HostKey %(folder)s/hostkey
AuthorizedKeysFile %(folder)s/userkey.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding remote
LogLevel ERROR
"""


def ssh(m, targets):
    v = {"port": m.port(), "folder": m.folder}
    public = m.port()
    for key in ("hostkey", "userkey"):
        run([tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", m.path(key)], m)
    conf = m.write("sshd.conf", SSHD % v)
    m.start("sshd", [tool("sshd"), "-D", "-e", "-f", conf], v["port"])
    m.start("ssh", [tool("ssh"), "-F", "none", "-N", "-c", "aes128-gcm@openssh.com",
                    "-i", m.path("userkey"), "-p", str(m.link(v["port"])),
                    "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                    "-o", "ExitOnForwardFailure=yes", "-o", "BatchMode=yes",
                    "-R", "127.0.0.1:%d:127.0.0.1:%d" % (public, targets[0]),
                    "%s@127.0.0.1" % getpass.getuser()], public)
    return [public]


PEERS = [
    Peer("direct", (), direct, "nothing between"),
    Peer("adit", (), adit(), "aditd and adit of this build, bare TCP, one worker"),
    Peer("adit-workers", (), adit(workers=0), "the same with a worker for each CPU", rest=True),
    Peer("adit-sessions", (), adit(workers=0, sessions=2), "and two sessions of the agent",
         rest=True),
    Peer("adit-copy", (), adit("splice = false;\n"), "the same, every byte copied"),
    Peer("adit-resume", (), adit(resume=True), "the same, in sessions that outlive their links",
         rest=True),
    Peer("adit-tls", ("openssl",), adit(scheme="tls"), "the same over TLS, with all defaults"),
    Peer("adit-ws", (), adit(scheme="ws"), "inside WebSocket, not encrypted", rest=True),
    Peer("adit-wss", ("openssl",), adit(scheme="wss"), "inside WebSocket inside TLS", rest=True),
    Peer("haproxy-splice", ("haproxy",), haproxy(SPLICE), "two haproxys, the kernel moves the bytes"),
    Peer("haproxy-copy", ("haproxy",), haproxy(""), "two haproxys, 16 KiB buffers"),
    Peer("haproxy-tls", ("haproxy", "openssl"), haproxy("", tls=True),
         "two haproxys with TLS between", rest=True),
    Peer("nginx", ("nginx",), nginx, "two nginxs, stream module, 16 KiB buffers",
         rest=True),
    Peer("socat", ("socat",), socat, "two socats, 64 KiB buffers", "process", True),
    Peer("ssh", ("ssh", "sshd", "ssh-keygen"), ssh, "ssh -R, aes128-gcm@openssh.com"),
    Peer("stunnel", ("stunnel", "openssl"), stunnel, "two stunnels, TLS_AES_128_GCM_SHA256",
         "thread", True),
]


def missing(peer, adit_run):
    """Why a peer cannot be measured here; an empty string when it can."""
    gone = [t for t in peer.tools if not tool(t)]
    if gone:
        return "not installed: " + ", ".join(gone)
    if peer.name.startswith("adit") and not adit_run:
        return "not built: make it, or say --build"
    if peer.name == "adit-copy" and not knows(adit_run, "splice = true;"):
        return "this build of Adit does not splice"
    return ""
