# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Links over TLS: who is refused and how both ends say so, certificates of agents, foreign peers,
scanners, new certificates under traffic, and handshakes that do not end."""

import hashlib
import os
import re
import shutil
import signal
import socket
import ssl

import pytest

from aditsession import AgentPeer
from aditwire import Token
from harness import SLOW, need, read_exactly
from tlsworld import BUILD, TlsWorld
from tools import run, tool
from traffic import Traffic, echo_target, pattern

pytestmark = need("aditd", "adit")

MIB = 1 << 20
FULL = os.environ.get("ADIT_FULL") == "1"
PLAIN = os.environ.get("sanitizers", "no") == "no"


@pytest.fixture
def w(site):
    return TlsWorld(site)


# Bytes.

def test_bytes_pass(w):
    server = w.server()
    echo = echo_target(w.site)
    agent = w.agent(server, {"ca_file": w.pem("ca")}, echo.port)
    with Traffic(lambda: w.site.connect(agent.public), 8) as t:
        t.wait(8 * MIB, 60)


@pytest.mark.parametrize("trust", ["pin", "ca_file", "both"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_server_is_known(w, trust, host):
    server = w.server()
    conf = {"ca_file": w.pem("ca"), "pin": w.pins["server"]}
    w.agent(server, conf if trust == "both" else {trust: conf[trust]}, 1, host=host)


# Refusals: the same cause has its own words at both ends.

def test_wrong_name(w):
    w.mint("server", names="other.example", issuer="ca")
    server = w.server()
    said = w.refused(server, {"ca_file": w.pem("ca")})
    assert said == ("TLS: the server's certificate is for other.example, not for \"localhost\"")
    server.wait_for(r"warn  link from 127\.0\.0\.1:\d+ closed: .*TLS handshake refused by the agent: "
                    r"our certificate is not for the name that was dialled")


def test_expired(w):
    w.mint("server", names="localhost", first=-20, last=-2, issuer="ca")
    server = w.server()
    server.wait_for("warn  transport-tls: the certificate in .*server.pem has expired")
    said = w.refused(server, {"ca_file": w.pem("ca")})
    assert re.fullmatch(r"TLS: the server's certificate has expired on 20\d\d-\d\d-\d\d", said), said
    server.wait_for(r"warn  link from .*our certificate has expired or is not valid yet")


def test_unknown_issuer(w):
    w.mint("stranger", "Another CA", purpose="ca")
    server = w.server()
    said = w.refused(server, {"ca_file": w.pem("stranger")})
    assert said == ("TLS: the server's certificate is signed by an unknown issuer, \"Test CA\", "
                    "which is not in ca_file")
    server.wait_for(r"warn  link from .*our certificate is signed by an issuer it does not know")


def test_wrong_pin(w):
    server = w.server()
    w.mint("another", names="localhost", issuer="ca")
    said = w.refused(server, {"pin": w.pins["another"]})
    assert said.startswith("TLS: the server's key is not the pinned one: it has %s; "
                           % w.pins["server"])
    server.wait_for(r"warn  link from .*our key is not the pinned one")


def test_revoked_pin(w):
    server = w.server()
    said = w.refused(server, {"ca_file": w.pem("ca"), "pin": w.pins["server"],
                              "revoked_pin": w.pins["server"]})
    assert said == "TLS: the server's key %s is revoked (it is one of revoked_pin)" % (
        w.pins["server"])
    server.wait_for(r"warn  link from .*our certificate or its key is revoked")


def test_wrong_alpn(w):
    """An agent that meets another program, and another program that meets the server."""
    server = w.server()
    with pytest.raises(ssl.SSLError, match="NO_APPLICATION_PROTOCOL|no application protocol"):
        w.connect(server.port, alpn=("h2",))
    server.wait_for(r"warn  link from .*it speaks none of the protocols adit/1 and http/1\.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(w.pem("server"), w.key("server"))
    web = w.site.listener()
    a = w.agent(web.port, {"ca_file": w.pem("ca")}, 1, "--no-reconnect", wait=False,
                token_file=server.token_file)
    try:
        context.wrap_socket(w.site.own(web.accept()), server_side=True).close()
    except (ssl.SSLError, ConnectionError):     # the agent may be gone already
        pass
    assert a.wait() == 69
    a.wait_for(r"^stopped: TLS: the server does not say that it speaks adit/1 \(ALPN\)")


def test_no_tls_at_all(w):
    server = w.site.server("plain")
    w.mint("server", names="localhost", issuer="ca")
    said = w.refused(server, {"ca_file": w.pem("ca")})
    assert said == "TLS handshake with the server failed: it does not speak TLS"


# Certificates of agents.

@pytest.mark.parametrize("how", ["optional", "required"])
def test_client_certificate(w, how):
    w.mint("agent", "web1", "web1.agents", purpose="client", issuer="ca")
    w.mint("stranger", "Another CA", purpose="ca")
    w.mint("other", "web2", "web2.agents", purpose="client", issuer="stranger")
    server = w.server(tls={"client_certificate": how, "client_ca": w.pem("ca")})
    trust = {"ca_file": w.pem("ca")}
    w.agent(server, dict(trust, certificate=w.pem("agent"), key=w.key("agent")), 1)
    said = w.refused(server, dict(trust, certificate=w.pem("other"), key=w.key("other")))
    assert said.startswith("TLS refused by the server: our certificate is signed by an issuer"), said
    server.wait_for("warn  .*TLS: the agent's certificate is signed by an unknown issuer, "
                    "\"Another CA\", which is not in client_ca")
    if how == "optional":
        w.agent(server, trust, 1, "--agent", "without")
        return
    said = w.refused(server, trust)
    assert said == "TLS refused by the server: it wants a client certificate (alert 116)"
    server.wait_for("warn  .*it shows no certificate, and one is required")


def test_facts_reach_auth_plugins(w):
    """A login by client certificate: openssl is the agent."""
    folder = w.site.path("plugins")
    shutil.copytree(os.environ["plugin_dir"], folder)
    shutil.copy(os.path.join(BUILD, "tests/plugin/.libs/auth-facts.so"), folder)
    for name in os.listdir(folder):
        os.chmod(os.path.join(folder, name), 0o755)
    w.mint("agent", "web1", "acme,web1.agents", purpose="client", issuer="ca")
    server = w.server(tls={"client_certificate": "optional", "client_ca": w.pem("ca")},
                      plugins={"auth-facts": {}, "auth-token": None}, accounts=(),
                      args=("--plugin-dir", folder), conf={"plugin_dir": folder})
    s = w.through([tool("openssl"), "s_client", "-quiet", "-connect", "127.0.0.1:%d" % server.port,
                   "-alpn", "adit/1", "-CAfile", w.pem("ca"), "-verify_return_error",
                   "-cert", w.pem("agent"), "-key", w.key("agent")])
    p = AgentPeer(s)
    p.start()
    p.send("AUTH", method="facts", agent="unknown", data=b"")
    ok = p.expect("AUTH_OK")
    with open(w.pem("agent"), encoding="ascii") as f:
        print_ = hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).hexdigest()
    assert (ok["account"], ok["agent"]) == ("acme", print_[:16])
    server.wait_for("auth-facts: alpn=adit/1 version=TLS1.3 cipher=AES-128-GCM exporter=64")


# Foreign peers.

def speak(w, server, argv):
    """A whole session of the Python agent through somebody else's TLS."""
    p = AgentPeer(w.through(argv))
    p.login(Token(server.token), "foreign")
    host, port = p.bind().rsplit("/", 1)[1].rsplit(":", 1)
    client = w.site.connect((host, int(port)))
    sent = pattern(0, 100000)
    client.sendall(sent)
    st = p.accept()
    assert p.read(st.sid, len(sent)) == sent
    p.send_data(st.sid, sent)
    assert read_exactly(client, len(sent)) == sent


def test_openssl(w):
    server = w.server()
    speak(w, server, [tool("openssl"), "s_client", "-quiet", "-connect",
                      "127.0.0.1:%d" % server.port, "-alpn", "adit/1", "-CAfile", w.pem("ca"),
                      "-servername", "localhost", "-verify_hostname", "localhost",
                      "-verify_return_error"])


def test_gnutls(w):
    server = w.server()
    speak(w, server, [tool("gnutls-cli"), "--logfile", os.devnull, "--x509cafile", w.pem("ca"),
                      "--alpn", "adit/1", "-p", str(server.port), "localhost"])


def test_certificate_by_name(w):
    w.mint("one", names="one.example", issuer="ca")
    w.mint("two", names="two.example,localhost", issuer="ca")
    server = w.server("one", tls={"certificate": [w.pem("one"), w.pem("two")],
                                  "key": [w.key("one"), w.key("two")]})
    for name in ("one.example", "two.example", "localhost"):
        assert name in str(w.connect(server.port, name).getpeercert()["subjectAltName"])
    with pytest.raises(ssl.SSLCertVerificationError, match="one.example|mismatch"):
        w.connect(server.port, "three.example")


# Scanners: only TLS 1.3, and of it only what is good.

def test_versions(w):
    server = w.server()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = version, version
        with socket.create_connection(("127.0.0.1", server.port), 10 * SLOW) as s:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                context.wrap_socket(s)
    link = w.connect(server.port)
    assert link.version() == "TLSv1.3" and link.cipher()[0] == "TLS_AES_128_GCM_SHA256"
    assert link.selected_alpn_protocol() == "adit/1" and link.compression() is None


def test_sslscan(w):
    server = w.server()
    out = run([tool("sslscan"), "--no-colour", "--show-times", "127.0.0.1:%d" % server.port],
              timeout=120).decode()
    for line in ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2"):
        assert re.search(r"^%s +disabled" % re.escape(line), out, re.M), out
    assert re.search(r"^TLSv1\.3 +enabled", out, re.M), out
    ciphers = set(re.findall(r"^(?:Preferred|Accepted) +(\S+).*? (TLS_\w+|\w+-\w+[\w-]*)", out, re.M))
    assert ciphers == {("TLSv1.3", c) for c in (
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")}, out
    assert "Session renegotiation not supported" in out, out
    assert re.search("(compression disabled|OpenSSL version does not support compression)", out), out
    assert out.count("not vulnerable to heartbleed") >= 1 and " vulnerable to heartbleed" not in (
        out.replace("not vulnerable to heartbleed", "")), out


@pytest.mark.skipif(not FULL, reason="half a minute of other people's time-outs: ADIT_FULL=1")
def test_testssl(w):
    server = w.server()
    out = run([tool("testssl"), "--color", "0", "--quiet", "--warnings", "off", "-p", "-s", "-R", "-C",
               "-f", "127.0.0.1:%d" % server.port], timeout=200).decode()
    for line in ("SSLv2", "SSLv3", "TLS 1", "TLS 1.1", "TLS 1.2"):
        assert re.search(r"^ %s +not offered" % re.escape(line), out, re.M), out
    assert re.search(r"^ TLS 1\.3 +offered \(OK\): final", out, re.M), out
    for line in ("NULL ciphers", "Anonymous NULL", "Export", "LOW", "Triple DES", "Obsolete CBC"):
        assert re.search(r"^ %s.* not offered" % re.escape(line), out, re.M), out
    for line in ("Secure Renegotiation", "Secure Client-Initiated Renegotiation", "CRIME"):
        assert re.search(r"^ %s.* not vulnerable \(OK\)" % re.escape(line), out, re.M), out
    assert "NOT ok" not in out and "VULNERABLE" not in out, out


# New certificates.

def reload(server):
    mark = server.mark()
    server.signal(signal.SIGHUP)
    return server.wait_for("(configuration reloaded|reload refused|reload failed|not reloading).*",
                           after=mark).group(0)


def serial(w, server):
    """Of the certificate that is shown now. The link is ended: only so many may be without a login."""
    with w.connect(server.port) as s:
        number = s.getpeercert()["serialNumber"]
        s.unwrap()
    return number


def test_rotation_under_traffic(w):
    """No stream fails, the agent's link stays the first one, and whoever comes gets the new one."""
    server = w.server()
    echo = echo_target(w.site)
    agent = w.agent(server, {"ca_file": w.pem("ca")}, echo.port)
    seen = {serial(w, server)}
    with Traffic(lambda: w.site.connect(agent.public), 4) as t:
        for i in range(100 if FULL or PLAIN else 20):
            w.mint("server", names="localhost", issuer="ca")
            assert reload(server).startswith("configuration reloaded")
            t.wait(MIB // 8)
            seen.add(serial(w, server))
            assert len(seen) == i + 2
    assert agent.text("out").count("connecting to") == 1
    w.agent(server, {"ca_file": w.pem("ca"), "pin": w.pins["server"]}, 1, "--agent", "later")


BROKEN = {
    "not-there": (None, "No such file or directory"),
    "text": (b"this is no certificate\n", "holds no certificate in PEM form"),
    "empty": (b"", "is empty"),
    "cut": ("cut", "holds no certificate in PEM form"),
    "another-key": ("another-key", "its key is not the certificate's"),
    "open-key": ("open-key", "has mode 0644"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_certificate(w, how):
    """The reload is refused, the old certificate stays in force, and a good one mends it."""
    server = w.server()
    before = serial(w, server)
    what, said = BROKEN[how]
    with open(w.pem("server"), "rb") as f:
        good = f.read()
    if what is None:
        os.unlink(w.pem("server"))
    elif what == "another-key":
        w.mint("another")
        shutil.copy(w.key("another"), w.key("server"))
    elif what == "open-key":
        os.chmod(w.key("server"), 0o644)
    else:
        with open(w.pem("server"), "wb") as f:
            f.write(good[:len(good) // 2] if what == "cut" else what)
    text = reload(server)
    assert text.startswith("reload refused, the old configuration stays: "), text
    assert "server." in text and said in text, text
    assert serial(w, server) == before
    w.mint("server", names="localhost", issuer="ca")
    os.chmod(w.key("server"), 0o600)
    assert reload(server).startswith("configuration reloaded")
    assert serial(w, server) != before


# Handshakes that do not end, and what is no handshake.

def attempts(agent):
    return agent.text("out").count("connecting to")


def wait_end(sock):
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        pass


def test_slow_handshakes(w):
    """Nothing, half a ClientHello, and all of it but no answer: closed at the deadline."""
    server = w.server(limits={"handshake_timeout": "3s"})
    held = w.agent(server, {"ca_file": w.pem("ca")}, 1)
    half = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        ssl.create_default_context(cafile=w.pem("ca")).wrap_bio(
            *half, server_hostname="localhost").do_handshake()
    hello = half[1].read()
    fds, before = server.fds(), attempts(held)
    links = []
    for part in (b"", hello[:1], hello[:5], hello[:len(hello) // 2], hello):
        for _ in range(5):
            links.append(w.site.connect(server.port))
            links[-1].sendall(part)
    for s in links:
        wait_end(s)
    server.wait_fds(fds)
    assert attempts(held) == before


def test_garbage(w):
    server = w.server(limits={"handshake_timeout": "3s"})
    held = w.agent(server, {"ca_file": w.pem("ca")}, 1)
    before = attempts(held)
    for text in (b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n", os.urandom(300),
                 b"\x16\x03\x01\x40\x00\x01" + b"\0" * 9000,
                 b"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03"):
        s = w.site.connect(server.port)
        s.sendall(text)
        wait_end(s)
    assert attempts(held) == before
