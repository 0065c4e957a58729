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
	is_int(l.verdict, ADIT_ALLOW, "what this process has issued counts at once");
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
	is_str(l.reason, "token abcdefgh does not exist", "the log says why");
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

/* ---- Invites --------------------------------------------------------------------------------- */

static void
invite(int64_t valid_for, const char *const *grants, size_t n, char token_r[80])
{
	struct adit_issue is = {.account = "acme", .grants = grants, .n_grants = n,
		.valid_for = valid_for};

	must(auth_invite(&login_conf.modules, &is) == 0);
	snprintf(token_r, 80, "%s", is.secret);
	issue_fini(&is);
}

static struct module *
make_joiner(const char *token)
{
	struct option_value v = {.key = "invite", .type = VALUE_STRING, .str = token,
		.file = "/etc/x.conf", .line = 2};
	struct module *m = NULL;

	module_create(dir, "auth-token", &v, 1, ADIT_SIDE_AGENT, "/etc/x.conf", 1, &m, &e);
	return m;
}

static void
join_with(const char *token, const char *agent, struct login *l)
{
	struct module *m = make_joiner(token);

	must(m != NULL);
	login_agent(l, m, agent);
	login_wait();
	module_free(m);
}

/* The file's text, for strstr(). */
static const char *
server_text(void)
{
	static char text[8192];
	FILE *f = fopen(server_file, "r");
	size_t n;

	must(f != NULL);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static void
test_join(void)
{
	static const char *const grants[] = {"ports=443"};
	char token[80], old[80];
	struct login l;
	struct stat st;

	write_private(server_file, "# kept\n");
	reload();
	invite(3600, grants, 1, token);
	ok(strstr(server_text(), " invite=") != NULL && strstr(server_text(), token + 14) == NULL,
		"the file has the invite, but not its secret");
	login_with(token, "web1", &l);
	is_int(l.verdict, ADIT_DENY, "an invite does not log in");
	ok(strstr(l.reason, "is an invite") != NULL, "the log says why");
	join_with(token, "web1", &l);
	ok(l.verdict == 0 && strstr(l.error, "over an encrypted link only") != NULL,
		"an agent does not join over a link that is not encrypted");
	login_encrypted = true;
	join_with(token, "web1", &l);
	is_int(l.verdict, ADIT_ALLOW, "it joins over one that is");
	ok(l.confirmed && strlen(l.secret) == 63 && strcmp(l.secret, token) != 0,
		"and has a token of its own");
	is_str(l.account, "acme", "the account is the invite's");
	is_str(l.ports, "443", "and so are the grants");
	ok(strncmp(server_text(), "# kept\n", 7) == 0 && strstr(server_text(), " as web1 from"),
		"the rest of the file is as it was, and it says who joined");
	ok(strstr(server_text(), l.secret + 14) == NULL, "the secret is not in it");
	ok(stat(server_file, &st) == 0 && (st.st_mode & 07777) == 0600, "it is private");
	memcpy(old, l.secret, sizeof(old));
	join_with(token, "web2", &l);
	is_int(l.verdict, ADIT_DENY, "the invite is used up");
	is_str(l.secret, "", "and the second has nothing");
	login_encrypted = false;
	login_with(old, "web2", &l);
	ok(l.verdict == ADIT_ALLOW && l.confirmed, "the token logs in at once");
	reload();
	login_with(old, "web2", &l);
	ok(l.verdict == ADIT_ALLOW && l.confirmed, "and after a reload");
}

/* Two configurations of one file, as after a reload, and a change by another process. */
static void
test_join_twice(void)
{
	struct module *before = login_modules[0], *after;
	char token[80], taken[80];
	struct login l;

	invite(3600, NULL, 0, token);
	after = make(ADIT_SIDE_SERVER);
	must(after != NULL);
	login_encrypted = true;
	join_with(token, "web1", &l);
	is_int(l.verdict, ADIT_ALLOW, "joined by the old configuration");
	login_modules[0] = after;
	join_with(token, "web1", &l);
	is_int(l.verdict, ADIT_DENY, "which the new one knows");
	login_modules[0] = before;
	invite(3600, NULL, 0, taken);
	write_private(server_file, "");
	join_with(taken, "web1", &l);
	is_int(l.verdict, ADIT_DENY, "an invite that somebody took out of the file is none");
	ok(strstr(l.reason, "not there any more") != NULL, "the log says why");
	invite(3600, NULL, 0, token);
	write_private(server_file, "not a token\n");
	join_with(token, "web1", &l);
	is_int(l.verdict, ADIT_FAIL, "a file that is damaged refuses, without a penalty");
	is_str(server_text(), "not a token\n", "and is left as it is");
	login_encrypted = false;
	module_free(after);
	write_private(server_file, "");
	reload();
}

/* An invite whose time is over, and what was proved for a login sent as a join. */
static void
test_join_denied(void)
{
	char line[400], token[80], one[80], error[512];
	uint8_t data[104] = "";
	struct adit_proof *proof;
	struct login l = {.verdict = 0};
	struct module *m;
	char *at;

	invite(3600, NULL, 0, token);
	snprintf(line, sizeof(line), "%s", server_text());
	at = strstr(line, "invite=");
	must(at != NULL);
	memcpy(at + 7, "2020", 4);
	write_private(server_file, line);
	reload();
	login_encrypted = true;
	join_with(token, "web1", &l);
	is_int(l.verdict, ADIT_DENY, "an invite whose time is over");
	ok(strstr(l.reason, "has expired") != NULL, "the log says why");
	must(issue("acme", NULL, 0, one, error) == 0);
	join_with(one, "web1", &l);
	ok(l.verdict == ADIT_DENY && strstr(l.reason, "is no invite") != NULL,
		"a token is no invite");
	invite(3600, NULL, 0, token);
	join_with(token, "web1", &l);
	ok(l.verdict == ADIT_ALLOW && strstr(server_text(), "invite=") == NULL,
		"whoever joins clears away invites whose time is over");

	invite(3600, NULL, 0, token);
	m = make_joiner(token);
	must(m != NULL);
	proof = proof_new(w, m, "web1", true, nonce_agent, nonce_server, on_proof, &l);
	must(m->auth.prove(m->inst, proof) == 0 && proof->out.len == sizeof(data));
	memcpy(data, proof->out.p, sizeof(data));
	proof_free(proof);
	module_free(m);
	data[50] ^= 1;
	login_begin(&l, "token", "web1", data, sizeof(data));
	ok(l.verdict == ADIT_DENY && strstr(l.reason, "was not proved"),
		"keys that were changed on the way are not what was proved");
	data[50] ^= 1;
	login_begin(&l, "token", "web1", data, 40);
	ok(l.verdict == ADIT_DENY && strstr(l.reason, "was not proved"),
		"the proof of a join is none for a login");
	login_encrypted = false;
	login_begin(&l, "token", "web1", data, sizeof(data));
	ok(l.verdict == ADIT_DENY && strstr(l.reason, "encrypted link only"),
		"the server takes no join over a link that is not encrypted");
	login_begin(&l, "token", "web1", data, 40 + 32);
	is_int(l.verdict, ADIT_DENY, "nor half a join");
}

#define RACERS 16

static void
test_join_race(void)
{
	struct login l[RACERS];
	struct module *m[RACERS];
	unsigned won = 0, lost = 0;
	char token[80];

	login_encrypted = true;
	invite(3600, NULL, 0, token);
	for (size_t i = 0; i < RACERS; i++) {
		m[i] = make_joiner(token);
		must(m[i] != NULL);
		login_agent(&l[i], m[i], "web1");
	}
	login_wait();
	for (size_t i = 0; i < RACERS; i++) {
		won += l[i].verdict == ADIT_ALLOW && l[i].confirmed && l[i].secret[0] != '\0';
		lost += l[i].verdict == ADIT_DENY && l[i].secret[0] == '\0';
		module_free(m[i]);
	}
	is_int(won, 1, "one of many who use an invite at once has it");
	is_int(lost, RACERS - 1, "all others are denied");
	login_encrypted = false;
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
	ok(make_joiner("adit_x") == NULL && strstr(e.msg, "the invite holds a token that is too"),
		"an invite that is none is refused");
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
		{"acme", "invite=2027-01-31T00:00:00Z", "invite= is no grant"},
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
	test_join();
	test_join_twice();
	test_join_denied();
	test_join_race();
	test_files();
	test_issue();
	module_free(login_modules[0]);
	login_end();
	folder_end();
	return done_testing();
}
