# Workers and connections: the only folder that includes ev.h.
core_sources += \
	%D%/conn.h \
	%D%/listen.h \
	%D%/mbox.h \
	%D%/offload.h \
	%D%/resolve.h \
	%D%/sock.h \
	%D%/worker.h
