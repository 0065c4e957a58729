#!/bin/bash
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# check.sh          builds Adit in build-check/ and runs the whole suite: with gcc, with clang under
#                   the address and undefined-behaviour sanitizers, with gcc under the thread
#                   sanitizer, and once from the release archive (make distcheck); under the
#                   sanitizers the end-to-end tests run once more, with a server of 4 workers
# check.sh --quick  with gcc only
#
# On Debian 12 it installs what is missing when it is run as root, and says what is missing when it
# is not. The last line is "N passed, N failed", counted over all runs; the status is 0 only if
# nothing failed and every run had tests.
set -u
cd "$(dirname "$0")" || exit 1
top=$PWD
out=$top/build-check
export LC_ALL=C.UTF-8
# Asked by the tests that can be shorter; the environment of the caller does not decide.
unset ADIT_QUICK ADIT_TEST_WORKERS MAKEFLAGS

quick=no
case ${1-} in
'') ;;
--quick) quick=yes ;;
*)
	sed -n '5,13s/^# \{0,1\}//p' check.sh
	exit 2
	;;
esac

jobs=$(nproc 2>/dev/null || echo 2)
passed=0 failed=0 skipped=0

# What runs a second time, with 4 workers: there sessions, ports and accounts cross threads.
workers_tests=(tests/e2e/test_{peer_agent,peer_server,clients,faults,reload,integrity,stall,udp}.py
	tests/e2e/test_{sessions,budget}.py)

build_packages="autoconf automake libtool make gcc g++ libc6-dev pkg-config xz-utils
	libcrypt-dev libev-dev libgnutls28-dev libconfig-dev libjansson-dev libltdl-dev"
test_packages="python3 python3-pytest mandoc procps iproute2 binutils ca-certificates
	curl openssl openssh-client openssh-server postgresql redis-server iperf3
	netcat-openbsd nftables socat shellcheck spin valgrind bind9-dnsutils
	dnsmasq-base squid nginx haproxy
	python3-websockets node-ws node-jose
	gnutls-bin sslscan testssl.sh"
full_packages="clang-14 libclang-rt-14-dev"

say() {
	printf '%s\n' "$*"
}

finish() {
	[ "$skipped" -eq 0 ] || say "$skipped skipped; the logs in build-check/ say why"
	say "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
	exit
}

broken() {
	say "FAILED: $1"
	failed=$((failed + 1))
}

# ---- what the machine needs ---------------------------------------------------------------------

missing_packages() {
	local p

	for p in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] ||
			printf '%s ' "$p"
	done
}

# Services that come along are for the tests to start, not for the system.
policy=/usr/sbin/policy-rc.d
policy_made=no
remove_policy() {
	[ $policy_made = no ] || rm -f $policy
	policy_made=no
}
trap remove_policy EXIT

install_packages() {
	local rc

	if [ ! -e $policy ]; then
		policy_made=yes
		printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy
	fi
	{
		apt-get update &&
			DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
	} >"$out/apt.log" 2>&1 </dev/null
	rc=$?
	remove_policy
	return $rc
}

need_packages() {
	local missing

	command -v dpkg-query >/dev/null 2>&1 || return 0
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		say "missing packages; as root: apt-get install --no-install-recommends $missing"
		broken "packages"
		finish
	fi
	say "== installing $missing"
	# shellcheck disable=SC2086
	if ! install_packages $missing; then
		tail -n 20 "$out/apt.log"
		broken "apt-get install"
		finish
	fi
}

# ---- one run ------------------------------------------------------------------------------------

# How many results of the kinds $1 stand in the .trs files that the other arguments are or hold.
results() {
	local kinds=$1

	shift
	find "$@" -name '*.trs' -exec cat {} + | grep -cE "^:test-result: ($kinds)" || :
}

show_failures() {
	local trs log

	find "$@" -name '*.trs' | sort | while read -r trs; do
		grep -qE '^:test-result: (FAIL|XPASS|ERROR)' "$trs" || continue
		log=${trs%.trs}.log
		say "---- ${log#"$out/"}"
		grep -vE '^(ok |PASS: )' "$log" | tail -n 300
	done
}

# count NAME LOG STATUS PATH...: adds what the .trs files in PATH say; LOG and STATUS are
# those of make check.
count() {
	local name=$1 log=$2 status=$3 p f s

	shift 3
	p=$(results 'PASS|XFAIL' "$@")
	f=$(results 'FAIL|XPASS|ERROR' "$@")
	s=$(results 'SKIP' "$@")
	say "   $name: $p passed, $f failed, $s skipped ($SECONDS s since the start)"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	[ "$f" -eq 0 ] || show_failures "$@"
	[ $((p + f)) -gt 0 ] || broken "$name had no tests"
	if [ "$f" -eq 0 ] && [ "$status" -ne 0 ]; then
		tail -n 40 "$log"
		broken "make check of $name (status $status)"
	fi
}

# make_check FOLDER LOG MAKE-ARGUMENT...: one test more at a time than there are processors, because
# tests wait more than they work.
make_check() {
	local folder=$1 log=$2 tests=$((jobs + 1))

	shift 2
	# A thread sanitizer cannot live with every layout of the address space.
	if setarch -R true 2>/dev/null; then
		setarch -R make -C "$folder" -k -j"$tests" check "$@" >>"$log" 2>&1
	else
		make -C "$folder" -k -j"$tests" check "$@" >>"$log" 2>&1
	fi
}

# run NAME CONFIGURE-ARGUMENT...: fails if nothing could be built.
run() {
	local name=$1

	shift
	say "== $name: configure $*"
	rm -rf "${out:?}/$name"
	mkdir -p "$out/$name"
	if ! (cd "$out/$name" && "$src/configure" "$@" && make -j"$jobs" all) \
		>"$out/$name.log" 2>&1; then
		grep -E -A4 'error:|undefined reference|[*]{3}' "$out/$name.log" | head -n 100
		broken "build of $name, see $out/$name.log"
		return 1
	fi
	make_check "$out/$name" "$out/$name.log"
	count "$name" "$out/$name.log" $? "$out/$name"
	return 0
}

# run_workers NAME: after run NAME, in the same folder. The results of the first run are counted
# already: those of these tests are removed, so that none is taken for a result of the second run,
# and nothing but these is counted now.
run_workers() {
	local name=$1 log=$out/$1-workers.log trs

	trs=("${workers_tests[@]/#/"$out/$name/"}")
	trs=("${trs[@]/%.py/.trs}")
	rm -f "${trs[@]}"
	say "== $name, 4 workers"
	: >"$log"
	ADIT_TEST_WORKERS=4 make_check "$out/$name" "$log" TESTS="${workers_tests[*]}"
	count "$name, 4 workers" "$log" $? "${trs[@]}"
}

run_distcheck() {
	say "== distcheck"
	if ADIT_QUICK=1 make -C "$out/gcc" -j$((jobs + 1)) distcheck >"$out/distcheck.log" 2>&1; then
		say "   distcheck passed ($SECONDS s since the start)"
		passed=$((passed + 1))
	else
		grep -E '^(FAIL|ERROR)' "$out/distcheck.log"
		find "$out/gcc" -path '*/_build/sub/test-suite.log' -exec tail -n 200 {} \;
		tail -n 40 "$out/distcheck.log"
		broken "distcheck, see $out/distcheck.log"
	fi
}

# Instructions of fixed work against bench/frames.bounds: the same number on a busy machine, too.
run_instructions() {
	say "== instructions"
	if "$src/bench/run" --build "$out/gcc" --callgrind >"$out/instructions.log" 2>&1; then
		say "   within bench/frames.bounds ($SECONDS s since the start)"
		passed=$((passed + 1))
	else
		cat "$out/instructions.log"
		broken "instructions; if there is a reason: bench/run --callgrind renew"
	fi
}

# ---- all of it ----------------------------------------------------------------------------------

mkdir -p "$out"
# shellcheck disable=SC2086
if [ $quick = yes ]; then
	need_packages $build_packages $test_packages
else
	need_packages $build_packages $test_packages $full_packages
fi
clang="clang-14"
command -v $clang >/dev/null 2>&1 || clang=clang

if [ ! -x configure ] || [ -n "$(find . -path "./build*" -prune -o \( -name '*.mk' -o \
	-name Makefile.am -o -name configure.ac -o -name '*.m4' \) -newer configure -print)" ]; then
	if ! ./autogen.sh >"$out/autogen.log" 2>&1; then
		cat "$out/autogen.log"
		broken "autogen.sh"
		finish
	fi
fi

# A tree that was configured in place cannot be built from elsewhere: a copy can.
src=$top
if [ -e config.status ]; then
	src=$out/src
	chmod -R u+w "$src" 2>/dev/null
	rm -rf "$src"
	if ! make distdir distdir=build-check/src >"$out/copy.log" 2>&1; then
		tail -n 20 "$out/copy.log"
		broken "copy of the tree"
		finish
	fi
fi

run gcc CC=gcc CXX=g++ --enable-werror && run_instructions
if [ $quick = no ]; then
	run asan CC="$clang" CXX="${clang/clang/clang++}" --enable-werror \
		--enable-sanitizers=address,undefined && run_workers asan
	run tsan CC=gcc CXX=g++ --enable-werror --enable-sanitizers=thread && run_workers tsan
	[ ! -e "$out/gcc/Makefile" ] || run_distcheck
fi
finish
