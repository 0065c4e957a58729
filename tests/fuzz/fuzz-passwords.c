/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The file of auth-password. What must hold: a refusal says where and why; what is taken is ordered,
 * has names within their bounds and hashes that hash_check() takes, is found by its name, and has a
 * decoy for every other name. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "accounts.h"
#include "fuzz.h"
#include "hash.h"
#include "util/compiler.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_account(const struct accounts *t, const struct account *a)
{
	char why[400];

	must(a->user[0] != '\0' && strlen(a->user) <= ACCOUNTS_NAME && a->account[0] != '\0');
	must(a->hash != NULL ? hash_check(a->hash, why, sizeof(why)) == 0 : a->locked);
	must(a->n_grants <= ACCOUNTS_GRANTS && a->line > 0);
	for (size_t i = 0; i < a->n_grants; i++)
		must(a->grant[i][0] != '\0' && a->grant[i][strlen(a->grant[i]) + 1] != '\0');
	must(accounts_find(t, a->user) == a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct accounts *t = NULL;
	char *text, why[600] = "";

	if (size > 65536 || memchr(data, '\0', size) != NULL)
		return 0;
	text = calloc(1, size + 1);
	must(text != NULL);
	memcpy(text, data, size);
	if (accounts_parse("f", text, &t, why, sizeof(why)) < 0) {
		must(t == NULL && strncmp(why, "f:", 2) == 0 && strlen(why) > 4);
	} else {
		for (size_t i = 0; i < t->n; i++)
			check_account(t, &t->account[i]);
		must(accounts_decoy(t, "nobody") != NULL);
	}
	accounts_free(t);
	free(text);
	return 0;
}
