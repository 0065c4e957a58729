# A link with delay, rate and faults, for bench/ and for end-to-end tests; see adit-relay.c.
check_PROGRAMS += %D%/adit-relay
%C%_adit_relay_SOURCES = %D%/adit-relay.c %D%/lane.c %D%/lane.h %D%/relay.c %D%/relay.h bench/die.h
%C%_adit_relay_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/bench
