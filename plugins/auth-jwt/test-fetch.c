/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Keys by URL, from a server that this program plays on the loopback and that can be as bad as it
 * likes. Nothing here depends on how fast anything is: it is waited for events. */

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "curl.h"
#include "fetch.h"
#include "tap.h"

const struct adit_plugin adit_plugin = {ADIT_PLUGIN_INIT, .name = "auth-jwt"};

#define KEY(kid) "{\"kid\":\"" kid "\",\"kty\":\"OKP\",\"crv\":\"Ed25519\"," \
	"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
#define SET(keys) "{\"keys\":[" keys "]}"
#define HOUR (60 * 60 * 1000)

/* What the test itself stands on. */
static void
must(bool good)
{
	if (!good)
		abort();
}

/* ---- The server ------------------------------------------------------------------------------ */

enum mode {
	ANSWER,  /* status and body */
	CHUNKS,  /* a body without an end */
	SILENCE, /* no answer; the client has to leave */
};

static struct {
	int fd;
	unsigned port;
	pthread_t thread;
	pthread_mutex_t lock; /* protects what follows */
	enum mode mode;
	const char *status, *head;
	char *body;
	size_t n_body;
	atomic_uint asked, left; /* questions, and clients of SILENCE that are gone */
	char path[256];		 /* that was asked for last */
} web = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void
web_set(enum mode mode, const char *status, const char *head, const char *body, size_t n)
{
	char *copy = malloc(n + 1);

	must(copy != NULL);
	memcpy(copy, body, n);
	pthread_mutex_lock(&web.lock);
	free(web.body);
	web.mode = mode;
	web.status = status;
	web.head = head;
	web.body = copy;
	web.n_body = n;
	pthread_mutex_unlock(&web.lock);
}

static void
web_keys(const char *body)
{
	web_set(ANSWER, "200 OK", "", body, strlen(body));
}

/* What was asked for last. */
static const char *
web_path(void)
{
	static char copy[sizeof(web.path)];

	pthread_mutex_lock(&web.lock);
	memcpy(copy, web.path, sizeof(copy));
	pthread_mutex_unlock(&web.lock);
	return copy;
}

/* Until the end of the question's head; false: the client has left. */
static bool
read_question(int fd)
{
	char text[4096];
	size_t n = 0;
	ssize_t got = 1;

	while (n < sizeof(text) - 1 && got > 0) {
		got = read(fd, text + n, sizeof(text) - 1 - n);
		n += got > 0 ? (size_t)got : 0;
		text[n] = '\0';
		if (strstr(text, "\r\n\r\n") != NULL) {
			pthread_mutex_lock(&web.lock);
			if (sscanf(text, "GET %255s", web.path) != 1)
				web.path[0] = '\0';
			pthread_mutex_unlock(&web.lock);
			return true;
		}
	}
	return false;
}

static void
answer(int fd)
{
	char head[512], piece[1024];

	pthread_mutex_lock(&web.lock);
	if (web.mode == ANSWER) {
		snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n",
			web.status, web.n_body, web.head);
		(void)!send(fd, head, strlen(head), MSG_NOSIGNAL);
		(void)!send(fd, web.body, web.n_body, MSG_NOSIGNAL);
		pthread_mutex_unlock(&web.lock);
		return;
	}
	if (web.mode == SILENCE) {
		pthread_mutex_unlock(&web.lock);
		while (read(fd, piece, sizeof(piece)) > 0)
			;
		web.left++;
		return;
	}
	pthread_mutex_unlock(&web.lock);
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	(void)!send(fd, head, strlen(head), MSG_NOSIGNAL);
	memset(piece, ' ', sizeof(piece));
	memcpy(piece, "3f8\r\n", 5);
	memcpy(piece + 5 + 0x3f8, "\r\n", 2);
	while (send(fd, piece, 5 + 0x3f8 + 2, MSG_NOSIGNAL) > 0)
		;
}

static void *
web_main(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accept4(web.fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		if (read_question(fd)) {
			web.asked++;
			answer(fd);
		}
		close(fd);
	}
	return NULL;
}

static void
web_start(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);

	web.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(web.fd >= 0 && bind(web.fd, (struct sockaddr *)&a, n) == 0);
	must(listen(web.fd, 8) == 0 && getsockname(web.fd, (struct sockaddr *)&a, &n) == 0);
	web.port = ntohs(a.sin_port);
	must(pthread_create(&web.thread, NULL, web_main, NULL) == 0);
}

static void
web_stop(void)
{
	shutdown(web.fd, SHUT_RDWR);
	pthread_join(web.thread, NULL);
	close(web.fd);
	free(web.body);
}

/* ---- Helpers --------------------------------------------------------------------------------- */

static char url[128], why[1024];

/* Whoever misses a key may have it fetched at once, unless the test says otherwise. */
static struct fetch_how
plain_how(const char *path)
{
	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", web.port, path);
	return (struct fetch_how){.url = url, .timeout_ms = 60000,
		.defaults = {.rsa = JWS_RS256, .hmac = JWS_HS256},
		.when = {.max_age = HOUR, .min_interval = 1, .stale_for = HOUR}};
}

static void
nap(void)
{
	poll(NULL, 0, 5);
}

/* Is there now one key of this name? */
static bool
has(struct fetch *f, const char *kid)
{
	const struct fetched *d = fetch_take(f);
	const struct keys *k = d != NULL ? fetched_keys(d) : NULL;
	bool there = k != NULL && k->n == 1 && strcmp(k->key[0].kid, kid) == 0;

	fetched_release(d);
	return there;
}

static void
wait_for(struct fetch *f, const char *kid)
{
	while (!has(f, kid)) {
		(void)fetch_want(f, NULL);
		nap();
	}
}

/* Fetches until the complaint has these words. */
static void
complains(struct fetch *f, const char *words)
{
	do {
		(void)fetch_want(f, NULL);
		nap();
		fetch_complaint(f, why, sizeof(why));
	} while (strstr(why, words) == NULL);
	ok(true, "%s", why);
}

/* The complaint about an answer. When the second question behind its coming is asked, the first is
 * done with. */
static void
bad(struct fetch *f, const char *status, const char *head, const char *body, const char *words)
{
	unsigned asked;

	web_set(ANSWER, status, head, body, strlen(body));
	asked = web.asked;
	while (web.asked < asked + 2) {
		(void)fetch_want(f, NULL);
		nap();
	}
	fetch_complaint(f, why, sizeof(why));
	ok(strstr(why, words) != NULL, "%s", why);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void
test_rotation(void)
{
	struct fetch_how how = plain_how("/keys?a=b");
	const struct fetched *before, *after;
	struct fetch *f;
	unsigned asked;

	web_keys(SET(KEY("first")));
	f = fetch_open(&how, why, sizeof(why));
	must(f != NULL);
	while (!has(f, "first")) /* without being asked to */
		nap();
	is_str(web_path(), "/keys?a=b", "the first fetch comes by itself");
	before = fetch_take(f);
	asked = web.asked;
	while (web.asked < asked + 2) { /* the first is over when the second has begun */
		(void)fetch_want(f, NULL);
		nap();
	}
	after = fetch_take(f);
	ok(before == after, "the same answer keeps the same copy");
	fetched_release(after);
	web_keys(SET(KEY("second")));
	wait_for(f, "second");
	ok(strcmp(fetched_keys(before)->key[0].kid, "first") == 0,
		"another brings another; who holds the old one still has it");
	fetched_release(before);
	web_keys(SET(""));
	do {
		(void)fetch_want(f, NULL);
		nap();
		before = fetch_take(f);
		asked = (unsigned)fetched_keys(before)->n;
		fetched_release(before);
	} while (asked > 0);
	ok(true, "an empty set takes the keys away");
	fetch_close(f);
}

static void
test_bad_answers(void)
{
	struct fetch_how how = plain_how("/keys");
	char *big = calloc(1, 300001);
	struct fetch *f;

	must(big != NULL);
	memset(big, ' ', 300000);
	web_set(ANSWER, "500 Oops", "", "", 0);
	f = fetch_open(&how, why, sizeof(why));
	must(f != NULL);
	complains(f, "error: 500");
	ok(fetch_take(f) == NULL, "so there are no keys");
	web_keys(SET(KEY("good")));
	wait_for(f, "good");
	bad(f, "404 Not Found", "", SET(""), "error: 404");
	bad(f, "204 No Content", "", "", "HTTP 204 in place of 200");
	bad(f, "302 Found", "Location: http://127.0.0.1:1/other\r\n", "",
		"redirect (HTTP 302) to http://127.0.0.1:1/other, which is not followed");
	bad(f, "301 Gone\r\nX: y", "", "", "redirect (HTTP 301), which");
	bad(f, "200 OK", "", "", "the answer is not JSON (at byte 0)");
	bad(f, "200 OK", "", "{\"keys\":<", "the answer is not JSON (at byte 9)");
	bad(f, "200 OK", "", "{\"kty\":\"EC\"}", "the answer is JSON, but no JWK set");
	bad(f, "200 OK", "Content-Encoding: gzip\r\n", "\x1f\x8b\x08", "not JSON");
	web_set(ANSWER, "200 OK", "", "{}\0{}", 5);
	complains(f, "zero byte");
	web_set(ANSWER, "200 OK", "", big, 300000);
	complains(f, "(63) Maximum file size exceeded");
	web_set(CHUNKS, "", "", "", 0);
	complains(f, "more than 2");
	ok(has(f, "good"), "after all that the last good keys are there");
	web_keys(SET(KEY("better")));
	wait_for(f, "better");
	fetch_close(f);
	free(big);
}

static void
test_silence(void)
{
	struct fetch_how how = plain_how("/slow");
	unsigned asked = web.asked, left = web.left;
	struct fetch *f;

	web_set(SILENCE, "", "", "", 0);
	how.timeout_ms = 3600000;
	f = fetch_open(&how, why, sizeof(why));
	must(f != NULL);
	while (web.asked == asked)
		nap();
	ok(fetch_want(f, NULL), "while the server thinks there is hope");
	fetch_complaint(f, why, sizeof(why));
	ok(strstr(why, "not been fetched yet") != NULL, "%s", why);
	fetch_close(f);
	ok(true, "who closes does not wait for it");
	while (web.left == left)
		nap();
	ok(true, "and curl is gone");
	how.timeout_ms = 50;
	f = fetch_open(&how, why, sizeof(why));
	must(f != NULL);
	complains(f, "(28)");
	fetch_close(f);
}

static void
test_shared(void)
{
	struct fetch_how how = plain_how("/shared"), other = how;
	struct fetch *a, *b, *c;

	web_keys(SET(KEY("a")));
	how.when.min_interval = HOUR; /* one fetch and no more */
	a = fetch_open(&how, why, sizeof(why));
	must(a != NULL);
	wait_for(a, "a");
	b = fetch_open(&how, why, sizeof(why));
	ok(a == b, "the same settings are the same fetch");
	fetch_close(a);
	ok(has(b, "a"), "which stays until the last has closed it");
	ok(!fetch_want(b, "x"), "a key is not looked for again within min_interval");
	web_set(ANSWER, "503 Busy", "", "", 0);
	c = fetch_open(&other, why, sizeof(why));
	must(c != NULL);
	ok(c != b && has(c, "a"), "with other settings it has the keys that are there");
	fetch_close(b);
	complains(c, "503");
	ok(has(c, "a"), "and keeps them");
	fetch_close(c);
}

/* Fetches until this kid was looked for in vain. */
static void
wait_in_vain(struct fetch *f, const char *kid)
{
	while (fetch_want(f, kid))
		nap();
}

static void
test_missed(void)
{
	struct fetch_how how = plain_how("/missed");
	struct fetch *f;
	char kid[8];

	web_keys(SET(KEY("a")));
	how.when.min_interval = 2;
	f = fetch_open(&how, why, sizeof(why));
	must(f != NULL);
	wait_for(f, "a");
	while (!fetch_want(f, "x")) /* two milliseconds may not have passed */
		nap();
	wait_in_vain(f, "x");
	ok(true, "who misses a key is told to come again");
	for (int i = 0; i < 20; i++) {
		nap();
		must(!fetch_want(f, "x"));
	}
	ok(true, "but once only, even if keys are fetched again");
	for (int i = 0; i < 20; i++) {
		snprintf(kid, sizeof(kid), "k%d", i);
		wait_in_vain(f, kid);
	}
	ok(true, "others push a name out, and nobody is kept waiting");
	web_set(ANSWER, "503 Busy", "", "", 0);
	complains(f, "503");
	while (!fetch_want(f, "y"))
		nap();
	complains(f, "503");
	while (!fetch_want(f, "y"))
		nap();
	ok(true, "a fetch that fails has looked for nothing");
	fetch_close(f);
}

static void
test_discovery(void)
{
	struct fetch_how how = plain_how("/issuer");
	char text[512];
	struct fetch *f;

	how.discover = true;
	/* One answer that is both: the description and the keys. */
	snprintf(text, sizeof(text),
		"{\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\",\"keys\":[" KEY("d") "]}", url, url);
	web_keys(text);
	f = fetch_open(&how, why, sizeof(why));
	must(f != NULL);
	wait_for(f, "d");
	is_str(web_path(), "/issuer/keys", "keys from where the issuer says that they are");
	snprintf(text, sizeof(text), "{\"issuer\":\"%s/\",\"jwks_uri\":\"%s/keys\"}", url, url);
	web_keys(text);
	complains(f, "the answer is the description of another issuer");
	is_str(web_path(), "/issuer/.well-known/openid-configuration",
		"and it does not go on then");
	fetch_close(f);
}

struct reader {
	struct fetch *f;
	atomic_bool stop;
	atomic_uint taken;
};

static void *
reader_main(void *arg)
{
	struct reader *r = arg;

	while (!r->stop) {
		const struct fetched *d = fetch_take(r->f);

		if (d != NULL && fetched_keys(d)->n == 1 && fetched_keys(d)->key[0].kid[0] == 'k')
			r->taken++;
		fetched_release(d);
		(void)fetch_want(r->f, NULL);
		if (r->taken % 64 == 0)
			nap();
	}
	return NULL;
}

/* Logins on several threads while the keys change under them. */
static void
test_threads(void)
{
	static const char *const sets[] = {SET(KEY("k0")), SET(KEY("k1"))};
	struct fetch_how how = plain_how("/threads");
	struct reader r = {.f = NULL};
	pthread_t thread[3];

	web_keys(sets[0]);
	r.f = fetch_open(&how, why, sizeof(why));
	must(r.f != NULL);
	for (unsigned i = 0; i < 3; i++)
		must(pthread_create(&thread[i], NULL, reader_main, &r) == 0);
	for (unsigned i = 0; i < 10; i++) {
		web_keys(sets[i % 2]);
		wait_for(r.f, i % 2 == 0 ? "k0" : "k1");
	}
	while (r.taken < 1000)
		nap();
	r.stop = true;
	for (unsigned i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	fetch_close(r.f);
	ok(true, "keys change under those who have them in hand");
}

static void
test_nobody_there(void)
{
	struct fetch_how how = plain_how("/");
	char *path = strdup(getenv("PATH"));
	struct fetch *f;

	how.url = "http://127.0.0.1:1/keys";
	f = fetch_open(&how, why, sizeof(why));
	must(f != NULL && path != NULL);
	complains(f, "(7)");
	fetch_close(f);
	setenv("PATH", "/nonexistent", 1);
	ok(fetch_open(&how, why, sizeof(why)) == NULL && strstr(why, "apt-get install curl"),
		"without curl it does not begin: %s", why);
	setenv("PATH", path, 1);
	free(path);
}

int
main(void)
{
	char path[PATH_MAX];

	signal(SIGPIPE, SIG_IGN);
	if (curl_find(path, why, sizeof(why)) < 0)
		return skip_all("there is no curl");
	web_start();
	test_rotation();
	test_bad_answers();
	test_silence();
	test_shared();
	test_missed();
	test_discovery();
	test_threads();
	test_nobody_there();
	web_stop();
	ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no child is left");
	return done_testing();
}
