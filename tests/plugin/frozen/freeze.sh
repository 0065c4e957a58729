#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# freeze.sh GENERATION INCLUDE LIBADIT: builds the plugins of a new generation from the headers and
# the libadit.so of one day, strips them, and writes down their sums and what made them. Done once,
# by hand: a generation is never built again.
#   tests/plugin/frozen/freeze.sh abi1-a include build/.libs/libadit.so
set -e
folder=$(dirname "$0")/$1 include=$2 libadit=$3
umask 022

if [ -e "$folder/SHA256SUMS" ]; then
	echo "freeze.sh: $1 is frozen already" >&2
	exit 1
fi
command="gcc -std=gnu11 -O2 -Wall -Wextra -Werror -fPIC -fvisibility=hidden -shared -s"
command="$command -Wl,-z,now -Wl,-z,defs -Wl,-z,noexecstack -Wl,-z,noseparate-code"
command="$command -Wl,--build-id=none -Wl,--hash-style=gnu"
for c in "$folder"/*.c; do
	# shellcheck disable=SC2086
	$command -I"$include" -o "${c%.c}.so" "$c" "$libadit" -pthread
done
cd "$folder"
sha256sum -- *.so >SHA256SUMS
{
	echo "for each plugin:"
	echo "$command -Iinclude -o NAME.so NAME.c libadit.so -pthread"
	echo
	echo "headers and library: commit $(git rev-parse --short HEAD)"
	gcc --version | sed -n 1p
	ld --version | sed -n 1p
	getconf GNU_LIBC_VERSION
} >MADE-BY
chmod 644 -- *.so
