/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Behaves as the agent's message says: blocks, never comes back, crashes, answers late, twice or
 * not at all. Built three times, once for each run mode (RUN, NAME). Where it waits it opens a FIFO
 * of the folder "gates" that is called like the agent (up to a dot), and goes on when a byte comes:
 * whoever has opened the other end knows where it is. */

#include <adit/auth.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct odd {
	char gates[256], say[64];
	bool stuck;
};

extern const struct adit_plugin adit_plugin;

static int
create(const struct adit_conf *conf, void **inst_r)
{
	struct odd *o = calloc(1, sizeof(*o));
	bool server = adit_conf_side(conf) == ADIT_SIDE_SERVER;
	const char *text = adit_conf_string(conf, server ? "gates" : "say");

	if (o == NULL)
		return -1;
	snprintf(server ? o->gates : o->say, server ? sizeof(o->gates) : sizeof(o->say), "%s",
		text);
	o->stuck = adit_conf_bool(conf, "stuck");
	*inst_r = o;
	return 0;
}

static void
destroy(void *inst)
{
	adit_log(&adit_plugin, ADIT_LOG_INFO, "destroyed");
	free(inst);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static void
wait_gate(const struct odd *o, const char *who)
{
	char path[400], c;
	int fd;

	adit_log(&adit_plugin, ADIT_LOG_INFO, "%s waits", who);
	snprintf(path, sizeof(path), "%s/%.*s", o->gates, (int)strcspn(who, "."), who);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && read(fd, &c, 1) < 0)
		;
	if (fd >= 0)
		close(fd);
}

static void
wait_ever(const char *who)
{
	adit_log(&adit_plugin, ADIT_LOG_INFO, "%s stays", who);
	for (;;)
		pause();
}

/* ---- Answers from another thread ------------------------------------------------------------- */

struct late {
	struct odd odd; /* a copy: the instance may be gone behind the answer */
	struct adit_auth_req *req;
	char agent[65];
	bool gate, twice;
};

static void *
answer(void *arg)
{
	struct late l = *(struct late *)arg;

	free(arg);
	if (l.gate)
		wait_gate(&l.odd, l.agent);
	adit_auth_finish(l.req, ADIT_ALLOW);
	if (l.twice) {
		wait_gate(&l.odd, l.agent);
		adit_auth_finish(l.req, ADIT_DENY);
		wait_gate(&l.odd, "twice");
	}
	return NULL;
}

static enum adit_verdict
elsewhere(const struct odd *o, struct adit_auth_req *req, bool gate, bool twice)
{
	struct late *l = malloc(sizeof(*l));
	pthread_t t;

	if (l == NULL)
		return ADIT_FAIL;
	*l = (struct late){.odd = *o, .req = req, .gate = gate, .twice = twice};
	snprintf(l->agent, sizeof(l->agent), "%s", adit_auth_agent(req));
	if (pthread_create(&t, NULL, answer, l) != 0) {
		free(l);
		return ADIT_FAIL;
	}
	pthread_detach(t);
	return ADIT_LATER;
}

static enum adit_verdict
now(struct adit_auth_req *req, enum adit_verdict returned)
{
	adit_auth_finish(req, ADIT_ALLOW);
	return returned;
}

/* ---- The two halves -------------------------------------------------------------------------- */

static bool
said(struct adit_auth_req *req, const char *word)
{
	size_t len;
	const char *data = adit_auth_data(req, &len);

	return len == strlen(word) && memcmp(data, word, len) == 0;
}

static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	const struct odd *o = inst;

	(void)worker;
	if (adit_auth_account(req, "odd") < 0)
		return ADIT_FAIL;
	if (said(req, "block"))
		wait_gate(o, adit_auth_agent(req));
	if (said(req, "never"))
		wait_gate(o, adit_auth_agent(req));
	if (said(req, "never"))
		wait_ever(adit_auth_agent(req));
	if (said(req, "crash"))
		abort();
	if (said(req, "later"))
		return elsewhere(o, req, false, false);
	if (said(req, "later-gate"))
		return elsewhere(o, req, true, false);
	if (said(req, "twice"))
		return elsewhere(o, req, false, true);
	if (said(req, "early"))
		return now(req, ADIT_LATER);
	if (said(req, "both"))
		return now(req, ADIT_DENY);
	if (said(req, "silent") || said(req, "given-up")) {
		adit_log(&adit_plugin, ADIT_LOG_INFO, "%s gets no answer", adit_auth_agent(req));
		return ADIT_LATER;
	}
	if (said(req, "next"))
		return ADIT_NEXT;
	if (said(req, "nonsense"))
		return (enum adit_verdict)77;
	return said(req, "allow") || said(req, "block") ? ADIT_ALLOW : ADIT_DENY;
}

static void
cancel(const void *inst, void *worker, struct adit_auth_req *req)
{
	(void)inst, (void)worker;
	adit_log(&adit_plugin, ADIT_LOG_INFO, "%s is cancelled", adit_auth_agent(req));
	if (said(req, "given-up"))
		adit_auth_finish(req, ADIT_FAIL);
}

static int
prove(const void *inst, struct adit_proof *proof)
{
	const struct odd *o = inst;

	if (o->stuck)
		wait_ever("prove()");
	return adit_proof_send(proof, o->say, strlen(o->say));
}

static const struct adit_option options[] = {
	{.name = "gates", .type = ADIT_OPT_STRING, .sides = ADIT_SIDE_SERVER, .dflt = "",
		.help = "the folder of the FIFOs to wait at"},
	{.name = "say", .type = ADIT_OPT_STRING, .sides = ADIT_SIDE_AGENT, .dflt = "allow",
		.help = "what check() is to do"},
	{.name = "stuck", .type = ADIT_OPT_BOOL, .dflt = "false", .help = "prove() never returns"},
	{.name = NULL},
};

static const struct adit_auth_ops ops = {
	.size = sizeof(ops), .check = check, .cancel = cancel, .prove = prove,
};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT, .kind = ADIT_KIND_AUTH, .run = RUN, .name = NAME, .version = "1",
	.summary = "does what should not be done", .options = options, .ops = &ops,
	.create = create, .destroy = destroy,
};
