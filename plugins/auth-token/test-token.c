/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Tokens against the vectors of doc/protocol.md, and the server's file: what is taken, what is
 * refused and in which words. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"
#include "token.h"
#include "tokens_file.h"

#define KEY_A "ac59d3561f0c7de929f6a317e7170995b6c6ea26643e5d297fb198b50c4b48da"
#define KEY_B "e8765196d1be2b1c163ba6ffffe12ad9c03b9d53aa54b73cec6027ebcc54c3de"

/* ---- The vectors ----------------------------------------------------------------------------- */

static char *document;

static void
read_document(void)
{
	const char *src = getenv("top_srcdir");
	char path[4096];
	size_t n, cap = 1 << 20;
	FILE *f;

	snprintf(path, sizeof(path), "%s/doc/protocol.md", src != NULL ? src : ".");
	f = fopen(path, "r");
	document = calloc(1, cap);
	if (f == NULL || document == NULL)
		exit(99);
	n = fread(document, 1, cap - 1, f);
	document[n] = '\0';
	fclose(f);
}

/* The value of "name | value" in the block of the method token. */
static const char *
vector(const char *name, char buf[512])
{
	const char *block = strstr(document, "\n```token\n"), *at;
	char start[64];

	if (block == NULL)
		exit(99);
	snprintf(start, sizeof(start), "\n%s | ", name);
	at = strstr(block, start);
	if (at == NULL)
		exit(99);
	at += strlen(start);
	snprintf(buf, 512, "%.*s", (int)strcspn(at, "\n"), at);
	return buf;
}

/* The same, as bytes. */
static size_t
vector_bytes(const char *name, uint8_t *p)
{
	char hex[512];
	size_t n = strlen(vector(name, hex)) / 2;
	unsigned byte = 0;

	for (size_t i = 0; i < n; i++) {
		sscanf(hex + 2 * i, "%2x", &byte);
		p[i] = (uint8_t)byte;
	}
	return n;
}

static void
is_vector(const uint8_t *got, size_t n, const char *name)
{
	uint8_t want[256] = {0};

	ok(vector_bytes(name, want) == n, "%s has its length", name);
	is_mem(got, want, n, name);
}

static void
test_vectors(void)
{
	char text[512], id[TOKEN_ID + 1], again[TOKEN_LENGTH + 1], buf[512];
	uint8_t secret[TOKEN_KEY], a[32], s[32], msg[TOKEN_MESSAGE_MAX], proof[TOKEN_KEY];
	struct token_keys k;
	size_t n;

	is_str(token_parse(vector("token", text), id, secret), NULL, "the token is one");
	is_str(id, vector("id", buf), "id");
	is_vector(secret, TOKEN_KEY, "secret");
	is_int(token_format(id, secret, again), 0, "it can be written again");
	is_str(again, text, "to the same");
	is_int(token_derive(secret, &k), 0, "keys come from it");
	is_vector(k.client, TOKEN_KEY, "client_key");
	is_vector(k.stored, TOKEN_KEY, "stored_key");
	is_vector(k.server, TOKEN_KEY, "server_key");
	vector_bytes("agent_nonce", a);
	vector_bytes("server_nonce", s);
	n = token_message(a, s, id, vector("agent_name", buf), msg);
	is_vector(msg, n, "message");
	is_int(token_proof(&k, msg, n, proof), 0, "the agent's proof");
	is_vector(proof, TOKEN_KEY, "proof");
	is_int(token_verify(k.stored, msg, n, proof), 1, "convinces the server");
	is_int(token_verify(k.server, msg, n, proof), 0, "but only for this token");
	is_int(token_verify(k.stored, msg, n - 1, proof), 0, "and for this message");
	for (int bit = 0, wrong = 0; bit < TOKEN_KEY * 8; bit++) {
		proof[bit / 8] ^= (uint8_t)(1 << bit % 8);
		wrong += token_verify(k.stored, msg, n, proof) == 0;
		proof[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (bit == TOKEN_KEY * 8 - 1)
			is_int(wrong, TOKEN_KEY * 8, "each flipped bit makes it wrong");
	}
	is_int(token_server_proof(k.server, msg, n, proof), 0, "the server's proof");
	is_vector(proof, TOKEN_KEY, "server_proof");
}

static void
test_join_vectors(void)
{
	uint8_t secret[TOKEN_KEY], a[32], s[32], msg[TOKEN_MESSAGE_MAX], proof[TOKEN_KEY];
	struct token_keys invite, fresh;
	char id[512], agent[512];
	size_t n;

	vector_bytes("secret", secret);
	token_derive(secret, &invite);
	vector_bytes("new_secret", secret);
	token_derive(secret, &fresh);
	is_vector(fresh.stored, TOKEN_KEY, "new_stored_key");
	is_vector(fresh.server, TOKEN_KEY, "new_server_key");
	vector_bytes("agent_nonce", a);
	vector_bytes("server_nonce", s);
	n = token_join_message(a, s, vector("id", id), vector("agent_name", agent), fresh.stored,
		fresh.server, msg);
	is_vector(msg, n, "join_message");
	token_proof(&invite, msg, n, proof);
	is_vector(proof, TOKEN_KEY, "join_proof");
	token_server_proof(invite.server, msg, n, proof);
	is_vector(proof, TOKEN_KEY, "join_server_proof");
	memset(agent, 'a', 64);
	agent[64] = '\0';
	ok(token_join_message(a, s, id, agent, fresh.stored, fresh.server, msg) <= sizeof(msg),
		"the longest one has room");
}

/* ---- Tokens as text -------------------------------------------------------------------------- */

static void
test_text(void)
{
	char good[512], bad[600], id[TOKEN_ID + 1] = "kept";
	uint8_t secret[TOKEN_KEY];
	int damaged = 0;

	vector("token", good);
	is_str(token_parse("", id, secret), "is empty, but a token was expected", "nothing");
	is_str(token_parse("secret", id, secret),
		"holds no token: a token begins with \"adit_\"", "something else");
	snprintf(bad, sizeof(bad), "%.62s", good);
	is_str(token_parse(bad, id, secret),
		"holds a token that is too short: was it copied whole?", "a letter is missing");
	snprintf(bad, sizeof(bad), "%.500sx", good);
	is_str(token_parse(bad, id, secret),
		"holds a token that is too long: was something added to it?", "a letter too many");
	snprintf(bad, sizeof(bad), "%.500s", good);
	bad[5] = '1';
	ok(token_parse(bad, id, secret) != NULL, "1 is no letter of an ID");
	is_str(id, "kept", "what is refused gives nothing");
	for (size_t i = 14; i < TOKEN_LENGTH; i++) {
		snprintf(bad, sizeof(bad), "%.500s", good);
		bad[i] = bad[i] == 'A' ? 'B' : 'A';
		if (i >= 57)
			bad[i] = bad[i] == '0' ? '1' : '0';
		if (strcmp(bad, good) == 0)
			bad[i] = '2';
		damaged += token_parse(bad, id, secret) != NULL;
	}
	is_int(damaged, TOKEN_LENGTH - 14, "every wrong letter is noticed");
	snprintf(bad, sizeof(bad), "%.500s", good);
	for (size_t i = 57; i < TOKEN_LENGTH; i++)
		if (bad[i] >= 'a' && bad[i] <= 'f')
			bad[i] = (char)(bad[i] - 'a' + 'A');
	is_str(token_parse(bad, id, secret), NULL, "check digits may be capitals");
}

static void
test_round_trip(void)
{
	char id[TOKEN_ID + 1], id2[TOKEN_ID + 1], text[TOKEN_LENGTH + 1];
	uint8_t secret[TOKEN_KEY], again[TOKEN_KEY], random[5];
	int same = 0;

	for (unsigned i = 0; i < 256; i++) {
		for (size_t j = 0; j < TOKEN_KEY; j++)
			secret[j] = (uint8_t)(i * 7 + j * j);
		for (size_t j = 0; j < 5; j++)
			random[j] = (uint8_t)(i + 51 * j);
		token_id_format(random, id);
		token_format(id, secret, text);
		same += token_id_valid(id) && token_parse(text, id2, again) == NULL &&
			strcmp(id, id2) == 0 && memcmp(secret, again, TOKEN_KEY) == 0;
	}
	is_int(same, 256, "whatever is written can be read");
	token_id_format((const uint8_t[5]){0}, id);
	is_str(id, "aaaaaaaa", "the lowest ID");
	token_id_format((const uint8_t[5]){255, 255, 255, 255, 255}, id);
	is_str(id, "77777777", "the highest ID");
}

/* ---- The server's file ----------------------------------------------------------------------- */

static struct tokens tokens;
static struct tokens_error why;

static int
parse(const char *text)
{
	char *copy = strdup(text);
	int rc;

	tokens_fini(&tokens);
	memset(&why, 0, sizeof(why));
	rc = copy != NULL ? tokens_parse(copy, &tokens, &why) : 99;
	free(copy);
	return rc;
}

static void
refuses(const char *rest, int line, const char *want)
{
	char text[2048];

	snprintf(text, sizeof(text), "# first\n\n%s\n", rest);
	is_int(parse(text), -1, want);
	is_str(why.text, want, "… says so");
	is_int(why.line, line, "… with its line");
}

static void
test_file(void)
{
	const struct token *t;

	is_int(parse(""), 0, "an empty file is one without tokens");
	ok(tokens_find(&tokens, "aaaaaaaa") == NULL, "which finds none");
	is_int(parse("# comment\n\n  \t\r\n"), 0, "so is one of comments");
	is_int(parse("zzzzzzzz acme " KEY_A " " KEY_B "\n"
		     "bbbbbbbb\tacme " KEY_A " " KEY_B " agent=web1 expires=2027-01-31T10:20:30Z "
		     "ports=443,10000-10099 x.y=a=b # comment\r\n"
		     "cccccccc other " KEY_B " " KEY_A),
		0, "three tokens, the last without an end");
	is_int(tokens.n, 3, "are three");
	t = tokens_find(&tokens, "bbbbbbbb and more");
	ok(t != NULL && strcmp(t->account, "acme") == 0, "the one in the middle is found");
	is_str(t->agent, "web1", "bound to an agent");
	is_int(t->expires, 1801390830, "until its time");
	is_int(t->n_grants, 2, "with two grants");
	is_str(t->grant[0], "ports", "the first one's key");
	is_str(t->grant[0] + 6, "443,10000-10099", "and its value");
	is_str(t->grant[1] + 4, "a=b", "a value may hold =");
	t = tokens_find(&tokens, "zzzzzzzz");
	ok(t != NULL && t->agent[0] == '\0' && t->expires == 0 && t->n_grants == 0,
		"the first has none of it");
	ok(tokens_find(&tokens, "cccccccc") != NULL, "the last is found");
	ok(tokens_find(&tokens, "dddddddd") == NULL, "what is not there is not");
}

static void
test_refusals(void)
{
	refuses("aaaaaaaa acme " KEY_A, 3, "expected ID ACCOUNT STORED_KEY SERVER_KEY");
	refuses("aaaaaaa1 acme " KEY_A " " KEY_B, 3, "\"aaaaaaa1\" is not an ID: 8 of a-z and 2-7");
	refuses("aaaa acme " KEY_A " " KEY_B, 3, "\"aaaa\" is not an ID: 8 of a-z and 2-7");
	refuses("aaaaaaaa a/b " KEY_A " " KEY_B, 3,
		"\"a/b\" is not an account: letters, digits, . _ -");
	refuses("aaaaaaaa acme " KEY_A " 00" KEY_B, 3,
		"expected two keys of 64 hexadecimal digits behind the account");
	refuses("aaaaaaaa acme x" KEY_A " " KEY_B, 3,
		"expected two keys of 64 hexadecimal digits behind the account");
	refuses("aaaaaaaa acme " KEY_A " " KEY_B " word", 3, "expected key=value, found \"word\"");
	refuses("aaaaaaaa acme " KEY_A " " KEY_B " Ports=1", 3,
		"\"Ports\" cannot be a key: 1 to 32 small letters, digits, . _ -");
	refuses("aaaaaaaa acme " KEY_A " " KEY_B " =1", 3,
		"\"\" cannot be a key: 1 to 32 small letters, digits, . _ -");
	refuses("aaaaaaaa acme " KEY_A " " KEY_B " port=1", 3,
		"key \"port\": did you mean \"ports\"?");
	refuses("aaaaaaaa acme " KEY_A " " KEY_B " expire=2027-01-31T00:00:00Z", 3,
		"key \"expire\": did you mean \"expires\"?");
	refuses("aaaaaaaa acme " KEY_A " " KEY_B " agend=x", 3,
		"key \"agend\": did you mean \"agent\"?");
	refuses("aaaaaaaa acme " KEY_A " " KEY_B " ports=1 ports=2", 3,
		"\"ports\" is given twice");
	refuses("aaaaaaaa acme " KEY_A " " KEY_B " ports=", 3,
		"\"ports\" expects a value of 1 to 1024 letters");
	refuses("aaaaaaaa acme " KEY_A " " KEY_B " agent=a/b", 3,
		"agent= expects one name of letters, digits, . _ -");
	refuses("aaaaaaaa acme " KEY_A " " KEY_B " agent=a agent=b", 3,
		"agent= expects one name of letters, digits, . _ -");
	refuses("aaaaaaaa acme " KEY_A " " KEY_B "\naaaaaaaa x " KEY_A " " KEY_B, 0,
		"the ID aaaaaaaa is there twice");
}

static void
test_times(void)
{
	static const char *const bad[] = {"2027-01-31", "2027-02-30T00:00:00Z", "tomorrow",
		"2027-01-31T00:00:00", "2027-01-31T00:00:00+01:00", "2027-1-31T00:00:00Z0",
		"2027-13-01T00:00:00Z", "2027-01-31T24:00:00Z", "2027-01-31T00:00:00Z "};
	char word[80];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(word, sizeof(word), "expires=%s", bad[i]);
		is_int(tokens_check_word(word, &why), -1, bad[i]);
	}
	is_int(tokens_check_word("expires=2027-01-31T00:00:00Z", &why), 0, "a time");
	is_int(tokens_check_word("ports=1", &why), 0, "a grant");
	is_int(tokens_check_word("ports=1 2", &why), -1, "no blank in a word");
	is_int(tokens_check_word("ports=1\n", &why), -1, "no end of line");
	is_int(tokens_check_word("ports=1#2", &why), -1, "no comment");
	is_int(tokens_check_word("ports=\033", &why), -1, "no control character");
}

/* ---- Adding ---------------------------------------------------------------------------------- */

static void
is_text(const char *path, const char *want, const char *what)
{
	char buf[1024] = "";
	FILE *f = fopen(path, "r");
	size_t n = f != NULL ? fread(buf, 1, sizeof(buf) - 1, f) : 0;

	buf[n] = '\0';
	is_str(buf, want, what);
	if (f != NULL)
		fclose(f);
}

static void
test_append(void)
{
	char dir[] = "/tmp/adit-test-XXXXXX", path[64];
	struct stat st;
	int fd;

	if (mkdtemp(dir) == NULL)
		exit(99);
	snprintf(path, sizeof(path), "%s/tokens", dir);
	umask(0);
	is_int(tokens_append(path, "one\n"), 0, "the first line creates the file");
	ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600, "for its owner alone");
	is_int(tokens_append(path, "two\n"), 0, "the second is added");
	is_text(path, "one\ntwo\n", "behind the first");
	fd = open(path, O_WRONLY | O_APPEND);
	ok(write(fd, "three", 5) == 5, "an editor leaves a line without its end");
	close(fd);
	is_int(tokens_append(path, "four\n"), 0, "another line");
	is_text(path, "one\ntwo\nthree\nfour\n", "is a line of its own");
	is_int(tokens_append(dir, "x\n"), -EISDIR, "a folder is no file");
	snprintf(path, sizeof(path), "%s/no/tokens", dir);
	is_int(tokens_append(path, "x\n"), -ENOENT, "a folder that is missing is said");
	snprintf(path, sizeof(path), "%s/tokens", dir);
	unlink(path);
	rmdir(dir);
}

/* ---- Invites --------------------------------------------------------------------------------- */

#define LATER "2999-01-01T00:00:00Z"
#define GONE "2020-01-01T00:00:00Z"

static void
test_lines(void)
{
	static const char *const lines[] = {
		"aaaaaaaa acme " KEY_A " " KEY_B,
		"aaaaaaaa acme " KEY_A " " KEY_B " agent=web1 expires=" LATER " ports=443 x=a=b",
		"aaaaaaaa acme " KEY_A " " KEY_B " invite=" LATER " x=1",
	};
	char again[TOKENS_LINE_MAX], copy[512];
	struct token t;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(copy, sizeof(copy), "%s # comment", lines[i]);
		is_int(token_line_parse(copy, &t, &why), 1, "a line");
		is_int(token_line(&t, again), strlen(lines[i]), "is written again");
		is_str(again, lines[i], "to the same");
		token_fini(&t);
	}
	snprintf(copy, sizeof(copy), " # only");
	is_int(token_line_parse(copy, &t, &why), 0, "a comment is no token");
}

static void
test_put(void)
{
	static const char *const ids[] = {"mmmmmmmm", "aaaaaaaa", "zzzzzzzz", "bbbbbbbb",
		"mmmmmmmm"};
	struct token t;
	char line[512];
	int right = 0;

	parse("");
	for (size_t i = 0; i < 5; i++) {
		snprintf(line, sizeof(line), "%s a%zu " KEY_A " " KEY_B, ids[i], i);
		token_line_parse(line, &t, &why);
		is_int(tokens_put(&tokens, &t), 0, "a token is put in");
	}
	is_int(tokens.n, 4, "one took the place of another");
	for (size_t i = 1; i < 5; i++) {
		snprintf(line, sizeof(line), "a%zu", i);
		right += strcmp(tokens_find(&tokens, ids[i])->account, line) == 0;
	}
	is_int(right, 4, "and each is found");
}

/* IDs in their order. */
static const char *
nth_id(unsigned n)
{
	static char id[TOKEN_ID + 1];

	snprintf(id, sizeof(id), "ab%c%c%c%cyz", 'a' + (int)(n / 8), 'a' + (int)(n % 8 / 4),
		'a' + (int)(n % 4 / 2), 'a' + (int)(n % 2));
	return id;
}

/* Of tables of every size all that is there and nothing between. */
static void
test_find(void)
{
	char line[512];
	struct token t;
	unsigned wrong = 0;

	parse("");
	for (unsigned n = 1; n <= 40; n++) {
		snprintf(line, sizeof(line), "%s acme " KEY_A " " KEY_B, nth_id(2 * n - 1));
		wrong += token_line_parse(line, &t, &why) != 1 || tokens_put(&tokens, &t) < 0;
		for (unsigned i = 0; i <= 2 * n; i++) {
			const struct token *found = tokens_find(&tokens, nth_id(i));

			wrong += i % 2 == 0 ? found != NULL
					    : found == NULL || strcmp(found->id, nth_id(i)) != 0;
		}
	}
	is_int(tokens.n, 40, "a table of forty");
	is_int(wrong, 0, "in any size of it what is there is found, and nothing else");
}

/* What becomes of a file when KEY_A's invite of this ID is redeemed with KEY_B twice. */
static int
redeem(const char *path, const char *text, const char *id)
{
	uint8_t a[TOKEN_KEY], b[TOKEN_KEY];
	const struct redeem r = {.id = id, .proved = a, .stored = b, .server = b, .note = "me",
		.now = 1800000000};
	struct token t = {.expires = 0};
	FILE *f = fopen(path, "w");
	int rc;

	if (f == NULL || fputs(text, f) < 0 || fclose(f) < 0)
		exit(99);
	token_hex_parse(KEY_A, a);
	token_hex_parse(KEY_B, b);
	rc = tokens_redeem(path, &r, &t, &why);
	if (rc == 0)
		token_fini(&t);
	return rc;
}

static void
test_redeem(void)
{
#define INVITE "aaaaaaaa acme " KEY_A " " KEY_A " invite=" LATER
#define OTHER "bbbbbbbb acme " KEY_A " " KEY_A
	char dir[] = "/tmp/adit-test-XXXXXX", path[64], link[64];
	struct stat st;

	if (mkdtemp(dir) == NULL)
		exit(99);
	snprintf(path, sizeof(path), "%s/tokens", dir);
	is_int(redeem(path, "# top\n" INVITE " p=1 # for x\n\n" OTHER, "aaaaaaaa"), 0, "an invite");
	is_text(path, "# top\naaaaaaaa acme " KEY_B " " KEY_B
		" p=1 # joined 2027-01-15T08:00:00Z as me\n\n" OTHER "\n", "becomes a token");
	is_int(redeem(path, INVITE "\nbbbbbbbb acme " KEY_A " " KEY_A " invite=" GONE "\n"
		"cccccccc acme " KEY_A " " KEY_A " invite=" LATER "\n", "aaaaaaaa"), 0, "of three");
	is_text(path, "aaaaaaaa acme " KEY_B " " KEY_B " # joined 2027-01-15T08:00:00Z as me\n"
		"cccccccc acme " KEY_A " " KEY_A " invite=" LATER "\n",
		"the one whose time is over goes, the other stays");
	is_int(redeem(path, OTHER "\n", "bbbbbbbb"), -ENOENT, "a token is no invite");
	is_text(path, OTHER "\n", "and stays");
	is_int(redeem(path, OTHER " invite=" GONE "\n", "bbbbbbbb"), -ENOENT, "it is too late");
	is_int(redeem(path, "bbbbbbbb acme " KEY_B " " KEY_A " invite=" LATER, "bbbbbbbb"), -ENOENT,
		"another invite of the same ID was not proved");
	is_int(redeem(path, INVITE "\nwrong\n", "aaaaaaaa"), -EINVAL, "a damaged file");
	is_int(why.line, 2, "has its line said");
	is_text(path, INVITE "\nwrong\n", "and stays as it is");
	snprintf(link, sizeof(link), "%s/link", dir);
	ok(symlink(path, link) == 0 && redeem(link, INVITE, "aaaaaaaa") == 0, "behind a link");
	ok(lstat(link, &st) == 0 && S_ISLNK(st.st_mode), "which stays one");
	is_int(tokens_append(link, OTHER "\n"), 0, "whose file is added to");
	unlink(link);
	is_int(tokens_redeem(link, &(struct redeem){.id = "aaaaaaaa"}, NULL, &why), -ENOENT,
		"without a file there is no invite");
	unlink(path);
	ok(rmdir(dir) == 0, "nothing else is left behind");
}

int
main(void)
{
	read_document();
	test_vectors();
	test_join_vectors();
	test_text();
	test_round_trip();
	test_file();
	test_refusals();
	test_times();
	test_append();
	test_lines();
	test_put();
	test_find();
	test_redeem();
	tokens_fini(&tokens);
	free(document);
	return done_testing();
}
