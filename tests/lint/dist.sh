#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# Whatever lies in the tree's folders goes into the release, what is built there does not go into git,
# and the makefile is one graph.
. "$top_srcdir/tests/lint/functions.sh"
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
unset MAKEFLAGS MAKELEVEL MFLAGS

make -s -C "$top_builddir" print-dist | LC_ALL=C sort -u >"$tmp/listed"
check "make knows what it would pack" "$([ -s "$tmp/listed" ] || echo nothing)"

# A folder that is packed whole stands there by its own name.
cd "$top_srcdir" || exit 99
find core plugins include conf.d tests man doc m4 bench contrib .ci [A-Z]*.md *.sh \
	\( -name .deps -o -name .libs -o -name __pycache__ -o -name .pytest_cache -o \
	-path plugins/built -o -path bench/out \) -prune -o -type f \
	! -name '*.o' ! -name '*.l[ao]' ! -name '*.log' ! -name '*.trs' ! -name '.*' \
	! -name '*~' ! -name 'stamp-h*' -print 2>/dev/null |
	while read -r f; do
		case $f in
		m4/l*) continue ;;
		esac
		[ ! -e "$f.in" ] || continue
		d=$f
		while [ "$d" != . ]; do
			grep -qxF -e "$d" "$tmp/listed" && continue 2
			d=$(dirname "$d")
		done
		# Programs that are built in place are not sources.
		[ -x "$f" ] && [ -e "$f.c" ] || echo "$f"
	done >"$tmp/left"
check "nothing is left out" "$(cat "$tmp/left")"

if [ -e .git ] && git rev-parse --git-dir >"$tmp/git" 2>&1; then
	make -s -C "$top_builddir" print-programs | LC_ALL=C sort -u >"$tmp/programs"
	git check-ignore --no-index --stdin <"$tmp/programs" | LC_ALL=C sort >"$tmp/ignored"
	check "git ignores the programs that are built" \
		"$([ -s "$tmp/programs" ] && comm -23 "$tmp/programs" "$tmp/ignored")"
	git ls-files | git check-ignore --no-index --stdin >"$tmp/both"
	check "git ignores no file that it has" "$(cat "$tmp/both")"
else
	skip "git ignores what is built" "not a working copy of git"
fi

# With a make of its own behind "all", "make all check" would build everything twice at once.
check "all and check are one graph" \
	"$(grep -q '^all: all-am$' "$top_builddir/Makefile" || grep -A1 '^all:' "$top_builddir/Makefile")"
finish
