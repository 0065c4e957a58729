/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Networks whose proxies are believed, and whom a chain of them says that it speaks for. Pure. */

#ifndef ADIT_WS_NETS_H
#define ADIT_WS_NETS_H

#include "http_head.h"

#define NETS_TEXT 46 /* an address, terminated */

struct net {
	unsigned char ip[16]; /* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;
};

struct nets {
	struct net *net;
	size_t n;
};

/* Adds "192.0.2.0/24", "2001:db8::/32" or one address. 0, -EINVAL or -ENOMEM. */
int nets_add(struct nets *s, const char *text);
void nets_fini(struct nets *s);

/* Whom a connection from peer (a numeric address) speaks for: lines are those of X-Forwarded-For,
 * in their order. From the right every address that is trusted itself is passed over; the first
 * that is not, or the leftmost, is written to out. False: nobody but peer itself. */
bool nets_origin(const struct nets *s, const char *peer, const struct span *lines, size_t n_lines,
	char out[NETS_TEXT]);

#endif
