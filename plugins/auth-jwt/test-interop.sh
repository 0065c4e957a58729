#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# Tokens between auth-jwt and the libraries jose and jsonwebtoken of npm, both ways, every algorithm:
# what they sign is taken, what is signed here is taken by them. A library that is not there is
# skipped (jose is Debian's node-jose).
here=$top_srcdir/plugins/auth-jwt
signer=$top_builddir/plugins/auth-jwt/test-signer
NODE_PATH=${NODE_PATH-}:/usr/share/nodejs:/usr/local/lib/node_modules:/usr/lib/node_modules
export NODE_PATH
count=0
failed=0
kids="hs256 hs384 hs512 rs256 rs384 rs512 ps256 ps384 ps512 es256 es384 es512 eddsa ed448"

# result WHAT GOT WANT
result() {
	count=$((count + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $count - $1"
		return
	fi
	failed=1
	echo "not ok $count - $1"
	echo "# got: $2; want: $3"
}

skip() {
	count=$((count + 1))
	echo "ok $count # SKIP $1"
}

tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
for kid in $kids; do
	echo '{"iss":"https://id.example","aud":"adit","sub":"alice","exp":2000000600}' |
		"$signer" "$here/vectors" sign "$kid" >"$tmp/token" || exit 99
	echo "$kid $(cat "$tmp/token")"
done >"$tmp/ours"

try_library() {
	if ! node "$here/interop.js" has "$1" 2>/dev/null; then
		skip "node and its module $1 are not there"
		return
	fi
	node "$here/interop.js" sign "$1" "$here/vectors" >"$tmp/theirs" || failed=1
	"$signer" "$here/vectors" judge <"$tmp/theirs" >"$tmp/verdicts"
	node "$here/interop.js" verify "$1" "$here/vectors" <"$tmp/ours" >"$tmp/answers"
	for kid in $2; do
		result "$kid of $1 is taken" "$(grep "^$kid " "$tmp/verdicts")" "$kid allow"
		result "$kid is taken by $1" "$(grep "^$kid " "$tmp/answers")" "$kid ok"
	done
}

try_library jose "$kids"
try_library jsonwebtoken "${kids% eddsa*}"

# There is one form of a token only, so none with a letter changed is as good. (Both libraries take some.)
"$signer" "$here/vectors" spoil 600 >"$tmp/spoiled"
result "600 tokens were spoiled" "$(wc -l <"$tmp/spoiled" | tr -d ' ')" 600
result "none of them is taken" "$(grep ' allow$' "$tmp/spoiled")" ""
echo "1..$count"
exit $failed
