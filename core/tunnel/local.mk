# Sessions, streams, the public front, the registry.
adit_core_sources += \
	%D%/conf.c \
	%D%/conf.h \
	%D%/limit.c \
	%D%/limit.h
