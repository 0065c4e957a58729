/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* adit/plugin.h - what every Adit plugin needs: the descriptor it exports, its options, logging.
 *
 * A plugin is one shared object with one exported symbol, `adit_plugin`, a constant descriptor. It
 * calls the adit_* functions below, which it finds in libadit.so (link with what
 * `pkg-config --libs adit-plugin` says). See adit-plugin(3) for a complete one in twenty lines.
 *
 * The promise: this header and adit/auth.h are stable. A plugin built against 1.x loads in every
 * later 1.y. Structures grow at their end only and carry their size; retired members keep their
 * place; numbers are never reused. The other kinds' headers (transport.h, route.h) are versioned by
 * ADIT_PLUGIN_ABI too, but may still change until they are declared stable here.
 *
 * History, newest first (one dated line for each addition):
 *   2026-11-21  auth.h: keys that are made at the agent
 *   2026-11-21  questions at the terminal: adit_conf_prompt(), adit_prompt()
 *   2026-11-21  files that are read outside create(): adit_file_read()
 *   2026-11-21  auth.h: methods, causes, attempts at a name
 *   2026-11-21  options that are lists of files: ADIT_OPT_PATHS
 *   2026-11-21  auth.h: adit_auth_fact()
 *   2026-11-21  transport.h: layers stand on one another, move between workers and are told
 *               apart by their first bytes; facts about a link
 *   2026-11-21  route.h: a route says by its protocol whether it is for TCP or UDP
 *   2026-11-21  first version, ABI 1 */

#ifndef ADIT_PLUGIN_H
#define ADIT_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes only when plugins built before cannot be loaded any more. */
#define ADIT_PLUGIN_ABI 1

#if defined(__GNUC__)
#define ADIT_EXPORT __attribute__((visibility("default")))
#define ADIT_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define ADIT_EXPORT
#define ADIT_PRINTF(f, a)
#endif

/* What a plugin is. Its file is called <kind>-<name>.so and its descriptor's name is the same
 * without ".so": "auth-token". */
enum adit_kind {
	ADIT_KIND_TRANSPORT = 1, /* how a link travels: adit/transport.h */
	ADIT_KIND_AUTH = 2,      /* who may log in: adit/auth.h */
	ADIT_KIND_ROUTE = 3,     /* how a public address leads to a tunnel: adit/route.h */
};

/* Where the plugin's calls are made. Zero is the safe choice. */
enum adit_run {
	ADIT_RUN_SERIAL = 0,   /* a helper thread of its own: never two calls at once, may block */
	ADIT_RUN_PARALLEL = 1, /* a pool of helper threads: own locking, may block */
	ADIT_RUN_LOOP = 2,     /* the session's worker thread: one call per worker at a time, must
	                        * not block (a call over 20 ms is logged with the plugin's name) */
};

/* Which program has loaded the plugin: bits, because an option may belong to both. */
enum adit_side {
	ADIT_SIDE_SERVER = 1,
	ADIT_SIDE_AGENT = 2,
};

enum adit_option_type {
	ADIT_OPT_STRING = 1,
	ADIT_OPT_INT = 2,      /* min and max apply */
	ADIT_OPT_BOOL = 3,     /* default "true" or "false" */
	ADIT_OPT_SIZE = 4,     /* "64KiB" in the file, bytes for the plugin; min and max in bytes */
	ADIT_OPT_DURATION = 5, /* "30s" in the file, milliseconds for the plugin; min and max too */
	ADIT_OPT_PATH = 6,     /* a file; relative to the folder of the configuration file */
	ADIT_OPT_LIST = 7,     /* strings; a single string counts as a list of one */
	ADIT_OPT_PATHS = 8,    /* a list of files, each as PATH */
};

/* One option that the plugin understands. The core checks names, types and ranges before create()
 * is called, and writes help and samples from this table. */
struct adit_option {
	const char *name;    /* lower case letters, digits and _ */
	uint32_t type;       /* enum adit_option_type */
	uint32_t sides;      /* enum adit_side bits; 0: both */
	const char *dflt;    /* as it would stand in the file; NULL: no default */
	int64_t min, max;    /* both 0: no range */
	uint32_t required;   /* 1: refused when it is missing */
	uint32_t reserved;   /* 0 */
	const char *help;    /* one sentence */
};

struct adit_conf;

/* The descriptor. Fill it with designated initialisers behind ADIT_PLUGIN_INIT; what is left out
 * is zero. Call order:
 *
 *   create (main thread) -> [worker_init (each worker, ADIT_RUN_LOOP only)] -> operations ...
 *     -> [worker_fini] -> destroy (main thread)
 *
 * Configuration reload creates a second instance beside the first and destroys the first when
 * nothing uses it any more. A plugin is never unloaded. */
struct adit_plugin {
	uint32_t abi;  /* ADIT_PLUGIN_ABI; set by ADIT_PLUGIN_INIT, as are the next two */
	uint32_t size; /* sizeof(struct adit_plugin) */
	uint32_t option_size; /* sizeof(struct adit_option) */
	uint32_t kind;        /* enum adit_kind */
	uint32_t run;         /* enum adit_run */
	uint32_t sides;       /* enum adit_side bits: where it can be used; 0: both */
	const char *name;     /* "auth-token", the file's name without ".so" */
	const char *version;  /* of the plugin, for people */
	const char *summary;  /* one line, for people */
	const struct adit_option *options; /* ended by an entry whose name is NULL; may be NULL */
	const void *ops; /* of the kind: struct adit_auth_ops, adit_transport_ops, adit_route_ops */

	/* Makes an instance from checked options. conf is valid during the call only. *inst_r is
	 * handed to every later call; it must not change after create() has returned unless the
	 * plugin locks it itself (it never needs to under ADIT_RUN_SERIAL).
	 * Returns 0, or -1 after adit_conf_error() has said why. May block. May be NULL. */
	int (*create)(const struct adit_conf *conf, void **inst_r);
	/* Frees an instance; no other call of it is under way or will come. May be NULL. */
	void (*destroy)(void *inst);

	/* The instance's share of one worker, made and freed on that worker's thread; only for
	 * ADIT_RUN_LOOP. *worker_r is handed to operations on that worker. 0 or -1. May be NULL. */
	int (*worker_init)(const void *inst, void **worker_r);
	void (*worker_fini)(const void *inst, void *worker);
	/* New members are added here and nowhere else. */
};

#define ADIT_PLUGIN_INIT                                                                           \
	.abi = ADIT_PLUGIN_ABI, .size = (uint32_t)sizeof(struct adit_plugin),                      \
	.option_size = (uint32_t)sizeof(struct adit_option)

/* The one symbol that a plugin exports:
 *   ADIT_EXPORT const struct adit_plugin adit_plugin = { ADIT_PLUGIN_INIT, … }; */
extern ADIT_EXPORT const struct adit_plugin adit_plugin;

/* ---- Options, inside create() ---------------------------------------------------------------
 * name must be one of the plugin's own options (anything else aborts with a message: it is a
 * mistake in the plugin). Strings stay valid during create() only. */

/* STRING, PATH (made absolute): the value, its default, or NULL when there is neither. */
ADIT_EXPORT const char *adit_conf_string(const struct adit_conf *conf, const char *name);
/* INT, SIZE (bytes), DURATION (milliseconds): the value or its default, else 0. */
ADIT_EXPORT int64_t adit_conf_int(const struct adit_conf *conf, const char *name);
ADIT_EXPORT bool adit_conf_bool(const struct adit_conf *conf, const char *name);
/* LIST, PATHS (made absolute): element i, or NULL behind the last. */
ADIT_EXPORT const char *adit_conf_list(const struct adit_conf *conf, const char *name, size_t i);
/* True when the option stands in the file (and not only its default applies). */
ADIT_EXPORT bool adit_conf_given(const struct adit_conf *conf, const char *name);
/* Which program this is. */
ADIT_EXPORT enum adit_side adit_conf_side(const struct adit_conf *conf);
/* Reports what is wrong with an option (name may be NULL); file and line are added. Always
 * returns -1, for `return adit_conf_error(conf, "file", "…")`. */
ADIT_EXPORT int adit_conf_error(const struct adit_conf *conf, const char *name,
	const char *fmt, ...) ADIT_PRINTF(3, 4);

/* Reads a file that holds secrets: it must belong to root or to this process's user and nobody
 * else may read or write it. At most max bytes. *text_r is terminated; free it with
 * adit_secret_free(), which wipes it. Returns 0, or -1 after reporting as adit_conf_error() does.
 * Blocks. */
ADIT_EXPORT int adit_conf_secret_file(const struct adit_conf *conf, const char *name,
	const char *path, size_t max, char **text_r, size_t *len_r);
ADIT_EXPORT void adit_secret_free(char *text, size_t len);

/* Agent: asks the person at the terminal for a secret of 1 to max bytes, without showing it. Once
 * in a program's life, before it has a link. name: the option, of a file with the secret, that is
 * the way out where there is no terminal; the error then says that it is missing. With --check
 * nobody is asked, and the answer is "?". *text_r and the result are as of
 * adit_conf_secret_file(). */
ADIT_EXPORT int adit_conf_prompt(const struct adit_conf *conf, const char *name,
	const char *question, size_t max, char **text_r, size_t *len_r);

/* The same for a tool that comes with a plugin and has no other threads; -1: why (cap bytes) says
 * what is wrong. */
ADIT_EXPORT int adit_prompt(const char *question, size_t max, char **text_r, size_t *len_r,
	char *why, size_t cap);

/* Who else may do what with a file. */
enum adit_file_rule {
	ADIT_FILE_SECRET = 0,  /* it belongs to root or this process's user; nobody else reads it */
	ADIT_FILE_TRUSTED = 1, /* it belongs to one of these; nobody else writes it */
};

/* Reads a file that must keep to rule (another number counts as ADIT_FILE_SECRET), at most max
 * bytes, as adit_conf_secret_file() does, but at any time and on any thread; blocks. Returns 0, or
 * -1 with why (cap bytes) saying what is wrong, path included; then *text_r is untouched. */
ADIT_EXPORT int adit_file_read(const char *path, uint32_t rule, size_t max, char **text_r,
	size_t *len_r, char *why, size_t cap);

/* ---- Anywhere, any thread ------------------------------------------------------------------- */

enum adit_log_level {
	ADIT_LOG_ERROR = 0,
	ADIT_LOG_WARN = 1,
	ADIT_LOG_INFO = 2,
	ADIT_LOG_DEBUG = 3,
};

/* One line, no newline; never blocks. The plugin's name is put before it. Never log secrets. */
ADIT_EXPORT void adit_log(const struct adit_plugin *plugin, enum adit_log_level level,
	const char *fmt, ...) ADIT_PRINTF(3, 4);

/* Unpredictable bytes. */
ADIT_EXPORT void adit_random(void *p, size_t n);

#ifdef __cplusplus
}
#endif

#endif
