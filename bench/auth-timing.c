/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Whether the time that a login takes says how good its proof was, or whether its account is known:
 *
 *     auth-timing PLUGIN_DIR [SAMPLES]
 *
 * The plugins auth-token and auth-key are asked directly, without the network, a worker or the
 * server's own delay around them, so that a leak has nowhere to hide. Proofs (the second half of
 * a signature) are right in their first 0 to 31 bytes and wrong behind, under fresh nonces each
 * time; others are of somebody who is not in the file. Each class is compared with "known, and
 * right in no byte" by Welch's t; classes take turns at random, the slowest tenth of each
 * (interrupts, other programs) is left out. |t| below 4.5 shows no difference; the status is 1
 * if one is not.
 *
 * A comparison that stops at the first wrong byte, put behind the plugin's own, must be found: it
 * shows that this measurement would have. */

#define _GNU_SOURCE 1

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "die.h"
#include "plug/module.h"
#include "tunnel/auth.h"
#include "util/compiler.h"

#define PREFIXES 32
#define UNKNOWN  PREFIXES /* the class of those who are not in the file */
#define CLASSES  (PREFIXES + 1)
#define WHO      16 /* credentials on each side, so that no single one's numbers count */
#define LIMIT    4.5
#define TRIM     0.9 /* the part of each class that counts */

/* One plugin as it is tried. */
struct trial {
	const char *name;
	size_t proof_at;   /* the 32 bytes in the message */
	unsigned last_max; /* by how much the last one may be changed */
	const struct module *server, *known[WHO], *unknown[WHO];
	bool leaky; /* the control */
	uint8_t warm[2 * WHO][ADIT_AUTH_DATA_MAX]; /* any of these comes before each measured one */
	double *sample[CLASSES];
	unsigned n[CLASSES];
};

static const char *plugin_dir;
static char folder[] = "/tmp/adit-timing-XXXXXX";
static unsigned samples = 20000;
static volatile unsigned sink;

static uint64_t
dice(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void
random_bytes(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(dice() >> 32);
}

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- One login ------------------------------------------------------------------------------- */

struct nonces {
	uint8_t agent[ADIT_NONCE_SIZE], server[ADIT_NONCE_SIZE];
};

/* The right message of this agent. */
static size_t
prove(const struct module *agent, const struct nonces *n, uint8_t out[ADIT_AUTH_DATA_MAX])
{
	struct adit_proof proof = {.agent = "web1", .encrypted = true};
	size_t len;

	memcpy(proof.nonce_agent, n->agent, sizeof(n->agent));
	memcpy(proof.nonce_server, n->server, sizeof(n->server));
	if (auth_bytes_set(&proof.data, "", 0) < 0 || agent->auth.prove(agent->inst, &proof) < 0)
		die(proof.error, 0);
	len = proof.out.len;
	memcpy(out, proof.out.p, len);
	auth_bytes_wipe(&proof.out);
	auth_bytes_wipe(&proof.data);
	return len;
}

/* What nobody should write. */
static unsigned
leaky_equal(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i])
			return 0;
	return 1;
}

/* The time of one refusal. */
static double
check_once(const struct trial *t, const struct nonces *n, const uint8_t *msg, size_t len,
	const uint8_t *right)
{
	struct adit_auth_req req = {.peer = "192.0.2.1", .claimed = "web1", .encrypted = true,
		.id = {.agent = "web1"}};
	enum adit_verdict v;
	double began, ended;

	memcpy(req.nonce_agent, n->agent, sizeof(n->agent));
	memcpy(req.nonce_server, n->server, sizeof(n->server));
	if (auth_bytes_set(&req.data, msg, len) < 0)
		die("out of memory", 0);
	began = now_ns();
	v = t->server->auth.check(t->server->inst, NULL, &req);
	if (t->leaky)
		sink += leaky_equal(msg + t->proof_at, right + t->proof_at, PREFIXES);
	ended = now_ns();
	if (v != ADIT_DENY && v != ADIT_NEXT)
		die(req.reason[0] != '\0' ? req.reason : "a wrong proof was not refused", 0);
	auth_bytes_wipe(&req.data);
	auth_bytes_wipe(&req.reply);
	return ended - began;
}

/* The class shows in the bytes of the message and in nothing else that is done here: what comes
 * before the clock starts leaves its traces in the processor. */
static void
take_sample(struct trial *t, unsigned class)
{
	const struct module *const *group = class == UNKNOWN ? t->unknown : t->known;
	uint8_t right[ADIT_AUTH_DATA_MAX], msg[ADIT_AUTH_DATA_MAX];
	size_t end = t->proof_at + class % PREFIXES, len;
	struct nonces n;

	random_bytes(n.agent, sizeof(n.agent));
	random_bytes(n.server, sizeof(n.server));
	len = prove(group[dice() % WHO], &n, right);
	for (size_t i = 0; i < len; i++) {
		uint8_t other = (uint8_t)(1 + dice() % (i + 1 < len ? 255 : t->last_max));
		uint8_t changed = (uint8_t)-(i >= end); /* all ones behind the prefix */

		msg[i] = (uint8_t)(right[i] ^ (other & changed));
	}
	(void)check_once(t, &n, t->warm[dice() % (2 * WHO)], len, right);
	t->sample[class][t->n[class]++] = check_once(t, &n, msg, len, right);
}

/* ---- Statistics ------------------------------------------------------------------------------ */

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct moments {
	double mean, var, n;
};

static struct moments
moments_of(double *x, unsigned n)
{
	struct moments m = {.n = floor(n * TRIM)};

	qsort(x, n, sizeof(*x), by_value);
	for (unsigned i = 0; i < m.n; i++)
		m.mean += x[i] / m.n;
	for (unsigned i = 0; i < m.n; i++)
		m.var += (x[i] - m.mean) * (x[i] - m.mean) / (m.n - 1);
	return m;
}

static double
welch(const struct moments *a, const struct moments *b)
{
	return (a->mean - b->mean) / sqrt(a->var / a->n + b->var / b->n);
}

/* Returns whether nothing shows. */
static bool
report(struct trial *t)
{
	struct moments base = moments_of(t->sample[0], t->n[0]), m;
	double worst = 0, apart = 0, unknown, score;
	unsigned at = 0;

	for (unsigned i = 1; i < PREFIXES; i++) {
		m = moments_of(t->sample[i], t->n[i]);
		score = fabs(welch(&m, &base));
		if (score > worst) {
			worst = score;
			apart = m.mean - base.mean;
			at = i;
		}
	}
	m = moments_of(t->sample[UNKNOWN], t->n[UNKNOWN]);
	unknown = welch(&m, &base);
	printf("%-14s %8.0f ns; right in %2u bytes: |t| %5.2f (%+.1f ns), in others less; unknown: "
	       "t %6.2f (%+.1f ns)\n", t->leaky ? "control, leaks" : t->name, base.mean, at, worst,
		apart, unknown, m.mean - base.mean);
	return worst < LIMIT && fabs(unknown) < LIMIT;
}

/* What else may have been asked: wrong proofs of all, known and unknown. */
static void
make_warm(struct trial *t)
{
	struct nonces n = {.agent = "0"};

	for (unsigned i = 0; i < 2 * WHO; i++) {
		const struct module *m = i < WHO ? t->known[i] : t->unknown[i - WHO];

		t->warm[i][prove(m, &n, t->warm[i]) - 1] ^= 1;
	}
}

/* Classes in random order, each as often as the others. */
static bool
run(struct trial *t)
{
	unsigned order[CLASSES];
	bool good;

	make_warm(t);

	for (unsigned i = 0; i < CLASSES; i++) {
		t->sample[i] = xcalloc(samples, sizeof(double));
		t->n[i] = 0;
		order[i] = i;
	}
	for (unsigned round = 0; round < samples; round++)
		for (unsigned i = CLASSES; i > 0; i--) {
			unsigned j = (unsigned)(dice() % i), class = order[j];

			order[j] = order[i - 1];
			order[i - 1] = class;
			take_sample(t, class);
		}
	good = report(t);
	for (unsigned i = 0; i < CLASSES; i++)
		free(t->sample[i]);
	return good;
}

/* ---- Credentials ----------------------------------------------------------------------------- */

static const char *
in_folder(const char *name, unsigned i)
{
	static char path[2][128];
	static unsigned turn;

	turn ^= 1;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s%u", folder, name, i);
	return path[turn];
}

static void
write_file(const char *path, const char *text, bool append)
{
	int fd = check(open(path, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), 0600), path);

	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path, errno);
	close(fd);
}

static const struct module *
make(const char *name, enum adit_side side, const char *option, const char *path)
{
	struct option_value v = {.key = option, .type = VALUE_STRING, .str = path,
		.file = "/etc/x.conf", .line = 1};
	struct module *m = NULL;
	struct err e = {.msg = ""};

	if (module_create(plugin_dir, name, &v, 1, side, "/etc/x.conf", 1, &m, &e) < 0)
		die(e.msg, 0);
	return m;
}

/* A token in the server's file, and the agent that has it. */
static const struct module *
make_token(const struct module *server, unsigned nth)
{
	struct adit_issue issue = {.account = "acme"};
	const char *path = in_folder("token", nth);

	if (server->auth.issue(server->inst, &issue) < 0)
		die(issue.error, 0);
	write_file(path, issue.secret, false);
	issue_fini(&issue);
	return make("auth-token", ADIT_SIDE_AGENT, "token_file", path);
}

static void
make_tokens(struct trial *t)
{
	const char *here = in_folder("tokens", 0), *elsewhere = in_folder("tokens", 1);
	const struct module *other;

	write_file(here, "", false);
	write_file(elsewhere, "", false);
	t->server = make("auth-token", ADIT_SIDE_SERVER, "file", here);
	other = make("auth-token", ADIT_SIDE_SERVER, "file", elsewhere);
	for (unsigned i = 0; i < WHO; i++) {
		t->known[i] = make_token(t->server, i);
		t->unknown[i] = make_token(other, WHO + i);
	}
}

/* A key pair; the public half goes into the server's file, if there is one. */
static void
make_key(const struct module *any, unsigned nth, const char *server_file)
{
	char secret[4096], public[4096], print[4096], line[4200];

	if (any->auth.make_key("bench", secret, public, print, sizeof(secret)) < 0)
		die("no key can be made", 0);
	write_file(in_folder("key", nth), secret, false);
	snprintf(line, sizeof(line), "account=\"acme\" %s\n", public);
	if (server_file != NULL)
		write_file(server_file, line, true);
}

static void
make_keys(struct trial *t)
{
	const char *file = in_folder("authorized", 0);

	write_file(file, "", false);
	t->server = make("auth-key", ADIT_SIDE_SERVER, "file", file);
	for (unsigned i = 0; i < 2 * WHO; i++) {
		make_key(t->server, i, i < WHO ? file : NULL);
		(i < WHO ? t->known : t->unknown)[i % WHO] =
			make("auth-key", ADIT_SIDE_AGENT, "key_file", in_folder("key", i));
	}
}

/* ---- All ------------------------------------------------------------------------------------- */

int
main(int argc, char **argv)
{
	static struct trial token = {.name = "auth-token", .proof_at = 8, .last_max = 255};
	/* The number S, below 2^252: a larger one is refused at a glance, whoever sends it. */
	static struct trial key = {.name = "auth-key", .proof_at = 65, .last_max = 15};
	char command[64];
	bool good;

	if (argc < 2 || argc > 3 || argv[1][0] != '/' ||
		(argc == 3 && (samples = (unsigned)atoi(argv[2])) < 100))
		die("expected PLUGIN_DIR [SAMPLES]", 0);
	plugin_dir = argv[1];
	if (mkdtemp(folder) == NULL)
		die(folder, errno);
	make_tokens(&token);
	make_keys(&key);
	good = run(&token);
	good = run(&key) && good;
	token.leaky = true;
	good = !run(&token) && good;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) == 0 && good ? 0 : 1;
}
