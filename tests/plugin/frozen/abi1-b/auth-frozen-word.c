/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* A login by a shared word, in two steps and proved by both sides, on the plugin's own thread. It
 * calls every function of adit/plugin.h and adit/auth.h that there was when it was frozen, and
 * looks at every answer. The hash is a toy: what is tested is the interface. */

#include <adit/auth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SUM 8

struct word {
	char *text;
	size_t len;
	char account[65], file[256];
	int64_t least, room, wait;
	bool loud;
};

extern const struct adit_plugin adit_plugin;

/* ---- Options --------------------------------------------------------------------------------- */

/* What a person would be asked; only the tests of the terminal itself do that. */
static int
ask(const struct adit_conf *conf)
{
	char *text, why[256];
	size_t len;

	if (adit_conf_prompt(conf, "ask", "word", 100, &text, &len) < 0 ||
		adit_prompt("again", 100, &text, &len, why, sizeof(why)) < 0)
		return -1;
	adit_secret_free(text, len);
	return 0;
}

/* The same file, as it can be read at any time. */
static int
read_again(const struct word *w, const char *path)
{
	char *text, why[256] = "";
	size_t len;
	bool same;

	if (adit_file_read("/nowhere/at/all", ADIT_FILE_TRUSTED, 10, &text, &len, why,
		    sizeof(why)) == 0 ||
		strstr(why, "/nowhere") == NULL ||
		adit_file_read(path, ADIT_FILE_SECRET, 4096, &text, &len, why, sizeof(why)) < 0)
		return -1;
	same = len == w->len && memcmp(text, w->text, len) == 0;
	adit_secret_free(text, len);
	return same ? 0 : -1;
}

static int
take(struct word *w, const struct adit_conf *conf)
{
	const char *path = adit_conf_string(conf, "word_file");
	const char *first = adit_conf_list(conf, "names", 0);
	char junk[16];

	adit_random(junk, sizeof(junk));
	if (adit_conf_secret_file(conf, "word_file", path, 4096, &w->text, &w->len) < 0)
		return -1;
	if (read_again(w, path) < 0)
		return adit_conf_error(conf, "word_file", "is not the same when it is read again");
	if (adit_conf_bool(conf, "ask") && ask(conf) < 0)
		return -1;
	snprintf(w->account, sizeof(w->account), "%s", adit_conf_string(conf, "account"));
	w->least = adit_conf_int(conf, "least");
	w->room = adit_conf_int(conf, "room");
	w->wait = adit_conf_int(conf, "wait");
	w->loud = adit_conf_bool(conf, "loud");
	if (w->room != 65536 || w->wait != 5000 || adit_conf_given(conf, "room"))
		return adit_conf_error(conf, NULL, "room %d, wait %d", (int)w->room, (int)w->wait);
	if (first == NULL || strcmp(first, "one") != 0 || adit_conf_list(conf, "names", 1) != NULL)
		return adit_conf_error(conf, "names", "is not what its default says");
	if (adit_conf_list(conf, "files", 0) != NULL)
		return adit_conf_error(conf, "files", "has come from nowhere");
	if (adit_conf_side(conf) == ADIT_SIDE_SERVER) {
		snprintf(w->file, sizeof(w->file), "%s", path);
		adit_log(&adit_plugin, ADIT_LOG_INFO, "least %d", (int)w->least);
	}
	return 0;
}

static void
destroy(void *inst)
{
	struct word *w = inst;

	if (w->text != NULL)
		adit_secret_free(w->text, w->len);
	free(w);
}

static int
create(const struct adit_conf *conf, void **inst_r)
{
	struct word *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	if (take(w, conf) < 0) {
		destroy(w);
		return -1;
	}
	*inst_r = w;
	return 0;
}

/* ---- The exchange ---------------------------------------------------------------------------- */

static uint64_t
sum(uint64_t h, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 1099511628211u;
	return h;
}

static uint64_t
sum_all(const struct word *w, const char *agent, const void *asked, const void *server,
	const void *other, uint64_t whose)
{
	uint64_t h = sum(14695981039346656037u + whose, w->text, strcspn(w->text, "\n"));

	h = sum(h, agent, strlen(agent));
	h = sum(h, asked, SUM);
	h = sum(h, server, ADIT_NONCE_SIZE);
	return sum(h, other, ADIT_NONCE_SIZE);
}

static enum adit_verdict
challenge(struct adit_auth_req *req)
{
	char *asked = malloc(SUM), big[ADIT_AUTH_DATA_MAX + 1] = "";
	size_t len;
	const char *data = adit_auth_data(req, &len);

	if (asked == NULL)
		return ADIT_FAIL;
	adit_random(asked, SUM);
	adit_auth_set_state(req, asked, free);
	if (len != 5 || memcmp(data, "hello", 5) != 0 || adit_auth_encrypted(req) ||
		adit_auth_fact(req, "no-such-fact") != NULL || adit_auth_peer(req)[0] == '\0') {
		adit_auth_reason(req, "a greeting of %zu bytes", len);
		adit_auth_cause(req, ADIT_CAUSE_MALFORMED);
		return ADIT_DENY;
	}
	if (adit_auth_challenge(req, big, sizeof(big)) == 0)
		return ADIT_FAIL;
	return adit_auth_challenge(req, asked, SUM) == 0 ? ADIT_CONTINUE : ADIT_FAIL;
}

static enum adit_verdict
allow(const struct word *w, struct adit_auth_req *req, uint64_t back)
{
	char name[65];

	snprintf(name, sizeof(name), "%.60s-w", adit_auth_agent(req));
	if (adit_auth_renewal(req) || adit_auth_expires(req, 1) == 0 ||
		adit_auth_expires(req, (int64_t)time(NULL) + 86400) < 0)
		return ADIT_FAIL;
	if (adit_auth_account(req, "not a name") == 0 || adit_auth_account(req, w->account) < 0 ||
		adit_auth_rename(req, name) < 0 || adit_auth_grant(req, "frozen", "yes") < 0 ||
		adit_auth_reply(req, &back, sizeof(back)) < 0)
		return ADIT_FAIL;
	return ADIT_ALLOW;
}

static enum adit_verdict
check(const void *inst, void *worker, struct adit_auth_req *req)
{
	const struct word *w = inst;
	const void *server = adit_auth_nonce(req, ADIT_SIDE_SERVER),
		   *agent = adit_auth_nonce(req, ADIT_SIDE_AGENT);
	uint64_t want, got = 0;
	size_t len;
	const void *data;

	if (worker != NULL || adit_auth_step(req) > 1)
		return ADIT_FAIL;
	if (adit_auth_step(req) == 0)
		return strcmp(adit_auth_method(req), "frozen-word") == 0 ? challenge(req)
									 : ADIT_NEXT;
	if (adit_auth_attempt(req, adit_auth_agent(req)) < 0)
		return ADIT_FAIL;
	data = adit_auth_data(req, &len);
	if (len == sizeof(got))
		memcpy(&got, data, sizeof(got));
	want = sum_all(w, adit_auth_agent(req), adit_auth_state(req), server, agent, 1);
	if (got != want) {
		adit_auth_reason(req, "the word is another");
		adit_auth_cause(req, ADIT_CAUSE_WRONG);
		return ADIT_DENY;
	}
	return allow(w, req,
		sum_all(w, adit_auth_agent(req), adit_auth_state(req), agent, server, 2));
}

static int
prove(const void *inst, struct adit_proof *proof)
{
	const struct word *w = inst;
	size_t len;
	const void *data = adit_proof_data(proof, &len);
	uint64_t made;
	char *asked;

	if (adit_proof_renewal(proof) || adit_proof_fact(proof, "no-such-fact") != NULL)
		return adit_proof_error(proof, "it is no renewal, and there is no such fact");
	if (adit_proof_encrypted(proof))
		return adit_proof_error(proof, "the test's link is not encrypted");
	if (adit_proof_step(proof) == 0)
		return adit_proof_send(proof, "hello", 5);
	asked = malloc(SUM);
	if (len != SUM || asked == NULL || adit_proof_state(proof) != NULL) {
		free(asked);
		return adit_proof_error(proof, "a challenge of %zu bytes", len);
	}
	memcpy(asked, data, SUM);
	adit_proof_set_state(proof, asked, free);
	made = sum_all(w, adit_proof_agent(proof), asked, adit_proof_nonce(proof, ADIT_SIDE_SERVER),
		adit_proof_nonce(proof, ADIT_SIDE_AGENT), 1);
	return adit_proof_send(proof, &made, sizeof(made));
}

static int
confirm(const void *inst, struct adit_proof *proof)
{
	size_t len;
	const void *data = adit_proof_data(proof, &len);
	uint64_t want = sum_all(inst, adit_proof_agent(proof), adit_proof_state(proof),
		adit_proof_nonce(proof, ADIT_SIDE_AGENT),
		adit_proof_nonce(proof, ADIT_SIDE_SERVER), 2);

	if (len != sizeof(want) || memcmp(data, &want, len) != 0)
		return adit_proof_error(proof, "the server does not know the word");
	adit_proof_secret(proof, "kept by nobody");
	return 0;
}

/* ---- Credentials ----------------------------------------------------------------------------- */

static int
issue(const void *inst, struct adit_issue *is)
{
	const struct word *w = inst;
	char text[160];

	if (strcmp(adit_issue_account(is), w->account) != 0)
		return adit_issue_error(is, "\"%s\" is not the account", adit_issue_account(is));
	if (adit_issue_grant(is, 0) != NULL || adit_issue_valid_for(is) != 0)
		return adit_issue_error(is, "takes no grants");
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(w->text, "\n"), w->text);
	adit_issue_secret(is, text);
	adit_issue_stored(is, w->file);
	return 0;
}

static int
invite(const void *inst, struct adit_issue *is)
{
	(void)inst;
	return adit_issue_error(is, "no invites, not even for %d s", (int)adit_issue_valid_for(is));
}

static int
make_key(const char *comment, char *private_r, char *line_r, char *fingerprint_r, size_t cap)
{
	snprintf(private_r, cap, "a key\n");
	snprintf(line_r, cap, "its line %s", comment);
	snprintf(fingerprint_r, cap, "frozen");
	return 0;
}

static const struct adit_option options[] = {
	{.name = "word_file", .type = ADIT_OPT_PATH, .required = 1, .help = "the shared word"},
	{.name = "account", .type = ADIT_OPT_STRING, .sides = ADIT_SIDE_SERVER, .dflt = "frozen",
		.help = "whose agents these are"},
	{.name = "least", .type = ADIT_OPT_INT, .dflt = "3", .min = 1, .max = 9,
		.help = "a number"},
	{.name = "ask", .type = ADIT_OPT_BOOL, .dflt = "false", .help = "ask at the terminal"},
	{.name = "loud", .type = ADIT_OPT_BOOL, .dflt = "false", .help = "yes or no"},
	{.name = "room", .type = ADIT_OPT_SIZE, .dflt = "64KiB", .min = 1, .max = 1 << 20,
		.help = "a size"},
	{.name = "wait", .type = ADIT_OPT_DURATION, .dflt = "5s", .max = 60000, .help = "a time"},
	{.name = "names", .type = ADIT_OPT_LIST, .dflt = "one", .help = "names"},
	{.name = "files", .type = ADIT_OPT_PATHS, .help = "files"},
	{.name = NULL},
};

static const struct adit_auth_ops ops = {
	.size = sizeof(ops), .check = check, .prove = prove, .confirm = confirm, .issue = issue,
	.invite = invite, .methods = "frozen-word other", .make_key = make_key,
};

ADIT_EXPORT const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT, .kind = ADIT_KIND_AUTH, .name = "auth-frozen-word", .version = "1",
	.summary = "a login in two steps, frozen", .options = options, .ops = &ops,
	.create = create, .destroy = destroy,
};
