pluginexec_LTLIBRARIES += %D%/transport-tls.la
tls_sources = \
	%D%/creds.c \
	%D%/creds.h \
	%D%/pin.c \
	%D%/pin.h \
	%D%/verify.c \
	%D%/verify.h
%C%_transport_tls_la_SOURCES = \
	$(tls_sources) \
	%D%/selfcert.c \
	%D%/selfcert.h \
	%D%/tls.c \
	%D%/tls.h \
	%D%/transport-tls.c
%C%_transport_tls_la_CPPFLAGS = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS)
%C%_transport_tls_la_LDFLAGS = $(plugin_ldflags)
%C%_transport_tls_la_LIBADD = $(plugin_libadd) $(GNUTLS_LIBS)
dist_man_MANS += %D%/adit-transport-tls.5

# test-tls.c includes tls.c: it plays foreign peers.
tls_test_sources = $(tls_sources) %D%/ends.c %D%/ends.h %D%/mint.c %D%/mint.h %D%/tls.h
transport_tls_tests = %D%/test-tls %D%/test-verify
check_PROGRAMS += $(transport_tls_tests) %D%/adit-mint
TESTS += $(transport_tls_tests)
%C%_test_tls_SOURCES = $(tls_test_sources) %D%/test-tls.c
%C%_test_tls_CPPFLAGS = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS) -I$(top_srcdir)/tests/unit
%C%_test_tls_LDADD = $(GNUTLS_LIBS)
%C%_test_verify_SOURCES = $(tls_test_sources) %D%/tls.c %D%/test-verify.c
%C%_test_verify_CPPFLAGS = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS) -I$(top_srcdir)/tests/unit
%C%_test_verify_LDADD = $(GNUTLS_LIBS)

# Certificates for the end-to-end tests.
%C%_adit_mint_SOURCES = %D%/mint.c %D%/mint.h %D%/pin.c %D%/pin.h %D%/adit-mint.c
%C%_adit_mint_CPPFLAGS = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS)
%C%_adit_mint_LDADD = $(GNUTLS_LIBS)
