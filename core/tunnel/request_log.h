/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The agent's log of HTTP requests: a line for each, but not more than some in a second; how many
 * were left out is said when the second is over. The counts of the summary are somebody else's and
 * hold all of them. Owner worker only. */

#ifndef ADIT_TUNNEL_REQUEST_LOG_H
#define ADIT_TUNNEL_REQUEST_LOG_H

#include "io/worker.h"
#include "tunnel/http_watch.h"

#define REQUEST_LOG_MS 1000

struct request_log {
	struct timer timer; /* while a second is under way, which begins with a request */
	bool running;
	int64_t most;       /* lines in a second; 0: none at all */
	int64_t lines;      /* in this one */
	uint64_t more;      /* requests without a line */
};

void request_log_init(struct request_log *l, struct worker *w, int64_t most);
void request_log_put(struct request_log *l, const char *tunnel, const struct http_exchange *x);
void request_log_fini(struct request_log *l); /* says what there is to say still */

#endif
