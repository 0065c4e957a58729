/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Invites: from a configuration, whether its server runs or not, to the join line that is given to
 * an agent's owner. Main thread; blocks while the auth plugin writes its file. */

#ifndef ADIT_CTL_INVITE_H
#define ADIT_CTL_INVITE_H

#include <stdint.h>

#include "tunnel/conf.h"
#include "util/addr.h"
#include "util/err.h"

#define INVITE_VALID_MS (INT64_C(3600) * 1000) /* unless something else is said */
#define INVITE_VALID_MAX_MS (INT64_C(30) * 24 * 3600 * 1000)

struct invite_ask {
	const char *account; /* NULL: "default" */
	const char *const *grants; /* "key=value", n_grants of them */
	size_t n_grants;
	int64_t valid_ms; /* 1 s to INVITE_VALID_MAX_MS */
	const char *address; /* how agents reach the server, "host[:port]"; NULL: as configured */
};

/* Makes an invite. *line_r: the join line, a secret; wipe it and free() it. 0, or a negative errno
 * with e set. */
int invite_make(const struct server_conf *conf, const struct invite_ask *ask, char **line_r,
	struct err *e);

/* "host", "host:port", "v6", "[v6]:port": *port_r is 0 when it is not said. 0 or -EINVAL. */
int invite_address(const char *text, char host_r[HOST_MAX + 1], uint16_t *port_r);

#endif
