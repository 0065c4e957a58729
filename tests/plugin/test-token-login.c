/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* auth-token as it is loaded: tokens are issued, written to both sides' files, and used for whole
 * logins; what is refused is refused alike; and files that are not as they must be. */

#define _GNU_SOURCE 1

#include <errno.h>

#include "tap.h"

#include "folder.h"
#include "login.h"

static struct err e;
static char server_file[80], agent_file[80];

static struct module *
make(enum adit_side side)
{
	struct option_value v = {.key = side == ADIT_SIDE_SERVER ? "file" : "token_file",
		.type = VALUE_STRING, .str = side == ADIT_SIDE_SERVER ? server_file : agent_file,
		.file = "/etc/x.conf", .line = 2};
	struct module *m = NULL;

	memset(&e, 0, sizeof(e));
	module_create(dir, "auth-token", &v, 1, side, "/etc/x.conf", 1, &m, &e);
	return m;
}

static void
write_private(const char *path, const char *text)
{
	make_file(path, text, strlen(text));
	must(chmod(path, 0600) == 0);
}

static void
reload(void)
{
	module_free(login_modules[0]);
	login_modules[0] = make(ADIT_SIDE_SERVER);
	must(login_modules[0] != NULL);
	login_setup(1);
}

/* Issues a token into token_r; 0 or -1. */
static int
issue(const char *account, const char *const *grants, size_t n, char token_r[80],
	char error_r[512])
{
	struct adit_issue is = {.account = account, .grants = grants, .n_grants = n};
	int rc = auth_issue(&login_conf.modules, &is);

	snprintf(error_r, 512, "%s", is.error);
	if (rc == 0) {
		snprintf(token_r, 80, "%s", is.secret);
		must(strcmp(is.stored, server_file) == 0);
	}
	issue_fini(&is);
	return rc;
}

/* A login by the token that is in the agent's file. */
static void
login_with(const char *token, const char *agent, struct login *l)
{
	char text[128];
	struct module *m;

	snprintf(text, sizeof(text), "# mine\n%s\n", token);
	write_private(agent_file, text);
	m = make(ADIT_SIDE_AGENT);
	must(m != NULL);
	login_agent(l, m, agent);
	login_wait();
	module_free(m);
}

static void
test_login(void)
{
	static const char *const grants[] = {"ports=443,10000-10099", "agent=fixed"};
	static const char *const over[] = {"expires=2020-01-01T00:00:00Z"};
	char one[80], two[80], old[80], error[512], text[4096] = "";
	struct login l;
	struct stat st;
	FILE *f;

	reload(); /* the file is not there yet */
	is_int(issue("acme", NULL, 0, one, error), 0, "a token is issued without a file");
	ok(stat(server_file, &st) == 0 && (st.st_mode & 07777) == 0600,
		"which makes a private one");
	is_int(issue("acme", grants, 2, two, error), 0, "a second one for the same account");
	is_int(issue("acme", over, 1, old, error), 0, "one that has expired");
	ok(strlen(one) == 63 && strncmp(one, "adit_", 5) == 0 && strcmp(one, two) != 0,
		"they are tokens, each its own");
	f = fopen(server_file, "r");
	ok(f != NULL && fread(text, 1, sizeof(text) - 1, f) > 0 && strstr(text, one + 14) == NULL,
		"the server's file does not hold the secret");
	fclose(f);

	login_with(one, "web1", &l);
	is_int(l.verdict, ADIT_DENY, "what was issued counts from the next reload on");
	reload();
	login_with(one, "web1", &l);
	is_int(l.verdict, ADIT_ALLOW, "a login");
	ok(l.confirmed, "in which the agent knows its server");
	is_str(l.account, "acme", "its account");
	is_str(l.agent, "web1", "its agent");
	is_str(l.ports, "", "no grants");
	login_with(two, "web1", &l);
	ok(l.verdict == ADIT_ALLOW && l.confirmed, "the second token of the account");
	is_str(l.agent, "fixed", "is bound to an agent");
	is_str(l.ports, "443,10000-10099", "and has grants");
	login_with(old, "web1", &l);
	is_int(l.verdict, ADIT_DENY, "one that has expired is denied");
	ok(strstr(l.reason, "has expired") != NULL, "the log says why");
}

static void
test_denied(void)
{
	static const char stranger[] =
		"adit_abcdefgh_gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp8d10906";
	uint8_t data[48] = "abcdefgh";
	struct login l;

	login_with(stranger, "web1", &l);
	is_int(l.verdict, ADIT_DENY, "a token of another server is denied");
	is_str(l.reason, "token abcdefgh is not known", "the log says why");
	is_int(l.reply_len, 0, "and the agent gets nothing");
	for (size_t len = 0; len < sizeof(data); len++) {
		memset(&l, 0, sizeof(l));
		login_begin(&l, "token", "web1", data, len);
		if (l.verdict != ADIT_DENY || l.reply_len != 0)
			break;
	}
	ok(l.verdict == ADIT_DENY && l.req != NULL, "messages of every length are denied");
	data[3] = '\n';
	login_begin(&l, "token", "web1", data, 40);
	ok(l.verdict == ADIT_DENY && strchr(l.reason, '\n') == NULL,
		"an ID that is none does not reach the log");
}

/* The same token under another name or nonce proves nothing. */
static void
test_replay(void)
{
	char one[80], error[512];
	struct adit_proof *proof;
	struct module *m;
	struct login l = {.verdict = 0};
	uint8_t was;

	must(issue("acme", NULL, 0, one, error) == 0);
	reload();
	login_with(one, "web1", &l);
	m = make(ADIT_SIDE_AGENT);
	proof = proof_new(w, m, "web1", false, nonce_agent, nonce_server, on_proof, &l);
	must(m->auth.prove(m->inst, proof) == 0);
	memset(&l, 0, sizeof(l));
	login_begin(&l, "token", "web1", proof->out.p, proof->out.len);
	is_int(l.verdict, ADIT_ALLOW, "a proof for these nonces");
	login_begin(&l, "token", "web2", proof->out.p, proof->out.len);
	is_int(l.verdict, ADIT_DENY, "is none under another name");
	was = nonce_server[5]++;
	login_begin(&l, "token", "web1", proof->out.p, proof->out.len);
	is_int(l.verdict, ADIT_DENY, "nor with another nonce of the server");
	ok(strstr(l.reason, "was not proved") != NULL, "the log says why");
	nonce_server[5] = was;
	nonce_agent[5]++;
	login_begin(&l, "token", "web1", proof->out.p, proof->out.len);
	is_int(l.verdict, ADIT_DENY, "nor with another nonce of the agent");
	auth_bytes_set(&proof->data, "wrong server, wrong server, wrong", 32);
	is_int(m->auth.confirm(m->inst, proof), -1, "a server without the token is not believed");
	ok(strstr(proof->error, "not the right server") != NULL, "which is said");
	proof_free(proof);
	module_free(m);
}

static void
refused(const char *text, mode_t mode, enum adit_side side, const char *want)
{
	const char *path = side == ADIT_SIDE_SERVER ? server_file : agent_file;
	char whole[256];

	write_private(path, text);
	must(chmod(path, mode) == 0);
	ok(make(side) == NULL, "refused: %s", want);
	snprintf(whole, sizeof(whole), "%s%s", path, want);
	ok(strstr(e.msg, whole) != NULL && e.line == 2, "… which is said, with its place");
	if (strstr(e.msg, whole) == NULL)
		diag("got: %s", e.msg);
}

static void
test_files(void)
{
	char saved[80];

	refused("adit_x", 0600, ADIT_SIDE_AGENT, " holds a token that is too short");
	refused("# nothing\n", 0600, ADIT_SIDE_AGENT, " is empty, but a token was expected");
	refused("secret", 0600, ADIT_SIDE_AGENT, " holds no token: a token begins with \"adit_\"");
	refused("a\nb\n", 0600, ADIT_SIDE_AGENT, " holds more than one token");
	refused("adit_abcdefgh_gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp8d10907", 0600,
		ADIT_SIDE_AGENT, " holds a damaged token: its last digits do not fit");
	refused("adit_x", 0644, ADIT_SIDE_AGENT, ": has mode 0644, but a secret must not be open");
	refused("aaaaaaaa\n", 0600, ADIT_SIDE_SERVER, ":1: expected ID ACCOUNT STORED_KEY");
	refused("", 0640, ADIT_SIDE_SERVER, ": has mode 0640, but a secret must not be open");
	memcpy(saved, agent_file, sizeof(saved));
	snprintf(agent_file, sizeof(agent_file), "%s/absent", top);
	ok(make(ADIT_SIDE_AGENT) == NULL && strstr(e.msg, "No such file") != NULL,
		"an agent needs its file");
	memcpy(agent_file, saved, sizeof(saved));
}

static void
test_issue(void)
{
	static const struct {
		const char *account, *grant, *want;
	} bad[] = {
		{"a b", "ports=1", "\"a b\" is not an account"},
		{"acme", "ports", "expected key=value, found \"ports\""},
		{"acme", "port=1", "key \"port\": did you mean \"ports\"?"},
		{"acme", "ports=1\nevil", "no blanks and no # can be in it"},
		{"acme", "expires=soon", "expires= expects one time"},
	};
	static const char *const twice[] = {"ports=1", "ports=2"};
	char token[80], error[512];
	struct stat st;

	write_private(server_file, "");
	reload();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		is_int(issue(bad[i].account, &bad[i].grant, 1, token, error), -1, bad[i].want);
		ok(strstr(error, bad[i].want) != NULL, "… is said");
	}
	is_int(issue("acme", twice, 2, token, error), -1, "a grant that is given twice");
	ok(stat(server_file, &st) == 0 && st.st_size == 0, "what is refused writes nothing");
}

int
main(void)
{
	folder_begin();
	put_real("auth-token");
	snprintf(server_file, sizeof(server_file), "%s/tokens", top);
	snprintf(agent_file, sizeof(agent_file), "%s/token", top);
	test_login();
	test_denied();
	test_replay();
	test_files();
	test_issue();
	module_free(login_modules[0]);
	login_end();
	folder_end();
	return done_testing();
}
