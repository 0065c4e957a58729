/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Socket addresses as text and as values, without resolving and without sockets. Any thread. */

#ifndef ADIT_UTIL_ADDR_H
#define ADIT_UTIL_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
	socklen_t len; /* 0: no address */
};

#define ADDR_TEXT_MAX 64
#define HOST_MAX 253

/* Splits "host:port", "[v6]:port", "port" or "host" (when default_port > 0) into its parts without
 * resolving. A bare port means host "127.0.0.1". Returns 0 or -EINVAL. */
int hostport_parse(const char *s, int default_port, char host_r[HOST_MAX + 1], uint16_t *port_r);

/* A numeric host (v4, v6, "[v6]", "*" for all v4 addresses) and port. Returns 0 or -EINVAL when
 * host is a name. */
int addr_parse(const char *host, uint16_t port, struct addr *a_r);

/* From raw bytes: family 4 or 6; and back (0 when unknown). A v4-mapped v6 address counts as v4. */
int addr_from_bytes(int family, const uint8_t *ip, uint16_t port, struct addr *a_r);
int addr_to_bytes(const struct addr *a, uint8_t ip[16], uint16_t *port_r);

uint16_t addr_port(const struct addr *a);
void addr_set_port(struct addr *a, uint16_t port);
bool addr_is_loopback(const struct addr *a);
bool addr_is_any(const struct addr *a);
bool addr_equal(const struct addr *a, const struct addr *b); /* with port */

/* "1.2.3.4:80", "[::1]:80" or "-" when empty; returns buf. addr_host_text leaves out the port. */
const char *addr_text(const struct addr *a, char *buf, size_t cap);
const char *addr_host_text(const struct addr *a, char *buf, size_t cap);

/* A key for penalties and per-source limits: a v4 address, or the /64 of a v6 one. */
uint64_t addr_source_key(const struct addr *a);

#endif
