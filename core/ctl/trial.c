/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logins without a server. The worker's thread; trial_run() is the main thread's and waits for it.
 * A login that is over keeps no pointer to what auth.c has freed. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/trial.h"
#include "io/worker.h"
#include "tunnel/server.h"
#include "util/compiler.h"
#include "util/rand.h"

struct trial {
	struct trials *all;
	struct adit_auth_req *req;  /* NULL: not begun, or over */
	struct adit_proof *proof;   /* NULL: messages are given */
	uint8_t nonce[2][ADIT_NONCE_SIZE];
	size_t step;
	struct timer timer, next;
	struct mono began;
	bool over, passed_on;
	/* What is shown of it: */
	FILE *text;
	char *shown;
	size_t shown_len;
};

struct trials {
	const struct trial_plan *plan;
	struct server_conf conf;
	struct module *chain[2]; /* the plugin, and what comes behind it */
	struct module behind;
	struct adit_plugin behind_desc;
	struct worker *w;
	struct timer patience; /* with answers that are owed */
	struct trial *trial;
	size_t n_open;
	int64_t begun;
	char *last; /* what was shown of the last one */
	struct trial_sums sums;
};

/* ---- What is shown --------------------------------------------------------------------------- */

/* Plugins' texts can hold anything. */
static void
show(struct trial *t, const char *key, const char *value)
{
	fprintf(t->text, "%s=", key);
	for (const unsigned char *s = (const unsigned char *)value; *s != '\0'; s++)
		fputc(*s < 0x20 || *s == 0x7f ? '?' : *s, t->text);
	fputc('\n', t->text);
}

static void
show_bytes(struct trial *t, const char *what, const struct auth_bytes *b)
{
	if (!t->all->plan->options->bytes || b->p == NULL)
		return;
	fprintf(t->text, "%s.%zu=", what, t->step);
	for (size_t i = 0; i < b->len; i++)
		fprintf(t->text, "%02x", b->p[i]);
	fputc('\n', t->text);
}

static void
show_login(struct trial *t, const struct adit_auth_req *req)
{
	show(t, "account", req->id.account);
	show(t, "agent", req->id.agent);
	for (size_t i = 0; i < req->id.n_grants; i++) {
		char key[64];

		snprintf(key, sizeof(key), "grant.%s", req->id.grants[i].key);
		show(t, key, req->id.grants[i].value);
	}
	if (req->expires.ns != MONO_NEVER.ns)
		fprintf(t->text, "expires_s=%lld\n",
			(long long)(mono_diff_ms(req->expires, mono_now()) + 500) / 1000);
	show_bytes(t, "reply", &req->reply);
	fprintf(t->text, "challenges=%u\n", req->step);
}

static void
show_refusal(struct trial *t, const struct adit_auth_req *req)
{
	static const char *const causes[] = {"other", "unknown", "wrong", "expired", "too-early",
		"forbidden", "malformed", "unencrypted"};

	show(t, "reason", req->reason);
	show(t, "cause", (unsigned)req->cause < ARRAY_LEN(causes) ? causes[req->cause] : "other");
	fprintf(t->text, "challenges=%u\n", req->step);
}

/* ---- The end of one -------------------------------------------------------------------------- */

/* All logins are over; what is owed may still come. */
static void
end_all(struct trials *all)
{
	if (atomic_load(&all->conf.refs) == 1)
		worker_stop(all->w);
	else
		timer_start(&all->patience, all->plan->options->wait_ms);
}

static void
count(struct trial *t, enum trial_end end)
{
	struct trial_sums *s = &t->all->sums;
	int64_t us = (mono_now().ns - t->began.ns) / 1000;

	fprintf(t->text, "time_us=%lld\n", (long long)us);
	s->min_us = s->logins == 0 ? us : MIN(s->min_us, us);
	s->max_us = MAX(s->max_us, us);
	s->sum_us += us;
	s->logins++;
	s->ends[end]++;
	s->worst = MAX(s->worst, end);
}

static void
over(struct trial *t, enum trial_end end)
{
	struct trials *all = t->all;

	must(!t->over);
	t->over = true;
	timer_stop(&t->timer);
	count(t, end);
	fclose(t->text);
	free(all->last);
	all->last = t->shown;
	t->shown = NULL;
	t->req = NULL;
	proof_free(t->proof);
	t->proof = NULL;
	all->n_open--;
	if (all->begun < all->plan->options->times)
		timer_start(&t->next, 0); /* a turn of its own, and no recursion */
	else if (all->n_open == 0)
		end_all(all);
}

/* The agent leaves, or the server waits no longer. */
static void
on_timer(struct timer *timer)
{
	struct trial *t = container_of(timer, struct trial, timer);
	bool leaves = t->all->plan->options->cancel_ms >= 0;

	show(t, "verdict", "none");
	show(t, "reason", leaves ? "the agent has left" : "no answer in time");
	if (t->req != NULL)
		auth_cancel(t->req);
	over(t, TRIAL_NO_VERDICT);
}

/* ---- The exchange ---------------------------------------------------------------------------- */

static void
continued(struct trial *t, struct adit_auth_req *req)
{
	const struct trial_options *o = t->all->plan->options;
	struct auth_bytes challenge = {.p = NULL};

	show_bytes(t, "challenge", &req->challenge);
	t->step++;
	if (t->proof != NULL) {
		/* The plugin's answer may replace what it is made from. */
		auth_bytes_set(&challenge, req->challenge.p, req->challenge.len);
		proof_step(t->proof, challenge.p, challenge.len);
		auth_bytes_wipe(&challenge);
	} else if (t->step < o->n_messages) {
		show_bytes(t, "message", &o->message[t->step]);
		auth_answer(req, o->message[t->step].p, o->message[t->step].len);
	} else {
		show(t, "verdict", "continue");
		show(t, "reason", "no message is left for this challenge");
		auth_cancel(req);
		over(t, TRIAL_NO_VERDICT);
	}
}

static void
allowed(struct trial *t, struct adit_auth_req *req)
{
	show(t, "verdict", "allow");
	show_login(t, req);
	t->req = NULL;
	if (t->proof != NULL)
		proof_confirm(t->proof, req->reply.p != NULL ? (void *)req->reply.p : "",
			req->reply.len);
	else
		over(t, TRIAL_ALLOWED);
}

static void
on_verdict(void *owner, struct adit_auth_req *req, enum adit_verdict v)
{
	struct trial *t = owner;

	switch (v) {
	case ADIT_CONTINUE: continued(t, req); break;
	case ADIT_ALLOW: allowed(t, req); break;
	case ADIT_DENY:
		show(t, "verdict", t->passed_on ? "next" : "deny");
		show_refusal(t, req);
		over(t, t->passed_on ? TRIAL_PASSED_ON : TRIAL_DENIED);
		break;
	default:
		show(t, "verdict", "fail");
		show_refusal(t, req);
		over(t, TRIAL_UNDECIDED);
		break;
	}
}

static void
send_first(struct trial *t, const struct auth_bytes *message)
{
	const struct trial_options *o = t->all->plan->options;
	struct auth_input in = {.method = t->all->plan->method, .agent = o->agent, .peer = o->peer,
		.encrypted = !o->plain, .renewal = o->renewal, .facts = &o->facts,
		.nonce_agent = t->nonce[0], .nonce_server = t->nonce[1], .data = message->p,
		.len = message->len};

	auth_begin(t->all->w, &t->all->conf, &in, on_verdict, t, &t->req);
}

static void
agent_failed(struct trial *t, const struct adit_proof *proof)
{
	show(t, "verdict", proof->confirming ? "allow" : "none");
	if (proof->confirming)
		show(t, "confirmed", "no");
	show(t, "error", proof->error);
	if (t->req != NULL)
		auth_cancel(t->req);
	over(t, TRIAL_AGENT_FAILED);
}

/* The agent's half has made a message, or looked at the server's reply. */
static void
on_proof(void *owner, struct adit_proof *proof, int err)
{
	struct trial *t = owner;

	if (err < 0) {
		agent_failed(t, proof);
	} else if (proof->confirming) {
		show(t, "confirmed", "yes");
		if (proof->secret != NULL)
			show(t, "secret", "yes");
		over(t, TRIAL_ALLOWED);
	} else {
		show_bytes(t, "message", &proof->out);
		if (t->req != NULL)
			auth_answer(t->req, proof->out.p, proof->out.len);
		else
			send_first(t, &proof->out);
	}
}

static void on_next(struct timer *timer);

static void
begin(struct trial *t)
{
	struct trials *all = t->all;
	const struct trial_plan *plan = all->plan;

	all->begun++;
	all->n_open++;
	*t = (struct trial){.all = all, .began = mono_now()};
	timer_init(&t->next, all->w, "trial", on_next);
	t->text = open_memstream(&t->shown, &t->shown_len);
	must(t->text != NULL);
	rand_bytes(t->nonce, sizeof(t->nonce));
	timer_init(&t->timer, all->w, "trial", on_timer);
	timer_start(&t->timer, plan->options->cancel_ms >= 0 ? plan->options->cancel_ms
							     : plan->options->wait_ms);
	if (plan->agent == NULL) {
		show_bytes(t, "message", &plan->options->message[0]);
		send_first(t, &plan->options->message[0]);
		return;
	}
	t->proof = proof_new(all->w, plan->agent, plan->options->agent, !plan->options->plain,
		t->nonce[0], t->nonce[1], on_proof, t);
	facts_copy(&plan->options->facts, &t->proof->facts);
	t->proof->renewal = plan->options->renewal;
	proof_step(t->proof, "", 0);
}

static void
on_next(struct timer *timer)
{
	struct trial *t = container_of(timer, struct trial, next);

	if (t->all->begun < t->all->plan->options->times)
		begin(t);
	else if (t->all->n_open == 0)
		end_all(t->all);
}

/* ---- The worker ------------------------------------------------------------------------------ */

/* Behind the plugin in the chain. */
static enum adit_verdict
check_behind(const void *inst, void *worker, struct adit_auth_req *req)
{
	struct trial *t = req->owner;

	(void)inst;
	(void)worker;
	if (t != NULL)
		t->passed_on = true;
	return ADIT_DENY;
}

static void
on_release(struct worker *w, struct server_conf *conf)
{
	struct trials *all = container_of(conf, struct trials, conf);

	(void)w;
	atomic_fetch_sub(&conf->refs, 1);
	if (all->n_open == 0 && all->begun == all->plan->options->times)
		end_all(all);
}

static void
on_patience(struct timer *timer)
{
	worker_stop(timer->w);
}

static int
on_start(struct worker *w, void *arg)
{
	struct trials *all = arg;
	int64_t n = MIN(all->plan->options->at_once, all->plan->options->times);

	all->w = w;
	timer_init(&all->patience, w, "patience", on_patience);
	if (modules_worker_init(&all->conf.modules, w->index) < 0)
		return -ECANCELED;
	all->trial = xcalloc((size_t)n, sizeof(*all->trial));
	for (int64_t i = 0; i < n; i++) {
		all->trial[i].all = all;
		begin(&all->trial[i]);
	}
	return 0;
}

static void
on_end(struct worker *w)
{
	struct trials *all = w->arg;

	timer_stop(&all->patience);
	modules_worker_fini(&all->conf.modules, w->index);
}

/* The chain of a server that has this plugin alone, and then one that says where it went on. */
static void
make_chain(struct trials *all)
{
	all->behind_desc = (struct adit_plugin){.name = "behind", .run = ADIT_RUN_LOOP};
	all->behind = (struct module){.plugin = &all->behind_desc, .short_name = "behind",
		.methods = (char *)"*", .auth.check = check_behind};
	all->chain[0] = all->plan->server;
	all->chain[1] = &all->behind;
	all->conf.modules.auth = all->chain;
	all->conf.modules.n_auth = ARRAY_LEN(all->chain);
	atomic_init(&all->conf.refs, 1);
}

int
trial_run(const struct trial_plan *plan, FILE *out, struct trial_sums *sums_r)
{
	struct trials *all = xcalloc(1, sizeof(*all));
	struct worker *w = NULL;
	int rc;

	all->plan = plan;
	make_chain(all);
	auth_set_release(on_release);
	rc = worker_start(0, "adit-auth-test", on_start, on_end, all, &w);
	if (rc < 0) {
		free(all);
		return rc;
	}
	worker_join(w);
	fputs(all->last, out);
	all->sums.owed = atomic_load(&all->conf.refs) - 1;
	*sums_r = all->sums;
	free(all->last);
	free(all->trial);
	if (all->sums.owed == 0) /* else calls are under way, or to come, that know it */
		free(all);
	return 0;
}
