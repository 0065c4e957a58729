/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Hashes that other programs have made, the server's file (what is taken, what is refused and in
 * which words), decoys, and how the file is changed. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accounts.h"
#include "accounts_file.h"
#include "hash.h"
#include "hasher.h"
#include "tap.h"

#define PASSWORD "correct horse"
#define BCRYPT "$2b$05$vhB1kj9ewO84X/CvJ4YsSuO.RVksKuNvEyvLwk1UtdG9g2.zgWPt6"
#define YESCRYPT                                                                                   \
	"$y$j75$Y8sOoo2w90clqNeRJDQ/N0$YFz4UOf.NZIrDGeIYkePsIAy7b7b4zBDRvLAp9hEoe7"
#define SHA512                                                                                     \
	"$6$saltysalt$MBKRieRS9MsDjiJXk44MZ3c9IYPXTEdG44eMlXoU5iFUg.2Ccg7cODUHY5Zl2Oerc1iEpm74LEi" \
	"zgaAlmBknq1"
#define SHA512_SALT "$6$saltysalt$"

/* ---- Hashes ---------------------------------------------------------------------------------- */

static void
test_vectors(void)
{
	static const struct {
		const char *by, *hash;
	} row[] = {
		{"mkpasswd -m yescrypt",
			"$y$j9T$q/43of/osat7ZiSQoe6IE0$hMKv4eB2iPjMGoBtTKqVhC62YSrcYUZ6r8uUEp8"
			"rtNA"},
		{"mkpasswd -m yescrypt -R 1", YESCRYPT},
		{"mkpasswd -m bcrypt", BCRYPT},
		{"mkpasswd -m bcrypt-a",
			"$2a$05$zFPXe1vgDGdrPWG6kMw8ouO0gy6J6MJ7F.4wZXbV.EaykYUQkVIh2"},
		{"htpasswd -B", "$2y$05$4jGYEGXx4rNiVAoijZnqRu9bMYMFkzLCR.yKH0C0s9BGh2Yp4lyfW"},
		{"python3 crypt, bcrypt",
			"$2b$06$sRN7u62OermsJ1q7ezsRVOYDJHQAHA4Idr9sPXlzfS.jOUFAKbjsu"},
		{"mkpasswd -m sha-512",
			"$6$nUi076l7a5AzXu4z$zRScEQiLRyZuctZnZZifsqOOKN125cbjnC6twRjKPklfA2zr9sSo4"
			"GoArlB6y.FYl6uZDTPLD1Q4e/RZ7BQD50"},
		{"mkpasswd -m sha-512 -R 1234",
			"$6$rounds=1234$4YCnY8GrBeddWQ4o$7urV4C8OcBkS8OYa8/xnM61PKddFsWzTbhpv90.QB"
			"3diR2clAZT0ibQFbQKWRuI6ZU9Jgvm/vhxaPCBuI0wri0"},
		{"python3 crypt, sha512crypt",
			"$6$p1hWOBCXOVifk41g$lXNfinupuEDzVGOOEDFI1cXllpJ8Fv8wXLTjneyAhlTdYBzG5pgnF"
			"5l4ZHz3RVctymZ9eeZt0CEZlInAcYjFe."},
		{"openssl passwd -6", SHA512},
	};
	char why[400] = "";

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		ok(hash_check(row[i].hash, why, sizeof(why)) == 0, "%s: taken (%s)", row[i].by,
			why);
		ok(hash_verify(PASSWORD, 13, row[i].hash) == 1, "%s: right", row[i].by);
		ok(hash_verify("correct Horse", 13, row[i].hash) == 0, "%s: wrong", row[i].by);
	}
	is_int(hash_verify("h\303\251llo w\303\266rld \342\202\254", 17,
		"$6$pCix48TwhFzc10JN$Yj/JfV0SsB15TETJJxj1VrwbYrZUQ2buEMDAcNJokAXsFekJQ.hpjrf3DDg/"
		"ljIwfk39b4yRbVyLapkbDEf6P1"), 1, "letters beyond ASCII are bytes");
	is_int(hash_check(hash_nobody, why, sizeof(why)), 0, "nobody's hash is one");
	is_int(hash_verify("", 0, hash_nobody), 0, "that no password has");
}

static void
test_make(void)
{
	char hash[HASH_MAX + 1], again[HASH_MAX + 1], why[400], longest[HASH_SECRET + 1];

	memset(longest, 'p', sizeof(longest));
	is_int(hash_make(PASSWORD, 13, 1, hash), 0, "a hash is made");
	is_int(hash_check(hash, why, sizeof(why)), 0, "that is taken");
	is_int(hash_verify(PASSWORD, 13, hash), 1, "and has the password");
	is_int(hash_make(PASSWORD, 13, 1, again), 0, "another");
	ok(strcmp(hash, again) != 0, "has another salt");
	is_int(hash_make(longest, HASH_SECRET, 1, hash), 0, "the longest password");
	is_int(hash_verify(longest, HASH_SECRET, hash), 1, "is right");
	is_int(hash_verify(longest, HASH_SECRET + 1, hash), 0, "one letter more is wrong");
	is_int(hash_verify(longest, HASH_SECRET - 1, hash), 0, "one less, too");
	is_int(hash_make(longest, HASH_SECRET + 1, 1, hash), -EINVAL, "a longer one is not made");
	is_int(hash_make("", 0, 1, hash), -EINVAL, "nor one of nothing");
	is_int(hash_make(PASSWORD, 13, HASH_COST_MAX + 1, hash), -EINVAL, "nor at such a cost");
}

static void
test_refused_hashes(void)
{
	static const struct {
		const char *hash, *why;
	} row[] = {
		{"", "has no password: anybody could log in"},
		{"x", "/etc/shadow"},
		{"secret", "is no hash"},
		{"$1$2z4afcka$E2QyAYn/aUhgeBN9p3XNs/", "by MD5"},
		{"$apr1$Jv/VEiSJ$/oPsypFJDuyfiGZrAwE5W.", "by Apache's MD5"},
		{"{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=", "by SHA-1 without salt"},
		{"{SSHA}L55TUjtiq8FBorTWAZ0jy6g129A=", "by SHA-1"},
		{"msnK5H3OZYeSk", "by DES"},
		{"_J9..CCCCXBrJUJV154M", "by DES"},
		{"$5$0hYC.j4bpe1aB2eN$1qzPtQY419aGR7f/7rhTwLkrqU1R93hyMxomHurtar0", "sha256crypt"},
		{"$7$CU..../....JCkpCTeSEOl.FjIS8tAO9/$mx.uS1JBtVH9SN7JYBmBuuzRJVOzY6nUjNxhBmGwDPA",
			"by scrypt"},
		{"$gy$j9T$E2h3FJYWF6XYDNFiS8rRk1$157CcdIpd8HkNRdu0XuZtFyE.Pe3HW2Xzzli8zzoOsB",
			"gost-yescrypt"},
		{"$md5,rounds=77268$ZN9SoM7v$$IzHaaED/iEIDiwIR1KWVK/", "SunMD5"},
		{"$3$$cfc43211ba8dc470832267827cac1407", "NTLM"},
		{"$2x$05$vhB1kj9ewO84X/CvJ4YsSuO.RVksKuNvEyvLwk1UtdG9g2.zgWPt6", "known error"},
		{"$argon2id$v=19$m=4096,t=3,p=1$c2FsdA$aGFzaA", "Argon2"},
		/* Damaged */
		{"$y$", "was it copied whole?"},
		{"$y$j9T$salt", "was it copied whole?"},
		{"$y$j9T$q/43of/osat7ZiSQoe6IE0$hMKv4eB2iPjMGoBtTKqVhC62YSrcYUZ6r8uUEp8rtN",
			"was it copied whole?"},
		{"$y$j9T$q/43of/osat7ZiSQoe6IE0$hMKv4eB2iPjMGoBtTKqVhC62YSrcYUZ6r8uUEp8rtNAA",
			"was it copied whole?"},
		{"$2b$05$vhB1kj9ewO84X/CvJ4YsSuO.RVksKuNvEyvLwk1UtdG9g2.zgWPt",
			"was it copied whole?"},
		{"$2b$5$vhB1kj9ewO84X/CvJ4YsSuO.RVksKuNvEyvLwk1UtdG9g2.zgWPt6",
			"was it copied whole?"},
		{"$6$saltysalt", "was it copied whole?"},
		{SHA512_SALT "MBK", "was it copied whole?"},
		{SHA512 "x", "was it copied whole?"},
		{"$6$rounds=$saltysalt$MBK", "was it copied whole?"},
		{"$6$rounds=99999999999999999999$salt$MBK", "was it copied whole?"},
		/* Too dear, too cheap, strange */
		{"$y$jET$fecXQvRooDFvBnK5QlFIv1$hMKv4eB2iPjMGoBtTKqVhC62YSrcYUZ6r8uUEp8rtNA",
			"needs 512 MiB of memory at each login; at most 256"},
		{"$y$jzz$fecXQvRooDFvBnK5QlFIv1$hMKv4eB2iPjMGoBtTKqVhC62YSrcYUZ6r8uUEp8rtNA",
			"the parameters \"jzz\""},
		{"$y$j9T6.$fecXQvRooDFvBnK5QlFIv1$hMKv4eB2iPjMGoBtTKqVhC62YSrcYUZ6r8uUEp8rtNA",
			"the parameters \"j9T6.\""},
		{"$y$/9T$fecXQvRooDFvBnK5QlFIv1$hMKv4eB2iPjMGoBtTKqVhC62YSrcYUZ6r8uUEp8rtNA",
			"the parameters \"/9T\""},
		{"$2b$31$vhB1kj9ewO84X/CvJ4YsSuO.RVksKuNvEyvLwk1UtdG9g2.zgWPt6", "cost 31; from 4"},
		{"$2b$03$vhB1kj9ewO84X/CvJ4YsSuO.RVksKuNvEyvLwk1UtdG9g2.zgWPt6", "cost 3; from 4"},
		{"$6$rounds=999999999$saltysalt$MBK", "999999999 rounds"},
		{"$6$rounds=999$saltysalt$MBK", "999 rounds"},
	};
	char why[400];

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		why[0] = '\0';
		is_int(hash_check(row[i].hash, why, sizeof(why)), -1, row[i].hash);
		ok(strstr(why, row[i].why) != NULL, "because it %s: %s", row[i].why, why);
	}
}

/* ---- Threads --------------------------------------------------------------------------------- */

static struct hasher *hasher;

static void *
verify_some(void *arg)
{
	const char *password = arg;
	size_t right = 0;

	for (int i = 0; i < 20; i++)
		right += hasher_verify(hasher, password, 13, i % 2 != 0 ? BCRYPT : SHA512) == 1;
	return (void *)right;
}

/* Each of several callers gets the answer to its own question, on one thread and on more. */
static void
test_hasher(void)
{
	static char right[] = "correct horse", wrong[] = "correct Horse";

	for (unsigned n = 1; n <= HASHER_MAX; n += 3) {
		pthread_t t[4];
		size_t good = 0;

		hasher = hasher_new(n);
		for (int i = 0; i < 4; i++)
			if (pthread_create(&t[i], NULL, verify_some, i % 2 ? wrong : right) != 0)
				exit(99);
		for (int i = 0; i < 4; i++) {
			void *got;

			pthread_join(t[i], &got);
			good += (size_t)got == (i % 2 ? 0 : 20);
		}
		ok(good == 4, "%u threads: the right ones are right, the wrong ones are wrong", n);
		hasher_free(hasher);
	}
	hasher = hasher_new(2);
	hasher_free(hasher);
	ok(hasher != NULL, "one that had nothing to do ends");
	hasher_free(NULL);
}

/* ---- The file -------------------------------------------------------------------------------- */

static struct accounts *
parsed(const char *text)
{
	struct accounts *t = NULL;
	char *copy = strdup(text), why[600] = "";

	if (accounts_parse("file", copy, &t, why, sizeof(why)) < 0)
		printf("# %s\n", why);
	free(copy);
	return t;
}

static const char *
granted(const struct account *a, const char *key)
{
	for (size_t i = 0; i < a->n_grants; i++)
		if (strcmp(a->grant[i], key) == 0)
			return a->grant[i] + strlen(key) + 1;
	return NULL;
}

static void
test_lines(void)
{
	struct accounts *t = parsed("# users\n"
		"\n"
		"  \t\r\n"
		"bob:" BCRYPT "\n"
		"alice:" YESCRYPT ":account=acme ports=443,10000-10099 note=\"a b, \\\"c\\\" \\\\\""
		"  agent=web1 expires=2027-01-31T00:00:00Z max_tunnels=5 # of the team\r\n"
		"  carol@example.org:" SHA512 ":account=acme\n"
		"shadow1:" SHA512 ":19000:0:99999:7:::\n"
		"shadow2:" SHA512 ":19000:0:99999:7::19001:\n"
		"shadow3:" SHA512 ":::::::\n"
		"shadow4:!" SHA512 ":19000:0:99999:7:::\n"
		"shadow5:*:19000:0:99999:7:::\n"
		"shadow6:!!:19000::::::\n"
		"ipv6:" BCRYPT ":from=2001:db8::/32 empty=\"\"\"\n");

	ok(t == NULL, "quotes behind quotes are refused");
	accounts_free(t);
	t = parsed("# users\n\n  \t\r\n"
		"bob:" BCRYPT "\n"
		"alice:" YESCRYPT ":account=acme ports=443,10000-10099 note=\"a b, \\\"c\\\" \\\\\""
		"  agent=web1 expires=2027-01-31T00:00:00Z max_tunnels=5 # of the team\r\n"
		"  carol@example.org:" SHA512 ":account=acme\n"
		"shadow1:" SHA512 ":19000:0:99999:7:::\n"
		"shadow2:" SHA512 ":19000:0:99999:7::19001:\n"
		"shadow3:" SHA512 ":::::::\n"
		"shadow4:!" SHA512 ":19000:0:99999:7:::\n"
		"shadow5:*:19000:0:99999:7:::\n"
		"shadow6:!!:19000::::::\n"
		"ipv6:" BCRYPT ":from=2001:db8::/32");
	const struct account *a;

	if (!ok(t != NULL && t->n == 10, "ten users in all forms"))
		return;
	a = accounts_find(t, "alice");
	is_str(a->account, "acme", "alice's account");
	is_str(a->agent, "web1", "her agent");
	is_str(a->hash, YESCRYPT, "her hash");
	is_int(a->expires, 1801353600, "when she expires");
	is_int(a->n_grants, 3, "three grants");
	is_str(granted(a, "ports"), "443,10000-10099", "a value may have commas");
	is_str(granted(a, "note"), "a b, \"c\" \\", "and, in quotes, blanks and quotes");
	is_str(granted(a, "max_tunnels"), "5", "a limit");
	is_int(a->line, 5, "where she stands");
	is_str(accounts_find(t, "bob")->account, "bob", "an account is called as its user");
	ok(!accounts_find(t, "bob")->locked, "who is not locked");
	is_str(accounts_find(t, "carol@example.org")->account, "acme", "users may have an @");
	is_int(accounts_find(t, "shadow1")->expires, 0, "a line of shadow(5) that never expires");
	is_int(accounts_find(t, "shadow2")->expires, 19001 * 86400, "one that does");
	is_int(accounts_find(t, "shadow3")->expires, 0, "one of nothing but colons");
	ok(accounts_find(t, "shadow4")->locked, "a locked one");
	is_str(accounts_find(t, "shadow4")->hash, SHA512, "keeps its hash, for the time it takes");
	ok(accounts_find(t, "shadow5")->locked && accounts_find(t, "shadow6")->locked,
		"those without a hash are locked");
	ok(accounts_find(t, "shadow5")->hash == NULL && accounts_find(t, "shadow6")->hash == NULL,
		"and have none");
	is_str(granted(accounts_find(t, "ipv6"), "from"), "2001:db8::/32",
		"a value may have colons, and the last line no end");
	ok(accounts_find(t, "ali") == NULL && accounts_find(t, "alicea") == NULL &&
			accounts_find(t, "") == NULL && accounts_find(t, "zed") == NULL,
		"others are not there");
	accounts_free(t);
	t = parsed("");
	ok(t != NULL && t->n == 0 && accounts_find(t, "alice") == NULL, "an empty file has nobody");
	accounts_free(t);
}

static void
test_refused_lines(void)
{
	static const struct {
		const char *line, *why;
	} row[] = {
		{"alice", "file:2: expected USER:HASH"},
		{":" BCRYPT, "file:2: \"\" cannot be a user"},
		{"al ice:" BCRYPT, "\"al ice\" cannot be a user"},
		{"al\033ice:" BCRYPT, "\"al?ice\" cannot be a user"},
		{"\303\251ve:" BCRYPT, "cannot be a user"},
		{"alice:", "file:2: user alice: has no password"},
		{"alice::", "user alice: has no password"},
		{"alice:x:1000:1000:Alice:/somewhere:/bin/sh", "user alice: has \"x\" for a hash"},
		{"alice:msnK5H3OZYeSk", "by DES"},
		{"alice:" BCRYPT " ", NULL},
		{"alice:" BCRYPT ":", NULL},
		{"alice:" BCRYPT ": # nothing", NULL},
		{"alice:" BCRYPT ":words", "expected KEY=VALUE, found \"words\""},
		{"alice:" BCRYPT ":19000:0:99999:7::", "expected KEY=VALUE, found \"19000:0"},
		{"alice:" BCRYPT ":19000:0:99999:7::9999999999:", "no day on which it expires"},
		{"alice:" BCRYPT ":19000:0:99999:7::1-2:", "no day on which it expires"},
		{"alice:" BCRYPT ":=x", "\"\" cannot be a key"},
		{"alice:" BCRYPT ":Ports=1", "\"Ports\" cannot be a key"},
		{"alice:" BCRYPT ":acount=acme", "did you mean \"account\"?"},
		{"alice:" BCRYPT ":port=1", "did you mean \"ports\"?"},
		{"alice:" BCRYPT ":max_tunnel=1", "did you mean \"max_tunnels\"?"},
		{"alice:" BCRYPT ":max_tunnels=many", "max_tunnels= expects a number"},
		{"alice:" BCRYPT ":expires=tomorrow", "expires= expects one time such as"},
		{"alice:" BCRYPT ":expires=2027-02-30T00:00:00Z", "expires= expects one time"},
		{"alice:" BCRYPT ":expires=2027-01-01T00:00:00Z expires=2028-01-01T00:00:00Z",
			"expires= expects one time"},
		{"alice:" BCRYPT ":account=a@b", "account= expects one name"},
		{"alice:" BCRYPT ":account=a account=b", "account= expects one name"},
		{"alice:" BCRYPT ":agent=", "agent= expects one name"},
		{"alice:" BCRYPT ":ports=1 ports=2", "ports= is given twice"},
		{"alice:" BCRYPT ":note=", "note= expects a value"},
		{"alice:" BCRYPT ":note=\"\"", "note= expects a value"},
		{"alice:" BCRYPT ":note=\"open", "the quotes of note= have no end"},
		{"alice:" BCRYPT ":note=\"open\\\"", "the quotes of note= have no end"},
		{"alice:" BCRYPT ":note=\"a\"b", "a blank is expected behind the quotes"},
		{"alice:" BCRYPT ":note=a\001b", "note= has a control character"},
		{"alice@home:" BCRYPT, "user alice@home: needs account=NAME"},
		{"bob:" BCRYPT, "file:2: user bob is in line 1 already"},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct accounts *t = NULL;
		char text[2000], why[600] = "";
		int rc;

		snprintf(text, sizeof(text), "bob:" BCRYPT "\n%s\n", row[i].line);
		rc = accounts_parse("file", text, &t, why, sizeof(why));
		is_int(rc, row[i].why != NULL ? -1 : 0, row[i].line);
		if (row[i].why != NULL)
			ok(strstr(why, row[i].why) != NULL, "because: %s: %s", row[i].why, why);
		accounts_free(t);
	}
}

static void
test_bounds(void)
{
	char line[3000] = "alice:" BCRYPT ":", why[600], word[1200];
	struct account a;

	for (int i = 0; i < ACCOUNTS_GRANTS; i++)
		sprintf(line + strlen(line), "g%d=x ", i);
	is_int(account_line_parse(line, &a, why, sizeof(why)), 1, "32 grants");
	is_int(a.n_grants, ACCOUNTS_GRANTS, "are all there");
	account_fini(&a);
	snprintf(line, sizeof(line), "alice:" BCRYPT ":");
	for (int i = 0; i <= ACCOUNTS_GRANTS; i++)
		sprintf(line + strlen(line), "g%d=x ", i);
	is_int(account_line_parse(line, &a, why, sizeof(why)), -1, "33 are too many");
	memset(word, 'v', sizeof(word));
	word[1024] = '\0';
	snprintf(line, sizeof(line), "alice:" BCRYPT ":note=%s", word);
	is_int(account_line_parse(line, &a, why, sizeof(why)), 1, "a value of 1024");
	account_fini(&a);
	word[1024] = 'v';
	word[1025] = '\0';
	snprintf(line, sizeof(line), "alice:" BCRYPT ":note=%s", word);
	is_int(account_line_parse(line, &a, why, sizeof(why)), -1, "one of 1025");
	word[65] = '\0';
	snprintf(line, sizeof(line), "%s:" BCRYPT, word);
	is_int(account_line_parse(line, &a, why, sizeof(why)), -1, "a user of 65");
	word[64] = '\0';
	snprintf(line, sizeof(line), "%s:" BCRYPT, word);
	is_int(account_line_parse(line, &a, why, sizeof(why)), 1, "a user of 64");
	account_fini(&a);
}

/* ---- Decoys ---------------------------------------------------------------------------------- */

/* Methods are met as often by names that are not there as by those that are, and stay. */
static void
test_decoys(void)
{
	struct accounts *t = parsed("a:" BCRYPT "\nb:" YESCRYPT "\nc:" SHA512 "\nd:*\n");
	struct accounts *more = parsed("x:*\nc:" SHA512 "\nb:" YESCRYPT "\na:" BCRYPT "\n"
		"e:$2a$05$zFPXe1vgDGdrPWG6kMw8ouO0gy6J6MJ7F.4wZXbV.EaykYUQkVIh2\n");
	struct accounts *empty = parsed("d:*\n");
	unsigned met[3] = {0}, moved = 0;
	char name[32];

	if (!ok(t != NULL && more != NULL && empty != NULL, "files"))
		return;
	for (int i = 0; i < 3000; i++) {
		const char *hash, *then;

		snprintf(name, sizeof(name), "name%d", i);
		hash = accounts_decoy(t, name);
		then = accounts_decoy(more, name);
		met[hash[1] == '2' ? 0 : hash[1] == 'y' ? 1 : 2]++;
		if (strcmp(hash, then) != 0) {
			moved++;
			if (strncmp(then, "$2a$", 4) != 0)
				moved += 10000;
		}
	}
	for (int i = 0; i < 3; i++)
		ok(met[i] > 900 && met[i] < 1100, "each hash is a third's decoy: %u", met[i]);
	ok(moved > 650 && moved < 850, "a fourth takes a quarter, and nothing else moves: %u",
		moved);
	is_str(accounts_decoy(empty, "name"), hash_nobody, "where there is none there is nobody's");
	accounts_free(t);
	accounts_free(more);
	accounts_free(empty);
}

/* ---- Changes --------------------------------------------------------------------------------- */

static char folder[] = "/tmp/adit-test-password-XXXXXX", path[64];

static void
write_file(const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
		fchmod(fd, mode) < 0)
		exit(99);
	close(fd);
}

static void
is_file(const char *want, const char *what)
{
	char why[600], *text = NULL;
	size_t n = 0;

	if (accounts_file_read(path, &text, &n, why, sizeof(why)) < 0)
		printf("# %s\n", why);
	is_str(text, want, what);
	accounts_text_free(text, n);
}

static void
test_change(void)
{
	char why[600] = "";
	struct stat st = {.st_mode = 0};

	is_int(accounts_file_change(path, "alice", BCRYPT, why, sizeof(why)), ACCOUNTS_ADDED,
		"the first user");
	is_file("alice:" BCRYPT "\n", "makes the file");
	is_int(stat(path, &st) == 0 ? st.st_mode & 07777 : 0, 0600, "for its owner alone");
	write_file("# users\nbob:old\n\n alice:" SHA512 ":account=acme note=\"a:b\"\r\nalice2:x",
		0640);
	is_int(accounts_file_change(path, "alice", BCRYPT, why, sizeof(why)), ACCOUNTS_CHANGED,
		"another password");
	is_file("# users\nbob:old\n\n alice:" BCRYPT ":account=acme note=\"a:b\"\r\nalice2:x\n",
		"changes nothing but the hash, and ends the last line");
	is_int(stat(path, &st) == 0 ? st.st_mode & 07777 : 0, 0600, "and closes the file");
	is_int(accounts_file_change(path, "bob", YESCRYPT, why, sizeof(why)), ACCOUNTS_CHANGED,
		"a line that was bad is mended");
	is_int(accounts_file_change(path, "alice2", BCRYPT, why, sizeof(why)), ACCOUNTS_CHANGED,
		"so is one without words");
	is_int(accounts_file_change(path, "carol", BCRYPT, why, sizeof(why)), ACCOUNTS_ADDED,
		"a user more");
	is_file("# users\nbob:" YESCRYPT "\n\n alice:" BCRYPT ":account=acme note=\"a:b\"\r\n"
		"alice2:" BCRYPT "\ncarol:" BCRYPT "\n", "goes to the end");
	is_int(accounts_file_change(path, "alice", NULL, why, sizeof(why)), ACCOUNTS_DELETED,
		"one less");
	is_file("# users\nbob:" YESCRYPT "\n\nalice2:" BCRYPT "\ncarol:" BCRYPT "\n",
		"and her line is gone");
	write_file("#alice:x\nbob:" BCRYPT ":19000:0:99999:7:::\n", 0600);
	is_int(accounts_file_change(path, "bob", YESCRYPT, why, sizeof(why)), ACCOUNTS_CHANGED,
		"a line of shadow(5)");
	is_file("#alice:x\nbob:" YESCRYPT ":19000:0:99999:7:::\n", "keeps its fields");
}

static void
test_change_refused(void)
{
	char why[600] = "", name[128];

	write_file("bob:x\nalice:x\nbob:y\n", 0600);
	is_int(accounts_file_change(path, "carol", NULL, why, sizeof(why)), -1,
		"who is not there cannot be removed");
	ok(strstr(why, "there is no user carol") != NULL, "%s", why);
	is_int(accounts_file_change(path, "bob", BCRYPT, why, sizeof(why)), -1,
		"who is there twice cannot be changed");
	ok(strstr(why, "user bob is in the lines 1 and 3") != NULL, "%s", why);
	is_file("bob:x\nalice:x\nbob:y\n", "nothing has changed");
	snprintf(name, sizeof(name), "%s/none/file", folder);
	is_int(accounts_file_change(name, "bob", BCRYPT, why, sizeof(why)), -1, "no such folder");
	ok(strstr(why, "No such file") != NULL, "%s", why);
	snprintf(name, sizeof(name), "%s/none", folder);
	is_int(accounts_file_change(name, "bob", NULL, why, sizeof(why)), -1, "no such file");
	ok(access(name, F_OK) < 0, "is made by no removal");
	is_int(accounts_file_change(folder, "bob", BCRYPT, why, sizeof(why)), -1, "a folder");
	snprintf(name, sizeof(name), "%s.new", path);
	ok(access(name, F_OK) < 0, "nothing is left behind");
}

static void
test_link(void)
{
	char link[128], why[600] = "";
	struct stat st;

	snprintf(link, sizeof(link), "%s/link", folder);
	write_file("", 0600);
	is_int(symlink(path, link), 0, "a link to the file");
	is_int(accounts_file_change(link, "bob", BCRYPT, why, sizeof(why)), ACCOUNTS_ADDED,
		"what it leads to is changed");
	ok(lstat(link, &st) == 0 && S_ISLNK(st.st_mode), "and the link stays one");
	is_file("bob:" BCRYPT "\n", "the file has the user");
	unlink(link);
}

/* Several at the same time lose nobody. */
static void
test_together(void)
{
	struct accounts *t = NULL;
	char why[600] = "", user[32], *text = NULL;
	int failed = 0, status;
	size_t n;

	unlink(path);
	for (int p = 0; p < 4; p++) {
		if (fork() != 0)
			continue;
		for (int i = 0; i < 10; i++) {
			snprintf(user, sizeof(user), "u%d-%d", p, i);
			if (accounts_file_change(path, user, BCRYPT, why, sizeof(why)) !=
				ACCOUNTS_ADDED)
				_exit(1);
		}
		_exit(0);
	}
	for (int p = 0; p < 4; p++)
		failed += wait(&status) < 0 || status != 0;
	is_int(failed, 0, "four add ten users each");
	is_int(accounts_file_read(path, &text, &n, why, sizeof(why)), 0, "the file is there");
	is_int(accounts_parse(path, text, &t, why, sizeof(why)), 0, "it is good");
	is_int(t != NULL ? t->n : 0, 40, "all are in it");
	accounts_free(t);
	accounts_text_free(text, n);
}

int
main(void)
{
	if (mkdtemp(folder) == NULL)
		return 99;
	snprintf(path, sizeof(path), "%s/passwords", folder);
	test_vectors();
	test_make();
	test_refused_hashes();
	test_hasher();
	test_lines();
	test_refused_lines();
	test_bounds();
	test_decoys();
	test_change();
	test_change_refused();
	test_link();
	test_together();
	unlink(path);
	rmdir(folder);
	return done_testing();
}
