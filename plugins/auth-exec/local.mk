pluginexec_LTLIBRARIES += %D%/auth-exec.la
auth_exec_sources = \
	%D%/answer.c \
	%D%/answer.h \
	%D%/auth-exec.c \
	%D%/base64.c \
	%D%/base64.h \
	%D%/desk.c \
	%D%/desk.h \
	%D%/helper.c \
	%D%/helper.h \
	%D%/line.c \
	%D%/line.h \
	plugins/common/jwt-login.h \
	$(child_sources) \
	$(password_login_sources)
%C%_auth_exec_la_SOURCES = $(auth_exec_sources)
%C%_auth_exec_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
%C%_auth_exec_la_LDFLAGS = $(plugin_ldflags)
%C%_auth_exec_la_LIBADD = $(plugin_libadd) $(JANSSON_LIBS)
dist_man_MANS += %D%/adit-auth-exec.5

# What fuzzing reads answers with.
auth_exec_answer_sources = %D%/answer.c %D%/answer.h %D%/base64.c %D%/base64.h

auth_exec_tests = %D%/test-answer %D%/test-exec
check_PROGRAMS += $(auth_exec_tests)
TESTS += $(auth_exec_tests)
%C%_test_answer_SOURCES = $(auth_exec_answer_sources) %D%/line.c %D%/line.h %D%/test-answer.c
%C%_test_answer_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) -I$(top_srcdir)/tests/unit
%C%_test_answer_LDADD = $(JANSSON_LIBS)
# The whole plugin, with a core of the test's own.
%C%_test_exec_SOURCES = $(auth_exec_sources) %D%/test-core.c %D%/test-core.h %D%/test-exec.c \
	%D%/test-program.c %D%/test-program.h
%C%_test_exec_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) -I$(top_srcdir)/tests/unit
%C%_test_exec_LDADD = $(JANSSON_LIBS)

auth_exec_examples = \
	%D%/examples/auth-closed.sh \
	%D%/examples/auth-file.py \
	%D%/examples/auth-http.py
authexecexamplesdir = $(docdir)/examples/auth-exec
dist_authexecexamples_SCRIPTS = $(auth_exec_examples)
