/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What each stream of a run does, made from a seed and the stream's number alone, and the bytes
 * that it carries. Pure; any thread. */

#ifndef ADIT_TESTS_INTEGRITY_PLAN_H
#define ADIT_TESTS_INTEGRITY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One of the two sides, the actor, decides how a stream ends; the other only reacts. */
enum ending {
	FIN_FIRST,  /* the other holds its FIN until it has seen the actor's */
	FIN_BOTH,   /* each sends FIN when it has sent all */
	HALF_CLOSE, /* the other begins to send only after the actor's FIN */
	RESET,      /* the actor ends with RST after some bytes */
	UNREAD,     /* the actor closes while there are bytes that it has not read */
	ENDINGS
};

/* When a RESET comes. */
enum moment {
	AT_ONCE,    /* as soon as the bytes are written */
	PEER_THERE, /* ... and the other side exists */
	PEER_HAS,   /* ... and has all of them */
	MOMENTS
};

enum reading { READ_ALL, READ_SMALL, READ_PAUSES, READINGS };

/* The bytes that one side sends, and how the other takes them. */
struct lane {
	uint64_t len;
	uint64_t seed;
	bool write_pauses;
	enum reading reading;
	bool small_buffers; /* of the sockets */
};

struct plan {
	enum ending ending;
	unsigned actor;     /* 0: the client, 1: the target */
	enum moment moment; /* of a RESET */
	uint64_t stop_sent; /* RESET, UNREAD: the actor sends so much, ... */
	uint64_t stop_got;  /* UNREAD: ... and reads so much, less than there is */
	bool fin_before;    /* UNREAD: everything and FIN were sent before */
	struct lane lane[2];
};

struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n); /* 0 to n-1; n > 0 */
/* 0 to max, as likely in each power of two. */
uint64_t rng_log_uniform(struct rng *r, uint64_t max);

void plan_make(uint64_t seed, uint32_t number, uint64_t max_size, struct plan *plan_r);
const char *plan_ending_name(const struct plan *plan);

static inline bool
plan_aborts(const struct plan *plan)
{
	return plan->ending == RESET || plan->ending == UNREAD;
}

/* The bytes from offset `at` on of the endless sequence of a seed. room has n + 16 bytes, aligned;
 * returns a place inside it. */
const uint8_t *plan_bytes(uint64_t seed, uint64_t at, size_t n, uint64_t *room);

#endif
