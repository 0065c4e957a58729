/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A simulated link between the two ends of a session (pair.h): so many bytes a second, so long on the
 * way, and a sender's socket that takes only so much in advance, as TCP does whose windows are large
 * enough. The clock is the simulation's own, and nothing is left to chance but where a test asks for
 * it. Bytes flow from the server's sockets to the agent's, which read at the rate that a test
 * gives them; what the agent says goes the other way over the same kind of link. Links can be cut, with
 * what is on its way, and the agent opens others. */

#ifndef ADIT_TESTS_SIMLINK_H
#define ADIT_TESTS_SIMLINK_H

#include "pair.h"

#define SIM_STREAMS 128u
#define SIM_FAST 0.0 /* a reader that takes everything at once */

struct simdir {
	struct end *from;
	double ns_per_byte;
	int64_t delay_ns, busy_until; /* busy: what was written is on its way into the wire */
	struct {
		int64_t at;
		size_t n;
	} *piece; /* on the way, a ring */
	size_t first, n, cap;
	size_t slice; /* bytes that arrive at a time */
	bool dead;    /* nothing arrives: the other end has gone from this link */
};

struct simstream {
	struct sock *k;      /* at the server */
	double rate;         /* bytes a second that its reader takes; SIM_FAST */
	double due;          /* a part of a byte that it might have taken */
	int64_t stalled_until;
	uint64_t mark;       /* bytes that it had read at sim_mark() */
};

struct sim {
	struct pair p;
	struct simdir down, up; /* from the server, to it */
	struct simstream stream[SIM_STREAMS];
	size_t n_streams;
	uint32_t stalls;     /* of 65536: how likely a reader stalls at a look; 0 never */
	uint32_t chance;     /* the state of what is left to chance */
	int64_t look_at;     /* the readers', next */
	int64_t marked_at;
	uint64_t frames_mark; /* that the server had received at sim_mark() */
	uint64_t most_left; /* bytes that the agent's readers have left at once */
	uint64_t most_kept; /* bytes that an end has retained at once */
	int64_t link_at;    /* when the agent opens another link; 0: it has one */
	unsigned links;
};

/* Who learns at once that the link is gone. The other end only finds silence, or another link. */
enum sim_cut { SIM_CUT_BOTH, SIM_CUT_AGENT, SIM_CUT_SERVER };

/* Logged in, with a tunnel. */
void sim_init(struct sim *s, double mbit, int rtt_ms, const struct mux_conf *conf);
void sim_fini(struct sim *s);

/* A new stream whose client sends without end. */
struct simstream *sim_open(struct sim *s, double rate);

void sim_run(struct sim *s, int64_t ms);

/* An agent that knows is back away_ms later; one that does not, so much after it has found out. */
void sim_cut(struct sim *s, enum sim_cut who, int64_t away_ms);

/* Begins a measurement; sim_goodput() is what a stream's reader took since, in bytes a second. */
void sim_mark(struct sim *s);
double sim_goodput(const struct sim *s, const struct simstream *x);
double sim_goodput_all(const struct sim *s);
uint64_t sim_read(const struct simstream *x); /* bytes that its reader took, ever */
uint32_t sim_window(const struct simstream *x);

#endif
