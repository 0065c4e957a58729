pluginexec_LTLIBRARIES += %D%/transport-tcp.la
%C%_transport_tcp_la_SOURCES = %D%/transport-tcp.c
%C%_transport_tcp_la_LDFLAGS = $(plugin_ldflags)
%C%_transport_tcp_la_LIBADD = $(plugin_libadd)
dist_man_MANS += %D%/adit-transport-tcp.5
