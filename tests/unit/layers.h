/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Layers for tests of links. Each writes what befalls it into layers_log, one letter and its mark:
 * o opened, r ready, f finished, m moved, c closed; "oXrX" for a layer with the mark X. */

#ifndef ADIT_TESTS_LAYERS_H
#define ADIT_TESTS_LAYERS_H

#include "io/conn.h"

extern char layers_log[256];
extern char layers_upper[64]; /* "<xor<" : what each found above itself when it was opened */

enum test_layer {
	LAYER_XOR,     /* ready at once; each byte is changed */
	LAYER_FRAME,   /* says "HI" and waits for it; then pieces with their length before them */
	LAYER_REFUSES, /* says "no" to the first bytes and fails */
	LAYER_ANSWERS, /* says "gone" to "?" and fails; anything else passes */
	LAYER_NEVER,   /* its open() fails */
	LAYER_HASTY,   /* hands bytes up before it is ready */
};

/* mark: one letter. per_worker may be NULL; a layer that is moved checks that its share is the mark
 * itself ("m", else "!"). */
struct conn_level layer_level(enum test_layer kind, const char *mark, void *const *per_worker);

/* What a layer of the kind makes of bytes; for peers that have none. */
void layer_xor(char *p, size_t n);

#endif
