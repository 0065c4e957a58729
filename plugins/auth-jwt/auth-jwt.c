/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logins by JSON Web Token, which somebody else has signed. On helper threads, several at a time:
 * an instance is constant, but for its keys, which have their own locks.
 *
 * A token is good for whoever has it, so both halves refuse links that are not encrypted. The
 * agent reads its file at every login, so that whoever renews the file renews the session. */

#include <adit/auth.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/jwt-login.h"
#include "judge.h"
#include "keyset.h"
#include "tokenfile.h"

struct instance {
	/* Server */
	struct rules rules;
	struct keyset *keys;
	/* Agent */
	struct token_file file;
};

/* ---- Instances ------------------------------------------------------------------------------- */

static void
destroy(void *p)
{
	struct instance *inst = p;

	if (inst == NULL)
		return;
	keyset_close(inst->keys);
	rules_fini(&inst->rules);
	free(inst->file.path);
	free(inst);
}

typedef int rule_fn(struct rules *r, const char *text, char why[RULES_WHY]);

static int
take_list(const struct adit_conf *conf, const char *option, struct rules *r, rule_fn *take)
{
	char why[RULES_WHY];
	const char *text;

	for (size_t i = 0; (text = adit_conf_list(conf, option, i)) != NULL; i++)
		if (take(r, text, why) < 0)
			return adit_conf_error(conf, option, "%s", why);
	return 0;
}

static int
take_one(const struct adit_conf *conf, const char *option, struct rules *r, rule_fn *take)
{
	const char *text = adit_conf_string(conf, option);
	char why[RULES_WHY];

	if (text != NULL && take(r, text, why) < 0)
		return adit_conf_error(conf, option, "%s", why);
	return 0;
}

static int
take_rules(const struct adit_conf *conf, struct rules *r)
{
	if (take_list(conf, "issuer", r, rules_issuer) < 0 ||
		take_list(conf, "audience", r, rules_audience) < 0 ||
		take_list(conf, "types", r, rules_type) < 0 ||
		take_one(conf, "account", r, rules_account) < 0 ||
		take_one(conf, "account_claim", r, rules_account_claim) < 0 ||
		take_one(conf, "agent_claim", r, rules_agent_claim) < 0 ||
		take_list(conf, "grants", r, rules_grant) < 0 ||
		take_list(conf, "fixed_grants", r, rules_fixed_grant) < 0 ||
		take_list(conf, "require", r, rules_require) < 0)
		return -1;
	r->leeway_s = adit_conf_int(conf, "leeway") / 1000;
	if (r->issuers.n == 0)
		return adit_conf_error(conf, "issuer",
			"is empty: the iss of the tokens that are taken");
	if (r->audiences.n == 0)
		return adit_conf_error(conf, "audience",
			"is empty: what the aud of a token must be or hold");
	if (r->account == NULL && r->account_claim.n == 0)
		return adit_conf_error(conf, "account_claim", "is missing, and account, too: "
			"one of them says whose login it is");
	if (r->account != NULL && r->account_claim.n > 0)
		return adit_conf_error(conf, "account", "stands in place of account_claim: not "
			"both");
	return 0;
}

static int
create_server(const struct adit_conf *conf, struct instance *inst)
{
	if (take_rules(conf, &inst->rules) < 0)
		return -1;
	if (adit_conf_bool(conf, "discovery") && inst->rules.issuers.n > 1)
		return adit_conf_error(conf, "discovery", "finds the keys of one issuer, but "
			"issuer has %zu: a group auth-jwt is needed for each",
			inst->rules.issuers.n);
	return keyset_open(conf, inst->rules.issuers.name[0], &inst->keys);
}

static int
create_agent(const struct adit_conf *conf, struct instance *inst)
{
	char why[TOKEN_FILE_WHY], *token;
	size_t n;

	inst->file.path = strdup(adit_conf_string(conf, "token_file"));
	if (inst->file.path == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	inst->file.shared = adit_conf_bool(conf, "shared_token_file");
	if (token_file_read(&inst->file, &token, &n, why) < 0)
		return adit_conf_error(conf, "token_file", "%s", why);
	token_file_done(token, n);
	return 0;
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

/* What the search for a key has to hand for one login. */
struct search {
	struct keyset *keys;
	struct keyset_grip grip;
	bool held;
};

static enum key_found
find(void *arg, const char *kid, enum jws_alg alg, const struct jwt_key **key_r,
	const char **why_r)
{
	struct search *s = arg;
	enum keyset_answer answer = keyset_find(s->keys, kid, alg, &s->grip);

	s->held = true;
	*why_r = s->grip.why;
	switch (answer) {
	case KEYSET_FOUND:
		*key_r = s->grip.key;
		return KEY_FOUND;
	case KEYSET_UNKNOWN:
		return s->grip.foreign ? KEY_UNKNOWN : KEY_UNFIT;
	default:
		return KEY_NONE;
	}
}

/* The login as the claims say. */
static enum adit_verdict
welcome(struct adit_auth_req *req, const struct claims *c)
{
	if (adit_auth_account(req, c->account) < 0 ||
		(c->agent[0] != '\0' && adit_auth_rename(req, c->agent) < 0))
		return ADIT_FAIL;
	for (size_t i = 0; i < c->n_grants; i++)
		if (adit_auth_grant(req, c->grant[i].key, c->grant[i].value) < 0) {
			adit_auth_reason(req, "the grant %s is not taken", c->grant[i].key);
			return ADIT_FAIL;
		}
	if (adit_auth_expires(req, c->ends) == 0)
		return ADIT_ALLOW;
	adit_auth_reason(req, "the token has expired");
	adit_auth_cause(req, ADIT_CAUSE_EXPIRED);
	return ADIT_DENY;
}

static enum adit_verdict
refuse(struct adit_auth_req *req, enum adit_verdict v, enum adit_cause cause, const char *why)
{
	adit_auth_cause(req, cause);
	adit_auth_reason(req, "the token: %s", why);
	return v;
}

static void
login_free(void *p)
{
	struct jwt_login *l = p;

	gnutls_memset(l, 0, sizeof(*l));
	free(l);
}

/* The token as far as it has come, from the messages up to this one. */
static enum jwt_login_got
assemble(struct adit_auth_req *req, struct jwt_login **login_r)
{
	struct jwt_login *l = adit_auth_state(req);
	const void *data;
	size_t n;

	if (l == NULL) {
		l = calloc(1, sizeof(*l));
		if (l == NULL)
			return JWT_LOGIN_WRONG;
		adit_auth_set_state(req, l, login_free);
	}
	*login_r = l;
	data = adit_auth_data(req, &n);
	return jwt_login_add(l, data, n);
}

/* A part that is not the last one. Whose token it is shows in the first one only: later no other
 * instance can be asked. */
static enum adit_verdict
go_on(const struct judge *j, struct adit_auth_req *req, const struct jwt_login *l,
	struct why *why)
{
	enum adit_verdict v = ADIT_CONTINUE;

	if (adit_auth_step(req) == 0)
		v = judge_beginning(j, l->token, l->n, why);
	if (v == ADIT_CONTINUE && adit_auth_challenge(req, "", 0) < 0)
		return ADIT_FAIL;
	return v == ADIT_CONTINUE ? v : refuse(req, v, why->cause, why->text);
}

static enum adit_verdict
judge_whole(const struct judge *j, struct adit_auth_req *req, const struct jwt_login *l,
	struct why *why)
{
	struct claims claims;
	enum adit_verdict v = judge_token(j, l->token, l->n, time(NULL), &claims, why);

	if (v == ADIT_ALLOW) {
		v = welcome(req, &claims);
		claims_fini(&claims);
		return v;
	}
	if (v == ADIT_NEXT && adit_auth_step(req) > 0)
		v = ADIT_DENY;
	return refuse(req, v, why->cause, why->text);
}

static enum adit_verdict
check(const void *p, void *worker, struct adit_auth_req *req)
{
	const struct instance *inst = p;
	struct search search = {.keys = inst->keys};
	const struct judge judge = {.rules = &inst->rules, .find = find, .arg = &search};
	struct why why = {.text = ""};
	struct jwt_login *l;
	enum adit_verdict v;

	(void)worker;
	if (!adit_auth_encrypted(req))
		return refuse(req, ADIT_DENY, ADIT_CAUSE_UNENCRYPTED,
			"came over a link that is not encrypted");
	switch (assemble(req, &l)) {
	case JWT_LOGIN_MORE:
		v = go_on(&judge, req, l, &why);
		break;
	case JWT_LOGIN_WHOLE:
		v = judge_whole(&judge, req, l, &why);
		break;
	default:
		v = refuse(req, ADIT_DENY, ADIT_CAUSE_MALFORMED, "no part of one, or too long");
	}
	if (search.held)
		keyset_release(inst->keys, &search.grip);
	return v;
}

/* ---- Agent ----------------------------------------------------------------------------------- */

/* What has been read at step 0, for all parts. */
struct sending {
	char *token;
	size_t n;
};

static void
sending_free(void *p)
{
	struct sending *s = p;

	token_file_done(s->token, s->n);
	free(s);
}

static int
begin(const struct instance *inst, struct adit_proof *proof)
{
	struct sending *s = calloc(1, sizeof(*s));
	char why[TOKEN_FILE_WHY];
	int64_t past;

	if (s == NULL)
		return adit_proof_error(proof, "out of memory");
	if (token_file_read(&inst->file, &s->token, &s->n, why) < 0) {
		free(s);
		return adit_proof_error(proof, "%s", why);
	}
	adit_proof_set_state(proof, s, sending_free);
	if (token_file_expired(s->token, s->n, time(NULL), &past))
		adit_log(&adit_plugin, ADIT_LOG_WARN,
			"the token in %s has expired %lld s ago, by this machine's clock",
			inst->file.path, (long long)past);
	return 0;
}

static int
prove(const void *p, struct adit_proof *proof)
{
	unsigned char message[ADIT_AUTH_DATA_MAX];
	unsigned step = adit_proof_step(proof);
	const struct sending *s;
	size_t n;
	int rc;

	if (!adit_proof_encrypted(proof))
		return adit_proof_error(proof, "a token is sent over an encrypted link only (tls "
			"or wss), because whoever reads it can use it");
	if (step == 0 && begin(p, proof) < 0)
		return -1;
	s = adit_proof_state(proof);
	n = s != NULL ? jwt_login_part(s->token, s->n, step, message) : 0;
	if (n == 0)
		return adit_proof_error(proof, "the server asks for more than the token has");
	rc = adit_proof_send(proof, message, n);
	gnutls_memset(message, 0, sizeof(message));
	return rc == 0 ? 0 : adit_proof_error(proof, "the token cannot be sent");
}

/* ---- The plugin ------------------------------------------------------------------------------ */

#define SERVER(option_name, option_type)                                                           \
	.name = (option_name), .type = (option_type), .sides = ADIT_SIDE_SERVER

static const struct adit_option options[] = {
	KEYSET_OPTIONS,
	{SERVER("issuer", ADIT_OPT_LIST), .required = 1,
		.help = "who may have made a token: its iss is one of these"},
	{SERVER("audience", ADIT_OPT_LIST), .required = 1,
		.help = "whom a token must be for: its aud is or has one of these"},
	{SERVER("account_claim", ADIT_OPT_STRING), .help = "the claim that names the account"},
	{SERVER("account", ADIT_OPT_STRING),
		.help = "the account of all these tokens, in place of account_claim"},
	{SERVER("agent_claim", ADIT_OPT_STRING),
		.help = "the claim that names the agent; else it names itself"},
	{SERVER("require", ADIT_OPT_LIST),
		.help = "claim=value: what a token must say besides"},
	{SERVER("grants", ADIT_OPT_LIST),
		.help = "grant=claim: rights from claims; ?= if the claim may be missing"},
	{SERVER("fixed_grants", ADIT_OPT_LIST),
		.help = "grant=value: rights of all these tokens"},
	{SERVER("types", ADIT_OPT_LIST),
		.help = "what the typ of a token must be; else none, JWT and at+jwt will do"},
	{SERVER("leeway", ADIT_OPT_DURATION), .dflt = "60s", .min = 0, .max = 60000,
		.help = "by how much clocks may differ"},
	{
		.name = "token_file",
		.type = ADIT_OPT_PATH,
		.sides = ADIT_SIDE_AGENT,
		.required = 1,
		.help = "the file with the agent's token, read at each login",
	},
	{
		.name = "shared_token_file",
		.type = ADIT_OPT_BOOL,
		.sides = ADIT_SIDE_AGENT,
		.dflt = "false",
		.help = "whether others on this machine may read the file, too",
	},
	{.name = NULL},
};

static const struct adit_auth_ops ops = {
	.size = sizeof(ops),
	.check = check,
	.prove = prove,
};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_PARALLEL,
	.name = "auth-jwt",
	.version = "1",
	.summary = "logins by a JSON Web Token that somebody else has signed",
	.options = options,
	.ops = &ops,
	.create = create,
	.destroy = destroy,
};
