#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# libadit exports the functions that the public headers promise and the two mains, all of them and
# nothing else; a plugin exports its descriptor and nothing else.
. "$top_srcdir/tests/lint/functions.sh"
cd "$top_builddir" || exit 99
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT

# Names that a sanitizer or the coverage counter adds are not ours.
exported() {
	nm -D --defined-only "$1" | awk '{ print $3 }' | sed 's/@.*//' |
		grep -vE '^_*(asan|ubsan|tsan|lsan|sancov|gcov|llvm|odr_asan|interceptor|start_|stop_)' |
		LC_ALL=C sort -u
}

# The functions declared with ADIT_EXPORT: comments and preprocessor lines are dropped first.
declared() {
	cat "$top_srcdir"/include/adit/*.h "$top_srcdir"/core/ctl/main.h |
		awk '{
			text = text " " ($0 ~ /^[ \t]*#/ ? "" : $0)
		}
		END {
			while ((at = index(text, "/*")) > 0) {
				rest = substr(text, at + 2)
				text = substr(text, 1, at - 1) " " substr(rest, index(rest, "*/") + 2)
			}
			n = split(text, part, ";")
			for (i = 1; i <= n; i++)
				if (part[i] ~ /ADIT_EXPORT/ && match(part[i], /adit_[a-z0-9_]+\(/))
					print substr(part[i], RSTART, RLENGTH - 1)
		}' | LC_ALL=C sort -u
}

exported .libs/libadit.so >"$tmp/have"
declared >"$tmp/want"
promised=$(wc -l <"$tmp/want")
check "the headers promise functions" "$([ "$promised" -gt 20 ] || echo "only $promised")"
check "libadit exports nothing but adit_*" "$(grep -v '^adit_' "$tmp/have")"
check "libadit exports all that the headers promise" "$(comm -13 "$tmp/have" "$tmp/want")"
check "libadit exports nothing that no header promises" "$(comm -23 "$tmp/have" "$tmp/want")"

echo adit_plugin >"$tmp/one"
check "there are plugins" "$(ls "$plugin_dir"/*.so 2>&1 >/dev/null)"
for p in "$plugin_dir"/*.so; do
	name=$(basename "$p")
	check "$name exports adit_plugin and nothing else" "$(exported "$p" | diff - "$tmp/one")"
	check "$name is bound when it is loaded" "$(readelf -d "$p" | grep -q NOW || echo lazy)"
done
finish
