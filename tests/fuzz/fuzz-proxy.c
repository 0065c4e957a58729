/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What a proxy may answer. The first byte chooses the kind of proxy and how the rest is cut in
 * pieces: whatever the pieces are, the end is the same, at the same byte. The rest is also tried as
 * a proxy's address and as a list of exceptions. */

#include <config.h>

#include <string.h>

#include "fuzz.h"
#include "io/proxy_talk.h"
#include "util/compiler.h"

/* Returns how many bytes were the proxy's. */
static size_t
talk(struct proxy_talk *t, const struct proxy *p, const uint8_t *data, size_t n, size_t piece)
{
	size_t taken = 0;

	proxy_talk_start(t, p, "tunnel.example", 443);
	while (taken < n && t->state == PROXY_TALKING) {
		size_t give = MIN(piece, n - taken), took = proxy_talk_input(t, data + taken, give);

		must(took > 0 && took <= give);
		must(took == give || t->state != PROXY_TALKING);
		taken += took;
	}
	must(t->out_len <= sizeof(t->out));
	must((t->state == PROXY_REFUSED) == (t->error[0] != '\0'));
	must(memchr(t->error, '\0', sizeof(t->error)) != NULL);
	for (const char *s = t->error; *s != '\0'; s++)
		must(*s >= ' ' && *s < 0x7f);
	must(taken <= PROXY_HEAD_MAX + 1);
	return taken;
}

static void
try_answer(const struct proxy *p, const uint8_t *data, size_t n, size_t piece)
{
	struct proxy_talk whole, cut;
	size_t taken = talk(&whole, p, data, n, SIZE_MAX);

	must(talk(&cut, p, data, n, piece) == taken);
	must(whole.state == cut.state && whole.code == cut.code);
	must(strcmp(whole.error, cut.error) == 0);
	proxy_talk_fini(&whole);
	proxy_talk_fini(&cut);
}

static void
try_text(const uint8_t *data, size_t n)
{
	char text[512];
	struct proxy p;
	struct err e;

	if (n >= sizeof(text))
		return;
	memcpy(text, data, n);
	text[n] = '\0';
	(void)proxy_excepts(text, "tunnel.example", 443);
	(void)proxy_excepts(text, "2001:db8::1", 443);
	if (proxy_parse(text, &p, &e) < 0)
		return;
	must(p.host[0] != '\0' && strlen(p.host) <= HOST_MAX && p.port > 0);
	must(p.user == NULL || (p.user[0] != '\0' && strlen(p.user) <= PROXY_USER_MAX));
	must((p.user == NULL) == (p.password == NULL));
	proxy_fini(&p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const urls[] = {
		"http://proxy", "socks5://proxy", "http://u:w@proxy", "socks5://u:w@proxy"};
	struct proxy p;
	struct err e;

	if (n == 0)
		return 0;
	must(proxy_parse(urls[data[0] % ARRAY_LEN(urls)], &p, &e) == 0);
	try_answer(&p, data + 1, n - 1, 1 + data[0] / ARRAY_LEN(urls));
	proxy_fini(&p);
	try_text(data + 1, n - 1);
	return 0;
}
