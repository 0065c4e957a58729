/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The table of limits as data. Constant; any thread. */

#include <config.h>

#include "tunnel/limit.h"

const struct limit_info limit_infos[] = {
#define X(name, unit, dflt, min, max, help)                                                        \
	{#name, LIMIT_##unit, dflt, min, max, offsetof(struct limits, name), help},
	LIMIT_TABLE(X)
#undef X
	{NULL, LIMIT_COUNT, 0, 0, 0, 0, NULL},
};

void
limits_default(struct limits *l)
{
#define X(name, unit, dflt, min, max, help) l->name = dflt;
	LIMIT_TABLE(X)
#undef X
}

const char *
limits_conflict(const struct limits *l)
{
	if (l->stream_window > l->stream_window_max)
		return "stream_window must not be above stream_window_max";
	if (l->ping_interval >= l->dead_after)
		return "ping_interval must be below dead_after";
	if (l->unauthenticated_per_source > l->unauthenticated)
		return "unauthenticated_per_source must not be above unauthenticated";
	if (l->penalty_from > l->penalty_max)
		return "penalty_from must not be above penalty_max";
	if (l->account_penalty_from > l->account_penalty_max)
		return "account_penalty_from must not be above account_penalty_max";
	if (l->opening_per_session > l->streams_per_session)
		return "opening_per_session must not be above streams_per_session";
	if (l->flow_idle > l->flow_idle_lasting)
		return "flow_idle must not be above flow_idle_lasting";
	if (l->flow_queue > l->session_queue)
		return "flow_queue must not be above session_queue";
	if (l->session_queue > l->worker_queue)
		return "session_queue must not be above worker_queue";
	return NULL;
}
