/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Ed25519 (RFC 8032) on GnuTLS, with the checks that make a signature stand for one message by one
 * key holder: what is taken here has one encoding only. Any thread. */

#ifndef ADIT_KEY_ED25519_H
#define ADIT_KEY_ED25519_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ED_PUBLIC    32
#define ED_SEED	     32
#define ED_SIGNATURE 64

/* A private key: who has it wipes it. */
struct ed_key {
	uint8_t seed[ED_SEED], public[ED_PUBLIC];
};

/* Derives the public half. 0 or -1. */
int ed_from_seed(const uint8_t seed[ED_SEED], struct ed_key *k_r);

/* 0 or -1. */
int ed_sign(const struct ed_key *k, const void *msg, size_t n, uint8_t sig_r[ED_SIGNATURE]);

/* NULL if this can be somebody's key, else why not: it is not written as RFC 8032 says, or of low
 * order, so that anybody can sign for it. Whether it is a point at all shows ed_verify() only. */
const char *ed_public_wrong(const uint8_t public[ED_PUBLIC]);

/* 1 right, 0 wrong, -1 the library failed. Wrong is also what has a key that ed_public_wrong()
 * refuses, or a number S that is not below the group's order. */
int ed_verify(const uint8_t public[ED_PUBLIC], const void *msg, size_t n,
	const uint8_t sig[ED_SIGNATURE]);

#endif
