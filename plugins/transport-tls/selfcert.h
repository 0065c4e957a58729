/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A server's first key and certificate, which it signs itself: whoever comes by a join line trusts
 * the pin of the key and nothing else. Pure, but for randomness; any thread. */

#ifndef TRANSPORT_TLS_SELFCERT_H
#define TRANSPORT_TLS_SELFCERT_H

#include <stddef.h>

/* P-256, valid for ten years, because the pin is what is trusted; for a server with these names and
 * numeric addresses (ended by NULL). PEM into cap bytes each. 0 or -1. */
int selfcert_make(const char *const *names, char *certificate_r, char *key_r, size_t cap);

#endif
