# Configuration, control, and the two mains.
core_sources += \
	%D%/agent_config.c \
	%D%/agent_join.c %D%/agent_join.h \
	%D%/agent_main.c \
	%D%/agent_options.c %D%/agent_options.h \
	%D%/agent_report.c %D%/agent_report.h \
	%D%/auth_said.c %D%/auth_said.h \
	%D%/command.c %D%/command.h \
	%D%/confd.c %D%/confd.h \
	%D%/config.h \
	%D%/control.c %D%/control.h \
	%D%/control_path.c %D%/control_path.h \
	%D%/control_call.c %D%/control_call.h \
	%D%/grammar.c %D%/grammar.h \
	%D%/invite.c %D%/invite.h \
	%D%/join_line.c %D%/join_line.h \
	%D%/joined.c %D%/joined.h \
	%D%/keygen.c %D%/keygen.h \
	%D%/lex.c %D%/lex.h \
	%D%/link_config.c %D%/link_config.h \
	%D%/main.h \
	%D%/memory.c %D%/memory.h \
	%D%/plugset.c %D%/plugset.h \
	%D%/protect.c %D%/protect.h \
	%D%/proxy_config.c %D%/proxy_config.h \
	%D%/schema.c %D%/schema.h \
	%D%/server_config.c \
	%D%/server_control.c \
	%D%/server_init.c %D%/server_init.h \
	%D%/server_main.c \
	%D%/server_options.c %D%/server_options.h \
	%D%/server_run.h \
	%D%/source.c %D%/source.h \
	%D%/trial.c %D%/trial.h \
	%D%/trial_main.c \
	%D%/trial_options.c %D%/trial_options.h \
	%D%/tunnel_config.c %D%/tunnel_config.h \
	%D%/user_dir.c %D%/user_dir.h
