/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Whose password may be guessed at: makes logins wait that claim a name for which many have failed,
 * from wherever they came. Names are what plugins say (adit_auth_attempt()), before anybody has
 * looked whether there is such a name, so one that is not there is treated like one that is.
 *
 * Whoever makes a name wait must not lock out its owner: an address (or IPv6 /64) from which the
 * name has logged in within a day is not asked to wait. Only logins that have succeeded are
 * remembered for that, in a table of their own, so that failures cannot push them out.
 *
 * Locked; any thread, counted by reference, because a plugin's thread may outlive the server.
 * Bounded to 65,536 names of each sort, the oldest go first, and 16 addresses of each name. */

#ifndef ADIT_TUNNEL_NAME_GATE_H
#define ADIT_TUNNEL_NAME_GATE_H

#include <stdint.h>

#include "tunnel/limit.h"
#include "util/mono.h"

#define NAME_GATE_NAMES 65536
#define NAME_GATE_ADDRESSES 16      /* of a name */
#define NAME_GATE_KNOWN_MS 86400000 /* that an address is known after a login */
#define NAME_GATE_AT_ONCE 4         /* logins under way for a name from addresses not known */

struct name_gate;

enum name_end {
	NAME_RIGHT, /* logged in */
	NAME_WRONG, /* denied */
	NAME_OPEN,  /* neither: nothing is counted */
};

struct name_gate *name_gate_new(void);
struct name_gate *name_gate_ref(struct name_gate *g);
void name_gate_unref(struct name_gate *g); /* NULL is harmless */

/* How a name is called here: under a key of this process, so that nobody can look for two names
 * that are the same to us. */
uint64_t name_gate_key(const char *name);

/* A login from source claims the name. 0: name_gate_end() must follow. Else it must not be looked
 * at, and another try makes sense after so many milliseconds. */
int64_t name_gate_begin(struct name_gate *g, uint64_t name, uint64_t source,
	const struct limits *l, struct mono now);
/* How it has ended. l may be NULL with NAME_OPEN. */
void name_gate_end(struct name_gate *g, uint64_t name, uint64_t source, enum name_end how,
	const struct limits *l, struct mono now);

#endif
