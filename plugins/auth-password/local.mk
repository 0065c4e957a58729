pluginexec_LTLIBRARIES += %D%/auth-password.la
accounts_sources = \
	$(password_login_sources) $(word_sources) \
	%D%/accounts.c \
	%D%/accounts.h \
	%D%/hash.c \
	%D%/hash.h
accounts_cppflags = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS) $(CRYPT_CFLAGS)
accounts_libs = $(GNUTLS_LIBS) $(CRYPT_LIBS)
%C%_auth_password_la_SOURCES = $(accounts_sources) $(reread_sources) \
	%D%/auth-password.c \
	%D%/hasher.c \
	%D%/hasher.h
%C%_auth_password_la_CPPFLAGS = $(accounts_cppflags)
%C%_auth_password_la_LDFLAGS = $(plugin_ldflags)
%C%_auth_password_la_LIBADD = $(plugin_libadd) $(accounts_libs)
dist_man_MANS += %D%/adit-auth-password.5 %D%/adit-passwd.8

# The tool that keeps the file.
sbin_PROGRAMS += %D%/adit-passwd
%C%_adit_passwd_SOURCES = \
	$(accounts_sources) \
	$(locked_file_sources) \
	%D%/accounts_file.c \
	%D%/accounts_file.h \
	%D%/adit-passwd.c
%C%_adit_passwd_CPPFLAGS = $(accounts_cppflags)
%C%_adit_passwd_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
%C%_adit_passwd_LDFLAGS = $(AM_LDFLAGS) $(PIE_LDFLAGS)
%C%_adit_passwd_LDADD = libadit.la $(accounts_libs)

auth_password_tests = %D%/test-password
check_PROGRAMS += $(auth_password_tests)
TESTS += $(auth_password_tests)
%C%_test_password_SOURCES = \
	$(accounts_sources) \
	$(locked_file_sources) \
	%D%/accounts_file.c \
	%D%/accounts_file.h \
	%D%/hasher.c \
	%D%/hasher.h \
	%D%/test-password.c
%C%_test_password_CPPFLAGS = $(accounts_cppflags) -I$(top_srcdir)/tests/unit
%C%_test_password_LDADD = $(accounts_libs)
