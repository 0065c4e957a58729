#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# The shell scripts pass their linter.
. "$top_srcdir/tests/lint/functions.sh"
cd "$top_srcdir" || exit 99

if command -v shellcheck >/dev/null 2>&1; then
	for f in autogen.sh check.sh quickstart.sh run.in tests/*/*.sh; do
		[ -e "$f" ] || continue
		check "$f" "$(shellcheck -x -S warning -e SC2154,SC1091 "$f")"
	done
else
	skip "shell scripts" "shellcheck is not installed"
fi
finish
