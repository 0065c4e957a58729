/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Who is refused, and in which words at both ends: authorities, names, dates, pins, client
 * certificates, certificates by name. */

#include <gnutls/crypto.h>
#include <stdlib.h>

#include "ends.h"
#include "tap.h"
#include "verify.h"

static void
server_shows(const struct minted *m, struct creds *a, const char *host, const char *agent_says,
	const char *server_says)
{
	struct creds *s = server_with(m);

	refused_link(a, s, host, agent_says, server_says);
	creds_unref(s);
}

static void
test_ca(void)
{
	struct creds *a = agent_with_ca(&ca), *s = server_with(&leaf);

	taken_link(a, s, "a.example", "a name");
	taken_link(a, s, "c.b.example", "a name by a wildcard");
	taken_link(a, s, "192.0.2.1", "an IPv4 address");
	taken_link(a, s, "2001:db8:0::1", "an IPv6 address");
	refused_link(a, s, "b.example",
		"TLS: the server's certificate is for "
		"a.example,*.b.example,192.0.2.1,2001:db8::1, not for \"b.example\"",
		"TLS handshake refused by the agent: our certificate is not for the name that was "
		"dialled, or is damaged (alert 42)");
	refused_link(a, s, "192.0.2.2", "not for \"192.0.2.2\"", "(alert 42)");
	refused_link(a, s, "2001:db8::2", "not for \"2001:db8::2\"", "(alert 42)");
	creds_unref(s);
	server_shows(&expired, a, "a.example", "TLS: the server's certificate has expired on 20",
		"our certificate has expired or is not valid yet (alert 45)");
	server_shows(&early, a, "a.example", "the server's certificate is valid only from 20",
		"(alert 45)");
	server_shows(&stranger, a, "a.example",
		"TLS: the server's certificate is signed by an unknown issuer, \"Other CA\", which "
		"is not in ca_file",
		"our certificate is signed by an issuer it does not know (alert 48)");
	server_shows(&purpose, a, "a.example", "is not meant for a TLS server", "(alert 43)");
	creds_unref(a);
}

static void
test_server_name(void)
{
	struct creds *a = agent_with_ca(&ca), *s = server_with(&leaf);

	a->server_name = strdup("a.example");
	taken_link(a, s, "192.0.2.77", "server_name stands for the address that was dialled");
	free(a->server_name);
	a->server_name = strdup("z.example");
	refused_link(a, s, "a.example", "not for \"z.example\"", "(alert 42)");
	creds_unref(a);
	creds_unref(s);
}

static void
test_self_signed(void)
{
	struct creds *a, *s;
	struct minted own;

	mint(&(struct mint_ask){.cn = "own", .names = "a.example", .from = -1, .to = 9}, NULL,
		&own);
	s = server_with(&own);
	a = agent_with_ca(&own);
	taken_link(a, s, "a.example", "a self-signed certificate that is the ca_file itself");
	creds_unref(a);
	a = agent_with_ca(&ca);
	refused_link(a, s, "a.example", "unknown issuer, \"own\"", "(alert 48)");
	creds_unref(a);
	creds_unref(s);
	mint_fini(&own);
}

static void
test_pins(void)
{
	struct creds *a = agent_with_pin(&leaf_pin), *s = server_with(&leaf);
	struct pin wrong = leaf_pin, old_pin;

	wrong.hash[31] ^= 1;
	taken_link(a, s, "nothing.example", "a pinned key, whatever the name");
	creds_unref(s);
	server_shows(&stranger, a, "a.example",
		"TLS: the server's key is not the pinned one: it has sha256-",
		"our key is not the pinned one (alert 46)");
	creds_unref(a);
	if (pin_of(expired.crt, &old_pin) < 0)
		exit(99);
	a = agent_with_pin(&wrong);
	(void)pins_add(&a->pins, &old_pin);
	s = server_with(&expired);
	taken_link(a, s, "a.example", "one of two pins, whatever the dates");
	(void)pins_add(&a->revoked, &old_pin);
	refused_link(a, s, "a.example", "is revoked (it is one of revoked_pin)",
		"our certificate or its key is revoked (alert 44)");
	creds_unref(a);
	creds_unref(s);
	a = agent_with_ca(&ca);
	s = server_with(&leaf);
	(void)pins_add(&a->revoked, &leaf_pin);
	refused_link(a, s, "a.example", "TLS: the server's key sha256-", "(alert 44)");
	a->revoked.n = 0;
	(void)pins_add(&a->pins, &wrong);
	refused_link(a, s, "a.example", "not the pinned one", "(alert 46)");
	(void)pins_add(&a->pins, &leaf_pin);
	taken_link(a, s, "a.example", "an authority and a pin");
	refused_link(a, s, "b.example", "not for \"b.example\"", "(alert 42)");
	creds_unref(a);
	creds_unref(s);
}

static void
test_system(void)
{
	struct creds *a = agent_with_nothing(), *again;

	if (creds_add_system(a, reason) < 0) {
		ok(strstr(reason, "ca-certificates") != NULL, "no system store: %s", reason);
		creds_unref(a);
		return;
	}
	server_shows(&leaf, a, "a.example", "\"Test CA\", which is not in the system's store",
		"(alert 48)");
	again = agent_with_nothing();
	is_int(creds_add_system(again, reason), 0, "the system's store once more");
	ok(again->system == a->system, "is the same one");
	creds_unref(again);
	if (creds_add_trust(a, &ca.certificate, reason) < 0)
		exit(99);
	creds_unref(a);
}

/* ---- Client certificates --------------------------------------------------------------------- */

static void
client_taken(const struct minted *m, enum client_certificate how, const char *what)
{
	struct creds *s = server_asking(how), *a = agent_showing(m);

	taken_link(a, s, "a.example", what);
	creds_unref(a);
	creds_unref(s);
}

static void
client_refused(const struct minted *m, enum client_certificate how, const char *server_says,
	const char *agent_says)
{
	struct creds *s = server_asking(how), *a = agent_showing(m);

	refused_link(a, s, "a.example", agent_says, server_says);
	creds_unref(a);
	creds_unref(s);
}

static void
test_client(void)
{
	struct creds *s = server_asking(CLIENT_REQUIRED), *a = agent_showing(&client);
	uint8_t hash[32];
	char hex[65];
	gnutls_datum_t der;
	struct pin pin;
	struct ends e;

	ends_open(&e, a, s, NULL, "a.example");
	settle(&e, 1000);
	ok(e.server.ready && e.server.error[0] == '\0', "a client certificate is taken");
	if (gnutls_x509_crt_export2(client.crt, GNUTLS_X509_FMT_DER, &der) < 0 ||
		gnutls_hash_fast(GNUTLS_DIG_SHA256, der.data, der.size, hash) < 0)
		exit(99);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	gnutls_free(der.data);
	is_str(fact(&e.server, "tls-fingerprint"), hex, "its fingerprint is a fact");
	is_str(fact(&e.server, "tls-names"), "web1.agents,other", "so are its names");
	ends_close(&e);
	if (pin_of(client.crt, &pin) < 0 || pins_add(&s->revoked, &pin) < 0)
		exit(99);
	refused_link(a, s, "a.example", "our certificate or its key is revoked (alert 44)",
		"TLS: the agent's key sha256-");
	creds_unref(a);
	creds_unref(s);
	client_taken(&client, CLIENT_OPTIONAL, "an optional one that is shown");
	client_taken(NULL, CLIENT_OPTIONAL, "an optional one that is not");
	client_taken(&client, CLIENT_NO, "one that nobody asks for");
	client_refused(NULL, CLIENT_REQUIRED, "one is required",
		"it wants a client certificate (alert 116)");
	client_refused(&stranger, CLIENT_OPTIONAL,
		"TLS: the agent's certificate is signed by an unknown issuer, \"Other CA\", which "
		"is not in client_ca",
		"our certificate is signed by an issuer it does not know (alert 48)");
	client_refused(&expired, CLIENT_REQUIRED, "TLS: the agent's certificate has expired on 20",
		"our certificate has expired or is not valid yet (alert 45)");
}

/* Who signs for agents may sign names that are cut elsewhere at a zero byte. */
static void
names_are(const uint8_t *san, unsigned n_san, const char *names)
{
	struct creds *s = server_asking(CLIENT_REQUIRED), *a;
	struct minted m;
	struct ends e;

	mint(&(struct mint_ask){.cn = "cn", .from = -1, .to = 9, .purpose = "client", .san = san,
		     .n_san = n_san},
		&ca, &m);
	a = agent_showing(&m);
	ends_open(&e, a, s, NULL, "a.example");
	settle(&e, 1000);
	ok(e.server.ready, "a certificate");
	is_str(fact(&e.server, "tls-names"), names, "with these names");
	ends_close(&e);
	mint_fini(&m);
	creds_unref(a);
	creds_unref(s);
}

static void
test_zero_in_name(void)
{
	static const uint8_t some[] = "\x30\x1f\x82\x10ops.agents\0.evil\x82\x04web1\x81\x05"
				      "a@b\0c",
			     only[] = "\x30\x12\x82\x10ops.agents\0.evil";

	names_are(some, sizeof(some) - 1, "web1");
	names_are(only, sizeof(only) - 1, "");
	names_are(NULL, 0, "cn");
}

/* ---- Several certificates -------------------------------------------------------------------- */

static void
test_sni(void)
{
	struct creds *s = server_with(&leaf), *a = agent_with_ca(&ca);
	struct minted second;
	time_t end;

	mint(&(struct mint_ask){.cn = "y", .names = "second.example", .from = -1, .to = 9}, &ca,
		&second);
	is_int(creds_add_pair(s, &second.certificate, &second.key, &end, reason), 0,
		"a second certificate");
	taken_link(a, s, "second.example", "is shown to whom asks for its name");
	taken_link(a, s, "a.example", "the first to whom asks for its own");
	refused_link(a, s, "third.example", "not for \"third.example\"", "(alert 42)");
	mint_fini(&second);
	creds_unref(s);
	creds_unref(a);
}

static void
test_bad_pairs(void)
{
	struct creds *s = creds_new(ADIT_SIDE_SERVER);
	gnutls_datum_t nothing = {(unsigned char *)"nothing\n", 8};
	time_t end;

	is_int(creds_add_pair(s, &leaf.certificate, &client.key, &end, reason), -1,
		"another certificate's key");
	is_str(reason, "its key is not the certificate's", "is named as such");
	is_int(creds_add_pair(s, &nothing, &client.key, &end, reason), -1, "no certificate");
	ok(strstr(reason, "holds no certificate in PEM form") != NULL, "%s", reason);
	is_int(creds_add_pair(s, &leaf.certificate, &nothing, &end, reason), -1, "no key");
	ok(strstr(reason, "cannot be used with its key") != NULL, "%s", reason);
	is_int(creds_add_trust(s, &nothing, reason), -1, "no authority");
	is_str(reason, "holds no certificate in PEM form", "is named as such");
	creds_unref(s);
}

/* ---- Pins as text ---------------------------------------------------------------------------- */

static void
test_pin_text(void)
{
	char buf[PIN_TEXT], one[80];
	struct pin pin, same;

	for (int i = 0; i < 32; i++)
		pin.hash[i] = (uint8_t)(i * 37 + 200);
	pin_text(&pin, buf);
	is_int((intmax_t)strlen(buf), PIN_TEXT - 1, "a pin as text");
	ok(pin_parse(buf, &same) == 0 && memcmp(&pin, &same, sizeof(pin)) == 0, "and back");
	memset(&pin, 0xfb, sizeof(pin));
	pin_text(&pin, buf);
	is_str(buf, "sha256--_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s", "with - and _");
	ok(pin_parse("sha256-+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=", &same) == 0 &&
			memcmp(&pin, &same, sizeof(pin)) == 0,
		"standard base64 is taken, too");
	snprintf(one, sizeof(one), "%sA", buf);
	is_int(pin_parse(one, &same), -1, "a digit too many");
	buf[PIN_TEXT - 2] = 't';
	is_int(pin_parse(buf, &same), -1, "bits that belong to nothing");
	buf[PIN_TEXT - 2] = '\0';
	is_int(pin_parse(buf, &same), -1, "a digit too few");
	is_int(pin_parse("sha1-", &same), -1, "another hash");
	is_int(pin_parse("", &same), -1, "nothing");
}

int
main(void)
{
	mint_all();
	test_pin_text();
	test_bad_pairs();
	test_ca();
	test_server_name();
	test_self_signed();
	test_pins();
	test_system();
	test_client();
	test_zero_in_name();
	test_sni();
	mint_none();
	return done_testing();
}
