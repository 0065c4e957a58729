/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The control socket of a running aditd: a stream socket of this host that the program's user and
 * root may use, for aditctl. Requests and answers are those of control_call.h; a client's requests
 * are answered one after the other. Everything is bounded and nothing waits for a client: its
 * requests are short, its answer is one, and who is slow is cut off. Main thread. */

#ifndef ADIT_CTL_CONTROL_H
#define ADIT_CTL_CONTROL_H

#include "ctl/control_call.h"
#include "io/worker.h"
#include "util/err.h"

#define CONTROL_CLIENTS_MAX 16
#define CONTROL_IDLE_MS 60000  /* until the next request must have come whole */
#define CONTROL_WRITE_MS 10000 /* in which some of an answer must be taken */

struct control;

/* A request; it is answered by control_answer() or control_fail(), inside or later, once. */
typedef void control_fn(void *ctx, struct control_call *call);

/* 0, or a negative errno with e set. */
int control_open(struct worker *main, const char *path, control_fn *fn, void *ctx,
	struct control **control_r, struct err *e);
/* Clients are cut off; calls that are not answered yet may still be. NULL is harmless. */
void control_close(struct control *c);

#endif
