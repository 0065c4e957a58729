pluginexec_LTLIBRARIES += %D%/auth-token.la
%C%_auth_token_la_SOURCES = \
	%D%/auth-token.c \
	%D%/token.c \
	%D%/token.h \
	%D%/tokens.c \
	%D%/tokens.h
%C%_auth_token_la_CPPFLAGS = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS)
%C%_auth_token_la_LDFLAGS = $(plugin_ldflags)
%C%_auth_token_la_LIBADD = $(plugin_libadd) $(GNUTLS_LIBS)
dist_man_MANS += %D%/adit-auth-token.5
