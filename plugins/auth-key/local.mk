pluginexec_LTLIBRARIES += %D%/auth-key.la
# What needs neither sockets nor the core, and is fuzzed.
key_pure_sources = \
	%D%/ed25519.c \
	%D%/ed25519.h \
	%D%/from.c \
	%D%/from.h \
	%D%/key_options.c \
	%D%/keys.c \
	%D%/keys.h \
	%D%/login.c \
	%D%/login.h \
	%D%/private_key.c \
	%D%/private_key.h \
	%D%/ssh_key.c \
	%D%/ssh_key.h
%C%_auth_key_la_SOURCES = %D%/auth-key.c $(key_pure_sources) $(reread_sources)
%C%_auth_key_la_CPPFLAGS = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS)
%C%_auth_key_la_LDFLAGS = $(plugin_ldflags)
%C%_auth_key_la_LIBADD = $(plugin_libadd) $(GNUTLS_LIBS)
dist_man_MANS += %D%/adit-auth-key.5

auth_key_tests = %D%/test-key %D%/test-keys
check_PROGRAMS += $(auth_key_tests)
TESTS += $(auth_key_tests)
%C%_test_key_SOURCES = %D%/test-key.c $(key_pure_sources)
%C%_test_key_CPPFLAGS = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS) -I$(top_srcdir)/tests/unit
%C%_test_key_LDADD = $(GNUTLS_LIBS)
%C%_test_keys_SOURCES = %D%/test-keys.c $(key_pure_sources)
%C%_test_keys_CPPFLAGS = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS) -I$(top_srcdir)/tests/unit
%C%_test_keys_LDADD = $(GNUTLS_LIBS)
