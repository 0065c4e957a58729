/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Signals of the process as events of one worker's loop, the main thread's: nothing runs inside a
 * signal handler. Other threads have all signals blocked. */

#ifndef ADIT_IO_SIGNALS_H
#define ADIT_IO_SIGNALS_H

#include "io/worker.h"

struct signal_watch {
	ev_signal ev;
	struct worker *w;
	void (*fn)(void *ctx, int signo);
	void *ctx;
};

/* fn comes on w, once for each turn in which the signal came at least once. One watch for a signal
 * in a process. */
void signal_watch(struct signal_watch *s, struct worker *w, int signo,
	void (*fn)(void *ctx, int signo), void *ctx);
/* Harmless when it was never started (all zero) and twice. The signal has its default action
 * again. */
void signal_unwatch(struct signal_watch *s);

#endif
