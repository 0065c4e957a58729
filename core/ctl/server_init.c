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
#include "ctl/invite.h"
#include "ctl/join_line.h"
#include "plug/loader.h"
#include "tunnel/auth.h"
#include "util/addr.h"
#include "util/compiler.h"
#include "util/file.h"

#define FIRST_INVITE_MS (INT64_C(24) * 3600 * 1000)

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

static const char public_conf[] =
	"\n"
	"# How agents reach this server from outside, for the lines of aditctl invite.\n"
	"public_address = \"%s\";\n";

static const char tls_conf[] =
	"# Agents connect over TLS 1.3; see adit-transport-tls(5).\n"
	"transport-tls = {\n"
	"\t# Numeric addresses; several: listen = [ \"0.0.0.0:7835\", \"[::]:7835\" ];\n"
	"\tlisten = \"%s\";\n"
	"\n"
	"\t# Agents that came by a join line know the pin of this key. Certificates can be\n"
	"\t# renewed with the same key; with another one, every agent has to join again.\n"
	"\tcertificate = \"../server.crt\";\n"
	"\tkey = \"../server.key\";\n"
	"};\n";

static const char ws_conf[] =
	"# On the address of transport-tls: agents may also come as wss://, which passes where\n"
	"# only web traffic does; see adit-transport-ws(5).\n"
	"transport-ws = {\n"
	"\tlisten = \"%s\";\n"
	"};\n";

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
	"\t# One line for each token: made by 'aditd issue', and by the server itself for\n"
	"\t# agents that join. Only the owner may read it.\n"
	"\tfile = \"../state/tokens\";\n"
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
	char *path[16];
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
	char host[ADDR_TEXT_MAX]; /* without port */
	bool loopback;
};

/* Where nothing else is said: for everybody if agents are told a name to reach it by, else for
 * this machine only, to try it out. */
static const char *
default_listen(const struct server_init *in)
{
	if (in->tcp)
		return "127.0.0.1:9000";
	return in->n_hosts > 0 ? "0.0.0.0:7835" : "127.0.0.1:7835";
}

static int
where_parse(const struct server_init *in, struct where *w_r, struct err *e)
{
	const char *text = in->listen != NULL ? in->listen : default_listen(in);
	char host[HOST_MAX + 1];
	struct addr a;
	uint16_t port;

	if (hostport_parse(text, in->tcp ? CONFIG_DEFAULT_PORT : JOIN_PORT, host, &port) < 0 ||
		port == 0 || addr_parse(host, port, &a) < 0)
		return err_set(e, "--listen: expected a numeric address and port like "
				  "127.0.0.1:9000, found '%s'",
			text);
	w_r->loopback = addr_is_loopback(&a);
	if (in->tcp && !w_r->loopback && !in->allow_plain)
		return err_set(e,
			"--listen %s: the link of transport-tcp can be read on its way, so it "
			"stays on loopback; add --allow-plain if the network between is yours",
			text);
	if (!in->tcp && addr_is_any(&a) && in->n_hosts == 0)
		return err_set(e, "--listen %s: by which name do agents reach this server? Say it "
				  "with --host NAME", text);
	addr_text(&a, w_r->listen, sizeof(w_r->listen));
	memcpy(w_r->dial, w_r->listen, sizeof(w_r->dial));
	if (addr_is_any(&a) && addr_parse("127.0.0.1", port, &a) == 0)
		addr_text(&a, w_r->dial, sizeof(w_r->dial));
	addr_host_text(&a, w_r->host, sizeof(w_r->host));
	return 0;
}

static int
check_names(const struct server_init *in, struct err *e)
{
	char host[HOST_MAX + 1];
	uint16_t port;

	if (in->account != NULL && !name_valid(in->account))
		return err_set(e, "--account: expected 1 to %d of A-Z a-z 0-9 . _ -, found '%s'",
			NAME_MAX_LEN, in->account);
	for (size_t i = 0; i < in->n_hosts; i++)
		if (invite_address(in->host[i], host, &port) < 0)
			return err_set(e, "--host: expected a name or an address, and maybe :port, "
					  "found '%.80s'", in->host[i]);
	return 0;
}

/* --- files of the transport --- */

static int
write_tcp(struct made *m, const struct where *w)
{
	int rc = make_filled(m, "conf.d/50-transport-tcp.conf", transport_conf, w->listen,
		w->loopback ? "#" : "");

	return rc < 0 ? rc : make_filled(m, "adit.conf", adit_conf, w->dial,
				     w->loopback ? "" : agent_plain);
}

static int
load_plugin(const struct made *m, const char *name, const struct plugin **p_r, struct err *e)
{
	const char *given = m->in->plugin_dir != NULL ? m->in->plugin_dir : ADIT_PLUGINDIR;
	char *dir = realpath(given, NULL);
	int rc;

	if (dir == NULL)
		return err_set(e, "%s: %s", given, strerror(errno));
	rc = loader_load(dir, name, p_r, e);
	free(dir);
	return rc;
}

#define HOSTS_MAX 16
#define PEM_MAX 16384

/* The names that the certificate is for. It is by its pin that agents know it; the names are for
 * other programs that look at it. */
static int
make_certificate(struct made *m, const struct where *w)
{
	char certificate[PEM_MAX], key[PEM_MAX], host[HOSTS_MAX][HOST_MAX + 1];
	const char *names[HOSTS_MAX + 1] = {w->host, NULL};
	const struct plugin *tls = NULL;
	uint16_t port;
	int rc = load_plugin(m, "transport-tls", &tls, m->e);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < m->in->n_hosts && i < HOSTS_MAX; i++)
		if (invite_address(m->in->host[i], host[i], &port) == 0) {
			names[i] = host[i];
			names[i + 1] = NULL;
		}
	if (tls->ops.transport.make_certificate == NULL ||
		tls->ops.transport.make_certificate(names, certificate, key, PEM_MAX) != 0)
		return err_set(m->e, "transport-tls cannot make a certificate");
	rc = make_file(m, "server.crt", 0600, certificate);
	if (rc == 0)
		rc = make_file(m, "server.key", 0600, key);
	explicit_bzero(key, sizeof(key));
	return rc;
}

static int
write_tls(struct made *m, const struct where *w)
{
	const struct plugin *ws;
	int rc = make_certificate(m, w);

	if (rc == 0)
		rc = make_filled(m, "conf.d/50-transport-tls.conf", tls_conf, w->listen);
	if (rc == 0 && load_plugin(m, "transport-ws", &ws, NULL) == 0)
		rc = make_filled(m, "conf.d/50-transport-ws.conf", ws_conf, w->listen);
	return rc;
}

/* --- all files --- */

static int
write_files(struct made *m, const struct where *w)
{
	const char *bind = w->loopback ? "127.0.0.1" : "0.0.0.0";
	const char *public = m->in->n_hosts > 0 ? m->in->host[0] : NULL;
	char *said = public != NULL ? xasprintf(public_conf, public) : xstrdup("");
	int rc = make_filled(m, "aditd.conf", "%s%s", aditd_conf, said);

	free(said);
	if (rc == 0)
		rc = make_dir(m, "conf.d");
	if (rc == 0)
		rc = m->in->tcp ? write_tcp(m, w) : write_tls(m, w);
	if (rc == 0)
		rc = make_file(m, "conf.d/50-auth-token.conf", 0600, auth_conf);
	if (rc == 0)
		rc = make_filled(m, "conf.d/50-route-port.conf", route_conf, bind);
	if (rc == 0)
		rc = make_filled(m, "conf.d/50-route-udp.conf", route_udp_conf, bind);
	if (rc == 0)
		rc = make_dir(m, "state");
	if (rc == 0)
		rc = make_file(m, "state/tokens", 0600, "");
	return rc;
}

/* Lets the plugin make the token that the agent gets; the server's half is in "tokens" then. */
static int
write_token(struct made *m, const struct server_conf *conf)
{
	struct adit_issue issue = {
		.account = m->in->account != NULL ? m->in->account : "default",
	};
	int rc;

	if (auth_issue(&conf->modules, &issue) < 0)
		rc = err_set(m->e, "%s", issue.error);
	else
		rc = make_filled(m, "token", "%s\n", issue.secret);
	issue_fini(&issue);
	return rc;
}

/* Reads it all back and makes the first credential: a token, or the invite of *line_r. */
static int
make_credential(struct made *m, char **line_r)
{
	const struct invite_ask ask = {.account = m->in->account, .valid_ms = FIRST_INVITE_MS};
	struct server_conf *conf;
	int rc = server_config_load(m->path[0], m->in->plugin_dir, &conf, NULL, m->e);

	if (rc < 0)
		return rc;
	rc = m->in->tcp ? write_token(m, conf) : invite_make(conf, &ask, line_r, m->e);
	server_conf_unref(conf);
	return rc;
}

/* --- what is said --- */

static void
say_tcp(const struct server_init *in, const struct where *w, FILE *out)
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

static void
say_tls(const struct server_init *in, const struct where *w, const char *line, FILE *out)
{
	const char *d = in->dir;

	fprintf(out, "Written to %s: a configuration, a key, and a certificate for ten years.\n",
		d);
	fprintf(out, "1. Start the server:     aditd -c %s/aditd.conf\n", d);
	fprintf(out, "2. On the agent's host:  adit join '%s'\n", line);
	fprintf(out, "3. Publish a service:    adit tcp 22 --port 10022\n");
	fprintf(out, "The line is good for one agent, once, within 24 hours, and a secret until "
		     "then; another: aditctl invite -c %s/aditd.conf\n", d);
	fprintf(out, "Public ports open on %s; 'bind' in %s/conf.d/50-route-*.conf says where.\n",
		w->loopback ? "127.0.0.1 only" : "all addresses of this host", d);
}

int
server_init(const struct server_init *in, FILE *out, struct err *e)
{
	struct made m = {.in = in, .e = e};
	struct where w;
	char *line = NULL;
	int rc = where_parse(in, &w, e);

	if (rc == 0)
		rc = check_names(in, e);
	if (rc == 0)
		rc = take_dir(&m);
	if (rc < 0)
		return rc;
	rc = write_files(&m, &w);
	if (rc == 0)
		rc = make_credential(&m, &line);
	if (rc < 0) {
		undo(&m);
		return rc;
	}
	keep(&m);
	if (in->tcp)
		say_tcp(in, &w, out);
	else
		say_tls(in, &w, line, out);
	if (line != NULL)
		explicit_bzero(line, strlen(line));
	free(line);
	return 0;
}
