#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# Nobody logs in while the file in $1 is there: the smallest program for auth-exec. It stands in
# front of the other plugins, with methods = [ "*" ]; see adit-auth-exec(5).
while IFS= read -r line; do
	id=${line#*\"id\":\"}
	id=${id%%\"*}
	verdict='"next"'
	[ ! -e "$1" ] || verdict='"deny","cause":"forbidden","reason":"closed"'
	printf '{"id":"%s","verdict":%s}\n' "$id" "$verdict"
done
