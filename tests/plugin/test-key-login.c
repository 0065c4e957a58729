/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* auth-key as it is loaded: a key is made and used for whole logins, over links with and without a
 * TLS channel; what is refused and why; files that change, and files that are not as they must be.
 */

#include "tap.h"

#include "../../plugins/auth-key/keys.h"
#include "../../plugins/auth-key/login.h"
#include "folder.h"
#include "login.h"
#include "util/prompt.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct err e;
static char keys_file[80], more_file[80], key_file[80];
static char line[2048]; /* of the key in key_file, for the server */
static bool server_bound = true, agent_bound = true;

static void
write_as(const char *path, mode_t mode, const char *text)
{
	make_file(path, text, strlen(text));
	must(chmod(path, mode) == 0);
}

static struct module *
make_from(enum adit_side side, const char *file, const char *account)
{
	struct option_value v[3] = {
		{.key = side == ADIT_SIDE_SERVER ? "file" : "key_file", .type = VALUE_STRING,
			.str = file, .file = "/etc/x.conf", .line = 2},
		{.key = "channel_binding", .type = VALUE_BOOL,
			.num = side == ADIT_SIDE_SERVER ? server_bound : agent_bound,
			.file = "/etc/x.conf", .line = 3},
		{.key = "account", .type = VALUE_STRING, .str = account, .file = "/etc/x.conf",
			.line = 4},
	};
	struct module *m = NULL;

	memset(&e, 0, sizeof(e));
	module_create(dir, "auth-key", v, account != NULL ? 3 : 2, side, "/etc/x.conf", 1, &m, &e);
	return m;
}

static struct module *
make(enum adit_side side)
{
	return make_from(side, side == ADIT_SIDE_SERVER ? keys_file : key_file, NULL);
}

/* The server's half anew. */
static void
reload(void)
{
	module_free(login_modules[0]);
	login_modules[0] = make(ADIT_SIDE_SERVER);
	must(login_modules[0] != NULL);
	login_setup(1);
}

/* The server's file has this in front of the key. It changes in size each time, and a young file is
 * read at every login anyway. */
static void
restrict_to(const char *options)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s%s%s\n", options, options[0] != '\0' ? " " : "", line);
	write_as(keys_file, 0644, text);
}

static void
login(const char *agent, struct login *l)
{
	struct module *m = make(ADIT_SIDE_AGENT);

	must(m != NULL);
	login_agent(l, m, agent);
	login_wait();
	module_free(m);
}

/* The TLS channels that both ends of the link see; NULL: none. */
static void
channels(const char *agent, const char *server)
{
	facts_fini(&login_facts);
	facts_fini(&login_server_facts);
	if (agent != NULL)
		must(facts_set(&login_facts, "tls-exporter", agent) == 0);
	if (server != NULL)
		must(facts_set(&login_server_facts, "tls-exporter", server) == 0);
}

static void
make_key(void)
{
	struct module *m;
	char private[2048], print[2048];

	/* Any instance has the table of functions. */
	write_as(more_file, 0644, "");
	m = make_from(ADIT_SIDE_SERVER, more_file, NULL);
	ok(m != NULL && m->auth.make_key != NULL, "an empty file of keys is one");
	is_int(m->auth.make_key("web1", private, line, print, 2048), 0, "a key is made");
	ok(strncmp(line, "ssh-ed25519 AAAA", 16) == 0 && strstr(line, " web1") != NULL &&
			strncmp(print, "SHA256:", 7) == 0,
		"with a line and a fingerprint");
	is_int(m->auth.make_key("web1", private, line, print, 100), -1, "no room is no key");
	write_as(key_file, 0600, private);
	module_free(m);
}

/* ---- Logins ---------------------------------------------------------------------------------- */

static void
test_login(void)
{
	struct login l;

	restrict_to("account=\"acme\"");
	reload();
	login("web1", &l);
	ok(l.verdict == ADIT_ALLOW && l.confirmed, "a login");
	is_str(l.account, "acme", "its account");
	is_str(l.agent, "web1", "its agent");
	is_str(l.ports, "", "no grants");
	is_int(l.reply_len, 0, "the server answers nothing");
	restrict_to("account=\"b\",agent=\"fixed\",ports=\"443,10000-10099\",max_tunnels=\"3\"");
	login("web1", &l);
	is_int(l.verdict, ADIT_ALLOW, "the file has changed");
	is_str(l.account, "b", "another account");
	is_str(l.agent, "fixed", "an agent's name");
	is_str(l.ports, "443,10000-10099", "and grants");
}

/* A session ends with its key; the file may move that. */
static void
test_expires(void)
{
	char options[80];
	time_t until = time(NULL) + 3600;
	struct login l;

	restrict_to("account=\"a\"");
	login("web1", &l);
	is_int(l.expires_ms, -1, "without expires= a login is good for ever");
	strftime(options, sizeof(options), "account=\"a\",expires=\"%Y-%m-%dT%H:%M:%SZ\"",
		gmtime(&until));
	restrict_to(options);
	login("web1", &l);
	ok(l.verdict == ADIT_ALLOW && l.expires_ms > 0 && l.expires_ms <= 3600 * 1000,
		"with it until then");
	until += 7200;
	strftime(options, sizeof(options), "account=\"a\",expires=\"%Y-%m-%dT%H:%M:%SZ\"",
		gmtime(&until));
	restrict_to(options);
	login("web1", &l);
	ok(l.verdict == ADIT_ALLOW && l.expires_ms > 3600 * 1000, "which the file can move");
}

static void
denied(const char *options, enum adit_cause cause, const char *want)
{
	struct login l;

	restrict_to(options);
	login("web1", &l);
	ok(l.verdict == ADIT_DENY && l.cause == cause && strstr(l.reason, want) != NULL,
		"denied: %s", want);
	if (strstr(l.reason, want) == NULL || l.cause != cause)
		diag("verdict %d, cause %d: %s", l.verdict, l.cause, l.reason);
	ok(strstr(l.reason, "SHA256:") != NULL, "the log says which key");
	is_str(l.account, "", "nobody is in");
}

static void
test_denied(void)
{
	struct login l;

	denied("account=\"a\",revoked", ADIT_CAUSE_FORBIDDEN, "is revoked");
	denied("account=\"a\",expires=\"2026-01-01\"", ADIT_CAUSE_EXPIRED, "has expired");
	denied("account=\"a\",from=\"198.51.100.0/24\"", ADIT_CAUSE_FORBIDDEN,
		"may not be used from this address");
	denied("account=\"a\",from=\"192.0.2.0/24,!192.0.2.1\"", ADIT_CAUSE_FORBIDDEN,
		"may not be used from this address");
	restrict_to("account=\"a\",from=\"192.0.2.0/24\",expires=\"2999-01-01\"");
	login("web1", &l);
	is_int(l.verdict, ADIT_ALLOW, "from the right address, in time");
	login_peer = "::ffff:192.0.2.9";
	login("web1", &l);
	is_int(l.verdict, ADIT_ALLOW, "in whatever form the address comes");
	login_peer = "2001:db8::1";
	login("web1", &l);
	is_int(l.verdict, ADIT_DENY, "and from no other");
	login_peer = "192.0.2.1";
	write_as(keys_file, 0644, "");
	login("web1", &l);
	ok(l.verdict == ADIT_DENY && l.cause == ADIT_CAUSE_UNKNOWN &&
			strstr(l.reason, "is not known") != NULL,
		"a key that was taken out is not known");
}

/* ---- Channels -------------------------------------------------------------------------------- */

static void
test_channels(void)
{
	static const struct {
		const char *agent, *server; /* exporters */
		bool agent_bound, server_bound, in;
		const char *want;
	} t[] = {
		{HEX_A, HEX_A, true, true, true, "over TLS"},
		{NULL, NULL, true, true, true, "over a link that has no channel"},
		{HEX_A, HEX_B, true, true, false, "another server's TLS channel"},
		{HEX_A, NULL, true, true, false, "but this link has none"},
		{NULL, HEX_A, true, true, false, "is not bound to the TLS channel"},
		{HEX_A, HEX_A, false, true, false, "is not bound to the TLS channel"},
		{HEX_A, HEX_B, false, true, false, "is not bound to the TLS channel"},
		{HEX_A, HEX_A, true, false, true, "bound, where it need not be"},
		{HEX_A, HEX_B, true, false, false, "another server's TLS channel"},
		{HEX_A, NULL, true, false, false, "but this link has none"},
		{HEX_A, HEX_B, false, false, true, "bound on neither side"},
		{HEX_A, NULL, false, false, true, "behind a front that ends TLS"},
		{HEX_A, NULL, false, true, true, "where only the agent's part is TLS"},
	};
	struct login l;

	restrict_to("account=\"a\"");
	login_encrypted = true;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		agent_bound = t[i].agent_bound;
		server_bound = t[i].server_bound;
		reload();
		channels(t[i].agent, t[i].server);
		login("web1", &l);
		ok(l.verdict == (t[i].in ? ADIT_ALLOW : ADIT_DENY) &&
				(t[i].in || strstr(l.reason, t[i].want) != NULL),
			"%s: %s", t[i].in ? "in" : "not in", t[i].want);
	}
	agent_bound = server_bound = true;
	reload();
	channels("0123", "0123");
	login("web1", &l);
	ok(l.verdict == 0 && strstr(l.error, "cannot be bound to") != NULL,
		"a channel that is none stops the agent");
	channels(HEX_A, "0123");
	login("web1", &l);
	is_int(l.verdict, ADIT_FAIL, "and at the server it is no failed attempt");
	channels(NULL, NULL);
	login_encrypted = false;
}

/* ---- Messages that were changed, or seen before ---------------------------------------------- */

static void
message_sent(const uint8_t *data, size_t len, const char *agent, struct login *l)
{
	memset(l, 0, sizeof(*l));
	login_begin(l, "key", agent, data, len);
	login_wait();
}

/* A good message of the agent, for the nonces and channels as they are. */
static void
message(uint8_t msg[LOGIN_SIZE])
{
	struct module *m = make(ADIT_SIDE_AGENT);
	struct login l = {.verdict = 0};
	struct adit_proof *proof;

	must(m != NULL);
	proof = proof_new(w, m, "web1", true, nonce_agent, nonce_server, on_proof, &l);
	facts_copy(&login_facts, &proof->facts);
	must(m->auth.prove(m->inst, proof) == 0 && proof->out.len == LOGIN_SIZE);
	memcpy(msg, proof->out.p, LOGIN_SIZE);
	proof_free(proof);
	module_free(m);
}

static void
test_replay(void)
{
	uint8_t msg[LOGIN_SIZE], was;
	struct login l;

	restrict_to("account=\"a\"");
	channels(HEX_A, HEX_A);
	message(msg);
	message_sent(msg, sizeof(msg), "web1", &l);
	is_int(l.verdict, ADIT_ALLOW, "a message for this link");
	message_sent(msg, sizeof(msg), "web2", &l);
	ok(l.verdict == ADIT_DENY && l.cause == ADIT_CAUSE_WRONG, "is none under another name");
	was = nonce_server[5]++;
	message_sent(msg, sizeof(msg), "web1", &l);
	ok(l.verdict == ADIT_DENY && l.cause == ADIT_CAUSE_WRONG,
		"nor with another nonce of the server");
	nonce_server[5] = was;
	was = nonce_agent[5]++;
	message_sent(msg, sizeof(msg), "web1", &l);
	ok(l.verdict == ADIT_DENY && l.cause == ADIT_CAUSE_WRONG,
		"nor with another nonce of the agent");
	nonce_agent[5] = was;
	channels(NULL, HEX_B);
	message_sent(msg, sizeof(msg), "web1", &l);
	ok(l.verdict == ADIT_DENY && l.cause == ADIT_CAUSE_WRONG, "nor over another TLS channel");
	channels(NULL, NULL);
	message_sent(msg, sizeof(msg), "web1", &l);
	ok(l.verdict == ADIT_DENY && l.cause == ADIT_CAUSE_FORBIDDEN, "nor over none");
	msg[ED_PUBLIC] = LOGIN_FREE;
	message_sent(msg, sizeof(msg), "web1", &l);
	ok(l.verdict == ADIT_DENY && l.cause == ADIT_CAUSE_WRONG, "nor with its mode changed");
	msg[ED_PUBLIC] = LOGIN_BOUND + 1;
	message_sent(msg, sizeof(msg), "web1", &l);
	ok(l.verdict == ADIT_DENY && l.cause == ADIT_CAUSE_MALFORMED, "a mode that there is not");
}

/* Each bit of the signature; S + order; keys of low order; and every length. */
static void
test_malformed(void)
{
	static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6,
		0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
	uint8_t msg[LOGIN_SIZE + 1] = "", *s = msg + ED_PUBLIC + 1 + 32;
	unsigned in = 0, carry = 0;
	struct login l;

	message(msg);
	for (unsigned bit = 0; bit < 512; bit += 7) {
		msg[ED_PUBLIC + 1 + bit / 8] ^= (uint8_t)(1u << bit % 8);
		message_sent(msg, LOGIN_SIZE, "web1", &l);
		in += l.verdict != ADIT_DENY || l.cause != ADIT_CAUSE_WRONG;
		msg[ED_PUBLIC + 1 + bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	is_int(in, 0, "no bit of the signature may be another");
	for (size_t len = 0; len <= sizeof(msg); len++) {
		message_sent(msg, len, "web1", &l);
		in += len == LOGIN_SIZE ? l.verdict != ADIT_ALLOW
					: l.verdict != ADIT_DENY || l.cause != ADIT_CAUSE_MALFORMED;
	}
	is_int(in, 0, "messages of every other length are denied");
	for (unsigned i = 0; i < 32; i++) {
		carry += s[i] + order[i];
		s[i] = (uint8_t)carry;
		carry >>= 8;
	}
	message_sent(msg, LOGIN_SIZE, "web1", &l);
	ok(l.verdict == ADIT_DENY && l.cause == ADIT_CAUSE_WRONG, "S has one form only");
	memset(msg, 0, sizeof(msg));
	msg[0] = msg[ED_PUBLIC + 1] = 1;
	message_sent(msg, LOGIN_SIZE, "web1", &l);
	ok(l.verdict == ADIT_DENY && l.cause == ADIT_CAUSE_MALFORMED,
		"a key of low order, under which everything is signed, is none");
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* A bad file changes nothing; a mended one counts. */
static void
test_reread(void)
{
	struct login l;

	restrict_to("account=\"a\"");
	reload();
	restrict_to("acount=\"a\"");
	login("web1", &l);
	is_int(l.verdict, ADIT_ALLOW, "a file with a mistake changes nothing");
	ok(make(ADIT_SIDE_SERVER) == NULL && strstr(e.msg, "unknown option \"acount\"") != NULL,
		"but is an error at start");
	write_as(keys_file, 0666, "");
	login("web1", &l);
	is_int(l.verdict, ADIT_ALLOW, "nor does one that others can write");
	must(unlink(keys_file) == 0);
	login("web1", &l);
	is_int(l.verdict, ADIT_ALLOW, "nor one that is not there");
	restrict_to("account=\"b\"");
	login("web1", &l);
	is_str(l.account, "b", "a good one does");
}

/* Two instances: a key that one does not know is the other's business, one that it refuses is
 * not. */
static void
test_chain(void)
{
	char text[4096];
	struct login l;

	write_as(keys_file, 0644, "");
	snprintf(text, sizeof(text), "%s\n", line);
	write_as(more_file, 0644, text);
	reload();
	login_modules[1] = make_from(ADIT_SIDE_SERVER, more_file, "all");
	must(login_modules[1] != NULL);
	login_setup(2);
	login("web1", &l);
	ok(l.verdict == ADIT_ALLOW, "the second file has the key");
	is_str(l.account, "all", "and an account for all of its keys");
	restrict_to("account=\"a\",revoked");
	login("web1", &l);
	ok(l.verdict == ADIT_DENY && strstr(l.reason, "is revoked") != NULL,
		"a key that is revoked in the first is not asked about in the second");
	login_setup(1);
	module_free(login_modules[1]);
	login_modules[1] = NULL;
}

static void
refused(enum adit_side side, const char *text, mode_t mode, const char *want)
{
	const char *path = side == ADIT_SIDE_SERVER ? more_file : key_file;
	struct module *m;

	write_as(path, mode, text);
	m = make_from(side, path, NULL);
	ok(m == NULL && strstr(e.msg, path) != NULL && strstr(e.msg, want) != NULL && e.line == 2,
		"refused, with its place: %s", want);
	if (m != NULL || strstr(e.msg, want) == NULL)
		diag("got: %s", m != NULL ? "(taken)" : e.msg);
	module_free(m);
}

static void
test_files(void)
{
	refused(ADIT_SIDE_AGENT, "", 0600, "holds no private key: adit keygen makes one");
	refused(ADIT_SIDE_AGENT, line, 0600, "is a public key");
	refused(ADIT_SIDE_AGENT, "x", 0644, "has mode 0644, but a secret must not be open");
	refused(ADIT_SIDE_SERVER, "x\n", 0644, ":1: unknown option \"x\"");
	refused(ADIT_SIDE_SERVER, "\n\nssh-rsa AAAA\n", 0644, ":3: keys of type ssh-rsa are not");
	refused(ADIT_SIDE_SERVER, "", 0664, "must not be writable by group or others");
	ok(make_from(ADIT_SIDE_SERVER, more_file, "a b") == NULL && e.line == 4 &&
			strstr(e.msg, "\"account\": expects 1 to 64") != NULL,
		"an account that is none");
	unlink(more_file);
	ok(make_from(ADIT_SIDE_SERVER, more_file, NULL) == NULL &&
			strstr(e.msg, "No such file") != NULL,
		"the server needs its file");
}

/* A key of openssl with a passphrase, "abc"; it is nobody's. */
static void
test_passphrase(void)
{
	static const char locked[] =
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
		"MIGaMFYGCSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAg3ngJQp4mwSAIBCjAM\n"
		"BggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQ5bn3GVkFII+N1169fM3ubQRAY7k7\n"
		"EXoSLUR7FGviEB6Z5+YxL8JuSUQijuDWt1G5w54o4qzvP4EbcKC+h1UAs865abnF\n"
		"tVq79glAP6wsDBhzkQ==\n"
		"-----END ENCRYPTED PRIVATE KEY-----\n";
	const struct option_value v[2] = {
		{.key = "key_file", .type = VALUE_STRING, .str = key_file, .file = "/etc/x.conf",
			.line = 2},
		{.key = "passphrase_file", .type = VALUE_STRING, .str = more_file,
			.file = "/etc/x.conf", .line = 3},
	};
	struct module *m = NULL;
	struct login l;

	write_as(key_file, 0600, locked);
	prompt_pretend(true);
	is_int(module_create(dir, "auth-key", v, 1, ADIT_SIDE_AGENT, "/etc/x.conf", 1, &m, &e), 0,
		"a configuration is looked at without the passphrase");
	prompt_pretend(false);
	login_agent(&l, m, "web1");
	login_wait();
	ok(l.verdict == 0 && strstr(l.error, "has another passphrase") != NULL,
		"but nothing is signed then");
	module_free(m);
	write_as(more_file, 0600, "abd\n");
	ok(module_create(dir, "auth-key", v, 2, ADIT_SIDE_AGENT, "/etc/x.conf", 1, &m, &e) < 0 &&
			strstr(e.msg, "has another passphrase") != NULL && e.line == 2,
		"a wrong one is none");
	write_as(more_file, 0644, "abc\n");
	ok(module_create(dir, "auth-key", v, 2, ADIT_SIDE_AGENT, "/etc/x.conf", 1, &m, &e) < 0 &&
			strstr(e.msg, "has mode 0644") != NULL && e.line == 3,
		"nor is one that others can read");
	write_as(more_file, 0600, "abc\n");
	is_int(module_create(dir, "auth-key", v, 2, ADIT_SIDE_AGENT, "/etc/x.conf", 1, &m, &e), 0,
		"with the right one the key is read");
	module_free(m);
}

/* Without key_file the key is where adit keygen puts it. */
static void
test_usual_place(void)
{
	char folder[80], path[100];
	struct module *m = NULL;

	snprintf(folder, sizeof(folder), "%s/adit", top);
	snprintf(path, sizeof(path), "%s/key", folder);
	must(setenv("XDG_CONFIG_HOME", top, 1) == 0);
	must(module_create(dir, "auth-key", NULL, 0, ADIT_SIDE_AGENT, NULL, 0, &m, &e) < 0);
	ok(strstr(e.msg, path) != NULL, "which is said when it is not there");
	must(mkdir(folder, 0700) == 0 && rename(key_file, path) == 0);
	ok(module_create(dir, "auth-key", NULL, 0, ADIT_SIDE_AGENT, NULL, 0, &m, &e) == 0,
		"found in $XDG_CONFIG_HOME");
	module_free(m);
	must(unsetenv("XDG_CONFIG_HOME") == 0 && unsetenv("HOME") == 0);
	ok(module_create(dir, "auth-key", NULL, 0, ADIT_SIDE_AGENT, NULL, 0, &m, &e) < 0 &&
			strstr(e.msg, "\"key_file\": is missing") != NULL,
		"without a home it must be named");
	must(rename(path, key_file) == 0);
}

int
main(void)
{
	folder_begin();
	put_real("auth-key");
	snprintf(keys_file, sizeof(keys_file), "%s/keys", top);
	snprintf(more_file, sizeof(more_file), "%s/more", top);
	snprintf(key_file, sizeof(key_file), "%s/key", top);
	login_setup(0);
	make_key();
	test_login();
	test_expires();
	test_denied();
	test_channels();
	test_replay();
	test_malformed();
	test_reread();
	test_chain();
	test_usual_place();
	test_passphrase();
	test_files();
	module_free(login_modules[0]);
	login_end();
	folder_end();
	return done_testing();
}
