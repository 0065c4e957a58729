# Fuzz targets. With --enable-fuzzing they are libFuzzer programs (link with $(FUZZ_LDFLAGS)); without
# it they replay their corpus inside make check.
