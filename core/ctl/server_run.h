/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A server that runs: what server_main.c, which starts and stops it, and server_control.c, which
 * answers aditctl, have in common. Main thread. */

#ifndef ADIT_CTL_SERVER_RUN_H
#define ADIT_CTL_SERVER_RUN_H

#include "ctl/server_options.h"
#include "io/signals.h"
#include "tunnel/server.h"
#include "util/err.h"

struct server_run {
	const struct server_options *options;
	struct worker *main;
	struct server *server;
	struct signal_watch term, intr, hup;
	struct mono started;
	int64_t drain_for; /* of the configuration in force */
	bool draining;
	struct server_control *control; /* NULL: there is none */
};

/* ---- server_main.c --------------------------------------------------------------------------- */
/* Reads the configuration anew. 0, or a negative errno with e set: then the old one stays. What
 * came of it is in the log as well. */
int server_run_reload(struct server_run *r, struct err *e);

/* ---- server_control.c ------------------------------------------------------------------------ */
/* Opens the control socket. A default one that cannot be had is only said in the log. 0, or a
 * negative errno with e set. */
int server_control_open(struct server_run *r, const struct server_conf *conf, struct err *e);
void server_control_close(struct server_run *r); /* before the server is freed */

#endif
