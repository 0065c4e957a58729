# Configurations that are wrong, each with what must be said of it, and good ones; samples, manual
# pages and --help, which say what the programs take.
config_tests = \
	%D%/test_config.py \
	%D%/test_manual.py
TESTS += $(config_tests)
EXTRA_DIST += \
	$(config_tests) \
	%D%/bad \
	%D%/bad-agent \
	%D%/configcase.py \
	%D%/good \
	%D%/good-agent

check_PROGRAMS += %D%/test-limits-page
TESTS += %D%/test-limits-page
%C%_test_limits_page_LDADD = $(unit_libs)
