# What is said of the source itself: layers, headers, sizes, words; of what was built: exported names.
lint_tests = \
	%D%/dist.sh \
	%D%/docs.sh \
	%D%/headers.sh \
	%D%/layers.sh \
	%D%/manlint.sh \
	%D%/shell.sh \
	%D%/size.sh \
	%D%/syms.sh \
	%D%/words.sh
TESTS += $(lint_tests)
EXTRA_DIST += $(lint_tests) %D%/functions.sh
