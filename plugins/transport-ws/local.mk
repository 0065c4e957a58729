pluginexec_LTLIBRARIES += %D%/transport-ws.la
# The pure part, which its tests and fuzz targets build by themselves.
ws_pure_sources = \
	%D%/http_head.c \
	%D%/http_head.h \
	%D%/nets.c \
	%D%/nets.h \
	%D%/ws_ask.c \
	%D%/ws_frame.c \
	%D%/ws_frame.h \
	%D%/ws_key.c \
	%D%/ws_key.h \
	%D%/ws_shake.c \
	%D%/ws_shake.h
%C%_transport_ws_la_SOURCES = \
	%D%/transport-ws.c \
	%D%/ws_conf.c \
	%D%/ws_conf.h \
	$(ws_pure_sources)
%C%_transport_ws_la_LDFLAGS = $(plugin_ldflags)
%C%_transport_ws_la_LIBADD = $(plugin_libadd)
dist_man_MANS += %D%/adit-transport-ws.5

transport_ws_tests = %D%/test-ws-frame %D%/test-ws-shake
check_PROGRAMS += $(transport_ws_tests)
TESTS += $(transport_ws_tests)
EXTRA_DIST += %D%/requests.txt %D%/answers.txt %D%/frames.txt
%C%_test_ws_frame_SOURCES = %D%/test-ws-frame.c %D%/test-table.h $(ws_pure_sources)
%C%_test_ws_frame_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
%C%_test_ws_shake_SOURCES = %D%/test-ws-shake.c %D%/test-table.h $(ws_pure_sources)
%C%_test_ws_shake_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
