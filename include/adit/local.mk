# The public headers.
aditinclude_HEADERS = \
	%D%/auth.h \
	%D%/plugin.h \
	%D%/route.h \
	%D%/transport.h
nodist_aditinclude_HEADERS = %D%/version.h
