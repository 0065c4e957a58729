/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One side of a stream: sends and reads what the plan says, and remembers all that it has seen.
 * Both sides of a stream live in one process, so that each is judged knowing what the other really
 * did. One thread. */

#ifndef ADIT_TESTS_INTEGRITY_END_H
#define ADIT_TESTS_INTEGRITY_END_H

#include <gnutls/crypto.h>

#include "plan.h"
#include "util/list.h"
#include "util/mono.h"

#define HEADER_LEN 8 /* the client says first which stream this is */
#define SHA256_LEN 32

struct run;

/* Something that epoll watches. */
struct watch {
	void (*on_event)(struct watch *w, uint32_t events);
	struct run *run;
	int fd;          /* -1: none */
	uint32_t events; /* wanted */
};

struct end {
	struct watch watch;
	struct pair *pair;
	struct list paused; /* in run->paused while one of the times is set */
	struct mono read_at, write_at; /* pauses until then; 0: none */
	struct rng rng;
	unsigned side, read_pauses, write_pauses;
	bool open;          /* has begun, has not ended */
	bool begun;
	size_t header_sent;
	size_t write_left;  /* of the write under way */
	uint64_t sent, got; /* without the header */
	bool fin_sent, fin_got;
	bool acted;         /* ended the stream as an abort should */
	int error;          /* ended by this errno, ... */
	bool stray;         /* ... before the plan's actor did anything */
	uint64_t wrong_at;  /* first byte that differs, or is too many; UINT64_MAX: none */
	gnutls_hash_hd_t sent_hash, got_hash;
	uint8_t sent_sha[SHA256_LEN], got_sha[SHA256_LEN];
};

struct pair {
	uint32_t number;
	struct plan plan;
	struct end end[2]; /* client, target */
};

/* What the ends of a run share. */
struct run {
	int epoll;
	struct list paused;
	struct mono now;
	struct mono progress; /* when a byte or an event of a stream came last */
	uint64_t bytes;       /* received, by all */
	/* An end is closed; called once for each. */
	void (*on_closed)(struct run *run, struct end *e);
};

void watch_set(struct watch *w, uint32_t events); /* 0: only errors */
void watch_close(struct watch *w);

void pair_init(struct pair *p, struct run *run, uint32_t number, uint64_t seed, uint64_t max_size);
void header_write(uint8_t out[HEADER_LEN], uint32_t number);
bool header_read(const uint8_t in[HEADER_LEN], uint32_t *number_r);

/* Takes a descriptor (connected, or connecting) and begins. */
void end_begin(struct end *e, int fd);
/* Goes on after a pause, if it is over. */
void end_resume(struct end *e);

#endif
