/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Where questions wait for the program: a queue, the processes, and the one thread that talks to
 * them. Loops only put questions in and take them back, under a lock that nobody holds while it
 * blocks; everything else is the thread's. Each question is answered once, in desk_answered(), or
 * taken back. */

#ifndef AUTH_EXEC_DESK_H
#define AUTH_EXEC_DESK_H

#include <pthread.h>
#include <stdatomic.h>

#include "answer.h"
#include "helper.h"

#define DESK_HELPERS_MAX 16

struct desk_how {
	const struct adit_plugin *plugin;
	char *const *argv; /* argv[0]: what stands in the file; kept by the desk's owner */
	const char *name;  /* of the program, for logs */
	unsigned processes, queue, in_flight;
	int64_t timeout_ms;
	int grace_ms; /* see desk_close() */
};

struct desk {
	struct desk_how how;
	int wake; /* eventfd */
	pthread_t thread;
	pthread_mutex_t lock;
	/* Under the lock: */
	struct questions waiting;
	unsigned n_waiting;
	bool started, stop;
	/* The thread's: */
	struct helper helper[DESK_HELPERS_MAX];
	struct questions done; /* given up, and not yet said so */
	bool failing;          /* the last start has failed: said once */
};

/* 0, or -1: no descriptor is left. */
int desk_open(struct desk *d, const struct desk_how *how);
/* Starts the thread, which starts the processes, unless that has happened. Any thread. 0 or -1. */
int desk_start(struct desk *d);
/* No login is under way. Ends the processes: they see the end of their input, after grace_ms
 * SIGTERM, after as long again SIGKILL. Blocks until then. */
void desk_close(struct desk *d);

/* Any thread. Takes q over, and -1 gives it back when too many wait. */
int desk_ask(struct desk *d, struct question *q);
/* Nobody waits for the answer to this login any more. True: it is taken back, desk_answered() will
 * not come. False: it has come or is under way. */
bool desk_cancel(struct desk *d, const struct adit_auth_req *req);

/* What became of a question, on the desk's thread: the answer, or NULL and why. Given by
 * auth-exec.c. from: which process was asked, NULL if none was. */
void desk_answered(struct adit_auth_req *req, const struct answer *a, const char *why,
	const struct helper *from);

#endif
