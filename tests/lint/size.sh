#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# Things are small enough to see: no file over 700 lines, no line over 100 columns, no function
# over 100 lines, few over 60, and half of all functions are short.
. "$top_srcdir/tests/lint/functions.sh"
cd "$top_srcdir" || exit 99

sources() {
	find core plugins include -name '*.[ch]' | sort
}

# Prints "lines file:line name" for every function: its name begins in column one, its body stands
# between braces in column one.
functions() {
	sources | xargs awk '
	FNR == 1 { inside = 0; name = "" }
	!inside && /^[a-zA-Z_][a-zA-Z_0-9]*\(/ { name = $0; sub(/\(.*/, "", name) }
	!inside && /^{/ && name != "" { inside = 1; start = FNR }
	inside && /^}/ { print FNR - start + 1, FILENAME ":" start, name; inside = 0; name = "" }'
}

list=$(functions | sort -rn)
total=$(echo "$list" | grep -c .)
long=$(echo "$list" | awk '$1 > 60')
over60=$(echo "$long" | grep -c .)
median=$(echo "$list" | awk -v t="$total" 'NR == int((t + 1) / 2) { print $1 }')

echo "# $total functions, median ${median:-0} lines, $over60 over 60 lines"
check "there are functions to look at" "$([ "$total" -gt 20 ] || echo "only $total")"
check "no function over 100 lines" "$(echo "$list" | awk '$1 > 100')"
check "at most one function in twenty over 60 lines" \
	"$([ $((over60 * 20)) -le "$total" ] || echo "$long")"
check "the median is 20 lines or less" "$([ "${median:-0}" -le 20 ] || echo "it is $median")"
check "no file over 700 lines" "$(sources | xargs wc -l | awk '$2 != "total" && $1 > 700')"
check "no line over 100 columns" \
	"$(sources | LC_ALL=C.UTF-8 xargs wc -L | awk '$2 != "total" && $1 > 100')"
finish
