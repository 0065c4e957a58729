# Documents that are installed: dist_doc_DATA += %D%/name.md
dist_doc_DATA += %D%/models.md %D%/performance.md %D%/protocol.md %D%/threads.md

# The plots of performance.md, drawn by bench/run --page.
performancedir = $(docdir)/performance
dist_performance_DATA = \
	%D%/performance/bulk-cpu.svg \
	%D%/performance/bulk.svg \
	%D%/performance/latency.svg \
	%D%/performance/long.svg \
	%D%/performance/small-cpu.svg \
	%D%/performance/small.svg

# Why some things are as they are.
decisiondir = $(docdir)/decisions
dist_decision_DATA = \
	%D%/decisions/0001-session-credit-with-floors.md \
	%D%/decisions/0002-exact-ends-of-streams.md \
	%D%/decisions/0003-data-is-pulled.md \
	%D%/decisions/0004-token-exchange.md \
	%D%/decisions/0005-programs-and-library.md \
	%D%/decisions/0006-windows-follow-their-streams.md \
	%D%/decisions/0007-two-ways-for-data.md \
	%D%/decisions/0008-datagrams.md \
	%D%/decisions/0009-members-of-an-agent.md \
	%D%/decisions/0010-return-after-a-restart.md \
	%D%/decisions/0011-proxies.md \
	%D%/decisions/0012-sessions-outlive-links.md \
	%D%/decisions/0013-layers-and-doors.md \
	%D%/decisions/0014-join-lines-and-the-control-socket.md \
	%D%/decisions/0015-tls-on-links.md \
	%D%/decisions/0016-logins-that-expire.md \
	%D%/decisions/0017-agent-keys.md \
	%D%/decisions/0018-who-may-try.md \
	%D%/decisions/0019-passwords.md \
	%D%/decisions/0020-asking-programs.md \
	%D%/decisions/0021-keys-of-tokens.md
