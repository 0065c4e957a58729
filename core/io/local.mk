# Workers and connections: the only folder that includes ev.h.
core_sources += \
	%D%/conn.c %D%/conn.h %D%/conn_priv.h \
	%D%/conn_layer.c \
	%D%/conn_move.c \
	%D%/dgram.c %D%/dgram.h \
	%D%/dialer.c %D%/dialer.h \
	%D%/listen.c %D%/listen.h \
	%D%/local.c %D%/local.h \
	%D%/mbox.c %D%/mbox.h \
	%D%/offload.c %D%/offload.h \
	%D%/pipe.c %D%/pipe.h \
	%D%/proxy.c %D%/proxy.h \
	%D%/proxy_env.c \
	%D%/proxy_http.c \
	%D%/proxy_socks.c \
	%D%/proxy_talk.c %D%/proxy_talk.h \
	%D%/resolve.c %D%/resolve.h \
	%D%/signals.c %D%/signals.h \
	%D%/sock.c %D%/sock.h \
	%D%/thread.c %D%/thread.h \
	%D%/timer.c \
	%D%/worker.c %D%/worker.h
