/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* adit-mint: a certificate and its key for the end-to-end tests, and the key's pin on stdout.
 *
 *   adit-mint OUT CN NAMES FROM TO PURPOSE [ISSUER]
 *
 * writes OUT.pem and OUT.key. NAMES are separated by commas and may be empty, FROM and TO are days
 * from now, PURPOSE is ca, server, client or any, ISSUER what an earlier call has written. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "mint.h"
#include "pin.h"

static void
write_file(const char *out, const char *suffix, const gnutls_datum_t *text)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", out, suffix);
	umask(077);
	f = fopen(path, "w");
	if (f == NULL || fwrite(text->data, 1, text->size, f) != text->size || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	struct minted issuer, m;
	char cert[4096], key[4096], text[PIN_TEXT];
	struct mint_ask ask;
	struct pin pin;

	if (argc != 7 && argc != 8) {
		fprintf(stderr, "usage: adit-mint OUT CN NAMES FROM TO PURPOSE [ISSUER]\n");
		return 2;
	}
	ask = (struct mint_ask){.cn = argv[2],
		.names = argv[3],
		.from = atoi(argv[4]),
		.to = atoi(argv[5]),
		.ca = strcmp(argv[6], "ca") == 0};
	if (strcmp(argv[6], "server") == 0 || strcmp(argv[6], "client") == 0)
		ask.purpose = argv[6];
	if (argc == 8) {
		snprintf(cert, sizeof(cert), "%s.pem", argv[7]);
		snprintf(key, sizeof(key), "%s.key", argv[7]);
		mint_load(cert, key, &issuer);
	}
	mint(&ask, argc == 8 ? &issuer : NULL, &m);
	write_file(argv[1], ".pem", &m.certificate);
	write_file(argv[1], ".key", &m.key);
	if (pin_of(m.crt, &pin) < 0)
		return 1;
	puts(pin_text(&pin, text));
	mint_fini(&m);
	if (argc == 8)
		mint_fini(&issuer);
	return 0;
}
