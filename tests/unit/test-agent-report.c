/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* ctl/agent_report: what a person sees. */

#include "ctl/agent_report.h"

#include <stdlib.h>
#include <time.h>

#include "tap.h"

static struct tunnel_conf tunnels[] = {
	{.name = (char *)"ssh", .target = (char *)"127.0.0.1:22"},
	{.name = (char *)"postgres", .target = (char *)"db:5432"},
};

static struct agent_conf conf = {
	.name = (char *)"web1",
	.server = (char *)"tcp://example.org:9000",
	.tunnels = tunnels,
	.n_tunnels = 2,
	.sessions = 3,
};

static struct report report;
static char *text;
static size_t len;

static void
begin(void)
{
	report_init(&report, open_memstream(&text, &len), &conf);
}

static void
forget(void)
{
	rewind(report.out);
	memset(text, 0, len);
}

/* Compares what was printed since the last call. */
static void
printed(const char *want, const char *what)
{
	is_str(text != NULL ? text : "", want, what);
	forget();
}

static void
end(void)
{
	report_fini(&report);
	fclose(report.out);
	free(text);
	text = NULL;
}

static void
event(enum agent_event_kind kind, int tunnel, const char *words)
{
	struct agent_event ev = {.kind = kind, .attempt = 1, .retry_ms = 3200};

	if (tunnel >= 0)
		ev.tunnel = &tunnels[tunnel];
	snprintf(ev.text, sizeof(ev.text), "%s", words);
	report_event(&report, &ev);
}

static void
test_block(void)
{
	begin();
	event(AGENT_CONNECTING, -1, "");
	event(AGENT_CONNECTED, -1, "acme");
	printed("connecting to tcp://example.org:9000\nconnected to tcp://example.org:9000\n",
		"one line for each step");
	event(AGENT_TUNNEL_UP, 1, "tcp://example.org:10001");
	printed("", "the block waits for all tunnels");
	event(AGENT_TUNNEL_UP, 0, "tcp://example.org:10022");
	printed("\nPublished at tcp://example.org:9000 as agent web1, account acme:\n\n"
		"  ssh       tcp://example.org:10022 -> 127.0.0.1:22\n"
		"  postgres  tcp://example.org:10001 -> db:5432\n\n",
		"a block with aligned columns, in the order of the file");
	end();
}

static void
test_sessions(void)
{
	struct agent_event ev = {.kind = AGENT_SESSION_UP, .session = 2};

	begin();
	report_event(&report, &ev);
	printed("session 2 of 3 connected\n", "a further session is one line");
	ev = (struct agent_event){.kind = AGENT_SESSION_LOST, .session = 2, .attempt = 1,
		.retry_ms = 700, .text = "no\troom"};
	report_event(&report, &ev);
	printed("session 2 of 3 is down: no\\x09room; trying again in 700 ms\n", "so is its loss");
	ev.attempt = 2;
	report_event(&report, &ev);
	printed("", "but not each attempt that fails");
	ev.attempt = 1;
	ev.retry_ms = -1;
	report_event(&report, &ev);
	printed("session 2 of 3 is down: no\\x09room\n", "without another attempt none is promised");
	end();
}

static void
test_moving(void)
{
	struct agent_event ev = {.kind = AGENT_MOVING, .attempt = 1, .retry_ms = 1400, .streams = 3,
		.text = "the server shuts down"};

	begin();
	event(AGENT_CONNECTED, -1, "acme");
	forget();
	report_event(&report, &ev);
	printed("the server leaves: the server shuts down; 3 connections may finish, "
		"connecting anew in 1.4 s\n",
		"no connection is lost, and the line says how many go on");
	event(AGENT_CONNECTED, -1, "acme");
	forget();
	ev.streams = 0;
	report_event(&report, &ev);
	printed("connection lost: the server shuts down; trying again in 1.4 s\n",
		"where none goes on it is as if the link was lost");
	end();
}

static void
test_held(void)
{
	struct agent_conf one = conf;
	struct agent_event ev = {.kind = AGENT_HELD, .session = 1, .attempt = 1, .retry_ms = 400,
		.streams = 3, .text = "the link\nbroke"};

	begin();
	one.sessions = 1;
	report.conf = &one;
	event(AGENT_CONNECTED, -1, "acme");
	forget();
	report_event(&report, &ev);
	printed("link lost: the link\\x0abroke; holding 3 connections, trying again in 400 ms\n",
		"a session without a link says how many wait");
	event(AGENT_CONNECTING, -1, "");
	printed("", "its attempts are not those of somebody who has nothing");
	ev.attempt = 2;
	report_event(&report, &ev);
	printed("no link yet: the link\\x0abroke; trying again in 400 ms\n", "the next failure");
	ev.kind = AGENT_BACK;
	ev.away_ms = 3200;
	report_event(&report, &ev);
	printed("link back after 3.2 s, nothing lost\n", "the good end");
	ev.kind = AGENT_EXPIRED;
	report_event(&report, &ev);
	printed("the session is lost, and 3 connections with it: the link\\x0abroke\n", "the bad one");
	event(AGENT_CONNECTING, -1, "");
	printed("connecting to tcp://example.org:9000\n", "then it begins anew");
	report.conf = &conf;
	ev.kind = AGENT_HELD;
	ev.session = 2;
	ev.attempt = 1;
	ev.streams = 0;
	report_event(&report, &ev);
	ev.kind = AGENT_EXPIRED;
	report_event(&report, &ev);
	printed("session 2 of 3: link lost: the link\\x0abroke; trying again in 400 ms\n"
		"session 2 of 3: the session is lost: the link\\x0abroke\n",
		"of several it is said which, and where nothing waits nothing of it");
	end();
}

static void
test_partly(void)
{
	begin();
	event(AGENT_CONNECTED, -1, "acme");
	event(AGENT_TUNNEL_FAILED, 0, "port 10022 is in use");
	event(AGENT_TUNNEL_UP, 1, "tcp://example.org:5");
	printed("connected to tcp://example.org:9000\n"
		"\nPublished at tcp://example.org:9000 as agent web1, account acme:\n\n"
		"  ssh       not published: port 10022 is in use\n"
		"  postgres  tcp://example.org:5 -> db:5432\n\n",
		"a refused tunnel stands in the block with its reason");
	event(AGENT_TUNNEL_GONE, 1, "withdrawn");
	printed("tunnel postgres is gone: withdrawn\n", "a tunnel that goes later is one line");
	end();
}

static void
test_refused(void)
{
	struct agent_event end_of_it = {.kind = AGENT_STOPPED, .fatal = true,
		.text = "port 2 is in use"};

	begin();
	event(AGENT_CONNECTED, -1, "acme");
	event(AGENT_TUNNEL_FAILED, 0, "port 1 is in use");
	event(AGENT_TUNNEL_FAILED, 1, "port 2 is in use");
	printed("connected to tcp://example.org:9000\n"
		"tunnel ssh is not published: port 1 is in use\n"
		"tunnel postgres is not published: port 2 is in use\n",
		"where nothing is published no block says that something is");
	event(AGENT_LOST, -1, "port 2 is in use");
	printed("no tunnel is published; trying again in 3.2 s\n",
		"the agent left by itself: no connection was lost, and the reason was said");
	event(AGENT_CONNECTED, -1, "acme");
	event(AGENT_TUNNEL_FAILED, 0, "port 1 is in use");
	event(AGENT_TUNNEL_FAILED, 1, "port 2 is in use");
	forget();
	report_event(&report, &end_of_it);
	printed("stopped: no tunnel is published\n", "nor is it said again at the end");
	end();
	begin();
	event(AGENT_CONNECTED, -1, "acme");
	event(AGENT_TUNNEL_FAILED, 0, "port 1 is in use");
	forget();
	event(AGENT_LOST, -1, "nothing heard");
	printed("connection lost: nothing heard; trying again in 3.2 s\n",
		"a connection that is lost meanwhile is lost");
	end();
}

static void
up(const char *a, const char *b)
{
	event(AGENT_CONNECTED, -1, "acme");
	event(AGENT_TUNNEL_UP, 0, a);
	event(AGENT_TUNNEL_UP, 1, b);
}

static void
test_again(void)
{
	begin();
	up("tcp://h:1", "tcp://h:2");
	event(AGENT_LOST, -1, "nothing heard for 30 s");
	forget();
	event(AGENT_LOST, -1, "refused");
	printed("not connected: refused; trying again in 3.2 s\n",
		"a failed attempt is no lost connection");
	up("tcp://h:1", "tcp://h:2");
	printed("connected to tcp://example.org:9000\nall tunnels are back at their addresses\n",
		"the same addresses need no second block");
	event(AGENT_LOST, -1, "closed");
	printed("connection lost: closed; trying again in 3.2 s\n", "reason and time");
	up("tcp://h:1", "tcp://h:3");
	ok(strstr(text, "tcp://h:3 -> db:5432") != NULL, "another address: the block comes again");
	end();
}

static void
test_renewed(void)
{
	struct agent_event ev = {.kind = AGENT_RENEWED, .session = 2, .left_ms = -1};
	static char want[100];
	time_t before, after;
	char date[40];

	begin();
	report_event(&report, &ev);
	printed("session 2 of 3: login renewed, for ever\n", "a login that has no end");
	conf.sessions = 1;
	ev.left_ms = 3600000;
	do { /* until no second has passed meanwhile */
		forget();
		before = time(NULL);
		report_event(&report, &ev);
		after = time(NULL);
	} while (before != after);
	before += 3600;
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", localtime(&before));
	snprintf(want, sizeof(want), "login renewed until %s\n", date);
	printed(want, "one that has");
	ev = (struct agent_event){.kind = AGENT_NOT_RENEWED, .session = 1, .left_ms = 300000,
		.text = "login\nrefused"};
	report_event(&report, &ev);
	printed("could not renew the login: login\\x0arefused; the session ends in 5 min\n",
		"one that was not renewed, and what that means");
	conf.sessions = 3;
	end();
}

static void
test_hostile(void)
{
	begin();
	event(AGENT_LOST, -1, "\033[2J\nbad");
	printed("not connected: \\x1b[2J\\x0abad; trying again in 3.2 s\n",
		"a peer's text cannot steer the terminal");
	end();
}

static void
test_stopped(void)
{
	struct agent_event ev = {.kind = AGENT_STOPPED, .text = "login refused", .fatal = true};

	begin();
	report_event(&report, &ev);
	printed("stopped: login refused; the server's log says why\n",
		"a fatal end says why, or who knows");
	ev.fatal = false;
	report_event(&report, &ev);
	printed("stopped\n", "an end that was asked for needs no reason");
	end();
}

static void
test_summary(void)
{
	struct agent_totals t = {
		.connects = 3, .disconnects = 2, .streams = 120, .streams_refused = 3,
		.streams_reset = 1, .to_target_bytes = 1536, .to_client_bytes = 20u << 20,
		.dials = 4, .dial_min_us = 80, .dial_max_us = 9000, .dial_sum_us = 4 * 1234,
		.rtt_us = 45678, .rtt_min_us = 12000,
		.http_requests = 7, .http_status = {1, 0, 4, 0, 1, 1},
		.http_min_us = 900, .http_max_us = 12000000, .http_sum_us = 6 * 45000,
		.http_timed = 6,
	};

	begin();
	report_summary(&report, &t, 7500000);
	printed("\nSummary\n"
		"  uptime             2 h 5 min\n"
		"  links              3 (2 ended)\n"
		"  streams            120 (3 refused, 1 reset, 0 still open)\n"
		"  to targets         1.5 KiB\n"
		"  to clients         20.0 MiB\n"
		"  HTTP requests      7 (2xx 4, 4xx 1, 5xx 1, no answer 1)\n"
		"  HTTP latency       average 45 ms, least 900 us, most 12 s\n"
		"  target latency     average 1.2 ms, least 80 us, most 9.0 ms\n"
		"  link round trip    45 ms, least 12 ms\n",
		"the summary");
	t = (struct agent_totals){.flows = 12, .flows_refused = 2, .flows_open = 1,
		.datagrams_to_target = 300, .datagrams_to_client = 290, .datagrams_unsent = 1,
		.datagrams_full = 4, .datagrams_late = 2};
	report_summary(&report, &t, 200);
	printed("\nSummary\n"
		"  uptime             200 ms\n"
		"  links              0 (0 ended)\n"
		"  streams            0 (0 refused, 0 reset, 0 still open)\n"
		"  to targets         0 B\n"
		"  to clients         0 B\n"
		"  UDP flows          12 (2 refused, 1 still open)\n"
		"  datagrams          300 to targets, 290 to clients\n"
		"  dropped            7 (1 not taken by targets, 4 over the queue's bounds, 2 too old)\n",
		"flows, and what was dropped by its reason");
	t = (struct agent_totals){.connects = 0};
	report_summary(&report, &t, 200);
	printed("\nSummary\n"
		"  uptime             200 ms\n"
		"  links              0 (0 ended)\n"
		"  streams            0 (0 refused, 0 reset, 0 still open)\n"
		"  to targets         0 B\n"
		"  to clients         0 B\n",
		"what was not measured is not there");
	end();
}

static void
test_quiet(void)
{
	struct agent_totals t = {.connects = 1};

	report_init(&report, NULL, &conf);
	up("a", "b");
	report_summary(&report, &t, 1);
	ok(report.shown, "a quiet report goes through the same steps and prints nowhere");
	report_fini(&report);
}

int
main(void)
{
	test_block();
	test_moving();
	test_held();
	test_partly();
	test_sessions();
	test_refused();
	test_again();
	test_renewed();
	test_hostile();
	test_stopped();
	test_summary();
	test_quiet();
	return done_testing();
}
