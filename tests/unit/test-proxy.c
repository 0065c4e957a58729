/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A proxy's URL, and what the environment says of proxies. */

#define _GNU_SOURCE 1

#include <errno.h>
#include <stdlib.h>

#include "io/proxy.h"
#include "tap.h"
#include "util/compiler.h"

static void
test_good_urls(void)
{
	static const struct {
		const char *url;
		enum proxy_kind kind;
		const char *name, *user, *password;
	} given[] = {
		{"http://proxy.example:3128", PROXY_HTTP, "proxy.example:3128", NULL, NULL},
		{"http://proxy.example:3128/", PROXY_HTTP, "proxy.example:3128", NULL, NULL},
		{"HTTP://proxy.example", PROXY_HTTP, "proxy.example:80", NULL, NULL},
		{"proxy.example:8080", PROXY_HTTP, "proxy.example:8080", NULL, NULL},
		{"proxy.example", PROXY_HTTP, "proxy.example:80", NULL, NULL},
		{"socks5://10.0.0.1", PROXY_SOCKS, "10.0.0.1:1080", NULL, NULL},
		{"socks5h://proxy:9", PROXY_SOCKS, "proxy:9", NULL, NULL},
		{"socks://proxy:9/", PROXY_SOCKS, "proxy:9", NULL, NULL},
		{"http://[2001:db8::1]:3128", PROXY_HTTP, "[2001:db8::1]:3128", NULL, NULL},
		{"http://[2001:db8::1]", PROXY_HTTP, "[2001:db8::1]:80", NULL, NULL},
		{"http://user:pass@h:1", PROXY_HTTP, "h:1", "user", "pass"},
		{"user:pass@h:1", PROXY_HTTP, "h:1", "user", "pass"},
		{"http://user@h:1", PROXY_HTTP, "h:1", "user", ""},
		{"http://user:@h:1", PROXY_HTTP, "h:1", "user", ""},
		{"http://us%65r:p%40%3a%2F@h:1", PROXY_HTTP, "h:1", "user", "p@:/"},
		{"http://user:p@ss@h:1", PROXY_HTTP, "h:1", "user", "p@ss"},
		{"http://user:a:b@h:1", PROXY_HTTP, "h:1", "user", "a:b"},
		{"socks5://a%3Ab:c@h", PROXY_SOCKS, "h:1080", "a:b", "c"},
		{"http://%c3%a4:%c3%b6@h:1", PROXY_HTTP, "h:1", "\xc3\xa4", "\xc3\xb6"},
	};

	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		struct err e = {.msg = ""};
		struct proxy p;

		if (!ok(proxy_parse(given[i].url, &p, &e) == 0, "%s is taken", given[i].url)) {
			diag("%s", e.msg);
			continue;
		}
		is_int(p.kind, given[i].kind, "its kind");
		is_str(p.name, given[i].name, "its name");
		is_str(p.user, given[i].user, "its user");
		is_str(p.password, given[i].password, "its password");
		proxy_fini(&p);
		ok(p.host == NULL && p.password == NULL, "and all of it is gone");
	}
}

static void
test_bad_urls(void)
{
	static const struct {
		const char *url, *says;
	} given[] = {
		{"", "expected \"http://host:port\""},
		{"http://", "expected \"http://host:port\""},
		{"http:///", "expected"},
		{"http://:3128", "expected"},
		{"http://h:", "expected"},
		{"http://h:0", "expected"},
		{"http://h:65536", "expected"},
		{"http://h:80x", "expected"},
		{"http://h:-1", "expected"},
		{"http://h:1/path", "expected"},
		{"http://h:1?q", "expected"},
		{"http://h:1#f", "expected"},
		{"http://h h:1", "expected"},
		{"http://h\r\n:1", "expected"},
		{"http://h\x80:1", "expected"},
		{"http://[::1", "expected"},
		{"http://[h]:1", "expected"},
		{"http://*:1", "expected"},
		{"1", "expected"},
		{"3128", "expected"},
		{"http://-o:1", "expected"},
		{"https://h:443", "begins with http:// or socks5://, not https://"},
		{"socks4://h:1", "begins with http:// or socks5://, not socks4://"},
		{"socks4a://h:1", "begins with"},
		{"ftp://h", "begins with"},
		{"://h", "begins with"},
		{"http://@h:1", "the user is empty"},
		{"http://:secret@h:1", "the user is empty"},
		{"http://us%3Aer:secret@h:1", "no colon"},
		{"http://us%0aer:secret@h:1", "the user has control characters"},
		{"http://user:secret%0d@h:1", "the password has control characters"},
		{"http://user:secret%00@h:1", "%-encoded"},
		{"http://user:secret%@h:1", "%-encoded"},
		{"http://user:secret%4@h:1", "%-encoded"},
		{"http://user:secret%4g@h:1", "%-encoded"},
		{"http://user%zz:secret@h:1", "%-encoded"},
		{"socks5://user@h:1", "no empty password"},
		{"socks5://user:@h:1", "no empty password"},
		{"http://user:secret@", "expected"},
		{"http://user:secret@h:1/x", "found \"***@h:1/x\""},
		{"http://user:secret@h:x", "found \"***@h:x\""},
		{"http://user:secret/word@h:1", "found \"***@h:1\""},
		{"http://user:secret#word@h:1", "found \"***@h:1\""},
		{"user:secret://word@h:1", "found \"***@h:1\""},
	};

	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		struct err e = {.msg = ""};
		struct proxy p = {.name = NULL};

		ok(proxy_parse(given[i].url, &p, &e) == -EINVAL && p.name == NULL,
			"refused: %.60s", given[i].url);
		if (!ok(strstr(e.msg, given[i].says) != NULL, "says so: %s", given[i].says))
			diag("%s", e.msg);
		ok(strstr(e.msg, "secret") == NULL, "and no password");
	}
}

static void
test_long(void)
{
	char url[1200], text[600];
	struct err e;
	struct proxy p;

	memset(text, 'a', sizeof(text));
	snprintf(url, sizeof(url), "http://%.255s:%.255s@h:1", text, text);
	ok(proxy_parse(url, &p, &e) == 0 && strlen(p.user) == 255 && strlen(p.password) == 255,
		"user and password may have 255 bytes");
	proxy_fini(&p);
	snprintf(url, sizeof(url), "http://%.256s:b@h:1", text);
	ok(proxy_parse(url, &p, &e) < 0, "the user no more");
	snprintf(url, sizeof(url), "http://b:%.256s@h:1", text);
	ok(proxy_parse(url, &p, &e) < 0, "nor the password");
	snprintf(url, sizeof(url), "http://%.253s:1", text);
	ok(proxy_parse(url, &p, &e) == 0, "the host 253");
	proxy_fini(&p);
	snprintf(url, sizeof(url), "http://%.254s:1", text);
	ok(proxy_parse(url, &p, &e) < 0, "and no more");
	snprintf(url, sizeof(url), "http://%.500s:1", text);
	ok(proxy_parse(url, &p, &e) < 0, "nor much more");
}

static void
test_login(void)
{
	struct err e;
	struct proxy p;

	must(proxy_parse("http://old:word@h:1", &p, &e) == 0);
	ok(proxy_login(&p, "new", "other") == NULL, "a login takes the place of the URL's");
	is_str(p.user, "new", "its user");
	is_str(p.password, "other", "and its password");
	ok(proxy_login(&p, "", "x") != NULL, "an empty user is refused");
	ok(proxy_login(&p, "a:b", "x") != NULL, "and one with a colon");
	is_str(p.user, "new", "which changes nothing");
	proxy_fini(&p);
}

/* ---- NO_PROXY -------------------------------------------------------------------------------- */

static void
test_excepts(void)
{
	static const struct {
		const char *list, *host;
		int port;
		bool excepted;
	} given[] = {
		{"", "example.org", 443, false},
		{" , ,", "example.org", 443, false},
		{"*", "example.org", 443, true},
		{"a,*,b", "example.org", 443, true},
		{"*", "10.1.2.3", 443, true},
		{"example.org", "example.org", 443, true},
		{"EXAMPLE.org", "Example.ORG", 443, true},
		{"example.org.", "example.org", 443, true},
		{"example.org", "example.org.", 443, true},
		{"example.org", "a.example.org", 443, true},
		{"example.org", "a.b.example.org", 443, true},
		{".example.org", "a.example.org", 443, true},
		{".example.org", "example.org", 443, true},
		{"*.example.org", "a.example.org", 443, true},
		{"*.example.org", "aexample.org", 443, false},
		{"example.org", "badexample.org", 443, false},
		{"example.org", "example.org.evil.net", 443, false},
		{"example.org", "org", 443, false},
		{"org", "example.org", 443, true},
		{"a.net b.net\tc.net", "b.net", 443, true},
		{"a.net,b.net , c.net", "c.net", 443, true},
		{"a.net,b.net", "d.net", 443, false},
		{"example.org:443", "example.org", 443, true},
		{"example.org:443", "example.org", 444, false},
		{"example.org:443", "a.example.org", 443, true},
		{".example.org:443", "a.example.org", 443, true},
		{"10.1.2.3", "10.1.2.3", 443, true},
		{"10.1.2.3:443", "10.1.2.3", 443, true},
		{"10.1.2.3:80", "10.1.2.3", 443, false},
		{"10.1.2.3", "10.1.2.4", 443, false},
		{"2.3", "10.1.2.3", 443, false},
		{"10.0.0.0/8", "10.1.2.3", 443, true},
		{"10.0.0.0/8", "11.1.2.3", 443, false},
		{"10.1.2.0/23", "10.1.3.9", 443, true},
		{"10.1.2.0/23", "10.1.4.9", 443, false},
		{"10.1.2.3/32", "10.1.2.3", 443, true},
		{"10.1.2.3/32", "10.1.2.2", 443, false},
		{"0.0.0.0/0", "10.1.2.3", 443, true},
		{"0.0.0.0/0", "::1", 443, false},
		{"10.0.0.0/33", "10.1.2.3", 443, false},
		{"10.0.0.0/", "10.1.2.3", 443, false},
		{"10.0.0.0/x", "10.1.2.3", 443, false},
		{"10.0.0.0/-1", "10.1.2.3", 443, false},
		{"10.0.0.0/8", "example.org", 443, false},
		{"2001:db8::1", "2001:db8::1", 443, true},
		{"2001:DB8:0::1", "2001:db8::1", 443, true},
		{"[2001:db8::1]", "2001:db8::1", 443, true},
		{"[2001:db8::1]:443", "2001:db8::1", 443, true},
		{"[2001:db8::1]:444", "2001:db8::1", 443, false},
		{"2001:db8::/32", "2001:db8:1::1", 443, true},
		{"2001:db8::/32", "2001:db9:1::1", 443, false},
		{"2001:db8::/129", "2001:db8:1::1", 443, false},
		{"22", "22", 443, true},
		{".", "example.org", 443, false},
		{"..", "example.org", 443, false},
	};
	char list[2000];

	for (size_t i = 0; i < ARRAY_LEN(given); i++)
		ok(proxy_excepts(given[i].list, given[i].host, (uint16_t)given[i].port) ==
				given[i].excepted,
			"\"%s\" %s %s:%d", given[i].list, given[i].excepted ? "names" : "does not name",
			given[i].host, given[i].port);
	memset(list, 'a', sizeof(list));
	strcpy(list + sizeof(list) - 16, ",example.org");
	ok(proxy_excepts(list, "example.org", 1), "an endless name hides nothing behind it");
}

/* ---- The environment ------------------------------------------------------------------------- */

static void
set_environment(const char *const *pairs)
{
	static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
		"no_proxy", "NO_PROXY", "http_proxy", "HTTP_PROXY"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
	for (; pairs[0] != NULL; pairs += 2)
		setenv(pairs[0], pairs[1], 1);
}

static void
test_environment(void)
{
	static const struct {
		const char *pairs[10], *url, *variable;
	} given[] = {
		{{NULL}, NULL, NULL},
		{{"https_proxy", "a:1", NULL}, "a:1", "https_proxy"},
		{{"HTTPS_PROXY", "a:1", NULL}, "a:1", "HTTPS_PROXY"},
		{{"all_proxy", "a:1", NULL}, "a:1", "all_proxy"},
		{{"ALL_PROXY", "a:1", NULL}, "a:1", "ALL_PROXY"},
		{{"https_proxy", "a:1", "HTTPS_PROXY", "b:1", NULL}, "a:1", "https_proxy"},
		{{"ALL_PROXY", "a:1", "HTTPS_PROXY", "b:1", NULL}, "b:1", "HTTPS_PROXY"},
		{{"all_proxy", "a:1", "ALL_PROXY", "b:1", NULL}, "a:1", "all_proxy"},
		{{"https_proxy", "", "ALL_PROXY", "b:1", NULL}, "b:1", "ALL_PROXY"},
		{{"https_proxy", "", NULL}, NULL, NULL},
		{{"http_proxy", "a:1", "HTTP_PROXY", "a:1", NULL}, NULL, NULL},
		{{"HTTPS_PROXY", "a:1", "NO_PROXY", "example.org", NULL}, NULL, NULL},
		{{"HTTPS_PROXY", "a:1", "no_proxy", "example.org", NULL}, NULL, NULL},
		{{"HTTPS_PROXY", "a:1", "no_proxy", "x", "NO_PROXY", "example.org", NULL}, "a:1",
			"HTTPS_PROXY"},
		{{"HTTPS_PROXY", "a:1", "NO_PROXY", "example.org:80", NULL}, "a:1", "HTTPS_PROXY"},
	};
	static const char *const here[] = {"localhost", "LocalHost", "127.0.0.1", "127.9.9.9",
		"::1", "::ffff:127.0.0.1", "localhost."};
	const char *variable;

	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		variable = NULL;
		set_environment(given[i].pairs);
		is_str(proxy_environment("tunnel.example.org", 443, &variable), given[i].url,
			"the environment's proxy");
		is_str(variable, given[i].variable, "and which variable it is");
	}
	set_environment((const char *const[]){"ALL_PROXY", "a:1", NULL});
	for (size_t i = 0; i < ARRAY_LEN(here); i++)
		ok(proxy_environment(here[i], 443, &variable) == NULL,
			"%s is reached without", here[i]);
	ok(!proxy_host_is_local("localhost.example.org") && !proxy_host_is_local("10.0.0.1"),
		"what is elsewhere is not here");
}

int
main(void)
{
	test_good_urls();
	test_bad_urls();
	test_long();
	test_login();
	test_excepts();
	test_environment();
	return done_testing();
}
