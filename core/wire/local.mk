core_sources += \
	%D%/code.c %D%/code.h \
	%D%/frame.c %D%/frame.h \
	%D%/msg.c %D%/msg_encode.c %D%/msg.h \
	%D%/mux.c %D%/mux.h %D%/mux_priv.h \
	%D%/mux_credit.c \
	%D%/mux_datagram.c \
	%D%/mux_login.c \
	%D%/mux_recv.c \
	%D%/mux_resume.c \
	%D%/mux_send.c \
	%D%/mux_stream.c \
	%D%/rate.c %D%/rate.h \
	%D%/state.c %D%/state.h
