#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# make check: logins with the plugin that was just built, without a server; see adit-auth-test(1).
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
umask 077

# The loader wants a file that nobody else can write, and by its own name.
cp .libs/auth-word.so "$tmp/auth-word.so"
printf '# accounts\nacme correct-horse-battery ports=10000-10099\nother another-long-word\n' >"$tmp/words"
echo 'acme correct-horse-battery' >"$tmp/word"

failed=0
# expect STATUS TEXT OPTIONS...: how the login ends, and what is in what it prints.
expect() {
	status=$1 text=$2
	shift 2
	"${ADIT_AUTH_TEST:-adit-auth-test}" "$@" "$tmp/auth-word.so" >"$tmp/out" 2>&1
	got=$?
	if [ "$got" -ne "$status" ] || ! grep -qF -e "$text" "$tmp/out"; then
		echo "FAIL: status $got, expected $status and \"$text\": $*"
		cat "$tmp/out"
		failed=1
	fi
}
hex() {
	printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'
}

s=file=$tmp/words a=word_file=$tmp/word
expect 0 'grant.ports=10000-10099' -s "$s" -a "$a"
expect 0 'allowed=100' -s "$s" -a "$a" -n 100 -j 4
expect 6 'over an encrypted link only' -s "$s" -a "$a" --plain

# What others may send.
expect 0 'account=other' -s "$s" -m "$(hex 'other another-long-word')"
expect 1 'cause=wrong' -s "$s" -m "$(hex 'acme correct-horse-batterz')"
expect 1 'cause=wrong' -s "$s" -m "$(hex 'acme correct-horse')"
expect 1 'cause=unknown' -s "$s" -m "$(hex 'nobody correct-horse-battery')"
expect 1 'cause=malformed' -s "$s" -m "$(hex 'acme')"
expect 1 'cause=malformed' -s "$s" -m ''
expect 1 'cause=malformed' -s "$s" -m "$(printf %04096d 0)"
expect 1 'cause=unencrypted' -s "$s" --plain -m "$(hex 'acme correct-horse-battery')"

# Files that are not as they must be.
echo 'acme short' >>"$tmp/words"
expect 78 'words:4: the word must have 12 to 128 letters' -s "$s" -a "$a"
printf '\nac/me correct-horse-battery\n' >"$tmp/words"
expect 78 'words:2: the account must be 1 to 64 of' -s "$s" -a "$a"
printf 'acme correct-horse-battery =10000\n' >"$tmp/words"
expect 78 'words:1: expected KEY=VALUE behind the word' -s "$s" -a "$a"
printf 'acme correct-horse-battery\n\nacme correct-horse-battery\n' >"$tmp/words"
expect 78 'words:3: the account is there already' -s "$s" -a "$a"
chmod 644 "$tmp/words"
expect 78 'has mode 0644' -s "$s" -a "$a"
expect 78 'file' -a "$a"
exit $failed
