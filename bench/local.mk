# The benchmark: bench/run measures this build and the peers that it finds; see doc/performance.md.
# Its load generator is built with the tests, or by make bench/adit-load.
check_PROGRAMS += %D%/adit-load
%C%_adit_load_SOURCES = %D%/adit-load.c %D%/client.c %D%/client.h %D%/die.h %D%/hist.c \
	%D%/hist.h %D%/order.h %D%/target.c %D%/target.h
EXTRA_DIST += %D%/run %D%/agents.py %D%/cases.py %D%/goals.py %D%/machine.py %D%/middle.py \
	%D%/peers.py %D%/report.py %D%/work.py
