/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What adit says to the person at the terminal: a block with the public addresses, a line when the
 * state changes, a summary at the end. Only printing: events and figures go in, text comes out.
 * Main thread. */

#ifndef ADIT_CTL_AGENT_REPORT_H
#define ADIT_CTL_AGENT_REPORT_H

#include <stdio.h>

#include "tunnel/agent.h"

struct report_tunnel;

struct report {
	FILE *out; /* NULL: quiet */
	const struct agent_conf *conf;
	struct report_tunnel *tunnel; /* one for each of conf's */
	char account[80];
	char said[320]; /* why a tunnel is not published, at last */
	bool connected, shown, changed;
};

void report_init(struct report *r, FILE *out, const struct agent_conf *conf);
void report_fini(struct report *r);

/* Says what an event means; flushes. */
void report_event(struct report *r, const struct agent_event *ev);

/* The end: uptime, links, streams, bytes, requests, latencies; flushes. */
void report_summary(struct report *r, const struct agent_totals *t, int64_t uptime_ms);

/* "45 ms", "1.2 ms", "380 us"; returns buf. */
const char *report_us(int64_t us, char *buf, size_t cap);

#endif
