/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* `aditd init`. The files are written, then read back by the same code as at every start: what does
 * not pass there is taken away again. Main thread; blocks. */

#include <config.h>

#include "ctl/server_init.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/config.h"
#include "tunnel/auth.h"
#include "util/addr.h"
#include "util/compiler.h"
#include "util/file.h"

static const char aditd_conf[] =
	"# The server's configuration; see aditd.conf(5). Check it with: aditd --check -c FILE\n"
	"#\n"
	"# Plugins are enabled in conf.d/, one file each: remove a file and its plugin is off.\n"
	"\n"
	"# Threads that carry traffic; 0 is one for each CPU.\n"
	"workers = 0;\n"
	"\n"
	"# error, warn, info or debug; and text or json.\n"
	"log_level = \"info\";\n"
	"log_format = \"text\";\n"
	"\n"
	"# What peers may use. All have safe defaults, which aditd.conf(5) lists, for example:\n"
	"#limits = {\n"
	"#\tsessions_per_account = 100;\n"
	"#\tdrain_for = \"30s\";\n"
	"#};\n";

static const char transport_conf[] =
	"# Agents connect by plain TCP; see adit-transport-tcp(5).\n"
	"transport-tcp = {\n"
	"\t# Numeric addresses; several: listen = [ \"127.0.0.1:9000\", \"[::1]:9000\" ];\n"
	"\tlisten = \"%s\";\n"
	"\n"
	"\t# What passes on this link can be read on its way. Without this, only loopback\n"
	"\t# addresses are taken.\n"
	"\t%sallow_plain = true;\n"
	"};\n";

static const char auth_conf[] =
	"# Agents log in with a token, which never travels itself; see adit-auth-token(5).\n"
	"auth-token = {\n"
	"\t# One line for each token: make them with 'aditd issue'. Only the owner may read it.\n"
	"\tfile = \"../tokens\";\n"
	"};\n";

static const char route_conf[] =
	"# Tunnels are reached by a TCP port of this host; see adit-route-port(5).\n"
	"route-port = {\n"
	"\t# Where public clients connect: \"0.0.0.0\" is every IPv4 address of this host.\n"
	"\tbind = \"%s\";\n"
	"\n"
	"\t# Ports that are handed out; an agent may also ask for one of them.\n"
	"\trange = \"10000-19999\";\n"
	"};\n";

static const char route_udp_conf[] =
	"# UDP tunnels are reached by a UDP port of this host; see adit-route-udp(5).\n"
	"route-udp = {\n"
	"\tbind = \"%s\";\n"
	"\trange = \"10000-19999\";\n"
	"};\n";

static const char adit_conf[] =
	"# The agent's configuration; see adit.conf(5). Copy this file and the file \"token\"\n"
	"# beside it to the agent's host as ~/.config/adit/adit.conf and ~/.config/adit/token\n"
	"# (mode 0600).\n"
	"\n"
	"# The server's public name or address.\n"
	"server = \"tcp://%s\";\n"
	"token_file = \"token\";\n"
	"\n"
	"%s"
	"# What 'adit run' publishes. For a single service there is: adit tcp 22 --port 10022\n"
	"tunnels = (\n"
	"\t{ name = \"ssh\"; target = \"127.0.0.1:22\"; port = 10022; }\n"
	");\n";

static const char agent_plain[] =
	"# The server is beyond loopback and the link is not encrypted.\n"
	"transport-tcp = { allow_plain = true; };\n"
	"\n";

/* What was made so far, for taking it away again. */
struct made {
	const struct server_init *in;
	char *path[12];
	size_t n;
	bool own_dir; /* we made the folder itself */
	struct err *e;
};

static char *
path_in(struct made *m, const char *name)
{
	must(m->n < ARRAY_LEN(m->path));
	return xasprintf("%s/%s", m->in->dir, name);
}

static int
make_file(struct made *m, const char *name, mode_t mode, const char *text)
{
	char *path = path_in(m, name);
	int rc = file_create(path, mode, text, strlen(text), m->e);

	if (rc < 0)
		free(path);
	else
		m->path[m->n++] = path;
	return rc;
}

static int ATTR_PRINTF(3, 4)
make_filled(struct made *m, const char *name, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = vasprintf(&text, fmt, ap);
	va_end(ap);
	must(rc >= 0);
	rc = make_file(m, name, 0600, text);
	free(text);
	return rc;
}

static int
make_dir(struct made *m, const char *name)
{
	char *path = path_in(m, name);
	int rc = mkdir(path, 0700) < 0 ? -errno : 0;

	if (rc < 0) {
		err_set(m->e, "%s: %s", path, strerror(-rc));
		free(path);
	} else {
		m->path[m->n++] = path;
	}
	return rc;
}

static bool
is_empty(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	int n = 0;

	if (d == NULL)
		return false;
	while ((entry = readdir(d)) != NULL)
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(d);
	return n == 0;
}

/* The folder itself: ours alone, because the tokens are in it. */
static int
take_dir(struct made *m)
{
	const char *dir = m->in->dir;
	int rc = mkdir(dir, 0700) < 0 ? -errno : 0;

	m->own_dir = rc == 0;
	if (rc == -EEXIST && is_empty(dir))
		rc = chmod(dir, 0700) < 0 ? -errno : 0;
	else if (rc == -EEXIST)
		return err_set(m->e, "%s: is there already and not an empty folder; choose another",
			dir);
	if (rc < 0)
		err_set(m->e, "%s: %s", dir, strerror(-rc));
	return rc;
}

static void
undo(struct made *m)
{
	while (m->n > 0) {
		m->n--;
		remove(m->path[m->n]); /* a file, or a folder that is empty by now */
		free(m->path[m->n]);
	}
	if (m->own_dir)
		rmdir(m->in->dir);
}

static void
keep(struct made *m)
{
	while (m->n > 0)
		free(m->path[--m->n]);
}

/* --- contents --- */

/* Where the server listens, in the two ways in which it is written. */
struct where {
	char listen[ADDR_TEXT_MAX], dial[ADDR_TEXT_MAX];
	bool loopback;
};

static int
where_parse(const struct server_init *in, struct where *w_r, struct err *e)
{
	const char *text = in->listen != NULL ? in->listen : "127.0.0.1:9000";
	char host[HOST_MAX + 1];
	struct addr a;
	uint16_t port;

	if (hostport_parse(text, CONFIG_DEFAULT_PORT, host, &port) < 0 || port == 0 ||
		addr_parse(host, port, &a) < 0)
		return err_set(e, "--listen: expected a numeric address and port like "
				  "127.0.0.1:9000, found '%s'",
			text);
	w_r->loopback = addr_is_loopback(&a);
	if (!w_r->loopback && !in->allow_plain)
		return err_set(e,
			"--listen %s: the link of transport-tcp can be read on its way, so it "
			"stays on loopback; add --allow-plain if the network between is yours",
			text);
	addr_text(&a, w_r->listen, sizeof(w_r->listen));
	memcpy(w_r->dial, w_r->listen, sizeof(w_r->dial));
	if (addr_is_any(&a) && addr_parse("127.0.0.1", port, &a) == 0)
		addr_text(&a, w_r->dial, sizeof(w_r->dial));
	return 0;
}

static int
write_files(struct made *m, const struct where *w)
{
	int rc = make_file(m, "aditd.conf", 0600, aditd_conf);

	if (rc == 0)
		rc = make_dir(m, "conf.d");
	if (rc == 0)
		rc = make_filled(m, "conf.d/50-transport-tcp.conf", transport_conf, w->listen,
			w->loopback ? "#" : "");
	if (rc == 0)
		rc = make_file(m, "conf.d/50-auth-token.conf", 0600, auth_conf);
	if (rc == 0)
		rc = make_filled(m, "conf.d/50-route-port.conf", route_conf,
			w->loopback ? "127.0.0.1" : "0.0.0.0");
	if (rc == 0)
		rc = make_filled(m, "conf.d/50-route-udp.conf", route_udp_conf,
			w->loopback ? "127.0.0.1" : "0.0.0.0");
	if (rc == 0)
		rc = make_file(m, "tokens", 0600, "");
	if (rc == 0)
		rc = make_filled(m, "adit.conf", adit_conf, w->dial,
			w->loopback ? "" : agent_plain);
	return rc;
}

/* Lets the plugin make the token that the agent gets; the server's half is in "tokens" then. */
static int
write_token(struct made *m)
{
	struct adit_issue issue = {
		.account = m->in->account != NULL ? m->in->account : "default",
	};
	struct server_conf *conf;
	int rc = server_config_load(m->path[0], m->in->plugin_dir, &conf, NULL, m->e);

	if (rc < 0)
		return rc;
	if (auth_issue(&conf->modules, &issue) < 0)
		rc = err_set(m->e, "%s", issue.error);
	else
		rc = make_filled(m, "token", "%s\n", issue.secret);
	issue_fini(&issue);
	server_conf_unref(conf);
	return rc;
}

static void
say_next(const struct server_init *in, const struct where *w, FILE *out)
{
	const char *d = in->dir;

	fprintf(out, "Written to %s: a configuration, a token for account '%s', and the agent's "
		     "half of both.\n", d, in->account != NULL ? in->account : "default");
	fprintf(out, "1. Start the server:     aditd -c %s/aditd.conf\n", d);
	fprintf(out, "2. Take to the agent:    %s/adit.conf and %s/token (a secret)\n", d, d);
	fprintf(out, "3. Publish a service:    adit tcp 22 --port 10022 -c %s/adit.conf\n", d);
	fprintf(out, "Public ports open on %s; 'bind' in %s/conf.d/50-route-*.conf says where.\n",
		w->loopback ? "127.0.0.1 only" : "all addresses of this host", d);
	fprintf(out, "Agents connect to %s; further tokens: aditd issue -c %s/aditd.conf "
		     "--account NAME\n", w->listen, d);
}

int
server_init(const struct server_init *in, FILE *out, struct err *e)
{
	struct made m = {.in = in, .e = e};
	struct where w;
	int rc = where_parse(in, &w, e);

	if (rc == 0 && in->account != NULL && !name_valid(in->account))
		rc = err_set(e, "--account: expected 1 to %d of A-Z a-z 0-9 . _ -, found '%s'",
			NAME_MAX_LEN, in->account);
	if (rc == 0)
		rc = take_dir(&m);
	if (rc < 0)
		return rc;
	rc = write_files(&m, &w);
	if (rc == 0)
		rc = write_token(&m);
	if (rc < 0) {
		undo(&m);
		return rc;
	}
	keep(&m);
	say_next(in, &w, out);
	return 0;
}
