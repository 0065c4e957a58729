#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# quickstart.sh         builds Adit in build-quickstart/, starts a web server that only this machine
#                       can reach, publishes it through a tunnel, fetches it from the other end, and
#                       keeps all of it running until Ctrl+C
# quickstart.sh --once  stops after the fetch; the status is 0 if it was good
#
# Everything stays on 127.0.0.1, with fresh secrets in a private temporary folder that is removed at
# the end. On Debian 12 missing packages are installed when this is run as root; otherwise the line
# to type is printed.
set -u
cd "$(dirname "$0")" || exit 1
top=$(pwd)
export LC_ALL=C.UTF-8
umask 022
# What the caller's make would hand down is not for ours.
unset MAKEFLAGS MAKELEVEL MFLAGS

once=no
case ${1-} in
'') ;;
--once) once=yes ;;
*)
	sed -n '5,12s/^# \{0,1\}//p' "$0"
	exit 2
	;;
esac

say() {
	printf '%s\n' "$*"
}

# ---- how it ends --------------------------------------------------------------------------------

tmp='' web='' server='' agent=''

# end PID: waits until it has really gone. The second signal tells aditd not to wait for streams.
end() {
	[ -n "$1" ] || return 0
	kill -TERM "$1" 2>/dev/null
	kill -INT "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

cleanup() {
	trap '' INT TERM HUP
	end "$agent"
	end "$server"
	end "$web"
	[ -z "$tmp" ] || rm -rf "$tmp"
}
trap cleanup EXIT
trap 'say ""; say "stopping"; exit 0' INT TERM HUP

# fail TEXT [FILE]: FILE's last lines say more.
fail() {
	if [ -n "${2-}" ] && [ -s "$2" ]; then
		tail -n 25 "$2" >&2
	fi
	printf 'quickstart: %s\n' "$1" >&2
	exit 1
}

# ---- what the machine needs ---------------------------------------------------------------------

packages="autoconf automake libtool make gcc libc6-dev pkg-config
	libcrypt-dev libev-dev libgnutls28-dev libconfig-dev libjansson-dev libltdl-dev busybox curl"

missing_packages() {
	for p in $packages; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] ||
			printf '%s ' "$p"
	done
}

need_packages() {
	if ! command -v dpkg-query >/dev/null 2>&1; then
		say "1. This is not Debian: what is missing here, the build will say."
		return
	fi
	missing=$(missing_packages)
	if [ -z "$missing" ]; then
		say "1. All packages are there."
		return
	fi
	if [ "$(id -u)" -ne 0 ]; then
		say "Some packages are missing. As root, please run"
		say "    apt-get install --no-install-recommends $missing"
		say "and then this again."
		exit 1
	fi
	say "1. Installing $missing"
	apt-get update >"$tmp/apt.log" 2>&1 </dev/null ||
		fail "apt-get update failed" "$tmp/apt.log"
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing \
		>"$tmp/apt.log" 2>&1 </dev/null || fail "apt-get install failed" "$tmp/apt.log"
}

# ---- building -----------------------------------------------------------------------------------

# Whether configure is missing or older than what it is made of.
configure_is_old() {
	[ -x configure ] || return 0
	[ -n "$(find . -path './build*' -prune -o \( -name '*.mk' -o -name Makefile.am -o \
		-name configure.ac -o -name '*.m4' \) -newer configure -print)" ]
}

# One build tree cannot stand beside another inside the sources, so that one is taken then.
choose_build() {
	build=$top/build-quickstart
	[ ! -e config.status ] || build=$top
	mkdir -p "$build" 2>/dev/null
	[ -w "$build" ] || fail "$build cannot be written; whose is it?"
}

build() {
	choose_build
	say "2. Building in $build: this takes a minute or two."
	if configure_is_old; then
		./autogen.sh >"$tmp/build.log" 2>&1 || fail "./autogen.sh failed" "$tmp/build.log"
	fi
	cd "$build" || exit 1
	if [ ! -e config.status ]; then
		"$top/configure" >"$tmp/build.log" 2>&1 ||
			fail "configure failed" "$tmp/build.log"
	fi
	make -j"$(nproc 2>/dev/null || echo 2)" >"$tmp/build.log" 2>&1 ||
		fail "make failed" "$tmp/build.log"
	cd "$top" || exit 1
}

# Adit loads plugins only from where nobody else can write. A tree of another user is no such place:
# copies of them are.
choose_plugins() {
	options=''
	"$build/run" aditd --plugin-info "$build/plugins/built/auth-token.so" \
		>/dev/null 2>&1 && return
	mkdir -m 700 "$tmp/plugins"
	cp "$build"/plugins/built/*.so "$tmp/plugins" || fail "the plugins cannot be copied"
	options="--plugin-dir $tmp/plugins"
}

# run PROGRAM ARGUMENT...: replaces this shell.
run() {
	program=$1
	shift
	# shellcheck disable=SC2086
	exec "$build/run" "$program" $options "$@"
}

# ---- waiting ------------------------------------------------------------------------------------

# A program that has ended stays a process until the shell has looked; the look is in pause().
pause() {
	sleep 0.1
}

is_running() {
	kill -0 "$1" 2>/dev/null && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null
}

# wait_line FILE PATTERN PID: until the program has written it. 1: it has ended, 2: it is too late.
wait_line() {
	turns=200
	while ! grep -qs "$2" "$1"; do
		is_running "$3" || return 1
		turns=$((turns - 1))
		[ $turns -gt 0 ] || return 2
		pause
	done
}

random_port() {
	echo $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 10000))
}

fetch() {
	curl -sS -f --noproxy '*' --max-time 20 "$@"
}

# ---- the service --------------------------------------------------------------------------------

make_site() {
	mkdir -m 700 "$tmp/site"
	word=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
	cat >"$tmp/site/index.html" <<-END
		<h1>It works</h1>
		<p>This page came through an Adit tunnel: $word</p>
	END
	head -c 4194304 /dev/urandom >"$tmp/site/4MiB.bin"
}

# 0: our page is there. The port may be somebody else's.
web_answers() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		fetch "http://127.0.0.1:$web_port/" 2>/dev/null | cmp -s - "$tmp/site/index.html" &&
			return 0
		is_running "$web" || return 1
		pause
	done
	return 1
}

start_web() {
	make_site
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		web_port=$(random_port)
		busybox httpd -f -p "127.0.0.1:$web_port" -h "$tmp/site" >"$tmp/web.log" 2>&1 &
		web=$!
		web_answers && return
		end "$web"
		web=''
	done
	fail "the web server did not start" "$tmp/web.log"
}

# ---- the tunnel ---------------------------------------------------------------------------------

start_server() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		link_port=$(random_port)
		rm -rf "$tmp/conf"
		(run aditd init "$tmp/conf" --listen "127.0.0.1:$link_port") >"$tmp/init.log" 2>&1 ||
			fail "aditd init failed" "$tmp/init.log"
		run aditd -c "$tmp/conf/aditd.conf" >"$tmp/aditd.log" 2>&1 &
		server=$!
		wait_line "$tmp/aditd.log" ' ready: ' "$server" && return
		end "$server"
		server=''
		grep -q 'Address already in use' "$tmp/aditd.log" || break
	done
	fail "the server did not start" "$tmp/aditd.log"
}

# What aditd init has printed for the agent: its only way to know the server.
join() {
	sed -n "s/.*adit join '\(.*\)'\$/\1/p" "$tmp/init.log" >"$tmp/line"
	mkdir -m 700 "$XDG_CONFIG_HOME"
	(run adit join - <"$tmp/line") >"$tmp/join.log" 2>&1 ||
		fail "the agent could not join" "$tmp/join.log"
	rm -f "$tmp/line"
}

start_agent() {
	run adit tcp "$web_port" --name web >"$tmp/adit.log" 2>&1 &
	agent=$!
	wait_line "$tmp/adit.log" '^  web  ' "$agent" ||
		fail "the agent published nothing" "$tmp/adit.log"
	public=$(sed -n 's,^  web  *tcp://\([^ ]*\) -> .*,\1,p' "$tmp/adit.log")
	[ -n "$public" ] || fail "the server gave no public address" "$tmp/adit.log"
}

fetch_through() {
	fetch -o "$tmp/page" "http://$public/" || fail "the fetch failed" "$tmp/adit.log"
	cmp "$tmp/page" "$tmp/site/index.html" || fail "the page has changed on its way"
	fetch -o "$tmp/file" "http://$public/4MiB.bin" || fail "the fetch failed" "$tmp/adit.log"
	cmp "$tmp/file" "$tmp/site/4MiB.bin" || fail "the file has changed on its way"
}

say_what_runs() {
	shown="${build#"$top/"}/run"
	[ "$build" != "$top" ] || shown=./run
	more="${options:+ }$options"
	cat <<-END

		What runs now, all of it on this machine only:

		    http://127.0.0.1:$web_port/      the private service, a web server
		    127.0.0.1:$link_port              aditd, the server, where agents connect by TLS
		    http://$public/      the public address of the tunnel

		Try it, in another terminal:

		    curl http://$public/

		Publish something else, if it runs here (ssh, then PostgreSQL):

		    cd $top
		    export XDG_CONFIG_HOME=$XDG_CONFIG_HOME
		    $shown adit tcp 22 --port 10022$more
		    ssh -p 10022 127.0.0.1

		    $shown adit tcp 5432 --port 15432$more
		    psql -h 127.0.0.1 -p 15432

		Let another agent join, and see who is there:

		    $shown aditctl -c $tmp/conf/aditd.conf invite
		    $shown aditctl -c $tmp/conf/aditd.conf agents

		Configuration and logs are in $tmp
		Ctrl+C stops everything and removes that folder.
	END
}

stay() {
	while :; do
		is_running "$server" || fail "the server has ended" "$tmp/aditd.log"
		is_running "$agent" || fail "the agent has ended" "$tmp/adit.log"
		is_running "$web" || fail "the web server has ended" "$tmp/web.log"
		sleep 1 &
		wait $!
	done
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/adit-quickstart.XXXXXX") || fail "no temporary folder"
case $tmp in
*[!A-Za-z0-9/._-]*) fail "the temporary folder $tmp has a strange name; set TMPDIR to another" ;;
esac
# What the agent is to remember goes there, and not to whoever tries this.
XDG_CONFIG_HOME=$tmp/agent
export XDG_CONFIG_HOME
need_packages
build
choose_plugins
start_web
say "3. A web server runs at 127.0.0.1:$web_port."
start_server
say "4. The server aditd runs; agents connect to 127.0.0.1:$link_port by TLS."
join
start_agent
say "5. The agent adit has joined it and published the web server at $public."
fetch_through
say "6. Fetched through the tunnel: a page and a file of 4 MiB, both byte for byte right."
if [ $once = no ]; then
	say_what_runs
	stay
fi
