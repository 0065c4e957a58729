/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logins by account and word, against a text file of the server's: an auth plugin to copy from. It
 * may block, so it is on a thread of its own (ADIT_RUN_SERIAL, the default) and needs no locks.
 *
 * The agent sends "ACCOUNT WORD" as it is, so both halves insist on a link that is encrypted. The
 * server's file has one line for each account: ACCOUNT WORD [KEY=VALUE]..., where KEY=VALUE is a
 * grant such as ports=10000-10099. Empty lines and lines that begin with # are skipped. */

#include <adit/auth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1024 * 1024)
#define WORD_MAX 128 /* bytes; WORD_LEAST at least */
#define WORD_LEAST 12
#define GRANTS_MAX 8
#define KEY_MAX 32 /* bytes of a grant's key */
#define NAME_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

struct entry {
	char *account, *word;
	char *grant[GRANTS_MAX]; /* "ports=10000-10099"; NULL behind the last */
};

/* An instance; it does not change once create() has returned. */
struct words {
	char *text; /* the file; at the server entries point into it, at the agent it is sent */
	size_t len;
	struct entry *entry;
	size_t n;
};

/* ---- The server's file ----------------------------------------------------------------------- */

/* Takes one line apart, in place. Returns what is wrong with it, or NULL. */
static const char *
parse_line(char *line, struct entry *e_r)
{
	struct entry e = {.grant = {NULL}};
	char *rest, *grant;
	size_t n = 0, n_key;

	e.account = strtok_r(line, " \t", &rest);
	e.word = strtok_r(NULL, " \t", &rest);
	if (e.word == NULL)
		return "expected ACCOUNT WORD [KEY=VALUE]...";
	if (strlen(e.account) > 64 || e.account[strspn(e.account, NAME_BYTES)] != '\0')
		return "the account must be 1 to 64 of A-Z a-z 0-9 . _ -";
	if (strlen(e.word) < WORD_LEAST || strlen(e.word) > WORD_MAX)
		return "the word must have 12 to 128 letters";
	while ((grant = strtok_r(NULL, " \t", &rest)) != NULL) {
		if (n == GRANTS_MAX)
			return "more than 8 grants";
		n_key = strcspn(grant, "=");
		if (n_key == 0 || n_key > KEY_MAX || grant[n_key] == '\0')
			return "expected KEY=VALUE behind the word";
		e.grant[n++] = grant;
	}
	*e_r = e;
	return NULL;
}

static const struct entry *
find(const struct words *w, const char *account)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->entry[i].account, account) == 0)
			return &w->entry[i];
	return NULL;
}

static int
add_line(struct words *w, const struct adit_conf *conf, const char *path, unsigned number,
	char *line)
{
	struct entry e, *more;
	const char *wrong;

	line[strcspn(line, "\r")] = '\0';
	if (line[strspn(line, " \t")] == '\0' || line[0] == '#')
		return 0;
	wrong = parse_line(line, &e);
	if (wrong == NULL && find(w, e.account) != NULL)
		wrong = "the account is there already";
	if (wrong != NULL)
		return adit_conf_error(conf, "file", "%s:%u: %s", path, number, wrong);
	more = realloc(w->entry, (w->n + 1) * sizeof(*more));
	if (more == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	w->entry = more;
	w->entry[w->n++] = e;
	return 0;
}

static int
parse_file(struct words *w, const struct adit_conf *conf, const char *path)
{
	char *line = w->text, *end;

	for (unsigned number = 1; line != NULL; line = end, number++) {
		end = strchr(line, '\n');
		if (end != NULL)
			*end++ = '\0';
		if (add_line(w, conf, path, number, line) < 0)
			return -1;
	}
	return 0;
}

/* ---- Instances ------------------------------------------------------------------------------- */

static void
destroy(void *inst)
{
	struct words *w = inst;

	if (w->text != NULL)
		adit_secret_free(w->text, w->len);
	free(w->entry);
	free(w);
}

/* The agent's file is the message that it sends: its first line. */
static int
take_login(struct words *w, const struct adit_conf *conf, const char *path)
{
	size_t n = strcspn(w->text, "\r\n");

	memset(w->text + n, 0, w->len - n);
	if (strchr(w->text, ' ') == NULL || n > ADIT_AUTH_DATA_MAX)
		return adit_conf_error(conf, "word_file", "%s:1: expected ACCOUNT WORD", path);
	return 0;
}

static int
create(const struct adit_conf *conf, void **inst_r)
{
	bool server = adit_conf_side(conf) == ADIT_SIDE_SERVER;
	const char *option = server ? "file" : "word_file";
	const char *path = adit_conf_string(conf, option);
	struct words *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	if (path == NULL)
		rc = adit_conf_error(conf, NULL, "option \"%s\" is missing", option);
	else
		rc = adit_conf_secret_file(conf, option, path, FILE_MAX, &w->text, &w->len);
	if (rc == 0)
		rc = server ? parse_file(w, conf, path) : take_login(w, conf, path);
	if (rc < 0) {
		destroy(w);
		return -1;
	}
	*inst_r = w;
	return 0;
}

/* ---- The server's half ----------------------------------------------------------------------- */

static enum adit_verdict
deny(struct adit_auth_req *req, enum adit_cause cause, const char *why)
{
	adit_auth_cause(req, cause);
	adit_auth_reason(req, "%s", why);
	return ADIT_DENY;
}

/* Takes the same time wherever they differ; b's length is the only one that shows. */
static bool
same(const char *a, const char *b, size_t n_b)
{
	size_t n_a = strlen(a);
	unsigned char differ = n_a != n_b;

	for (size_t i = 0; i < n_b; i++)
		differ |= (unsigned char)(a[i < n_a ? i : n_a] ^ b[i]);
	return differ == 0;
}

static enum adit_verdict
allow(struct adit_auth_req *req, const struct entry *e)
{
	if (adit_auth_account(req, e->account) < 0)
		return ADIT_FAIL;
	for (size_t i = 0; i < GRANTS_MAX && e->grant[i] != NULL; i++) {
		char key[KEY_MAX + 1];
		size_t n = strcspn(e->grant[i], "=");

		snprintf(key, sizeof(key), "%.*s", (int)n, e->grant[i]);
		if (adit_auth_grant(req, key, e->grant[i] + n + 1) < 0)
			return ADIT_FAIL;
	}
	return ADIT_ALLOW;
}

/* The message is what a stranger sends: its length and every byte of it are looked at. */
static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	static const struct entry nobody = {.account = "", .word = "as long as many words are"};
	char account[65];
	const struct entry *e;
	size_t len, n = 0;
	const char *data = adit_auth_data(req, &len);

	(void)worker;
	if (!adit_auth_encrypted(req))
		return deny(req, ADIT_CAUSE_UNENCRYPTED, "the link is not encrypted");
	while (n < len && data[n] != ' ')
		n++;
	if (n == 0 || n >= sizeof(account) || n == len || len - n - 1 > WORD_MAX ||
		memchr(data, '\0', len) != NULL)
		return deny(req, ADIT_CAUSE_MALFORMED, "no account and word");
	snprintf(account, sizeof(account), "%.*s", (int)n, data);
	if (adit_auth_attempt(req, account) < 0)
		return ADIT_FAIL;
	e = find(inst, account);
	if (!same(e != NULL ? e->word : nobody.word, data + n + 1, len - n - 1) || e == NULL)
		return deny(req, e != NULL ? ADIT_CAUSE_WRONG : ADIT_CAUSE_UNKNOWN,
			e != NULL ? "another word" : "no such account");
	return allow(req, e);
}

/* ---- The agent's half ------------------------------------------------------------------------ */

static int
prove(const void *inst, struct adit_proof *proof)
{
	const struct words *w = inst;

	if (!adit_proof_encrypted(proof))
		return adit_proof_error(proof, "a word is sent over an encrypted link only");
	return adit_proof_send(proof, w->text, strlen(w->text));
}

/* ---- What the plugin is ---------------------------------------------------------------------- */

static const struct adit_option options[] = {
	{
		.name = "file", .type = ADIT_OPT_PATH, .sides = ADIT_SIDE_SERVER, .required = 1,
		.help = "accounts and words, one line each: ACCOUNT WORD [KEY=VALUE]...",
	},
	{
		.name = "word_file", .type = ADIT_OPT_PATH, .sides = ADIT_SIDE_AGENT, .required = 1,
		.help = "the agent's own line: ACCOUNT WORD",
	},
	{.name = NULL},
};

static const struct adit_auth_ops ops = {
	.size = sizeof(ops),
	.check = check,
	.prove = prove,
};

ADIT_EXPORT const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.name = "auth-word",
	.version = "1",
	.summary = "logins by account and word",
	.options = options,
	.ops = &ops,
	.create = create,
	.destroy = destroy,
};
