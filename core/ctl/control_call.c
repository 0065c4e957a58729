/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Requests and answers as text. Main thread; pure, but for memory. */

#include <config.h>

#include "ctl/control_call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
static const char unreserved[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:,=@+";

/* ---- Requests -------------------------------------------------------------------------------- */

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place. False: a "%" without its digits, or a zero byte. */
static bool
decode(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++) {
		int hi, lo;

		if (*s != '%') {
			*to++ = *s;
			continue;
		}
		hi = hex_value(s[1]);
		lo = hi >= 0 ? hex_value(s[2]) : -1;
		if (lo < 0 || (hi | lo) == 0)
			return false;
		*to++ = (char)(hi << 4 | lo);
		s += 2;
	}
	*to = '\0';
	return true;
}

static const char *
take_word(struct control_call *call, char *word)
{
	char *eq = strchr(word, '=');

	if (eq == NULL || eq == word || strspn(word, letters) != (size_t)(eq - word))
		return "behind the name only KEY=VALUE can follow";
	if (call->n_args == CONTROL_ARGS_MAX)
		return "too many words";
	*eq = '\0';
	if (!decode(eq + 1))
		return "a value has a '%' without two hexadecimal digits behind it";
	call->arg[call->n_args++] = (struct control_arg){word, eq + 1};
	return NULL;
}

static const char *
take_line(struct control_call *call, size_t n)
{
	char *rest = call->line, *word;
	const char *wrong = NULL;

	if (strlen(rest) != n)
		return "there is a zero byte in it";
	rest[strcspn(rest, "\r")] = '\0';
	call->name = strtok_r(rest, " ", &rest);
	if (call->name == NULL || strspn(call->name, letters) != strlen(call->name))
		return "it begins with a name of small letters";
	while (wrong == NULL && (word = strtok_r(NULL, " ", &rest)) != NULL)
		wrong = take_word(call, word);
	return wrong;
}

static void
say(struct control_call *call, const char *text)
{
	json_open(&call->out, '{');
	json_put_bool(&call->out, "ok", false);
	json_put_text(&call->out, "error", text);
	json_close(&call->out, '}');
}

struct control_call *
control_call_bad(const char *why)
{
	struct control_call *call = xcalloc(1, sizeof(*call));
	char text[128];

	snprintf(text, sizeof(text), "this is no request: %s", why);
	call->bad = true;
	call->name = "";
	say(call, text);
	return call;
}

struct control_call *
control_call_new(const char *line, size_t n)
{
	struct control_call *call = xcalloc(1, sizeof(*call));
	const char *wrong;

	call->line = xcalloc(1, n + 1);
	memcpy(call->line, line, n);
	wrong = take_line(call, n);
	if (wrong == NULL)
		return call;
	control_call_free(call);
	return control_call_bad(wrong);
}

void
control_call_free(struct control_call *call)
{
	if (call == NULL)
		return;
	free(call->line);
	if (call->out.p != NULL)
		explicit_bzero(call->out.p, call->out.n); /* a join line, maybe */
	json_fini(&call->out);
	free(call);
}

const char *
control_get_nth(const struct control_call *call, const char *key, size_t i)
{
	for (size_t k = 0; k < call->n_args; k++)
		if (strcmp(call->arg[k].key, key) == 0 && i-- == 0)
			return call->arg[k].value;
	return NULL;
}

const char *
control_get(const struct control_call *call, const char *key)
{
	return control_get_nth(call, key, 0);
}

const char *
control_unknown(const struct control_call *call, const char *const *keys)
{
	for (size_t i = 0; i < call->n_args; i++) {
		size_t k = 0;

		while (keys[k] != NULL && strcmp(keys[k], call->arg[i].key) != 0)
			k++;
		if (keys[k] == NULL)
			return call->arg[i].key;
	}
	return NULL;
}

char *
control_word(const char *key, const char *value)
{
	size_t n = strlen(key);
	char *word = xmalloc(n + 3 * strlen(value) + 2);

	memcpy(word, key, n);
	word[n++] = '=';
	for (; *value != '\0'; value++) {
		if (strchr(unreserved, *value) != NULL)
			word[n++] = *value;
		else
			n += (size_t)sprintf(word + n, "%%%02X", (unsigned char)*value);
	}
	word[n] = '\0';
	return word;
}

/* ---- Answers --------------------------------------------------------------------------------- */

struct json *
control_begin(struct control_call *call)
{
	json_open(&call->out, '{');
	json_put_bool(&call->out, "ok", true);
	return &call->out;
}

void
control_answer(struct control_call *call)
{
	json_close(&call->out, '}');
	call->done(call->owner, call);
}

void
control_fail(struct control_call *call, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(call, text);
	call->done(call->owner, call);
}
