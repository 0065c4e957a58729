/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* adit-passwd: keeps the file that auth-password reads. One thread, which blocks. What must hold: a
 * password is asked for before anything is opened for writing, is never an argument, and is wiped
 * when its hash is made. */

#include <adit/plugin.h>
#include <adit/version.h>
#include <errno.h>
#include <getopt.h>
#include <gnutls/gnutls.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../common/password-login.h"
#include "accounts.h"
#include "accounts_file.h"
#include "hash.h"

#define LETTERS_MIN 8
#define GENERATED 23 /* four times five letters of 5 bits, and three hyphens */

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct request {
	const char *file, *user;
	bool from_stdin, generate, remove, verify;
	unsigned cost; /* 0: not given */
};

struct secret {
	char *text; /* terminated; NULL: none */
	size_t len;
};

static const char help[] =
	"adit-passwd keeps the file of users and passwords that aditd's auth-password reads.\n"
	"\n"
	"usage: adit-passwd [options] FILE USER       adds a user, or sets another password\n"
	"       adit-passwd --delete FILE USER        removes the user\n"
	"       adit-passwd --verify FILE USER        asks for the password; is it right?\n"
	"\n"
	"      --stdin        reads the password from the first line of standard input\n"
	"      --generate     makes a password, and prints it this once\n"
	"      --cost N       1 to 9: how long each login takes; default 5, and each step doubles\n"
	"                     that and the memory\n"
	"  -h, --help         this text\n"
	"  -V, --version      the version\n"
	"\n"
	"The file is made if it is missing. The server reads it again by itself.\n"
	"Exit status: 0 done, or the password is right; 1 failed, or it is wrong; 2 wrong usage.\n";

static int
complain(int status, const char *text)
{
	fprintf(stderr, "adit-passwd: %s\n", text);
	return status;
}

/* ---- Passwords ------------------------------------------------------------------------------- */

static void
secret_fini(struct secret *s)
{
	adit_secret_free(s->text, s->len);
	*s = (struct secret){.text = NULL};
}

/* Why nobody should have this password; NULL: he may. */
static const char *
weakness(const char *user, const char *password)
{
	static const char *const known[] = {"password", "passw0rd", "password1", "12345678",
		"123456789", "1234567890", "qwertyui", "qwertyuiop", "11111111", "iloveyou",
		"changeme", "letmein1", "administrator", "adminadmin"};

	if (strlen(password) < LETTERS_MIN)
		return "the password is too short: at least 8 letters, or let --generate make one";
	if (strlen(password) > HASH_SECRET)
		return "the password is too long: at most 511 bytes";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasecmp(password, known[i]) == 0)
			return "that password is among the first that anybody tries";
	return strcasecmp(password, user) == 0 ? "the user's own name is no password" : NULL;
}

static int
read_stdin(struct secret *s)
{
	size_t cap = PASSWORD_MAX + 2, n = 0;
	char *text = calloc(1, cap + 1);

	if (text == NULL)
		return complain(EXIT_FAILED, "out of memory");
	s->text = text;
	s->len = cap;
	while (n < cap && memchr(text, '\n', n) == NULL) {
		ssize_t got = read(STDIN_FILENO, text + n, cap - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	if (memchr(text, '\0', n) != NULL)
		return complain(EXIT_FAILED, "there is a zero byte in the password");
	text[strcspn(text, "\r\n")] = '\0';
	if (text[0] == '\0')
		return complain(EXIT_FAILED, "standard input has no password");
	return EXIT_GOOD;
}

static int
ask(const char *question, struct secret *s)
{
	char why[200];

	if (adit_prompt(question, PASSWORD_MAX, &s->text, &s->len, why, sizeof(why)) == 0)
		return EXIT_GOOD;
	fprintf(stderr, "adit-passwd: %s; --stdin reads the password from standard input\n", why);
	return EXIT_FAILED;
}

static int
ask_twice(const char *user, struct secret *s)
{
	struct secret again = {.text = NULL};
	char question[PASSWORD_USER_MAX + 32];
	const char *weak;
	int rc;

	snprintf(question, sizeof(question), "New password of %s: ", user);
	rc = ask(question, s);
	weak = rc == EXIT_GOOD ? weakness(user, s->text) : NULL;
	if (weak != NULL) /* before it is typed once more */
		return complain(EXIT_FAILED, weak);
	if (rc == EXIT_GOOD)
		rc = ask("The same again: ", &again);
	if (rc == EXIT_GOOD && strcmp(s->text, again.text) != 0)
		rc = complain(EXIT_FAILED, "these are two different passwords");
	secret_fini(&again);
	return rc;
}

static int
generate(struct secret *s)
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	uint8_t random[GENERATED];

	s->text = calloc(1, GENERATED + 1);
	if (s->text == NULL)
		return complain(EXIT_FAILED, "out of memory");
	s->len = GENERATED;
	adit_random(random, sizeof(random));
	for (size_t i = 0; i < GENERATED; i++)
		s->text[i] = i % 6 == 5 ? '-' : letters[random[i] % 32];
	gnutls_memset(random, 0, sizeof(random));
	return EXIT_GOOD;
}

/* ---- What it does ---------------------------------------------------------------------------- */

/* What the server would not take is said, whoever has brought it in. */
static void
warn_of_file(const struct request *r)
{
	struct accounts *t;
	char *text, why[600];
	size_t n;

	if (accounts_file_read(r->file, &text, &n, why, sizeof(why)) < 0)
		return;
	if (accounts_parse(r->file, text, &t, why, sizeof(why)) == 0)
		accounts_free(t);
	else
		fprintf(stderr, "adit-passwd: the server will refuse this file: %s\n", why);
	accounts_text_free(text, n);
}

static int
change(const struct request *r, const char *hash)
{
	static const char *const done[] = {
		[ACCOUNTS_ADDED] = "was added to",
		[ACCOUNTS_CHANGED] = "has another password in",
		[ACCOUNTS_DELETED] = "was removed from",
	};
	char why[600];
	int what = accounts_file_change(r->file, r->user, hash, why, sizeof(why));

	if (what < 0)
		return complain(EXIT_FAILED, why);
	fprintf(stderr, "adit-passwd: user %s %s %s\n", r->user, done[what], r->file);
	warn_of_file(r);
	return EXIT_GOOD;
}

static int
store(const struct request *r, const struct secret *s)
{
	unsigned cost = r->cost != 0 ? r->cost : HASH_COST_DEFAULT;
	char hash[HASH_MAX + 1];
	int rc = hash_make(s->text, strlen(s->text), cost, hash);

	if (rc < 0)
		return complain(EXIT_FAILED, strerror(-rc));
	rc = change(r, hash);
	gnutls_memset(hash, 0, sizeof(hash));
	return rc;
}

static int
set_password(const struct request *r)
{
	struct secret s = {.text = NULL};
	const char *weak = NULL;
	int rc;

	rc = r->generate ? generate(&s) : r->from_stdin ? read_stdin(&s) : ask_twice(r->user, &s);
	if (rc == EXIT_GOOD)
		weak = weakness(r->user, s.text);
	if (weak != NULL)
		rc = complain(EXIT_FAILED, weak);
	if (rc == EXIT_GOOD)
		rc = store(r, &s);
	if (rc == EXIT_GOOD && r->generate && (puts(s.text) < 0 || fflush(stdout) != 0))
		rc = complain(EXIT_FAILED, "the password cannot be printed: make another");
	secret_fini(&s);
	return rc;
}

/* As the server would, but for when the account expires. */
static int
compare(const struct request *r, const struct accounts *t, const struct secret *s)
{
	const struct account *a = accounts_find(t, r->user);
	int right;

	if (a == NULL)
		return complain(EXIT_FAILED, "there is no such user");
	right = a->hash != NULL ? hash_verify(s->text, strlen(s->text), a->hash) : 0;
	if (right < 0)
		return complain(EXIT_FAILED, "out of memory");
	if (right == 0)
		return complain(EXIT_FAILED, "the password is wrong");
	if (a->locked)
		return complain(EXIT_FAILED, "the password is right, but the user is locked");
	if (a->expires != 0 && time(NULL) >= a->expires)
		return complain(EXIT_FAILED, "the password is right, but the user has expired");
	return complain(EXIT_GOOD, "the password is right");
}

static int
verify(const struct request *r)
{
	char question[PASSWORD_USER_MAX + 32], why[600], *text;
	struct secret s = {.text = NULL};
	struct accounts *t;
	size_t n;
	int rc;

	if (accounts_file_read(r->file, &text, &n, why, sizeof(why)) < 0)
		return complain(EXIT_FAILED, why);
	rc = accounts_parse(r->file, text, &t, why, sizeof(why));
	accounts_text_free(text, n);
	if (rc < 0)
		return complain(EXIT_FAILED, why);
	snprintf(question, sizeof(question), "Password of %s: ", r->user);
	rc = r->from_stdin ? read_stdin(&s) : ask(question, &s);
	if (rc == EXIT_GOOD)
		rc = compare(r, t, &s);
	secret_fini(&s);
	accounts_free(t);
	return rc;
}

/* ---- The command line ------------------------------------------------------------------------ */

enum { OPT_STDIN = 256, OPT_GENERATE, OPT_DELETE, OPT_VERIFY, OPT_COST };

static const struct option long_options[] = {
	{"stdin", no_argument, NULL, OPT_STDIN},
	{"generate", no_argument, NULL, OPT_GENERATE},
	{"delete", no_argument, NULL, OPT_DELETE},
	{"verify", no_argument, NULL, OPT_VERIFY},
	{"cost", required_argument, NULL, OPT_COST},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

/* NULL, or what does not go together. */
static const char *
contradiction(const struct request *r)
{
	if (r->remove + r->verify + r->generate > 1)
		return "--delete, --verify and --generate do not go together";
	if (r->from_stdin && (r->generate || r->remove))
		return "--stdin has no use here: no password is read";
	if (r->cost != 0 && (r->verify || r->remove))
		return "--cost has no use here: no hash is made";
	return NULL;
}

static int
take_words(int argc, char **argv, struct request *r)
{
	const char *no = contradiction(r);

	if (no != NULL)
		return complain(EXIT_USAGE, no);
	if (argc > 2)
		return complain(EXIT_USAGE, "expected FILE USER, and no more: a password is never "
					    "an argument");
	if (argc < 2)
		return complain(EXIT_USAGE, "expected FILE USER; see adit-passwd --help");
	r->file = argv[0];
	r->user = argv[1];
	if (!password_user_valid(r->user, strlen(r->user)))
		return complain(EXIT_USAGE, "USER: expected 1 to 64 letters, digits, . _ @ + -");
	return r->remove ? change(r, NULL) : r->verify ? verify(r) : set_password(r);
}

static int
take_option(int opt, struct request *r)
{
	switch (opt) {
	case OPT_STDIN: r->from_stdin = true; return 0;
	case OPT_GENERATE: r->generate = true; return 0;
	case OPT_DELETE: r->remove = true; return 0;
	case OPT_VERIFY: r->verify = true; return 0;
	case OPT_COST:
		if (strlen(optarg) != 1 || optarg[0] < '0' + HASH_COST_MIN ||
			optarg[0] > '0' + HASH_COST_MAX)
			return complain(EXIT_USAGE, "--cost: expected 1 to 9");
		r->cost = (unsigned)(optarg[0] - '0');
		return 0;
	default:
		return complain(EXIT_USAGE, "that is no option of it; see adit-passwd --help");
	}
}

int
main(int argc, char **argv)
{
	const struct rlimit none = {0, 0};
	struct request r = {.file = NULL};
	int opt, rc = 0;

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
	signal(SIGPIPE, SIG_IGN);
	opterr = 0;
	while (rc == 0 && (opt = getopt_long(argc, argv, "hV", long_options, NULL)) != -1) {
		if (opt == 'h')
			return fputs(help, stdout) < 0 || fflush(stdout) != 0 ? EXIT_FAILED : 0;
		if (opt == 'V')
			return puts("adit-passwd " ADIT_VERSION) < 0 ? EXIT_FAILED : EXIT_GOOD;
		rc = take_option(opt, &r);
	}
	return rc != 0 ? rc : take_words(argc - optind, argv + optind, &r);
}
