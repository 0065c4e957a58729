#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
#
# What a plugin says of its options, what its manual page says and what its sample in conf.d says is
# the same; and the samples, all together, are a configuration.
. "$top_srcdir/tests/lint/functions.sh"
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"

# info KEY: the plugin's own words.
info() {
	sed -n "s/^$1=//p" "$tmp/info"
}

check_option() {
	option=$1
	check "$name: the manual page has $option" \
		"$(grep -q "^\\.It Cm $option\$" "$page" || echo "no .It Cm $option in $page")"
	[ "$(info "option.$option.sides")" != agent ] || return
	default=$(info "option.$option.default")
	# What has no default and need not be given may stand behind a #.
	comment=
	[ -n "$default" ] || [ "$(info "option.$option.required")" = yes ] || comment='\(# \)\{0,1\}'
	line=$(grep "^	$comment$option = " "$sample")
	check "$name: the sample has $option" "$([ -n "$line" ] || echo "not in $sample")"
	[ -n "$default" ] || return
	check "$name: the sample's $option is its default, $default" \
		"$(case $line in
		*" = $default;" | *" = \"$default\";") ;;
		*) echo "$line" ;;
		esac)"
	check "$name: the manual page says the default of $option" \
		"$(grep -qF -- "$default" "$page" || echo "$default is not in $page")"
}

check_known() {
	for word in $(sed -n 's/^	\([a-z_]*\) = .*/\1/p' "$sample"); do
		check "$name: the sample's $word is an option" \
			"$(grep -q "^option\\.$word\\.type=" "$tmp/info" || echo "$name has no $word")"
	done
}

mkdir "$tmp/conf.d"
count=0
for so in "$plugin_dir"/*.so; do
	name=$(basename "$so" .so)
	page=$top_srcdir/plugins/$name/adit-$name.5
	sample=$top_srcdir/conf.d/$name.conf
	"$top_builddir/run" aditd --plugin-info "$so" >"$tmp/info" 2>"$tmp/err"
	check "$name describes itself" "$(grep -q "^name=$name\$" "$tmp/info" || cat "$tmp/err")"
	check "$name says what it is for" "$([ -n "$(info summary)" ] || echo 'no summary')"
	for option in $(sed -n 's/^option\.\([a-z_0-9]*\)\.type=.*/\1/p' "$tmp/info"); do
		check "$name: $option has a help text" \
			"$([ -n "$(info "option.$option.help")" ] || echo none)"
		check_option "$option"
	done
	check_known
	cp "$sample" "$tmp/conf.d/"
	count=$((count + 1))
done
check "there are plugins" "$([ $count -ge 3 ] || echo "$count in $plugin_dir")"

: >"$tmp/conf.d/tokens"
: >"$tmp/conf.d/authorized_keys"
chmod 600 "$tmp/conf.d/tokens" "$tmp/conf.d/authorized_keys"
(umask 077 && "$top_builddir/plugins/transport-tls/adit-mint" "$tmp/conf.d/server" x localhost -1 1 \
	any >/dev/null) || exit 99
: >"$tmp/aditd.conf"
sed -i 's,"/etc/adit/auth-file.py","/bin/sh",' "$tmp/conf.d/auth-exec.conf"
check "the samples are a configuration" \
	"$("$top_builddir/run" aditd --check -c "$tmp/aditd.conf" >"$tmp/out" 2>&1 || cat "$tmp/out")"
finish
