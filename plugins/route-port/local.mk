pluginexec_LTLIBRARIES += %D%/route-port.la
%C%_route_port_la_SOURCES = %D%/route-port.c $(port_range_sources)
%C%_route_port_la_CPPFLAGS = $(AM_CPPFLAGS)
%C%_route_port_la_LDFLAGS = $(plugin_ldflags)
%C%_route_port_la_LIBADD = $(plugin_libadd)
dist_man_MANS += %D%/adit-route-port.5
