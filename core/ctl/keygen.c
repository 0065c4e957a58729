/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* adit keygen. What a key is, the plugin knows; here it is a text for a file that must not be there
 * yet, and a line. The line alone goes to stdout, all else to stderr. Main thread. */

#include <config.h>

#include "ctl/keygen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/user_dir.h"
#include "plug/loader.h"
#include "util/compiler.h"
#include "util/file.h"

#define PLUGIN	    "auth-key"
#define TEXT_MAX    2048
#define COMMENT_MAX 200

struct made {
	char private[TEXT_MAX], line[TEXT_MAX], print[TEXT_MAX];
};

/* One line of text: what would end the line in the server's file, or hide there, is none. */
static int
check_comment(const char *comment, struct err *e)
{
	if (strlen(comment) > COMMENT_MAX)
		return err_set(e, "--comment: longer than %d bytes", COMMENT_MAX);
	for (const char *s = comment; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return err_set(e, "--comment: expected one line of text");
	return 0;
}

/* user@host, as ssh-keygen does. */
static char *
usual_comment(void)
{
	const char *user = getenv("USER");
	char host[65] = "", *comment;

	if (gethostname(host, sizeof(host) - 1) < 0)
		host[0] = '\0';
	comment = xasprintf("%.64s@%.64s", user != NULL && user[0] != '\0' ? user : "adit", host);
	if (check_comment(comment, NULL) < 0)
		comment[0] = '\0';
	return comment;
}

/* Where the key goes; free(). NULL with e set. */
static char *
choose_path(const char *out, struct err *e)
{
	char *dir, *path = NULL;

	if (out != NULL)
		return xstrdup(out);
	dir = user_dir();
	if (dir == NULL)
		err_set(e, "HOME is not set, so there is no place for the key: give --out FILE");
	else if (user_dir_make(dir, e) == 0)
		path = xasprintf("%s/key", dir);
	free(dir);
	return path;
}

static int
make(const struct agent_options *o, const char *comment, struct made *m, struct err *e)
{
	const char *given = o->request.plugin_dir != NULL ? o->request.plugin_dir : ADIT_PLUGINDIR;
	char *dir = realpath(given, NULL);
	const struct plugin *p;
	int rc;

	if (dir == NULL)
		return err_set(e, "%s: %s", given, strerror(errno));
	rc = loader_load(dir, PLUGIN, &p, e);
	free(dir);
	if (rc < 0)
		return rc;
	if (p->ops.auth.make_key == NULL ||
		p->ops.auth.make_key(comment, m->private, m->line, m->print, TEXT_MAX) != 0)
		return err_set(e, PLUGIN " cannot make a key");
	return 0;
}

static int
write_key(const char *path, const struct made *m, struct err *e)
{
	int rc = file_create(path, 0600, m->private, strlen(m->private), e);

	if (rc == -EEXIST)
		err_set(e, "%s is there already, and a key is never overwritten: give another file "
			   "by --out FILE (the line of the one that is there is printed by "
			   "ssh-keygen -y -f FILE)", path);
	return rc;
}

static void
say(const struct agent_options *o, const char *path, const char *comment, const struct made *m)
{
	if (!o->quiet) {
		fprintf(stderr, "The key is in %s; it stays on this host.\n", path);
		fprintf(stderr, "Fingerprint: 256 %s %s%s(ED25519)\n", m->print, comment,
			comment[0] != '\0' ? " " : "");
		fprintf(stderr, "Give this line to the server's operator, who puts it into the "
				"file authorized_keys with account=\"NAME\" in front (see "
				"adit-auth-key(5)):\n");
	}
	printf("%s\n", m->line);
	if (!o->quiet && o->out == NULL)
		fprintf(stderr, "Then log in by: adit tcp 22 --auth key\n");
	else if (!o->quiet)
		fprintf(stderr, "Then log in by: adit tcp 22 --key %s\n", path);
}

int
keygen(const struct agent_options *o)
{
	char *comment = o->comment != NULL ? xstrdup(o->comment) : usual_comment(), *path = NULL;
	struct made m = {.line = ""};
	struct err e;
	int rc = check_comment(comment, &e);

	if (rc == 0)
		rc = make(o, comment, &m, &e);
	if (rc == 0) {
		path = choose_path(o->out, &e);
		rc = path != NULL ? write_key(path, &m, &e) : -EINVAL;
	}
	if (rc == 0)
		say(o, path, comment, &m);
	explicit_bzero(&m, sizeof(m));
	free(path);
	free(comment);
	return rc == 0 ? EXIT_GOOD : command_complain("adit", &e, EXIT_FAILED);
}
