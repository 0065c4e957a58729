/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Pins: the SHA-256 of a certificate's public key (its SubjectPublicKeyInfo), written as "sha256-"
 * and 43 characters of base64url. Pure; any thread. */

#ifndef TRANSPORT_TLS_PIN_H
#define TRANSPORT_TLS_PIN_H

#include <gnutls/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIN_SIZE 32
#define PIN_TEXT 51 /* with the zero behind it */

struct pin {
	uint8_t hash[PIN_SIZE];
};

struct pins {
	struct pin *pin;
	size_t n;
};

/* Standard base64, as other tools print it, is taken as well. 0 or -1. */
int pin_parse(const char *text, struct pin *pin_r);
const char *pin_text(const struct pin *pin, char buf[PIN_TEXT]);
/* Of a certificate's key. 0 or a GnuTLS error. */
int pin_of(gnutls_x509_crt_t crt, struct pin *pin_r);

/* 0 or -1 when there is no memory. */
int pins_add(struct pins *pins, const struct pin *pin);
bool pins_have(const struct pins *pins, const struct pin *pin);
void pins_fini(struct pins *pins);

#endif
