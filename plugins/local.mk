# One fragment per plugin is included below. The built plugins are collected in plugins/built,
# where ./run and the tests load them: copies, with the modes that the loader insists on.
#
# A fragment, for a plugin called kind-name:
#   pluginexec_LTLIBRARIES += %D%/kind-name.la
#   %C%_kind_name_la_SOURCES = %D%/kind-name.c
#   %C%_kind_name_la_LDFLAGS = $(plugin_ldflags)
#   %C%_kind_name_la_LIBADD = $(plugin_libadd)

# Shared by several plugins, each of which links its own copy.
port_range_sources = %D%/common/port-range.c %D%/common/port-range.h
reread_sources = %D%/common/reread.c %D%/common/reread.h
locked_file_sources = %D%/common/locked_file.c %D%/common/locked_file.h
word_sources = %D%/common/word.c %D%/common/word.h
password_login_sources = %D%/common/password-login.c %D%/common/password-login.h
plugins_common_tests = %D%/common/test-password-login
check_PROGRAMS += $(plugins_common_tests)
TESTS += $(plugins_common_tests)
%C%_common_test_password_login_SOURCES = \
	$(password_login_sources) %D%/common/test-password-login.c
%C%_common_test_password_login_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
child_sources = %D%/common/child.c %D%/common/child.h

include %D%/example/local.mk
include %D%/auth-exec/local.mk
include %D%/auth-jwt/local.mk
include %D%/auth-key/local.mk
include %D%/auth-password/local.mk
include %D%/auth-token/local.mk
include %D%/route-port/local.mk
include %D%/route-udp/local.mk
include %D%/transport-tcp/local.mk
include %D%/transport-tls/local.mk
include %D%/transport-ws/local.mk

# Plugins are linked again when they are installed, against the installed libadit.
install_plugins = install-pluginexecLTLIBRARIES
$(install_plugins): install-libLTLIBRARIES

all-local: %D%/built/.stamp
%D%/built/.stamp: $(pluginexec_LTLIBRARIES)
	$(AM_V_at)rm -rf plugins/built && $(MKDIR_P) plugins/built && chmod 755 plugins/built
	$(AM_V_at)for p in $(pluginexec_LTLIBRARIES); do \
		so=$$(basename $$p .la).so; \
		cp $$(dirname $$p)/.libs/$$so plugins/built/$$so || exit 1; \
		chmod 755 plugins/built/$$so || exit 1; \
	done
	$(AM_V_at)touch $@

clean-local:
	-rm -rf plugins/built

# libtool's own description of a plugin is of no use: plugins are loaded by their file's name.
install-exec-hook:
	@for p in $(pluginexec_LTLIBRARIES); do \
		rm -f "$(DESTDIR)$(pluginexecdir)/$$(basename $$p)"; \
	done

uninstall-hook:
	@for p in $(pluginexec_LTLIBRARIES); do \
		rm -f "$(DESTDIR)$(pluginexecdir)/$$(basename $$p .la).so"; \
	done
	-@rmdir "$(DESTDIR)$(pluginexecdir)" "$(DESTDIR)$(libdir)/adit" 2>/dev/null
	-@rmdir "$(DESTDIR)$(aditincludedir)" 2>/dev/null
