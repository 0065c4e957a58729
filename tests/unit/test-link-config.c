/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The server's address as the agent's user writes it. Which plugins its scheme needs is tested with
 * real ones, in tests/config and tests/e2e. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "ctl/link_config.h"
#include "tap.h"
#include "util/compiler.h"

static void
good(const char *s, const char *scheme, const char *host, uint16_t port, const char *path)
{
	struct link_address a;

	ok(link_address_parse(s, &a) == 0, "%s is an address", s);
	is_str(a.scheme, scheme, "scheme");
	is_str(a.host, host, "host");
	is_int(a.port, port, "port");
	is_str(a.path, path, "path");
}

static void
bad(const char *s)
{
	struct link_address a = {.port = 1};

	ok(link_address_parse(s, &a) == -EINVAL && a.port == 1, "\"%s\" is none", s);
}

static void
test_bounds(void)
{
	struct link_address a;
	char *path = xmalloc(LINK_PATH_MAX + 32);
	size_t n = (size_t)snprintf(path, 32, "ws://h");

	memset(path + n, '/', LINK_PATH_MAX + 1);
	path[n + LINK_PATH_MAX + 1] = '\0';
	ok(link_address_parse(path, &a) == -EINVAL, "a path may not be too long");
	path[n + LINK_PATH_MAX] = '\0';
	ok(link_address_parse(path, &a) == 0, "the longest is taken");
	is_int(strlen(a.path), LINK_PATH_MAX, "whole");
	free(path);
}

int
main(void)
{
	good("tunnel.example.org", "", "tunnel.example.org", 7835, "");
	good("192.0.2.1:9000", "", "192.0.2.1", 9000, "");
	good("tcp://h:9000", "tcp", "h", 9000, "");
	good("tls://h", "tls", "h", 7835, "");
	good("ws://h", "ws", "h", 80, "");
	good("wss://h", "wss", "h", 443, "");
	good("wss://h:7835/a/way?x=1", "wss", "h", 7835, "/a/way?x=1");
	good("wss://[2001:db8::1]/way", "wss", "2001:db8::1", 443, "/way");
	good("wss://[2001:db8::1]:8443/", "wss", "2001:db8::1", 8443, "/");
	good("pigeon://h/loft", "pigeon", "h", 7835, "/loft");
	bad("");
	bad("://h");
	bad("WSS://h");
	bad("a-scheme-that-is-far-too-long://h");
	bad("wss://");
	bad("wss:///way");
	bad("wss://h:0/way");
	bad("wss://h:65536");
	bad("wss://h/a way");
	bad("wss://h/a\tway");
	bad("wss://h/w\xc3\xa4y");
	bad("wss://h/way#part");
	bad("wss://h/\"");
	bad("wss://h/\\");
	bad("wss://user@h/way");
	bad("wss://h?x=1");
	bad("tls://h/way");
	bad("tcp://h/");
	bad("h/way");
	bad("h:7835/way");
	test_bounds();
	return done_testing();
}
