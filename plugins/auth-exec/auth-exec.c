/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logins that a program of the site decides, asked by lines of JSON: see adit-auth-exec(5). Server
 * only. On the session's worker, where nothing is done but to write the question and put it
 * on the desk; the answer comes late, from the desk's thread.
 *
 * What must always hold: no password and no token is in a log, an argument or the environment, and
 * none of a link that is not encrypted is in a question; whatever goes wrong ends in FAIL. */

#include <adit/auth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/jwt-login.h"
#include "../common/password-login.h"
#include "base64.h"
#include "desk.h"

#define PROTOCOL 1
#define ARGUMENTS_MAX 64
#define GRACE_MS 500
#define NAMES_ROOM 1024 /* what every question has: names of members, ids, nonces, short values */

struct instance {
	struct desk *desk; /* open, or NULL */
	char **argv;
};

enum method { METHOD_PASSWORD, METHOD_JWT, METHOD_OTHER };

/* What is kept of a login between its steps. */
struct login {
	char id[QUESTION_ID + 1];
	enum method method;
	bool asked;
	bool pinned; /* the program has asked for more: from this process */
	unsigned slot;
	uint64_t generation;
	struct jwt_login *jwt; /* METHOD_JWT */
};

/* ---- Instances ------------------------------------------------------------------------------- */

static void
destroy(void *p)
{
	struct instance *inst = p;

	if (inst == NULL)
		return;
	if (inst->desk != NULL)
		desk_close(inst->desk);
	free(inst->desk);
	for (size_t i = 0; inst->argv != NULL && inst->argv[i] != NULL; i++)
		free(inst->argv[i]);
	free(inst->argv);
	free(inst);
}

static int
take_command(const struct adit_conf *conf, struct instance *inst)
{
	char path[PATH_MAX], why[512];
	const char *word;

	inst->argv = calloc(ARGUMENTS_MAX + 1, sizeof(*inst->argv));
	if (inst->argv == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	for (size_t i = 0; (word = adit_conf_list(conf, "command", i)) != NULL; i++) {
		if (i == ARGUMENTS_MAX)
			return adit_conf_error(conf, "command", "has more than %d words",
				ARGUMENTS_MAX);
		inst->argv[i] = strdup(word);
		if (inst->argv[i] == NULL)
			return adit_conf_error(conf, NULL, "out of memory");
	}
	if (inst->argv[0] == NULL || inst->argv[0][0] != '/')
		return adit_conf_error(conf, "command",
			"expects the absolute path of a program, then its arguments");
	if (child_find(inst->argv[0], path, why, sizeof(why)) < 0)
		return adit_conf_error(conf, "command", "%s", why);
	return 0;
}

static int
open_desk(const struct adit_conf *conf, struct instance *inst)
{
	const char *slash = strrchr(inst->argv[0], '/');
	const struct desk_how how = {
		.plugin = &adit_plugin,
		.argv = inst->argv,
		.name = slash + 1,
		.processes = (unsigned)adit_conf_int(conf, "processes"),
		.queue = (unsigned)adit_conf_int(conf, "queue"),
		.in_flight = (unsigned)adit_conf_int(conf, "in_flight"),
		.timeout_ms = adit_conf_int(conf, "timeout"),
		.grace_ms = GRACE_MS,
	};

	inst->desk = calloc(1, sizeof(*inst->desk));
	if (inst->desk == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	if (desk_open(inst->desk, &how) == 0)
		return 0;
	free(inst->desk);
	inst->desk = NULL;
	return adit_conf_error(conf, NULL, "no descriptor is left");
}

static int
create(const struct adit_conf *conf, void **inst_r)
{
	struct instance *inst = calloc(1, sizeof(*inst));

	if (inst == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	if (take_command(conf, inst) < 0 || open_desk(conf, inst) < 0) {
		destroy(inst);
		return -1;
	}
	*inst_r = inst;
	return 0;
}

/* Not in create(): aditd --check makes instances that are never used. */
static int
worker_init(const void *p, void **worker_r)
{
	const struct instance *inst = p;

	(void)worker_r;
	if (desk_start(inst->desk) == 0)
		return 0;
	adit_log(&adit_plugin, ADIT_LOG_ERROR, "no thread could be started");
	return -1;
}

/* ---- Logins ---------------------------------------------------------------------------------- */

static void
login_free(void *p)
{
	struct login *l = p;

	if (l->jwt != NULL) {
		explicit_bzero(l->jwt, sizeof(*l->jwt));
		free(l->jwt);
	}
	free(l);
}

static void
random_id(char id_r[QUESTION_ID + 1])
{
	uint64_t n;

	adit_random(&n, sizeof(n));
	snprintf(id_r, QUESTION_ID + 1, "%016llx", (unsigned long long)n);
}

static enum method
method_of(const char *name)
{
	if (strcmp(name, "password") == 0)
		return METHOD_PASSWORD;
	return strcmp(name, "jwt") == 0 ? METHOD_JWT : METHOD_OTHER;
}

/* This login's, made at its first step. */
static struct login *
login_of(struct adit_auth_req *req)
{
	struct login *l = adit_auth_state(req);

	if (l != NULL)
		return l;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return NULL;
	random_id(l->id);
	l->method = method_of(adit_auth_method(req));
	if (l->method == METHOD_JWT)
		l->jwt = calloc(1, sizeof(*l->jwt));
	if (l->method == METHOD_JWT && l->jwt == NULL) {
		login_free(l);
		return NULL;
	}
	adit_auth_set_state(req, l, login_free);
	return l;
}

/* ---- Questions ------------------------------------------------------------------------------- */

/* All that adit/transport.h knows; "visitor" and "peer-address" are the core's. */
static const char *const fact_keys[] = {"alpn", "tls-version", "tls-cipher", "tls-fingerprint",
	"tls-names", "tls-exporter", "tls-pin", NULL};

static void
put_facts(struct line *line, const struct adit_auth_req *req)
{
	line_object(line, "facts");
	for (size_t i = 0; fact_keys[i] != NULL; i++) {
		const char *value = adit_auth_fact(req, fact_keys[i]);

		if (value != NULL && utf8_valid(value, strlen(value)))
			line_string(line, fact_keys[i], value);
	}
	line_close(line);
}

static size_t
facts_room(const struct adit_auth_req *req)
{
	size_t room = 0;

	for (size_t i = 0; fact_keys[i] != NULL; i++) {
		const char *value = adit_auth_fact(req, fact_keys[i]);

		room += value != NULL ? strlen(fact_keys[i]) + 4 + LINE_TEXT(strlen(value)) : 0;
	}
	return room;
}

/* Begins the line with what every question has; room: for what comes then. */
static struct question *
question_new(const struct adit_auth_req *req, const struct login *l, size_t room)
{
	struct question *q = calloc(1, sizeof(*q));
	struct line *line;

	if (q == NULL)
		return NULL;
	random_id(q->id);
	q->req = (struct adit_auth_req *)req;
	q->pinned = l->pinned;
	q->slot = l->slot;
	q->generation = l->generation;
	line = &q->line;
	line_begin(line, NAMES_ROOM + facts_room(req) + room);
	line_number(line, "adit", PROTOCOL);
	line_string(line, "id", q->id);
	line_string(line, "login", l->id);
	line_number(line, "step", adit_auth_step(req));
	line_string(line, "method", adit_auth_method(req));
	line_string(line, "agent", adit_auth_agent(req));
	line_string(line, "peer", adit_auth_peer(req));
	line_bool(line, "encrypted", adit_auth_encrypted(req));
	line_bool(line, "renewal", adit_auth_renewal(req));
	line_base64(line, "nonce_agent", adit_auth_nonce(req, ADIT_SIDE_AGENT), ADIT_NONCE_SIZE);
	line_base64(line, "nonce_server", adit_auth_nonce(req, ADIT_SIDE_SERVER), ADIT_NONCE_SIZE);
	put_facts(line, req);
	return q;
}

/* Ends the line and puts it on the desk. */
static enum adit_verdict
ask(const struct instance *inst, struct adit_auth_req *req, struct question *q)
{
	if (q != NULL && line_end(&q->line) && desk_ask(inst->desk, q) == 0)
		return ADIT_LATER;
	adit_auth_reason(req, "%s", q == NULL || q->line.p == NULL
			? "out of memory"
			: "too many logins wait for the program");
	question_free(q);
	return ADIT_FAIL;
}

static enum adit_verdict
malformed(struct adit_auth_req *req, const char *why)
{
	adit_auth_reason(req, "%s", why);
	adit_auth_cause(req, ADIT_CAUSE_MALFORMED);
	return ADIT_DENY;
}

static enum adit_verdict
check_password(const struct instance *inst, struct adit_auth_req *req, const struct login *l)
{
	struct password_login p;
	struct question *q;
	const void *data;
	size_t n;

	data = adit_auth_data(req, &n);
	if (password_login_parse(data, n, &p) < 0)
		return malformed(req, "a message that the method password does not have");
	if (!utf8_valid(p.password, p.len))
		return malformed(req, "a password that is not UTF-8");
	if (adit_auth_attempt(req, p.user) < 0)
		return ADIT_FAIL;
	q = question_new(req, l, LINE_TEXT(sizeof(p.user)) + LINE_TEXT(p.len));
	if (q != NULL) {
		line_string(&q->line, "user", p.user);
		line_text(&q->line, "password", p.password, p.len);
	}
	return ask(inst, req, q);
}

static enum adit_verdict
check_jwt(const struct instance *inst, struct adit_auth_req *req, struct login *l)
{
	enum jwt_login_got got;
	struct question *q;
	const void *data;
	size_t n;

	data = adit_auth_data(req, &n);
	got = jwt_login_add(l->jwt, data, n);
	if (got == JWT_LOGIN_MORE)
		return adit_auth_challenge(req, "", 0) == 0 ? ADIT_CONTINUE : ADIT_FAIL;
	if (got == JWT_LOGIN_WRONG || strlen(l->jwt->token) != l->jwt->n ||
		!utf8_valid(l->jwt->token, l->jwt->n))
		return malformed(req, "a message that the method jwt does not have");
	q = question_new(req, l, LINE_TEXT(l->jwt->n));
	if (q != NULL)
		line_text(&q->line, "token", l->jwt->token, l->jwt->n);
	return ask(inst, req, q);
}

static enum adit_verdict
check_other(const struct instance *inst, struct adit_auth_req *req, const struct login *l)
{
	struct question *q;
	const void *data;
	size_t n;

	data = adit_auth_data(req, &n);
	q = question_new(req, l, BASE64_SIZE(n));
	if (q != NULL)
		line_base64(&q->line, "data", data, n);
	return ask(inst, req, q);
}

static enum adit_verdict
check(const void *p, void *worker, struct adit_auth_req *req)
{
	const struct instance *inst = p;
	struct login *l = login_of(req);

	(void)worker;
	if (l == NULL) {
		adit_auth_reason(req, "out of memory");
		return ADIT_FAIL;
	}
	if (l->method != METHOD_OTHER && !adit_auth_encrypted(req)) {
		adit_auth_reason(req, "a secret over a link that is not encrypted");
		adit_auth_cause(req, ADIT_CAUSE_UNENCRYPTED);
		return ADIT_DENY;
	}
	switch (l->method) {
	case METHOD_PASSWORD: return check_password(inst, req, l);
	case METHOD_JWT: return check_jwt(inst, req, l);
	default: return check_other(inst, req, l);
	}
}

static void
cancel(const void *p, void *worker, struct adit_auth_req *req)
{
	const struct instance *inst = p;

	(void)worker;
	if (desk_cancel(inst->desk, req))
		adit_auth_finish(req, ADIT_FAIL);
}

/* ---- Answers, on the desk's thread ----------------------------------------------------------- */

static enum adit_verdict
fail(struct adit_auth_req *req, const char *why)
{
	adit_auth_reason(req, "%s", why);
	return ADIT_FAIL;
}

static enum adit_verdict
allow(struct adit_auth_req *req, const struct answer *a)
{
	if (adit_auth_account(req, a->account) < 0)
		return fail(req, "the program's answer: no name of an account");
	if (a->agent != NULL && adit_auth_rename(req, a->agent) < 0)
		return fail(req, "the program's answer: no name of an agent");
	for (size_t i = 0; i < a->n_grants; i++)
		if (adit_auth_grant(req, a->grant[i].key, a->grant[i].value) < 0)
			return fail(req, "the program's answer: a grant that is not taken");
	if (a->reply.given && adit_auth_reply(req, a->reply.p, a->reply.n) < 0)
		return fail(req, "the program's answer: a reply that is not taken");
	if (a->expires != 0 && adit_auth_expires(req, a->expires) < 0) {
		adit_auth_reason(req, "the program's answer: expires is past");
		adit_auth_cause(req, ADIT_CAUSE_EXPIRED);
		return ADIT_DENY;
	}
	return ADIT_ALLOW;
}

static enum adit_verdict
go_on(struct adit_auth_req *req, const struct answer *a, const struct helper *from)
{
	struct login *l = adit_auth_state(req);

	if (l->method != METHOD_OTHER)
		return fail(req, "the program's answer: this method has no further steps");
	l->pinned = true;
	l->slot = from->slot;
	l->generation = from->generation;
	if (adit_auth_challenge(req, a->challenge.p, a->challenge.n) < 0)
		return fail(req, "the program's answer: a challenge that is not taken");
	return ADIT_CONTINUE;
}

void
desk_answered(struct adit_auth_req *req, const struct answer *a, const char *why,
	const struct helper *from)
{
	enum adit_verdict v = ADIT_FAIL;

	if (a == NULL)
		adit_auth_reason(req, "%s", why);
	else if (a->reason != NULL)
		adit_auth_reason(req, "%s", a->reason);
	if (a != NULL && a->cause != ADIT_CAUSE_OTHER)
		adit_auth_cause(req, a->cause);
	if (a != NULL)
		v = a->verdict == ADIT_ALLOW	  ? allow(req, a)
		    : a->verdict == ADIT_CONTINUE ? go_on(req, a, from)
						  : a->verdict;
	adit_auth_finish(req, v);
}

/* ---- The plugin ------------------------------------------------------------------------------ */

static const struct adit_auth_ops ops = {
	.size = sizeof(ops),
	.check = check,
	.cancel = cancel,
	.methods = "password",
};

static const struct adit_option options[] = {
	{.name = "command", .type = ADIT_OPT_LIST, .sides = ADIT_SIDE_SERVER, .required = 1,
		.help = "absolute path of the program that is asked, and its arguments"},
	{.name = "processes", .type = ADIT_OPT_INT, .sides = ADIT_SIDE_SERVER, .dflt = "1",
		.min = 1, .max = DESK_HELPERS_MAX, .help = "how many of it run"},
	{.name = "timeout", .type = ADIT_OPT_DURATION, .sides = ADIT_SIDE_SERVER, .dflt = "5s",
		.min = 100, .max = 60000, .help = "how long a login waits for the answer"},
	{.name = "in_flight", .type = ADIT_OPT_INT, .sides = ADIT_SIDE_SERVER, .dflt = "32",
		.min = 1, .max = 1024,
		.help = "how many questions one process has to answer at a time"},
	{.name = "queue", .type = ADIT_OPT_INT, .sides = ADIT_SIDE_SERVER, .dflt = "256",
		.min = 1, .max = 4096, .help = "how many logins wait for a process"},
	{.name = NULL},
};

ADIT_EXPORT const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.sides = ADIT_SIDE_SERVER,
	.name = "auth-exec",
	.version = "1.0",
	.summary = "logins that a program of the site decides, asked by lines of JSON",
	.options = options,
	.ops = &ops,
	.create = create,
	.destroy = destroy,
	.worker_init = worker_init,
};
