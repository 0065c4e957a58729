#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# Whatever lies in the tree's folders goes into the release.
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
	! -name '*~' -print 2>/dev/null |
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
finish
