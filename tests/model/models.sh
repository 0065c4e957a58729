#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# Has spin look at every state of the models (doc/models.md): none may break what they promise. And
# each mistake that a model can be given must be found, so that the promise is one that can break.

here=$top_srcdir/tests/model
command -v spin >/dev/null 2>&1 || {
	echo "1..0 # SKIP spin is not installed"
	exit 0
}
[ "${sanitizers:-no}" = no ] && [ -z "${ADIT_QUICK-}" ] || {
	echo "1..0 # SKIP the models are the same in every build"
	exit 0
}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
n=0 bad=0

# ok NAME, after a condition
result() {
	status=$?
	n=$((n + 1))
	if [ $status -eq 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/# /' said
		bad=1
	fi
}

# search MODEL [MISTAKE]: into said.
search() {
	spin -a ${2:+-D"$2"} "$here/$1.pml" >said 2>&1 &&
		cc -O1 -w -DSAFETY -DCOLLAPSE -o pan pan.c >>said 2>&1 &&
		./pan -b -m10000 >>said 2>&1
}

right() {
	search "$1" && grep -q 'errors: 0$' said && ! grep -q 'Search not completed' said
	result "$1: holds in every state"
	sed -n 's/^ *\([0-9]* states\), stored$/# \1/p' said
}

wrong() {
	search "$1" "$2"
	grep -q 'errors: 1$' said && grep -qE 'assertion violated|invalid end state' said
	result "$1: $2 is found"
}

right takeover
wrong takeover END_BY_NAME
wrong takeover NOT_CLOSED
wrong takeover NO_GENERATION
right credit
wrong credit REPLY_FIRST
wrong credit NO_FLOOR
wrong credit NO_BLOCKED
echo "1..$n"
exit $bad
