/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logins by token, which is proved and never sent; the server keeps what can check a proof but not
 * make one. On the session's worker: two HMACs and a hash block nobody. Instances are constant.
 *
 * Every failed login takes the same way: an unknown ID is checked against keys that nobody has, and
 * all end in the same DENY. */

#include <adit/auth.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "token.h"
#include "tokens.h"

#define FILE_MAX (16u << 20)
#define TOKEN_FILE_MAX 4096u
#define LINE_MAX_LEN 40000u /* an ID, a name, two keys and as many grants as there can be */

struct instance {
	/* Server */
	char *path;
	struct tokens tokens;
	struct token nobody; /* in place of a token that is not there */
	/* Agent */
	char id[TOKEN_ID + 1];
	struct token_keys keys;
};

/* ---- Instances ------------------------------------------------------------------------------- */

static void
destroy(void *p)
{
	struct instance *inst = p;

	if (inst == NULL)
		return;
	tokens_fini(&inst->tokens);
	free(inst->path);
	gnutls_memset(inst, 0, sizeof(*inst));
	free(inst);
}

/* The last word of the file that is not a comment. */
static char *
token_text(char *text)
{
	char *found = NULL;

	while (text != NULL) {
		char *line = strsep(&text, "\n");

		line += strspn(line, " \t\r");
		line[strcspn(line, " \t\r#")] = '\0';
		if (*line != '\0' && found != NULL)
			return NULL;
		if (*line != '\0')
			found = line;
	}
	return found != NULL ? found : (char *)"";
}

static int
create_agent(const struct adit_conf *conf, struct instance *inst)
{
	const char *path = adit_conf_string(conf, "token_file"), *wrong;
	uint8_t secret[TOKEN_KEY];
	char *text, *token;
	size_t len;
	int rc = 0;

	if (adit_conf_secret_file(conf, "token_file", path, TOKEN_FILE_MAX, &text, &len) < 0)
		return -1;
	token = token_text(text);
	wrong = token != NULL ? token_parse(token, inst->id, secret) : "holds more than one token";
	if (wrong != NULL)
		rc = adit_conf_error(conf, "token_file", "%s %s", path, wrong);
	else if (token_derive(secret, &inst->keys) < 0)
		rc = adit_conf_error(conf, NULL, "HMAC-SHA256 is not to be had");
	gnutls_memset(secret, 0, sizeof(secret));
	adit_secret_free(text, len);
	return rc;
}

static int
create_server(const struct adit_conf *conf, struct instance *inst)
{
	struct tokens_error why = {.line = 0};
	char *text;
	size_t len;
	struct stat st;
	int rc;

	inst->path = strdup(adit_conf_string(conf, "file"));
	if (inst->path == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	adit_random(inst->nobody.stored, TOKEN_KEY);
	adit_random(inst->nobody.server, TOKEN_KEY);
	if (stat(inst->path, &st) < 0 && errno == ENOENT) {
		adit_log(&adit_plugin, ADIT_LOG_WARN,
			"%s is not there: nobody can log in before aditd issue has made a token",
			inst->path);
		return 0;
	}
	if (adit_conf_secret_file(conf, "file", inst->path, FILE_MAX, &text, &len) < 0)
		return -1;
	if (strlen(text) != len)
		rc = adit_conf_error(conf, "file", "%s: has a zero byte in it", inst->path);
	else
		rc = tokens_parse(text, &inst->tokens, &why);
	if (rc < 0 && why.line > 0)
		adit_conf_error(conf, "file", "%s:%d: %s", inst->path, why.line, why.text);
	else if (rc < 0 && why.text[0] != '\0')
		adit_conf_error(conf, "file", "%s: %s", inst->path, why.text);
	adit_secret_free(text, len);
	return rc;
}

static int
create(const struct adit_conf *conf, void **inst_r)
{
	struct instance *inst = calloc(1, sizeof(*inst));
	int rc;

	if (inst == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	rc = adit_conf_side(conf) == ADIT_SIDE_SERVER ? create_server(conf, inst)
						      : create_agent(conf, inst);
	if (rc < 0) {
		destroy(inst);
		return -1;
	}
	*inst_r = inst;
	return 0;
}

/* ---- Server ---------------------------------------------------------------------------------- */

static enum adit_verdict
welcome(struct adit_auth_req *req, const struct token *t, const uint8_t proof[TOKEN_KEY])
{
	if (adit_auth_account(req, t->account) < 0 ||
		(t->agent[0] != '\0' && adit_auth_rename(req, t->agent) < 0) ||
		adit_auth_reply(req, proof, TOKEN_KEY) < 0)
		return ADIT_FAIL;
	for (size_t i = 0; i < t->n_grants; i++) {
		const char *key = t->grant[i];

		if (adit_auth_grant(req, key, key + strlen(key) + 1) < 0) {
			adit_auth_reason(req, "token %s: the grant %s is not taken", t->id, key);
			return ADIT_FAIL;
		}
	}
	return ADIT_ALLOW;
}

static enum adit_verdict
check(const void *p, void *worker, struct adit_auth_req *req)
{
	const struct instance *inst = p;
	uint8_t msg[TOKEN_MESSAGE_MAX], server_proof[TOKEN_KEY];
	const struct token *found, *t;
	const uint8_t *data;
	size_t len, n;
	bool expired;
	int right;

	(void)worker;
	data = adit_auth_data(req, &len);
	if (len != TOKEN_ID + TOKEN_KEY || !token_id_valid((const char *)data)) {
		adit_auth_reason(req, "a message that this method does not have");
		return ADIT_DENY;
	}
	found = tokens_find(&inst->tokens, (const char *)data);
	t = found != NULL ? found : &inst->nobody;
	n = token_message(adit_auth_nonce(req, ADIT_SIDE_AGENT),
		adit_auth_nonce(req, ADIT_SIDE_SERVER), (const char *)data, adit_auth_agent(req),
		msg);
	right = token_verify(t->stored, msg, n, data + TOKEN_ID);
	if (token_server_proof(t->server, msg, n, server_proof) < 0 || right < 0) {
		adit_auth_reason(req, "HMAC-SHA256 failed");
		return ADIT_FAIL;
	}
	expired = t->expires != 0 && time(NULL) >= t->expires;
	if (found != NULL && right == 1 && !expired)
		return welcome(req, t, server_proof);
	adit_auth_reason(req, "token %.*s %s", TOKEN_ID, (const char *)data,
		found == NULL ? "is not known"
		: right == 0  ? "was not proved"
			      : "has expired");
	return ADIT_DENY;
}

/* ---- Agent ----------------------------------------------------------------------------------- */

static size_t
proof_message(const struct instance *inst, const struct adit_proof *proof,
	uint8_t msg[TOKEN_MESSAGE_MAX])
{
	return token_message(adit_proof_nonce(proof, ADIT_SIDE_AGENT),
		adit_proof_nonce(proof, ADIT_SIDE_SERVER), inst->id, adit_proof_agent(proof), msg);
}

static int
prove(const void *p, struct adit_proof *proof)
{
	const struct instance *inst = p;
	uint8_t msg[TOKEN_MESSAGE_MAX], out[TOKEN_ID + TOKEN_KEY];

	if (adit_proof_step(proof) > 0)
		return adit_proof_error(proof, "the server asks for more than a token can give");
	memcpy(out, inst->id, TOKEN_ID);
	if (token_proof(&inst->keys, msg, proof_message(inst, proof, msg), out + TOKEN_ID) < 0)
		return adit_proof_error(proof, "HMAC-SHA256 failed");
	return adit_proof_send(proof, out, sizeof(out));
}

static int
confirm(const void *p, struct adit_proof *proof)
{
	const struct instance *inst = p;
	uint8_t msg[TOKEN_MESSAGE_MAX], want[TOKEN_KEY];
	const uint8_t *data;
	size_t len;

	if (token_server_proof(inst->keys.server, msg, proof_message(inst, proof, msg), want) < 0)
		return adit_proof_error(proof, "HMAC-SHA256 failed");
	data = adit_proof_data(proof, &len);
	if (len != TOKEN_KEY || !token_equal(data, want))
		return adit_proof_error(proof,
			"the server does not know the token: it is not the right server");
	return 0;
}

/* ---- Command line ---------------------------------------------------------------------------- */

/* The server's line for the keys, with what was asked for. */
static int
line_format(struct adit_issue *issue, const char *id, const struct token_keys *k, char *line)
{
	char stored[2 * TOKEN_KEY + 1], server[2 * TOKEN_KEY + 1];
	const char *word;
	struct tokens_error why;
	size_t n;

	token_hex(k->stored, stored);
	token_hex(k->server, server);
	n = (size_t)snprintf(line, LINE_MAX_LEN, "%s %s %s %s", id, adit_issue_account(issue),
		stored, server);
	for (size_t i = 0; (word = adit_issue_grant(issue, i)) != NULL; i++) {
		if (tokens_check_word(word, &why) < 0)
			return adit_issue_error(issue, "%s", why.text);
		if (i >= TOKENS_GRANTS)
			return adit_issue_error(issue, "more than %d grants", TOKENS_GRANTS);
		n += (size_t)snprintf(line + n, LINE_MAX_LEN - n, " %s", word);
	}
	snprintf(line + n, LINE_MAX_LEN - n, "\n");
	return 0;
}

/* The line must be one that create() takes. */
static int
line_check(struct adit_issue *issue, const char *line)
{
	char *copy = strdup(line);
	struct tokens tokens;
	struct tokens_error why;
	int rc;

	if (copy == NULL)
		return adit_issue_error(issue, "out of memory");
	rc = tokens_parse(copy, &tokens, &why);
	free(copy);
	if (rc < 0)
		return adit_issue_error(issue, "%s", why.text);
	tokens_fini(&tokens);
	return 0;
}

static int
issue_with(const struct instance *inst, struct adit_issue *issue, const uint8_t secret[TOKEN_KEY],
	char *line)
{
	char id[TOKEN_ID + 1], text[TOKEN_LENGTH + 1];
	struct token_keys keys;
	uint8_t random[5];
	int rc;

	do {
		adit_random(random, sizeof(random));
		token_id_format(random, id);
	} while (tokens_find(&inst->tokens, id) != NULL);
	if (token_derive(secret, &keys) < 0 || token_format(id, secret, text) < 0)
		return adit_issue_error(issue, "HMAC-SHA256 is not to be had");
	if (line_format(issue, id, &keys, line) < 0 || line_check(issue, line) < 0)
		return -1;
	rc = tokens_append(inst->path, line);
	if (rc < 0)
		return adit_issue_error(issue, "%s: %s", inst->path, strerror(-rc));
	adit_issue_secret(issue, text);
	adit_issue_stored(issue, inst->path);
	gnutls_memset(&keys, 0, sizeof(keys));
	gnutls_memset(text, 0, sizeof(text));
	return 0;
}

static int
issue_token(const void *p, struct adit_issue *issue)
{
	const struct instance *inst = p;
	uint8_t secret[TOKEN_KEY];
	char *line;
	int rc;

	if (!tokens_name_valid(adit_issue_account(issue)))
		return adit_issue_error(issue,
			"\"%.64s\" is not an account: 1 to 64 letters, digits, . _ -",
			adit_issue_account(issue));
	line = malloc(LINE_MAX_LEN);
	if (line == NULL)
		return adit_issue_error(issue, "out of memory");
	adit_random(secret, sizeof(secret));
	rc = issue_with(inst, issue, secret, line);
	gnutls_memset(secret, 0, sizeof(secret));
	free(line);
	return rc;
}

/* ---- The plugin ------------------------------------------------------------------------------ */

static const struct adit_option options[] = {
	{
		.name = "file",
		.type = ADIT_OPT_PATH,
		.sides = ADIT_SIDE_SERVER,
		.dflt = "tokens",
		.help = "the server's file of tokens, which aditd issue adds to",
	},
	{
		.name = "token_file",
		.type = ADIT_OPT_PATH,
		.sides = ADIT_SIDE_AGENT,
		.required = 1,
		.help = "the file with the agent's token",
	},
	{.name = NULL},
};

static const struct adit_auth_ops ops = {
	.size = sizeof(ops),
	.check = check,
	.prove = prove,
	.confirm = confirm,
	.issue = issue_token,
};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_LOOP,
	.name = "auth-token",
	.version = "1",
	.summary = "logins by a secret token that never travels",
	.options = options,
	.ops = &ops,
	.create = create,
	.destroy = destroy,
};
