# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# For the tests of this folder: check "what should hold" "what was found against it", then finish.
# shellcheck shell=sh

n=0
check() {
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "$2" | sed 's/^/# /'
	fi
}

skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

finish() {
	echo "1..$n"
}
