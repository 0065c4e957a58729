#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# Nothing in the tree is left for later or tied to the machine where it was written, and every
# source says whose it is.
. "$top_srcdir/tests/lint/functions.sh"
cd "$top_srcdir" || exit 99

# All but what autotools and make put beside the sources.
files() {
	find . -type d \( -name .git -o -name autom4te.cache -o -name build-aux -o -name __pycache__ \
		-o -name .pytest_cache -o -name 'build-*' -o -name corpus -o -name .libs \
		-o -name .deps -o -path './adit-[0-9]*' -o -path ./uninstalled \
		-o -path ./_build -o -path ./_inst \) -prune \
		-o -type f ! -name configure ! -name '*~' ! -name 'Makefile*' ! -name aclocal.m4 \
		! -name 'config.*' ! -name 'stamp-*' ! -name libtool ! -path './m4/l*' \
		! -path ./adit ! -path ./aditd ! -name '*.l[oa]' ! -name '*.o' ! -name '*.log' \
		! -name '*.trs' ! -name '*.tar.*' ! -name '*.so' -print |
		while read -r f; do
			[ -e "$f.in" ] || echo "$f"
		done
	find . -name Makefile.am
}

# The words are put together here so that this file does not find itself.
later="TO""DO|FIX""ME|HA""CK:|X""XX"
check "nothing is left for later" "$(files | xargs grep -nIE "\\b($later)\\b")"
check "no path of the machine it was written on" \
	"$(files | xargs grep -nIE "(^|[^a-zA-Z0-9_.~}/-])/(ho""me|ro""ot)/[a-z]")"
check "the place of this tree stands nowhere in it" \
	"$(files | xargs grep -nIF "$top_srcdir/")"
check "no blank at the end of a line" \
	"$(files | grep -E '[.](c|h|sh|py|mk|am|ac)$' | xargs grep -nE '[[:blank:]]+$')"
check "every source has its SPDX line" \
	"$(files | grep -E '[.](c|h|sh|py)$' | xargs grep -L 'SPDX-License-Identifier: MIT')"
finish
