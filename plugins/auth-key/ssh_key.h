/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Ed25519 keys as OpenSSH writes them: the public one as a word of base64 (RFC 8709), its
 * fingerprint, and the file of the private one (PROTOCOL.key of OpenSSH), which is read and written
 * without a passphrase. Any thread. */

#ifndef ADIT_KEY_SSH_KEY_H
#define ADIT_KEY_SSH_KEY_H

#include "ed25519.h"

#define SSH_TYPE	"ssh-ed25519"
#define SSH_WORD	68 /* characters of a public key in base64 */
#define SSH_PRINT	51 /* "SHA256:" and 43 characters, terminated */
#define SSH_COMMENT_MAX 200
#define SSH_PRIVATE_MAX 1024 /* the text of a private key's file, terminated */

#define SSH_PRIVATE_BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"
#define SSH_PRIVATE_END	  "-----END OPENSSH PRIVATE KEY-----"

/* The public key of a word of n characters. NULL, or what is wrong with it. */
const char *ssh_public_parse(const char *word, size_t n, uint8_t public_r[ED_PUBLIC]);
void ssh_public_format(const uint8_t public[ED_PUBLIC], char word_r[SSH_WORD + 1]);

/* As ssh-keygen -l shows it. 0 or -1. */
int ssh_fingerprint(const uint8_t public[ED_PUBLIC], char print_r[SSH_PRINT]);

/* The key of a file's text. NULL, or what is wrong with it. The public half is as the file says:
 * whether it belongs to the seed is to be checked before anything is signed, because a signature
 * under another public key gives the private one away. */
const char *ssh_private_parse(const char *text, size_t n, struct ed_key *k_r);

/* The file's text; the comment has at most SSH_COMMENT_MAX bytes. check: a random number, which
 * the format wants. */
void ssh_private_format(const struct ed_key *k, const char *comment, uint32_t check,
	char text_r[SSH_PRIVATE_MAX]);

#endif
