/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Transports that share an address: which of them can, and what an older one is taken for. */

#define _GNU_SOURCE 1

#include <config.h>

#include <errno.h>

#include "ctl/plugset.h"
#include "folder.h"
#include "tap.h"
#include "tunnel/door.h"

static struct err e;
static struct modules modules;

/* Makes transports a and b, with these addresses; 0 or -EINVAL. */
static int
make(const char *a, const char *at, const char *b, const char *bt, bool plain)
{
	const char *name[] = {a, b}, *listen[] = {at, bt};
	struct plugset set = {.n = 0};
	int rc;

	modules_free(&modules);
	memset(&e, 0, sizeof(e));
	for (size_t i = 0; i < 2; i++) {
		struct plug_entry *p = plugset_new(&set, name[i]);

		plugset_string(p, "listen", listen[i]);
		plugset_bool(p, "allow_plain", plain);
	}
	rc = plugset_create(&set, dir, ADIT_SIDE_SERVER, NULL, NULL, &modules, &e);
	plugset_fini(&set);
	return rc;
}

static void
refused(const char *a, const char *b, const char *want)
{
	is_int(make(a, "127.0.0.1:9000", b, "127.0.0.1:9000", false), -EINVAL, want);
	is_str(e.msg, want, "… is what it says");
}

static void
test_older(void)
{
	const struct module *m;
	struct door *door;
	size_t n;

	is_int(make("transport-older", "127.0.0.1:9000", "transport-tcp", "127.0.0.1:9001", false),
		0, "a transport of the first days is taken");
	m = modules.transport[0];
	ok(m->transport.probe == NULL && m->transport.secure_scheme == NULL &&
			m->layer.moved == NULL,
		"what its tables did not have is not there");
	door = doors_build(&modules, &n);
	is_int(n, 2, "it has an address of its own");
	ok(door_is_plain(&door[0]) && door[0].way[0].layered,
		"where every link is taken for its own, as it always was");
	free(door);
}

static void
test_pairs(void)
{
	refused("transport-older", "transport-tcp",
		"transport-tcp: \"listen\": 127.0.0.1:9000 cannot be shared with transport-older, "
		"because links by transport-older are not told by their first bytes");
	refused("transport-tcp", "transport-older",
		"transport-older: \"listen\": 127.0.0.1:9000 cannot be shared with transport-tcp, "
		"because links by transport-older are not told by their first bytes");
	refused("transport-tcp", "transport-bare",
		"transport-bare: \"listen\": 127.0.0.1:9000 cannot be shared with transport-tcp: "
		"links by both look the same");
	is_int(make("transport-tcp", "127.0.0.1:9000", "transport-ws", "127.0.0.1:9000", false), 0,
		"two that can be told apart share it");
	is_int(make("transport-tcp", "127.0.0.1:9000", "transport-ws", "0.0.0.0:9000", true),
		-EINVAL, "but not an address with all addresses");
	is_str(e.msg, "transport-ws: listens on 0.0.0.0:9000, which is an address of transport-tcp "
		      "already", "as is said");
}

int
main(void)
{
	folder_begin();
	put("transport-older");
	put("transport-bare");
	put_real("transport-tcp");
	put_real("transport-ws");
	test_older();
	test_pairs();
	modules_free(&modules);
	folder_end();
	return done_testing();
}
