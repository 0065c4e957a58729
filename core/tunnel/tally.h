/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* How logins ended, counted for each auth plugin and cause. Each worker has one and adds to it
 * alone; anybody reads at any time, without a lock: a row is complete before the number of rows
 * says that it is there, it never goes away, and its name never changes. So counts survive a
 * reload. */

#ifndef ADIT_TUNNEL_TALLY_H
#define ADIT_TUNNEL_TALLY_H

#include <adit/auth.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* accepted, then what is refused: by the plugin, for each enum adit_cause; because it failed;
 * because too many logins have failed or are under way; because nobody answered in time; the agent
 * left. */
enum tally_what {
	TALLY_ACCEPTED,
	TALLY_DENIED, /* + enum adit_cause */
	TALLY_FAILED = TALLY_DENIED + ADIT_CAUSE_UNENCRYPTED + 1,
	TALLY_BUSY,
	TALLY_TIMEOUT,
	TALLY_LEFT,
	TALLY_N
};

#define TALLY_ROWS 32 /* plugins; those that come later are counted in the last row together */
#define TALLY_NAME 64

struct tally_row {
	char name[TALLY_NAME];
	_Atomic uint64_t n[TALLY_N];
};

struct tally {
	atomic_size_t n_rows;
	struct tally_row row[TALLY_ROWS];
};

/* The owner's thread. */
void tally_count(struct tally *t, const char *name, enum tally_what what);
/* A denied login, under its cause; one that is not known is ADIT_CAUSE_OTHER. */
void tally_count_denied(struct tally *t, const char *name, enum adit_cause cause);

/* Adds t to sum, which belongs to the caller, row by row of the same name. Any thread. */
void tally_add(struct tally *sum, const struct tally *t);

/* "accepted", "wrong", "busy"; constant. */
const char *tally_word(enum tally_what what);

#endif
