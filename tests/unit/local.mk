# One program per file of core: check_PROGRAMS += %D%/test-name, TESTS += %D%/test-name, and
#   %C%_test_name_SOURCES = %D%/test-name.c
#   %C%_test_name_LDADD = $(unit_libs)
EXTRA_DIST += %D%/tap.h %D%/post.h %D%/probe.h

util_tests = \
	%D%/test-addr \
	%D%/test-bufq \
	%D%/test-compiler \
	%D%/test-cpus \
	%D%/test-cursor \
	%D%/test-err \
	%D%/test-facts \
	%D%/test-file \
	%D%/test-control-call \
	%D%/test-join-line \
	%D%/test-json \
	%D%/test-list \
	%D%/test-log \
	%D%/test-map \
	%D%/test-mono \
	%D%/test-rand \
	%D%/test-units
check_PROGRAMS += $(util_tests)
TESTS += $(util_tests)
%C%_test_addr_LDADD = $(unit_libs)
%C%_test_bufq_LDADD = $(unit_libs)
%C%_test_compiler_LDADD = $(unit_libs)
%C%_test_cpus_LDADD = $(unit_libs)
%C%_test_cursor_LDADD = $(unit_libs)
%C%_test_err_LDADD = $(unit_libs)
%C%_test_facts_LDADD = $(unit_libs)
%C%_test_file_LDADD = $(unit_libs)
%C%_test_control_call_LDADD = $(unit_libs)
%C%_test_join_line_LDADD = $(unit_libs)
%C%_test_json_LDADD = $(unit_libs)
%C%_test_list_LDADD = $(unit_libs)
%C%_test_log_LDADD = $(unit_libs)
%C%_test_map_LDADD = $(unit_libs)
%C%_test_mono_LDADD = $(unit_libs)
%C%_test_rand_LDADD = $(unit_libs)
%C%_test_units_LDADD = $(unit_libs)

io_tests = \
	%D%/test-conn \
	%D%/test-conn-move \
	%D%/test-dgram \
	%D%/test-listen \
	%D%/test-local \
	%D%/test-mbox \
	%D%/test-offload \
	%D%/test-proxy \
	%D%/test-dialer \
	%D%/test-proxy-talk \
	%D%/test-resolve \
	%D%/test-worker
check_PROGRAMS += $(io_tests)
TESTS += $(io_tests)
link_sources = %D%/linkend.c %D%/linkend.h %D%/layers.c %D%/layers.h
%C%_test_conn_SOURCES = %D%/test-conn.c $(link_sources)
%C%_test_conn_LDADD = $(unit_libs)
%C%_test_conn_move_SOURCES = %D%/test-conn-move.c $(link_sources)
%C%_test_conn_move_LDADD = $(unit_libs)
%C%_test_dgram_LDADD = $(unit_libs)
%C%_test_listen_LDADD = $(unit_libs)
%C%_test_local_LDADD = $(unit_libs)
%C%_test_mbox_LDADD = $(unit_libs)
%C%_test_offload_LDADD = $(unit_libs)
%C%_test_proxy_LDADD = $(unit_libs)
%C%_test_dialer_LDADD = $(unit_libs)
%C%_test_proxy_talk_LDADD = $(unit_libs)
%C%_test_resolve_LDADD = $(unit_libs)
%C%_test_worker_LDADD = $(unit_libs)

http_tests = \
	%D%/test-http-watch \
	%D%/test-request-log
check_PROGRAMS += $(http_tests)
TESTS += $(http_tests)
%C%_test_http_watch_LDADD = $(unit_libs)
%C%_test_request_log_LDADD = $(unit_libs)

plug_tests = \
	%D%/test-auth \
	%D%/test-auth-chain \
	%D%/test-auth-expires \
	%D%/test-identity \
	%D%/test-options \
	%D%/test-proof
check_PROGRAMS += $(plug_tests)
TESTS += $(plug_tests)
%C%_test_auth_LDADD = $(unit_libs)
%C%_test_auth_chain_LDADD = $(unit_libs)
%C%_test_auth_expires_LDADD = $(unit_libs)
%C%_test_identity_LDADD = $(unit_libs)
%C%_test_options_LDADD = $(unit_libs)
%C%_test_proof_LDADD = $(unit_libs)

ctl_tests = \
	%D%/test-agent-report \
	%D%/test-command-line \
	%D%/test-config \
	%D%/test-grammar \
	%D%/test-link-config
check_PROGRAMS += $(ctl_tests)
TESTS += $(ctl_tests)
%C%_test_agent_report_LDADD = $(unit_libs)
%C%_test_command_line_LDADD = $(unit_libs)
%C%_test_config_CPPFLAGS = $(AM_CPPFLAGS) $(LIBCONFIG_CFLAGS)
%C%_test_config_LDADD = $(unit_libs)
%C%_test_grammar_CPPFLAGS = $(AM_CPPFLAGS) $(LIBCONFIG_CFLAGS)
%C%_test_grammar_LDADD = $(unit_libs)
%C%_test_link_config_CPPFLAGS = $(AM_CPPFLAGS) $(LIBCONFIG_CFLAGS)
%C%_test_link_config_LDADD = $(unit_libs)

# The protocol: pair.c is two ends of a session in memory, pairops.c their life told by bytes.
wire_tests = \
	%D%/test-frame \
	%D%/test-msg \
	%D%/test-mux \
	%D%/test-mux-aside \
	%D%/test-mux-credit \
	%D%/test-mux-datagram \
	%D%/test-mux-limits \
	%D%/test-mux-random \
	%D%/test-mux-renew \
	%D%/test-mux-resume \
	%D%/test-mux-sim \
	%D%/test-rate \
	%D%/test-state \
	%D%/test-vectors
check_PROGRAMS += $(wire_tests)
TESTS += $(wire_tests)
pair_sources = %D%/pair.c %D%/pair.h %D%/pairlink.c %D%/pairlink.h
pairops_sources = $(pair_sources) %D%/pairops.c %D%/pairops.h
frametext_sources = %D%/frametext.c %D%/frametext.h
%C%_test_frame_LDADD = $(unit_libs)
%C%_test_msg_LDADD = $(unit_libs)
%C%_test_mux_SOURCES = %D%/test-mux.c $(pair_sources)
%C%_test_mux_LDADD = $(unit_libs)
%C%_test_mux_aside_SOURCES = %D%/test-mux-aside.c $(pair_sources)
%C%_test_mux_aside_LDADD = $(unit_libs)
%C%_test_mux_credit_SOURCES = %D%/test-mux-credit.c $(pair_sources)
%C%_test_mux_credit_LDADD = $(unit_libs)
%C%_test_mux_datagram_SOURCES = %D%/test-mux-datagram.c $(pair_sources)
%C%_test_mux_datagram_LDADD = $(unit_libs)
%C%_test_mux_limits_SOURCES = %D%/test-mux-limits.c $(pair_sources)
%C%_test_mux_limits_LDADD = $(unit_libs)
%C%_test_mux_random_SOURCES = %D%/test-mux-random.c $(pairops_sources)
%C%_test_mux_random_LDADD = $(unit_libs)
%C%_test_mux_renew_SOURCES = %D%/test-mux-renew.c $(pair_sources)
%C%_test_mux_renew_LDADD = $(unit_libs)
%C%_test_mux_resume_SOURCES = %D%/test-mux-resume.c $(pair_sources)
%C%_test_mux_resume_LDADD = $(unit_libs)
%C%_test_mux_sim_SOURCES = %D%/test-mux-sim.c %D%/simlink.c %D%/simlink.h $(pair_sources)
%C%_test_mux_sim_LDADD = $(unit_libs)
%C%_test_rate_LDADD = $(unit_libs)
%C%_test_state_LDADD = $(unit_libs)
%C%_test_vectors_SOURCES = %D%/test-vectors.c $(pair_sources) $(frametext_sources)
%C%_test_vectors_LDADD = $(unit_libs)

# Who may log in, who owns what, and whose bytes have waited long enough.
tunnel_tests = %D%/test-backoff %D%/test-budget %D%/test-door %D%/test-flow %D%/test-gate \
	%D%/test-name-gate \
	%D%/test-hush %D%/test-group %D%/test-place %D%/test-registry %D%/test-server-worker %D%/test-tally %D%/test-unread \
	%D%/test-walk
check_PROGRAMS += $(tunnel_tests)
TESTS += $(tunnel_tests)
%C%_test_backoff_LDADD = $(unit_libs)
%C%_test_door_LDADD = $(unit_libs)
%C%_test_flow_LDADD = $(unit_libs)
%C%_test_budget_LDADD = $(unit_libs)
%C%_test_gate_LDADD = $(unit_libs)
%C%_test_name_gate_LDADD = $(unit_libs)
%C%_test_hush_LDADD = $(unit_libs)
%C%_test_group_LDADD = $(unit_libs)
%C%_test_place_LDADD = $(unit_libs)
%C%_test_registry_LDADD = $(unit_libs)
%C%_test_server_worker_LDADD = $(unit_libs)
%C%_test_tally_LDADD = $(unit_libs)
%C%_test_unread_LDADD = $(unit_libs)
%C%_test_walk_LDADD = $(unit_libs)
