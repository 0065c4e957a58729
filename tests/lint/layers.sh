#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# Every #include points downwards: util <- wire <- io <- tunnel <- plug, ctl <- the programs, and the
# foreign libraries are included where the design puts them.
. "$top_srcdir/tests/lint/functions.sh"
cd "$top_srcdir" || exit 99

# Prints "file line header" for every include.
includes() {
	find core plugins include -name '*.[ch]' | sort |
		xargs awk '/^[ \t]*#[ \t]*include[ \t]/ {
			f = $0; sub(/^[ \t]*#[ \t]*include[ \t]*[<"]/, "", f); sub(/[>"].*/, "", f)
			print FILENAME, FNR, f }'
}

wrong_direction() {
	includes | awk '
	BEGIN {
		rank["util"] = 1; rank["wire"] = 2; rank["io"] = 3; rank["tunnel"] = 4
		rank["plug"] = 5; rank["ctl"] = 6; rank["programs"] = 7
	}
	{
		n = split($1, from, "/"); split($3, to, "/")
		inside = to[1] in rank && index($3, "/")
		if (from[1] != "core") {
			if (inside)
				print $1 ":" $2 ": only core may include " $3
			next
		}
		here = n == 3 ? from[2] : "programs"
		if (!(here in rank))
			print $1 ": a folder without a rank"
		else if (inside && rank[to[1]] > rank[here])
			print $1 ":" $2 ": " here " includes " $3
		else if (to[1] == "adit" && rank[here] <= 2)
			print $1 ":" $2 ": " here " includes " $3
	}'
}

# outside WHAT WHERE: headers that match WHAT in files that do not match WHERE.
outside() {
	includes | awk -v what="$1" -v where="$2" '$3 ~ what && $1 !~ where {
		print $1 ":" $2 ": includes " $3 }'
}

impure() {
	includes | awk '$1 ~ /^core\/wire\// &&
		$3 ~ /^(sys\/(socket|epoll|time|uio)|netinet\/|arpa\/|poll|pthread|time|unistd|netdb)/ {
		print $1 ":" $2 ": includes " $3 }'
}

seen=$(includes | wc -l)
check "there are includes to look at" "$([ "$seen" -gt 20 ] || echo "only $seen")"
check "includes point downwards" "$(wrong_direction)"
check "libev only in core/io" "$(outside '^ev([+][+])?[.]h' '^core/io/')"
check "libltdl only in core/plug/loader.c" "$(outside '^ltdl[.]h' '^core/plug/loader[.]c')"
check "libconfig only in core/ctl" "$(outside '^libconfig' '^core/ctl/')"
check "jansson only in core/aditctl.c and plugins" "$(outside '^jansson' '^(core/aditctl[.]c$|plugins/)')"
check "GnuTLS only in plugins" "$(outside '^gnutls/' '^plugins/')"
check "wire knows no sockets, clocks or threads" "$(impure)"
finish
