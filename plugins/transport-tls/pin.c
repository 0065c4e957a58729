/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Pins of public keys. Pure; any thread. What is hashed is the key and not the certificate, so that
 * a certificate that is renewed with the same key keeps its pin. */

#include "pin.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "sha256-"
#define DIGITS 43 /* 256 bits in digits of 6 */

static int
digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-' || c == '+')
		return 62;
	return c == '_' || c == '/' ? 63 : -1;
}

int
pin_parse(const char *text, struct pin *pin_r)
{
	struct pin pin;
	unsigned bits = 0, n_bits = 0;
	size_t n = 0;

	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return -1;
	text += strlen(PREFIX);
	for (int i = 0; i < DIGITS; i++) {
		int v = digit_value(text[i]);

		if (v < 0)
			return -1;
		bits = bits << 6 | (unsigned)v;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			pin.hash[n++] = (uint8_t)(bits >> n_bits);
			bits &= (1u << n_bits) - 1;
		}
	}
	text += DIGITS;
	text += *text == '=';
	if (bits != 0 || *text != '\0')
		return -1;
	*pin_r = pin;
	return 0;
}

const char *
pin_text(const struct pin *pin, char buf[PIN_TEXT])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char *to = buf + strlen(PREFIX);
	unsigned bits = 0, n_bits = 0;

	memcpy(buf, PREFIX, strlen(PREFIX));
	for (size_t i = 0; i < PIN_SIZE; i++) {
		bits = bits << 8 | pin->hash[i];
		n_bits += 8;
		while (n_bits >= 6) {
			n_bits -= 6;
			*to++ = digits[bits >> n_bits & 63];
		}
	}
	*to++ = digits[bits << (6 - n_bits) & 63];
	*to = '\0';
	return buf;
}

int
pin_of(gnutls_x509_crt_t crt, struct pin *pin_r)
{
	gnutls_datum_t spki = {.data = NULL};
	gnutls_pubkey_t key;
	int rc = gnutls_pubkey_init(&key);

	if (rc < 0)
		return rc;
	rc = gnutls_pubkey_import_x509(key, crt, 0);
	if (rc == 0)
		rc = gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &spki);
	if (rc == 0)
		rc = gnutls_hash_fast(GNUTLS_DIG_SHA256, spki.data, spki.size, pin_r->hash);
	gnutls_free(spki.data);
	gnutls_pubkey_deinit(key);
	return rc;
}

int
pins_add(struct pins *pins, const struct pin *pin)
{
	struct pin *more = realloc(pins->pin, (pins->n + 1) * sizeof(*more));

	if (more == NULL)
		return -1;
	pins->pin = more;
	more[pins->n++] = *pin;
	return 0;
}

bool
pins_have(const struct pins *pins, const struct pin *pin)
{
	for (size_t i = 0; i < pins->n; i++)
		if (memcmp(pins->pin[i].hash, pin->hash, PIN_SIZE) == 0)
			return true;
	return false;
}

void
pins_fini(struct pins *pins)
{
	free(pins->pin);
	*pins = (struct pins){.pin = NULL};
}
