# One program per file of core: check_PROGRAMS += %D%/test-name, TESTS += %D%/test-name, and
#   %C%_test_name_SOURCES = %D%/test-name.c
#   %C%_test_name_LDADD = $(unit_libs)
