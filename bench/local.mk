# The benchmark: bench/run measures this build and the peers that it finds; see doc/performance.md.
# Its load generator is built with the tests, or by make bench/adit-load.
check_PROGRAMS += %D%/adit-load
%C%_adit_load_SOURCES = %D%/adit-load.c %D%/client.c %D%/client.h %D%/die.h %D%/hist.c \
	%D%/hist.h %D%/order.h %D%/target.c %D%/target.h
EXTRA_DIST += %D%/logins %D%/visitors.py
EXTRA_DIST += %D%/run %D%/handshakes %D%/agents.py %D%/cases.py %D%/goals.py %D%/machine.py %D%/middle.py %D%/page.py \
	%D%/peers.py %D%/plot.py %D%/report.py %D%/work.py

# Fixed work for core/wire, whose instructions bench/run --callgrind counts.
check_PROGRAMS += %D%/adit-frames
%C%_adit_frames_SOURCES = %D%/adit-frames.c $(pair_sources)
%C%_adit_frames_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
%C%_adit_frames_LDADD = $(unit_libs)

# What it costs to hand a client to another worker.
check_PROGRAMS += %D%/adit-handover
%C%_adit_handover_SOURCES = %D%/adit-handover.c %D%/die.h
%C%_adit_handover_LDADD = $(unit_libs)

EXTRA_DIST += %D%/callgrind.py %D%/profile.py %D%/frames.bounds

# What the time of a refused login says about its proof.
check_PROGRAMS += %D%/auth-timing
%C%_auth_timing_SOURCES = %D%/auth-timing.c %D%/die.h
%C%_auth_timing_LDFLAGS = $(plugin_test_ldflags)
%C%_auth_timing_LDADD = $(unit_libs) -lm
