/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The command line has no secret and no address in it: all that curl needs goes to its standard
 * input, in its configuration's syntax. It gets no variables of proxies and reads nobody's .curlrc;
 * it verifies the server always, and speaks one protocol only. */

#include "curl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/child.h"
#include "url.h"

#define CONFIG_MAX (URL_MAX + 2 * PATH_MAX + 1024)
#define STATUS_MAX (URL_MAX + 64) /* the line behind the body */

/* The last line is not the server's: status, and where a redirect would lead. Of a folder of
 * authorities there is none in place of the system's, which counts even with cacert. */
static const char common[] = "silent\n"
			     "show-error\n"
			     "fail\n"
			     "globoff\n"
			     "http1.1\n"
			     "tlsv1.2\n"
			     "noproxy = \"*\"\n"
			     "user-agent = \"adit\"\n"
			     "header = \"Accept: application/jwk-set+json, application/json\"\n"
			     "write-out = \"\\n%{http_code} %{redirect_url}\"\n";

__attribute__((format(printf, 3, 4))) static int
no(char *why, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, cap, fmt, ap);
	va_end(ap);
	return -1;
}

int
curl_find(char path_r[PATH_MAX], char *why, size_t cap)
{
	char found[256];

	if (child_find("curl", path_r, found, sizeof(found)) == 0)
		return 0;
	return no(why, cap, "needs the program curl (on Debian: apt-get install curl): %s", found);
}

/* ---- What curl is told ----------------------------------------------------------------------- */

struct config {
	char text[CONFIG_MAX];
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void
put(struct config *f, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(f->text + f->n, sizeof(f->text) - f->n, fmt, ap);
	va_end(ap);
	f->n += (size_t)n;
}

/* A file's name within quotation marks. */
static int
put_path(struct config *f, const char *key, const char *path)
{
	put(f, "%s = \"", key);
	for (; *path != '\0'; path++) {
		if (*path == '\n' || *path == '\r')
			return -1;
		put(f, *path == '"' || *path == '\\' ? "\\%c" : "%c", *path);
	}
	put(f, "\"\n");
	return 0;
}

static int
configure(const struct curl *c, const char *url, struct config *f_r)
{
	f_r->n = 0;
	put(f_r, "%s", common);
	put(f_r, "proto = \"=%s\"\n", url_is_http(url) ? "http" : "https");
	put(f_r, "max-time = %lld.%03lld\n", (long long)c->timeout_ms / 1000,
		(long long)c->timeout_ms % 1000);
	put(f_r, "max-filesize = %zu\n", c->max);
	if (c->ca_file != NULL) {
		if (strlen(c->ca_file) >= PATH_MAX || put_path(f_r, "cacert", c->ca_file) < 0)
			return -1;
		put(f_r, "capath = \"/nonexistent\"\n");
	}
	put(f_r, "url = \"%s\"\n", url);
	return 0;
}

/* ---- What curl has said ---------------------------------------------------------------------- */

/* Printable, so that it can stand in a log. */
static void
tidy(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

/* Cuts the last line off and looks at it. */
static int
judge(const struct curl *c, char *text, size_t *len, char *why, size_t cap)
{
	char *line = strrchr(text, '\n');
	int status;

	if (strlen(text) != *len)
		return no(why, cap, "the answer has a zero byte in it");
	if (line == NULL || sscanf(line, "%d", &status) != 1)
		return no(why, cap, "curl did not say how it went");
	*line++ = '\0';
	*len = strlen(text);
	if (status / 100 == 3) {
		tidy(line);
		line += strcspn(line, " ");
		return no(why, cap, "the answer is a redirect (HTTP %d)%s%.200s, which is not "
			"followed", status, line[0] != '\0' && line[1] != '\0' ? " to" : "",
			line[0] != '\0' && line[1] != '\0' ? line : "");
	}
	if (status != 200)
		return no(why, cap, "the answer is HTTP %d in place of 200", status);
	if (*len > c->max)
		return no(why, cap, "the answer is longer than %zu bytes", c->max);
	return 0;
}

int
curl_get(const struct curl *c, const char *url, char **text_r, size_t *len_r, char *why, size_t cap)
{
	static const char *const argv[] = {"curl", "-q", "--config", "-", NULL};
	struct config f;
	struct child_run run = {.path = c->path, .argv = argv, .input = f.text,
		.max = c->max + STATUS_MAX, .timeout_ms = (int)c->timeout_ms + 1000,
		.stop_fd = c->stop_fd};
	char *text;
	size_t len;

	if (configure(c, url, &f) < 0)
		return no(why, cap, "ca_file has a name that curl cannot be given");
	run.n_input = f.n;
	if (child_run(&run, &text, &len, why, cap) < 0)
		return -1;
	if (judge(c, text, &len, why, cap) < 0) {
		free(text);
		return -1;
	}
	*text_r = text;
	*len_r = len;
	return 0;
}
