/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The addresses from which a key may be used: "192.0.2.0/24,!192.0.2.7,2001:db8::/32". As in
 * OpenSSH, an address that any element with ! holds is refused, and another one is taken if some
 * element without it holds it. Constant once parsed; any thread. */

#ifndef ADIT_KEY_FROM_H
#define ADIT_KEY_FROM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FROM_MAX 64 /* elements */

struct from_net {
	uint8_t ip[16];
	uint8_t bytes; /* 4 or 16: an IPv4 address inside IPv6 (::ffff:0:0/96) counts as IPv4 */
	uint8_t bits;
	bool refused;
};

struct from {
	struct from_net *net;
	size_t n;
};

/* Changes text. 0, or -1 with why; from_fini() frees. */
int from_parse(char *text, struct from *f_r, char *why, size_t cap);
/* address: numeric, without port. What is no address is not held. */
bool from_holds(const struct from *f, const char *address);
void from_fini(struct from *f);

#endif
