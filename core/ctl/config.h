/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* From files and command lines to the checked, constant structures of tunnel/conf.h. Nothing of
 * what is in force changes: a wrong file only gives an error, with file, line, key and what was
 * expected. Main thread; reads files and loads plugins, so it blocks. */

#ifndef ADIT_CTL_CONFIG_H
#define ADIT_CTL_CONFIG_H

#include "ctl/join_line.h"
#include "tunnel/conf.h"
#include "util/err.h"
#include "util/log.h"

#define CONFIG_DEFAULT_PORT 7835 /* where agents connect */
#define CONFIG_LOG_REQUESTS 100  /* lines in a second */

/* How the file wants to log. */
struct config_log {
	enum log_level level;
	enum log_format format;
};

/* ---- Server ---------------------------------------------------------------------------------- */

/* Reads file and its conf.d. plugin_dir: the command line's, or NULL. The result has one reference;
 * the last server_conf_unref() frees it with its plugins' instances. log_r may be NULL.
 * 0, or a negative errno with e set. */
int server_config_load(const char *file, const char *plugin_dir, struct server_conf **conf_r,
	struct config_log *log_r, struct err *e);

/* Only the text of one file, without plugins and without touching a file: syntax, keys, types,
 * ranges. For fuzzing. 0 or -EINVAL with e set. */
int server_config_check_text(const char *text, size_t len, struct err *e);

/* ---- Agent ----------------------------------------------------------------------------------- */

/* The command line of the agent; NULL, false and -1: not given. Borrowed. */
struct agent_request {
	const char *file; /* NULL: the default places, or no file at all */
	const char *server, *token_file, *agent, *plugin_dir;
	const char *auth, *user; /* how to log in: as auth_said.h has it; by password, as whom */
	const char *key;         /* or by the key of this file */
	const char *proxy, *proxy_user, *proxy_password_file;
	const char *target; /* one tunnel in place of the file's: "22", "host:port" */
	bool udp;           /* what it carries; else TCP */
	const char *port, *tunnel; /* its public port, and its name */
	int64_t max_attempts, log_requests;
	int64_t sessions; /* 0: not given */
	bool no_reconnect, allow_plain;
	const struct join_line *join; /* only to exchange an invite: no file, no tunnels */
};

/* Takes what the command line says, then the file, then the defaults. 0, or a negative errno with e
 * set. conf must be freed with agent_config_free(). log_r may be NULL. */
int agent_config_load(const struct agent_request *req, struct agent_conf **conf_r,
	struct config_log *log_r, struct err *e);
void agent_config_free(struct agent_conf *conf); /* NULL is harmless */

/* As server_config_check_text(). */
int agent_config_check_text(const char *text, size_t len, struct err *e);

#endif
