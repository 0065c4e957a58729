#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# The manual pages are well-formed.
. "$top_srcdir/tests/lint/functions.sh"
cd "$top_srcdir" || exit 99

for page in man/*.[1-9] plugins/*/*.[1-9]; do
	[ -e "$page" ] || continue
	if command -v mandoc >/dev/null 2>&1; then
		check "$page" "$(mandoc -Tlint -Wwarning "$page" 2>&1)"
	else
		skip "$page" "mandoc is not installed"
	fi
done
finish
