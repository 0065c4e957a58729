#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# Every header compiles alone, as C; the public ones also as strict C99 and as C++.
. "$top_srcdir/tests/lint/functions.sh"
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT

inc="-I$top_srcdir/core -I$top_srcdir/include -I$top_builddir/include"
warn="-Wall -Wextra -Wshadow -Wundef -Werror"

# alone HEADER SUFFIX COMPILER...: included twice, so that its guard is tried too.
alone() {
	header=$1 file=$tmp/a.$2
	shift 2
	printf '#include "%s"\n#include "%s"\nint used;\n' "$header" "$header" >"$file"
	# shellcheck disable=SC2086
	"$@" $inc $warn -c -o "$tmp/a.o" "$file" 2>&1
}

# The compilers' names may carry options.
# shellcheck disable=SC2086
{
	for h in $(cd "$top_srcdir/core" && find . -name '*.h' | sed 's,^\./,,' | sort); do
		check "$h alone" "$(alone "$h" c $CC -std=gnu11 -D_GNU_SOURCE -Wstrict-prototypes)"
	done
	public=$(for d in "$top_srcdir" "$top_builddir"; do
		(cd "$d/include" && find adit -name '*.h')
	done | sort -u)
	check "there are public headers" "$([ -n "$public" ] || echo none)"
	for h in $public; do
		check "$h alone as C99" "$(alone "$h" c $CC -std=c99 -pedantic)"
		if command -v "${CXX%% *}" >/dev/null 2>&1; then
			check "$h alone as C++" "$(alone "$h" cc $CXX -std=gnu++11 -pedantic)"
		else
			skip "$h alone as C++" "no C++ compiler"
		fi
	done
}
finish
