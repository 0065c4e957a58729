/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The command line of adit-auth-test. Main thread. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/trial_options.h"
#include "tunnel/identity.h"
#include "util/addr.h"
#include "util/compiler.h"
#include "util/units.h"

#define TIMES_MAX 10000000

const char trial_options_help[] =
	"adit-auth-test logs in with one auth plugin, both halves of it, without a server.\n"
	"\n"
	"usage: adit-auth-test [options] ./auth-NAME.so\n"
	"\n"
	"  -s, --server KEY=VALUE  an option of the server's half; several times is a list\n"
	"  -a, --agent KEY=VALUE   an option of the agent's half\n"
	"      --agent-plugin FILE the agent's half is that of another plugin\n"
	"      --name NAME         the agent's name; default test\n"
	"      --method NAME       as the agent says it; default the agent's plugin\n"
	"      --peer ADDRESS      where the link comes from; default 192.0.2.1\n"
	"      --fact KEY=VALUE    what the transport has said about the link\n"
	"      --plain             the link is not encrypted\n"
	"      --renewal           a session that lives logs in again\n"
	"  -m, --message HEX       what the agent sends, in place of an agent's half: once for\n"
	"                          the first message, and once more for each challenge\n"
	"      --message-file FILE the same, the bytes of a file\n"
	"      --wait TIME         how long an answer may take; default 10s\n"
	"      --cancel TIME       the agent leaves so long after it has begun\n"
	"  -n, --times N           so many logins; default 1\n"
	"  -j, --at-once N         so many of them at the same time, up to 64; default 1\n"
	"  -v, --bytes             show all messages\n"
	"      --log-level LEVEL   error, warn, info or debug\n"
	"  -h, --help              this text\n"
	"  -V, --version           the version\n"
	"\n"
	"Exit status: 0 allowed, 1 denied, 2 wrong usage, 3 could not decide, 4 passed on,\n"
	"5 no verdict, 6 the agent's half failed, 78 the plugin or its options are wrong; of\n"
	"several logins the highest. See adit-auth-test(1).\n";

enum {
	OPT_AGENT_PLUGIN = COMMAND_LONG,
	OPT_NAME,
	OPT_METHOD,
	OPT_PEER,
	OPT_FACT,
	OPT_PLAIN,
	OPT_RENEWAL,
	OPT_MESSAGE_FILE,
	OPT_WAIT,
	OPT_CANCEL,
	OPT_LOG_LEVEL,
};

static const struct option long_options[] = {
	{"server", required_argument, NULL, 's'},
	{"agent", required_argument, NULL, 'a'},
	{"agent-plugin", required_argument, NULL, OPT_AGENT_PLUGIN},
	{"name", required_argument, NULL, OPT_NAME},
	{"method", required_argument, NULL, OPT_METHOD},
	{"peer", required_argument, NULL, OPT_PEER},
	{"fact", required_argument, NULL, OPT_FACT},
	{"plain", no_argument, NULL, OPT_PLAIN},
	{"renewal", no_argument, NULL, OPT_RENEWAL},
	{"message", required_argument, NULL, 'm'},
	{"message-file", required_argument, NULL, OPT_MESSAGE_FILE},
	{"wait", required_argument, NULL, OPT_WAIT},
	{"cancel", required_argument, NULL, OPT_CANCEL},
	{"times", required_argument, NULL, 'n'},
	{"at-once", required_argument, NULL, 'j'},
	{"bytes", no_argument, NULL, 'v'},
	{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

/* Splits at the first "=". */
static int
key_value(const char *option, char *word, const char **value_r, struct err *e)
{
	char *eq = strchr(word, '=');

	if (eq == NULL || eq == word)
		return err_set(e, "%s: expected KEY=VALUE, found '%s'", option, word);
	*eq = '\0';
	*value_r = eq + 1;
	return 0;
}

static void
value_add(struct trial_values *all, const char *key, const char *value)
{
	struct option_value *v = NULL;
	const char **list;

	for (size_t i = 0; i < all->n && v == NULL; i++)
		v = strcmp(all->v[i].key, key) == 0 ? &all->v[i] : NULL;
	if (v == NULL) {
		all->v = xrealloc(all->v, (all->n + 1) * sizeof(*all->v));
		v = &all->v[all->n++];
		*v = (struct option_value){.key = key, .type = VALUE_WORD, .str = value};
	}
	list = xrealloc((void *)v->list, (v->n_list + 1) * sizeof(*list));
	list[v->n_list++] = value;
	v->list = list;
	if (v->n_list > 1)
		v->type = VALUE_LIST;
}

static int
take_value(struct trial_values *all, const char *option, char *word, struct err *e)
{
	const char *value = NULL; /* set; gcc does not see it under the thread sanitizer */

	if (key_value(option, word, &value, e) < 0)
		return -EINVAL;
	value_add(all, word, value);
	return 0;
}

static int
take_fact(struct trial_options *o, char *word, struct err *e)
{
	const char *value = NULL; /* set; gcc does not see it under the thread sanitizer */

	if (key_value("--fact", word, &value, e) < 0)
		return -EINVAL;
	if (facts_set(&o->facts, word, value) < 0)
		return err_set(e, "--fact: too long, or too many of them: '%s'", word);
	return 0;
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static int
take_message(struct trial_options *o, const void *data, size_t len, struct err *e)
{
	if (o->n_messages == ARRAY_LEN(o->message))
		return err_set(e, "more than %zu messages, which no login has",
			ARRAY_LEN(o->message));
	if (auth_bytes_set(&o->message[o->n_messages], data, len) < 0)
		return err_set(e, "a message of more than %d bytes, which no agent can send",
			ADIT_AUTH_DATA_MAX);
	o->n_messages++;
	return 0;
}

static int
take_hex(struct trial_options *o, const char *word, struct err *e)
{
	uint8_t data[ADIT_AUTH_DATA_MAX + 1];
	size_t n = strlen(word), i;

	for (i = 0; i < n / 2 && i < sizeof(data); i++) {
		int high = hex_digit(word[2 * i]), low = hex_digit(word[2 * i + 1]);

		if (high < 0 || low < 0)
			break;
		data[i] = (uint8_t)(high << 4 | low);
	}
	if (n % 2 != 0 || (i < n / 2 && i < sizeof(data)))
		return err_set(e, "--message: expected pairs of hexadecimal digits, found '%s'",
			word);
	return take_message(o, data, i, e);
}

static int
take_file(struct trial_options *o, const char *path, struct err *e)
{
	uint8_t data[ADIT_AUTH_DATA_MAX + 1];
	FILE *f = fopen(path, "re");
	bool bad;
	size_t n;

	if (f == NULL)
		return err_set(e, "--message-file: %s: %s", path, strerror(errno));
	n = fread(data, 1, sizeof(data), f);
	bad = ferror(f) != 0;
	fclose(f);
	if (bad)
		return err_set(e, "--message-file: %s: cannot be read", path);
	return take_message(o, data, n, e);
}

static int
take_time(const char *option, const char *word, int64_t *ms_r, struct err *e)
{
	if (units_parse_ms(word, ms_r) < 0)
		return err_set(e, "%s: expected a time such as 30s, found '%s'", option, word);
	return 0;
}

static int
take_count(const char *option, const char *word, int64_t max, int64_t *n_r, struct err *e)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(word, &end, 10);
	if (*word == '\0' || *end != '\0' || errno != 0 || n < 1 || n > max)
		return err_set(e, "%s: expected a number from 1 to %lld, found '%s'", option,
			(long long)max, word);
	*n_r = n;
	return 0;
}

static int
take_name(const char *option, const char *word, const char **name_r, struct err *e)
{
	if (!name_valid(word))
		return err_set(e, "%s: expected 1 to 64 of A-Z a-z 0-9 . _ -, found '%s'", option,
			word);
	*name_r = word;
	return 0;
}

static int
take_level(struct trial_options *o, const char *word, struct err *e)
{
	struct command_log log = {.has_level = false};

	if (command_level(&log, word, e) < 0)
		return -EINVAL;
	o->has_level = true;
	o->level = (int)log.level;
	return 0;
}

static int
take(struct trial_options *o, int opt, char *word, struct err *e)
{
	switch (opt) {
	case 's': return take_value(&o->server_values, "--server", word, e);
	case 'a': return take_value(&o->agent_values, "--agent", word, e);
	case 'm': return take_hex(o, word, e);
	case 'n': return take_count("--times", word, TIMES_MAX, &o->times, e);
	case 'j': return take_count("--at-once", word, TRIAL_AT_ONCE_MAX, &o->at_once, e);
	case 'v': o->bytes = true; return 0;
	case 'h': o->action = TRIAL_HELP; return 0;
	case 'V': o->action = TRIAL_VERSION; return 0;
	case OPT_AGENT_PLUGIN: o->agent_file = word; return 0;
	case OPT_NAME: return take_name("--name", word, &o->agent, e);
	case OPT_METHOD: return take_name("--method", word, &o->method, e);
	case OPT_PEER: o->peer = word; return 0;
	case OPT_FACT: return take_fact(o, word, e);
	case OPT_PLAIN: o->plain = true; return 0;
	case OPT_RENEWAL: o->renewal = true; return 0;
	case OPT_MESSAGE_FILE: return take_file(o, word, e);
	case OPT_WAIT: return take_time("--wait", word, &o->wait_ms, e);
	case OPT_CANCEL: return take_time("--cancel", word, &o->cancel_ms, e);
	case OPT_LOG_LEVEL: return take_level(o, word, e);
	default: return -EINVAL;
	}
}

/* What only all options together can be wrong in. */
static int
check(const struct trial_options *o, int n_left, struct err *e)
{
	struct addr peer;

	if (o->action != TRIAL_RUN)
		return 0;
	if (n_left != 1)
		return err_set(e, n_left == 0 ? "expected the file of a plugin, like ./auth-x.so"
					      : "expected one plugin");
	if (addr_parse(o->peer, 0, &peer) < 0)
		return err_set(e, "--peer: expected a numeric address, found '%s'", o->peer);
	if (o->n_messages > 0 && (o->agent_values.n > 0 || o->agent_file != NULL))
		return err_set(e, "--message stands in place of the agent's half: no --agent then");
	return 0;
}

int
trial_options_parse(int argc, char **argv, struct trial_options *o_r, struct err *e)
{
	struct trial_options o = {.agent = "test", .peer = "192.0.2.1", .wait_ms = 10000,
		.cancel_ms = -1, .times = 1, .at_once = 1};
	int opt, rc = 0;

	opterr = 0;
	while (rc == 0 &&
		(opt = getopt_long(argc, argv, ":s:a:m:n:j:vhV", long_options, NULL)) != -1) {
		if (opt == '?' || opt == ':')
			rc = command_wrong_option(opt, argv[optind - 1], e);
		else
			rc = take(&o, opt, optarg, e);
	}
	if (rc == 0)
		rc = check(&o, argc - optind, e);
	if (rc < 0) {
		trial_options_fini(&o);
		return rc;
	}
	o.file = argv[optind];
	*o_r = o;
	return 0;
}

static void
values_fini(struct trial_values *all)
{
	for (size_t i = 0; i < all->n; i++)
		free((void *)all->v[i].list);
	free(all->v);
}

void
trial_options_fini(struct trial_options *o)
{
	values_fini(&o->server_values);
	values_fini(&o->agent_values);
	facts_fini(&o->facts);
	for (size_t i = 0; i < o->n_messages; i++)
		auth_bytes_wipe(&o->message[i]);
}
