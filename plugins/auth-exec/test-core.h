/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A core for test-exec: what a plugin calls, with what became of it. */

#ifndef AUTH_EXEC_TEST_CORE_H
#define AUTH_EXEC_TEST_CORE_H

#include <adit/auth.h>

/* What cannot be otherwise. */
#define must(cond) must_hold((cond), #cond)
void must_hold(bool cond, const char *what);

struct adit_auth_req {
	const char *method, *fact;
	bool encrypted, renewal, throttled;
	unsigned step;
	uint8_t data[ADIT_AUTH_DATA_MAX];
	size_t n_data;
	void *state;
	void (*state_free)(void *);
	/* What became of it: */
	char account[65], agent[65], reason[256], grants[256], attempt[65];
	char challenge[64], reply[64];
	int64_t expires;
	enum adit_cause cause;
	int finished; /* how often */
	enum adit_verdict verdict;
};

struct adit_conf {
	const char *command[4];
	int64_t processes, timeout, in_flight, queue;
};

extern char conf_wrong[512]; /* the last adit_conf_error() */

void wait_finished(struct adit_auth_req *req);
/* The log: how often it has a text; waits until it has it so often, for two minutes. */
int logged(const char *text);
bool wait_logged(const char *text, int times);
void log_forget(void);
int log_number(const char *text);
void log_free(void);

#endif
