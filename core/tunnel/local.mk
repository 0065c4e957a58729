# Sessions, streams, the public front, the registry.
core_sources += \
	%D%/agent.c %D%/agent.h %D%/agent_priv.h \
	%D%/agent_link.c \
	%D%/agent_renew.c \
	%D%/agent_resume.c \
	%D%/agent_session.c \
	%D%/agent_worker.c \
	%D%/auth.c %D%/auth.h \
	%D%/backoff.c %D%/backoff.h \
	%D%/bind.c \
	%D%/budget.c %D%/budget.h \
	%D%/conf.c %D%/conf.h \
	%D%/door.c %D%/door.h \
	%D%/flow.c %D%/flow.h \
	%D%/front.c \
	%D%/gate.c %D%/gate.h \
	%D%/group.c %D%/group.h \
	%D%/http_watch.c %D%/http_watch.h \
	%D%/hush.c %D%/hush.h \
	%D%/identity.c %D%/identity.h \
	%D%/issue.c \
	%D%/limit.c %D%/limit.h \
	%D%/module.c \
	%D%/name_gate.c %D%/name_gate.h \
	%D%/penalty.c %D%/penalty.h \
	%D%/place.c %D%/place.h \
	%D%/proof.c \
	%D%/registry.c %D%/registry.h \
	%D%/request_log.c %D%/request_log.h \
	%D%/roster.c %D%/roster.h \
	%D%/server.c %D%/server.h %D%/server_priv.h \
	%D%/server_renew.c \
	%D%/server_resume.c \
	%D%/server_session.c \
	%D%/server_worker.c \
	%D%/session.c %D%/session.h \
	%D%/spread.c %D%/spread.h \
	%D%/stream.c %D%/stream.h \
	%D%/tally.c %D%/tally.h \
	%D%/target.c \
	%D%/udp_front.c \
	%D%/udp_target.c \
	%D%/unread.c %D%/unread.h \
	%D%/walk.c %D%/walk.h
