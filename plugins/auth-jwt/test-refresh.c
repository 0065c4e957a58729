/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* When keys are fetched, by a clock that the test turns; and which URLs they may come from. */

#include "refresh.h"
#include "tap.h"
#include "url.h"

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

static const struct refresh_how how = {.max_age = HOUR, .min_interval = 30 * SECOND,
	.stale_for = 24 * (int64_t)HOUR};

static void
fetch(struct refresh *r, int64_t at, int64_t took, bool good)
{
	refresh_begin(r, at);
	refresh_end(r, at + took, good);
}

static void
test_good(void)
{
	struct refresh r;

	refresh_init(&r, &how, 5000);
	is_int(r.due, 5000, "the first fetch is due when it was said");
	ok(!refresh_usable(&r, 5000), "before it there are no keys");
	ok(refresh_want(&r, 1000) && r.due == 1000, "who misses a key has it at once");
	refresh_begin(&r, 1000);
	ok(refresh_want(&r, 1001), "while it runs there is hope");
	refresh_end(&r, 3000, true);
	ok(refresh_usable(&r, 3000), "there are keys");
	is_int(r.due, 1000 + HOUR, "the next is due an hour behind the last question");
	ok(!refresh_want(&r, 30999) && r.due == 1000 + HOUR, "nothing is asked for within 30 s");
	ok(refresh_want(&r, 31000) && r.due == 31000, "but then");
	ok(refresh_want(&r, 99000) && r.due == 31000, "and it is due since");
	fetch(&r, 99000, 10, true);
	for (int i = 0, n = 0; i < 300; i++) {
		int64_t now = 99000 + i * SECOND;

		if (now >= r.due)
			fetch(&r, now, 1, true);
		refresh_want(&r, now);
		n += r.begun == now && i > 0;
		if (i == 299)
			is_int(n, 9, "a question each second for 300 s makes 9 fetches");
	}
}

static void
test_bad(void)
{
	static const int64_t pauses[] = {30, 60, 120, 240, 480, 600, 600};
	int64_t now = 0;
	struct refresh r;

	refresh_init(&r, &how, 0);
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		fetch(&r, now, 10 * SECOND, false);
		is_int(r.due - (now + 10 * SECOND), pauses[i] * SECOND,
			"after failures the pauses grow up to ten minutes");
		now = r.due;
	}
	ok(!refresh_usable(&r, now), "and there are no keys");
	fetch(&r, now, 1, true);
	ok(refresh_usable(&r, now + 25 * (int64_t)HOUR - 1), "keys count for 25 hours");
	fetch(&r, now + HOUR, 1, false);
	is_int(r.due, now + HOUR + 1 + 30 * SECOND, "the first pause is short again");
	ok(!refresh_usable(&r, now + 25 * (int64_t)HOUR), "and not a moment longer");
	refresh_init(&r, &how, 0);
	refresh_inherit(&r, 7);
	ok(refresh_usable(&r, 8) && r.due == 0,
		"inherited keys count, and are fetched all the same");
}

static void
test_extremes(void)
{
	const struct refresh_how slow = {.max_age = 7 * 24 * (int64_t)HOUR,
		.min_interval = 24 * (int64_t)HOUR, .stale_for = 0};
	struct refresh r;

	refresh_init(&r, &slow, 0);
	for (int i = 0; i < 40; i++)
		fetch(&r, i, 0, false);
	is_int(r.due, 39 + 24 * (int64_t)HOUR, "a long interval is kept, and nothing overflows");
}

static const struct {
	const char *url, *words;
} urls[] = {
	{"https://issuer.example/keys", NULL},
	{"https://issuer.example", NULL},
	{"HTTPS://issuer.example:8443?a=b&c=%20d", NULL},
	{"https://[2001:db8::1]:443/x~y/$z;(1)[2]", NULL},
	{"http://127.0.0.1:80/keys", NULL},
	{"http://localhost/keys", NULL},
	{"http://[::1]:8080/", NULL},
	{"http://issuer.example/keys", "not encrypted"},
	{"http://127.0.0.1.example/", "not encrypted"},
	{"http://localhost.example/", "not encrypted"},
	{"http://127.0.0.2/", "not encrypted"},
	{"http://127.0.0.1@issuer.example/", "more in its host"},
	{"https://user:password@issuer.example/", "port that is none"},
	{"https://user@issuer.example/", "more in its host"},
	{"https://issuer.example:x/", "port"},
	{"https://issuer.example:123456/", "port"},
	{"https:///keys", "no host"},
	{"https://[::1/keys", "no host"},
	{"https://", "no host"},
	{"file:///etc/passwd", "does not begin"},
	{"ftp://issuer.example/", "does not begin"},
	{"issuer.example/keys", "does not begin"},
	{"-o/etc/passwd", "does not begin"},
	{"", "does not begin"},
	{"https://issuer.example/\"\nfile = x", "character"},
	{"https://issuer.example/a b", "character"},
	{"https://issuer.example/#x", "character"},
	{"https://issuer.example/\\", "character"},
	{"https://issuer.example/\xc3\xa9", "character"},
};

static void
test_urls(void)
{
	char url[URL_MAX], why[300], text[600], long_url[URL_MAX + 20] = "https://x/";

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		const char *wrong = url_wrong(urls[i].url);

		ok(urls[i].words == NULL ? wrong == NULL
					 : wrong != NULL && strstr(wrong, urls[i].words) != NULL,
			"%.*s: %s", (int)strcspn(urls[i].url, "\n"), urls[i].url,
			wrong != NULL ? wrong : "good");
	}
	memset(long_url + 10, 'a', URL_MAX - 10);
	is_str(url_wrong(long_url), "is too long", "2048 characters are too many");
	long_url[URL_MAX - 1] = '\0';
	ok(url_wrong(long_url) == NULL, "2047 are not");
	ok(url_of_issuer(long_url, url) < 0, "but the description of such an issuer has none");
	ok(url_of_issuer("https://a.example/x/", url) == 0, "the description of an issuer");
	is_str(url, "https://a.example/x/.well-known/openid-configuration", "is where it must be");
	snprintf(text, sizeof(text),
		"{\"issuer\":\"https://a.example\",\"jwks_uri\":\"https://keys.example/"
		"k\",\"x\":1}");
	ok(url_discovered("https://a.example", text, strlen(text), url, why, sizeof(why)) == 0,
		"a description is read");
	is_str(url, "https://keys.example/k", "and names the URL");
	ok(url_discovered("https://b.example", text, strlen(text), url, why, sizeof(why)) < 0,
		"not that of another issuer: %s", why);
	snprintf(text, sizeof(text), "{\"issuer\":\"https://a.example\"}");
	ok(url_discovered("https://a.example", text, strlen(text), url, why, sizeof(why)) < 0,
		"nor one without keys: %s", why);
	snprintf(text, sizeof(text),
		"{\"issuer\":\"https://a.example\",\"jwks_uri\":\"http://127.0.0.1/k\"}");
	ok(url_discovered("https://a.example", text, strlen(text), url, why, sizeof(why)) < 0,
		"nor one that leads to where nothing is encrypted: %s", why);
	snprintf(text, sizeof(text),
		"{\"issuer\":\"https://a.example\",\"jwks_uri\":\"file:///etc/passwd\"}");
	ok(url_discovered("https://a.example", text, strlen(text), url, why, sizeof(why)) < 0,
		"nor to a file: %s", why);
	ok(url_discovered("https://a.example", "[", 1, url, why, sizeof(why)) < 0,
		"nor nonsense: %s", why);
}

int
main(void)
{
	test_good();
	test_bad();
	test_extremes();
	test_urls();
	return done_testing();
}
