/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* adit/route.h - route plugins: which public address leads to a tunnel.
 *
 * When an agent asks for a tunnel, the core asks the route plugin for candidates, one after
 * another, until one is free. The plugin decides what may be had by whom; the core owns the
 * registry of what is taken, keeps addresses reserved while an agent is away, and listens.
 *
 * Versioned by ADIT_PLUGIN_ABI, not yet promised. Route plugins must be ADIT_RUN_LOOP: claim() is
 * called on the session's worker and must not block. */

#ifndef ADIT_ROUTE_H
#define ADIT_ROUTE_H

#include <adit/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

struct adit_claim; /* one tunnel that is asked for */

/* Why a tunnel cannot be had; the numbers are those of doc/protocol.md, section "Codes". */
enum adit_refusal {
	ADIT_REFUSE_NOT_PERMITTED = 20,
	ADIT_REFUSE_IN_USE = 21,
	ADIT_REFUSE_NO_ADDRESS = 23,
	ADIT_REFUSE_BAD_REQUEST = 24,
};

/* What clients of a route speak. */
enum adit_protocol {
	ADIT_PROTOCOL_TCP = 0,
	ADIT_PROTOCOL_UDP = 1,
};

struct adit_route_ops {
	uint32_t size;     /* sizeof(struct adit_route_ops) */
	uint32_t protocol; /* enum adit_protocol */
	const char *route; /* the name agents use: "port" */

	/* Gives candidate number attempt (0, 1, 2 …) with adit_claim_listen() and returns 0, or
	 * says with adit_claim_refuse() why there is none (any more) and returns -1. */
	int (*claim)(const void *inst, void *worker, struct adit_claim *claim, uint32_t attempt);
};

/* Strings stay valid during claim(). */
ADIT_EXPORT const char *adit_claim_account(const struct adit_claim *claim);
ADIT_EXPORT const char *adit_claim_agent(const struct adit_claim *claim);
ADIT_EXPORT const char *adit_claim_tunnel(const struct adit_claim *claim);
/* What the agent asks for ("port" = "10022"), or NULL. */
ADIT_EXPORT const char *adit_claim_param(const struct adit_claim *claim, const char *key);
/* The i-th parameter's name, or NULL: for refusing those that are not known. */
ADIT_EXPORT const char *adit_claim_param_name(const struct adit_claim *claim, size_t i);
/* A right that authentication gave ("ports" = "10000-10099,443"), or NULL. */
ADIT_EXPORT const char *adit_claim_grant(const struct adit_claim *claim, const char *key);
/* The port that is reserved for this very tunnel of this agent since it was last here, or 0. */
ADIT_EXPORT uint16_t adit_claim_reserved(const struct adit_claim *claim);

/* The candidate: listen on this numeric host and port, TCP or UDP as
 * the route's protocol says (each has ports of its own). 0, or -1 if host is not an address. */
ADIT_EXPORT int adit_claim_listen(struct adit_claim *claim, const char *host, uint16_t port);
/* The candidate is what the agent asked for by itself, not one of many: then it may also be one
 * that is reserved for another agent of the same account while that one is away. */
ADIT_EXPORT void adit_claim_asked(struct adit_claim *claim);
/* No candidate; the text reaches the agent's command line. Always returns -1. */
ADIT_EXPORT int adit_claim_refuse(struct adit_claim *claim, enum adit_refusal why,
	const char *fmt, ...) ADIT_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif

#endif
