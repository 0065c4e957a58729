/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What the files of a conn share: conn.c (the socket, reading, writing, life), conn_layer.c (its
 * layers), conn_move.c (the way to another worker). */

#ifndef ADIT_IO_CONN_PRIV_H
#define ADIT_IO_CONN_PRIV_H

#include "io/conn.h"

/* ---- conn.c ---------------------------------------------------------------------------------- */
/* Bytes for the session. As its input(), but never above 0. */
int conn_input(struct conn *c, const uint8_t *p, size_t n);
/* Puts fd under c on worker w; before that c has none. */
void conn_settle(struct conn *c, struct worker *w, int fd);

/* ---- conn_layer.c ---------------------------------------------------------------------------- */
void conn_layer_add(struct conn *c, const struct conn_level *level);
/* Opens the next layer where the one below is ready, and tells the session where all are. After it
 * and the next two c may be broken, or closed. */
void conn_advance(struct conn *c);
/* Bytes from the socket, for the lowest layer or for what is to be chosen. */
void conn_layers_input(struct conn *c, const uint8_t *p, size_t n);
/* Bytes of the session, for the topmost layer. */
void conn_layers_output(struct conn *c, const uint8_t *p, size_t n);
/* The layers say their end, from the top. */
void conn_layers_finish(struct conn *c);
/* Frees their states, from the top, as soon as no call of them is under way. */
void conn_layers_close(struct conn *c);

/* ---- conn_move.c ----------------------------------------------------------------------------- */
/* At the end of the turn in which conn_move() was called. */
void conn_ship(struct conn *c);

#endif
