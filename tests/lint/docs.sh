#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# What the documents say about commands, options and files is so: every command and option that is
# shown exists in --help, the manual pages have all options of their programs and no others, and
# files that are named are there.
. "$top_srcdir/tests/lint/functions.sh"
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
cd "$top_srcdir" || exit 99

texts="README.md HACKING.md SECURITY.md quickstart.sh doc/threads.md"
for f in doc/decisions/*.md conf.d/*.conf conf.d/*.sample contrib/systemd/*.in; do
	[ -e "$f" ] && texts="$texts $f"
done

# One option on each line, as "-c" and "--config". $1: the text of --help or of a manual page.
options() {
	grep -oE '(^|[^A-Za-z0-9-])--?[A-Za-z][A-Za-z-]*' "$1" | sed 's/^[^-]*//' | LC_ALL=C sort -u
}

# Options of a page are what Fl marks.
page_options() {
	grep '^[.]' "$1" | grep -oE '\<Fl -?[A-Za-z][A-Za-z-]*' | sed 's/^Fl /-/' | LC_ALL=C sort -u
}

for p in adit aditd aditctl adit-auth-test; do
	"$top_builddir/run" $p --help >"$tmp/$p.help" 2>&1
	options "$tmp/$p.help" >"$tmp/$p.options"
	lines=$(wc -l <"$tmp/$p.options")
	check "$p --help has options" "$([ "$lines" -gt 10 ] || cat "$tmp/$p.help")"
done

# What is shown of a program's use: "program words", up to where the code or the line ends.
shown() {
	# shellcheck disable=SC2086
	sed 's/`/\n`/g' $texts man/*.[1-9] plugins/*/*.[1-9] | sed 's/\\ -/ -/g; s/\\-/-/g' |
		grep -oE "(^|[^A-Za-z0-9./_@-]|s?bindir@/)$1 (init|issue|tcp|run|join|status|agents|invite|kick|reload|--[a-z]|-c )[^#|'\`]*" |
		sed "s/^.*$1 //"
}

for p in adit aditd aditctl; do
	shown $p >"$tmp/$p.shown"
	lines=$(wc -l <"$tmp/$p.shown")
	check "commands of $p are shown" "$([ "$lines" -gt 5 ] || cat "$tmp/$p.shown")"
	options "$tmp/$p.shown" | LC_ALL=C comm -23 - "$tmp/$p.options" >"$tmp/unknown"
	check "every option that is shown with $p is one of its own" "$(cat "$tmp/unknown")"
done

# In README the programs stand first on a line of code or in a span of code: then a command follows.
commands() {
	sed -n 's/^    \(.*\)/`\1/p; s/`/\n`/gp' README.md |
		grep -oE "^\`(\\./run )?$1 [a-z][a-z]*" | sed 's/.* //' | sort -u
}
commands adit | grep -vxE 'tcp|udp|run|join|leave|keygen' >"$tmp/adit.unknown"
commands aditd | grep -vxE 'init|issue' >"$tmp/aditd.unknown"
check "README has commands" "$([ -n "$(commands adit)$(commands aditd)" ] || echo none)"
check "README's commands exist" "$(cat "$tmp/adit.unknown" "$tmp/aditd.unknown")"

for page in man/adit.1 man/aditd.8 man/aditctl.8 man/adit-auth-test.1; do
	p=$(basename "${page%.[18]}")
	page_options $page >"$tmp/page"
	check "$page has all options" "$(LC_ALL=C comm -13 "$tmp/page" "$tmp/$p.options")"
	check "$page has no other options" "$(LC_ALL=C comm -23 "$tmp/page" "$tmp/$p.options")"
done

# Spans of code that can only be files of this tree. A test's program stands for its source.
named() {
	sed 's/`/\n`/g' "$@" | grep -oE '^`[A-Za-z0-9_.@/-]+' | tr -d '`' | sed 's,^\./,,' |
		grep -E '^(bench|contrib|conf\.d|core|doc|include|m4|man|plugins|tests)/|^(util|wire|io|tunnel|plug|ctl)/.|^[A-Z]+(\.md)?$|\.(sh|md)$' |
		grep -vE '\.log$|^(FIN|RST|RESET|OPEN|CREDIT|BLOCKED|ADIT_EXPORT|MIT)$' | sort -u
}
files="README.md HACKING.md SECURITY.md doc/threads.md doc/decisions/*.md"
# shellcheck disable=SC2086
named $files >"$tmp/named"
lines=$(wc -l <"$tmp/named")
check "the documents name files" "$([ "$lines" -gt 20 ] || cat "$tmp/named")"
while read -r f; do
	[ -e "$f" ] || [ -e "$f.c" ] || [ -e "core/$f" ] || echo "$f"
done <"$tmp/named" >"$tmp/missing"
check "the files that they name are there" "$(cat "$tmp/missing")"

# adit-plugin(3) shows the files of the example between comments with their names. They are
# compared as mandoc's input, without what begins each file: its licence and what it is for.
example_shown() {
	sed -n "\\,^\.\\\\\" plugins/example/$1\$,,/^\.\\\\\" end\$/p" man/adit-plugin.3 |
		grep -v '^\.' | sed 's/^\\&//; s/\\-/-/g; s/\\(aq/'"'"'/g; s/\\(ha/^/g; s/\\e/\\/g'
}
for f in configure.ac Makefile.am; do
	f=auth-word/$f
	awk 'begun || /^(AC_INIT|ACLOCAL)/ { begun = 1; print }' plugins/example/$f >"$tmp/is"
	lines=$(wc -l <"$tmp/is")
	check "plugins/example/$f can be compared" "$([ "$lines" -gt 5 ] || cat "$tmp/is")"
	example_shown $f >"$tmp/shown"
	check "adit-plugin(3) shows plugins/example/$f" "$(diff "$tmp/is" "$tmp/shown")"
done

# Whatever stands in the headers for plugins of logins is in one of the two pages.
cat man/adit-plugin.3 man/adit-auth.3 >"$tmp/pages"
grep -ohE '\<(adit_[a-z_]+\(|ADIT_[A-Z_]+\>)' include/adit/plugin.h include/adit/auth.h |
	tr -d '(' | grep -vE '^ADIT_(.*_H|PRINTF|KIND_(TRANSPORT|ROUTE))$' | sort -u >"$tmp/names"
lines=$(wc -l <"$tmp/names")
check "the headers have names" "$([ "$lines" -gt 50 ] || cat "$tmp/names")"
while read -r name; do
	grep -qw -- "$name" "$tmp/pages" || echo "$name"
done <"$tmp/names" >"$tmp/missing"
check "the manual has every name of plugin.h and auth.h" "$(cat "$tmp/missing")"
finish
