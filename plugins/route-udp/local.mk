pluginexec_LTLIBRARIES += %D%/route-udp.la
%C%_route_udp_la_SOURCES = %D%/route-udp.c $(port_range_sources)
%C%_route_udp_la_CPPFLAGS = $(AM_CPPFLAGS)
%C%_route_udp_la_LDFLAGS = $(plugin_ldflags)
%C%_route_udp_la_LIBADD = $(plugin_libadd)
dist_man_MANS += %D%/adit-route-udp.5
