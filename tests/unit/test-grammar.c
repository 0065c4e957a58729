/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* ctl/lex and ctl/grammar: what is a configuration file, and that libconfig agrees. */

#include "ctl/grammar.h"

#include <stdlib.h>

#include "ctl/source.h"
#include "tap.h"
#include "util/compiler.h"

static const char *const good[] = {
	"",
	"\n\n",
	"# a comment without an end of line",
	"// another",
	"/* one */ a = 1; /* two\n lines */",
	"a = 1",
	"a = 1 b = 2",
	"a = 1, b = 2;",
	"a : 1;",
	"a = -5; b = +5;",
	"a = 2147483647; b = -2147483648;",
	"a = 2147483648L; b = 9223372036854775807L;",
	"a = 0x7fffffff; b = 0xFFFFFFFFL;",
	"a = 5LL;",
	"a = 1.5; b = .5; c = 1e5; d = -1.5E-3;",
	"a = true; b = FALSE;",
	"a = \"x\";",
	"a = \"x\" \"y\"\n\"z\";",
	"a = \"say \\\"it\\\" \\\\ \\x41\";",
	"a = \"two\nlines\";",
	"a = \"# no comment /* at all */ @include\";",
	"a = { };",
	"a = { b = { c = 1; }; };",
	"a = ( );",
	"a = [ ];",
	"a = [ 1, 2, 3 ];",
	"a = ( 1, \"x\", { b = 1; }, ( 2 ), [ 3 ] );",
	"a-b = 1; a_b = 2; a9 = 3; *x = 4;",
	"true_ = 1;",
	"a = \"Umlaute sind \xc3\xa4 erlaubt\"; # und hier \xc3\xb6",
};

/* Both must say yes: what our grammar lets pass is read by libconfig. */
static void
test_good(void)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct source *src = NULL;
		struct err e = {.msg = ""};

		ok(source_parse("f", good[i], strlen(good[i]), &src, &e) == 0, "good: %s", good[i]);
		if (e.msg[0] != '\0')
			diag("%s", e.msg);
		source_free(src);
	}
}

static void
test_line(void)
{
	static const char text[] = "a = \"one\ntwo\";\n/* three\n*/\n# five\nb = ;";
	struct err e;

	ok(grammar_check("file", text, strlen(text), &e) < 0, "a value is missing");
	is_int(e.line, 6, "lines inside of strings and comments count");
	is_str(e.file, "file", "the error has the file's name");
}

/* Everything is read by its length, so nothing behind it may matter. */
static void
test_bounds(void)
{
	static const char text[] = "a = { b = ( \"x\\\\\", 0x1F, -1.5e3, true ); }; /* end */ // x";
	size_t n = strlen(text);
	bool good_only = true;

	for (size_t i = 0; i <= n; i++) {
		char *cut = malloc(i + 1); /* so that a sanitizer sees one byte too far */
		struct err e;

		memcpy(cut, text, i);
		if (grammar_check("f", cut, i, &e) < 0 && (e.line != 1 || e.msg[0] == '\0'))
			good_only = false;
		free(cut);
	}
	ok(good_only, "every beginning of a text is either good or refused in line 1 with a reason");
}

static void
test_sizes(void)
{
	char *text = xcalloc(1, 400000), *p = text;
	struct err e;

	for (int i = 0; i < GRAMMAR_KEYS_MAX; i++)
		p += sprintf(p, "k%d=1;", i);
	ok(grammar_check("f", text, (size_t)(p - text), &e) == 0, "%d keys are fine",
		GRAMMAR_KEYS_MAX);
	p += sprintf(p, "more=1;");
	ok(grammar_check("f", text, (size_t)(p - text), &e) < 0, "one more is refused: %s", e.msg);

	p = text + sprintf(text, "a=(1");
	for (int i = 1; i < GRAMMAR_ITEMS_MAX; i++)
		p += sprintf(p, ",1");
	ok(grammar_check("f", text, (size_t)(p + sprintf(p, ");") - text), &e) == 0,
		"%d elements are fine", GRAMMAR_ITEMS_MAX);
	ok(grammar_check("f", text, (size_t)(p + sprintf(p, ",1);") - text), &e) < 0,
		"one more is refused: %s", e.msg);

	memset(text, '(', 100000);
	memcpy(text, "a=", 2);
	ok(grammar_check("f", text, 100000, &e) < 0, "100000 open brackets are refused: %s", e.msg);
	free(text);
}

int
main(void)
{
	test_good();
	test_line();
	test_bounds();
	test_sizes();
	return done_testing();
}
