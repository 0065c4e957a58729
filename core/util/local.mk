core_sources += \
	%D%/addr.c %D%/addr.h \
	%D%/bufq.c %D%/bufq.h \
	%D%/compiler.c %D%/compiler.h \
	%D%/cpus.c %D%/cpus.h \
	%D%/cursor.h \
	%D%/err.c %D%/err.h \
	%D%/facts.c %D%/facts.h \
	%D%/file.c %D%/file.h \
	%D%/json.c %D%/json.h \
	%D%/list.h \
	%D%/log.c %D%/log.h \
	%D%/map.c %D%/map.h \
	%D%/mono.c %D%/mono.h \
	%D%/prompt.c %D%/prompt.h \
	%D%/rand.c %D%/rand.h \
	%D%/units.c %D%/units.h
