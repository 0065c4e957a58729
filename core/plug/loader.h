/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Finds, distrusts and loads the shared objects of plugins. Main thread only: libltdl keeps global
 * lists without a lock. What was loaded stays for the life of the process; asking again for the
 * same file gives the same plugin, even if the file was replaced meanwhile. */

#ifndef ADIT_PLUG_LOADER_H
#define ADIT_PLUG_LOADER_H

#include "plug/kinds.h"
#include "util/err.h"

struct plugin {
	/* The core's own copy, complete to today's size; so are its options. Texts that people read
	 * are never NULL, sides is never 0. */
	struct adit_plugin desc;
	struct plugin_ops ops;
	const struct kind *kind;
	const char *short_name; /* without the kind: "token" */
};

/* Loads dir/name.so. dir must be absolute. The file, its folder and each folder above must belong
 * to root or the effective user and be writable by nobody else (above the folder itself, root's
 * sticky folders such as /tmp are taken); the file must not be a link. Returns 0 or -EINVAL with e
 * set. */
int loader_load(const char *dir, const char *name, const struct plugin **p_r, struct err *e);

#endif
