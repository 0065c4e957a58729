# Loading, refusing, exports, building outside the tree.

# Plugins made for tests. The -rpath makes libtool build what it will not install.
test_plugins = \
	%D%/auth-chain.la \
	%D%/auth-facts.la \
	%D%/auth-guess.la \
	%D%/auth-larger.la \
	%D%/auth-later.la \
	%D%/auth-lease.la \
	%D%/auth-mood.la \
	%D%/auth-own-methods.la \
	%D%/auth-odd-loop.la \
	%D%/auth-odd-parallel.la \
	%D%/auth-odd-serial.la \
	%D%/auth-serial.la \
	%D%/auth-smaller.la \
	%D%/auth-twostep.la \
	%D%/transport-bare.la \
	%D%/transport-older.la \
	%D%/auth-bad-default.la \
	%D%/auth-bad-methods.la \
	%D%/auth-bad-stride.la \
	%D%/auth-function.la \
	%D%/auth-liar.la \
	%D%/auth-misnamed.la \
	%D%/auth-missing.la \
	%D%/auth-no-check.la \
	%D%/auth-no-ops.la \
	%D%/auth-no-prove.la \
	%D%/auth-no-symbol.la \
	%D%/auth-not-descriptor.la \
	%D%/auth-short.la \
	%D%/auth-small-ops.la \
	%D%/auth-unknown-kind.la \
	%D%/auth-unknown-run.la \
	%D%/auth-unknown-side.la \
	%D%/auth-wrong-abi.la \
	%D%/auth-wrong-kind.la \
	%D%/route-no-claim.la \
	%D%/route-serial.la \
	%D%/transport-half.la \
	%D%/transport-no-scheme.la
check_LTLIBRARIES += $(test_plugins)
test_plugin_ldflags = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
EXTRA_DIST += %D%/refused/refused.h
%C%_auth_chain_la_SOURCES = %D%/good/auth-chain.c
%C%_auth_chain_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_chain_la_LIBADD = $(plugin_libadd)
%C%_auth_facts_la_SOURCES = %D%/good/auth-facts.c
%C%_auth_facts_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_facts_la_LIBADD = $(plugin_libadd)
%C%_auth_guess_la_SOURCES = %D%/good/auth-guess.c
%C%_auth_guess_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_guess_la_LIBADD = $(plugin_libadd)
%C%_auth_larger_la_SOURCES = %D%/good/auth-larger.c
%C%_auth_larger_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_larger_la_LIBADD = $(plugin_libadd)
%C%_auth_later_la_SOURCES = %D%/good/auth-later.c
%C%_auth_later_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_later_la_LIBADD = $(plugin_libadd)
%C%_auth_lease_la_SOURCES = %D%/good/auth-lease.c
%C%_auth_lease_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_lease_la_LIBADD = $(plugin_libadd)
%C%_auth_mood_la_SOURCES = %D%/good/auth-mood.c
%C%_auth_mood_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_mood_la_LIBADD = $(plugin_libadd)
%C%_auth_own_methods_la_SOURCES = %D%/good/auth-own-methods.c
%C%_auth_own_methods_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_own_methods_la_LIBADD = $(plugin_libadd)
%C%_auth_odd_loop_la_SOURCES = %D%/good/auth-odd.c
%C%_auth_odd_loop_la_CPPFLAGS = $(AM_CPPFLAGS) -DRUN=ADIT_RUN_LOOP -DNAME='"auth-odd-loop"'
%C%_auth_odd_loop_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_odd_loop_la_LIBADD = $(plugin_libadd)
%C%_auth_odd_parallel_la_SOURCES = %D%/good/auth-odd.c
%C%_auth_odd_parallel_la_CPPFLAGS = $(AM_CPPFLAGS) -DRUN=ADIT_RUN_PARALLEL \
	-DNAME='"auth-odd-parallel"'
%C%_auth_odd_parallel_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_odd_parallel_la_LIBADD = $(plugin_libadd)
%C%_auth_odd_serial_la_SOURCES = %D%/good/auth-odd.c
%C%_auth_odd_serial_la_CPPFLAGS = $(AM_CPPFLAGS) -DRUN=ADIT_RUN_SERIAL -DNAME='"auth-odd-serial"'
%C%_auth_odd_serial_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_odd_serial_la_LIBADD = $(plugin_libadd)
%C%_auth_serial_la_SOURCES = %D%/good/auth-serial.c
%C%_auth_serial_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_serial_la_LIBADD = $(plugin_libadd)
%C%_auth_smaller_la_SOURCES = %D%/good/auth-smaller.c
%C%_auth_smaller_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_smaller_la_LIBADD = $(plugin_libadd)
%C%_auth_twostep_la_SOURCES = %D%/good/auth-twostep.c
%C%_auth_twostep_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_twostep_la_LIBADD = $(plugin_libadd)
%C%_transport_bare_la_SOURCES = %D%/good/transport-bare.c
%C%_transport_bare_la_LDFLAGS = $(test_plugin_ldflags)
%C%_transport_bare_la_LIBADD = $(plugin_libadd)
%C%_transport_older_la_SOURCES = %D%/good/transport-older.c
%C%_transport_older_la_LDFLAGS = $(test_plugin_ldflags)
%C%_transport_older_la_LIBADD = $(plugin_libadd)
%C%_auth_bad_default_la_SOURCES = %D%/refused/auth-bad-default.c
%C%_auth_bad_default_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_bad_default_la_LIBADD = $(plugin_libadd)
%C%_auth_bad_methods_la_SOURCES = %D%/refused/auth-bad-methods.c
%C%_auth_bad_methods_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_bad_methods_la_LIBADD = $(plugin_libadd)
%C%_auth_bad_stride_la_SOURCES = %D%/refused/auth-bad-stride.c
%C%_auth_bad_stride_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_bad_stride_la_LIBADD = $(plugin_libadd)
%C%_auth_function_la_SOURCES = %D%/refused/auth-function.c
%C%_auth_function_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_function_la_LIBADD = $(plugin_libadd)
%C%_auth_liar_la_SOURCES = %D%/refused/auth-liar.c
%C%_auth_liar_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_liar_la_LIBADD = $(plugin_libadd)
%C%_auth_misnamed_la_SOURCES = %D%/refused/auth-misnamed.c
%C%_auth_misnamed_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_misnamed_la_LIBADD = $(plugin_libadd)
%C%_auth_missing_la_SOURCES = %D%/refused/auth-missing.c
%C%_auth_missing_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_no_check_la_SOURCES = %D%/refused/auth-no-check.c
%C%_auth_no_check_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_no_check_la_LIBADD = $(plugin_libadd)
%C%_auth_no_ops_la_SOURCES = %D%/refused/auth-no-ops.c
%C%_auth_no_ops_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_no_ops_la_LIBADD = $(plugin_libadd)
%C%_auth_no_prove_la_SOURCES = %D%/refused/auth-no-prove.c
%C%_auth_no_prove_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_no_prove_la_LIBADD = $(plugin_libadd)
%C%_auth_no_symbol_la_SOURCES = %D%/refused/auth-no-symbol.c
%C%_auth_no_symbol_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_no_symbol_la_LIBADD = $(plugin_libadd)
%C%_auth_not_descriptor_la_SOURCES = %D%/refused/auth-not-descriptor.c
%C%_auth_not_descriptor_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_not_descriptor_la_LIBADD = $(plugin_libadd)
%C%_auth_short_la_SOURCES = %D%/refused/auth-short.c
%C%_auth_short_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_short_la_LIBADD = $(plugin_libadd)
%C%_auth_small_ops_la_SOURCES = %D%/refused/auth-small-ops.c
%C%_auth_small_ops_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_small_ops_la_LIBADD = $(plugin_libadd)
%C%_auth_unknown_kind_la_SOURCES = %D%/refused/auth-unknown-kind.c
%C%_auth_unknown_kind_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_unknown_kind_la_LIBADD = $(plugin_libadd)
%C%_auth_unknown_run_la_SOURCES = %D%/refused/auth-unknown-run.c
%C%_auth_unknown_run_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_unknown_run_la_LIBADD = $(plugin_libadd)
%C%_auth_unknown_side_la_SOURCES = %D%/refused/auth-unknown-side.c
%C%_auth_unknown_side_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_unknown_side_la_LIBADD = $(plugin_libadd)
%C%_auth_wrong_abi_la_SOURCES = %D%/refused/auth-wrong-abi.c
%C%_auth_wrong_abi_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_wrong_abi_la_LIBADD = $(plugin_libadd)
%C%_auth_wrong_kind_la_SOURCES = %D%/refused/auth-wrong-kind.c
%C%_auth_wrong_kind_la_LDFLAGS = $(test_plugin_ldflags)
%C%_auth_wrong_kind_la_LIBADD = $(plugin_libadd)
%C%_route_no_claim_la_SOURCES = %D%/refused/route-no-claim.c
%C%_route_no_claim_la_LDFLAGS = $(test_plugin_ldflags)
%C%_route_no_claim_la_LIBADD = $(plugin_libadd)
%C%_route_serial_la_SOURCES = %D%/refused/route-serial.c
%C%_route_serial_la_LDFLAGS = $(test_plugin_ldflags)
%C%_route_serial_la_LIBADD = $(plugin_libadd)
%C%_transport_half_la_SOURCES = %D%/refused/transport-half.c
%C%_transport_half_la_LDFLAGS = $(test_plugin_ldflags)
%C%_transport_half_la_LIBADD = $(plugin_libadd)
%C%_transport_no_scheme_la_SOURCES = %D%/refused/transport-no-scheme.c
%C%_transport_no_scheme_la_LDFLAGS = $(test_plugin_ldflags)
%C%_transport_no_scheme_la_LIBADD = $(plugin_libadd)

# The programs hold and export what plugins look for, so that there is one copy of it in the process
# and not a second one in libadit.so.
plugin_tests = \
	%D%/test-addresses \
	%D%/test-calls \
	%D%/test-child \
	%D%/test-key-login \
	%D%/test-loader \
	%D%/test-odd \
	%D%/test-reread \
	%D%/test-shared \
	%D%/test-token-login
check_PROGRAMS += $(plugin_tests)
TESTS += $(plugin_tests)
EXTRA_DIST += %D%/folder.h %D%/login.h
plugin_test_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
plugin_test_ldflags = $(AM_LDFLAGS) -export-dynamic -Wl,-u,adit_auth_finish
%C%_test_loader_CPPFLAGS = $(plugin_test_cppflags)
%C%_test_loader_LDFLAGS = $(plugin_test_ldflags)
%C%_test_loader_LDADD = $(unit_libs)
%C%_test_odd_CPPFLAGS = $(plugin_test_cppflags)
%C%_test_odd_LDFLAGS = $(plugin_test_ldflags)
%C%_test_odd_LDADD = $(unit_libs)
%C%_test_calls_CPPFLAGS = $(plugin_test_cppflags)
%C%_test_calls_LDFLAGS = $(plugin_test_ldflags)
%C%_test_calls_LDADD = $(unit_libs)
%C%_test_addresses_CPPFLAGS = $(plugin_test_cppflags)
%C%_test_addresses_LDFLAGS = $(plugin_test_ldflags)
%C%_test_addresses_LDADD = $(unit_libs)
%C%_test_shared_CPPFLAGS = $(plugin_test_cppflags) $(LIBCONFIG_CFLAGS)
%C%_test_shared_LDFLAGS = $(plugin_test_ldflags)
%C%_test_shared_LDADD = $(unit_libs)
%C%_test_child_SOURCES = %D%/test-child.c $(child_sources)
%C%_test_child_CPPFLAGS = $(plugin_test_cppflags)
%C%_test_child_LDADD = $(unit_libs)
%C%_test_reread_SOURCES = %D%/test-reread.c $(reread_sources)
%C%_test_reread_CPPFLAGS = $(plugin_test_cppflags)
%C%_test_reread_LDFLAGS = $(plugin_test_ldflags)
%C%_test_reread_LDADD = $(unit_libs)
%C%_test_key_login_SOURCES = %D%/test-key-login.c $(key_pure_sources)
%C%_test_key_login_CPPFLAGS = $(plugin_test_cppflags) $(GNUTLS_CFLAGS)
%C%_test_key_login_LDFLAGS = $(plugin_test_ldflags)
%C%_test_key_login_LDADD = $(unit_libs) $(GNUTLS_LIBS)
%C%_test_token_login_CPPFLAGS = $(plugin_test_cppflags)
%C%_test_token_login_LDFLAGS = $(plugin_test_ldflags)
%C%_test_token_login_LDADD = $(unit_libs)

TESTS += %D%/options.sh %D%/pages.sh
EXTRA_DIST += %D%/options.sh %D%/pages.sh

# Binaries of earlier days, and what they were made of: never built again.
EXTRA_DIST += %D%/frozen
