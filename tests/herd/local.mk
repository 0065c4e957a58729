# Many agents in one process, for end-to-end tests; see adit-herd.c. Plugins find the host functions in it.
check_PROGRAMS += %D%/adit-herd
%C%_adit_herd_SOURCES = %D%/adit-herd.c
%C%_adit_herd_LDFLAGS = $(plugin_test_ldflags)
%C%_adit_herd_LDADD = $(unit_libs)
