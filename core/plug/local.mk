# The loader of plugins and the functions they find in libadit.
core_sources += \
	%D%/api.c \
	%D%/kinds.c \
	%D%/kinds.h \
	%D%/loader.c \
	%D%/loader.h \
	%D%/module.c \
	%D%/module.h \
	%D%/options.c \
	%D%/options.h
