# Sessions, streams, the public front, the registry.
core_sources += \
	%D%/conf.c \
	%D%/conf.h \
	%D%/limit.c \
	%D%/limit.h
