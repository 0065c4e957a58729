/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What adit says to the person at the terminal. The block comes when every tunnel has its answer,
 * and again only when an address is another one than before. Everything is flushed at once: stdout
 * may be a pipe. Main thread. */

#include <config.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/agent_report.h"
#include "io/proxy.h"
#include "util/compiler.h"
#include "util/log.h"
#include "util/units.h"
#include "wire/code.h"

enum answer { ANSWER_NONE, ANSWER_UP, ANSWER_FAILED };

struct report_tunnel {
	enum answer answer;
	char text[320];   /* its public address, or why it has none */
	char before[320]; /* the address of the last block */
};

void
report_init(struct report *r, FILE *out, const struct agent_conf *conf)
{
	*r = (struct report){.out = out, .conf = conf};
	r->tunnel = xcalloc(conf->n_tunnels + 1, sizeof(*r->tunnel));
}

void
report_fini(struct report *r)
{
	free(r->tunnel);
	r->tunnel = NULL;
}

/* One line. Texts of the server come escaped. */
static void ATTR_PRINTF(2, 3)
say(struct report *r, const char *fmt, ...)
{
	va_list ap;

	if (r->out == NULL)
		return;
	va_start(ap, fmt);
	vfprintf(r->out, fmt, ap);
	va_end(ap);
	fputc('\n', r->out);
	fflush(r->out);
}

/* --- the block --- */

static void
widths(const struct report *r, int *name_r, int *address_r)
{
	*name_r = *address_r = 0;
	for (size_t i = 0; i < r->conf->n_tunnels; i++) {
		*name_r = MAX(*name_r, (int)strlen(r->conf->tunnels[i].name));
		if (r->tunnel[i].answer == ANSWER_UP)
			*address_r = MAX(*address_r, (int)strlen(r->tunnel[i].text));
	}
}

static void
say_block(struct report *r)
{
	int name, address;

	widths(r, &name, &address);
	say(r, "\nPublished at %s as agent %s, account %s:\n", r->conf->server, r->conf->name,
		r->account);
	for (size_t i = 0; i < r->conf->n_tunnels; i++) {
		const struct tunnel_conf *t = &r->conf->tunnels[i];

		if (r->tunnel[i].answer == ANSWER_UP)
			say(r, "  %-*s  %-*s -> %s", name, t->name, address, r->tunnel[i].text,
				t->target);
		else
			say(r, "  %-*s  not published: %s", name, t->name, r->tunnel[i].text);
	}
	say(r, "%s", "");
}

static bool
any_up(const struct report *r)
{
	for (size_t i = 0; i < r->conf->n_tunnels; i++)
		if (r->tunnel[i].answer == ANSWER_UP)
			return true;
	return false;
}

/* Nothing has a public address, so there is nothing to be shown in columns. */
static void
say_refused(struct report *r)
{
	for (size_t i = 0; i < r->conf->n_tunnels; i++)
		say(r, "tunnel %s is not published: %s", r->conf->tunnels[i].name,
			r->tunnel[i].text);
}

/* All tunnels have their answers. */
static void
say_settled(struct report *r)
{
	if (!any_up(r)) {
		say_refused(r);
		return;
	}
	if (r->shown && !r->changed) {
		say(r, "all tunnels are back at their addresses");
		return;
	}
	say_block(r);
	for (size_t i = 0; i < r->conf->n_tunnels; i++)
		snprintf(r->tunnel[i].before, sizeof(r->tunnel[i].before), "%s",
			r->tunnel[i].answer == ANSWER_UP ? r->tunnel[i].text : "");
	r->shown = true;
	r->changed = false;
}

static bool
is_settled(const struct report *r)
{
	for (size_t i = 0; i < r->conf->n_tunnels; i++)
		if (r->tunnel[i].answer == ANSWER_NONE)
			return false;
	return true;
}

/* --- events --- */

static void
on_answer(struct report *r, const struct agent_event *ev, enum answer answer)
{
	struct report_tunnel *t;
	size_t i = (size_t)(ev->tunnel - r->conf->tunnels);
	bool was_settled = is_settled(r);

	must(i < r->conf->n_tunnels);
	t = &r->tunnel[i];
	t->answer = answer;
	log_safe(t->text, sizeof(t->text), ev->text, strlen(ev->text));
	if (strcmp(t->before, answer == ANSWER_UP ? t->text : "") != 0)
		r->changed = true;
	if (answer == ANSWER_FAILED)
		snprintf(r->said, sizeof(r->said), "%s", t->text);
	if (answer == ANSWER_FAILED && (was_settled || ev->kind == AGENT_TUNNEL_GONE))
		say(r, "tunnel %s is gone: %s", ev->tunnel->name, t->text);
	else if (is_settled(r))
		say_settled(r);
}

static void
on_connecting(struct report *r, const struct agent_event *ev)
{
	const struct proxy *p = r->conf->proxy;
	char attempt[32] = "";

	if (ev->attempt > 1)
		snprintf(attempt, sizeof(attempt), " (attempt %u)", ev->attempt);
	say(r, "connecting to %s%s%s%s", r->conf->server,
		p != NULL ? " through the proxy at " : "", p != NULL ? p->name : "", attempt);
}

static void
on_connected(struct report *r, const char *account)
{
	r->connected = true;
	log_safe(r->account, sizeof(r->account), account, strlen(account));
	for (size_t i = 0; i < r->conf->n_tunnels; i++)
		r->tunnel[i].answer = ANSWER_NONE;
	say(r, "connected to %s", r->conf->server);
}

/* The agent itself leaves when the last tunnel is refused or withdrawn, and gives that as its
 * reason, which has been said already. */
static bool
was_useless(const struct report *r, const char *text)
{
	return r->connected && is_settled(r) && !any_up(r) && strcmp(text, r->said) == 0;
}

static void
on_lost(struct report *r, const struct agent_event *ev, const char *text)
{
	char retry[40];

	units_ms_human(MAX(ev->retry_ms, 0), retry, sizeof(retry));
	if (was_useless(r, text))
		say(r, "no tunnel is published; trying again in %s", retry);
	else
		say(r, "%s: %s; trying again in %s",
			r->connected ? "connection lost" : "not connected", text, retry);
	r->connected = false;
}

/* The other end asks for it, so nothing is lost that is under way. */
static void
on_moving(struct report *r, const struct agent_event *ev, const char *text)
{
	char retry[40], n[40];

	if (ev->streams == 0) {
		on_lost(r, ev, text);
		return;
	}
	say(r, "the server leaves: %s; %s may finish, connecting anew in %s", text,
		units_count(ev->streams, "connection", n, sizeof(n)),
		units_ms_human(MAX(ev->retry_ms, 0), retry, sizeof(retry)));
	r->connected = false;
}

/* "session 2 of 3: ", or nothing where there is one only. */
static const char *
which(const struct report *r, const struct agent_event *ev, char *buf, size_t cap)
{
	buf[0] = '\0';
	if (r->conf->sessions > 1)
		snprintf(buf, cap, "session %u of %u: ", ev->session, r->conf->sessions);
	return buf;
}

static void
on_held(struct report *r, const struct agent_event *ev, const char *text)
{
	char retry[40], n[40], who[40], holding[80] = "";

	if (ev->attempt == 1 && ev->streams > 0)
		snprintf(holding, sizeof(holding), "holding %s, ",
			units_count(ev->streams, "connection", n, sizeof(n)));
	say(r, "%s%s: %s; %strying again in %s", which(r, ev, who, sizeof(who)),
		ev->attempt == 1 ? "link lost" : "no link yet", text, holding,
		units_ms_human(MAX(ev->retry_ms, 0), retry, sizeof(retry)));
}

static void
on_back(struct report *r, const struct agent_event *ev)
{
	char away[40], who[40];

	say(r, "%slink back after %s, nothing lost", which(r, ev, who, sizeof(who)),
		units_ms_human(ev->away_ms, away, sizeof(away)));
}

static void
on_expired(struct report *r, const struct agent_event *ev, const char *text)
{
	char n[40], who[40], lost[80] = "";

	if (ev->streams > 0)
		snprintf(lost, sizeof(lost), ", and %s with it",
			units_count(ev->streams, "connection", n, sizeof(n)));
	say(r, "%sthe session is lost%s: %s", which(r, ev, who, sizeof(who)), lost, text);
	if (r->conf->sessions == 1)
		r->connected = false;
}

static void
on_renewed(struct report *r, const struct agent_event *ev)
{
	char who[40], when[40];
	time_t until = time(NULL) + (time_t)(ev->left_ms / 1000);
	struct tm tm;

	which(r, ev, who, sizeof(who));
	if (ev->left_ms < 0 || localtime_r(&until, &tm) == NULL ||
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		say(r, "%slogin renewed, for ever", who);
	else
		say(r, "%slogin renewed until %s", who, when);
}

static void
on_not_renewed(struct report *r, const struct agent_event *ev, const char *text)
{
	char who[40], left[40];

	say(r, "%scould not renew the login: %s; the session ends in %s",
		which(r, ev, who, sizeof(who)), text,
		units_ms_human(ev->left_ms, left, sizeof(left)));
}

/* The others go on; so it is said once and not at each attempt. */
static void
on_session_lost(struct report *r, const struct agent_event *ev, const char *text)
{
	char retry[40];

	if (ev->attempt > 1)
		return;
	if (ev->retry_ms < 0)
		say(r, "session %u of %u is down: %s", ev->session, r->conf->sessions, text);
	else
		say(r, "session %u of %u is down: %s; trying again in %s", ev->session,
			r->conf->sessions, text,
			units_ms_human(ev->retry_ms, retry, sizeof(retry)));
}

static void
on_stopped(struct report *r, const struct agent_event *ev, const char *text)
{
	if (ev->fatal && was_useless(r, text))
		say(r, "stopped: no tunnel is published");
	else if (ev->fatal && strcmp(text, code_text(CODE_AUTH_FAILED)) == 0)
		say(r, "stopped: %s; the server's log says why", text);
	else
		say(r, "stopped%s%s", ev->fatal ? ": " : "", ev->fatal ? text : "");
}

void
report_event(struct report *r, const struct agent_event *ev)
{
	char text[sizeof(ev->text)];

	log_safe(text, sizeof(text), ev->text, strlen(ev->text));
	switch (ev->kind) {
	case AGENT_CONNECTING:
		if (r->connected) /* a session that has lost its link tells its own story */
			break;
		on_connecting(r, ev);
		break;
	case AGENT_CONNECTED:
		on_connected(r, ev->text);
		break;
	case AGENT_TUNNEL_UP:
		on_answer(r, ev, ANSWER_UP);
		break;
	case AGENT_TUNNEL_FAILED:
	case AGENT_TUNNEL_GONE:
		on_answer(r, ev, ANSWER_FAILED);
		break;
	case AGENT_LOST:
		on_lost(r, ev, text);
		break;
	case AGENT_MOVING:
		on_moving(r, ev, text);
		break;
	case AGENT_HELD:
		on_held(r, ev, text);
		break;
	case AGENT_BACK:
		on_back(r, ev);
		break;
	case AGENT_EXPIRED:
		on_expired(r, ev, text);
		break;
	case AGENT_RENEWED:
		on_renewed(r, ev);
		break;
	case AGENT_NOT_RENEWED:
		on_not_renewed(r, ev, text);
		break;
	case AGENT_SESSION_UP:
		say(r, "session %u of %u connected", ev->session, r->conf->sessions);
		break;
	case AGENT_SESSION_LOST:
		on_session_lost(r, ev, text);
		break;
	case AGENT_STOPPED:
		on_stopped(r, ev, text);
		break;
	}
}

/* --- the summary --- */

const char *
report_us(int64_t us, char *buf, size_t cap)
{
	if (us < 1000)
		snprintf(buf, cap, "%" PRId64 " us", us);
	else if (us < 10000)
		snprintf(buf, cap, "%" PRId64 ".%" PRId64 " ms", us / 1000, us % 1000 / 100);
	else if (us < 10000000)
		snprintf(buf, cap, "%" PRId64 " ms", us / 1000);
	else
		snprintf(buf, cap, "%" PRId64 " s", us / 1000000);
	return buf;
}

/* "average 45 ms, least 3 ms, most 210 ms". */
static void
say_latency(struct report *r, const char *what, uint64_t n, int64_t sum, int64_t min, int64_t max)
{
	char a[32], b[32], c[32];

	if (n == 0)
		return;
	say(r, "  %-18s average %s, least %s, most %s", what,
		report_us(sum / (int64_t)n, a, sizeof(a)), report_us(min, b, sizeof(b)),
		report_us(max, c, sizeof(c)));
}

static void
say_http(struct report *r, const struct agent_totals *t)
{
	static const char *const name[] = {"no answer", "1xx", "2xx", "3xx", "4xx", "5xx"};
	char text[200] = "";
	size_t at = 0;

	if (t->http_requests == 0)
		return;
	for (size_t k = 1; k <= ARRAY_LEN(name) && at < sizeof(text); k++) {
		size_t i = k % ARRAY_LEN(name); /* "no answer" comes last */

		if (t->http_status[i] > 0)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s %" PRIu64,
				at > 0 ? ", " : " (", name[i], t->http_status[i]);
	}
	say(r, "  %-18s %" PRIu64 "%s%s", "HTTP requests", t->http_requests, text,
		at > 0 ? ")" : "");
	say_latency(r, "HTTP latency", t->http_timed, t->http_sum_us, t->http_min_us,
		t->http_max_us);
}

static void
say_link(struct report *r, const struct agent_totals *t)
{
	char rtt[32], least[32];

	say_latency(r, "target latency", t->dials, t->dial_sum_us, t->dial_min_us, t->dial_max_us);
	if (t->rtt_us > 0)
		say(r, "  %-18s %s, least %s", "link round trip",
			report_us(t->rtt_us, rtt, sizeof(rtt)),
			report_us(t->rtt_min_us, least, sizeof(least)));
}

/* What the links' queues and the targets have dropped is said by its reason. */
static void
say_flows(struct report *r, const struct agent_totals *t)
{
	uint64_t dropped = t->datagrams_unsent + t->datagrams_full + t->datagrams_late;

	if (t->flows == 0)
		return;
	say(r, "  %-18s %" PRIu64 " (%" PRIu64 " refused, %" PRIu64 " still open)", "UDP flows",
		t->flows, t->flows_refused, t->flows_open);
	say(r, "  %-18s %" PRIu64 " to targets, %" PRIu64 " to clients", "datagrams",
		t->datagrams_to_target, t->datagrams_to_client);
	if (dropped > 0)
		say(r,
			"  %-18s %" PRIu64 " (%" PRIu64 " not taken by targets, %" PRIu64
			" over the queue's bounds, %" PRIu64 " too old)",
			"dropped", dropped, t->datagrams_unsent, t->datagrams_full,
			t->datagrams_late);
}

void
report_summary(struct report *r, const struct agent_totals *t, int64_t uptime_ms)
{
	char buf[40];

	say(r, "\nSummary");
	say(r, "  %-18s %s", "uptime", units_ms_human(uptime_ms, buf, sizeof(buf)));
	say(r, "  %-18s %" PRIu64 " (%" PRIu64 " ended)", "links", t->connects,
		t->disconnects);
	if (t->resumes > 0)
		say(r, "  %-18s %" PRIu64 " times, nothing lost", "lost and back",
			t->resumes);
	say(r,
		"  %-18s %" PRIu64 " (%" PRIu64 " refused, %" PRIu64 " reset, %" PRIu64
		" still open)",
		"streams", t->streams, t->streams_refused, t->streams_reset, t->streams_open);
	say(r, "  %-18s %s", "to targets", units_size_human(t->to_target_bytes, buf, sizeof(buf)));
	say(r, "  %-18s %s", "to clients", units_size_human(t->to_client_bytes, buf, sizeof(buf)));
	say_flows(r, t);
	say_http(r, t);
	say_link(r, t);
}
