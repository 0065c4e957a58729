/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logins by token, which is proved and never sent; the server keeps what can check a proof but not
 * make one. On the session's worker: two HMACs and a hash block nobody. Instances are constant, but
 * for the server's book of tokens, which has its own locks.
 *
 * A join is a login by invite: the agent makes a secret and sends the server's half of it along
 * with the proof. The book's thread puts it in the place of the invite, and answers.
 *
 * Every failed login takes the same way: an unknown ID is checked against keys that nobody has, and
 * all are answered in the same way. */

#include <adit/auth.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/word.h"
#include "book.h"
#include "token.h"
#include "tokens_file.h"

#define TOKEN_FILE_MAX 4096u
#define LOGIN_SIZE (TOKEN_ID + TOKEN_KEY)      /* an ID and a proof */
#define JOIN_SIZE (LOGIN_SIZE + 2 * TOKEN_KEY) /* the new token's keys behind them */

struct instance {
	/* Server */
	struct book *book;
	struct token nobody; /* in place of a token that is not there */
	/* Agent */
	char id[TOKEN_ID + 1];
	struct token_keys keys;
	/* An invite: what it shall become. */
	bool joins;
	uint8_t fresh[TOKEN_KEY];
	struct token_keys fresh_keys;
};

/* ---- Instances ------------------------------------------------------------------------------- */

static void
destroy(void *p)
{
	struct instance *inst = p;

	if (inst == NULL)
		return;
	if (inst->book != NULL)
		book_close(inst->book);
	free(inst->book);
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

/* From the text of a token or an invite; found: where it stood, for the message. */
static int
take_token(const struct adit_conf *conf, const char *option, const char *where, const char *token,
	struct instance *inst)
{
	uint8_t secret[TOKEN_KEY];
	const char *wrong;
	int rc = 0;

	wrong = token != NULL ? token_parse(token, inst->id, secret) : "holds more than one token";
	if (wrong != NULL)
		rc = adit_conf_error(conf, option, "%s %s", where, wrong);
	else if (token_derive(secret, &inst->keys) < 0)
		rc = adit_conf_error(conf, NULL, "HMAC-SHA256 is not to be had");
	gnutls_memset(secret, 0, sizeof(secret));
	return rc;
}

static int
create_joiner(const struct adit_conf *conf, struct instance *inst)
{
	if (take_token(conf, "invite", "the invite", adit_conf_string(conf, "invite"), inst) < 0)
		return -1;
	inst->joins = true;
	adit_random(inst->fresh, TOKEN_KEY);
	if (token_derive(inst->fresh, &inst->fresh_keys) < 0)
		return adit_conf_error(conf, NULL, "HMAC-SHA256 is not to be had");
	return 0;
}

static int
create_agent(const struct adit_conf *conf, struct instance *inst)
{
	const char *path = adit_conf_string(conf, "token_file");
	char *text;
	size_t len;
	int rc;

	if (adit_conf_given(conf, "invite"))
		return create_joiner(conf, inst);
	if (path == NULL)
		return adit_conf_error(conf, "token_file",
			"is missing: the file with the agent's token");
	if (adit_conf_secret_file(conf, "token_file", path, TOKEN_FILE_MAX, &text, &len) < 0)
		return -1;
	rc = take_token(conf, "token_file", path, token_text(text), inst);
	adit_secret_free(text, len);
	return rc;
}

/* Reads the file into the book, which nobody changes meanwhile. */
static int
fill_book(const struct adit_conf *conf, struct book *b)
{
	struct tokens_error why = {.line = 0};
	char *text;
	size_t len;
	struct stat st;
	int rc;

	if (stat(b->path, &st) < 0 && errno == ENOENT) {
		adit_log(&adit_plugin, ADIT_LOG_WARN,
			"%s is not there: nobody can log in before aditd issue has made a token",
			b->path);
		return 0;
	}
	if (adit_conf_secret_file(conf, "file", b->path, TOKENS_FILE_MAX, &text, &len) < 0)
		return -1;
	if (strlen(text) != len)
		rc = adit_conf_error(conf, "file", "%s: has a zero byte in it", b->path);
	else
		rc = tokens_parse(text, &b->tokens, &why);
	if (rc < 0 && why.line > 0)
		adit_conf_error(conf, "file", "%s:%d: %s", b->path, why.line, why.text);
	else if (rc < 0 && why.text[0] != '\0')
		adit_conf_error(conf, "file", "%s: %s", b->path, why.text);
	adit_secret_free(text, len);
	return rc;
}

static int
create_server(const struct adit_conf *conf, struct instance *inst)
{
	int rc;

	adit_random(inst->nobody.stored, TOKEN_KEY);
	adit_random(inst->nobody.server, TOKEN_KEY);
	inst->book = calloc(1, sizeof(*inst->book));
	if (inst->book == NULL || book_open(inst->book, adit_conf_string(conf, "file")) < 0) {
		free(inst->book);
		inst->book = NULL;
		return adit_conf_error(conf, NULL, "out of memory");
	}
	rc = fill_book(conf, inst->book);
	book_opened(inst->book);
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
	if (t->expires != 0) /* judged already; if it has come meanwhile, the core denies */
		(void)adit_auth_expires(req, t->expires);
	for (size_t i = 0; i < t->n_grants; i++) {
		const char *key = t->grant[i];

		if (adit_auth_grant(req, key, key + strlen(key) + 1) < 0) {
			adit_auth_reason(req, "token %s: the grant %s is not taken", t->id, key);
			return ADIT_FAIL;
		}
	}
	return ADIT_ALLOW;
}

/* One message, taken apart. */
struct attempt {
	const uint8_t *data; /* ID, proof, and in a join the new keys */
	bool join;
	uint8_t msg[TOKEN_MESSAGE_MAX];
	size_t n;
};

static void
attempt_init(struct attempt *a, struct adit_auth_req *req, const uint8_t *data, size_t len)
{
	const void *from_agent = adit_auth_nonce(req, ADIT_SIDE_AGENT),
		   *from_server = adit_auth_nonce(req, ADIT_SIDE_SERVER);
	const char *id = (const char *)data, *agent = adit_auth_agent(req);

	a->data = data;
	a->join = len == JOIN_SIZE;
	if (a->join)
		a->n = token_join_message(from_agent, from_server, id, agent, data + LOGIN_SIZE,
			data + LOGIN_SIZE + TOKEN_KEY, a->msg);
	else
		a->n = token_message(from_agent, from_server, id, agent, a->msg);
}

/* Why this token, which was proved or not, does not do; NULL: it does. */
static const char *
objection(const struct attempt *a, const struct token *found, int right, enum adit_cause *cause_r)
{
	static const char *const words[] = {"does not exist", "was not proved"};
	static const enum adit_cause causes[] = {ADIT_CAUSE_UNKNOWN, ADIT_CAUSE_WRONG};
	time_t now = time(NULL);

	if ((found == NULL) | (right == 0)) { /* the same way, and as many letters, for both */
		*cause_r = causes[found != NULL];
		return words[found != NULL];
	}
	*cause_r = ADIT_CAUSE_FORBIDDEN;
	if (a->join && found->invite == 0)
		return "is no invite, or it has been used";
	if (!a->join && found->invite != 0)
		return "is an invite: it is for adit join";
	*cause_r = ADIT_CAUSE_EXPIRED;
	if ((found->expires != 0 && now >= found->expires) ||
		(found->invite != 0 && now >= found->invite))
		return "has expired";
	return NULL;
}

/* Hands the join to the book's thread; its answer comes in on_joined(). */
static enum adit_verdict
begin_join(const struct instance *inst, struct adit_auth_req *req, const struct attempt *a,
	const struct token *t, const uint8_t answer[TOKEN_KEY])
{
	struct join *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return ADIT_FAIL;
	j->req = req;
	memcpy(j->id, t->id, sizeof(j->id));
	memcpy(j->proved, t->stored, TOKEN_KEY);
	memcpy(j->stored, a->data + LOGIN_SIZE, TOKEN_KEY);
	memcpy(j->server, a->data + LOGIN_SIZE + TOKEN_KEY, TOKEN_KEY);
	memcpy(j->answer, answer, TOKEN_KEY);
	snprintf(j->note, sizeof(j->note), "%s from %s", adit_auth_agent(req),
		adit_auth_peer(req));
	if (book_join(inst->book, j) == 0)
		return ADIT_LATER;
	free(j);
	adit_auth_reason(req, "too many joins wait to be written");
	return ADIT_FAIL;
}

/* The book's thread. */
void
on_joined(struct join *j, int rc, const struct token *t, const char *why)
{
	enum adit_verdict v = rc == -ENOENT ? ADIT_DENY : ADIT_FAIL;

	if (rc == 0) {
		adit_log(&adit_plugin, ADIT_LOG_INFO, "invite %s of account %s was used by %s",
			j->id, t->account, j->note);
		v = welcome(j->req, t, j->answer);
	} else {
		adit_auth_reason(j->req, "invite %s: %s", j->id, why);
	}
	adit_auth_finish(j->req, v);
	gnutls_memset(j, 0, sizeof(*j));
	free(j);
}

static void
cancel(const void *p, void *worker, struct adit_auth_req *req)
{
	const struct instance *inst = p;
	struct join *j = book_cancel(inst->book, req);

	(void)worker;
	if (j == NULL) /* it is being written: the answer comes */
		return;
	free(j);
	adit_auth_finish(req, ADIT_FAIL);
}

/* With the book open. */
static enum adit_verdict
judge(const struct instance *inst, struct adit_auth_req *req, const struct attempt *a,
	const struct token *found)
{
	const struct token *t = found != NULL ? found : &inst->nobody;
	uint8_t server_proof[TOKEN_KEY];
	static const enum adit_verdict verdicts[] = {ADIT_NEXT, ADIT_DENY};
	enum adit_verdict v;
	enum adit_cause cause;
	const char *no;
	int right = token_verify(t->stored, a->msg, a->n, a->data + TOKEN_ID);

	if (token_server_proof(t->server, a->msg, a->n, server_proof) < 0 || right < 0) {
		adit_auth_reason(req, "HMAC-SHA256 failed");
		return ADIT_FAIL;
	}
	no = objection(a, found, right, &cause);
	if (no == NULL)
		return a->join ? begin_join(inst, req, a, t, server_proof)
			       : welcome(req, t, server_proof);
	/* Another file may have it. The same way for both, too. */
	v = verdicts[found != NULL];
	adit_auth_cause(req, cause);
	adit_auth_reason(req, "token %.*s %s", TOKEN_ID, (const char *)a->data, no);
	return v;
}

static enum adit_verdict
check(const void *p, void *worker, struct adit_auth_req *req)
{
	const struct instance *inst = p;
	enum adit_verdict v;
	const uint8_t *data;
	struct attempt a;
	size_t len;

	(void)worker;
	data = adit_auth_data(req, &len);
	if ((len != LOGIN_SIZE && len != JOIN_SIZE) || !token_id_valid((const char *)data)) {
		adit_auth_cause(req, ADIT_CAUSE_MALFORMED);
		adit_auth_reason(req, "a message that this method does not have");
		return ADIT_DENY;
	}
	if (len == JOIN_SIZE && !adit_auth_encrypted(req)) {
		adit_auth_cause(req, ADIT_CAUSE_UNENCRYPTED);
		adit_auth_reason(req, "an invite is used over an encrypted link only");
		return ADIT_DENY;
	}
	attempt_init(&a, req, data, len);
	v = judge(inst, req, &a, book_find(inst->book, (const char *)data));
	book_done(inst->book);
	return v;
}

/* ---- Agent ----------------------------------------------------------------------------------- */

/* An invite makes one login; from then on there is the token that came of it. */
static bool
joins(const struct instance *inst, const struct adit_proof *proof)
{
	return inst->joins && !adit_proof_renewal(proof);
}

static const struct token_keys *
keys_of(const struct instance *inst, const struct adit_proof *proof)
{
	return inst->joins && adit_proof_renewal(proof) ? &inst->fresh_keys : &inst->keys;
}

static size_t
proof_message(const struct instance *inst, const struct adit_proof *proof,
	uint8_t msg[TOKEN_MESSAGE_MAX])
{
	const void *from_agent = adit_proof_nonce(proof, ADIT_SIDE_AGENT),
		   *from_server = adit_proof_nonce(proof, ADIT_SIDE_SERVER);
	const char *agent = adit_proof_agent(proof);

	if (joins(inst, proof))
		return token_join_message(from_agent, from_server, inst->id, agent,
			inst->fresh_keys.stored, inst->fresh_keys.server, msg);
	return token_message(from_agent, from_server, inst->id, agent, msg);
}

static int
prove(const void *p, struct adit_proof *proof)
{
	const struct instance *inst = p;
	const struct token_keys *keys = keys_of(inst, proof);
	uint8_t msg[TOKEN_MESSAGE_MAX], out[JOIN_SIZE];

	if (adit_proof_step(proof) > 0)
		return adit_proof_error(proof, "the server asks for more than a token can give");
	if (joins(inst, proof) && !adit_proof_encrypted(proof))
		return adit_proof_error(proof, "an invite is used over an encrypted link only");
	memcpy(out, inst->id, TOKEN_ID);
	memcpy(out + LOGIN_SIZE, inst->fresh_keys.stored, TOKEN_KEY);
	memcpy(out + LOGIN_SIZE + TOKEN_KEY, inst->fresh_keys.server, TOKEN_KEY);
	if (token_proof(keys, msg, proof_message(inst, proof, msg), out + TOKEN_ID) < 0)
		return adit_proof_error(proof, "HMAC-SHA256 failed");
	return adit_proof_send(proof, out, joins(inst, proof) ? JOIN_SIZE : LOGIN_SIZE);
}

/* The new token: the invite's ID with our secret. */
static int
hand_over(const struct instance *inst, struct adit_proof *proof)
{
	char text[TOKEN_LENGTH + 1];

	if (token_format(inst->id, inst->fresh, text) < 0)
		return adit_proof_error(proof, "SHA-256 is not to be had");
	adit_proof_secret(proof, text);
	gnutls_memset(text, 0, sizeof(text));
	return 0;
}

static int
confirm(const void *p, struct adit_proof *proof)
{
	const struct instance *inst = p;
	const struct token_keys *keys = keys_of(inst, proof);
	uint8_t msg[TOKEN_MESSAGE_MAX], want[TOKEN_KEY];
	const uint8_t *data;
	size_t len;

	if (token_server_proof(keys->server, msg, proof_message(inst, proof, msg), want) < 0)
		return adit_proof_error(proof, "HMAC-SHA256 failed");
	data = adit_proof_data(proof, &len);
	if (len != TOKEN_KEY || !token_equal(data, want))
		return adit_proof_error(proof,
			"the server does not know the token: it is not the right server");
	return joins(inst, proof) ? hand_over(inst, proof) : 0;
}

/* ---- Making them ----------------------------------------------------------------------------- */

/* The server's line for the keys, with what was asked for. */
static int
line_format(struct adit_issue *issue, const char *id, const struct token_keys *k, char *line)
{
	char stored[2 * TOKEN_KEY + 1], server[2 * TOKEN_KEY + 1], until[24];
	int64_t valid_for = adit_issue_valid_for(issue);
	const char *word;
	struct tokens_error why;
	size_t n;

	token_hex(k->stored, stored);
	token_hex(k->server, server);
	n = (size_t)snprintf(line, TOKENS_LINE_MAX, "%s %s %s %s", id, adit_issue_account(issue),
		stored, server);
	tokens_time_text(time(NULL) + (time_t)valid_for, until);
	if (valid_for > 0)
		n += (size_t)snprintf(line + n, TOKENS_LINE_MAX - n, " invite=%s", until);
	for (size_t i = 0; (word = adit_issue_grant(issue, i)) != NULL; i++) {
		if (tokens_check_word(word, &why) < 0)
			return adit_issue_error(issue, "%s", why.text);
		if (strncmp(word, "invite=", 7) == 0)
			return adit_issue_error(issue, "invite= is no grant: see aditctl invite");
		if (i >= TOKENS_GRANTS)
			return adit_issue_error(issue, "more than %d grants", TOKENS_GRANTS);
		n += (size_t)snprintf(line + n, TOKENS_LINE_MAX - n, " %s", word);
	}
	snprintf(line + n, TOKENS_LINE_MAX - n, "\n");
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

static void
choose_id(const struct instance *inst, char id_r[TOKEN_ID + 1])
{
	uint8_t random[5];
	bool taken;

	do {
		adit_random(random, sizeof(random));
		token_id_format(random, id_r);
		taken = book_find(inst->book, id_r) != NULL;
		book_done(inst->book);
	} while (taken);
}

static int
issue_with(const struct instance *inst, struct adit_issue *issue, const uint8_t secret[TOKEN_KEY],
	char *line)
{
	char id[TOKEN_ID + 1], text[TOKEN_LENGTH + 1];
	struct token_keys keys;
	int rc;

	choose_id(inst, id);
	if (token_derive(secret, &keys) < 0 || token_format(id, secret, text) < 0)
		return adit_issue_error(issue, "HMAC-SHA256 is not to be had");
	if (line_format(issue, id, &keys, line) < 0 || line_check(issue, line) < 0)
		return -1;
	rc = book_add(inst->book, line);
	if (rc < 0)
		return adit_issue_error(issue, "%s: %s", inst->book->path, strerror(-rc));
	adit_issue_secret(issue, text);
	adit_issue_stored(issue, inst->book->path);
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

	if (!word_is_name(adit_issue_account(issue)))
		return adit_issue_error(issue,
			"\"%.64s\" is not an account: 1 to 64 letters, digits, . _ -",
			adit_issue_account(issue));
	line = malloc(TOKENS_LINE_MAX);
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
		.help = "the file with the agent's token; required without invite",
	},
	{
		.name = "invite",
		.type = ADIT_OPT_STRING,
		.sides = ADIT_SIDE_AGENT,
		.help = "an invite, which becomes a token at the first login; set by adit join",
	},
	{.name = NULL},
};

static const struct adit_auth_ops ops = {
	.size = sizeof(ops),
	.check = check,
	.prove = prove,
	.confirm = confirm,
	.issue = issue_token,
	.cancel = cancel,
	.invite = issue_token, /* for as long as the issue says */
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
