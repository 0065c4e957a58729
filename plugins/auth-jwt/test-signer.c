/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Tokens on the command line, for tests in other languages, with the keys of vectors/ (its first
 * argument): no test by itself.
 *
 *   test-signer FOLDER sign KID [HEADER]   signs the claims that stand on stdin; HEADER is put into
 *                                          the header, behind alg and kid, as ,"typ":"at+jwt"
 *   test-signer FOLDER judge               reads "KID TOKEN", prints "KID VERDICT"
 *   test-signer FOLDER spoil N             prints "KID TOKEN VERDICT" of N tokens with errors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "b64.h"
#include "signer.h"
#include "trial.h"

#define TEXT_MAX 32768
#define CLAIMS                                                                                     \
	"{\"iss\":\"https://id.example\",\"aud\":\"adit\",\"sub\":\"alice\",\"exp\":2000000600}"

static struct trial trial;

static size_t
make(const char *kid, const char *more, const char *claims, size_t n_claims, char *token)
{
	uint8_t sig[SIGNER_SIG_MAX];
	char header[TEXT_MAX];
	size_t n, n_sig;

	n = (size_t)snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"%s}",
		jws_alg_name(signer_alg(kid)), kid, more);
	n = b64_encode(header, n, token);
	token[n++] = '.';
	n += b64_encode(claims, n_claims, token + n);
	n_sig = signer_sign(trial.folder, kid, token, n, sig);
	token[n++] = '.';
	return n + b64_encode(sig, n_sig, token + n);
}

static const char *
judge(const char *token, size_t n, char text[64])
{
	struct why why = {.text = ""};
	struct claims c;
	enum adit_verdict v = trial_judge(&trial, token, n, &c, &why);

	if (v == ADIT_ALLOW)
		claims_fini(&c);
	return trial_verdict(v, &why, text);
}

static void
sign_stdin(const char *kid, const char *more)
{
	static char claims[TEXT_MAX], token[3 * TEXT_MAX];
	size_t n = fread(claims, 1, sizeof(claims), stdin);

	make(kid, more, claims, n, token);
	puts(token);
}

static void
judge_stdin(void)
{
	char line[TEXT_MAX], kid[16], text[64];
	int at;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		at = 0;
		if (sscanf(line, "%15s %n", kid, &at) == 1 && at > 0 && line[0] != '#')
			printf("%s %s\n", kid, judge(line + at, strlen(line + at), text));
	}
}

/* ---- Errors ---------------------------------------------------------------------------------- */

static uint64_t dice = 1;

static unsigned
throw(unsigned n)
{
	dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(dice >> 33) % n;
}

/* One of a few kinds of error, which leaves the token on one line. */
static void
spoil(char *token, size_t *n)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/~";
	size_t at = throw((unsigned)*n - 1);
	char c;

	switch (throw(5)) {
	case 0: /* another letter; more often at the ends of parts */
		if (throw(2) == 0)
			at = throw(2) == 0 ? *n - 1 : (size_t)(strrchr(token, '.') - token) - 1;
		c = letters[throw(sizeof(letters) - 1)];
		token[at] = token[at] != c ? c : '*';
		break;
	case 1: /* a letter less */
		memmove(token + at, token + at + 1, *n - at);
		--*n;
		break;
	case 2: /* a letter more */
		memmove(token + at + 1, token + at, *n - at + 1);
		token[at] = letters[throw(sizeof(letters) - 1)];
		++*n;
		break;
	case 3: /* letters at the end */
		*n += (size_t)sprintf(token + *n, "%s", throw(2) == 0 ? "=" : ".");
		break;
	default: /* two letters the other way round */
		if (token[at] != token[at + 1]) {
			c = token[at];
			token[at] = token[at + 1];
			token[at + 1] = c;
		} else {
			token[at] = '*';
		}
	}
}

static void
print_spoiled(unsigned long count)
{
	static const char *const kids[] = {"hs256", "rs256", "ps256", "es256", "es512", "eddsa"};
	char token[4096], text[64];

	for (unsigned long i = 0; i < count; i++) {
		const char *kid = kids[i % 6];
		size_t n = make(kid, "", CLAIMS, strlen(CLAIMS), token);

		spoil(token, &n);
		token[n] = '\0';
		printf("%s %s %s\n", kid, token, judge(token, n, text));
	}
}

int
main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "";

	if (argc > 1)
		trial_open(&trial, argv[1]);
	if (strcmp(what, "sign") == 0 && argc > 3)
		sign_stdin(argv[3], argc > 4 ? argv[4] : "");
	else if (strcmp(what, "judge") == 0)
		judge_stdin();
	else if (strcmp(what, "spoil") == 0 && argc > 3)
		print_spoiled(strtoul(argv[3], NULL, 10));
	else
		return 2;
	trial_close(&trial);
	return 0;
}
