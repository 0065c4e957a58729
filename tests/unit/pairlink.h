/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Links of a pair (pair.h) that break, and others that take their place. One thread. */

#ifndef ADIT_TESTS_PAIRLINK_H
#define ADIT_TESTS_PAIRLINK_H

#include "pair.h"

/* 60 s to come back, a megabyte retained. */
struct mux_conf pairlink_conf(enum role role);

/* The link is lost with all that is on it. Ends that can resume, or have nothing to lose, are told
 * as by the kernel; a half-open link is one whose other end is not told. */
void pairlink_cut(struct pair *p);
void pairlink_cut_at(struct end *e);

/* The agent, which has lost its link, opens another: bytes flow as always, and its first are the
 * handshake. A server that has not noticed anything learns of it by that. */
void pairlink_open(struct pair *p);
/* One end's half of that. */
void pairlink_begin(struct end *e);
/* pairlink_open(), and pair_pump(). Returns whether both ends are linked again. */
bool pairlink_resume(struct pair *p);

/* Where an end has its link's bytes from and gives them to: its own mux, or the fresh one. */
struct mux *pairlink_mux(const struct end *e);
/* After mux_recv() of the fresh mux has given rest of n bytes at p to the session. */
void pairlink_given(struct end *e, const uint8_t *p, size_t n, int rest);
void pairlink_fini(struct end *e);

#endif
