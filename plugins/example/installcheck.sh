#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# What `make installcheck` does, with the folders of the installation in the environment (behind
# destdir, which may be empty): copies the example from where it was installed, builds it outside of
# the tree against the installed files alone, runs its tests with the installed tool, lets the
# installed server look at it, and fetches a service through an installed server and agent that log
# in with it.
set -e
tmp=$(mktemp -d)
pids=
finish() {
	for p in $pids; do
		kill "$p" 2>/dev/null || :
	done
	wait
	rm -rf "$tmp"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
umask 022
chmod 755 "$tmp"

cp -R "$destdir$exampledir" "$tmp/auth-word"
cd "$tmp/auth-word"
chmod -R u+w .
mkdir m4 "$tmp/plugins"
ACLOCAL_PATH=$destdir$aclocaldir
PKG_CONFIG_PATH=$destdir$pkgconfigdir
export ACLOCAL_PATH PKG_CONFIG_PATH
if [ -n "$destdir" ]; then
	# What was installed into a folder for packing says where it will stand one day.
	PKG_CONFIG_SYSROOT_DIR=$destdir
	LD_LIBRARY_PATH=$destdir$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
	export PKG_CONFIG_SYSROOT_DIR LD_LIBRARY_PATH
fi
unset MAKEFLAGS MAKELEVEL MFLAGS DESTDIR
run() {
	timeout 300 "$@" >"$tmp/log" 2>&1 || {
		cat "$tmp/log"
		echo "installcheck: $* failed" >&2
		exit 1
	}
}
run autoreconf -fi
run ./configure --with-adit-plugindir="$tmp/plugins" \
	ADIT_AUTH_TEST="$destdir$bindir/adit-auth-test"
run make
run make check
run make install
chmod 755 "$tmp/plugins/auth-word.so"

aditd=$destdir$sbindir/aditd
"$aditd" --plugin-info "$tmp/plugins/auth-word.so" >"$tmp/info"
grep -q '^name=auth-word$' "$tmp/info" || {
	cat "$tmp/info"
	echo "installcheck: the installed server does not know the example" >&2
	exit 1
}
echo "installcheck: a plugin built against the installed files is taken, and passes its tests"

# Two programs need one folder of plugins with all that they use.
cp "$destdir$plugindir"/*.so "$tmp/plugins"
chmod 755 "$tmp"/plugins/*.so
mkdir -m 700 "$tmp/site"
cd "$tmp/site"
cat >ports.py <<'END'
import socket
socks = [socket.socket() for _ in range(5)]
for s in socks:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in socks))
END
cat >service.py <<'END'
import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen()
with open("service.new", "w") as f:
    f.write(str(s.getsockname()[1]))
__import__("os").rename("service.new", "service")
while True:
    c = s.accept()[0]
    c.sendall(b"the service of " + c.recv(100))
    c.close()
END
cat >fetch.py <<'END'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
s.sendall(b"installcheck")
print(s.recv(100).decode())
END
# wait_for FILE WORD: until the word is in the file; the deadline is there for what hangs.
wait_for() {
	n=0
	until grep -q -e "$2" "$1" 2>/dev/null; do
		n=$((n + 1))
		[ $n -lt 600 ] || {
			cat ./*.log
			echo "installcheck: no \"$2\" in $1" >&2
			exit 1
		}
		sleep 0.1
	done
}
"$PYTHON" service.py &
pids="$pids $!"

# A port may be taken by another program before the server has it: then another one is tried.
for try in 1 2 3 4 5; do
	rm -rf server server.log
	# shellcheck disable=SC2046
	set -- $("$PYTHON" ports.py)
	port=$1 public=$2,$3,$4,$5
	run "$aditd" --plugin-dir "$tmp/plugins" init server --host localhost \
		--listen "127.0.0.1:$port"
	pin=$(sed -n 's/.*pin=\(sha256-[A-Za-z0-9_-]*\).*/\1/p' "$tmp/log")
	rm -f server/conf.d/*-auth-token.conf server/conf.d/*-route-*.conf
	echo 'auth-word = { file = "../words"; };' >server/conf.d/50-auth-word.conf
	echo "route-port = { bind = \"127.0.0.1\"; range = \"$public\"; };" >server/conf.d/60-route.conf
	(umask 077 && echo "acme correct-horse-battery ports=$public" >server/words)
	run "$aditd" --plugin-dir "$tmp/plugins" --check -c server/aditd.conf
	"$aditd" --plugin-dir "$tmp/plugins" -c server/aditd.conf 2>server.log &
	server=$!
	pids="$pids $server"
	n=0
	until grep -q ' ready: ' server.log || ! kill -0 $server 2>/dev/null || [ $n -gt 600 ]; do
		n=$((n + 1))
		sleep 0.1
	done
	if grep -q ' ready: ' server.log; then
		break
	fi
	[ "$try" -lt 5 ] || wait_for server.log ' ready: '
done
wait_for service '[0-9]'
(umask 077 && echo 'acme correct-horse-battery' >word)
cat >adit.conf <<END
server = "tls://localhost:$port";
transport-tls = { pin = "$pin"; };
auth-word = { word_file = "word"; };
END
"$destdir$bindir/adit" --plugin-dir "$tmp/plugins" run -c adit.conf \
	--local "127.0.0.1:$(cat service)" >agent.log 2>&1 &
pids="$pids $!"
wait_for agent.log '^Published at'
got=$("$PYTHON" fetch.py "$(sed -n 's/.*tcp:\/\/127.0.0.1:\([0-9]*\) .*/\1/p' agent.log)")
[ "$got" = "the service of installcheck" ] || {
	cat ./*.log
	echo "installcheck: fetched \"$got\"" >&2
	exit 1
}
grep -q 'account=acme .* logged in .* by word' server.log || {
	cat server.log
	exit 1
}
echo "installcheck: the example logs in, and a service is fetched behind it"
