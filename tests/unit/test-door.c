/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Doors: what links are by their first bytes, alone and inside a transport that encrypts; what is
 * refused, and in which words; that a byte at a time gives the same answers. */

#include <config.h>

#include <stdlib.h>

#include "probe.h"
#include "tap.h"
#include "tunnel/door.h"
#include "util/compiler.h"
#include "wire/frame.h"

/* ---- Transports ------------------------------------------------------------------------------ */

static enum adit_probe
probe_tls(const void *inst, const void *data, size_t n)
{
	(void)inst;
	return probe_prefix(data, n, "\x16\x03");
}

static enum adit_probe
probe_ws(const void *inst, const void *data, size_t n)
{
	(void)inst;
	return probe_prefix(data, n, "GET /");
}

static enum adit_probe
probe_endless(const void *inst, const void *data, size_t n)
{
	(void)inst;
	(void)n;
	return *(const char *)data == 'e' ? ADIT_PROBE_MORE : ADIT_PROBE_NO;
}

static struct addr where[2];

static struct module tcp = {.transport = {.scheme = "tcp"}};
static struct module tls = {
	.transport = {.scheme = "tls", .encrypted = 1, .probe = probe_tls},
	.layer = {.size = sizeof(struct adit_layer_ops)},
};
static struct module ws = {
	.transport = {.scheme = "ws", .probe = probe_ws, .secure_scheme = "wss"},
	.layer = {.size = sizeof(struct adit_layer_ops)},
};
static struct module endless = {
	.transport = {.scheme = "endless", .probe = probe_endless},
	.layer = {.size = sizeof(struct adit_layer_ops)},
};
static struct module mute = {
	.transport = {.scheme = "mute"},
	.layer = {.size = sizeof(struct adit_layer_ops)},
};

static struct server_conf conf;

/* The door at where[0] of these; addr "0.0.0.0:7835" or on loopback. */
static const struct door *
door_of(bool loopback, struct module **m, size_t n)
{
	free(conf.door);
	must(addr_parse(loopback ? "127.0.0.1" : "0.0.0.0", 7835, &where[0]) == 0);
	must(addr_parse("127.0.0.2", 80, &where[1]) == 0);
	for (size_t i = 0; i < n; i++) {
		m[i]->listen = where;
		m[i]->n_listen = 1;
	}
	conf.modules = (struct modules){.transport = m, .n_transport = n};
	conf.door = doors_build(&conf.modules, &conf.n_doors);
	return door_find(&conf, &where[0]);
}

#define DOOR(loopback, ...)                                                                        \
	door_of(loopback, (struct module *[]){__VA_ARGS__},                                        \
		sizeof((struct module *[]){__VA_ARGS__}) / sizeof(struct module *))

/* ---- Asking ---------------------------------------------------------------------------------- */

static char text[400];

/* "tls", "frames", "refused" or "refused-frames" for these bytes, given one more at a time. on: the
 * way below, or NULL. */
static const char *
ask(const struct door *d, const char *on, const char *alpn, const char *p, size_t n)
{
	const struct door_way *below = NULL, *way = NULL;

	for (size_t i = 0; i < d->n; i++)
		if (on != NULL && strcmp(d->way[i].name, on) == 0)
			below = &d->way[i];
	text[0] = '\0';
	for (size_t k = 1; k <= MIN(n, ADIT_PROBE_MAX); k++) {
		const struct door_link l = {.on = below, .alpn = alpn, .p = (const uint8_t *)p,
			.n = k};

		switch (door_choose(d, &l, &way, text, sizeof(text))) {
		case DOOR_MORE: continue;
		case DOOR_WAY: return way->name;
		case DOOR_FRAMES: return "frames";
		case DOOR_REFUSED: return "refused";
		case DOOR_REFUSED_FRAMES: return "refused-frames";
		}
	}
	return "more";
}

#define ASK(d, on, alpn, bytes) ask(d, on, alpn, bytes, sizeof(bytes) - 1)

#define HELLO "\0\0\x50\1\0\0\0\0ADIT\0\1\0\1"

/* ---- On the socket --------------------------------------------------------------------------- */

static void
test_three(void)
{
	const struct door *d = DOOR(true, &tcp, &tls, &ws);

	ok(!door_is_plain(d), "three transports at one address");
	is_str(ASK(d, NULL, NULL, HELLO), "frames", "a HELLO is a link of Adit's frames");
	is_str(ASK(d, NULL, NULL, "\x16\x03\x01\x02"), "tls", "a handshake of TLS");
	is_str(ASK(d, NULL, NULL, "GET / HTTP/1.1\r\n"), "ws", "a request");
	is_str(ASK(d, NULL, NULL, "\x16\x02"), "refused", "what begins as TLS only");
	is_str(text, "what begins with the bytes 16 02 is neither tls nor ws nor a link of Adit as it "
		     "is", "is refused in clear words");
	is_str(ASK(d, NULL, NULL, "SSH-2.0-x"), "refused", "something else");
	is_str(text, "what begins with the bytes 53 is neither tls nor ws nor a link of Adit as it is",
		"is refused by its first byte");
	is_str(ASK(d, NULL, NULL, "GET"), "more", "what can be more than one thing is waited for");
}

static void
test_hello(void)
{
	const struct door *d = DOOR(true, &tcp, &tls);

	is_str(ASK(d, NULL, NULL, "\0\x10\0\1\0\0\0\0"), "frames", "the longest HELLO");
	is_str(ASK(d, NULL, NULL, "\0\x10\1\1"), "refused", "one that is too long");
	is_str(ASK(d, NULL, NULL, "\0\x11"), "refused", "much too long");
	is_str(ASK(d, NULL, NULL, "\1"), "refused", "far too long");
	is_str(ASK(d, NULL, NULL, "\0\0\x50\2"), "refused", "another frame");
	is_str(ASK(d, NULL, NULL, "\0\0\x50\1\0\0\0\1"), "refused", "on a stream");
	is_str(ASK(d, NULL, NULL, "\0\0\x50\1\0\0\0"), "more", "seven bytes do not tell");
}

static void
test_endless(void)
{
	const struct door *d = DOOR(true, &endless, &tls);

	is_str(ASK(d, NULL, NULL, "eeeeeeeeeeeeeee"), "more", "a probe that wants more gets more");
	is_str(ASK(d, NULL, NULL, "eeeeeeeeeeeeeeee"), "refused", "but not without end");
}

static void
test_plain(void)
{
	const struct door *d = DOOR(false, &tls, &ws);
	char names[200];

	is_str(ASK(d, NULL, NULL, "GET / HTTP/1.1\r\n"), "refused",
		"on a public address nothing travels in the clear");
	is_str(text, "a link by ws is not encrypted, and this address takes tls://0.0.0.0:7835, "
		     "wss://0.0.0.0:7835 only, because allow_plain is not set", "as is said");
	is_str(ASK(d, NULL, NULL, HELLO), "refused-frames", "a bare link hears why");
	is_str(text, "a link by tcp is not encrypted, and this address takes tls://0.0.0.0:7835, "
		     "wss://0.0.0.0:7835 only", "in the same words");
	is_str(ASK(d, NULL, NULL, "\x16\x03"), "tls", "what encrypts is let in");
	is_str(ASK(d, "tls", NULL, "GET /"), "ws", "and inside it the other");
	ws.allow_plain = true;
	d = DOOR(false, &tls, &ws);
	is_str(ASK(d, NULL, NULL, "GET /"), "ws", "unless it is allowed");
	ws.allow_plain = false;
	door_addresses(d, &d->addr, names, sizeof(names));
	is_str(names, "tls://0.0.0.0:7835, ws://0.0.0.0:7835, wss://0.0.0.0:7835",
		"and then it has both names");
}

/* ---- Inside ---------------------------------------------------------------------------------- */

static void
test_inside(void)
{
	const struct door *d = DOOR(false, &tls, &ws);

	is_str(ASK(d, "tls", "adit/1", "GET /"), "frames", "ALPN adit/1: frames, whatever comes");
	is_str(ASK(d, "tls", "http/1.1", "GET /"), "ws", "http/1.1: what a transport knows");
	is_str(ASK(d, "tls", "http/1.1", HELLO), "refused", "but no frames");
	is_str(text, "what begins with the bytes 00 00 50 01 inside tls is not wss", "as is said");
	is_str(ASK(d, "tls", NULL, HELLO), "frames", "without ALPN the bytes tell: frames");
	is_str(ASK(d, "tls", NULL, "\x16\x03"), "refused", "TLS inside TLS");
	is_str(text, "what begins with the bytes 16 inside tls is neither wss nor a link of Adit as it "
		     "is", "is nothing");
	is_str(ASK(d, "ws", NULL, "GET /"), "frames", "inside what does not encrypt frames follow");
	d = DOOR(false, &tls);
	is_str(ASK(d, "tls", "http/1.1", "GET /"), "refused", "http/1.1, and nothing that takes it");
	is_str(text, "what begins with the bytes 47 inside tls is not anything that is taken",
		"is nothing, either");
}

/* ---- Doors ----------------------------------------------------------------------------------- */

static void
test_doors(void)
{
	const struct door *d = DOOR(true, &tcp);

	ok(door_is_plain(d) && !d->way[0].layered, "one without a layer: nobody looks at the bytes");
	d = DOOR(true, &mute);
	ok(door_is_plain(d) && d->way[0].layered, "one that is not told by its bytes: likewise");
	d = DOOR(true, &tls);
	ok(!door_is_plain(d), "one that is: they are looked at");
	is_str(ASK(d, NULL, NULL, "GET /"), "refused", "so that what comes is named");
	is_str(text, "what begins with the bytes 47 is not tls", "when it is something else");
	ok(door_find(&conf, &where[1]) == NULL, "an address that is not listened on has no door");
	tls.n_listen = 2;
	free(conf.door);
	conf.door = doors_build(&conf.modules, &conf.n_doors);
	is_int(conf.n_doors, 2, "two addresses of one transport");
	d = door_find(&conf, &where[1]);
	ok(d != NULL && d->n == 1, "have a door each");
}

int
main(void)
{
	test_three();
	test_hello();
	test_endless();
	test_plain();
	test_inside();
	test_doors();
	free(conf.door);
	return done_testing();
}
