/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The agent's proxy. Main thread; blocks. A password is never part of a message. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/proxy_config.h"
#include "util/compiler.h"
#include "util/file.h"
#include "util/log.h"

#define PASSWORD_FILE_MAX 1024

void
proxy_config_free(struct proxy *p)
{
	if (p == NULL)
		return;
	proxy_fini(p);
	free(p);
}

/* An error in what one of the places says. */
static int
fail(struct err *e, const struct proxy_said *said, const struct place *at, const char *key,
	const char *option, const char *text)
{
	if (said->file == NULL)
		return err_set(e, "%s: %s", option, text);
	return err_at(e, at->file, at->line, "key '%s': %s", key, text);
}

/* ---- User and password ----------------------------------------------------------------------- */

static int
fail_login(struct err *e, const struct proxy_said *said, bool in_file, const char *text)
{
	if (in_file)
		return fail(e, said, &said->password_place, "proxy_password_file",
			"--proxy-password-file", text);
	return fail(e, said, &said->user_place, "proxy_user", "--proxy-user", text);
}

/* The first line of a file that nobody else may read. */
static int
read_password(const struct proxy_said *said, char **text_r, size_t *len_r, struct err *e)
{
	char *path = said->file != NULL ? file_beside(said->file, said->password_file)
					: xstrdup(said->password_file);
	struct err why;
	int rc = file_read_secret(path, PASSWORD_FILE_MAX, text_r, len_r, &why);

	free(path);
	if (rc < 0)
		return fail_login(e, said, true, why.msg);
	if (strlen(*text_r) != *len_r) {
		file_free(*text_r, *len_r);
		return fail_login(e, said, true, "the file is no text");
	}
	(*text_r)[strcspn(*text_r, "\r\n")] = '\0';
	return 0;
}

static int
take_login(struct proxy *p, const struct proxy_said *said, struct err *e)
{
	const char *user = said->user != NULL ? said->user : p->user, *problem;
	char *name, *password;
	size_t len;

	if (said->user == NULL && said->password_file == NULL)
		return 0;
	if (user == NULL)
		return fail_login(e, said, true, "there is no user; write proxy_user, too");
	if (said->password_file == NULL)
		return fail_login(e, said, false,
			"there is no password; write it to a file (mode 0600) and name that file "
			"as proxy_password_file");
	if (read_password(said, &password, &len, e) < 0)
		return -EINVAL;
	name = xstrdup(user); /* proxy_login() frees p->user */
	problem = proxy_login(p, name, password);
	free(name);
	file_free(password, len);
	return problem == NULL ? 0 : fail_login(e, said, said->user == NULL, problem);
}

/* ---- The URL --------------------------------------------------------------------------------- */

/* A password in a URL is as open as what the URL stands in. */
static int
check_exposed(const struct proxy *p, const struct proxy_said *said, struct err *e)
{
	struct stat st;

	if (p->password == NULL || p->password[0] == '\0')
		return 0;
	if (said->file == NULL) {
		log_warn("--proxy: every user of this host can read the password in the list of "
			 "processes; give --proxy-user and --proxy-password-file");
		return 0;
	}
	if (stat(said->file, &st) == 0 && !(st.st_mode & 077))
		return 0;
	return fail(e, said, &said->url_place, "proxy", "--proxy",
		"others may read this file and the password in it; make its mode 0600, or use "
		"proxy_user and proxy_password_file");
}

static int
take_url(struct proxy *p, const struct proxy_said *said, struct err *e)
{
	struct err why;

	if (proxy_parse(said->url, p, &why) < 0)
		return fail(e, said, &said->url_place, "proxy", "--proxy", why.msg);
	return check_exposed(p, said, e);
}

/* *found_r: the environment names one. */
static int
take_environment(struct proxy *p, const char *host, uint16_t port, bool *found_r, struct err *e)
{
	const char *variable, *url = proxy_environment(host, port, &variable);
	struct err why;

	if (url == NULL)
		return 0;
	if (proxy_parse(url, p, &why) < 0)
		return err_set(e,
			"%s in the environment: %s (proxy = \"none\" in the configuration file or "
			"--proxy none go without)",
			variable, why.msg);
	log_info("links go through the proxy at %s, because %s in the environment says so",
		p->name, variable);
	*found_r = true;
	return 0;
}

int
proxy_config(const struct proxy_said *line, const struct proxy_said *file, const char *host,
	uint16_t port, struct proxy **proxy_r, struct err *e)
{
	bool named = line->url != NULL;
	bool known = named || line->user != NULL || line->password_file != NULL;
	const struct proxy_said *by = named ? line : file, *login = known ? line : file;
	struct proxy p = {.host = NULL};
	bool found = false;
	int rc = 0;

	if (by->url == NULL || strcmp(by->url, "env") == 0) {
		rc = take_environment(&p, host, port, &found, e);
	} else if (strcmp(by->url, "none") != 0) {
		rc = take_url(&p, by, e);
		found = true;
	}
	if (rc == 0 && found)
		rc = take_login(&p, login, e);
	if (rc < 0) {
		proxy_fini(&p);
		return rc;
	}
	*proxy_r = NULL;
	if (found) {
		*proxy_r = xcalloc(1, sizeof(p));
		**proxy_r = p;
	}
	return 0;
}
