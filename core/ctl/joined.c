/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Joined servers as files. The folders are made with mode 0700, the files with 0600. */

#include <config.h>

#include "ctl/joined.h"

#include <dirent.h>
#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/source.h"
#include "ctl/user_dir.h"
#include "tunnel/identity.h"
#include "util/compiler.h"
#include "util/file.h"
#include "util/rand.h"

#define SUFFIX ".conf"

static const char conf_text[] =
	"# A server that was joined: written by adit join, removed by adit leave. It is a\n"
	"# configuration of adit; see adit.conf(5).\n"
	"server = \"tls://%s%s%s:%u\";\n"
	"token_file = \"%s\";\n"
	"transport-tls = { pin = \"%s\"; };\n";

/* ---- Names ----------------------------------------------------------------------------------- */

static char *
servers_dir(void)
{
	char *user = user_dir(), *dir = user != NULL ? xasprintf("%s/servers", user) : NULL;

	free(user);
	return dir;
}

static char *
conf_of(const char *name)
{
	char *dir = servers_dir(), *path = NULL;

	if (dir != NULL)
		path = xasprintf("%s/%s" SUFFIX, dir, name);
	free(dir);
	return path;
}

/* The length of the name that a file has, 0 if it is no server's. */
static size_t
name_of(const char *file)
{
	size_t n = strlen(file), s = strlen(SUFFIX);

	return n > s && strcmp(file + n - s, SUFFIX) == 0 && file[0] != '.' &&
			       name_valid_n(file, n - s)
		       ? n - s : 0;
}

/* ---- Finding --------------------------------------------------------------------------------- */

char *
joined_find(const char *name)
{
	char *path = name_valid(name) && name[0] != '.' ? conf_of(name) : NULL;

	if (path != NULL && access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* How many servers there are; their names as "a, b", cut to what fits, and one of them. */
static size_t
list_all(char *names, size_t cap, char one_r[NAME_MAX_LEN + 1])
{
	char *dir = servers_dir();
	DIR *d = dir != NULL ? opendir(dir) : NULL;
	const struct dirent *entry;
	size_t count = 0, at = 0;

	names[0] = '\0';
	while (d != NULL && (entry = readdir(d)) != NULL) {
		size_t n = name_of(entry->d_name);

		if (n == 0)
			continue;
		snprintf(one_r, NAME_MAX_LEN + 1, "%.*s", (int)n, entry->d_name);
		if (at < cap)
			at += (size_t)snprintf(names + at, cap - at, "%s%s", at > 0 ? ", " : "",
				one_r);
		count++;
	}
	if (d != NULL)
		closedir(d);
	free(dir);
	return count;
}

int
joined_choose(char **file_r, struct err *e)
{
	char names[400], one[NAME_MAX_LEN + 1];
	char *file = joined_find(JOINED_DEFAULT);
	size_t n;

	if (file == NULL) {
		n = list_all(names, sizeof(names), one);
		if (n > 1)
			return err_set(e, "several servers were joined: %s; say which one by "
					  "--server NAME", names);
		file = n == 1 ? joined_find(one) : NULL;
	}
	*file_r = file;
	return 0;
}

/* ---- Joining --------------------------------------------------------------------------------- */

static int
make_dir(const char *path, bool *made_r, struct err *e)
{
	struct stat st;
	int rc = mkdir(path, 0700) < 0 ? -errno : 0;

	*made_r = rc == 0;
	if (rc == -EEXIST)
		rc = stat(path, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	if (rc < 0)
		err_set(e, "%s: %s", path, strerror(-rc));
	return rc;
}

static int
make_dirs(struct joining *j, struct err *e)
{
	char *user = user_dir(), *above;
	int rc;

	if (user == NULL)
		return err_set(e, "HOME is not set, so there is no place for the server");
	above = xasprintf("%.*s", (int)(strrchr(user, '/') - user), user);
	j->dir = xasprintf("%s/servers", user);
	rc = above[0] != '\0' ? make_dir(above, &j->made_dir[0], e) : 0;
	if (rc == 0)
		rc = make_dir(user, &j->made_dir[1], e);
	if (rc == 0)
		rc = make_dir(j->dir, &j->made_dir[2], e);
	if (rc == 0 && access(j->dir, W_OK) < 0) {
		rc = -errno;
		err_set(e, "%s: %s", j->dir, strerror(-rc));
	}
	if (rc == 0)
		rc = source_check_mode(j->dir, "folder", e);
	free(above);
	free(user);
	return rc;
}

/* The file of the token that this configuration names; NULL: none in our folder. */
static char *
token_of(const char *conf)
{
	struct source *src;
	const char *named;
	char *path = NULL;

	if (source_open(conf, &src, NULL) < 0)
		return NULL;
	if (config_lookup_string(&src->tree, "token_file", &named) == CONFIG_TRUE &&
		strchr(named, '/') == NULL)
		path = file_beside(conf, named);
	source_free(src);
	return path;
}

int
joining_begin(struct joining *j, const char *name, bool replace, struct err *e)
{
	int rc;

	*j = (struct joining){.dir = NULL};
	if (!name_valid(name) || name[0] == '.')
		return err_set(e, "--name: expected 1 to %d of A-Z a-z 0-9 . _ -, found '%.80s'",
			NAME_MAX_LEN, name);
	rc = make_dirs(j, e);
	if (rc < 0)
		return rc;
	j->conf = xasprintf("%s/%s" SUFFIX, j->dir, name);
	j->token = xasprintf("%s/%s.%08x.token", j->dir, name, (unsigned)rand_below(UINT32_MAX));
	if (access(j->conf, F_OK) < 0)
		return 0;
	if (!replace) {
		err_set(e, "%s is there already: give the new server another name by --name, or "
			   "--force to replace the old one", j->conf);
		return -EEXIST;
	}
	j->had = token_of(j->conf);
	return 0;
}

int
joining_store(struct joining *j, const struct join_line *l, const char *token, struct err *e)
{
	bool v6 = strchr(l->host, ':') != NULL;
	char *text = xasprintf("%s\n", token), *conf;
	int rc = file_create(j->token, 0600, text, strlen(text), e);

	explicit_bzero(text, strlen(text));
	free(text);
	if (rc < 0)
		return rc;
	conf = xasprintf(conf_text, v6 ? "[" : "", l->host, v6 ? "]" : "", l->port,
		strrchr(j->token, '/') + 1, l->pin);
	rc = file_replace(j->conf, 0600, conf, strlen(conf), e);
	free(conf);
	if (rc < 0) {
		unlink(j->token);
		return rc;
	}
	if (j->had != NULL)
		unlink(j->had);
	memset(j->made_dir, 0, sizeof(j->made_dir)); /* they are in use */
	return 0;
}

void
joining_fini(struct joining *j)
{
	for (size_t i = ARRAY_LEN(j->made_dir); j->dir != NULL && i-- > 0;) {
		if (j->made_dir[i])
			rmdir(j->dir);
		*strrchr(j->dir, '/') = '\0';
	}
	free(j->dir);
	free(j->conf);
	free(j->token);
	free(j->had);
}

int
joined_remove(const char *name, struct err *e)
{
	char *conf = joined_find(name), *token, names[400], one[NAME_MAX_LEN + 1];
	int rc = 0;

	if (conf == NULL) {
		size_t n = list_all(names, sizeof(names), one);

		err_set(e, "no server '%.64s' was joined%s%s", name, n > 0 ? "; there are: " : "",
			names);
		return -ENOENT;
	}
	token = token_of(conf);
	if (unlink(conf) < 0) {
		rc = -errno;
		err_set(e, "%s: %s", conf, strerror(-rc));
	} else if (token != NULL) {
		unlink(token);
	}
	free(token);
	free(conf);
	return rc;
}
