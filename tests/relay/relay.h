/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors
 *
 * The connections of a relay, each two sockets and a lane either way, and the commands about them.
 * Every turn looks at all of them: a relay is for links, not for a crowd of clients.
 */
#ifndef TESTS_RELAY_H
#define TESTS_RELAY_H

#include <netinet/in.h>
#include <stdbool.h>

#include "lane.h"

struct relay {
	struct sockaddr_in at, to;
	struct path up, down;		/* from who connects, and to him */
};

/* Listens, prints "port N", and serves until standard input ends. Commands are lines on standard
 * input; each is answered by a line:
 *     close     both sockets of every connection are closed, as if each side had ended
 *     reset     the same with RST
 *     freeze    nothing moves any more, and no connection is taken; sockets stay open
 *     thaw      it goes on
 *     delay U D milliseconds each way from now on; what is on its way is not overtaken
 *     stat      one line of JSON: connections open and ever, bytes written, held, and most held */
void relay_run(struct relay *r);

#endif
