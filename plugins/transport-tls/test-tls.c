/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What passes over a link and how it is cut into records, versions and protocols, tickets, and what
 * an idle link costs. tls.c is part of this test, so that foreign peers can be played. */

#include <gnutls/crypto.h>
#include <malloc.h>
#include <stdlib.h>

#include "ends.h"
#include "tap.h"
#include "tls.c"

static void
test_passing(void)
{
	static const size_t pieces[] = {1, 7, 100, 5000, 70000};
	struct creds *s = server_with(&leaf), *a = agent_with_ca(&ca);
	struct ends e;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t n = pieces[i] < 50 ? 3000 : 200000;

		ends_open(&e, a, s, NULL, "a.example");
		settle(&e, pieces[i]);
		ok(e.agent.ready && e.server.ready, "a handshake in pieces of up to %zu",
			pieces[i]);
		passes(&e.agent, &e.server, n, pieces[i]);
		passes(&e.server, &e.agent, n, pieces[i]);
		passes(&e.agent, &e.server, 1, pieces[i]);
		ends_close(&e);
	}
	creds_unref(s);
	creds_unref(a);
}

static void
test_records(void)
{
	struct creds *s = server_with(&leaf), *a = agent_with_ca(&ca);
	uint8_t *p = random_bytes(1 << 20);
	struct ends e;

	ends_open(&e, a, s, NULL, "a.example");
	settle(&e, 100000);
	is_int(tls_output(e.agent.tls, p, 1 << 20), 0, "a MiB goes down");
	is_int((intmax_t)e.agent.down.n, (1 << 20) + 64 * 22, "in 64 records that are full");
	e.server.calls_up = 0;
	e.server.up.n = 0;
	is_int(carry(&e.agent, &e.server, SIZE_MAX), 0, "and comes in by one call");
	ok(e.server.up.n == 1 << 20 && memcmp(e.server.up.p, p, 1 << 20) == 0, "all of it");
	is_int(e.server.calls_up, 4, "by as few calls as there is room for");
	free(p);
	ends_close(&e);
	creds_unref(s);
	creds_unref(a);
}

static void
test_facts(void)
{
	struct creds *s = server_with(&leaf), *a = agent_with_ca(&ca);
	char text[PIN_TEXT];
	struct ends e;

	ends_open(&e, a, s, NULL, "a.example");
	settle(&e, 1000);
	is_str(fact(&e.server, "alpn"), "adit/1", "the server knows that frames follow");
	is_str(fact(&e.agent, "alpn"), "adit/1", "so does the agent");
	is_str(fact(&e.server, "tls-version"), "TLS1.3", "the version");
	is_str(fact(&e.agent, "tls-pin"), pin_text(&leaf_pin, text), "the server's pin");
	is_int((intmax_t)strlen(fact(&e.agent, "tls-exporter")), 64, "something of this session");
	is_str(fact(&e.agent, "tls-exporter"), fact(&e.server, "tls-exporter"),
		"that both ends have");
	is_str(fact(&e.server, "tls-fingerprint"), "", "without a client certificate, none");
	ends_close(&e);
	creds_unref(s);
	creds_unref(a);
}

static void
test_cipher(void)
{
	struct creds *s = server_with(&leaf), *a = agent_with_ca(&ca);
	struct ends e;

	gnutls_priority_deinit(a->priority);
	if (gnutls_priority_init(&a->priority,
		    "NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305:+AES-256-GCM:+AES-128-GCM", NULL) < 0)
		exit(99);
	ends_open(&e, a, s, NULL, "a.example");
	settle(&e, 1000);
	is_str(fact(&e.server, "tls-cipher"), "AES-128-GCM",
		"the server takes its own first choice");
	ends_close(&e);
	creds_unref(s);
	creds_unref(a);
}

static void
test_end(void)
{
	struct creds *s = server_with(&leaf), *a = agent_with_ca(&ca);
	struct ends e;

	ends_open(&e, a, s, NULL, "a.example");
	settle(&e, 1000);
	e.server.up.n = 0;
	is_int(tls_output(e.agent.tls, "last", 4), 0, "last words");
	tls_finish(e.agent.tls);
	is_int(carry(&e.agent, &e.server, 1000), 0, "an end in order is no error");
	ok(e.server.up.n == 4, "and what came before is there");
	is_int(tls_input(e.server.tls, "garbage", 7), 0, "what comes behind it is nothing");
	is_int(tls_output(e.server.tls, "echo", 4), 0, "what goes the other way is dropped");
	e.agent.up.n = 0;
	is_int(carry(&e.server, &e.agent, 1000), 0, "the same end comes back");
	is_int((intmax_t)e.agent.up.n, 0, "and nothing else");
	ends_close(&e);
	creds_unref(s);
	creds_unref(a);
}

/* A foreign peer may send records with nothing but padding in them. */
static void
test_empty_record(void)
{
	struct creds *s = server_with(&leaf), *a = agent_with_ca(&ca);
	struct ends e;

	ends_open(&e, a, s, NULL, "a.example");
	settle(&e, 1000);
	if (gnutls_record_send2(e.agent.tls->gnutls, "", 0, 100, 0) < 0)
		exit(99);
	is_int(carry(&e.agent, &e.server, 1000), 0, "an empty record");
	passes(&e.agent, &e.server, 10, 1000);
	is_int(gnutls_session_key_update(e.agent.tls->gnutls, GNUTLS_KU_PEER), 0,
		"new keys, asked for");
	passes(&e.agent, &e.server, 100000, 1000);
	settle(&e, 1000);
	passes(&e.server, &e.agent, 100000, 1000);
	for (int i = 0; i < 3000; i++)
		if (gnutls_record_send2(e.agent.tls->gnutls, "", 0, 100, 0) < 0)
			exit(99);
	is_int(carry(&e.agent, &e.server, 10000), -1, "nothing but empty records");
	ok(strstr(e.server.error, "no data") != NULL, "is refused: %s", e.server.error);
	ends_close(&e);
	creds_unref(s);
	creds_unref(a);
}

/* Another program's end in the place of one of ours. */
static void
foreign(struct adit_layer *l, unsigned flags, gnutls_certificate_credentials_t cred,
	const char *alpn, const char *priority)
{
	const gnutls_datum_t one = {(unsigned char *)(uintptr_t)alpn, (unsigned)strlen(alpn)};
	struct tls *t = l->tls;

	gnutls_deinit(t->gnutls);
	l->down.n = 0;
	if (gnutls_init(&t->gnutls, flags | GNUTLS_NONBLOCK) < 0 ||
		gnutls_priority_set_direct(t->gnutls, priority, NULL) < 0 ||
		gnutls_credentials_set(t->gnutls, GNUTLS_CRD_CERTIFICATE, cred) < 0 ||
		(alpn[0] != '\0' && gnutls_alpn_set_protocols(t->gnutls, &one, 1, 0) < 0))
		exit(99);
	gnutls_transport_set_ptr(t->gnutls, t);
	gnutls_transport_set_pull_function(t->gnutls, on_pull);
	gnutls_transport_set_vec_push_function(t->gnutls, on_push);
	if (flags == GNUTLS_CLIENT)
		(void)shake_hands(t);
}

/* A foreign agent that offers this to our server. */
static void
foreign_agent(
	struct ends *e, struct creds *a, struct creds *s, const char *alpn, const char *priority)
{
	ends_open(e, a, s, NULL, "a.example");
	foreign(&e->agent, GNUTLS_CLIENT, a->own, alpn, priority);
	settle(e, 1000);
}

static void
test_alpn(void)
{
	struct creds *a = agent_with_ca(&ca), *s = server_with(&leaf);
	struct ends e;

	ends_open(&e, a, s, NULL, "a.example");
	tls_close(e.agent.tls);
	e.agent.down.n = 0;
	e.agent.upper = "ws";
	if (tls_open(a, e.own[1], &e.agent, &e.agent.tls) < 0)
		exit(99);
	settle(&e, 1000);
	is_str(fact(&e.server, "alpn"), "http/1.1", "a WebSocket is inside HTTP");
	ends_close(&e);

	foreign_agent(&e, a, s, "", "NORMAL");
	ok(e.server.ready && fact(&e.server, "alpn")[0] == '\0', "who offers nothing is taken");
	ends_close(&e);
	foreign_agent(&e, a, s, "h2", "NORMAL");
	is_str(e.server.error,
		"TLS handshake with the agent failed: it speaks none of the protocols adit/1 and "
		"http/1.1 (ALPN)",
		"another protocol is refused");
	is_str(e.agent.error,
		"TLS handshake refused by the server: it speaks none of the offered protocols "
		"(ALPN) (alert 120)",
		"and the agent learns it");
	ends_close(&e);
	creds_unref(a);
	creds_unref(s);
}

/* A server that knows nothing of ALPN: what stands before Adit, or what is not Adit at all. */
static void
test_no_alpn(void)
{
	struct creds *a = agent_with_ca(&ca), *s = server_with(&leaf);
	struct ends e;

	for (int ws = 0; ws < 2; ws++) {
		ends_open(&e, a, s, NULL, "a.example");
		e.agent.upper = ws ? "ws" : "";
		foreign(&e.server, GNUTLS_SERVER, s->own, "", "NORMAL");
		settle(&e, 1000);
		ok(e.agent.ready == (ws != 0), "a server without ALPN is %s",
			ws ? "good enough for a WebSocket" : "no Adit server");
		ok(ws != 0 || strstr(e.agent.error, "does not say that it speaks adit/1") != NULL,
			"which is said: %s", e.agent.error);
		ends_close(&e);
	}
	creds_unref(a);
	creds_unref(s);
}

static void
test_weak(void)
{
	struct creds *a = agent_with_ca(&ca), *s = server_with(&leaf);
	struct ends e;

	foreign_agent(&e, a, s, "", "NORMAL:-VERS-ALL:+VERS-TLS1.2");
	is_str(e.server.error, "TLS handshake with the agent failed: it has no TLS 1.3",
		"TLS 1.2 is refused");
	ok(strstr(e.agent.error, "it has no TLS 1.3 (alert 70)") != NULL,
		"and the agent learns it: %s", e.agent.error);
	ends_close(&e);
	foreign_agent(&e, a, s, "", "NORMAL:-CIPHER-ALL:+AES-128-CCM-8");
	ok(strstr(e.server.error, "no cipher, group or signature in common") != NULL,
		"no cipher in common: %s", e.server.error);
	ends_close(&e);
	foreign_agent(&e, a, s, "", "NORMAL:-GROUP-ALL:+GROUP-FFDHE2048");
	ok(strstr(e.server.error, "no cipher, group or signature in common") != NULL,
		"no group in common: %s", e.server.error);
	ends_close(&e);
	ends_open(&e, a, s, NULL, "a.example");
	foreign(&e.server, GNUTLS_SERVER, s->own, "", "NORMAL:-VERS-ALL:+VERS-TLS1.2");
	settle(&e, 1000);
	ok(strstr(e.agent.error, "it has no TLS 1.3 (alert 70)") != NULL,
		"a server with TLS 1.2 only is refused: %s", e.agent.error);
	ends_close(&e);
	creds_unref(a);
	creds_unref(s);
}

static void
test_garbage(void)
{
	static const char *const lines[] = {"GET / HTTP/1.1\r\n\r\n",
		"\0\0\x20\x01 and so on, a HELLO", "SSH-2.0-OpenSSH_9.2\r\n"};
	struct creds *a = agent_with_ca(&ca), *s = server_with(&leaf);
	struct ends e;

	for (size_t i = 0; i < 3; i++) {
		ends_open(&e, a, s, NULL, "a.example");
		is_int(tls_input(e.server.tls, lines[i], 22), -1, "what is no TLS is refused");
		is_str(e.server.error, "TLS handshake with the agent failed: it does not speak TLS",
			"as such");
		is_int(tls_input(e.agent.tls, lines[i], 22), -1, "by an agent, too");
		is_str(e.agent.error, "TLS handshake with the server failed: it does not speak TLS",
			"as such");
		ends_close(&e);
	}
	ends_open(&e, a, s, NULL, "a.example");
	settle(&e, 1000);
	is_int(tls_output(e.agent.tls, "data", 4), 0, "a record");
	e.agent.down.p[e.agent.down.n - 1] ^= 1;
	is_int(carry(&e.agent, &e.server, 1000), -1, "that was changed on the way");
	ok(strstr(e.server.error, "TLS with the agent failed: Decryption has failed") != NULL,
		"is refused: %s", e.server.error);
	(void)carry(&e.server, &e.agent, 1000);
	ok(strstr(e.agent.error, "(alert 20)") != NULL, "with an alert: %s", e.agent.error);
	ends_close(&e);
	creds_unref(a);
	creds_unref(s);
}

/* How much of a message that never becomes whole is taken. */
static size_t
taken_of_long(struct creds *s)
{
	static const uint8_t hello[] = {22, 3, 1, 0x10, 0, 1, 0x03, 0xff, 0xff},
			     more[5 + 4096] = {22, 3, 1, 0x10, 0};
	struct creds *a = agent_with_ca(&ca);
	uint8_t first[sizeof(more)] = {0};
	size_t n = 0;
	struct ends e;
	int rc;

	memcpy(first, hello, sizeof(hello));
	ends_open(&e, a, s, NULL, "a.example");
	rc = tls_input(e.server.tls, first, sizeof(first));
	for (; rc == 0 && n < 1u << 20; n += sizeof(more))
		rc = tls_input(e.server.tls, more, sizeof(more));
	diag("%zu bytes: %s", n, e.server.error);
	ends_close(&e);
	creds_unref(a);
	creds_unref(s);
	return n;
}

static void
test_long_messages(void)
{
	ok(taken_of_long(server_with(&leaf)) <= 20 * 1024, "a stranger's message is bounded");
	ok(taken_of_long(server_asking(CLIENT_OPTIONAL)) <= 70 * 1024,
		"so is that of one who may show certificates");
}

static void
test_probe(void)
{
	static const uint8_t hello[] = {22, 3, 1, 1, 0x9a, 1, 0, 1}, other[] = {22, 3, 1, 1, 2, 2};

	for (size_t n = 1; n <= sizeof(hello); n++)
		is_int(tls_probe(NULL, hello, n), n < 6 ? ADIT_PROBE_MORE : ADIT_PROBE_YES,
			"the beginning of a ClientHello");
	is_int(tls_probe(NULL, other, 6), ADIT_PROBE_NO, "another handshake message");
	is_int(tls_probe(NULL, "GET / HT", 8), ADIT_PROBE_NO, "HTTP");
	is_int(tls_probe(NULL, "\0\0\x30\x01\0\0\0\0", 8), ADIT_PROBE_NO, "a HELLO");
	is_int(tls_probe(NULL, "\x16\x02", 2), ADIT_PROBE_NO, "what no TLS begins with");
}

/* ---- Tickets --------------------------------------------------------------------------------- */

static bool
resumed(struct creds *a, struct creds *s, struct tls_worker *w, const char *host)
{
	struct ends e;
	bool yes;

	ends_open(&e, a, s, w, host);
	settle(&e, 1000);
	if (!e.agent.ready || e.server.error[0] != '\0')
		printf("# %s %s\n", e.agent.error, e.server.error);
	yes = gnutls_session_is_resumed(e.server.tls->gnutls) != 0;
	if (yes)
		passes(&e.agent, &e.server, 50000, 5000);
	ends_close(&e);
	return yes;
}

static void
test_tickets(void)
{
	struct creds *s = server_asking(CLIENT_OPTIONAL), *a = agent_showing(&client), *later;
	struct tls_worker *w = tls_worker_new();
	struct minted renewed;
	struct ends e;

	ok(!resumed(a, s, w, "a.example"), "the first link is a whole handshake");
	ok(w->ticket.data != NULL, "and brings a ticket");
	ok(resumed(a, s, w, "a.example"), "the second needs no certificates");
	ok(w->ticket.data != NULL, "and brings another one");
	ok(!resumed(a, s, w, "192.0.2.1"), "it is for one server only");
	ends_open(&e, a, s, w, "192.0.2.1");
	settle(&e, 1000);
	ok(gnutls_session_is_resumed(e.server.tls->gnutls) && e.server.ready, "with a ticket");
	is_str(fact(&e.server, "tls-names"), "web1.agents,other", "the client is still known");
	ok(fact(&e.agent, "tls-pin")[0] == 's', "so is the server");
	ends_close(&e);
	mint(&(struct mint_ask){.cn = "x", .names = "a.example", .from = -1, .to = 9}, &ca,
		&renewed);
	later = server_with(&renewed);
	ok(resumed(a, later, w, "192.0.2.1"), "tickets outlive a reload");
	mint_fini(&renewed);
	creds_unref(later);

	/* The server has changed its mind about who may come. */
	later = server_with(&leaf);
	later->client = CLIENT_REQUIRED;
	if (creds_add_trust(later, &other_ca.certificate, reason) < 0)
		exit(99);
	ok(resumed(a, s, w, "192.0.2.1"), "a ticket with a client's certificate in it");
	ends_open(&e, a, later, w, "192.0.2.1");
	settle(&e, 1000);
	ok(!e.server.ready && strstr(e.server.error, "\"Test CA\", which is not in client_ca"),
		"is refused when that is not trusted any more: %s", e.server.error);
	ends_close(&e);
	ok(w->ticket.data == NULL, "and is not used again");
	creds_unref(later);

	(void)resumed(a, s, w, "a.example");
	w->good_until = time(NULL) - 1;
	ok(!resumed(a, s, w, "a.example"), "nor when the certificate behind it has expired");
	tls_worker_free(w);
	creds_unref(a);
	creds_unref(s);
}

/* ---- What an idle link costs ----------------------------------------------------------------- */

#ifndef SANITIZED

#define IDLE	 100
#define IDLE_MAX (16 * 1024) /* of 20 KiB in all: the core has a session as well */

static void
test_idle(void)
{
	struct creds *s = server_asking(CLIENT_OPTIONAL), *a = agent_showing(&client);
	static struct ends e[IDLE];
	size_t before, after, each;

	ends_open(&e[0], a, s, NULL, "a.example");
	settle(&e[0], 1000);
	ends_close(&e[0]);
	for (int i = 0; i < IDLE; i++) {
		ends_open(&e[i], a, s, NULL, "a.example");
		settle(&e[i], 1000);
		if (i == 0)
			passes(&e[i].agent, &e[i].server, 100000, 10000);
		for (int k = 0; k < 2; k++) {
			struct adit_layer *l = k == 0 ? &e[i].agent : &e[i].server;

			free(l->down.p);
			free(l->up.p);
			l->down = l->up = (struct buf){.p = NULL};
		}
	}
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (int i = 0; i < IDLE; i++)
		tls_close(e[i].server.tls);
	after = mallinfo2().uordblks + mallinfo2().hblkhd;
	each = (before - after) / IDLE;
	ok(before == 0 || (each > 0 && each <= IDLE_MAX),
		"an idle link has %zu bytes on the server, %d at most", each, IDLE_MAX);
	for (int i = 0; i < IDLE; i++) {
		tls_close(e[i].agent.tls);
		tls_worker_free(e[i].own[0]);
		tls_worker_free(e[i].own[1]);
	}
	creds_unref(a);
	creds_unref(s);
}

#endif

int
main(void)
{
	mint_all();
	test_probe();
	test_passing();
	test_records();
	test_facts();
	test_cipher();
	test_end();
	test_empty_record();
	test_alpn();
	test_no_alpn();
	test_weak();
	test_garbage();
	test_long_messages();
	test_tickets();
#ifndef SANITIZED
	test_idle();
#endif
	mint_none();
	return done_testing();
}
