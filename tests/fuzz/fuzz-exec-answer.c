/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Answers of programs to auth-exec. What must hold: a refusal has a text of printable length; what
 * is taken has what its verdict needs, within the bounds of adit-auth-exec(5); and no line takes
 * longer than lines of its length may. */

#include <string.h>
#include <time.h>

#include "../../plugins/auth-exec/answer.h"
#include "fuzz.h"
#include "util/compiler.h"

#define NS_MAX (INT64_C(2) * 1000 * 1000 * 1000) /* of CPU, also under a sanitizer */

static int64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
check_good(const struct answer *a)
{
	must(a->wrong[0] == '\0');
	must(a->verdict == ADIT_ALLOW || a->verdict == ADIT_DENY || a->verdict == ADIT_NEXT ||
		a->verdict == ADIT_CONTINUE || a->verdict == ADIT_FAIL);
	must(a->verdict != ADIT_ALLOW || a->account != NULL);
	must(a->verdict != ADIT_CONTINUE || a->challenge.given);
	must(a->account == NULL || strlen(a->account) <= 64);
	must(a->agent == NULL || strlen(a->agent) <= 64);
	must(a->reason == NULL || strlen(a->reason) <= 1000);
	must(a->challenge.n <= ADIT_AUTH_DATA_MAX && a->reply.n <= ADIT_AUTH_DATA_MAX);
	must(a->expires >= 0 && a->n_grants <= ANSWER_GRANTS);
	for (size_t i = 0; i < a->n_grants; i++)
		must(a->grant[i].key[0] != '\0' && strlen(a->grant[i].key) <= 32 &&
			strlen(a->grant[i].value) <= 1024);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct answer a;
	int64_t begun = cpu_ns();
	enum answer_is is = answer_parse((const char *)data, n, &a);

	must(is == ANSWER_GARBAGE || (a.id[0] != '\0' && strlen(a.id) <= ANSWER_ID));
	if (is == ANSWER_GOOD)
		check_good(&a);
	else
		must(a.wrong[0] != '\0');
	answer_fini(&a);
	must(cpu_ns() - begun < NS_MAX);
	return 0;
}
