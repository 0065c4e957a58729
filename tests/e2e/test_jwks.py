# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""Keys of auth-jwt by URL, from a web server that changes its keys, goes away, comes back, is slow
or is somebody else; with tokens that openssl has signed."""

import base64
import http.server
import json
import os
import shutil
import signal
import ssl
import subprocess
import threading
import time

import pytest

from harness import SLOW, Agent, command, need, setting, until
from tlsworld import TlsWorld

pytestmark = [need("aditd", "adit"),
              pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl"),
              pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl")]

ISSUER = "https://issuer.example"
IN, BUSY, DENIED = 0, 69, 77            # the agent's status


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """An Ed25519 key of somebody who signs tokens."""

    def __init__(self, site, kid):
        self.site, self.kid = site, kid
        self.key = site.path(kid + ".key")
        self._openssl("genpkey", "-algorithm", "ed25519", "-out", self.key)
        der = self._openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")
        self.pem = self._openssl("pkey", "-in", self.key, "-pubout").decode()
        self.jwk = {"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64(der[-32:])}

    @staticmethod
    def _openssl(*words):
        return subprocess.run(["openssl", *words], check=True, capture_output=True,
                              timeout=60 * SLOW).stdout

    def token(self, kid=None, **claims):
        """The path of a token that names this key, or another."""
        head = {"alg": "EdDSA", "kid": kid or self.kid}
        body = {"iss": ISSUER, "aud": "adit", "sub": "acme", "exp": int(time.time()) + 3600}
        text = ".".join(b64(json.dumps(part).encode()) for part in (head, {**body, **claims}))
        unsigned = self.site.write("unsigned", text)
        name = self.site.write("token-%d" % len(os.listdir(self.site.folder)), text + "." + b64(
            self._openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.key, "-in", unsigned)))
        return name


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.world.asked.append(self.path)
        self.server.world.answer(self)

    def log_message(self, *args):
        pass


class Web(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args):
        """A client that does not like the certificate is no news."""


class KeyServer:
    """https://localhost:PORT/keys; answer(request) can be replaced."""

    def __init__(self, w, cert="keys"):
        self.keys, self.asked, self.hold = [], [], threading.Event()
        w.mint(cert, names="localhost", issuer="ca")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(w.pem(cert), w.key(cert))
        self.http = Web(("127.0.0.1", 0), Handler)
        self.http.world = self
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True,
                                               do_handshake_on_connect=False)
        self.port = self.http.server_address[1]
        self.url = "https://localhost:%d/keys" % self.port
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        w.site.own(self)

    def answer(self, request, what=None):
        body = json.dumps(what or {"keys": [s.jwk for s in self.keys]}).encode()
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def fail(self, request):
        request.send_error(503)

    def silence(self, request):
        """No answer as long as the client stays."""
        request.connection.settimeout(None)
        try:
            request.rfile.read(1)
        except OSError:
            pass
        self.hold.set()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


class World(TlsWorld):
    def __init__(self, site):
        super().__init__(site)
        self.web = KeyServer(self)
        # Nobody's own settings of curl count, and a file may have any name.
        site.write(".curlrc", 'insecure\nproxy = "http://127.0.0.1:1"\n')
        self.ca = site.path('the "CA" \\ of it.pem')
        shutil.copy(self.pem("ca"), self.ca)

    def start(self, **options):
        conf = {"jwks_url": self.web.url, "ca_file": self.ca, "issuer": ISSUER,
                "audience": "adit", "account_claim": "sub", "jwks_min_interval": "100ms"}
        conf.update(options)
        conf = {k: v for k, v in conf.items() if v is not None}
        return self.server(plugins={"auth-token": None, "auth-jwt": conf}, accounts=())

    def agent(self, server, token, *args):
        conf = self.site.write("agent%d/adit.conf" % len(self.site.programs),
                               "transport-tls = %s;\nauth-jwt = %s;\n" % (
                                   setting({"ca_file": self.pem("ca")}),
                                   setting({"token_file": token})))
        return self.site.start("adit", command("adit") + [
            "run", "-c", conf, "--server", "tls://localhost:%d" % server.port,
            "--local", "127.0.0.1:1", *args], Agent)

    def login(self, server, token):
        """One login: IN, and the agent has left again; BUSY or DENIED."""
        a = self.agent(server, token, "--no-reconnect")
        try:
            a.wait_up()
        except TimeoutError:
            return a.wait()
        a.stop()
        return IN


@pytest.fixture
def w(site):
    return World(site)


def test_rotation_and_outage(w):
    """Keys come late, change, go, and outlast an outage and a reload."""
    one, two = Signer(w.site, "one"), Signer(w.site, "two")
    first, second = one.token(), two.token()
    w.web.answer = w.web.fail
    server = w.start()
    server.wait_for("warn  auth-jwt: %s: the keys cannot be fetched: .* 503" % w.web.url)
    mark = server.mark()
    assert w.login(server, first) == BUSY
    server.wait_for("the keys cannot be fetched: .* 503", after=mark)
    w.web.keys = [one]
    del w.web.answer
    until(lambda: w.login(server, first) == IN, "the first login", 30)
    assert w.login(server, two.token("one")) == DENIED, "a signature by another key"
    w.web.keys = [one, two]
    until(lambda: w.login(server, second) == IN, "a login with the new key", 30)
    assert w.login(server, first) == IN
    w.web.keys = [two]
    unknown = one.token("unknown")      # has the keys fetched
    until(lambda: w.login(server, unknown) and w.login(server, first) == DENIED,
          "the end of the old key", 30)
    w.web.answer = w.web.fail
    mark = server.mark()
    server.signal(signal.SIGHUP)
    server.wait_for("configuration reloaded", after=mark)
    until(lambda: w.login(server, unknown) and "503" in "".join(
        text for _, text in server.lines[mark:]), "a fetch that fails", 30)
    assert w.login(server, second) == IN, "an outage takes no keys"


def test_random_kids_are_no_flood(w):
    one = Signer(w.site, "one")
    w.web.keys = [one]
    server = w.start(jwks_min_interval="1h")
    server.wait_for("info  auth-jwt: %s: 1 key$" % w.web.url)
    for i in range(4):
        assert w.login(server, one.token("random%d" % i)) == DENIED
    server.wait_for("no key has its kid")
    assert w.login(server, one.token()) == IN
    assert w.web.asked == ["/keys"]


def test_wrong_certificate(w):
    """Nobody's keys count but those of the server that its authority vouches for."""
    one = Signer(w.site, "one")
    w.web.keys = [one]
    w.mint("stranger", "Other CA", purpose="ca")
    server = w.start(ca_file=w.pem("stranger"))
    server.wait_for(r"the keys cannot be fetched: exit status 60: curl: \(60\)")
    assert w.login(server, one.token()) == BUSY
    assert w.web.asked == []


def test_discovery(w):
    """The keys are where the issuer says; what it says of itself must be true."""
    one = Signer(w.site, "one")
    issuer = w.web.url.replace("/keys", "/realm")
    w.web.keys = [one]
    plain = w.web.answer
    w.web.answer = lambda request: plain(request, None if request.path == "/realm/keys" else {
        "issuer": issuer, "jwks_uri": issuer + "/keys"})
    server = w.start(jwks_url=None, discovery=True, issuer=issuer)
    server.wait_for("info  auth-jwt: %s: 1 key$" % issuer)
    assert w.web.asked == ["/realm/.well-known/openid-configuration", "/realm/keys"]
    assert w.login(server, one.token(iss=issuer)) == IN
    assert w.login(server, one.token()) == DENIED


def test_files_change(w):
    """A new file counts at the next login; one that cannot be used changes nothing."""
    one, two = Signer(w.site, "one"), Signer(w.site, "two")
    path = w.site.path("signers")

    def put(text):
        os.replace(w.site.write("signers.new", text, mode=0o644), path)

    put(one.pem)
    server = w.start(jwks_url=None, ca_file=None, key_file="../../signers")
    assert w.login(server, one.token()) == IN, "the key of a PEM file goes by any name"
    assert w.login(server, two.token("one")) == DENIED
    put(json.dumps({"keys": [one.jwk, {"kty": "new"}, two.jwk]}))
    assert w.login(server, two.token()) == IN
    server.wait_for("warn .*signers: key 2 is of a type .* it is not used")
    mark = server.mark()
    put(json.dumps({"keys": [dict(two.jwk, d="AAAA")]}))
    assert w.login(server, one.token()) == IN
    server.wait_for("error .*signers: key 1 .* has its private part .* still counts", after=mark)


def test_stop_while_fetching(w):
    w.web.answer = w.web.silence
    server = w.start(jwks_timeout="60s")
    until(lambda: w.web.asked, "the question")
    assert server.stop() == 0
    assert w.web.hold.wait(30 * SLOW), "curl outlives the server"


def test_check_asks_nobody(w):
    """--check and the like read the configuration without fetching; what is wrong with it is said."""
    conf = {"jwks_url": w.web.url, "ca_file": w.pem("ca"), "issuer": ISSUER, "audience": "adit",
            "account_claim": "sub"}
    path, _, _ = w.site.server_conf(plugins={"auth-jwt": conf})
    w.site.run("aditd", "--check", "-c", path)
    for wrong, words in (
            ({"jwks_url": "http://issuer.example/keys"}, "is not encrypted"),
            ({"jwks_url": "file:///etc/passwd"}, "does not begin with https://"),
            ({"discovery": True}, "in place of jwks_url"),
            ({"discovery": True, "issuer": [ISSUER, "https://b.example"]}, "issuer has 2"),
            ({"rsa_algorithm": "HS256"}, "expects RS256"),
            ({"hmac_algorithm": "none"}, "expects HS256"),
            ({"key_file": "missing.pem"}, "missing.pem"),
            ({"jwks_max_age": "0s"}, "jwks_max_age")):
        path, _, _ = w.site.server_conf(plugins={"auth-jwt": {**conf, **wrong}})
        assert words in w.site.run("aditd", "--check", "-c", path, status=78)[1]
    assert w.web.asked == []
