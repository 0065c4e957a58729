# The suite: automake's parallel harness, every test speaks TAP. C programs go to check_PROGRAMS and
# TESTS, shell tests end in .sh, Python tests in .py and are pytest files, one TESTS entry each.
# A test finds in its environment: top_srcdir and top_builddir (absolute), plugin_dir (the collected
# plugins), PYTHON, sanitizers (no, or a list like address,undefined), and a poisoned malloc.
# ADIT_QUICK=1 asks for the short form of a long test.

TEST_EXTENSIONS = .sh .py
tap_driver = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(tap_driver)
SH_LOG_DRIVER = $(tap_driver)
PY_LOG_DRIVER = $(tap_driver)
# A test that hangs is ended, with all that it started.
test_timeout = timeout -k 5 600
LOG_COMPILER = $(test_timeout)
SH_LOG_COMPILER = $(test_timeout) $(SHELL)
PY_LOG_COMPILER = $(test_timeout) $(PYTHON) $(top_srcdir)/%D%/taprun.py

AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	plugin_dir='$(abs_top_builddir)/plugins/built'; export plugin_dir; \
	PYTHON='$(PYTHON)'; export PYTHON; \
	sanitizers='$(enable_sanitizers)'; export sanitizers; \
	CC='$(CC)'; export CC; CXX='$(CXX)'; export CXX; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; \
	MALLOC_PERTURB_=165; export MALLOC_PERTURB_; \
	s='$(abs_top_srcdir)/%D%'; \
	ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:exitcode=99; \
	LSAN_OPTIONS=suppressions=$$s/lsan.supp:print_suppressions=0; \
	UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1; \
	TSAN_OPTIONS=suppressions=$$s/tsan.supp:second_deadlock_stack=1:exitcode=66; \
	export ASAN_OPTIONS LSAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS;

# Unit tests and fuzz targets see the insides: they link the archive.
unit_libs = libadit-core.la

EXTRA_DIST += %D%/taprun.py %D%/lsan.supp %D%/tsan.supp

include %D%/unit/local.mk
include %D%/config/local.mk
include %D%/scenario/local.mk
include %D%/plugin/local.mk
include %D%/e2e/local.mk
include %D%/fuzz/local.mk
include %D%/integrity/local.mk
include %D%/relay/local.mk
include %D%/herd/local.mk
include %D%/lint/local.mk
include %D%/model/local.mk
