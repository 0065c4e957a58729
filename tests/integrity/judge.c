/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The oracle: each direction of each stream is complete, with equal hashes and FIN, or visibly
 * aborted, and aborted only where the plan says so. */

#include "judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/compiler.h"

#define SHOWN_MAX 20 /* faults told one by one */

struct faults {
	unsigned unfinished, cut, wrong, stray, total;
};

struct seen {
	unsigned endings[ENDINGS][2], complete, aborted, never_there;
};

static void ATTR_PRINTF(4, 5)
fault(struct faults *f, unsigned *kind, const struct end *e, const char *fmt, ...)
{
	const struct pair *p = e->pair;
	const struct end *sender = &p->end[!e->side];
	va_list ap;

	++*kind;
	if (++f->total > SHOWN_MAX)
		return;
	printf("# stream %" PRIu32 " (%s), bytes to the %s: ", p->number,
		plan_ending_name(&p->plan), e->side == 0 ? "client" : "target");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("; planned %" PRIu64 ", sent %" PRIu64 "%s%s, got %" PRIu64 "%s%s\n",
		p->plan.lane[!e->side].len, sender->sent, sender->fin_sent ? " and FIN" : "",
		sender->acted ? " and RST" : "", e->got, e->fin_got ? " and FIN" : "",
		e->error != 0 ? " and an error" : "");
}

/* A client that ends with RST may be gone before the target hears of it. */
static bool
may_be_missing(const struct end *e)
{
	const struct plan *plan = &e->pair->plan;

	return e->side == 1 && plan_aborts(plan) && plan->actor == 0;
}

/* The direction that ends at e. */
static void
judge_end(const struct end *e, struct faults *f, struct seen *seen)
{
	const struct end *sender = &e->pair->end[!e->side];
	bool all = sender->fin_sent && e->got == e->pair->plan.lane[!e->side].len;

	if (!e->begun) {
		if (may_be_missing(e))
			seen->never_there++;
		else
			fault(f, &f->unfinished, e, "never began");
		return;
	}
	if (e->wrong_at != UINT64_MAX)
		fault(f, &f->wrong, e, "wrong from byte %" PRIu64, e->wrong_at);
	else if (e->fin_got && !all)
		fault(f, &f->cut, e, "ended cleanly, but should not");
	else if (e->fin_got && !sender->open && !e->open &&
		 memcmp(e->got_sha, sender->sent_sha, SHA256_LEN) != 0)
		fault(f, &f->wrong, e, "hashes differ");
	else if (e->error != 0 && e->stray)
		fault(f, &f->stray, e, "aborted: %s", strerror(e->error));
	else if (e->open)
		fault(f, &f->unfinished, e, "did not end");
	else if (e->fin_got)
		seen->complete++;
	else
		seen->aborted++;
}

static int
result(unsigned number, unsigned faults, const char *what)
{
	printf("%sok %u - %s", faults > 0 ? "not " : "", number, what);
	if (faults > 0)
		printf(" (%u)", faults);
	printf("\n");
	return faults > 0;
}

int
judge(const struct pair *pairs, size_t n, const struct guests *guests)
{
	struct faults f = {0};
	struct seen seen = {0};
	unsigned strangers;
	int bad = 0;

	for (size_t i = 0; i < n; i++) {
		seen.endings[pairs[i].plan.ending][pairs[i].plan.actor]++;
		judge_end(&pairs[i].end[0], &f, &seen);
		judge_end(&pairs[i].end[1], &f, &seen);
	}
	if (f.total > SHOWN_MAX)
		printf("# ... and %u more\n", f.total - SHOWN_MAX);
	printf("# FIN first %u+%u, by both %u, half-close %u+%u, RST %u+%u, unread %u+%u\n",
		seen.endings[FIN_FIRST][0], seen.endings[FIN_FIRST][1],
		seen.endings[FIN_BOTH][0] + seen.endings[FIN_BOTH][1], seen.endings[HALF_CLOSE][0],
		seen.endings[HALF_CLOSE][1], seen.endings[RESET][0], seen.endings[RESET][1],
		seen.endings[UNREAD][0], seen.endings[UNREAD][1]);
	printf("# directions: %u complete, %u aborted, %u that the target never saw\n",
		seen.complete, seen.aborted, seen.never_there);
	strangers = guests->bad + (guests->reset > seen.never_there ? guests->reset : 0);
	bad |= result(1, f.unfinished, "every stream ends");
	bad |= result(2, f.cut + guests->clean, "no direction ends cleanly with bytes missing");
	bad |= result(3, f.wrong, "no wrong bytes");
	bad |= result(4, f.stray, "no abort without a cause");
	bad |= result(5, strangers, "no connection at the target without a stream");
	printf("1..5\n");
	return bad;
}
