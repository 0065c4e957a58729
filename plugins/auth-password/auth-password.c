/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Logins by user and password. The password itself travels, because nothing else can be checked
 * against hashes of crypt(5), so both halves refuse a link that is not encrypted. At the server
 * calls are made on helper threads, several at once; the file has its own lock (reread.c), and
 * hashes are worked out on threads of their own (hasher.c), which yield to all others.
 *
 * Every failed login takes the same way: who is not there, or has no hash, is checked against the
 * hash of somebody else, and whoever is locked or has expired is checked all the same. */

#include <adit/auth.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/password-login.h"
#include "../common/reread.h"
#include "accounts.h"
#include "hasher.h"

#define PASSWORD_FILE_MAX 4096u

struct instance {
	/* Server */
	char *path;
	struct hasher *hasher;
	pthread_mutex_t lock;  /* protects the next two */
	struct reread *book;   /* NULL: the file has not been there yet */
	char said[REREAD_WHY_MAX]; /* why it could not be read when it was */
	/* Agent */
	char *user;
	char *password;
	size_t len;
};

/* ---- Instances ------------------------------------------------------------------------------- */

static void
destroy(void *p)
{
	struct instance *inst = p;

	if (inst == NULL)
		return;
	hasher_free(inst->hasher);
	reread_close(inst->book);
	pthread_mutex_destroy(&inst->lock);
	free(inst->path);
	free(inst->user);
	adit_secret_free(inst->password, inst->len);
	free(inst);
}

static int
parse(void *arg, const char *path, char *text, size_t len, void **data_r, char *why, size_t cap)
{
	(void)arg;
	(void)len;
	return accounts_parse(path, text, (struct accounts **)data_r, why, cap);
}

static void
free_data(void *data)
{
	accounts_free(data);
}

static struct reread *
open_book(const char *path, char *why, size_t cap)
{
	const struct reread_how how = {
		.plugin = &adit_plugin,
		.path = path,
		.max = ACCOUNTS_FILE_MAX,
		.rule = ADIT_FILE_SECRET,
		.parse = parse,
		.free_data = free_data,
	};

	return reread_open(&how, why, cap);
}

/* Half of the processors: the other half is for those who are logged in. */
static unsigned
half_of_cpus(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n / 2 < 1 ? 1 : n / 2 < HASHER_MAX ? (unsigned)n / 2 : HASHER_MAX;
}

static int
create_server(const struct adit_conf *conf, struct instance *inst)
{
	char why[REREAD_WHY_MAX] = "";
	int64_t most = adit_conf_int(conf, "parallel");

	inst->hasher = hasher_new(most > 0 ? (unsigned)most : half_of_cpus());
	inst->path = strdup(adit_conf_string(conf, "file"));
	if (inst->path == NULL || inst->hasher == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	if (access(inst->path, F_OK) < 0 && errno == ENOENT) {
		adit_log(&adit_plugin, ADIT_LOG_WARN,
			"%s is not there: nobody can log in by a password before adit-passwd has "
			"made it", inst->path);
		return 0;
	}
	inst->book = open_book(inst->path, why, sizeof(why));
	return inst->book != NULL ? 0 : adit_conf_error(conf, "file", "%s", why);
}

/* The first line of the file. */
static int
read_password(const struct adit_conf *conf, struct instance *inst)
{
	const char *path = adit_conf_string(conf, "password_file");
	char question[PASSWORD_USER_MAX + 32];

	if (path == NULL) {
		snprintf(question, sizeof(question), "Password of %s: ", inst->user);
		return adit_conf_prompt(conf, "password_file", question, PASSWORD_MAX,
			&inst->password, &inst->len);
	}
	if (adit_conf_secret_file(conf, "password_file", path, PASSWORD_FILE_MAX, &inst->password,
		&inst->len) < 0)
		return -1;
	inst->password[strcspn(inst->password, "\r\n")] = '\0';
	return 0;
}

static int
create_agent(const struct adit_conf *conf, struct instance *inst)
{
	const char *user = adit_conf_string(conf, "user");
	uint8_t msg[PASSWORD_LOGIN_MAX];
	size_t n;

	if (!password_user_valid(user, strlen(user)))
		return adit_conf_error(conf, "user",
			"expects 1 to %u letters, digits, . _ @ + -, but is \"%.100s\"",
			PASSWORD_USER_MAX, user);
	inst->user = strdup(user);
	if (inst->user == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	if (read_password(conf, inst) < 0)
		return -1;
	n = password_login_build(user, inst->password, strlen(inst->password), msg);
	explicit_bzero(msg, sizeof(msg));
	if (n == 0)
		return adit_conf_error(conf, "password_file",
			"expects a password of 1 to %u bytes on its first line", PASSWORD_MAX);
	return 0;
}

static int
create(const struct adit_conf *conf, void **inst_r)
{
	struct instance *inst = calloc(1, sizeof(*inst));
	int rc;

	if (inst == NULL)
		return adit_conf_error(conf, NULL, "out of memory");
	pthread_mutex_init(&inst->lock, NULL);
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

/* The file, which may have come since the start; NULL: there is none that is good. */
static struct reread *
book(struct instance *inst)
{
	char why[REREAD_WHY_MAX] = "";
	struct reread *r;

	pthread_mutex_lock(&inst->lock);
	if (inst->book == NULL && access(inst->path, F_OK) == 0) {
		inst->book = open_book(inst->path, why, sizeof(why));
		if (inst->book != NULL) {
			adit_log(&adit_plugin, ADIT_LOG_INFO, "%s is there now", inst->path);
		} else if (strcmp(why, inst->said) != 0) {
			adit_log(&adit_plugin, ADIT_LOG_ERROR, "%s", why);
			memcpy(inst->said, why, sizeof(why));
		}
	}
	r = inst->book;
	pthread_mutex_unlock(&inst->lock);
	return r;
}

static enum adit_verdict
welcome(struct adit_auth_req *req, const struct account *a)
{
	if (adit_auth_account(req, a->account) < 0 ||
		(a->agent[0] != '\0' && adit_auth_rename(req, a->agent) < 0))
		return ADIT_FAIL;
	if (a->expires != 0 && adit_auth_expires(req, a->expires) < 0) { /* in this second */
		adit_auth_cause(req, ADIT_CAUSE_EXPIRED);
		adit_auth_reason(req, "user %s has expired", a->user);
		return ADIT_DENY;
	}
	for (size_t i = 0; i < a->n_grants; i++) {
		const char *key = a->grant[i];

		if (adit_auth_grant(req, key, key + strlen(key) + 1) < 0) {
			adit_auth_reason(req, "user %s: the grant %s is not taken", a->user, key);
			return ADIT_FAIL;
		}
	}
	return ADIT_ALLOW;
}

/* Why this one, whose password was right or not, is not let in; NULL: it is. */
static const char *
objection(const struct account *found, bool right, enum adit_cause *cause_r)
{
	*cause_r = ADIT_CAUSE_UNKNOWN;
	if (found == NULL)
		return "is not known";
	*cause_r = ADIT_CAUSE_WRONG;
	if (!right)
		return "gave a wrong password";
	*cause_r = ADIT_CAUSE_FORBIDDEN;
	if (found->locked)
		return "is locked";
	*cause_r = ADIT_CAUSE_EXPIRED;
	if (found->expires != 0 && time(NULL) >= found->expires)
		return "has expired";
	return NULL;
}

/* table: NULL where there is no file. */
static enum adit_verdict
judge(struct instance *inst, struct adit_auth_req *req, const struct password_login *l,
	const struct accounts *table)
{
	static const struct accounts nobody;
	const struct accounts *t = table != NULL ? table : &nobody;
	const char *decoy = accounts_decoy(t, l->user), *no;
	const struct account *found = accounts_find(t, l->user);
	bool hashed = found != NULL && found->hash != NULL;
	int right = hasher_verify(inst->hasher, l->password, l->len,
		hashed ? found->hash : decoy);
	enum adit_cause cause;

	if (right < 0) {
		adit_auth_reason(req, "user %s: no memory to check the password", l->user);
		return ADIT_FAIL;
	}
	no = objection(found, hashed && right == 1, &cause);
	if (no == NULL)
		return welcome(req, found);
	adit_auth_cause(req, cause);
	adit_auth_reason(req, "user %s %s", l->user, no);
	return ADIT_DENY;
}

/* What came over an open link is known to others by now, whether it is right or not. */
static enum adit_verdict
refuse_open(struct adit_auth_req *req, const struct password_login *l)
{
	adit_auth_cause(req, ADIT_CAUSE_UNENCRYPTED);
	adit_auth_reason(req, "user %s sent a password over a link that is not encrypted; if it is "
			      "right, set another", l->user);
	return ADIT_DENY;
}

static enum adit_verdict
check(const void *p, void *worker, struct adit_auth_req *req)
{
	struct instance *inst = (struct instance *)(uintptr_t)p;
	const struct reread_copy *copy;
	struct password_login l;
	enum adit_verdict v;
	struct reread *r;
	const void *data;
	size_t len;

	(void)worker;
	data = adit_auth_data(req, &len);
	if (password_login_parse(data, len, &l) < 0) {
		adit_auth_cause(req, ADIT_CAUSE_MALFORMED);
		adit_auth_reason(req, "a message that this method does not have");
		return ADIT_DENY;
	}
	if (!adit_auth_encrypted(req))
		return refuse_open(req, &l);
	if (adit_auth_attempt(req, l.user) < 0)
		return ADIT_FAIL;
	r = book(inst);
	copy = r != NULL ? reread_take(r) : NULL;
	v = judge(inst, req, &l, copy != NULL ? reread_data(copy) : NULL);
	if (copy != NULL)
		reread_release(r, copy);
	return v;
}

/* ---- Agent ----------------------------------------------------------------------------------- */

static int
prove(const void *p, struct adit_proof *proof)
{
	const struct instance *inst = p;
	uint8_t msg[PASSWORD_LOGIN_MAX];
	size_t n;
	int rc;

	if (adit_proof_step(proof) > 0)
		return adit_proof_error(proof, "the server asks for more than a password");
	if (!adit_proof_encrypted(proof))
		return adit_proof_error(proof,
			"a password is sent over an encrypted link only: use tls:// or wss://, or "
			"log in with a token, which is never sent itself");
	n = password_login_build(inst->user, inst->password, strlen(inst->password), msg);
	rc = n > 0 ? adit_proof_send(proof, msg, n) : -1;
	explicit_bzero(msg, sizeof(msg));
	return rc;
}

/* ---- The plugin ------------------------------------------------------------------------------ */

static const struct adit_option options[] = {
	{
		.name = "file",
		.type = ADIT_OPT_PATH,
		.sides = ADIT_SIDE_SERVER,
		.dflt = "passwords",
		.help = "the server's file of users and the hashes of their passwords",
	},
	{
		.name = "parallel",
		.type = ADIT_OPT_INT,
		.sides = ADIT_SIDE_SERVER,
		.dflt = "0",
		.max = HASHER_MAX,
		.help = "how many passwords are checked at the same time; 0: for half of the "
			"processors",
	},
	{
		.name = "user",
		.type = ADIT_OPT_STRING,
		.sides = ADIT_SIDE_AGENT,
		.required = 1,
		.help = "who logs in",
	},
	{
		.name = "password_file",
		.type = ADIT_OPT_PATH,
		.sides = ADIT_SIDE_AGENT,
		.help = "the file with the password; without it adit asks at the terminal",
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
	.name = "auth-password",
	.version = "1",
	.summary = "logins by user and password",
	.options = options,
	.ops = &ops,
	.create = create,
	.destroy = destroy,
};
