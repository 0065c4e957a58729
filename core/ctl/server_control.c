/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What aditctl can ask of a running server. Main thread, whose work waits meanwhile as it does for
 * a reload: no traffic passes here. Answers hold no secret but the join line of an invite. */

#include <config.h>

#include <adit/version.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/control.h"
#include "ctl/control_path.h"
#include "ctl/invite.h"
#include "ctl/plugset.h"
#include "ctl/server_run.h"
#include "tunnel/roster.h"
#include "tunnel/tally.h"
#include "util/log.h"
#include "util/units.h"

struct server_control {
	struct server_run *run;
	struct control *control;
	struct list asked; /* struct question */
};

/* A call that waits for a roster. */
struct question {
	struct list node;
	struct server_control *sc;
	struct control_call *call;
	struct roster *roster;
};

/* ---- Status ---------------------------------------------------------------------------------- */

/* "a, b" as an array. */
static void
put_list(struct json *j, const char *key, const char *text)
{
	char one[256];

	json_key(j, key);
	json_open(j, '[');
	while (*text != '\0') {
		size_t n = strcspn(text, ",");

		snprintf(one, sizeof(one), "%.*s", (int)n, text);
		json_text(j, one);
		text += n;
		text += strspn(text, ", ");
	}
	json_close(j, ']');
}

static void
put_totals(struct json *j, const struct server *s)
{
	struct server_totals t;

	server_totals(s, &t);
	json_key(j, "totals");
	json_open(j, '{');
	json_put_number(j, "links", (int64_t)t.links);
	json_put_number(j, "sessions", (int64_t)t.sessions);
	json_put_number(j, "clients", (int64_t)t.clients);
	json_put_number(j, "flows", (int64_t)t.flows);
	json_put_number(j, "rx_bytes", (int64_t)t.rx_bytes);
	json_put_number(j, "tx_bytes", (int64_t)t.tx_bytes);
	json_put_number(j, "slow_turns", (int64_t)t.slow_turns);
	json_put_number(j, "max_turn_us", (int64_t)t.max_turn_us);
	json_close(j, '}');
}

/* [{"plugin": "auth-token", "accepted": 3, …}, …] */
static void
put_logins(struct json *j, const struct server *s)
{
	struct tally *sum = xcalloc(1, sizeof(*sum));

	server_logins(s, sum);
	json_key(j, "logins");
	json_open(j, '[');
	for (size_t i = 0; i < sum->n_rows; i++) {
		json_open(j, '{');
		json_put_text(j, "plugin", sum->row[i].name);
		for (int k = 0; k < TALLY_N; k++)
			json_put_number(j, tally_word((enum tally_what)k),
				(int64_t)sum->row[i].n[k]);
		json_close(j, '}');
	}
	json_close(j, ']');
	free(sum);
}

static void
on_status(struct server_control *sc, struct control_call *call)
{
	const struct server *s = sc->run->server;
	const struct server_conf *conf = server_conf_now(s);
	struct json *j = control_begin(call);
	char text[1024];

	json_put_text(j, "version", ADIT_VERSION);
	json_put_number(j, "pid", getpid());
	json_put_number(j, "uptime_ms", mono_diff_ms(mono_now(), sc->run->started));
	json_put_text(j, "config", sc->run->options->file);
	json_put_bool(j, "draining", server_draining(s));
	json_put_number(j, "workers", conf->workers);
	json_put_number(j, "sessions", (int64_t)server_sessions(s));
	put_list(j, "listeners", server_addresses(s, text, sizeof(text)));
	put_list(j, "plugins", modules_names(&conf->modules, text, sizeof(text)));
	put_totals(j, s);
	put_logins(j, s);
	control_answer(call);
}

/* ---- Agents ---------------------------------------------------------------------------------- */

static void
put_row(struct json *j, const struct roster_row *row)
{
	char id[20];

	snprintf(id, sizeof(id), "%08x", (unsigned)(row->session >> 32)); /* as in the log */
	json_open(j, '{');
	json_put_text(j, "account", row->account);
	json_put_text(j, "agent", row->agent);
	json_put_number(j, "member", row->member);
	json_put_text(j, "session", id);
	json_put_text(j, "address", row->address);
	json_put_text(j, "transport", row->transport);
	json_put_bool(j, "detached", row->detached);
	json_put_number(j, "since_ms", row->since_ms);
	if (row->expires_ms != 0)
		json_put_number(j, "expires_ms", row->expires_ms);
	json_put_number(j, "streams", (int64_t)row->streams);
	json_put_number(j, "tunnels", (int64_t)row->tunnels);
	json_put_number(j, "clients", (int64_t)row->clients);
	json_close(j, '}');
}

static struct control_call *
question_end(struct question *q)
{
	struct control_call *call = q->call;

	list_remove(&q->node);
	free(q);
	return call;
}

/* The call names this agent: by name alone, or also by account. */
static bool
is_meant(const struct control_call *call, const struct roster_row *row)
{
	const char *agent = control_get(call, "agent"), *account = control_get(call, "account");

	return (agent == NULL || strcmp(agent, row->agent) == 0) &&
	       (account == NULL || strcmp(account, row->account) == 0);
}

static void
on_agents_roster(void *ctx, const struct roster_row *row, size_t n)
{
	struct control_call *call = question_end(ctx);
	struct json *j = control_begin(call);

	json_key(j, "agents");
	json_open(j, '[');
	for (size_t i = 0; i < n; i++)
		if (is_meant(call, &row[i]))
			put_row(j, &row[i]);
	json_close(j, ']');
	control_answer(call);
}

static void
ask_roster(struct server_control *sc, struct control_call *call, roster_fn *fn)
{
	struct question *q = xcalloc(1, sizeof(*q));

	q->sc = sc;
	q->call = call;
	list_init(&q->node);
	list_push(&sc->asked, &q->node);
	q->roster = server_roster(sc->run->server, fn, q);
}

static void
on_agents(struct server_control *sc, struct control_call *call)
{
	ask_roster(sc, call, on_agents_roster);
}

/* Names are an account's own: of two accounts' agents with one name, the right one must be said. */
static bool
is_unclear(const struct control_call *call, const struct roster_row *row, size_t n)
{
	const char *account = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!is_meant(call, &row[i]))
			continue;
		if (account != NULL && strcmp(account, row[i].account) != 0)
			return true;
		account = row[i].account;
	}
	return false;
}

static void
on_kick_roster(void *ctx, const struct roster_row *row, size_t n)
{
	struct server *s = ((struct question *)ctx)->sc->run->server;
	struct control_call *call = question_end(ctx);
	const char *agent = control_get(call, "agent");
	int64_t kicked = 0;

	if (is_unclear(call, row, n)) {
		control_fail(call, "several accounts have an agent '%.64s': say which account",
			agent);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (!is_meant(call, &row[i]))
			continue;
		log_info("control: account=%s agent=%s is kicked", row[i].account, row[i].agent);
		server_kick(s, &row[i]);
		kicked++;
	}
	if (kicked == 0) {
		control_fail(call, "no agent '%.64s' is logged in", agent);
		return;
	}
	json_put_number(control_begin(call), "sessions", kicked);
	control_answer(call);
}

static void
on_kick(struct server_control *sc, struct control_call *call)
{
	if (control_get(call, "agent") == NULL)
		control_fail(call, "kick needs agent=NAME");
	else
		ask_roster(sc, call, on_kick_roster);
}

/* ---- Reload, invites ------------------------------------------------------------------------- */

static void
on_reload(struct server_control *sc, struct control_call *call)
{
	char text[1400];
	struct err e;

	if (server_run_reload(sc->run, &e) < 0) {
		control_fail(call, "%s", err_text(&e, text, sizeof(text)));
		return;
	}
	json_put_text(control_begin(call), "config", sc->run->options->file);
	control_answer(call);
}

static void
on_invite(struct server_control *sc, struct control_call *call)
{
	const char *grants[CONTROL_ARGS_MAX + 1], *expires = control_get(call, "expires");
	struct invite_ask ask = {
		.account = control_get(call, "account"),
		.grants = grants,
		.valid_ms = INVITE_VALID_MS,
		.address = control_get(call, "host"),
	};
	struct err e;
	char *line;

	while ((grants[ask.n_grants] = control_get_nth(call, "grant", ask.n_grants)) != NULL)
		ask.n_grants++;
	if (expires != NULL && (units_parse_ms(expires, &ask.valid_ms) < 0 ||
			ask.valid_ms < 1000 || ask.valid_ms > INVITE_VALID_MAX_MS)) {
		control_fail(call, "expires: expected 1s to 30d, found '%.40s'", expires);
		return;
	}
	if (invite_make(server_conf_now(sc->run->server), &ask, &line, &e) < 0) {
		control_fail(call, "%s", e.msg);
		return;
	}
	log_info("control: an invite for account %s was made",
		ask.account != NULL ? ask.account : "default");
	json_put_text(control_begin(call), "line", line);
	json_put_number(&call->out, "valid_ms", ask.valid_ms);
	control_answer(call);
	explicit_bzero(line, strlen(line));
	free(line);
}

/* ---- All together ---------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(struct server_control *sc, struct control_call *call);
	const char *keys[5];
} requests[] = {
	{"status", on_status, {NULL}},
	{"agents", on_agents, {"account", "agent", NULL}},
	{"kick", on_kick, {"account", "agent", NULL}},
	{"reload", on_reload, {NULL}},
	{"invite", on_invite, {"account", "expires", "grant", "host", NULL}},
};

static void
on_call(void *ctx, struct control_call *call)
{
	struct server_control *sc = ctx;

	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		const char *unknown;

		if (strcmp(requests[i].name, call->name) != 0)
			continue;
		unknown = control_unknown(call, requests[i].keys);
		if (unknown != NULL)
			control_fail(call, "%s: no key '%.40s'", call->name, unknown);
		else
			requests[i].run(sc, call);
		return;
	}
	control_fail(call, "no request '%.40s'", call->name);
}

/* What was asked for must be had; the default may be somebody else's already. */
int
server_control_open(struct server_run *r, const struct server_conf *conf, struct err *e)
{
	const char *named = r->options->control != NULL ? r->options->control : conf->control;
	struct server_control *sc;
	char *path;
	int rc;

	if (named != NULL && named[0] == '\0')
		return 0;
	path = named != NULL ? xstrdup(named) : control_path_default(r->options->file);
	sc = xcalloc(1, sizeof(*sc));
	sc->run = r;
	list_init(&sc->asked);
	rc = control_open(r->main, path, on_call, sc, &sc->control, e);
	free(path);
	if (rc == 0) {
		r->control = sc;
		return 0;
	}
	free(sc);
	if (named != NULL)
		return rc;
	log_warn("aditctl cannot reach this server: %s", e->msg);
	return 0;
}

void
server_control_close(struct server_run *r)
{
	struct server_control *sc = r->control;
	struct list *n, *tmp;

	if (sc == NULL)
		return;
	r->control = NULL;
	control_close(sc->control);
	list_each(n, tmp, &sc->asked) {
		struct question *q = list_entry(n, struct question, node);

		roster_cancel(q->roster);
		control_call_free(question_end(q)); /* its client is gone */
	}
	free(sc);
}
