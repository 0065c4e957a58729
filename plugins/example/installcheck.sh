#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# installcheck.sh SOURCE ACLOCALDIR PKGCONFIGDIR ADITD: builds the example outside the tree,
# against what was installed, and lets the installed server look at the result.
set -e
source=$1 aclocal=$2 pkgconfig=$3 aditd=$4
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cp "$source"/auth-allow.c "$source"/configure.ac "$source"/Makefile.am "$tmp"
chmod -R u+w "$tmp"
cd "$tmp"
mkdir m4 plugins
ACLOCAL_PATH=$aclocal
PKG_CONFIG_PATH=$pkgconfig
export ACLOCAL_PATH PKG_CONFIG_PATH
unset MAKEFLAGS MAKELEVEL MFLAGS
run() {
	timeout 300 "$@" >log 2>&1 || {
		cat log
		echo "installcheck: $* failed" >&2
		exit 1
	}
}
run autoreconf -fi
run ./configure --with-adit-plugindir="$tmp/plugins"
run make
run make install
chmod 755 "$tmp" plugins plugins/auth-allow.so
"$aditd" --plugin-info "$tmp/plugins/auth-allow.so" >info
grep -q '^name=auth-allow$' info || {
	cat info
	echo "installcheck: the installed server does not know the example" >&2
	exit 1
}
echo "installcheck: a plugin built against the installed headers is taken"
