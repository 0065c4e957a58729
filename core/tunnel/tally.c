/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Counts of logins. Written by one thread, read by any. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "tunnel/tally.h"
#include "util/compiler.h"

static const char *const words[TALLY_N] = {
	[TALLY_ACCEPTED] = "accepted",
	[TALLY_DENIED + ADIT_CAUSE_OTHER] = "denied",
	[TALLY_DENIED + ADIT_CAUSE_UNKNOWN] = "unknown",
	[TALLY_DENIED + ADIT_CAUSE_WRONG] = "wrong",
	[TALLY_DENIED + ADIT_CAUSE_EXPIRED] = "expired",
	[TALLY_DENIED + ADIT_CAUSE_TOO_EARLY] = "too_early",
	[TALLY_DENIED + ADIT_CAUSE_FORBIDDEN] = "forbidden",
	[TALLY_DENIED + ADIT_CAUSE_MALFORMED] = "malformed",
	[TALLY_DENIED + ADIT_CAUSE_UNENCRYPTED] = "unencrypted",
	[TALLY_FAILED] = "failed",
	[TALLY_BUSY] = "busy",
	[TALLY_TIMEOUT] = "timeout",
	[TALLY_LEFT] = "left",
};

const char *
tally_word(enum tally_what what)
{
	return words[what];
}

/* The row of a name, a new one if it has none. */
static struct tally_row *
row_of(struct tally *t, const char *name)
{
	size_t n = atomic_load_explicit(&t->n_rows, memory_order_relaxed);
	struct tally_row *row;

	for (size_t i = 0; i < n; i++)
		if (strncmp(t->row[i].name, name, TALLY_NAME - 1) == 0)
			return &t->row[i];
	if (n == TALLY_ROWS)
		return &t->row[TALLY_ROWS - 1];
	row = &t->row[n];
	snprintf(row->name, sizeof(row->name), "%s", n == TALLY_ROWS - 1 ? "others" : name);
	atomic_store_explicit(&t->n_rows, n + 1, memory_order_release);
	return row;
}

void
tally_count(struct tally *t, const char *name, enum tally_what what)
{
	atomic_fetch_add_explicit(&row_of(t, name)->n[what], 1, memory_order_relaxed);
}

void
tally_count_denied(struct tally *t, const char *name, enum adit_cause cause)
{
	if ((unsigned)cause > ADIT_CAUSE_UNENCRYPTED)
		cause = ADIT_CAUSE_OTHER;
	tally_count(t, name, TALLY_DENIED + cause);
}

void
tally_add(struct tally *sum, const struct tally *t)
{
	size_t n = atomic_load_explicit(&t->n_rows, memory_order_acquire);

	for (size_t i = 0; i < n; i++) {
		struct tally_row *to = row_of(sum, t->row[i].name);

		for (int k = 0; k < TALLY_N; k++)
			atomic_fetch_add_explicit(&to->n[k],
				atomic_load_explicit(&t->row[i].n[k], memory_order_relaxed),
				memory_order_relaxed);
	}
}
