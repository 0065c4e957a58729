#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# The code in adit-plugin(3) and adit-auth(3) is good: every block says in a comment before it what
# it is; those that are code compile without a warning; and the plugins among them are loaded and
# used for logins.
. "$top_srcdir/tests/lint/functions.sh"
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
umask 022
pages="$top_srcdir/man/adit-plugin.3 $top_srcdir/man/adit-auth.3"

# shellcheck disable=SC2086
unmarked() {
	awk 'FNR == 1 { before = "" }
	/^\.Bd -literal/ && before !~ /^\.\\" (code|commands|configuration|drawing|plugins\/)/ {
		print FILENAME ":" FNR ": what is this?" }
	{ before = $0 }' $pages
}

# Writes every block of code into a file: 1-NAME, 2-NAME …, NAME as the page calls it.
# shellcheck disable=SC2086
extract() {
	awk -v dir="$tmp" '
	/^\.\\" code / { sub(/^\.\\" code /, ""); gsub(/ /, "-"); n++
		file = dir "/" n "-" $0; next }
	file != "" && /^\.Bd/ { inside = 1; next }
	/^\.Ed/ { if (inside) close(file); inside = 0; file = ""; next }
	inside { sub(/^\\&/, ""); gsub(/\\-/, "-"); gsub(/\\\(aq/, "\047"); gsub(/\\\(dq/, "\"")
		gsub(/\\\(ha/, "^"); gsub(/\\e/, "\\"); print > file }' $pages
}

inc="-I$top_srcdir/include -I$top_builddir/include"
warn="-std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror"
# shellcheck disable=SC2086
compile() {
	$CC $warn $inc "$@" 2>&1
}

# What stands around a piece that is not whole.
wrap() {
	case $1 in
	*-in-create)
		printf '#include <adit/plugin.h>\n#include <errno.h>\n#include <string.h>\n'
		printf '#include <sys/stat.h>\nint create(const struct adit_conf *, const char *);\n'
		printf 'int\ncreate(const struct adit_conf *conf, const char *path)\n{\n'
		printf 'struct stat st;\nsize_t n = 0;\n(void)conf, (void)path, (void)st, (void)n;\n'
		cat "$1"
		printf 'return 0;\n}\n'
		;;
	*-in-check)
		printf '#include <adit/auth.h>\nvoid check(struct adit_auth_req *);\n'
		printf 'void\ncheck(struct adit_auth_req *req)\n{\n'
		cat "$1"
		printf '}\n'
		;;
	*-options)
		printf '#include <adit/plugin.h>\nextern const void *used;\n'
		cat "$1"
		printf 'const void *used = options;\n'
		;;
	*-struct)
		printf '#include <adit/auth.h>\n'
		sed 's/struct adit_auth_ops/struct shown/' "$1"
		printf '_Static_assert(sizeof(struct shown) == sizeof(struct adit_auth_ops), "size");\n'
		sed -n 's/^\t.*(\*\([a-z_]*\))(.*/\1/p; s/^\tconst char \*\([a-z_]*\);/\1/p' "$1" |
			while read -r member; do
				printf '_Static_assert(__builtin_offsetof(struct shown, %s) ==\n' "$member"
				printf '__builtin_offsetof(struct adit_auth_ops, %s), "place");\n' "$member"
			done
		;;
	*) cat "$1" ;;
	esac
}

check "every block says what it is" "$(unmarked)"
extract
n_code=0
for f in "$tmp"/[0-9]*; do
	n_code=$((n_code + 1))
	wrap "$f" >"$tmp/whole.c"
	check "${f##*/} compiles" "$(compile -c -o "$tmp/whole.o" "$tmp/whole.c")"
done
check "there is code in the pages" "$([ "$n_code" -ge 7 ] || echo "$n_code blocks")"
first=$(find "$tmp" -name '1-*' | sed 's,.*/1-,,')
check "the first is a whole plugin" "$([ "$first" = auth-allow.c ] || echo "$first")"
lines=$(wc -l <"$tmp/1-auth-allow.c")
check "of about twenty lines" "$([ "$lines" -le 26 ] || echo "$lines lines")"

# As the page says, but for where libadit is: the program that loads it has it already.
for name in auth-allow auth-names; do
	check "$name is built" "$(compile -shared -fPIC -fvisibility=hidden -o "$tmp/$name.so" \
		"$tmp"/[0-9]*-$name.c)"
	chmod 755 "$tmp/$name.so"
	"$top_builddir/run" aditd --plugin-info "$tmp/$name.so" >"$tmp/info" 2>&1
	check "$name is a plugin" "$(grep -qx "name=$name" "$tmp/info" || cat "$tmp/info")"
done
# login STATUS TEXT PLUGIN OPTIONS...: how a login ends, and what is said.
login() {
	status=$1 text=$2 plugin=$3
	shift 3
	"$top_builddir/run" adit-auth-test "$@" "$tmp/$plugin.so" >"$tmp/out" 2>&1
	got=$?
	check "$plugin: $text" \
		"$([ $got -eq "$status" ] && grep -q "$text" "$tmp/out" || cat "$tmp/out")"
}
login 0 '^account=guest$' auth-allow
login 0 '^verdict=allow$' auth-allow -m 00ff -n 100 -j 8
printf 'web1\nweb2\n' >"$tmp/names"
chmod 600 "$tmp/names"
login 0 '^account=staff$' auth-names -s "file=$tmp/names" --name web2
login 1 'this name is not in the file' auth-names -s "file=$tmp/names" --name web
login 78 'file' auth-names
finish
