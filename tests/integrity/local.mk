# Streams of every size and every kind of ending, both ends in one program. Through a tunnel it is
# run by tests/e2e/test_integrity.py; here it is tested itself.
check_PROGRAMS += %D%/integrity
%C%_integrity_SOURCES = %D%/end.c %D%/end.h %D%/integrity.c %D%/judge.c %D%/judge.h \
	%D%/plan.c %D%/plan.h
%C%_integrity_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS)
%C%_integrity_LDADD = $(unit_libs) $(GNUTLS_LIBS) -lm
TESTS += %D%/direct.sh %D%/test_judge.py
EXTRA_DIST += %D%/direct.sh %D%/test_judge.py
