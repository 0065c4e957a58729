/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logins by Ed25519 key: the agent signs what is fresh about this link, the server knows its public
 * key. On helper threads: the file of keys is looked at in each login, and a signature takes longer
 * than a worker should wait. Instances are constant but for the file's copy, which has its lock.
 *
 * Every failed login takes the same way: the signature is verified with the key that the agent has
 * sent, whether that is in the file or not, and only then anything is decided. */

#include <adit/auth.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keys.h"
#include "login.h"
#include "../common/reread.h"
#include "private_key.h"

#define KEY_FILE_MAX   16384u
#define PASSPHRASE_MAX 1024u

struct instance {
	bool bound; /* channel_binding */
	/* Server */
	struct reread *file;
	char *account; /* of keys that name none, or NULL */
	/* Agent */
	struct ed_key key;
	bool locked; /* and the passphrase was none */
	char print[SSH_PRINT];
};

/* ---- Instances ------------------------------------------------------------------------------- */

static void
destroy(void *p)
{
	struct instance *inst = p;

	if (inst == NULL)
		return;
	reread_close(inst->file);
	free(inst->account);
	gnutls_memset(inst, 0, sizeof(*inst));
	free(inst);
}

static int
parse_keys(void *arg, const char *path, char *text, size_t len, void **data_r, char *why,
	size_t cap)
{
	const struct instance *inst = arg;
	struct keys *keys;

	(void)len;
	if (keys_parse(path, text, inst->account, &keys, why, cap) < 0)
		return -1;
	*data_r = keys;
	return 0;
}

static void
free_keys(void *data)
{
	keys_free(data);
}

static void
warn_of_none(struct reread *file, const char *path)
{
	const struct reread_copy *c = reread_take(file);
	const struct keys *keys = reread_data(c);

	if (keys->n == 0)
		adit_log(&adit_plugin, ADIT_LOG_WARN,
			"%s has no key: nobody can log in before a line of adit keygen is added",
			path);
	reread_release(file, c);
}

static int
create_server(const struct adit_conf *conf, struct instance *inst)
{
	const char *path = adit_conf_string(conf, "file");
	const char *account = adit_conf_string(conf, "account");
	const struct reread_how how = {
		.plugin = &adit_plugin,
		.path = path,
		.max = KEYS_FILE_MAX,
		.rule = ADIT_FILE_TRUSTED,
		.parse = parse_keys,
		.free_data = free_keys,
		.arg = inst,
	};
	char why[REREAD_WHY_MAX];

	if (account != NULL && !key_name_valid(account))
		return adit_conf_error(conf, "account",
			"expects 1 to 64 of A-Z a-z 0-9 . _ -, but is \"%.80s\"", account);
	inst->account = account != NULL ? strdup(account) : NULL;
	if (account != NULL && inst->account == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	inst->file = reread_open(&how, why, sizeof(why));
	if (inst->file == NULL)
		return adit_conf_error(conf, "file", "%s", why);
	warn_of_none(inst->file, path);
	return 0;
}

/* Where adit keygen puts a key. NULL: there is no home. */
static char *
usual_place(void)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	bool has_xdg = xdg != NULL && xdg[0] == '/';
	char *path = NULL;

	if (!has_xdg && (home == NULL || home[0] != '/'))
		return NULL;
	if (asprintf(&path, "%s%s/adit/key", has_xdg ? xdg : home, has_xdg ? "" : "/.config") < 0)
		return NULL;
	return path;
}

/* The passphrase of a key that has one. */
static int
read_passphrase(const struct adit_conf *conf, const char *path, char **text_r, size_t *len_r)
{
	const char *file = adit_conf_string(conf, "passphrase_file");
	char question[200];

	if (file == NULL) {
		snprintf(question, sizeof(question), "Passphrase of %.160s: ", path);
		return adit_conf_prompt(conf, "passphrase_file", question, PASSPHRASE_MAX, text_r,
			len_r);
	}
	if (adit_conf_secret_file(conf, "passphrase_file", file, PASSPHRASE_MAX, text_r, len_r) < 0)
		return -1;
	(*text_r)[strcspn(*text_r, "\r\n")] = '\0';
	return 0;
}

static int
take_key(const struct adit_conf *conf, const char *path, const char *text, size_t len,
	struct instance *inst)
{
	const char *wrong;
	char *pass;
	size_t n;

	if (private_is_locked(text)) {
		if (read_passphrase(conf, path, &pass, &n) < 0)
			return -1;
		wrong = private_read(text, len, pass, &inst->key);
		inst->locked = wrong != NULL && strcmp(pass, "?") == 0;
		if (inst->locked) /* adit --check asks nobody */
			wrong = NULL;
		adit_secret_free(pass, n);
	} else {
		wrong = private_read(text, len, NULL, &inst->key);
	}
	return wrong == NULL ? 0 : adit_conf_error(conf, "key_file", "%s %s", path, wrong);
}

static int
read_key(const struct adit_conf *conf, const char *path, struct instance *inst)
{
	char *text;
	size_t len;
	int rc;

	if (adit_conf_secret_file(conf, "key_file", path, KEY_FILE_MAX, &text, &len) < 0)
		return -1;
	rc = take_key(conf, path, text, len, inst);
	adit_secret_free(text, len);
	if (rc < 0 || inst->locked)
		return rc;
	if (ssh_fingerprint(inst->key.public, inst->print) < 0)
		return adit_conf_error(conf, NULL, "SHA-256 is not to be had");
	adit_log(&adit_plugin, ADIT_LOG_DEBUG, "the key of %s is %s", path, inst->print);
	return 0;
}

static int
create_agent(const struct adit_conf *conf, struct instance *inst)
{
	const char *given = adit_conf_string(conf, "key_file");
	char *path = given != NULL ? strdup(given) : usual_place();
	int rc;

	if (path == NULL)
		return adit_conf_error(conf, "key_file",
			"is missing: the file with the agent's key, which adit keygen makes");
	rc = read_key(conf, path, inst);
	free(path);
	return rc;
}

static int
create(const struct adit_conf *conf, void **inst_r)
{
	struct instance *inst = calloc(1, sizeof(*inst));
	int rc;

	if (inst == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	inst->bound = adit_conf_bool(conf, "channel_binding");
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

/* One message, taken apart, and what was found out about it. */
struct attempt {
	const uint8_t *public, *sig;
	enum login_mode mode;
	bool channel; /* the link has a TLS channel: exporter */
	uint8_t exporter[LOGIN_EXPORTER];
	int right; /* of ed_verify() */
	char print[SSH_PRINT];
};

/* Why an attempt is denied; words NULL: it is not. */
struct objection {
	enum adit_cause cause;
	const char *words;
};

/* False: not a message of this method. */
static bool
attempt_parse(struct adit_auth_req *req, struct attempt *a)
{
	size_t len;
	const uint8_t *data = adit_auth_data(req, &len);

	if (len != LOGIN_SIZE || data[ED_PUBLIC] > LOGIN_BOUND)
		return false;
	a->public = data;
	a->mode = (enum login_mode)data[ED_PUBLIC];
	a->sig = data + ED_PUBLIC + 1;
	return ed_public_wrong(a->public) == NULL;
}

/* Everything that costs time, for known keys and for others. A message that is bound where the link
 * has no channel is verified as if it had one of zeros. -1: it could not be done. */
static int
attempt_look(struct adit_auth_req *req, struct attempt *a)
{
	const char *exporter = adit_auth_fact(req, "tls-exporter");
	uint8_t msg[LOGIN_SIGNED_MAX];
	const struct login_signed s = {
		.mode = a->mode,
		.agent_nonce = adit_auth_nonce(req, ADIT_SIDE_AGENT),
		.server_nonce = adit_auth_nonce(req, ADIT_SIDE_SERVER),
		.public = a->public,
		.exporter = a->exporter,
		.agent = adit_auth_agent(req),
	};

	memset(a->exporter, 0, sizeof(a->exporter));
	a->channel = exporter != NULL;
	if (a->channel && !login_exporter(exporter, a->exporter))
		return -1;
	a->right = ed_verify(a->public, msg, login_signed(&s, msg), a->sig);
	return a->right < 0 || ssh_fingerprint(a->public, a->print) < 0 ? -1 : 0;
}

static struct objection
objection(const struct instance *inst, const struct attempt *a, const struct key *k,
	const char *peer)
{
	if (a->mode == LOGIN_BOUND && !a->channel)
		return (struct objection){ADIT_CAUSE_FORBIDDEN,
			"is bound to a TLS channel, but this link has none: behind a front that "
			"ends TLS the agent needs channel_binding = false"};
	if (a->mode == LOGIN_FREE && a->channel && inst->bound)
		return (struct objection){ADIT_CAUSE_FORBIDDEN,
			"is not bound to the TLS channel of its link: the agent has "
			"channel_binding = false"};
	if (a->right == 0)
		return (struct objection){ADIT_CAUSE_WRONG,
			a->mode == LOGIN_BOUND ? "did not sign this link: another key, or another "
						 "server's TLS channel"
					       : "did not sign this link"};
	if (k->revoked)
		return (struct objection){ADIT_CAUSE_FORBIDDEN, "is revoked"};
	if (k->expires != 0 && time(NULL) >= k->expires)
		return (struct objection){ADIT_CAUSE_EXPIRED, "has expired"};
	if (k->from.n > 0 && !from_holds(&k->from, peer))
		return (struct objection){ADIT_CAUSE_FORBIDDEN,
			"may not be used from this address"};
	return (struct objection){ADIT_CAUSE_OTHER, NULL};
}

static enum adit_verdict
welcome(struct adit_auth_req *req, const struct attempt *a, const struct key *k)
{
	if (adit_auth_account(req, k->account) < 0 ||
		(k->agent[0] != '\0' && adit_auth_rename(req, k->agent) < 0))
		return ADIT_FAIL;
	for (size_t i = 0; i < k->n_grants; i++)
		if (adit_auth_grant(req, k->grant[i].name, k->grant[i].value) < 0) {
			adit_auth_reason(req, "key %s: the grant %s is not taken", a->print,
				k->grant[i].name);
			return ADIT_FAIL;
		}
	if (k->expires != 0 && adit_auth_expires(req, k->expires) < 0) {
		adit_auth_cause(req, ADIT_CAUSE_EXPIRED);
		adit_auth_reason(req, "key %s has expired", a->print);
		return ADIT_DENY;
	}
	adit_log(&adit_plugin, ADIT_LOG_INFO, "account %s, agent %s, from %s: by key %s %s",
		k->account, k->agent[0] != '\0' ? k->agent : adit_auth_agent(req),
		adit_auth_peer(req), a->print, k->note);
	return ADIT_ALLOW;
}

/* A key that is not in the file may be in another instance's. */
static enum adit_verdict
judge(const struct instance *inst, struct adit_auth_req *req, const struct attempt *a,
	const struct key *found)
{
	static const struct objection unknown = {ADIT_CAUSE_UNKNOWN, "is not known"};
	struct objection no = unknown;

	if (found != NULL)
		no = objection(inst, a, found, adit_auth_peer(req));
	if (no.words == NULL)
		return welcome(req, a, found);
	adit_auth_cause(req, no.cause);
	adit_auth_reason(req, "key %s %s", a->print, no.words);
	return found != NULL ? ADIT_DENY : ADIT_NEXT;
}

static enum adit_verdict
check(const void *p, void *worker, struct adit_auth_req *req)
{
	const struct instance *inst = p;
	const struct reread_copy *copy;
	enum adit_verdict v;
	struct attempt a;

	(void)worker;
	if (!attempt_parse(req, &a)) {
		adit_auth_cause(req, ADIT_CAUSE_MALFORMED);
		adit_auth_reason(req, "a message that this method does not have");
		return ADIT_DENY;
	}
	if (attempt_look(req, &a) < 0) {
		adit_auth_reason(req, "the signature could not be looked at");
		return ADIT_FAIL;
	}
	copy = reread_take(inst->file);
	v = judge(inst, req, &a, keys_find(reread_data(copy), a.public));
	reread_release(inst->file, copy);
	return v;
}

/* ---- Agent ----------------------------------------------------------------------------------- */

static int
prove(const void *p, struct adit_proof *proof)
{
	const struct instance *inst = p;
	const char *fact = inst->bound ? adit_proof_fact(proof, "tls-exporter") : NULL;
	uint8_t exporter[LOGIN_EXPORTER], msg[LOGIN_SIGNED_MAX], out[LOGIN_SIZE];
	const struct login_signed s = {
		.mode = fact != NULL ? LOGIN_BOUND : LOGIN_FREE,
		.agent_nonce = adit_proof_nonce(proof, ADIT_SIDE_AGENT),
		.server_nonce = adit_proof_nonce(proof, ADIT_SIDE_SERVER),
		.public = inst->key.public,
		.exporter = exporter,
		.agent = adit_proof_agent(proof),
	};

	if (adit_proof_step(proof) > 0)
		return adit_proof_error(proof, "the server asks for more than a key can give");
	if (inst->locked)
		return adit_proof_error(proof, "the key has another passphrase");
	if (fact != NULL && !login_exporter(fact, exporter))
		return adit_proof_error(proof, "the link's TLS channel cannot be bound to");
	memcpy(out, inst->key.public, ED_PUBLIC);
	out[ED_PUBLIC] = (uint8_t)s.mode;
	if (ed_sign(&inst->key, msg, login_signed(&s, msg), out + ED_PUBLIC + 1) < 0)
		return adit_proof_error(proof, "GnuTLS cannot sign");
	return adit_proof_send(proof, out, sizeof(out));
}

/* ---- Making them ----------------------------------------------------------------------------- */

static int
make_key(const char *comment, char *private_r, char *public_r, char *print_r, size_t cap)
{
	uint8_t seed[ED_SEED];
	char word[SSH_WORD + 1];
	struct ed_key key;
	uint32_t number;
	int rc;

	if (cap < SSH_PRIVATE_MAX || strlen(comment) > SSH_COMMENT_MAX)
		return -1;
	adit_random(seed, sizeof(seed));
	adit_random(&number, sizeof(number));
	rc = ed_from_seed(seed, &key);
	if (rc == 0)
		rc = ssh_fingerprint(key.public, print_r);
	if (rc == 0) {
		ssh_private_format(&key, comment, number, private_r);
		ssh_public_format(key.public, word);
		snprintf(public_r, cap, SSH_TYPE " %s%s%s", word, comment[0] != '\0' ? " " : "",
			comment);
	}
	gnutls_memset(seed, 0, sizeof(seed));
	gnutls_memset(&key, 0, sizeof(key));
	return rc;
}

/* ---- The plugin ------------------------------------------------------------------------------ */

static const struct adit_option options[] = {
	{
		.name = "file",
		.type = ADIT_OPT_PATH,
		.sides = ADIT_SIDE_SERVER,
		.dflt = "authorized_keys",
		.help = "the server's file of public keys, one in each line",
	},
	{
		.name = "account",
		.type = ADIT_OPT_STRING,
		.sides = ADIT_SIDE_SERVER,
		.help = "the account of keys whose line names none",
	},
	{
		.name = "key_file",
		.type = ADIT_OPT_PATH,
		.sides = ADIT_SIDE_AGENT,
		.help = "the agent's private key; else the one that adit keygen has made",
	},
	{
		.name = "passphrase_file",
		.type = ADIT_OPT_PATH,
		.sides = ADIT_SIDE_AGENT,
		.help = "the passphrase of the private key, if it has one",
	},
	{
		.name = "channel_binding",
		.type = ADIT_OPT_BOOL,
		.dflt = "true",
		.help = "bind logins to the TLS channel of the link; false behind what ends TLS",
	},
	{.name = NULL},
};

static const struct adit_auth_ops ops = {
	.size = sizeof(ops),
	.check = check,
	.prove = prove,
	.make_key = make_key,
};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_AUTH,
	.run = ADIT_RUN_PARALLEL,
	.name = "auth-key",
	.version = "1",
	.summary = "logins by Ed25519 key, one line for each in a file as OpenSSH has it",
	.options = options,
	.ops = &ops,
	.create = create,
	.destroy = destroy,
};
