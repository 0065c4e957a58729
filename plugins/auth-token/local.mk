pluginexec_LTLIBRARIES += %D%/auth-token.la
%C%_auth_token_la_SOURCES = \
	%D%/auth-token.c \
	%D%/book.c \
	%D%/book.h \
	%D%/token.c \
	%D%/token.h \
	$(locked_file_sources) $(word_sources) \
	%D%/tokens.c \
	%D%/tokens.h \
	%D%/tokens_file.c \
	%D%/tokens_file.h
%C%_auth_token_la_CPPFLAGS = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS)
%C%_auth_token_la_LDFLAGS = $(plugin_ldflags)
%C%_auth_token_la_LIBADD = $(plugin_libadd) $(GNUTLS_LIBS)
dist_man_MANS += %D%/adit-auth-token.5

auth_token_tests = %D%/test-token
check_PROGRAMS += $(auth_token_tests)
TESTS += $(auth_token_tests)
%C%_test_token_SOURCES = \
	%D%/test-token.c \
	%D%/token.c \
	%D%/token.h \
	$(locked_file_sources) $(word_sources) \
	%D%/tokens.c \
	%D%/tokens.h \
	%D%/tokens_file.c \
	%D%/tokens_file.h
%C%_test_token_CPPFLAGS = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS) -I$(top_srcdir)/tests/unit
%C%_test_token_LDADD = $(GNUTLS_LIBS)
