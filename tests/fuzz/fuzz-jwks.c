/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Keys of tokens: PEM, JWK, JWK sets, secrets. The first byte says where the text comes from. What
 * must hold: a refusal has a text; each key that is taken is bound to an algorithm that it is fit
 * for, has a kid that is one, is found by it, and holds a public key or a secret; from a URL there
 * are no secrets; and no text costs more time than its length explains. */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../plugins/auth-jwt/keys.h"
#include "fuzz.h"
#include "util/compiler.h"

/* Ten times as much under sanitizers. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
#define SLOW 10
#else
#define SLOW 1
#endif
#define US_ALWAYS 50000
#define US_PER_KIB 1000

static void
on_note(void *arg, enum adit_log_level level, const char *text)
{
	must(arg != NULL && level <= ADIT_LOG_DEBUG && text[0] != '\0');
}

static int64_t
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
check_key(const struct keys *keys, const struct jwt_key *k, enum keys_from from)
{
	struct key_search s = KEY_SEARCH(k->kid, k->alg);
	bool hmac = jws_alg_family(k->alg) == JWS_FAMILY_HMAC;
	const char *why = NULL;

	must(k->alg > JWS_NONE && k->alg < JWS_ALGS);
	must((k->pub == NULL) == hmac && (k->secret != NULL) == hmac);
	must(!hmac || (k->n_secret >= jws_alg_bits(k->alg) / 8 && k->n_secret <= KEY_SECRET_MAX));
	must(!hmac || from == KEYS_FROM_SECRET_FILE);
	must(k->kid == NULL || key_id_valid(k->kid, strlen(k->kid)));
	key_search_add(&s, keys);
	must(k->kid == NULL || key_search_result(&s, &why) == k);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char why[600] = "", *text;
	struct keys_how how = {.note = on_note, .arg = why,
		.defaults = {.rsa = JWS_PS384, .hmac = JWS_HS384}};
	struct keys *keys = NULL;
	int64_t begun = cpu_us();

	if (n == 0 || memchr(data + 1, '\0', n - 1) != NULL)
		return 0;
	how.from = data[0] % 3;
	text = malloc(n);
	must(text != NULL);
	memcpy(text, data + 1, n - 1);
	text[n - 1] = '\0';
	if (keys_parse(&how, text, n - 1, &keys, why, sizeof(why)) < 0) {
		must(keys == NULL && why[0] != '\0');
	} else {
		must(keys->n <= KEYS_MAX);
		for (size_t i = 0; i < keys->n; i++)
			check_key(keys, &keys->key[i], how.from);
	}
	must(cpu_us() - begun < SLOW * (US_ALWAYS + US_PER_KIB * (int64_t)(n / 1024)));
	keys_free(keys);
	free(text);
	return 0;
}
