pluginexec_LTLIBRARIES += %D%/auth-jwt.la
# Tokens, and the keys they are checked with: what the tests and the fuzz targets build, too.
jwt_pure_sources = \
	%D%/alg.c \
	%D%/alg.h \
	%D%/b64.c \
	%D%/b64.h \
	%D%/claims.c \
	%D%/claims.h \
	%D%/glimpse.c \
	%D%/glimpse.h \
	%D%/judge.c \
	%D%/judge.h \
	%D%/jws.c \
	%D%/jws.h \
	%D%/path.c \
	%D%/path.h \
	%D%/rules.c \
	%D%/rules.h \
	%D%/strict.c \
	%D%/strict.h \
	%D%/why.c \
	%D%/why.h
%C%_auth_jwt_la_SOURCES = \
	%D%/auth-jwt.c \
	%D%/tokenfile.c \
	%D%/tokenfile.h \
	plugins/common/jwt-login.h \
	$(jwt_pure_sources) \
	$(jwt_keys_sources) \
	$(jwt_keyset_sources)
%C%_auth_jwt_la_CPPFLAGS = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS) $(JANSSON_CFLAGS)
%C%_auth_jwt_la_LDFLAGS = $(plugin_ldflags)
%C%_auth_jwt_la_LIBADD = $(plugin_libadd) $(GNUTLS_LIBS) $(JANSSON_LIBS) -lm
dist_man_MANS += %D%/adit-auth-jwt.5

# The keys that tokens are checked with: as texts, and where they come from.
jwt_keys_sources = \
	%D%/jwk.c \
	%D%/jwk.h \
	%D%/key.c \
	%D%/key.h \
	%D%/keys.c \
	%D%/keys.h \
	%D%/pem.c \
	%D%/pem.h
jwt_keyset_sources = \
	%D%/curl.c \
	%D%/curl.h \
	%D%/fetch.c \
	%D%/fetch.h \
	%D%/keyset.c \
	%D%/keyset.h \
	%D%/refresh.c \
	%D%/refresh.h \
	%D%/url.c \
	%D%/url.h \
	$(child_sources) \
	$(reread_sources)

# Tests. What signs for them is theirs alone.
auth_jwt_tests = %D%/test-jwt %D%/test-rules
check_PROGRAMS += $(auth_jwt_tests) %D%/test-signer
TESTS += $(auth_jwt_tests) %D%/test-interop.sh
EXTRA_DIST += %D%/vectors %D%/interop.js %D%/test-interop.sh
jwt_test_cppflags = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS) $(JANSSON_CFLAGS) -I$(top_srcdir)/tests/unit
jwt_test_libs = $(GNUTLS_LIBS) $(JANSSON_LIBS) -lm
jwt_trial_sources = \
	%D%/signer.c \
	%D%/signer.h \
	%D%/trial.c \
	%D%/trial.h \
	$(jwt_pure_sources) \
	$(jwt_keys_sources)
%C%_test_jwt_SOURCES = \
	%D%/test-jwt.c \
	$(jwt_trial_sources)
%C%_test_jwt_CPPFLAGS = $(jwt_test_cppflags)
%C%_test_jwt_LDADD = $(jwt_test_libs)
%C%_test_rules_SOURCES = \
	%D%/test-rules.c \
	plugins/common/jwt-login.h \
	$(jwt_trial_sources)
%C%_test_rules_CPPFLAGS = $(jwt_test_cppflags)
%C%_test_rules_LDADD = $(jwt_test_libs)
# Signs and judges tokens for tests in other languages.
%C%_test_signer_SOURCES = \
	%D%/test-signer.c \
	$(jwt_trial_sources)
%C%_test_signer_CPPFLAGS = $(jwt_test_cppflags)
%C%_test_signer_LDADD = $(jwt_test_libs)

# What both need to read.
jwt_text_sources = %D%/alg.c %D%/alg.h %D%/b64.c %D%/b64.h %D%/strict.c %D%/strict.h

jwt_keys_tests = %D%/test-fetch %D%/test-keys %D%/test-refresh
check_PROGRAMS += $(jwt_keys_tests)
TESTS += $(jwt_keys_tests)
EXTRA_DIST += %D%/sample-keys
jwt_keys_cppflags = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS) $(JANSSON_CFLAGS) -I$(top_srcdir)/tests/unit
%C%_test_fetch_SOURCES = \
	%D%/test-fetch.c \
	$(jwt_keys_sources) \
	$(jwt_keyset_sources) \
	$(jwt_text_sources)
%C%_test_fetch_CPPFLAGS = $(jwt_keys_cppflags)
%C%_test_fetch_LDADD = $(unit_libs) $(GNUTLS_LIBS) $(JANSSON_LIBS)
%C%_test_keys_SOURCES = %D%/test-keys.c $(jwt_keys_sources) $(jwt_text_sources)
%C%_test_keys_CPPFLAGS = $(jwt_keys_cppflags)
%C%_test_keys_LDADD = $(GNUTLS_LIBS) $(JANSSON_LIBS)
%C%_test_refresh_SOURCES = \
	%D%/test-refresh.c \
	%D%/refresh.c \
	%D%/refresh.h \
	%D%/url.c \
	%D%/url.h \
	$(jwt_text_sources)
%C%_test_refresh_CPPFLAGS = $(jwt_keys_cppflags)
%C%_test_refresh_LDADD = $(JANSSON_LIBS)
