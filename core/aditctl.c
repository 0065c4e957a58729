/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* aditctl: asks a running aditd through its control socket (core/ctl/control.h), and shows what it
 * answers, as a person or, with --json, as a program wants it. One request, one answer; blocks. */

#include <config.h>

#include <adit/version.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl/command.h"
#include "ctl/control_call.h"
#include "ctl/control_path.h"
#include "io/local.h"
#include "util/units.h"

#define ANSWER_S 60          /* the server may be at a reload */
#define ANSWER_MAX (256u << 20)

struct options {
	const char *file, *control, *command, *agent;
	char *word[CONTROL_ARGS_MAX]; /* of the request, behind its name */
	size_t n_words;
	bool json;
};

static const char help[] =
	"aditctl controls the aditd that runs on this host.\n"
	"\n"
	"usage: aditctl [-c FILE] [--json] COMMAND\n"
	"\n"
	"       status                   version, uptime, sessions, listeners\n"
	"       agents [--account NAME]  who is logged in\n"
	"       invite [--expires 1h] [--account NAME] [--host NAME[:PORT]]\n"
	"              [--grant KEY=VALUE]...\n"
	"                                print a join line, for: adit join 'LINE'\n"
	"       kick AGENT [--account NAME]\n"
	"                                end an agent's sessions; it may log in again\n"
	"       reload                   read the configuration anew\n"
	"\n"
	"  -c, --config FILE       the server's; default " ADIT_SYSCONFDIR "/adit/aditd.conf\n"
	"      --control PATH      the server's socket, if not where FILE says\n"
	"      --account NAME      default of invite: \"default\"\n"
	"      --expires TIME      how long the line can be used, 1s to 30d; default 1h\n"
	"      --host NAME[:PORT]  how agents reach the server; default public_address of FILE\n"
	"      --grant KEY=VALUE   a right, such as ports=443 or agent=web1\n"
	"      --json              print the server's answer as JSON\n"
	"  -h, --help              this text\n"
	"  -V, --version           the version\n"
	"\n"
	"Exit status: 0 done, 1 refused, 2 wrong usage, 69 no server answers. See aditctl(8).\n";

enum { OPT_CONTROL = COMMAND_LONG, OPT_ACCOUNT, OPT_EXPIRES, OPT_HOST, OPT_GRANT, OPT_JSON };

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"control", required_argument, NULL, OPT_CONTROL},
	{"account", required_argument, NULL, OPT_ACCOUNT},
	{"expires", required_argument, NULL, OPT_EXPIRES},
	{"host", required_argument, NULL, OPT_HOST},
	{"grant", required_argument, NULL, OPT_GRANT},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static int
complain(const struct err *e, int status)
{
	return command_complain("aditctl", e, status);
}

/* ---- Command line ---------------------------------------------------------------------------- */

/* Which options a command takes, as the keys of its request. */
static const struct {
	const char *name, *keys;
} commands[] = {
	{"status", ""},
	{"agents", "account"},
	{"invite", "account expires host grant"},
	{"kick", "account"},
	{"reload", ""},
};

static int
add_word(struct options *o, const char *key, const char *value, struct err *e)
{
	if (o->n_words == CONTROL_ARGS_MAX)
		return err_set(e, "too many options");
	o->word[o->n_words++] = control_word(key, value);
	return 0;
}

/* 1: nothing else is to be done. */
static int
take_option(int opt, struct options *o, struct err *e)
{
	switch (opt) {
	case 'c':
		o->file = optarg;
		return 0;
	case OPT_CONTROL:
		o->control = optarg;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_ACCOUNT:
		return add_word(o, "account", optarg, e);
	case OPT_EXPIRES:
		return add_word(o, "expires", optarg, e);
	case OPT_HOST:
		return add_word(o, "host", optarg, e);
	case OPT_GRANT:
		return add_word(o, "grant", optarg, e);
	case 'h':
		fputs(help, stdout);
		return 1;
	default: /* 'V' */
		puts("aditctl " ADIT_VERSION);
		return 1;
	}
}

static int
check_words(const struct options *o, const char *keys, struct err *e)
{
	for (size_t i = 0; i < o->n_words; i++) {
		size_t n = strcspn(o->word[i], "=");
		char key[32];

		snprintf(key, sizeof(key), "%.*s", (int)n, o->word[i]);
		if (strstr(keys, key) == NULL)
			return err_set(e, "--%s does not belong to %s", key, o->command);
	}
	return 0;
}

static int
take_command(int argc, char **argv, struct options *o, struct err *e)
{
	const char *names[ARRAY_LEN(commands) + 1] = {NULL}, *near;
	size_t i;

	if (argc == 0)
		return err_set(e, "a command is missing: status, agents, invite, kick or reload");
	for (i = 0; i < ARRAY_LEN(commands) && strcmp(commands[i].name, argv[0]) != 0; i++)
		names[i] = commands[i].name;
	if (i == ARRAY_LEN(commands)) {
		near = units_nearest(argv[0], names);
		return near != NULL ? err_set(e, "no command '%s'; did you mean '%s'?", argv[0],
					      near)
				    : err_set(e, "no command '%s'", argv[0]);
	}
	o->command = argv[0];
	if (check_words(o, commands[i].keys, e) < 0)
		return -EINVAL;
	if (strcmp(o->command, "kick") != 0)
		return argc == 1 ? 0 : err_set(e, "unexpected '%s'", argv[1]);
	if (argc != 2)
		return err_set(e, "kick needs one agent: aditctl kick NAME");
	o->agent = argv[1];
	return add_word(o, "agent", argv[1], e);
}

/* 0, 1 when all is done, or -EINVAL. */
static int
parse(int argc, char **argv, struct options *o, struct err *e)
{
	int opt, rc = 0;

	opterr = 0;
	while (rc == 0 && (opt = getopt_long(argc, argv, ":c:hV", long_options, NULL)) != -1) {
		if (opt == ':' || opt == '?')
			rc = command_wrong_option(opt, argv[optind - 1], e);
		else
			rc = take_option(opt, o, e);
	}
	return rc != 0 ? rc : take_command(argc - optind, argv + optind, o, e);
}

/* ---- The server ------------------------------------------------------------------------------ */

static int
send_request(int fd, const struct options *o)
{
	FILE *f = fdopen(dup(fd), "w");
	int rc;

	if (f == NULL)
		return -errno;
	fputs(o->command, f);
	for (size_t i = 0; i < o->n_words; i++)
		fprintf(f, " %s", o->word[i]);
	fputc('\n', f);
	rc = ferror(f) ? -EIO : 0;
	return fclose(f) == 0 ? rc : -errno;
}

/* The answer's line, terminated; free with free(). */
static int
read_answer(int fd, char **line_r, size_t *n_r)
{
	size_t cap = 4096, n = 0;
	char *line = xmalloc(cap);

	for (;;) {
		ssize_t got = recv(fd, line + n, cap - 1 - n, 0);
		char *nl;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || cap > ANSWER_MAX) {
			free(line);
			return got < 0 ? -errno : -ECONNRESET;
		}
		nl = memchr(line + n, '\n', (size_t)got);
		n += (size_t)got;
		if (nl != NULL) {
			*nl = '\0';
			*line_r = line;
			*n_r = (size_t)(nl - line);
			return 0;
		}
		if (n + 1 == cap) {
			cap *= 2;
			line = xrealloc(line, cap);
		}
	}
}

static int
ask(const struct options *o, const char *path, char **line_r, size_t *n_r, struct err *e)
{
	const struct timeval patience = {.tv_sec = ANSWER_S};
	int fd = local_connect(path), rc;

	if (fd < 0) {
		err_set(e, "no aditd answers at %s: %s", path, strerror(-fd));
		return fd;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	rc = send_request(fd, o);
	if (rc == 0)
		rc = read_answer(fd, line_r, n_r);
	close(fd);
	if (rc < 0)
		err_set(e, "aditd at %s gave no answer: %s", path,
			rc == -EAGAIN ? "it took too long" : strerror(-rc));
	return rc;
}

/* ---- What is shown --------------------------------------------------------------------------- */

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static int64_t
number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void
show_list(const char *label, const json_t *list)
{
	const json_t *one;
	size_t i;

	printf("%-11s", label);
	json_array_foreach(list, i, one)
		printf("%s%s", i > 0 ? ", " : "", json_string_value(one));
	putchar('\n');
}

/* "auth-token: 3 accepted, 1 wrong", one line for each plugin. */
static void
show_logins(const json_t *list)
{
	const json_t *row, *n;
	const char *word;
	size_t i;

	json_array_foreach(list, i, row) {
		const char *before = ": ";

		printf("%-11s%s", i == 0 ? "logins" : "", text_of(row, "plugin"));
		json_object_foreach((json_t *)(uintptr_t)row, word, n) {
			if (!json_is_integer(n) || json_integer_value(n) == 0)
				continue;
			printf("%s%" PRId64 " %s", before, (int64_t)json_integer_value(n), word);
			before = ", ";
		}
		putchar('\n');
	}
}

static void
show_status(const json_t *a)
{
	const json_t *t = json_object_get(a, "totals");
	char up[40], rx[40], tx[40];

	printf("aditd      %s, process %" PRId64 "%s\n", text_of(a, "version"),
		number_of(a, "pid"),
		json_is_true(json_object_get(a, "draining")) ? ", draining" : "");
	printf("up         %s\n", units_ms_human(number_of(a, "uptime_ms"), up, sizeof(up)));
	printf("config     %s\n", text_of(a, "config"));
	show_list("listeners", json_object_get(a, "listeners"));
	show_list("plugins", json_object_get(a, "plugins"));
	printf("workers    %" PRId64 "\n", number_of(a, "workers"));
	printf("sessions   %" PRId64 " now, %" PRId64 " since start, of %" PRId64 " links\n",
		number_of(a, "sessions"), number_of(t, "sessions"), number_of(t, "links"));
	printf("clients    %" PRId64 " since start, %s from them, %s to them\n",
		number_of(t, "clients"),
		units_size_human((uint64_t)number_of(t, "rx_bytes"), rx, sizeof(rx)),
		units_size_human((uint64_t)number_of(t, "tx_bytes"), tx, sizeof(tx)));
	show_logins(json_object_get(a, "logins"));
}

#define COLUMNS 8

static void
row_of(const json_t *a, char cell[COLUMNS][160])
{
	int64_t member = number_of(a, "member");
	char since[40];

	snprintf(cell[0], 160, "%s", text_of(a, "account"));
	if (member > 1)
		snprintf(cell[1], 160, "%s (%" PRId64 ")", text_of(a, "agent"), member);
	else
		snprintf(cell[1], 160, "%s", text_of(a, "agent"));
	snprintf(cell[2], 160, "%s", text_of(a, "address"));
	snprintf(cell[3], 160, "%s%s", text_of(a, "transport"),
		json_is_true(json_object_get(a, "detached")) ? ", away" : "");
	snprintf(cell[4], 160, "%s",
		units_ms_human(number_of(a, "since_ms"), since, sizeof(since)));
	snprintf(cell[5], 160, "%s",
		number_of(a, "expires_ms") == 0 ? "-"
						: units_ms_human(number_of(a, "expires_ms"), since,
							  sizeof(since)));
	snprintf(cell[6], 160, "%" PRId64, number_of(a, "tunnels"));
	snprintf(cell[7], 160, "%" PRId64, number_of(a, "streams"));
}

static void
show_row(char cell[COLUMNS][160], const int width[COLUMNS])
{
	for (int i = 0; i < COLUMNS - 1; i++)
		printf("%-*s  ", width[i], cell[i]);
	printf("%s\n", cell[COLUMNS - 1]);
}

static void
show_agents(const json_t *a)
{
	static char head[COLUMNS][160] = {"ACCOUNT", "AGENT", "FROM", "LINK", "FOR", "ENDS IN",
		"TUNNELS", "STREAMS"};
	const json_t *list = json_object_get(a, "agents"), *one;
	char cell[COLUMNS][160];
	int width[COLUMNS];
	size_t k;

	for (int i = 0; i < COLUMNS; i++)
		width[i] = (int)strlen(head[i]);
	json_array_foreach(list, k, one) {
		row_of(one, cell);
		for (int i = 0; i < COLUMNS; i++)
			width[i] = MAX(width[i], (int)strlen(cell[i]));
	}
	show_row(head, width);
	json_array_foreach(list, k, one) {
		row_of(one, cell);
		show_row(cell, width);
	}
}

/* The line alone goes to stdout, so that it can be piped: to adit join -, for instance. */
static void
show_invite(const json_t *a)
{
	char text[40];

	puts(text_of(a, "line"));
	fprintf(stderr, "aditctl: for one agent, once, within %s; a secret until then\n",
		units_ms_human(number_of(a, "valid_ms"), text, sizeof(text)));
}

static void
show(const struct options *o, const json_t *a)
{
	char text[40];

	if (strcmp(o->command, "status") == 0)
		show_status(a);
	else if (strcmp(o->command, "agents") == 0)
		show_agents(a);
	else if (strcmp(o->command, "invite") == 0)
		show_invite(a);
	else if (strcmp(o->command, "kick") == 0)
		printf("%s of agent %s ended\n",
			units_count((uint64_t)number_of(a, "sessions"), "session", text,
				sizeof(text)),
			o->agent);
	else
		printf("reloaded %s\n", text_of(a, "config"));
}

/* ---- main ------------------------------------------------------------------------------------ */

static int
run(const struct options *o, const char *path)
{
	char *line = NULL;
	int status = EXIT_GOOD;
	struct err e;
	json_t *a;
	size_t n = 0; /* some compilers cannot see that ask() sets it */

	if (path[0] == '\0') {
		err_set(&e, "%s says that the server has no control socket", o->file);
		return complain(&e, EX_UNAVAILABLE);
	}
	if (ask(o, path, &line, &n, &e) < 0)
		return complain(&e, EX_UNAVAILABLE);
	a = json_loadb(line, n, 0, NULL);
	if (!json_is_object(a)) {
		err_set(&e, "aditd at %s gave an answer that is none", path);
		status = complain(&e, EXIT_FAILED);
	} else if (!json_is_true(json_object_get(a, "ok"))) {
		err_set(&e, "%s", text_of(a, "error"));
		status = o->json ? EXIT_FAILED : complain(&e, EXIT_FAILED);
	}
	if (o->json && a != NULL)
		puts(line);
	else if (status == EXIT_GOOD)
		show(o, a);
	json_decref(a);
	explicit_bzero(line, n);
	free(line);
	return status;
}

int
main(int argc, char **argv)
{
	struct options o = {.file = ADIT_SYSCONFDIR "/adit/aditd.conf"};
	int status = EXIT_GOOD;
	struct err e;
	char *path;
	int rc = parse(argc, argv, &o, &e);

	signal(SIGPIPE, SIG_IGN); /* a server that closes at once is told as an error */
	if (rc < 0) {
		complain(&e, EXIT_USAGE);
		fputs("aditctl: see aditctl --help\n", stderr);
		status = EXIT_USAGE;
	} else if (rc == 0) {
		path = o.control != NULL ? xstrdup(o.control) : control_path_find(o.file);
		status = run(&o, path);
		free(path);
	}
	while (o.n_words > 0)
		free(o.word[--o.n_words]);
	return command_printed("aditctl", status);
}
