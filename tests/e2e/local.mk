# The real programs with real clients and servers: TESTS += %D%/test_name.py, EXTRA_DIST too.
