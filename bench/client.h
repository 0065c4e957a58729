/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors
 *
 * The near end of every measurement: connections that ask a target for work through whatever
 * stands between, and how long it took.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum flood { FLOOD_NOT, FLOOD_UP, FLOOD_DOWN };

struct plan {
	struct sockaddr_in to;
	unsigned conns;			/* connections whose exchanges are measured */
	unsigned bulk;			/* streams of endless data towards us beside them */
	unsigned stopped;		/* streams beside them whose reader has stopped: */
	bool stopped_up;		/* the target instead of us */
	uint64_t send;			/* bytes of a request, its head included */
	uint64_t get;			/* bytes of an answer */
	uint64_t times;			/* exchanges of each connection; 0: until the time is over */
	double seconds;			/* with times 0; longer if nothing was done by then */
	bool fresh;			/* a new connection for every exchange */
	enum flood flood;		/* instead of exchanges: each connection moves what it can */
	double warm;			/* seconds before those that count, for a flood or what is stopped */
};

/* Makes every connection and tries it once, prints "ready", waits for a line on standard input, does
 * the plan, prints the result as one line of JSON and waits for the end of standard input, so that
 * whoever measures can look at the programs in the middle before and after. Without a line there is
 * no work and no result: connections stay idle until the input ends. */
void client_run(const struct plan *plan);

#endif
