/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The queue of bytes, against a plain array that holds the same. */

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "tap.h"
#include "util/bufq.h"

#define MODEL_MAX (1 << 20)

/* A copy of what the queue should hold, and a simple reproducible sequence. */
static uint8_t model[MODEL_MAX];
static size_t model_len;
static uint32_t seed = 1;

static uint32_t
next(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

static void
append(struct bufq *q, size_t n)
{
	uint8_t *p = model + model_len;

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)next(256);
	must(bufq_append(q, p, n) == 0);
	model_len += n;
}

static void
consume(struct bufq *q, size_t n)
{
	bufq_consume(q, n);
	memmove(model, model + n, model_len - n);
	model_len -= n;
}

/* Everything that peek shows is what the model holds, and len says how much that is. */
static bool
same(const struct bufq *q)
{
	static struct iovec iov[4096];
	int n = bufq_peek(q, iov, 4096);
	size_t at = 0;

	for (int i = 0; i < n; i++) {
		if (iov[i].iov_len == 0 || at + iov[i].iov_len > model_len ||
			memcmp(iov[i].iov_base, model + at, iov[i].iov_len) != 0)
			return false;
		at += iov[i].iov_len;
	}
	return at == model_len && q->len == model_len;
}

static void
test_small(void)
{
	struct iovec iov[4];
	struct bufq q;

	bufq_init(&q);
	is_int(bufq_peek(&q, iov, 4), 0, "an empty queue shows nothing");
	is_int(bufq_append(&q, NULL, 0), 0, "nothing can be appended");
	is_int(bufq_peek(&q, iov, 4), 0, "and is not there then");
	bufq_append(&q, "hello ", 6);
	bufq_append(&q, "world", 5);
	is_int(bufq_peek(&q, iov, 4), 1, "small pieces share a chunk");
	ok(iov[0].iov_len == 11 && memcmp(iov[0].iov_base, "hello world", 11) == 0, "in order");
	is_int(bufq_peek(&q, iov, 0), 0, "no iovec, nothing filled");
	bufq_consume(&q, 6);
	bufq_peek(&q, iov, 4);
	ok(iov[0].iov_len == 5 && memcmp(iov[0].iov_base, "world", 5) == 0, "consume part of it");
	bufq_consume(&q, 0);
	is_int(q.len, 5, "consume nothing");
	bufq_consume(&q, 5);
	ok(q.len == 0 && list_empty(&q.chunks), "consumed to the end: no chunk is kept");
	bufq_append(&q, "again", 5);
	bufq_fini(&q);
	ok(q.len == 0 && list_empty(&q.chunks), "fini empties");
	is_int(bufq_append(&q, "x", 1), 0, "and leaves a queue that works");
	bufq_fini(&q);
}

static void
test_model(void)
{
	struct iovec iov[3];
	bool good = true;
	struct bufq q;

	bufq_init(&q);
	append(&q, 300000);
	ok(same(&q), "a long piece comes out as it went in");
	is_int(bufq_peek(&q, iov, 3), 3, "peek keeps to its maximum");
	ok(memcmp(iov[2].iov_base, model + iov[0].iov_len + iov[1].iov_len, iov[2].iov_len) == 0,
		"and starts at the front");
	for (int i = 0; i < 3000 && good; i++) {
		size_t n = next(8) == 0 ? next(40000) : next(600);

		if (next(2) == 0 && model_len + n < MODEL_MAX / 2)
			append(&q, n);
		else
			consume(&q, n < model_len ? n : model_len);
		good = same(&q);
	}
	ok(good, "3000 random steps match the model");
	consume(&q, model_len);
	ok(same(&q) && list_empty(&q.chunks), "empty at the end");
}

static void
test_memory(void)
{
	static const uint8_t zero[4096];
	size_t chunks = 0;
	struct list *l, *tmp;
	struct bufq q;

	bufq_init(&q);
	for (int i = 0; i < 1000; i++)
		bufq_append(&q, zero, 1);
	list_each (l, tmp, &q.chunks)
		chunks++;
	is_int(chunks, 1, "a thousand single bytes take one chunk");
	for (int i = 0; i < 1000; i++) {
		bufq_append(&q, zero, sizeof(zero));
		bufq_consume(&q, sizeof(zero));
	}
	chunks = 0;
	list_each (l, tmp, &q.chunks)
		chunks++;
	ok(q.len == 1000 && chunks <= 2,
		"four megabytes passed through, two chunks at most are held");
	bufq_fini(&q);
}

/* Memory is taken away by a limit on the address space, which the sanitizers cannot live with. */
static void
test_no_memory(void)
{
#ifdef SANITIZED
	diag("running out of memory is not tried under a sanitizer");
#else
	static const uint8_t big[64 << 20];
	struct rlimit old, tight;
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	struct bufq q;
	int rc;

	must(f != NULL && fscanf(f, "%lu", &pages) == 1 && getrlimit(RLIMIT_AS, &old) == 0);
	fclose(f);
	bufq_init(&q);
	bufq_append(&q, "keep", 4);
	tight = old;
	tight.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (8 << 20);
	must(setrlimit(RLIMIT_AS, &tight) == 0);
	rc = bufq_append(&q, big, sizeof(big));
	setrlimit(RLIMIT_AS, &old);
	is_int(rc, -ENOMEM, "out of memory is an error");
	ok(q.len == 4 && q.chunks.next == q.chunks.prev, "and the queue is as it was");
	is_int(bufq_append(&q, "more", 4), 0, "which can go on");
	bufq_fini(&q);
#endif
}

int
main(void)
{
	test_small();
	test_model();
	test_memory();
	test_no_memory();
	return done_testing();
}
