/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* ctl/confd, ctl/schema and the two configurations, without plugins. Wrong files with their messages
 * are in tests/config. */

#include "ctl/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ctl/confd.h"
#include "ctl/schema.h"
#include "ctl/tunnel_config.h"
#include "tap.h"
#include "util/compiler.h"

static char dir[] = "/tmp/adit-test-config-XXXXXX";

static void
touch(const char *name, mode_t mode)
{
	char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	if (fd < 0 || fchmod(fd, mode) < 0 || close(fd) < 0)
		ok(false, "a file can be made");
	free(path);
}

static void
test_confd(void)
{
	static const char *const names[] = {"50-b.conf", "10-z.conf", "50-B.conf", "a.conf",
		".hidden.conf", "x.conf~", "~x.conf", "x.conf.dpkg-old", "x.dpkg-dist.conf",
		"readme", ".conf", "x.conf.bak"};
	static const char *const want[] = {"10-z.conf", "50-B.conf", "50-b.conf", "a.conf"};
	char **path;
	size_t n;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		touch(names[i], 0600);
	ok(confd_list(dir, &path, &n, &e) == 0, "the folder is listed");
	is_int(n, ARRAY_LEN(want), "only *.conf, without what is hidden or left over");
	for (size_t i = 0; i < n && i < ARRAY_LEN(want); i++)
		is_str(strrchr(path[i], '/') + 1, want[i], "in the order of bytes");
	confd_free(path, n);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *p = xasprintf("%s/%s", dir, names[i]);

		unlink(p);
		free(p);
	}
	is_int(confd_list("/nonexistent/conf.d", &path, &n, &e), -ENOENT, "no folder: ENOENT");
}

static void
test_confd_mode(void)
{
	char **path;
	size_t n;
	struct err e;

	ok(chmod(dir, 0777) == 0, "a folder that all can write");
	is_int(confd_list(dir, &path, &n, &e), -EPERM, "is refused");
	ok(strstr(e.msg, "chmod go-w") != NULL, "and the message says what to do: %s", e.msg);
	ok(chmod(dir, 0700) == 0 && confd_list(dir, &path, &n, &e) == 0, "and then it is taken");
	is_int(n, 0, "it is empty");
	confd_free(path, n);
}

/* --- texts --- */

static bool
server_takes(const char *text)
{
	struct err e = {.msg = ""};
	bool taken = server_config_check_text(text, strlen(text), &e) == 0;

	if (!taken)
		diag("%d: %s", e.line, e.msg);
	return taken;
}

static bool
agent_takes(const char *text)
{
	struct err e = {.msg = ""};
	bool taken = agent_config_check_text(text, strlen(text), &e) == 0;

	if (!taken)
		diag("%d: %s", e.line, e.msg);
	return taken;
}

static void
test_server_texts(void)
{
	ok(server_takes(""), "nothing is needed");
	ok(server_takes("workers = 0;"), "one worker for each CPU");
	ok(server_takes("workers = 256;"), "the most workers");
	ok(server_takes("workers = 4L;"), "an integer with L is one");
	ok(server_takes("log_level = \"debug\"; log_format = \"json\";"), "log");
	ok(server_takes("plugin_dir = \"x\"; conf_dir = \"y\";"), "folders");
	ok(server_takes("limits = { };"), "no limits");
	ok(server_takes("limits = { sessions = 5; drain_for = \"0\"; max_frame = \"16KiB\"; };"),
		"limits of each unit");
	ok(server_takes("limits = { stream_window = \"65536\"; };"), "a size without a unit");
	ok(server_takes("limits = { stream_window = \"8MiB\"; stream_window_max = \"8MiB\"; };"),
		"two limits that fit together");
	ok(server_takes("transport-x = { a = 1; b = [ \"x\" ]; c = ( \"y\" ); d = true; };"),
		"a plugin's options are the plugin's");
}

/* Each limit takes its own bounds and nothing beyond them. */
static void
test_limits(void)
{
	for (const struct limit_info *l = limit_infos; l->name != NULL; l++) {
		static const char *const unit[] = {
			[LIMIT_COUNT] = "", [LIMIT_BYTES] = "B", [LIMIT_MS] = "ms"};
		const char *quote = l->unit == LIMIT_COUNT ? "" : "\"";
		struct limit_places places = {.place = {{.file = NULL}}};
		bool right = true;
		int64_t v[] = {l->min, l->max, l->dflt, l->min - 1, l->max + 1};

		for (size_t i = 0; i < ARRAY_LEN(v); i++) {
			char *text = xasprintf("limits = { %s = %s%lld%s%s; };", l->name, quote,
				(long long)v[i], unit[l->unit], quote);
			struct limits limits;
			struct source *src;
			struct err e;
			int rc = source_parse("f", text, strlen(text), &src, &e);

			must(rc == 0);
			places.place[l - limit_infos].file = NULL;
			rc = schema_limits(src, config_lookup(&src->tree, "limits"), &limits,
				&places, &e);
			right = right && (rc == 0) == (i < 3);
			if (rc == 0)
				right = right && *(int64_t *)((char *)&limits + l->offset) == v[i];
			source_free(src);
			free(text);
		}
		ok(right, "limits.%s: least, most and default are taken, one beyond is not", l->name);
	}
}

static void
test_agent_texts(void)
{
	ok(agent_takes(""), "nothing is needed in the file");
	ok(agent_takes("server = \"tcp://h:9000\"; name = \"web1\"; token_file = \"t\";"), "basics");
	ok(agent_takes("reconnect = false; max_attempts = 5;"), "reconnecting");
	ok(agent_takes("sessions = 16; workers = 0;"), "sessions");
	ok(!agent_takes("sessions = 17;") && !agent_takes("sessions = 0;"), "not any number of them");
	ok(agent_takes("tunnels = ( );"), "an empty list");
	ok(agent_takes("tunnels = ( { name = \"a\"; target = \"22\"; },"
		       "{ name = \"b\"; target = \"h:1\"; port = 10022; route = \"port\"; } );"),
		"two tunnels");
	ok(agent_takes("tunnels = ( { name = \"a\"; target = \"[::1]:22\"; } );"), "IPv6");
	ok(agent_takes("tunnels = ( { name = \"a\"; target = \"53\"; route = \"udp\"; port = 53; },"
		       "{ name = \"b\"; target = \"53\"; port = 53; },"
		       "{ name = \"c\"; target = \"54\"; route = \"x\"; protocol = \"udp\"; } );"),
		"UDP, which has ports of its own");
	ok(agent_takes("transport-tcp = { allow_plain = true; }; auth-token = { };"), "plugins");
	ok(agent_takes("limits = { ping_interval = \"5s\"; };"), "limits");
}

/* --- one tunnel of a command line --- */

static void
test_tunnel(const char *target, const char *name, const char *host, int port, const char *shown)
{
	struct tunnel_conf *t = NULL;
	size_t n = 0;
	struct err e;

	if (!ok(tunnels_one(false, target, "10022", NULL, &t, &n, &e) == 0, "target %s", target))
		return;
	is_int(n, 1, "one tunnel");
	is_str(t->name, name, "its name comes from the target");
	is_str(t->host, host, "its host");
	is_int(t->port, port, "its port");
	is_str(t->target, shown, "what people see");
	is_str(t->route, "port", "its route");
	is_str(t->param_key[0], "port", "it asks for a port");
	is_str(t->param_value[0], "10022", "this one");
	tunnels_free(t, n);
}

static void
test_udp(void)
{
	struct tunnel_conf *t = NULL;
	size_t n = 0;
	struct err e;

	if (!ok(tunnels_one(true, "53", NULL, NULL, &t, &n, &e) == 0, "a tunnel for UDP"))
		return;
	is_str(t->name, "udp-53", "is named so");
	is_str(t->route, "udp", "its route");
	ok(t->datagram && t->n_params == 0, "it is for datagrams, at any port");
	tunnels_free(t, n);
}

static void
refuses(const char *target, const char *port, const char *name, const char *why)
{
	struct tunnel_conf *t = NULL;
	size_t n = 0;
	struct err e = {.msg = ""};

	ok(tunnels_one(false, target, port, name, &t, &n, &e) < 0 && strstr(e.msg, why) != NULL,
		"refused: %s", e.msg);
}

static void
test_tunnels(void)
{
	test_tunnel("22", "tcp-22", "127.0.0.1", 22, "127.0.0.1:22");
	test_tunnel("127.0.0.1:5432", "tcp-5432", "127.0.0.1", 5432, "127.0.0.1:5432");
	test_tunnel("db.example.org:5432", "db.example.org-5432", "db.example.org", 5432,
		"db.example.org:5432");
	test_tunnel("[fe80::1]:80", "fe80--1-80", "fe80::1", 80, "[fe80::1]:80");
	test_udp();
	refuses("0", NULL, NULL, "target");
	refuses("x", NULL, NULL, "target");
	refuses("70000", NULL, NULL, "target");
	refuses("", NULL, NULL, "target");
	refuses("22", "0", NULL, "--port");
	refuses("22", "65536", NULL, "--port");
	refuses("22", "+5", NULL, "--port");
	refuses("22", NULL, "a b", "--name");
	refuses("22", NULL, "", "--name");
}

static void
test_names(void)
{
	char *s = name_reduce("Büro-1.example", "x");

	is_str(s, "B--ro-1.example", "what is not allowed in a name becomes -");
	free(s);
	s = name_reduce("", "agent");
	is_str(s, "agent", "an empty name falls back");
	free(s);
}

int
main(void)
{
	if (mkdtemp(dir) == NULL)
		return skip_all("no folder in /tmp");
	test_confd();
	test_confd_mode();
	test_server_texts();
	test_limits();
	test_agent_texts();
	test_tunnels();
	test_names();
	rmdir(dir);
	return done_testing();
}
