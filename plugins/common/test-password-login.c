/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The message of the method "password": what is one, and what is none. */

#include "password-login.h"

#include <string.h>

#include "tap.h"

static void
test_round_trip(void)
{
	static const uint8_t want[] = "\5alice" "a secret: \xc3\xa9";
	uint8_t msg[PASSWORD_LOGIN_MAX];
	struct password_login l;
	size_t n = password_login_build("alice", "a secret: \xc3\xa9", 12, msg);

	is_int(n, sizeof(want) - 1, "a length, a name, a password");
	is_mem(msg, want, sizeof(want) - 1, "in this order");
	is_int(password_login_parse(msg, n, &l), 0, "it can be read");
	is_str(l.user, "alice", "the user");
	is_int(l.len, 12, "the password's length");
	is_mem(l.password, "a secret: \xc3\xa9", 12, "the password");
}

static void
test_longest(void)
{
	char user[PASSWORD_USER_MAX + 2], password[PASSWORD_MAX + 1];
	uint8_t msg[PASSWORD_LOGIN_MAX], more[PASSWORD_LOGIN_MAX + 1];
	struct password_login l;

	memset(user, 'u', sizeof(user));
	user[PASSWORD_USER_MAX] = '\0';
	memset(password, 'p', sizeof(password));
	is_int(password_login_build(user, password, PASSWORD_MAX, msg), sizeof(msg),
		"the longest name and password");
	is_int(password_login_parse(msg, sizeof(msg), &l), 0, "can be read");
	is_str(l.user, user, "with the whole name");
	is_int(l.len, PASSWORD_MAX, "and the whole password");
	memcpy(more, msg, sizeof(msg));
	more[sizeof(msg)] = 'p';
	is_int(password_login_parse(more, sizeof(more), &l), -1, "a letter more cannot");
	is_int(password_login_build(user, password, PASSWORD_MAX + 1, msg), 0, "or be built");
	user[PASSWORD_USER_MAX] = 'u';
	user[PASSWORD_USER_MAX + 1] = '\0';
	is_int(password_login_build(user, "p", 1, msg), 0, "nor a longer name");
}

static void
test_refused(void)
{
	static const struct {
		const char *data;
		size_t n;
		const char *what;
	} row[] = {
		{"", 0, "nothing"},
		{"\0", 1, "no name"},
		{"\0secret", 7, "no name, but a password"},
		{"\5alice", 6, "no password"},
		{"\6alice", 6, "a name that is longer than the message"},
		{"\377alice", 6, "the longest that a byte can say"},
		{"\101uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuup", 67,
			"a name of 65"},
		{"\5al:cepassword", 14, "a colon in the name"},
		{"\5al\0cepassword", 14, "a NUL in the name"},
		{"\5al cepassword", 14, "a blank in the name"},
		{"\5al\ncepassword", 14, "a line feed in the name"},
		{"\6al\303\251cpassword", 15, "other letters in the name"},
		{"\5alicepass\0word", 15, "a NUL in the password"},
		{"\5alice\0", 7, "a NUL for a password"},
	};
	struct password_login l = {.user = "kept"};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		is_int(password_login_parse(row[i].data, row[i].n, &l), -1, row[i].what);
	is_str(l.user, "kept", "what is refused gives nothing");
	ok(password_user_valid("A-z_0.9@b+c", 11), "all that a name may have");
}

int
main(void)
{
	test_round_trip();
	test_longest();
	test_refused();
	return done_testing();
}
