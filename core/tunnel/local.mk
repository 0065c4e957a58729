# Sessions, streams, the public front, the registry.
core_sources += \
	%D%/auth.c \
	%D%/auth.h \
	%D%/conf.c \
	%D%/conf.h \
	%D%/http_watch.c \
	%D%/http_watch.h \
	%D%/identity.c \
	%D%/identity.h \
	%D%/limit.c \
	%D%/limit.h \
	%D%/module.c
