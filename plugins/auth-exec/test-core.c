/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A core for test-exec. */

#include "test-core.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void
must_hold(bool cond, const char *what)
{
	if (!cond) {
		printf("Bail out! %s\n", what);
		exit(99);
	}
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects what follows */
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static char *log_text;
static size_t log_len;

const char *
adit_auth_agent(const struct adit_auth_req *req)
{
	return req->agent[0] != '\0' ? req->agent : "web1";
}

const char *
adit_auth_method(const struct adit_auth_req *req)
{
	return req->method;
}

const void *
adit_auth_data(const struct adit_auth_req *req, size_t *len_r)
{
	*len_r = req->n_data;
	return req->data;
}

unsigned
adit_auth_step(const struct adit_auth_req *req)
{
	return req->step;
}

const void *
adit_auth_nonce(const struct adit_auth_req *req, enum adit_side from)
{
	(void)req;
	return from == ADIT_SIDE_AGENT ? "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				       : "ssssssssssssssssssssssssssssssss";
}

const char *
adit_auth_peer(const struct adit_auth_req *req)
{
	(void)req;
	return "192.0.2.7";
}

bool
adit_auth_encrypted(const struct adit_auth_req *req)
{
	return req->encrypted;
}

bool
adit_auth_renewal(const struct adit_auth_req *req)
{
	return req->renewal;
}

int
adit_auth_expires(struct adit_auth_req *req, int64_t unix_seconds)
{
	req->expires = unix_seconds;
	return unix_seconds > 1000000000 ? 0 : -1;
}

const char *
adit_auth_fact(const struct adit_auth_req *req, const char *key)
{
	return strcmp(key, "tls-names") == 0 ? req->fact : NULL;
}

int
adit_auth_challenge(struct adit_auth_req *req, const void *data, size_t len)
{
	snprintf(req->challenge, sizeof(req->challenge), "+%.*s", (int)len, (const char *)data);
	return 0;
}

int
adit_auth_reply(struct adit_auth_req *req, const void *data, size_t len)
{
	snprintf(req->reply, sizeof(req->reply), "%.*s", (int)len, (const char *)data);
	return 0;
}

int
adit_auth_account(struct adit_auth_req *req, const char *account)
{
	if (strchr(account, ' ') != NULL)
		return -1;
	snprintf(req->account, sizeof(req->account), "%s", account);
	return 0;
}

int
adit_auth_rename(struct adit_auth_req *req, const char *agent)
{
	snprintf(req->agent, sizeof(req->agent), "%s", agent);
	return 0;
}

int
adit_auth_grant(struct adit_auth_req *req, const char *key, const char *value)
{
	size_t n = strlen(req->grants);

	snprintf(req->grants + n, sizeof(req->grants) - n, "%s=%s ", key, value);
	return 0;
}

void
adit_auth_reason(struct adit_auth_req *req, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(req->reason, sizeof(req->reason), fmt, ap);
	va_end(ap);
}

void
adit_auth_cause(struct adit_auth_req *req, enum adit_cause cause)
{
	req->cause = cause;
}

int
adit_auth_attempt(struct adit_auth_req *req, const char *name)
{
	snprintf(req->attempt, sizeof(req->attempt), "%s", name);
	return req->throttled ? -1 : 0;
}

void
adit_auth_set_state(struct adit_auth_req *req, void *state, void (*free_fn)(void *))
{
	req->state = state;
	req->state_free = free_fn;
}

void *
adit_auth_state(const struct adit_auth_req *req)
{
	return req->state;
}

void
adit_auth_finish(struct adit_auth_req *req, enum adit_verdict verdict)
{
	pthread_mutex_lock(&lock);
	req->verdict = verdict;
	req->finished++;
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
}

void
adit_log(const struct adit_plugin *plugin, enum adit_log_level level, const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	size_t n;

	(void)plugin;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	n = strlen(line);
	line[n++] = '\n';
	(void)level;
	pthread_mutex_lock(&lock);
	log_text = realloc(log_text, log_len + n + 1);
	memcpy(log_text + log_len, line, n);
	log_len += n;
	log_text[log_len] = '\0';
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
}

void
adit_random(void *p, size_t n)
{
	static unsigned char next;

	for (size_t i = 0; i < n; i++)
		((unsigned char *)p)[i] = (unsigned char)(rand() ^ next++);
}

/* ---- Its configuration ----------------------------------------------------------------------- */

char conf_wrong[512];

const char *
adit_conf_list(const struct adit_conf *conf, const char *name, size_t i)
{
	(void)name;
	return conf->command[i];
}

int64_t
adit_conf_int(const struct adit_conf *conf, const char *name)
{
	return strcmp(name, "processes") == 0	? conf->processes
	       : strcmp(name, "timeout") == 0	? conf->timeout
	       : strcmp(name, "in_flight") == 0 ? conf->in_flight
						: conf->queue;
}

int
adit_conf_error(const struct adit_conf *conf, const char *name, const char *fmt, ...)
{
	va_list ap;

	(void)conf;
	(void)name;
	va_start(ap, fmt);
	vsnprintf(conf_wrong, sizeof(conf_wrong), fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- For the test ---------------------------------------------------------------------------- */

static struct timespec
deadline(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 120;
	return t;
}

void
wait_finished(struct adit_auth_req *req)
{
	struct timespec t = deadline();

	pthread_mutex_lock(&lock);
	while (req->finished == 0 && pthread_cond_timedwait(&change, &lock, &t) == 0)
		;
	pthread_mutex_unlock(&lock);
	must(req->finished > 0);
}

/* How often the log has this text. Under the lock. */
static int
count(const char *text)
{
	const char *at = log_text;
	int n = 0;

	while (at != NULL && (at = strstr(at, text)) != NULL) {
		at++;
		n++;
	}
	return n;
}

int
logged(const char *text)
{
	int n;

	pthread_mutex_lock(&lock);
	n = count(text);
	pthread_mutex_unlock(&lock);
	return n;
}

/* Waits until the log has it so often. */
bool
wait_logged(const char *text, int times)
{
	struct timespec t = deadline();
	int n;

	pthread_mutex_lock(&lock);
	while ((n = count(text)) < times && pthread_cond_timedwait(&change, &lock, &t) == 0)
		;
	pthread_mutex_unlock(&lock);
	return n >= times;
}

void
log_forget(void)
{
	pthread_mutex_lock(&lock);
	log_len = 0;
	if (log_text != NULL)
		log_text[0] = '\0';
	pthread_mutex_unlock(&lock);
}

/* The number behind this text, which is there. */
int
log_number(const char *text)
{
	int n;

	pthread_mutex_lock(&lock);
	n = atoi(strstr(log_text, text) + strlen(text));
	pthread_mutex_unlock(&lock);
	return n;
}

void
log_free(void)
{
	free(log_text);
	log_text = NULL;
	log_len = 0;
}
