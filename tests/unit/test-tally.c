/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Counts of logins: for each name and cause, more names than rows, and a reader beside a writer. */

#include <config.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tap.h"
#include "tunnel/tally.h"
#include "util/compiler.h"

#define EACH 2000

static struct tally a, b, sum;

static int
count(const struct tally *t, const char *name, enum tally_what what)
{
	for (size_t i = 0; i < t->n_rows; i++)
		if (strcmp(t->row[i].name, name) == 0)
			return (int)t->row[i].n[what];
	return -1;
}

static void
test_counts(void)
{
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	memset(&sum, 0, sizeof(sum));
	tally_count(&a, "auth-token", TALLY_ACCEPTED);
	tally_count(&a, "auth-x[1]", TALLY_BUSY);
	tally_count_denied(&b, "auth-x[1]", ADIT_CAUSE_WRONG);
	tally_count_denied(&b, "auth-x[1]", (enum adit_cause)99);
	tally_count_denied(&b, "auth-x[1]", (enum adit_cause)-1);
	tally_add(&sum, &a);
	tally_add(&sum, &b);
	is_int(sum.n_rows, 2, "a row for each name");
	is_int(count(&sum, "auth-token", TALLY_ACCEPTED), 1, "from one worker");
	is_int(count(&sum, "auth-x[1]", TALLY_BUSY), 1, "or another");
	is_int(count(&sum, "auth-x[1]", TALLY_DENIED + ADIT_CAUSE_WRONG), 1, "by cause");
	is_int(count(&sum, "auth-x[1]", TALLY_DENIED), 2, "a cause that is none is \"denied\"");
	for (int i = 0; i < TALLY_N; i++)
		ok(strlen(tally_word((enum tally_what)i)) > 3, "%d has a word: %s", i,
			tally_word((enum tally_what)i));
}

static void
test_many(void)
{
	char name[200];
	int last;

	memset(&a, 0, sizeof(a));
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "auth-%d", i);
		tally_count(&a, name, TALLY_FAILED);
	}
	last = count(&a, "others", TALLY_FAILED);
	is_int(a.n_rows, TALLY_ROWS, "there are so many rows");
	is_int(last, 100 - TALLY_ROWS + 1, "and the rest is counted together");
	memset(&a, 0, sizeof(a));
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	tally_count(&a, name, TALLY_LEFT);
	tally_count(&a, name, TALLY_LEFT);
	is_int(a.n_rows, 1, "a long name is cut, and is one name still");
}

static void *
write_all(void *arg)
{
	char name[32];

	(void)arg;
	for (int i = 0; i < EACH; i++) {
		snprintf(name, sizeof(name), "auth-%d", i % 20);
		tally_count(&a, name, TALLY_ACCEPTED);
	}
	return NULL;
}

/* For the thread sanitizer, above all. */
static void
test_beside(void)
{
	pthread_t t;
	int n = 0, unnamed = 0;

	memset(&a, 0, sizeof(a));
	must(pthread_create(&t, NULL, write_all, NULL) == 0);
	while (n < EACH) {
		n = 0;
		memset(&sum, 0, sizeof(sum));
		tally_add(&sum, &a);
		for (size_t i = 0; i < sum.n_rows; i++) {
			unnamed += strncmp(sum.row[i].name, "auth-", 5) != 0;
			n += (int)sum.row[i].n[TALLY_ACCEPTED];
		}
	}
	pthread_join(t, NULL);
	ok(unnamed == 0, "no row is seen before its name");
	is_int(n, EACH, "and nothing is lost");
}

int
main(void)
{
	test_counts();
	test_many();
	test_beside();
	return done_testing();
}
