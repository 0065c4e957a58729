# Configurations that are wrong, each with what must be said of it, and good ones.
TESTS += %D%/test_config.py
EXTRA_DIST += \
	%D%/bad \
	%D%/bad-agent \
	%D%/configcase.py \
	%D%/good \
	%D%/good-agent \
	%D%/test_config.py
