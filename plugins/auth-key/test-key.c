/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* One key: signatures as in RFC 8032 and what must not pass for one; and keys in the files that
 * ssh-keygen and openssl have made. The private keys here are nobody's. */

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>

#include "tap.h"

#include "private_key.h"
#include "ssh_key.h"

static void
unhex(const char *hex, uint8_t *out)
{
	for (unsigned v; sscanf(hex, "%2x", &v) == 1; hex += 2)
		*out++ = (uint8_t)v;
}

/* ---- RFC 8032 section 7.1 -------------------------------------------------------------------- */

static const struct {
	const char *seed, *public, *msg, *sig;
} vectors[] = {
	{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
		"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
	{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
		"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
		"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
	{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
		"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
		"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
	{"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
		"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
		"dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
		"09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
};

static void
test_vectors(void)
{
	uint8_t seed[32], public[32], msg[64], sig[64], made[64];
	struct ed_key k;

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t n = strlen(vectors[i].msg) / 2;

		unhex(vectors[i].seed, seed);
		unhex(vectors[i].public, public);
		unhex(vectors[i].msg, msg);
		unhex(vectors[i].sig, sig);
		is_int(ed_from_seed(seed, &k), 0, "a key from its seed");
		is_mem(k.public, public, 32, "has the public key of RFC 8032");
		is_int(ed_sign(&k, msg, n, made), 0, "it signs");
		is_mem(made, sig, 64, "as RFC 8032 does");
		is_int(ed_verify(public, msg, n, sig), 1, "which is right");
		ok(ed_public_wrong(public) == NULL, "and the key is a good one");
	}
}

/* ---- What must not pass ---------------------------------------------------------------------- */

static void
test_wrong(void)
{
	uint8_t public[32], sig[64], msg[1] = {0x72};
	unsigned passed = 0;

	unhex(vectors[1].public, public);
	unhex(vectors[1].sig, sig);
	for (unsigned bit = 0; bit < 512; bit++) {
		sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
		passed += ed_verify(public, msg, 1, sig) != 0;
		sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	is_int(passed, 0, "no signature with one bit changed is right");
	for (unsigned bit = 0; bit < 256; bit++) {
		public[bit / 8] ^= (uint8_t)(1u << bit % 8);
		passed += ed_verify(public, msg, 1, sig) == 1;
		public[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	is_int(passed, 0, "nor under a key with one bit changed");
	msg[0]++;
	is_int(ed_verify(public, msg, 1, sig), 0, "nor for another message");
}

/* S + order is the same number to the group, and another signature. */
static void
test_malleable(void)
{
	static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6,
		0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
	uint8_t public[32], sig[64], msg[1] = {0x72};
	unsigned taken = 0, carry = 0;

	unhex(vectors[1].public, public);
	unhex(vectors[1].sig, sig);
	for (int times = 1; times < 15; times++) {
		carry = 0;
		for (unsigned i = 0; i < 32; i++) {
			carry += sig[32 + i] + order[i];
			sig[32 + i] = (uint8_t)carry;
			carry >>= 8;
		}
		taken += ed_verify(public, msg, 1, sig) != 0;
	}
	ok(carry == 0 && taken == 0, "a signature has one S only");
}

/* What GnuTLS itself says, without our checks. */
static bool
gnutls_takes(uint8_t public[32], uint8_t sig[64])
{
	const gnutls_datum_t x = {public, 32}, mark = {sig, 64}, text = {(uint8_t *)"any", 3};
	gnutls_pubkey_t key;
	bool taken;

	gnutls_pubkey_init(&key);
	taken = gnutls_pubkey_import_ecc_raw(key, GNUTLS_ECC_CURVE_ED25519, &x, NULL) == 0 &&
		gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_EDDSA_ED25519, 0, &text, &mark) >= 0;
	gnutls_pubkey_deinit(key);
	return taken;
}

static void
test_low_order(void)
{
	static const char *const low[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"f2ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	uint8_t public[32], sig[64] = {1}; /* R and S are "nothing" */
	unsigned good = 0, passed = 0, by_gnutls = 0;

	for (size_t i = 0; i < 2 * sizeof(low) / sizeof(low[0]); i++) {
		unhex(low[i / 2], public);
		public[31] |= i % 2 != 0 ? 0x80 : 0;
		good += ed_public_wrong(public) == NULL;
		by_gnutls += gnutls_takes(public, sig);
		passed += ed_verify(public, "any", 3, sig) != 0;
	}
	is_int(good, 0, "keys of low order, and those that are not as they must be, are seen");
	is_int(passed, 0, "and nothing is right under them");
	diag("GnuTLS %s takes %u of these 18", gnutls_check_version(NULL), by_gnutls);
	unhex("ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", public);
	ok(ed_public_wrong(public) == NULL, "a number just below is of the right form");
}

/* ---- Public keys ----------------------------------------------------------------------------- */

#define WORD	"AAAAC3NzaC1lZDI1NTE5AAAAIA/930WfRxX2OUsQsJ/qnPC/dh20or2c9LIykS2dt0pj"
#define PUBLIC	"0ffddf459f4715f6394b10b09fea9cf0bf761db4a2bd9cf4b232912d9db74a63"
#define PRINT	"SHA256:TTNaSUqHsRliV6MwdsgkslQIUQLx5EAi7b6pSOHx7Uo"

static void
test_public(void)
{
	static const char *const bad[] = {
		/* RSA */
		"AAAAB3NzaC1yc2EAAAADAQABAAABgQDJ7J8q7z1J1K1Y4o6f5kq0x7i2v5p8o4n3m2l1k0jAAA",
		/* of low order */
		"AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		WORD "AAAA",
		WORD "=",
		"AAAAC3NzaC1lZDI1NTE5AAAAIA/930WfRxX2OUsQsJ/qnPC/dh20or2c9LIykS2dt0p-",
		"AAAAC3NzaC1lZDI1NTE4AAAAIA/930WfRxX2OUsQsJ/qnPC/dh20or2c9LIykS2dt0pj",
		"AAAAC3NzaC1lZDI1NTE5AAAAHw/930WfRxX2OUsQsJ/qnPC/dh20or2c9LIykS2dt0pj",
	};
	uint8_t public[32], want[32], before[32] = "as it was";
	char text[SSH_WORD + 1], print[SSH_PRINT];
	size_t n;

	unhex(PUBLIC, want);
	ok(ssh_public_parse(WORD, strlen(WORD), public) == NULL, "a line of ssh-keygen is read");
	is_mem(public, want, 32, "and has this key");
	ssh_public_format(public, text);
	is_str(text, WORD, "it is written as ssh-keygen does");
	is_int(ssh_fingerprint(public, print), 0, "it has a fingerprint");
	is_str(print, PRINT, "as ssh-keygen -l shows it");
	memcpy(public, before, 32);
	for (n = 0; n < strlen(WORD); n++)
		if (ssh_public_parse(WORD, n, public) == NULL)
			break;
	is_int(n, strlen(WORD), "no beginning of it is one");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(ssh_public_parse(bad[i], strlen(bad[i]), public) != NULL, "not a key: %s",
			bad[i]);
	is_mem(public, before, 32, "what is refused changes nothing");
}

/* ---- Private keys ---------------------------------------------------------------------------- */

static const char by_ssh[] =
	"-----BEGIN OPENSSH PRIVATE KEY-----\n"
	"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
	"QyNTUxOQAAACAP/d9Fn0cV9jlLELCf6pzwv3YdtKK9nPSyMpEtnbdKYwAAAJjBs2zmwbNs\n"
	"5gAAAAtzc2gtZWQyNTUxOQAAACAP/d9Fn0cV9jlLELCf6pzwv3YdtKK9nPSyMpEtnbdKYw\n"
	"AAAECog2zV/XWtKpPcma5SKPYO7N4kSb4vCCc42r8nhc+ZcQ/930WfRxX2OUsQsJ/qnPC/\n"
	"dh20or2c9LIykS2dt0pjAAAAEHdlYjFAZXhhbXBsZS5vcmcBAgMEBQ==\n"
	"-----END OPENSSH PRIVATE KEY-----\n";
#define SSH_SEED  "a8836cd5fd75ad2a93dc99ae5228f60eecde2449be2f082738dabf2785cf9971"
#define SSH_CHECK 0xc1b36ce6u

static const char ssh_locked[] =
	"-----BEGIN OPENSSH PRIVATE KEY-----\n"
	"b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABDbduVinr\n"
	"yjCugdjpHovf0lAAAAAQAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIMJUINnRTU5i+0MH\n"
	"QUSKZ66vTAmherta3FL0oZS532E2AAAAkJkp2HfJETnvKzj2bVn+1jfuj4D0jRnvo2SX8n\n"
	"mqT5JjU0YjF2Iw5B9vfDyGBL+sApDBu30UR0wXscRelyUFliqNagcWWZQ/sdfHu1c5dqYO\n"
	"rHJ+Y/9OtbSgbzFIPWyfLdaAABVh/9BVZlfXL+K54WkNRaCt1PUXPyNcRZ2TMUhmA2O7s+\n"
	"x92iuB7Fk5kSsR/w==\n"
	"-----END OPENSSH PRIVATE KEY-----\n";

static const char ssh_ecdsa[] =
	"-----BEGIN OPENSSH PRIVATE KEY-----\n"
	"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS\n"
	"1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQTqyflmH2zMk/1JlMRZfzNevvfyTihZ\n"
	"Tao3n7TJhlLBnIo7UHcHLFciU1YqNbWT+cbZ33XUSl33sOcSKTKBBPDwAAAAoKBTV0ugU1\n"
	"dLAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBOrJ+WYfbMyT/UmU\n"
	"xFl/M16+9/JOKFlNqjeftMmGUsGcijtQdwcsVyJTVio1tZP5xtnfddRKXfew5xIpMoEE8P\n"
	"AAAAAhAOy/Q/XDI8y85Oiuuf9eOTGKBmQI47w4AlWmD6Rug92OAAAAAmVjAQIDBAU=\n"
	"-----END OPENSSH PRIVATE KEY-----\n";

static const char by_openssl[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEIB+jPQ1dpg6hLE8sgiPWMD0t9CzVqP7/NQaLIWUEwmUK\n"
	"-----END PRIVATE KEY-----\n";
#define OPENSSL_SEED   "1fa33d0d5da60ea12c4f2c8223d6303d2df42cd5a8feff35068b216504c2650a"
#define OPENSSL_PUBLIC "079e313b76cd8e3a28ff24e4bf5e3d24c7c13d4b0fa616d39b59aab80b585614"

static const char openssl_locked[] = /* the same; "abc" */
	"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
	"MIGaMFYGCSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAg3ngJQp4mwSAIBCjAM\n"
	"BggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQ5bn3GVkFII+N1169fM3ubQRAY7k7\n"
	"EXoSLUR7FGviEB6Z5+YxL8JuSUQijuDWt1G5w54o4qzvP4EbcKC+h1UAs865abnF\n"
	"tVq79glAP6wsDBhzkQ==\n"
	"-----END ENCRYPTED PRIVATE KEY-----\n";

static const char openssl_scrypt[] =
	"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
	"MIGSME4GCSqGSIb3DQEFDTBBMCAGCSsGAQQB2kcECzATBAh9sVoZq2Rq0wIBEAIB\n"
	"CAIBATAdBglghkgBZQMEASoEEKfD9yItKR7XCA8dbksvurIEQLeAnOCcprVOTiRh\n"
	"Als37AID7cKaUKcpGQl+55OOxMOGU9YrztWQJ57EopEsCy1TeySifZoap926u6PD\n"
	"pBmT8w8=\n"
	"-----END ENCRYPTED PRIVATE KEY-----\n";

static const char openssl_p256[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg921TzN01T8nPIMfM\n"
	"0Xnh767fkZgzV4OZM7RnzEC7shmhRANCAATmJmvNlY0Kemlhci0sHJSb16ppa/vO\n"
	"5GCSur5vEVzjEU9WYFFImFGrvrm0xPSe8yVIkVM828JPDVR+jS4DUU6m\n"
	"-----END PRIVATE KEY-----\n";

static const char openssl_x25519[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VuBCIEILAr4aVdosAcbmkhesaq3kSgcegnTE4juIUcRqQ/oTpO\n"
	"-----END PRIVATE KEY-----\n";

static const char *
read_it(const char *text, const char *passphrase, struct ed_key *k_r)
{
	return private_read(text, strlen(text), passphrase, k_r);
}

static void
test_private(void)
{
	uint8_t seed[32], public[32];
	struct ed_key k;
	char text[4096];

	ok(read_it(by_ssh, NULL, &k) == NULL, "a key of ssh-keygen is read");
	unhex(SSH_SEED, seed);
	unhex(PUBLIC, public);
	ok(memcmp(k.seed, seed, 32) == 0 && memcmp(k.public, public, 32) == 0, "the right one");
	ssh_private_format(&k, "web1@example.org", SSH_CHECK, text);
	is_str(text, by_ssh, "and is written as ssh-keygen did");

	ok(read_it(by_openssl, NULL, &k) == NULL, "a key of openssl is read");
	unhex(OPENSSL_SEED, seed);
	unhex(OPENSSL_PUBLIC, public);
	ok(memcmp(k.seed, seed, 32) == 0 && memcmp(k.public, public, 32) == 0, "the right one");
	memset(&k, 0, sizeof(k));
	ok(!private_is_locked(by_openssl) && !private_is_locked(by_ssh), "these are not locked");
	ok(private_is_locked(openssl_locked), "one with a passphrase is");
	ok(read_it(openssl_locked, "abc", &k) == NULL, "it is read with the passphrase");
	ok(memcmp(k.seed, seed, 32) == 0 && memcmp(k.public, public, 32) == 0, "the same key");
	snprintf(text, sizeof(text), "my own\n\n%s", by_ssh);
	ok(read_it(text, NULL, &k) == NULL, "what stands in front of a key is passed over");
}

static void
test_private_refused(void)
{
	static const struct {
		const char *text, *passphrase, *want;
	} bad[] = {
		{"", NULL, "holds no private key"},
		{SSH_TYPE " " WORD " me\n", NULL, "is a public key"},
		{ssh_locked, NULL, "has a passphrase, in OpenSSH's own form"},
		{ssh_ecdsa, NULL, "holds no Ed25519 key"},
		{openssl_locked, "abd", "has another passphrase"},
		{openssl_scrypt, "abc", "has another passphrase, or a cipher that GnuTLS does not"},
		{openssl_p256, NULL, "holds no Ed25519 key"},
		{openssl_x25519, NULL, "holds no Ed25519 key"},
		{"-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\n", NULL,
			"is of a form that is not read"},
		{"-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n", NULL,
			"is damaged"},
		{"-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n", NULL,
			"is damaged"},
	};
	struct ed_key k = {.seed = "as it was"}, before = k;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *wrong = read_it(bad[i].text, bad[i].passphrase, &k);

		ok(wrong != NULL && strncmp(wrong, bad[i].want, strlen(bad[i].want)) == 0,
			"refused: %s", bad[i].want);
		if (wrong == NULL || strncmp(wrong, bad[i].want, strlen(bad[i].want)) != 0)
			diag("got: %s", wrong != NULL ? wrong : "(taken)");
	}
	is_mem(&k, &before, sizeof(k), "what is refused changes nothing");
}

/* Every beginning, and every single character changed: taken is only what stands for the same
 * key. */
static void
test_private_damaged(void)
{
	struct ed_key k, good;
	char text[sizeof(by_ssh)];
	unsigned taken = 0, other = 0;
	size_t end = strlen(by_ssh) - 1; /* the last line end may be missing */

	(void)read_it(by_ssh, NULL, &good);
	for (size_t n = 0; n < end; n++) {
		memcpy(text, by_ssh, n);
		text[n] = '\0';
		taken += private_read(text, n, NULL, &k) == NULL;
	}
	is_int(taken, 0, "no beginning of a private key is one");
	taken = 0;
	for (size_t i = 0; i < end; i++) {
		strcpy(text, by_ssh);
		text[i] = text[i] != 'A' ? 'A' : 'B';
		if (private_read(text, strlen(text), NULL, &k) != NULL)
			continue;
		taken++;
		other += memcmp(&k, &good, sizeof(k)) != 0;
	}
	is_int(other, 0, "none with a character changed is another key");
	/* Of the comment and the numbers in front nothing else depends. */
	ok(taken < 30, "nearly none is taken: %u", taken);
}

/* A file whose public half is another key's: signing with it would give the private one away. */
static void
test_private_mixed(void)
{
	struct ed_key k, other;
	const char *wrong;
	char text[SSH_PRIVATE_MAX];

	(void)read_it(by_ssh, NULL, &k);
	(void)read_it(by_openssl, NULL, &other);
	memcpy(k.public, other.public, 32);
	ssh_private_format(&k, "", 1, text);
	wrong = read_it(text, NULL, &k);
	is_str(wrong, "is damaged: its public half is another key's", "halves of two keys");
}

static void
test_comments(void)
{
	char comment[SSH_COMMENT_MAX + 1], text[SSH_PRIVATE_MAX];
	struct ed_key k, again;
	size_t n;

	(void)read_it(by_ssh, NULL, &k);
	for (n = 0; n <= SSH_COMMENT_MAX; n++) {
		memset(comment, 'x', n);
		comment[n] = '\0';
		ssh_private_format(&k, comment, (uint32_t)n, text);
		if (read_it(text, NULL, &again) != NULL || memcmp(&k, &again, sizeof(k)) != 0)
			break;
	}
	is_int(n, SSH_COMMENT_MAX + 1, "keys with comments of every length are read as written");
}

int
main(void)
{
	test_vectors();
	test_wrong();
	test_malleable();
	test_low_order();
	test_public();
	test_private();
	test_private_refused();
	test_private_damaged();
	test_private_mixed();
	test_comments();
	return done_testing();
}
