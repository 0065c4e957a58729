# libadit, and the two programs on top of it. All sources are in one archive, which the unit tests
# link; the shared library is made of the whole archive (libtool puts all of a convenience archive
# into a shared library), so that no exported function is lost for not being called inside.
noinst_LTLIBRARIES += libadit-core.la
libadit_core_la_SOURCES = $(core_sources)
libadit_core_la_CPPFLAGS = $(AM_CPPFLAGS) $(LIBCONFIG_CFLAGS)
libadit_core_la_LIBADD = $(EV_LIBS) $(LIBCONFIG_LIBS) $(LTDL_LIBS)

lib_LTLIBRARIES += libadit.la
libadit_la_SOURCES =
libadit_la_LIBADD = libadit-core.la
libadit_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -pthread $(DEFS_LDFLAGS) \
	-Wl,--version-script=$(srcdir)/%D%/libadit.syms
EXTRA_libadit_la_DEPENDENCIES = %D%/libadit.syms
EXTRA_DIST += %D%/libadit.syms

sbin_PROGRAMS += aditd
aditd_SOURCES = %D%/aditd.c
aditd_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
aditd_LDFLAGS = $(AM_LDFLAGS) $(PIE_LDFLAGS)
aditd_LDADD = libadit.la

# A client of aditd's control socket: it needs some of our sources, and no library of ours. Answers
# are JSON, which nothing else here reads.
sbin_PROGRAMS += aditctl
aditctl_SOURCES = %D%/aditctl.c
aditctl_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
aditctl_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
aditctl_LDFLAGS = $(AM_LDFLAGS) $(PIE_LDFLAGS) -Wl,--as-needed
aditctl_LDADD = libadit-core.la $(JANSSON_LIBS)

bin_PROGRAMS += adit
adit_SOURCES = %D%/adit.c
adit_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
adit_LDFLAGS = $(AM_LDFLAGS) $(PIE_LDFLAGS)
adit_LDADD = libadit.la

# For authors of auth plugins: logins without a server.
bin_PROGRAMS += adit-auth-test
adit_auth_test_SOURCES = %D%/adit-auth-test.c
adit_auth_test_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
adit_auth_test_LDFLAGS = $(AM_LDFLAGS) $(PIE_LDFLAGS)
adit_auth_test_LDADD = libadit.la
