# The real programs with real clients and servers: TESTS += %D%/test_name.py, EXTRA_DIST too.

TESTS += %D%/test_aditwire.py
EXTRA_DIST += %D%/aditwire.py %D%/aditmachine.py %D%/aditsession.py %D%/peertables.py \
	%D%/test_aditwire.py
EXTRA_DIST += %D%/harness.py %D%/conftest.py
TESTS += %D%/test_peer_agent.py %D%/test_peer_limits.py %D%/test_peer_server.py
EXTRA_DIST += %D%/peerworld.py %D%/test_peer_agent.py %D%/test_peer_limits.py \
	%D%/test_peer_server.py
TESTS += %D%/test_control.py %D%/test_join.py
EXTRA_DIST += %D%/test_control.py %D%/test_join.py
TESTS += %D%/test_integrity.py
EXTRA_DIST += %D%/test_integrity.py
TESTS += %D%/test_clients.py
EXTRA_DIST += %D%/tools.py %D%/traffic.py %D%/echo.py %D%/test_clients.py
TESTS += %D%/test_budget.py %D%/test_stall.py %D%/test_crowd.py %D%/test_urgent.py
EXTRA_DIST += %D%/procfs.py %D%/agents.py %D%/bulk.py %D%/crowd.py %D%/test_budget.py %D%/test_stall.py \
	%D%/test_urgent.py \
	%D%/test_crowd.py
TESTS += %D%/test_faults.py %D%/test_plugins.py
EXTRA_DIST += %D%/selfdial.py %D%/test_faults.py %D%/test_plugins.py
TESTS += %D%/test_auth.py
EXTRA_DIST += %D%/test_auth.py
TESTS += %D%/test_bench.py
EXTRA_DIST += %D%/test_bench.py
TESTS += %D%/test_shared_port.py
EXTRA_DIST += %D%/test_shared_port.py
TESTS += %D%/test_reload.py
EXTRA_DIST += %D%/test_reload.py
TESTS += %D%/test_sessions.py %D%/test_fair.py
EXTRA_DIST += %D%/test_sessions.py %D%/test_fair.py %D%/takers.py
TESTS += %D%/test_relay.py
EXTRA_DIST += %D%/relay.py %D%/test_relay.py
TESTS += %D%/test_resume.py %D%/test_resume_server.py
EXTRA_DIST += %D%/cutter.py %D%/resumepeer.py %D%/sshtools.py %D%/test_resume.py \
	%D%/test_resume_server.py
TESTS += %D%/test_takeover.py
EXTRA_DIST += %D%/test_takeover.py
TESTS += %D%/test_udp.py %D%/test_peer_udp.py
EXTRA_DIST += %D%/test_udp.py %D%/test_peer_udp.py
TESTS += %D%/test_return.py
EXTRA_DIST += %D%/test_return.py
TESTS += %D%/test_proxy.py
EXTRA_DIST += %D%/proxies.py %D%/test_proxy.py
TESTS += %D%/test_slow.py %D%/test_fronts.py
EXTRA_DIST += %D%/slowpokes.py %D%/test_slow.py %D%/test_fronts.py
TESTS += %D%/test_moving.py
EXTRA_DIST += %D%/test_moving.py
TESTS += %D%/test_ws.py
EXTRA_DIST += %D%/wsbridge.js %D%/wsbridge.py %D%/wspeer.py %D%/wstables.py %D%/test_ws.py
TESTS += %D%/test_tls.py
EXTRA_DIST += %D%/tlsworld.py %D%/test_tls.py
TESTS += %D%/test_key.py
EXTRA_DIST += %D%/test_key.py
TESTS += %D%/test_renew.py
EXTRA_DIST += %D%/test_renew.py
TESTS += %D%/test_resume_agent.py
EXTRA_DIST += %D%/test_resume_agent.py
TESTS += %D%/test_frozen.py
EXTRA_DIST += %D%/test_frozen.py
TESTS += %D%/test_auth_tool.py
EXTRA_DIST += %D%/test_auth_tool.py
TESTS += %D%/test_exec.py
EXTRA_DIST += %D%/test_exec.py
TESTS += %D%/test_secrets.py
EXTRA_DIST += %D%/test_secrets.py
TESTS += %D%/test_odd_plugins.py
EXTRA_DIST += %D%/test_odd_plugins.py
