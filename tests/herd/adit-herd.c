/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Many real agents in one process, for tests of what they all do at the same moment: the code of
 * adit below its command line, each agent with its own worker. Main thread.
 *
 *     adit-herd CONF FIRST N
 *
 * The agents' names are the configuration's with a number behind, from FIRST on. Every attempt is a
 * line "try MS" (MS of CLOCK_MONOTONIC, so that those of several herds can be put together), every
 * login "in MS", every loss or failed attempt "lost RETRY MS" (the next attempt is RETRY ms later);
 * "up N" when all have their tunnels, each time anew; "stopped NAME: why" when one gives up.
 * On stderr is what the agents' workers log for debugging. SIGTERM ends it. */

#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/config.h"
#include "io/listen.h"
#include "io/signals.h"
#include "tunnel/agent.h"
#include "util/compiler.h"

#define BEGIN_EVERY_MS 5

struct herd;

struct sheep {
	struct herd *h;
	struct agent_conf conf;
	struct agent *agent;
	size_t answered; /* tunnels */
	bool held;       /* without a link: it is not up */
};

struct herd {
	struct worker *main;
	struct sheep *sheep;
	size_t n, begun, up, stopped;
	struct timer next;
	struct signal_watch term;
};

static void
say(const char *what)
{
	printf("%s %lld\n", what, (long long)(mono_now().ns / 1000000));
	fflush(stdout);
}

static void
lose(struct sheep *s, const struct agent_event *ev)
{
	char line[48];

	snprintf(line, sizeof(line), "lost %lld", (long long)ev->retry_ms);
	say(line);
	if (s->answered == s->conf.n_tunnels && !s->held)
		s->h->up--;
	s->held = ev->kind == AGENT_HELD;
	if (!s->held)
		s->answered = 0;
}

static void
count_up(struct sheep *s)
{
	if (s->answered < s->conf.n_tunnels || ++s->h->up < s->h->n)
		return;
	printf("up %zu\n", s->h->n);
	fflush(stdout);
}

static void
on_stopped(struct sheep *s, const struct agent_event *ev)
{
	if (ev->fatal) {
		printf("stopped %s: %s\n", s->conf.name, ev->text);
		fflush(stdout);
	}
	if (++s->h->stopped == s->h->n)
		worker_stop(s->h->main);
}

static void
on_event(void *ctx, const struct agent_event *ev)
{
	struct sheep *s = ctx;

	switch (ev->kind) {
	case AGENT_CONNECTING:
		say("try");
		break;
	case AGENT_CONNECTED:
		say("in");
		break;
	case AGENT_TUNNEL_UP:
		s->answered++;
		count_up(s);
		break;
	case AGENT_BACK:
		say("in");
		s->held = false;
		count_up(s);
		break;
	case AGENT_EXPIRED:
		s->held = false;
		s->answered = 0;
		break;
	case AGENT_LOST:
	case AGENT_MOVING:
	case AGENT_HELD:
		lose(s, ev);
		break;
	case AGENT_STOPPED:
		on_stopped(s, ev);
		break;
	default:
		break;
	}
}

static void
on_next(struct timer *t)
{
	struct herd *h = container_of(t, struct herd, next);
	struct sheep *s = &h->sheep[h->begun++];
	struct err e;

	if (agent_start(h->main, &s->conf, on_event, s, &s->agent, &e) < 0) {
		fprintf(stderr, "adit-herd: %s\n", e.msg);
		exit(1);
	}
	if (h->begun < h->n)
		timer_start(&h->next, BEGIN_EVERY_MS);
}

static void
on_term(void *ctx, int signo)
{
	struct herd *h = ctx;

	(void)signo;
	timer_stop(&h->next);
	h->n = h->begun;
	for (size_t i = 0; i < h->begun; i++)
		agent_stop(h->sheep[i].agent);
}

static struct agent_conf *
load(const char *file)
{
	const struct agent_request req = {.file = file, .max_attempts = -1, .log_requests = -1};
	struct agent_conf *conf;
	struct err e;

	if (agent_config_load(&req, &conf, NULL, &e) == 0)
		return conf;
	fprintf(stderr, "adit-herd: %s: %s\n", file, e.msg);
	exit(1);
}

int
main(int argc, char **argv)
{
	struct herd h = {0};
	struct agent_conf *conf;

	if (argc != 4) {
		fputs("usage: adit-herd CONF FIRST N\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	fdcount_init();
	log_set_level(LOG_DEBUG);
	conf = load(argv[1]);
	h.n = strtoul(argv[3], NULL, 10);
	h.sheep = xcalloc(h.n, sizeof(*h.sheep));
	h.main = worker_new_main();
	timer_init(&h.next, h.main, "next agent", on_next);
	signal_watch(&h.term, h.main, SIGTERM, on_term, &h);
	for (size_t i = 0; i < h.n; i++) {
		h.sheep[i].h = &h;
		h.sheep[i].conf = *conf;
		h.sheep[i].conf.name =
			xasprintf("%s%lu", conf->name, strtoul(argv[2], NULL, 10) + i);
	}
	timer_start(&h.next, 0);
	worker_run(h.main);
	for (size_t i = 0; i < h.begun; i++)
		agent_free(h.sheep[i].agent);
	for (size_t i = 0; i < h.n; i++)
		free(h.sheep[i].conf.name);
	signal_unwatch(&h.term);
	timer_stop(&h.next);
	worker_join(h.main);
	free(h.sheep);
	agent_config_free(conf);
	return 0;
}
