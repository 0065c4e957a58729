/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The server's file of keys, line by line; the addresses of from="…"; and what is signed. */

#include <stdlib.h>

#include "tap.h"

#include "keys.h"
#include "login.h"

#define K1 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA/930WfRxX2OUsQsJ/qnPC/dh20or2c9LIykS2dt0pj"
#define K2 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMJUINnRTU5i+0MHQUSKZ66vTAmherta3FL0oZS532E2"
#define K3 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL55dhYRNdf35eFD0QofWR9GtbEGk5SdstfgM65StN21"

static char why[512];

static struct keys *
parse_for(const char *text, const char *account)
{
	char *copy = strdup(text);
	struct keys *keys = NULL;

	why[0] = '\0';
	if (keys_parse("/x/keys", copy, account, &keys, why, sizeof(why)) < 0)
		keys = NULL;
	free(copy);
	return keys;
}

static struct keys *
parse(const char *text)
{
	return parse_for(text, NULL);
}

static const struct key *
find(const struct keys *keys, const char *line)
{
	uint8_t public[ED_PUBLIC];

	line = strstr(line, "AAAA");
	if (ssh_public_parse(line, SSH_WORD, public) != NULL)
		return NULL;
	return keys_find(keys, public);
}

static const char *
granted(const struct key *k, const char *name)
{
	for (size_t i = 0; i < k->n_grants; i++)
		if (strcmp(k->grant[i].name, name) == 0)
			return k->grant[i].value;
	return NULL;
}

/* ---- Good files ------------------------------------------------------------------------------ */

static void
test_good(void)
{
	struct keys *keys = parse("# ours\n"
		"\n"
		"   \t# more\n"
		"account=\"acme\" " K1 " web1@example.org and more\r\n"
		"\taccount=\"b\",agent=\"fixed\",revoked,from=\"192.0.2.0/24,!192.0.2.7\","
		"expires=\"2027-01-31\",ports=\"443,10000-10099\",udp_ports=\"53\","
		"hosts=\"a.b,*.c\","
		"max_tunnels=\"3\",max_streams=\"0\",MAX_Sessions=\"12\" \t " K2);
	const struct key *k;

	ok(keys != NULL, "a file is read");
	if (keys == NULL) {
		diag("%s", why);
		return;
	}
	is_int(keys->n, 2, "it has two keys");
	k = find(keys, K1);
	ok(k != NULL && k->line == 4 && !k->revoked && k->expires == 0 && k->from.n == 0 &&
			k->n_grants == 0, "one without restrictions");
	is_str(k->account, "acme", "its account");
	is_str(k->agent, "", "no agent");
	is_str(k->note, "web1@example.org and more", "its comment");
	k = find(keys, K2);
	ok(k != NULL && k->line == 5 && k->revoked && k->from.n == 2, "one with all of them");
	is_str(k->account, "b", "its account");
	is_str(k->agent, "fixed", "its agent");
	is_str(k->note, "", "no comment");
	is_int(k->expires, 1801353600, "the end of its time");
	is_str(granted(k, "ports"), "443,10000-10099", "ports");
	is_str(granted(k, "udp_ports"), "53", "UDP ports");
	is_str(granted(k, "hosts"), "a.b,*.c", "hosts");
	is_str(granted(k, "max_tunnels"), "3", "tunnels");
	is_str(granted(k, "max_streams"), "0", "streams");
	is_str(granted(k, "max_sessions"), "12", "sessions; names may be in capitals");
	is_int(k->n_grants, KEYS_GRANTS, "no other grants");
	ok(find(keys, K3) == NULL, "a third one is not there");
	keys_free(keys);
}

static void
test_account(void)
{
	struct keys *keys = parse_for(K1 "\naccount=\"own\" " K2 "\n", "all");

	ok(keys != NULL, "lines of ssh-keygen as they are, with an account for all");
	is_str(find(keys, K1)->account, "all", "whose they are");
	is_str(find(keys, K2)->account, "own", "unless one says it itself");
	keys_free(keys);
	keys = parse("");
	ok(keys != NULL && keys->n == 0 && find(keys, K1) == NULL, "an empty file is one");
	keys_free(keys);
}

/* Many keys, all found, in whatever order they stand. */
static void
test_many(void)
{
	static char text[1000 * 120];
	uint8_t public[ED_PUBLIC];
	char word[SSH_WORD + 1];
	struct keys *keys;
	unsigned found = 0, wrong = 0;
	size_t at = 0;

	for (size_t n = 0; n < 1000; n++) {
		memset(public, 7, sizeof(public));
		public[0] = (uint8_t)(n * 77);
		public[9] = (uint8_t)(n >> 8);
		public[1] = (uint8_t)n;
		ssh_public_format(public, word);
		at += (size_t)snprintf(text + at, sizeof(text) - at, "ssh-ed25519 %s %zu\n", word,
			n);
	}
	keys = parse_for(text, "a");
	ok(keys != NULL && keys->n == 1000, "1,000 keys are read");
	for (size_t i = 0; keys != NULL && i < keys->n; i++) {
		memcpy(public, keys->key[i].public, sizeof(public));
		found += keys_find(keys, public) == &keys->key[i];
		public[20]++;
		wrong += keys_find(keys, public) != NULL;
	}
	ok(found == 1000 && wrong == 0, "each is found, and no other");
	keys_free(keys);
}

/* OpenSSH's quoting: \" is a quote, and nothing else is special. */
static void
test_quotes(void)
{
	struct keys *keys = parse("account=\"a\\\"b\" " K1);

	ok(keys == NULL && strstr(why, "account=\"a\"b\": expected 1 to 64") != NULL,
		"a quote inside of quotes is read, though no account has one");
	keys = parse("account=\"acme\",hosts=\"a b\" " K1);
	ok(keys == NULL && strstr(why, "hosts=\"a b\": expected") != NULL,
		"blanks inside of quotes do not end the options");
}

/* ---- Bad lines ------------------------------------------------------------------------------- */

static const struct {
	const char *line, *want;
} bad[] = {
	{K1, "account=\"…\" is missing in front of the key"},
	{"hello", "unknown option \"hello\"; there are account, agent, from, expires, revoked"},
	{"no-pty,account=\"a\" " K1, "unknown option \"no-pty\""},
	{"command=\"x\" " K1, "unknown option \"command\""},
	{"accoun=\"a\" " K1, "unknown option \"accoun\""},
	{"account " K1, "option \"account\" expects a value in double quotes"},
	{"account=a " K1, "option \"account\" expects a value in double quotes"},
	{"account=\"a " K1, "option \"account\" expects a value in double quotes"},
	{"account=\"a\\\" " K1, "option \"account\" expects a value in double quotes"},
	{"account=\"a\"x " K1, "behind option \"account\" a comma or a blank"},
	{"account=\"a\"", "expected [options] ssh-ed25519 BASE64 [comment]"},
	{"account=\"a\", " K1, "unknown option \"\""},
	{",account=\"a\" " K1, "unknown option \"\""},
	{"account=\"a\" revoked " K1, "expected [options] ssh-ed25519"},
	{"account=\"a\",account=\"a\" " K1, "option \"account\" is given twice"},
	{"revoked,revoked " K1, "option \"revoked\" is given twice"},
	{"revoked=\"yes\" " K1, "option \"revoked\" has no value"},
	{"account=\"\" " K1, "account=\"\": expected 1 to 64"},
	{"account=\"a/b\" " K1, "account=\"a/b\": expected 1 to 64"},
	{"account=\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" " K1,
		"expected 1 to 64"},
	{"account=\"a\",agent=\"a b\" " K1, "agent=\"a b\": expected 1 to 64"},
	{"expires=\"\" " K1, "expires=\"\": expected a time"},
	{"expires=\"2027\" " K1, "expected a time"},
	{"expires=\"2027-02-29\" " K1, "expected a time"},
	{"expires=\"2027-13-01\" " K1, "expected a time"},
	{"expires=\"2027-01-01T24:00\" " K1, "expected a time"},
	{"expires=\"2027-01-01T12:00:60\" " K1, "expected a time"},
	{"expires=\"2027-01-01 12:00\" " K1, "expected a time"},
	{"expires=\"2027-01-01Z\" " K1, "expected a time"},
	{"expires=\"1969-12-31\" " K1, "expected a time"},
	{"expires=\"20270101\" " K1, "expected a time"},
	{"ports=\"\" " K1, "expected ports and ranges"},
	{"ports=\"0\" " K1, "expected ports and ranges"},
	{"ports=\"65536\" " K1, "expected ports and ranges"},
	{"ports=\"2-1\" " K1, "expected ports and ranges"},
	{"ports=\"1-\" " K1, "expected ports and ranges"},
	{"ports=\"1,\" " K1, "expected ports and ranges"},
	{"ports=\"1 , 2\" " K1, "expected ports and ranges"},
	{"udp_ports=\"any\" " K1, "expected ports and ranges"},
	{"hosts=\"\" " K1, "hosts=\"\": expected names"},
	{"hosts=\"a,\" " K1, "expected names"},
	{"hosts=\"*\" " K1, "expected names"},
	{"hosts=\"a.*.b\" " K1, "expected names"},
	{"max_tunnels=\"\" " K1, "expected a number"},
	{"max_tunnels=\"-1\" " K1, "expected a number"},
	{"max_tunnels=\"01\" " K1, "expected a number"},
	{"max_streams=\"99999999\" " K1, "expected a number"},
	{"max_sessions=\"many\" " K1, "expected a number"},
	{"from=\"\" " K1, "from=\"…\" expects addresses and networks"},
	{"from=\"example.org\" " K1, "from=\"…\" expects addresses and networks"},
	{"from=\"192.0.2.*\" " K1, "from=\"…\" expects addresses and networks"},
	{"from=\"192.0.2.1/33\" " K1, "is no length of a network"},
	{"from=\"192.0.2.1/\" " K1, "is no length of a network"},
	{"from=\"192.0.2.0/024\" " K1, "is no length of a network"},
	{"from=\"192.0.2.1/24\" " K1, "has bits behind the /24"},
	{"from=\"2001:db8::1/64\" " K1, "has bits behind the /64"},
	{"from=\"!192.0.2.1\" " K1, "refuses addresses, but takes none"},
	{"ssh-rsa AAAAB3NzaC1yc2E= x", "keys of type ssh-rsa are not taken, only ssh-ed25519"},
	{"sk-ssh-ed25519@openssh.com AAAA x", "keys of type sk-ssh-ed25519@openssh.com are not"},
	{"ssh-ed25519", "the key is cut short"},
	{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA", "the key is cut short"},
	{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"the key is one of those for which anybody can sign"},
	{K1 "AAAA", "the key has not the length of an Ed25519 key"},
	{"cert-authority,account=\"a\" " K1, "unknown option \"cert-authority\""},
};

static void
test_bad(void)
{
	char text[1024], want[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct keys *keys;

		snprintf(text, sizeof(text), "# 1\naccount=\"ok\" " K2 "\n%s\n", bad[i].line);
		keys = parse(text);
		snprintf(want, sizeof(want), "/x/keys:3: ");
		ok(keys == NULL && strncmp(why, want, strlen(want)) == 0 &&
				strstr(why, bad[i].want) != NULL,
			"refused, with its place: %s", bad[i].want);
		if (keys != NULL || strstr(why, bad[i].want) == NULL)
			diag("line %s, got: %s", bad[i].line, keys != NULL ? "(taken)" : why);
		keys_free(keys);
	}
}

static void
test_twice(void)
{
	struct keys *keys = parse("account=\"a\" " K1 "\naccount=\"a\" " K2 "\n"
				  "account=\"b\",revoked " K1 " again\n");
	static char text[KEYS_LINE_MAX + 200] = "account=\"a\" " K1 " ";
	size_t at = strlen(text);

	ok(keys == NULL, "a key that stands twice is refused");
	is_str(why, "/x/keys:3: the same key stands in line 1", "with both places");
	memset(text + at, 'x', sizeof(text) - at - 1);
	keys = parse(text);
	ok(keys == NULL && strstr(why, "/x/keys:1: is longer than 8192 bytes") != NULL,
		"a line without an end is refused");
}

static void
test_times(void)
{
	static const struct {
		const char *text;
		int64_t want;
	} good[] = {
		{"1970-01-02", 86400},
		{"2024-02-29", 1709164800},
		{"2027-01-31T12:00", 1801396800},
		{"2027-01-31T12:00Z", 1801396800},
		{"2027-01-31T12:00:01", 1801396801},
		{"2027-01-31T12:00:01Z", 1801396801},
		{"9999-12-31T23:59:59Z", 253402300799},
	};
	char line[256];

	setenv("TZ", "America/New_York", 1);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct keys *keys;

		snprintf(line, sizeof(line), "expires=\"%s\" " K1, good[i].text);
		keys = parse_for(line, "a");
		is_int(keys != NULL ? keys->key[0].expires : -1, good[i].want, good[i].text);
		keys_free(keys);
	}
}

/* ---- from ------------------------------------------------------------------------------------ */

static void
test_from(void)
{
	static const struct {
		const char *list, *address;
		bool want;
	} t[] = {
		{"192.0.2.0/24", "192.0.2.255", true},
		{"192.0.2.0/24", "192.0.3.0", false},
		{"192.0.2.0/24", "::ffff:192.0.2.1", true},
		{"::ffff:192.0.2.0/120", "192.0.2.1", true},
		{"192.0.2.0/25", "192.0.2.128", false},
		{"192.0.2.0/25", "192.0.2.127", true},
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"0.0.0.0/0", "203.0.113.9", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "2001:db8::1", true},
		{"::/0", "192.0.2.1", false},
		{"::/0", "::ffff:192.0.2.1", false},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
		{"fe80::/10", "fe80::1%eth0", true},
		{"fe80::/10", "fec0::1%eth0", false},
		{"192.0.2.0/24,!192.0.2.7", "192.0.2.7", false},
		{"!192.0.2.7,192.0.2.0/24", "192.0.2.7", false},
		{"!192.0.2.7,192.0.2.0/24", "192.0.2.8", true},
		{"!192.0.2.7,192.0.2.0/24", "198.51.100.1", false},
		{"!10.0.0.0/8,0.0.0.0/0,::/0", "10.1.2.3", false},
		{"!10.0.0.0/8,0.0.0.0/0,::/0", "11.1.2.3", true},
		{"!10.0.0.0/8,0.0.0.0/0,::/0", "2001:db8::1", true},
		{"0.0.0.0/0,::/0", "", false},
		{"0.0.0.0/0,::/0", "unix", false},
		{"0.0.0.0/0,::/0", "1.2.3.4.5", false},
		{"0.0.0.0/0,::/0",
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			false},
	};
	char list[2000];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct from f = {.n = 0};

		snprintf(list, sizeof(list), "%s", t[i].list);
		ok(from_parse(list, &f, why, sizeof(why)) == 0 &&
				from_holds(&f, t[i].address) == t[i].want,
			"%s: %s%s", t[i].list, t[i].want ? "" : "not ", t[i].address);
		from_fini(&f);
	}
	list[0] = '\0';
	for (int i = 0; i < FROM_MAX + 1; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), ",192.0.2.%d", i);
	ok(from_parse(list + 1, &(struct from){.n = 0}, why, sizeof(why)) < 0 &&
			strstr(why, "more than 64") != NULL, "a list is not endless");
}

/* ---- What is signed -------------------------------------------------------------------------- */

static void
test_signed(void)
{
	uint8_t agent[32], server[32], public[32], exporter[32], got[LOGIN_SIGNED_MAX];
	struct login_signed s = {.mode = LOGIN_BOUND, .agent_nonce = agent, .server_nonce = server,
		.public = public, .exporter = exporter, .agent = "web1"};
	uint8_t want[256] = "adit-key-1\0\1", *p = want + 12;

	memset(agent, 'a', 32);
	memset(server, 's', 32);
	memset(public, 'p', 32);
	memset(exporter, 'e', 32);
	p = (uint8_t *)mempcpy(p, agent, 32);
	p = (uint8_t *)mempcpy(p, server, 32);
	p = (uint8_t *)mempcpy(p, public, 32);
	p = (uint8_t *)mempcpy(p, exporter, 32);
	p = (uint8_t *)mempcpy(p, "\3key\4web1", 9);
	is_int(login_signed(&s, got), p - want, "bound: its length");
	is_mem(got, want, (size_t)(p - want), "its bytes are those of the manual page");
	s.mode = LOGIN_FREE;
	want[11] = 0;
	memcpy(want + 108, "\3key\4web1", 9);
	is_int(login_signed(&s, got), 117, "not bound: its length");
	is_mem(got, want, 117, "its bytes");
	s.mode = LOGIN_BOUND;
	s.agent = "0123456789012345678901234567890123456789012345678901234567890123";
	is_int(login_signed(&s, got), 12 + 4 * 32 + 4 + 65, "the longest name has room");
}

static void
test_exporter(void)
{
	static const char good[] =
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff";
	uint8_t out[32];
	char text[80];

	ok(login_exporter(good, out) && out[1] == 1 && out[10] == 10 && out[31] == 255, "hex");
	snprintf(text, sizeof(text), "%s0", good);
	ok(!login_exporter(text, out) && !login_exporter(good + 1, out) && !login_exporter("", out),
		"nothing else");
	snprintf(text, sizeof(text), "%s", good);
	text[63] = 'g';
	ok(!login_exporter(text, out) && out[31] == 255, "of the right length");
}

int
main(void)
{
	test_good();
	test_account();
	test_many();
	test_quotes();
	test_bad();
	test_twice();
	test_times();
	test_from();
	test_signed();
	test_exporter();
	return done_testing();
}
