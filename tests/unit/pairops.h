/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A long life of two ends (pair.h), told by bytes: each operation takes the next ones. The random
 * test makes them up, the fuzz target gets them from libFuzzer. After every operation everything
 * that must hold is checked; a run without corruption ends with all streams complete. One thread. */

#ifndef ADIT_TESTS_PAIROPS_H
#define ADIT_TESTS_PAIROPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pairops_result {
	unsigned ops, streams, fins, resets, refused;
	unsigned aside; /* payloads that were fetched or moved past the mux */
	unsigned cuts, links, lost; /* links: that a session went on over; lost: found by silence */
	unsigned renewals; /* logins that were answered */
	uint64_t bytes; /* that arrived, both ways */
	bool closed;    /* the session ended before the bytes did */
};

enum {
	PAIROPS_ENDS = 1, /* operations that end the whole session, or corrupt the link, may happen */
	PAIROPS_CUTS = 2, /* links are lost, half or whole, with what is on them, and others come */
};

struct pairops_result pairops_run(const uint8_t *data, size_t n, unsigned how);

#endif
