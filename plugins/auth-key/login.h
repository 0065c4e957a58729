/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The messages of the method "key", as adit-auth-key(5) has them under PROTOCOL. Pure. */

#ifndef ADIT_KEY_LOGIN_H
#define ADIT_KEY_LOGIN_H

#include "ed25519.h"

#define LOGIN_NONCE    32
#define LOGIN_EXPORTER 32
#define LOGIN_SIZE     (ED_PUBLIC + 1 + ED_SIGNATURE)
#define LOGIN_SIGNED_MAX 256

enum login_mode {
	LOGIN_FREE = 0,  /* bound to the nonces only */
	LOGIN_BOUND = 1, /* to the TLS channel as well */
};

/* What is signed. */
struct login_signed {
	enum login_mode mode;
	const uint8_t *agent_nonce, *server_nonce; /* LOGIN_NONCE bytes each */
	const uint8_t *public;
	const uint8_t *exporter; /* with LOGIN_BOUND only */
	const char *agent;       /* 1 to 64 characters */
};

/* Returns how many bytes it has. */
size_t login_signed(const struct login_signed *s, uint8_t msg_r[LOGIN_SIGNED_MAX]);

/* The fact "tls-exporter" as bytes; false: it is not LOGIN_EXPORTER bytes in hex. */
bool login_exporter(const char *hex, uint8_t exporter_r[LOGIN_EXPORTER]);

#endif
