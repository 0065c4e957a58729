/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Every function that the public headers promise to plugins, in the headers' order. They only reach
 * into what the core has prepared; each thread rule is the header's. The names are exported by
 * libadit.syms. */

#include <config.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/conn.h"
#include "plug/options.h"
#include "tunnel/auth.h"
#include "util/file.h"
#include "util/log.h"
#include "util/prompt.h"
#include "util/rand.h"

#define TYPE(t) (1u << (t))
#define EXPIRES_MAX ((int64_t)100 * 366 * 86400) /* seconds: what lasts longer lasts for ever */

/* ---- adit/plugin.h: options ------------------------------------------------------------------ */

const char *
adit_conf_string(const struct adit_conf *conf, const char *name)
{
	return options_get(conf, name, TYPE(ADIT_OPT_STRING) | TYPE(ADIT_OPT_PATH))->str;
}

int64_t
adit_conf_int(const struct adit_conf *conf, const char *name)
{
	return options_get(conf, name,
		TYPE(ADIT_OPT_INT) | TYPE(ADIT_OPT_SIZE) | TYPE(ADIT_OPT_DURATION))
		->num;
}

bool
adit_conf_bool(const struct adit_conf *conf, const char *name)
{
	return options_get(conf, name, TYPE(ADIT_OPT_BOOL))->num != 0;
}

const char *
adit_conf_list(const struct adit_conf *conf, const char *name, size_t i)
{
	char *const *list =
		options_get(conf, name, TYPE(ADIT_OPT_LIST) | TYPE(ADIT_OPT_PATHS))->list;

	for (size_t k = 0; k < i; k++)
		if (list[k] == NULL)
			return NULL;
	return list[i];
}

bool
adit_conf_given(const struct adit_conf *conf, const char *name)
{
	return options_get(conf, name, ~0u)->given != NULL;
}

enum adit_side
adit_conf_side(const struct adit_conf *conf)
{
	return options_side(conf);
}

int
adit_conf_error(const struct adit_conf *conf, const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	options_verror(conf, name, fmt, ap);
	va_end(ap);
	return -1;
}

int
adit_conf_secret_file(const struct adit_conf *conf, const char *name, const char *path, size_t max,
	char **text_r, size_t *len_r)
{
	struct err e;

	if (file_read_secret(path, max, text_r, len_r, &e) == 0)
		return 0;
	return adit_conf_error(conf, name, "%s", e.msg);
}

int
adit_conf_prompt(const struct adit_conf *conf, const char *name, const char *question, size_t max,
	char **text_r, size_t *len_r)
{
	struct err e;
	int rc = prompt_secret(question, max, text_r, len_r, &e);

	if (rc == -ENOTTY)
		return adit_conf_error(conf, name, "is missing, and %s", e.msg);
	return rc < 0 ? adit_conf_error(conf, NULL, "%s", e.msg) : 0;
}

int
adit_prompt(const char *question, size_t max, char **text_r, size_t *len_r, char *why, size_t cap)
{
	struct err e;

	if (prompt_secret(question, max, text_r, len_r, &e) == 0)
		return 0;
	snprintf(why, cap, "%s", e.msg);
	return -1;
}

void
adit_secret_free(char *text, size_t len)
{
	file_free(text, len);
}

int
adit_file_read(const char *path, uint32_t rule, size_t max, char **text_r, size_t *len_r,
	char *why, size_t cap)
{
	struct err e;
	int rc = rule == ADIT_FILE_TRUSTED ? file_read_trusted(path, max, text_r, len_r, &e)
					   : file_read_secret(path, max, text_r, len_r, &e);

	if (rc == 0)
		return 0;
	snprintf(why, cap, "%s", e.msg);
	return -1;
}

/* ---- adit/plugin.h: anywhere ----------------------------------------------------------------- */

void
adit_log(const struct adit_plugin *plugin, enum adit_log_level level, const char *fmt, ...)
{
	static const enum log_level levels[] = {
		[ADIT_LOG_ERROR] = LOG_ERROR,
		[ADIT_LOG_WARN] = LOG_WARN,
		[ADIT_LOG_INFO] = LOG_INFO,
		[ADIT_LOG_DEBUG] = LOG_DEBUG,
	};
	enum log_level l = (unsigned)level < ARRAY_LEN(levels) ? levels[level] : LOG_INFO;
	char text[1000];
	va_list ap;

	if (!log_wants(l))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_line(l, "%s: %s", plugin != NULL && plugin->name != NULL ? plugin->name : "plugin",
		text);
}

void
adit_random(void *p, size_t n)
{
	rand_bytes(p, n);
}

/* ---- adit/auth.h: server --------------------------------------------------------------------- */

const char *
adit_auth_agent(const struct adit_auth_req *req)
{
	return req->id.agent;
}

const char *
adit_auth_method(const struct adit_auth_req *req)
{
	return req->method;
}

const void *
adit_auth_data(const struct adit_auth_req *req, size_t *len_r)
{
	*len_r = req->data.len;
	return req->data.p;
}

unsigned
adit_auth_step(const struct adit_auth_req *req)
{
	return req->step;
}

const void *
adit_auth_nonce(const struct adit_auth_req *req, enum adit_side from)
{
	return from == ADIT_SIDE_SERVER ? req->nonce_server : req->nonce_agent;
}

const char *
adit_auth_peer(const struct adit_auth_req *req)
{
	return req->peer;
}

bool
adit_auth_encrypted(const struct adit_auth_req *req)
{
	return req->encrypted;
}

const char *
adit_auth_fact(const struct adit_auth_req *req, const char *key)
{
	return facts_get(&req->facts, key);
}

bool
adit_auth_renewal(const struct adit_auth_req *req)
{
	return req->renewal;
}

int
adit_auth_challenge(struct adit_auth_req *req, const void *data, size_t len)
{
	return auth_bytes_set(&req->challenge, data, len) == 0 ? 0 : -1;
}

int
adit_auth_reply(struct adit_auth_req *req, const void *data, size_t len)
{
	return auth_bytes_set(&req->reply, data, len) == 0 ? 0 : -1;
}

/* What the log says if the plugin gives up for this without a reason of its own. */
static int
not_taken(struct adit_auth_req *req, const char *what, const char *name)
{
	if (req->reason[0] == '\0')
		adit_auth_reason(req, "the plugin's %s \"%.100s\" cannot be taken", what,
			name != NULL ? name : "");
	return -1;
}

static int
take_name(struct adit_auth_req *req, char to[NAME_MAX_LEN + 1], const char *what, const char *name)
{
	if (name == NULL || !name_valid(name))
		return not_taken(req, what, name);
	memmove(to, name, strlen(name) + 1);
	return 0;
}

int
adit_auth_account(struct adit_auth_req *req, const char *account)
{
	return take_name(req, req->id.account, "account", account);
}

int
adit_auth_rename(struct adit_auth_req *req, const char *agent)
{
	return take_name(req, req->id.agent, "name for the agent", agent);
}

int
adit_auth_grant(struct adit_auth_req *req, const char *key, const char *value)
{
	return identity_grant(&req->id, key, value) == 0 ? 0 : not_taken(req, "grant", key);
}

int
adit_auth_expires(struct adit_auth_req *req, int64_t unix_seconds)
{
	struct timespec now;
	int64_t left;

	must(clock_gettime(CLOCK_REALTIME, &now) == 0);
	if (unix_seconds > now.tv_sec + EXPIRES_MAX) {
		req->expires = MONO_NEVER;
		return 0;
	}
	left = unix_seconds > now.tv_sec ? (unix_seconds - now.tv_sec) * 1000000000 - now.tv_nsec
					 : 0;
	req->expires = (struct mono){left > 0 ? mono_now().ns + left : 1}; /* long ago */
	return left > 0 ? 0 : -1;
}

void
adit_auth_reason(struct adit_auth_req *req, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(req->reason, sizeof(req->reason), fmt, ap);
	va_end(ap);
}

void
adit_auth_cause(struct adit_auth_req *req, enum adit_cause cause)
{
	req->cause = cause;
}

int
adit_auth_attempt(struct adit_auth_req *req, const char *name)
{
	return auth_attempt(req, name) == 0 ? 0 : -1;
}

void
adit_auth_set_state(struct adit_auth_req *req, void *state, void (*free_fn)(void *))
{
	req->state = state;
	req->state_free = free_fn;
}

void *
adit_auth_state(const struct adit_auth_req *req)
{
	return req->state;
}

void
adit_auth_finish(struct adit_auth_req *req, enum adit_verdict verdict)
{
	auth_finish(req, verdict);
}

/* ---- adit/auth.h: agent ---------------------------------------------------------------------- */

const char *
adit_proof_agent(const struct adit_proof *proof)
{
	return proof->agent;
}

unsigned
adit_proof_step(const struct adit_proof *proof)
{
	return proof->step;
}

const void *
adit_proof_data(const struct adit_proof *proof, size_t *len_r)
{
	*len_r = proof->data.len;
	return proof->data.p;
}

const void *
adit_proof_nonce(const struct adit_proof *proof, enum adit_side from)
{
	return from == ADIT_SIDE_SERVER ? proof->nonce_server : proof->nonce_agent;
}

bool
adit_proof_encrypted(const struct adit_proof *proof)
{
	return proof->encrypted;
}

const char *
adit_proof_fact(const struct adit_proof *proof, const char *key)
{
	return facts_get(&proof->facts, key);
}

bool
adit_proof_renewal(const struct adit_proof *proof)
{
	return proof->renewal;
}

int
adit_proof_send(struct adit_proof *proof, const void *data, size_t len)
{
	return auth_bytes_set(&proof->out, data, len) == 0 ? 0 : -1;
}

int
adit_proof_error(struct adit_proof *proof, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(proof->error, sizeof(proof->error), fmt, ap);
	va_end(ap);
	return -1;
}

void
adit_proof_set_state(struct adit_proof *proof, void *state, void (*free_fn)(void *))
{
	proof->state = state;
	proof->state_free = free_fn;
}

void *
adit_proof_state(const struct adit_proof *proof)
{
	return proof->state;
}

static void
replace(char **text, const char *fresh)
{
	if (*text != NULL)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = xstrdup(fresh);
}

void
adit_proof_secret(struct adit_proof *proof, const char *secret)
{
	replace(&proof->secret, secret);
}

/* ---- adit/auth.h: command line --------------------------------------------------------------- */

const char *
adit_issue_account(const struct adit_issue *issue)
{
	return issue->account;
}

const char *
adit_issue_grant(const struct adit_issue *issue, size_t i)
{
	return i < issue->n_grants ? issue->grants[i] : NULL;
}

int64_t
adit_issue_valid_for(const struct adit_issue *issue)
{
	return issue->valid_for;
}

void
adit_issue_secret(struct adit_issue *issue, const char *secret)
{
	replace(&issue->secret, secret);
}

void
adit_issue_stored(struct adit_issue *issue, const char *path)
{
	replace(&issue->stored, path);
}

int
adit_issue_error(struct adit_issue *issue, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(issue->error, sizeof(issue->error), fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- adit/transport.h ------------------------------------------------------------------------ */

int
adit_layer_up(struct adit_layer *layer, const void *data, size_t n)
{
	return conn_layer_up(layer, data, n) == 0 ? 0 : -1;
}

int
adit_layer_down(struct adit_layer *layer, const void *data, size_t n)
{
	return conn_layer_down(layer, data, n) == 0 ? 0 : -1;
}

void
adit_layer_ready(struct adit_layer *layer)
{
	conn_layer_ready(layer);
}

int
adit_layer_error(struct adit_layer *layer, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = conn_layer_error(layer, fmt, ap);
	va_end(ap);
	return rc;
}

const char *
adit_layer_host(const struct adit_layer *layer)
{
	return layer->conn->host;
}

uint16_t
adit_layer_port(const struct adit_layer *layer)
{
	return layer->conn->port;
}

const char *
adit_layer_path(const struct adit_layer *layer)
{
	return layer->conn->path;
}

const char *
adit_layer_upper(const struct adit_layer *layer)
{
	return conn_layer_upper(layer);
}

int
adit_layer_fact(struct adit_layer *layer, const char *key, const char *value)
{
	return facts_set(&layer->conn->facts, key, value) == 0 ? 0 : -1;
}

const char *
adit_layer_fact_get(const struct adit_layer *layer, const char *key)
{
	return conn_fact(layer->conn, key);
}

/* ---- adit/route.h ---------------------------------------------------------------------------- */

const char *
adit_claim_account(const struct adit_claim *claim)
{
	return claim->id->account;
}

const char *
adit_claim_agent(const struct adit_claim *claim)
{
	return claim->id->agent;
}

const char *
adit_claim_tunnel(const struct adit_claim *claim)
{
	return claim->tunnel;
}

const char *
adit_claim_param(const struct adit_claim *claim, const char *key)
{
	for (size_t i = 0; i < claim->n_params; i++)
		if (strcmp(claim->param_key[i], key) == 0)
			return claim->param_value[i];
	return NULL;
}

const char *
adit_claim_param_name(const struct adit_claim *claim, size_t i)
{
	return i < claim->n_params ? claim->param_key[i] : NULL;
}

const char *
adit_claim_grant(const struct adit_claim *claim, const char *key)
{
	return identity_granted(claim->id, key);
}

uint16_t
adit_claim_reserved(const struct adit_claim *claim)
{
	return claim->reserved;
}

int
adit_claim_listen(struct adit_claim *claim, const char *host, uint16_t port)
{
	return addr_parse(host, port, &claim->listen) == 0 ? 0 : -1;
}

void
adit_claim_asked(struct adit_claim *claim)
{
	claim->asked = true;
}

int
adit_claim_refuse(struct adit_claim *claim, enum adit_refusal why, const char *fmt, ...)
{
	va_list ap;

	claim->code = (uint16_t)why;
	va_start(ap, fmt);
	vsnprintf(claim->text, sizeof(claim->text), fmt, ap);
	va_end(ap);
	return -1;
}
