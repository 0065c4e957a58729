# The public headers.
aditinclude_HEADERS =
nodist_aditinclude_HEADERS = %D%/version.h
