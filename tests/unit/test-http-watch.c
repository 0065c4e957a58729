/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The observer of HTTP/1.x: conversations are told as a list of turns, played whole, split at every
 * place, byte by byte, and with bodies that nobody sees; what was reported must be the same. */

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "tunnel/http_watch.h"
#include "util/log.h"

/* What was reported: "GET /a 200; ". */
static char said[8192];
static int64_t last_us;
static uint64_t unseen;

static void
on_exchange(void *ctx, const struct http_exchange *x)
{
	size_t len = strlen(said);

	(void)ctx;
	snprintf(said + len, sizeof(said) - len, "%s %s %d; ", x->method, x->path, x->status);
	last_us = x->us;
}

static struct http_watch *
fresh(void)
{
	said[0] = '\0';
	return http_watch_new(on_exchange, NULL);
}

static const struct mono zero = {1};

static void
put(struct http_watch *h, char who, const char *p, size_t n)
{
	char *copy = malloc(n + 1); /* so that a reader past the end is seen */

	memcpy(copy, p, n);
	if (who == '>')
		http_watch_request(h, copy, n, zero);
	else
		http_watch_response(h, copy, n, zero);
	free(copy);
}

/* A turn begins with who speaks: > the client, < the target. */
static void
say(struct http_watch *h, const char *turn)
{
	put(h, turn[0], turn + 1, strlen(turn + 1));
}

/* Up to n bytes pass unseen, if they may: how many. */
static size_t
put_unseen(struct http_watch *h, char who, size_t n)
{
	uint64_t may = who == '>' ? http_watch_blind_request(h) : http_watch_blind_response(h);

	n = may < n ? (size_t)may : n;
	if (who == '>')
		http_watch_skip_request(h, n);
	else
		http_watch_skip_response(h, n);
	unseen += n;
	return n;
}

/* Each turn is fed in pieces of `piece` bytes (0: whole), and cut once more after `split` bytes.
 * With `skip`, what need not be seen is not fed, wherever a piece begins with it. */
static const char *
play_as(const char *const *turns, size_t piece, size_t split, bool skip)
{
	struct http_watch *h = fresh();
	size_t at = 0;

	for (; *turns != NULL; turns++) {
		const char *p = *turns + 1;
		size_t left = strlen(p);

		while (left > 0) {
			size_t n = piece > 0 && piece < left ? piece : left, passed;

			if (at < split && split < at + n)
				n = split - at;
			passed = skip ? put_unseen(h, (*turns)[0], n) : 0;
			if (passed > 0)
				n = passed;
			else
				put(h, (*turns)[0], p, n);
			p += n;
			left -= n;
			at += n;
		}
	}
	http_watch_end(h, zero);
	http_watch_free(h);
	return said;
}

static const char *
play(const char *const *turns, size_t piece, size_t split)
{
	return play_as(turns, piece, split, false);
}

static size_t
total(const char *const *turns)
{
	size_t sum = 0;

	for (; *turns != NULL; turns++)
		sum += strlen(*turns) - 1;
	return sum;
}

static void
conversation(const char *name, const char *want, const char *const *turns)
{
	char text[200];
	size_t at = 1;

	is_str(play(turns, 0, 0), want, name);
	snprintf(text, sizeof(text), "%s: one byte at a time", name);
	is_str(play(turns, 1, 0), want, text);
	snprintf(text, sizeof(text), "%s: one byte at a time, bodies unseen", name);
	is_str(play_as(turns, 1, 0, true), want, text);
	while (at < total(turns) && strcmp(play(turns, 0, at), want) == 0)
		at++;
	snprintf(text, sizeof(text), "%s: cut anywhere", name);
	is_str(play(turns, 0, at), want, text);
}

#define TALK(name, want, ...)                                                                      \
	conversation(name, want, (const char *const[]){__VA_ARGS__, NULL})

#define GET_HEAD(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK_HEAD(n)     "HTTP/1.1 200 OK\r\nContent-Length: " #n "\r\n\r\n"
#define GET(path)      ">" GET_HEAD(path)
#define OK(n)          "<" OK_HEAD(n)

static void
lengths(void)
{
	TALK("an exchange", "GET /a 200; ", GET("/a"), OK(5) "hello");
	TALK("keep-alive", "GET /a 200; POST /b 404; GET /c 200; ", GET("/a"), OK(5) "hello",
		">POST /b HTTP/1.1\r\nContent-Length: 18\r\n\r\nGET /x HTTP/1.1\r\n\r",
		"<HTTP/1.1 404 Not Found\r\ncontent-length:\t 3 \r\n\r\nno!", GET("/c"), OK(0));
	TALK("pipelining", "GET /a 200; GET /b 201; DELETE /c 500; ",
		GET("/a") "GET /b HTTP/1.0\r\n\r\nDELETE /c HTTP/1.1\r\n\r\n",
		OK(1) "xHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nxx"
		      "HTTP/1.0 500 \r\nContent-Length: 0\r\n\r\n");
	TALK("newlines alone", "GET /a 200; GET /b 204; ", ">GET /a HTTP/1.1\nHost: x\n\n",
		"<HTTP/1.1 200 OK\nContent-Length: 1\n\nx", ">\n\r\nGET /b HTTP/1.1\n\n",
		"<HTTP/1.1 204\n\n");
	TALK("answers without a body", "HEAD /a 200; GET /b 304; GET /c 204; GET /d 200; ",
		">HEAD /a HTTP/1.1\r\n\r\n", OK(1000), GET("/b"),
		"<HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", GET("/c"),
		"<HTTP/1.1 204 No Content\r\n\r\n", GET("/d"), OK(0));
	TALK("the answer comes before the body", "POST /a 413; GET /b 200; ",
		">POST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\nab",
		"<HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n",
		">cdGET /b HTTP/1.1\r\n\r\n", OK(0));
	TALK("the same length twice", "GET /a 200; GET /b 200; ", GET("/a"),
		"<HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", GET("/b"),
		OK(0));
	TALK("until the close", "GET /a 200; GET /b 0; ", GET("/a") "GET /b HTTP/1.1\r\n\r\n",
		"<HTTP/1.0 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	TALK("a coding without chunks goes on until the close", "GET /a 200; GET /b 0; ", GET("/a"),
		"<HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 0\r\n\r\nzzz",
		GET("/b"), OK(0));
}

static void
chunks(void)
{
	TALK("chunks", "GET /a 200; GET /b 200; ", GET("/a"),
		"<HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"5\r\nhello\r\n0A\r\n0123456789\r\n0\r\n\r\n",
		GET("/b"), OK(0));
	TALK("extensions and trailers", "GET /a 200; GET /b 200; ", GET("/a"),
		"<HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip , Chunked\r\n\r\n"
		"5;name=\"v;\"\r\nhello\r\n1 ;x\r\ny\r\n000;end\r\nSum: abc\r\nOther: 1\r\n\r\n",
		GET("/b"), OK(0));
	TALK("a request in chunks", "PUT /a 200; GET /b 200; ",
		">PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
		"4\r\n\r\n\r\n\r\n0\r\nT: 1\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
		OK(0) "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	TALK("chunks count more than a length", "GET /a 200; GET /b 200; ", GET("/a"),
		"<HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n"
		"1\r\nx\r\n0\r\n\r\n",
		GET("/b"), OK(0));
	TALK("a chunk that is longer than said", "GET /a 200; ", GET("/a"),
		"<HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
		GET("/b"), OK(0));
	TALK("a size that is none", "GET /a 200; ", GET("/a"),
		"<HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", GET("/b"), OK(0));
	TALK("a size past counting", "GET /a 200; ", GET("/a"),
		"<HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
		GET("/b"), OK(0));
}

static void
other_protocols(void)
{
	TALK("interim answers do not count", "PUT /a 201; GET /b 200; ",
		">PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
		"<HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", ">ab",
		"<HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", GET("/b"), OK(0));
	TALK("101 is reported and ends it", "GET /chat 101; ",
		">GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
		"<HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", GET("/b"),
		OK(0));
	TALK("after CONNECT nothing is looked at", "CONNECT db:5432 200; ",
		">CONNECT db:5432 HTTP/1.1\r\n\r\n", "<HTTP/1.1 200 OK\r\n\r\n", GET("/b"), OK(0));
	TALK("CONNECT refused", "CONNECT db:1 407; CONNECT db:1 200; ",
		">CONNECT db:1 HTTP/1.1\r\n\r\n",
		"<HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno",
		">CONNECT db:1 HTTP/1.1\r\nProxy-Authorization: x\r\n\r\n",
		"<HTTP/1.1 200 OK\r\n\r\n");
	TALK("CONNECT refused, and bytes were sent too early", "CONNECT db:1 502; ",
		">CONNECT db:1 HTTP/1.1\r\n\r\n\026\003\001",
		"<HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n", GET("/b"), OK(0));
	TALK("what was asked before the garbage is still answered", "GET /a 200; GET /b 200; ",
		GET("/a") "GET /b HTTP/1.1\r\n\r\n\001\002\003",
		OK(1) "xHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", GET("/c"), OK(0));
	TALK("no answer", "GET /a 0; GET /b 0; ", GET("/a") "GET /b HTTP/1.1\r\n\r\nGET /c HT");
	TALK("half an answer", "GET /a 0; ", GET("/a"), "<HTTP/1.1 200 OK\r\nContent-Le");
	TALK("an answer of another kind is not reported", "", GET("/a"), "<ICY 200 OK\r\n\r\n");
}

/* Nothing is reported, not even what looks good afterwards. */
static void
garbage(void)
{
	static const char *const clients[] = {">SSH-2.0-OpenSSH_9.2p1\r\n", ">\026\003\001\002",
		">PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ">*1\r\n$4\r\nPING\r\n", ">PING\r\n",
		">EHLO mail.example\r\n", ">get / HTTP/1.1\r\n", ">GET /\r\n",
		">GET  HTTP/1.1\r\n\r\n", ">GET / x HTTP/1.1\r\n", ">GET /\001 HTTP/1.1\r\n",
		">GET / HTTP/1.x\r\n", "> / HTTP/1.1\r\n", ">\rGET / HTTP/1.1\r\n",
		">ABCDEFGHIJKLMNOP / HTTP/1.1\r\n", ">GET / HTTP/1.1\r\nno colon\r\n",
		">GET / HTTP/1.1\r\n folded: x\r\n", ">GET / HTTP/1.1\r\nA : x\r\n",
		">GET / HTTP/1.1\r\n: x\r\n", ">GET / HTTP/1.1\r\nContent-Length: 1x\r\n",
		">GET / HTTP/1.1\r\nContent-Length:\r\n",
		">GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
		">GET / HTTP/1.1\r\nContent-Length: 9999999999999999999\r\n", NULL};
	static const char *const answers[] = {"<SSH-2.0-OpenSSH\r\n", "<HTTP/2.0 200 OK\r\n",
		"<HTTP/1.1 2000\r\n", "<HTTP/1.1 099 x\r\n", "<HTTP/1.1 600 x\r\n",
		"<HTTP/1.1 20\r\n", "<HTTP/1.1-200 OK\r\n", "<HTTP/1.x 200 OK\r\n",
		"<HTTP/1.1 2x0 OK\r\n", "<HTTP/1.1 200 OK\r\nnothing\r\n", NULL};

	char name[200];

	for (const char *const *c = clients; *c != NULL; c++)
		TALK(log_safe(name, sizeof(name), *c, strlen(*c)), "", *c, GET("/a"), OK(0));
	for (const char *const *c = answers; *c != NULL; c++)
		TALK(log_safe(name, sizeof(name), *c, strlen(*c)), "", GET("/a"), *c, OK(0));
	TALK("the target speaks first", "", "<220 ready\r\n", GET("/a"), OK(0));
	TALK("more answers than requests", "GET /a 200; ", GET("/a"),
		OK(0) "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", GET("/b"), OK(0));
}

static void
long_lines(void)
{
	char *big = malloc(200001);
	struct http_watch *h = fresh();

	memset(big, 'x', 200000);
	big[200000] = '\0';
	say(h, ">GET /");
	put(h, '>', big, 3000);
	say(h, "> HTTP/1.1\r\nCookie: ");
	put(h, '>', big, 30000);
	say(h, ">\r\n\r\n");
	say(h, OK(0));
	ok(strncmp(said, "GET /xxx", 8) == 0 && strstr(said, "xxx… 200; ") != NULL,
		"a long target is cut and marked");
	is_int(strlen(said), 4 + 127 + 6, "to what there is room for");

	said[0] = '\0';
	say(h, ">GET /\x80\" HTTP/1.1\r\n\r\n");
	say(h, OK(0));
	is_str(said, "GET /\\x80\" 200; ", "a target is escaped");

	said[0] = '\0';
	say(h, ">GET / HTTP/1.1\r\nTransfer-Encoding: ");
	put(h, '>', big, 3000);
	say(h, ">\r\n\r\n");
	say(h, OK(0));
	is_str(said, "", "an enormous field that frames the body is not understood");
	http_watch_free(h);

	h = fresh();
	say(h, ">GET / HTTP/1.1\r\nA: ");
	put(h, '>', big, 100000);
	say(h, ">\r\n\r\n");
	say(h, OK(0));
	is_str(said, "", "an enormous head ends it");
	http_watch_free(h);

	h = fresh();
	say(h, GET("/a"));
	say(h, "<HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 10000; i++)
		say(h, "<A: b\r\n");
	say(h, "<Content-Length: 0\r\n\r\n");
	is_str(said, "GET /a 200; ", "60,000 bytes of fields are fine");
	said[0] = '\0';
	say(h, GET("/a"));
	say(h, "<HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 11000; i++)
		say(h, "<A: b\r\n");
	say(h, "<\r\n");
	http_watch_end(h, zero);
	is_str(said, "", "66,000 bytes are too much");
	http_watch_free(h);
	free(big);
}

/* Bodies cost nothing, whatever they contain. */
static void
big_body(void)
{
	static char zeros[1 << 16];
	struct http_watch *h = fresh();

	say(h, GET("/a"));
	say(h, "<HTTP/1.1 200 OK\r\nContent-Length: 8589934592\r\n\r\n");
	for (uint64_t n = 0; n < 8589934592; n += sizeof(zeros))
		http_watch_response(h, zeros, sizeof(zeros), zero);
	say(h, GET("/b"));
	say(h, OK(0));
	is_str(said, "GET /a 200; GET /b 200; ", "8 GiB are skipped to the byte");
	http_watch_free(h);
}

static void
outstanding(void)
{
	struct http_watch *h = fresh();

	for (int i = 0; i < 32; i++)
		say(h, GET("/a"));
	for (int i = 0; i < 32; i++)
		say(h, OK(0));
	is_int(strlen(said), 32 * strlen("GET /a 200; "), "32 requests may wait");

	said[0] = '\0';
	for (int i = 0; i < 100; i++)
		say(h, GET("/a"));
	for (int i = 0; i < 100; i++)
		say(h, OK(0));
	http_watch_end(h, zero);
	is_str(said, "", "more end the watching");
	http_watch_free(h);
}

/* Turns put together at random, good and bad: how they are cut must not matter. */
static void
add_any(char *turn, unsigned *r, const char *const *parts, size_t n_parts)
{
	for (unsigned n = 1 + (*r >> 16) % 4; n > 0; n--) {
		*r = *r * 1103515245 + 12345;
		strcat(turn, parts[(*r >> 16) % n_parts]);
	}
}

static void
any_turns(void)
{
	static const char *const asked[] = {GET_HEAD("/a"), GET_HEAD("/b"), "\r\n",
		"HEAD /c HTTP/1.0\r\n\r\n", "CONNECT d:1 HTTP/1.1\r\nHost: d\r\n\r\n",
		"POST /e HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
		"POST /f HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"5\r\nhello\r\n0\r\n\r\n", "5;x=y\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", "\001"};
	static const char *const told[] = {OK_HEAD(0), OK_HEAD(5) "hello", OK_HEAD(5), "hello",
		"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 304\r\nContent-Length: 9\r\n\r\n",
		"HTTP/1.1 502 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
		"HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 101 x\r\n\r\n", "\r\n"};
	char turn[6][400], whole[sizeof(said)];
	const char *turns[7] = {NULL};
	size_t differ = 0, reported = 0;
	unsigned r = 1;

	for (int round = 0; round < 20000; round++) {
		for (int i = 0; i < 6; i++) {
			turns[i] = turn[i];
			strcpy(turn[i], i % 2 == 0 ? ">" : "<");
			add_any(turn[i], &r, i % 2 == 0 ? asked : told, 10);
		}
		strcpy(whole, play(turns, 0, 0));
		reported += whole[0] != '\0';
		differ += strcmp(whole, play(turns, 1, 0)) != 0;
		differ += strcmp(whole, play(turns, 0, (r >> 16) % total(turns))) != 0;
		differ += strcmp(whole, play_as(turns, 1, 0, true)) != 0;
		differ += strcmp(whole, play_as(turns, 1 + (r >> 16) % 40, 0, true)) != 0;
	}
	is_int(differ, 0, "any turns, however they are cut and whatever is unseen, say the same");
	ok(reported > 5000, "and many say something (%zu)", reported);
	ok(unseen > 100000, "and many bytes were unseen (%" PRIu64 ")", unseen);
}

static void
memory(void)
{
	struct http_watch *h = fresh();

	ok(malloc_usable_size(h) <= 120, "one costs at most 120 bytes (%zu)",
		malloc_usable_size(h));
	http_watch_free(h);
}

/* Many of them, so that what the heap keeps for itself does not count. */
static void
memory_between_messages(void)
{
	enum { N = 1000 };
	static struct http_watch *h[N];
	size_t before = mallinfo2().uordblks, each;

	for (int i = 0; i < N; i++) {
		h[i] = fresh();
		say(h[i], GET("/a"));
		say(h[i], OK(1) "x");
		for (const char *c = GET_HEAD("/b"); *c != '\0'; c++)
			put(h[i], '>', c, 1);
		say(h[i], "<HTT");
		say(h[i], "<P/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
		if (i % 2 == 0)
			say(h[i], ">\001");
	}
	is_str(said, "GET /a 200; GET /b 200; ", "two exchanges each");
	each = (mallinfo2().uordblks - before) / N;
	ok(each <= 136, "one in which no head has begun has kept at most 136 (%zu)", each);
	for (int i = 0; i < N; i++)
		http_watch_free(h[i]);
}

static bool
may_be_unseen(const struct http_watch *h, uint64_t request, uint64_t response)
{
	return http_watch_blind_request(h) == request && http_watch_blind_response(h) == response;
}

static void
lengths_unseen(void)
{
	struct http_watch *h = fresh();

	ok(may_be_unseen(h, 0, 0), "at first all is looked at");
	say(h, ">POST /a HTTP/1.1\r\nContent-Length: 5000000000\r\n\r\nab");
	ok(may_be_unseen(h, 4999999998, 0), "a body need not be seen, to its last byte");
	http_watch_skip_request(h, 4999999997);
	ok(may_be_unseen(h, 1, 0), "the rest is counted");
	http_watch_skip_request(h, 1);
	ok(may_be_unseen(h, 0, 0), "then comes a head");
	say(h, "<HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na");
	ok(may_be_unseen(h, 0, 0), "a chunk's size is looked at");
	say(h, "<\r\n");
	ok(may_be_unseen(h, 0, 10), "its data need not be seen");
	http_watch_skip_response(h, 10);
	ok(may_be_unseen(h, 0, 0), "what follows a chunk is looked at");
	http_watch_skip_response(h, 0);
	say(h, "<\r\n0\r\n\r\n");
	ok(!http_watch_done(h), "more may be reported");
	say(h, GET("/b"));
	say(h, "<HTTP/1.0 200 OK\r\n\r\n");
	ok(may_be_unseen(h, 0, UINT64_MAX), "a body until the close need not be seen, for ever");
	http_watch_skip_response(h, UINT64_MAX);
	say(h, GET("/c"));
	http_watch_end(h, zero);
	is_str(said, "POST /a 200; GET /b 200; GET /c 0; ", "all were reported");
	ok(http_watch_done(h), "after the end there is nothing more");
	http_watch_free(h);
}

static void
opaque_unseen(void)
{
	struct http_watch *h = fresh();

	say(h, ">CONNECT d:1 HTTP/1.1\r\n\r\n");
	ok(may_be_unseen(h, 0, 0), "a client that waits for a tunnel is looked at");
	say(h, ">\026");
	ok(may_be_unseen(h, UINT64_MAX, 0), "when it did not wait, it need not be seen");
	http_watch_skip_request(h, 100);
	say(h, "<HTTP/1.1 200 OK\r\n\r\n");
	ok(may_be_unseen(h, UINT64_MAX, UINT64_MAX) && http_watch_done(h),
		"a tunnel need not be seen: it is done");
	http_watch_skip_request(h, 100);
	http_watch_skip_response(h, 100);
	is_str(said, "CONNECT d:1 200; ", "the tunnel was reported");
	http_watch_free(h);

	h = fresh();
	say(h, GET("/a"));
	say(h, ">\001");
	ok(may_be_unseen(h, UINT64_MAX, 0) && !http_watch_done(h),
		"garbage need not be seen, the answer before it is looked at");
	say(h, OK(0));
	ok(http_watch_done(h), "and then it is done");
	http_watch_free(h);

	h = fresh();
	say(h, "<220 ready\r\n");
	ok(http_watch_done(h) && may_be_unseen(h, UINT64_MAX, UINT64_MAX),
		"what is not HTTP is done at once");
	http_watch_free(h);
	ok(http_watch_done(NULL) && may_be_unseen(NULL, UINT64_MAX, UINT64_MAX),
		"nobody looks at nothing");
}

static void
times(void)
{
	struct http_watch *h = fresh();
	const struct mono t0 = {1000000000}, t1 = {1000500000}, t2 = {1250000000}, t3 = {2000000000};

	http_watch_request(h, "\r\nG", 3, t0);
	http_watch_request(h, "ET / HTTP/1.1\r\n\r\n", 17, t1);
	http_watch_response(h, "HTTP/1.1 200 OK\r\n", 17, t1);
	http_watch_response(h, "Content-Length: 3\r\n\r\n", 21, t2);
	is_int(last_us, 250000, "from the first byte to the answer's head");
	http_watch_response(h, "abc", 3, t3);
	http_watch_request(h, "GET / HTTP/1.1\r\n\r\n", 18, t2);
	http_watch_end(h, t3);
	is_int(last_us, 750000, "or to the end");
	is_str(said, "GET / 200; GET / 0; ", "both were reported");
	http_watch_end(h, t3);
	is_str(said, "GET / 200; GET / 0; ", "a second end says nothing");
	http_watch_request(h, "GET / HTTP/1.1\r\n\r\n", 18, t2);
	http_watch_end(h, t3);
	is_str(said, "GET / 200; GET / 0; ", "and nothing comes after it");
	http_watch_free(h);

	http_watch_request(NULL, "x", 1, t0);
	http_watch_response(NULL, "x", 1, t0);
	http_watch_skip_request(NULL, 1);
	http_watch_skip_response(NULL, 1);
	http_watch_end(NULL, t0);
	http_watch_free(NULL);
	h = http_watch_new(on_exchange, NULL);
	http_watch_request(h, "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n", 34, t0);
	http_watch_free(h);
	is_str(said, "GET / 200; GET / 0; ", "freed without an end: nothing is said");
}

int
main(void)
{
	memory();
	memory_between_messages();
	lengths();
	chunks();
	other_protocols();
	lengths_unseen();
	opaque_unseen();
	garbage();
	long_lines();
	big_body();
	outstanding();
	any_turns();
	times();
	return done_testing();
}
