/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Starting of worker and helper threads. Any thread. What must hold: a signal meant for the process
 * is never handled on such a thread, since all of them are blocked before it runs its first
 * line. */

#define _GNU_SOURCE 1

#include <signal.h>
#include <stdio.h>

#include "io/thread.h"
#include "util/compiler.h"

#define NAME_SIZE 16 /* of the kernel, with the terminator */

/* All but the faults: blocked, they would end the process without their handler (a sanitizer's
 * report) having run. */
static void
block_signals(sigset_t *old_r)
{
	static const int fault[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < ARRAY_LEN(fault); i++)
		sigdelset(&set, fault[i]);
	must(pthread_sigmask(SIG_BLOCK, &set, old_r) == 0);
}

int
thread_start(pthread_t *thread_r, const char *name, void *(*run)(void *arg), void *arg)
{
	char cut[NAME_SIZE];
	sigset_t old;
	pthread_t t;
	int rc;

	block_signals(&old);
	rc = pthread_create(&t, NULL, run, arg);
	must(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
	if (rc != 0)
		return -rc;
	snprintf(cut, sizeof(cut), "%s", name);
	/* Fails only for a thread that has ended already. */
	(void)pthread_setname_np(t, cut);
	*thread_r = t;
	return 0;
}
