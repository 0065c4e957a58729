/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The file of auth-key's keys. What must hold: a refusal names the file; what is taken has names
 * that are names, keys that are found, each once, and grants that are few. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "keys.h"
#include "util/compiler.h"

static void
look(const struct keys *keys, const char *account)
{
	for (size_t i = 0; i < keys->n; i++) {
		const struct key *k = &keys->key[i];

		must(key_name_valid(k->account));
		must(k->agent[0] == '\0' || key_name_valid(k->agent));
		must(keys_find(keys, k->public) == k && ed_public_wrong(k->public) == NULL);
		must(k->line > 0 && k->expires >= 0 && k->n_grants <= KEYS_GRANTS);
		must(i == 0 || memcmp(keys->key[i - 1].public, k->public, ED_PUBLIC) < 0);
		if (k->from.n > 0)
			(void)from_holds(&k->from,
				account != NULL ? "::ffff:192.0.2.1" : "2001::1%e");
	}
}

/* The first byte says whether there is an account for all. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *account = size > 0 && (data[0] & 1) != 0 ? "all" : NULL;
	char *text = xmalloc(size + 1), why[512] = "";
	struct keys *keys = NULL;

	if (size > 0)
		memcpy(text, data + 1, size - 1);
	text[size > 0 ? size - 1 : 0] = '\0';
	if (keys_parse("file", text, account, &keys, why, sizeof(why)) == 0)
		look(keys, account);
	else
		must(keys == NULL && strncmp(why, "file:", 5) == 0);
	keys_free(keys);
	free(text);
	return 0;
}
