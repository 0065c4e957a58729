/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The servers that this user has joined. Each has a name and two files in the folder servers beside
 * the user's adit.conf: NAME.conf, which is a configuration of adit, and the token that it names.
 * NAME.conf comes last and goes first, by one rename or unlink, so a server is there whole or not
 * at all. Main thread; blocks. */

#ifndef ADIT_CTL_JOINED_H
#define ADIT_CTL_JOINED_H

#include <stdbool.h>

#include "ctl/join_line.h"
#include "util/err.h"

#define JOINED_DEFAULT "default" /* the name of a server that was given none */

/* The configuration file of a server, or NULL: there is none of this name. */
char *joined_find(const char *name);
/* The same of the one that is meant when none is named: the default, else the only one there is.
 * *file_r is NULL when there is none at all. 0, or -EINVAL with e set: which one? */
int joined_choose(char **file_r, struct err *e);

/* A server that is being joined. */
struct joining {
	char *dir, *conf, *token; /* the folder and the two files */
	char *had;                /* the token's file that a replaced server has, or NULL */
	bool made_dir[3];         /* by us: ~/.config, adit in it, servers in that */
};

/* Makes sure that it can be stored: the folder is there and ours, the name is free or may be
 * replaced. 0, or a negative errno with e set. In both cases joining_fini() must follow. */
int joining_begin(struct joining *j, const char *name, bool replace, struct err *e);
/* Stores it, durably and for the user alone. 0, or a negative errno with e set: nothing is left. */
int joining_store(struct joining *j, const struct join_line *l, const char *token, struct err *e);
/* What was made and not used is taken away. */
void joining_fini(struct joining *j);

/* Forgets a server. 0, or a negative errno with e set. */
int joined_remove(const char *name, struct err *e);

#endif
