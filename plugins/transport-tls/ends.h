/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Two layers of TLS joined in memory for tests, with the core's side played here: what goes down at
 * one end comes in at the other, cut at random places. */

#ifndef TRANSPORT_TLS_ENDS_H
#define TRANSPORT_TLS_ENDS_H

#include "mint.h"
#include "tls.h"

struct buf {
	uint8_t *p;
	size_t n, cap;
};

struct adit_layer {
	struct tls *tls;
	struct buf down, up;
	const char *host, *upper;
	char error[512];
	bool ready;
	int calls_up;
	char facts[1024]; /* "key=value\n" … */
};

struct ends {
	struct adit_layer agent, server;
	struct tls_worker *own[2]; /* NULL: the agent's is the test's */
};

/* A fact that was said, or "". */
const char *fact(const struct adit_layer *l, const char *key);

size_t dice(size_t max); /* below max; the same in every run */

/* All that waits below one end goes into the other, in pieces of up to piece bytes. */
int carry(struct adit_layer *from, struct adit_layer *to, size_t piece);
/* Until nothing moves. */
void settle(struct ends *e, size_t piece);
/* w: the agent's worker, whose tickets it uses; NULL: one of its own. */
void ends_open(struct ends *e, struct creds *agent, struct creds *server, struct tls_worker *w,
	const char *host);
void ends_close(struct ends *e);

uint8_t *random_bytes(size_t n);

/* n random bytes go one way, cut into pieces on the way. */
bool ends_pass(struct adit_layer *from, struct adit_layer *to, size_t n, size_t piece);
/* A link that must fail, with what the one says who refuses, and what the other learns by the
 * alert. */
bool ends_refuse(struct creds *a, struct creds *s, const char *host, const char *agent_says,
	const char *server_says);
/* And one that must not. */
bool ends_agree(struct creds *a, struct creds *s, const char *host);

/* The same as results of the test. */
#define passes(from, to, n, piece)                                                                 \
	ok(ends_pass(from, to, n, piece), "%zu bytes in pieces of up to %zu", (size_t)(n),         \
		(size_t)(piece))
#define refused_link(a, s, host, agent_says, server_says)                                          \
	ok(ends_refuse(a, s, host, agent_says, server_says), "%s; %s", agent_says, server_says)
#define taken_link(a, s, host, what) ok(ends_agree(a, s, host), "%s", what)

/* Certificates, all by ca but the stranger's and the other authority's. */
extern struct minted ca, other_ca, leaf, expired, early, stranger, client, purpose;
extern struct pin leaf_pin;
void mint_all(void);
void mint_none(void);

extern char reason[CREDS_WHY];
struct creds *server_with(const struct minted *own);
struct creds *server_asking(enum client_certificate how); /* with leaf, for those of ca */
struct creds *agent_with_nothing(void);
struct creds *agent_with_ca(const struct minted *trusted);
struct creds *agent_with_pin(const struct pin *pin);
struct creds *agent_showing(const struct minted *m); /* NULL: nothing; with ca */

#endif
