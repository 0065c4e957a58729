dnl SPDX-License-Identifier: MIT
dnl Copyright (c) 2026 the Adit authors
dnl
dnl ADIT_PLUGIN([MINIMUM-VERSION])
dnl For plugins that are built outside Adit's tree. Finds the installed Adit and substitutes
dnl   ADIT_CFLAGS, ADIT_LIBS                 to compile and link with
dnl   ADIT_PLUGIN_LDFLAGS                    for name_la_LDFLAGS
dnl   aditplugindir                          where to install: aditplugin_LTLIBRARIES = name.la
dnl   ADIT_AUTH_TEST                         adit-auth-test(1), for make check
dnl --with-adit-plugindir=DIR installs elsewhere; make distcheck needs it.
AC_DEFUN([ADIT_PLUGIN], [
AC_REQUIRE([PKG_PROG_PKG_CONFIG])dnl
m4_pattern_allow([^ADIT_PKG_ERRORS$])dnl
AS_IF([test -z "$PKG_CONFIG"], [AC_MSG_ERROR([pkg-config is missing])])
PKG_CHECK_MODULES([ADIT], [adit-plugin m4_ifnblank([$1], [>= $1])])
AC_ARG_WITH([adit-plugindir],
	[AS_HELP_STRING([--with-adit-plugindir=DIR], [where the plugin is installed])],
	[aditplugindir=$withval],
	[aditplugindir=$($PKG_CONFIG --variable=plugindir adit-plugin)])
AC_SUBST([aditplugindir])
AC_ARG_VAR([ADIT_AUTH_TEST], [adit-auth-test, which logs in without a server])
AC_PATH_PROG([ADIT_AUTH_TEST], [adit-auth-test], [adit-auth-test],
	[$($PKG_CONFIG --variable=bindir adit-plugin)$PATH_SEPARATOR$PATH])
ADIT_PLUGIN_LDFLAGS="-module -avoid-version -shared -no-undefined -Wl,-z,now -Wl,-z,defs"
ADIT_PLUGIN_LDFLAGS="$ADIT_PLUGIN_LDFLAGS -export-symbols-regex '^adit_plugin\$\$'"
AC_SUBST([ADIT_PLUGIN_LDFLAGS])
])
