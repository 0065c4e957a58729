# Text conversations, replayed against the real core/wire with a clock that stands still. replay.c says
# what the lines mean; a scenario is added by adding its name.
scenarios = \
	%D%/agent-in.inc \
	%D%/credit-on-flow.scn \
	%D%/credit.scn \
	%D%/data-on-flow.scn \
	%D%/datagram-agent.scn \
	%D%/datagram-early.scn \
	%D%/datagram-late.scn \
	%D%/datagram-on-bytes.scn \
	%D%/datagram-refused.scn \
	%D%/datagram-server.scn \
	%D%/drain-crossing.scn \
	%D%/drain-decided.scn \
	%D%/drain-server.scn \
	%D%/expired-away.scn \
	%D%/feature-not-agreed.scn \
	%D%/fin-before-answer.scn \
	%D%/fin-on-flow.scn \
	%D%/flow.scn \
	%D%/glitches.scn \
	%D%/half-close-client.scn \
	%D%/half-close-target.scn \
	%D%/link-lost.scn \
	%D%/login-agent.scn \
	%D%/login-challenge.scn \
	%D%/login-impatient.scn \
	%D%/login-late.scn \
	%D%/login-left.scn \
	%D%/login-member-wrong.scn \
	%D%/login-member.scn \
	%D%/login-not-adit.scn \
	%D%/login-refused-agent.scn \
	%D%/login-refused.scn \
	%D%/login-sent-away.scn \
	%D%/login-version.scn \
	%D%/login.scn \
	%D%/open-not-answered.scn \
	%D%/open-refused.scn \
	%D%/open-too-many.scn \
	%D%/ping.scn \
	%D%/renew-agent-cut.scn \
	%D%/renew-agent-twice.scn \
	%D%/renew-agent-unasked.scn \
	%D%/renew-agent.scn \
	%D%/renew-answer-unasked.scn \
	%D%/renew-draining.scn \
	%D%/renew-for-ever.scn \
	%D%/renew-impatient.scn \
	%D%/renew-late.scn \
	%D%/renew-new-secret.scn \
	%D%/renew-other-session.scn \
	%D%/renew-refused.scn \
	%D%/renew-server-twice.scn \
	%D%/renew-server.scn \
	%D%/renew-too-fast.scn \
	%D%/replaced.scn \
	%D%/reset-after-fin-crossing.scn \
	%D%/reset-after-fin.scn \
	%D%/reset-answered.scn \
	%D%/reset-never-ended.scn \
	%D%/reset.scn \
	%D%/resume-agent-in.inc \
	%D%/resume-agent.scn \
	%D%/resume-early.scn \
	%D%/resume-expired.scn \
	%D%/resume-lie.scn \
	%D%/resume-no-ack.scn \
	%D%/resume-not-agreed.scn \
	%D%/resume-not-offered.scn \
	%D%/resume-refused.scn \
	%D%/resume-server-in.inc \
	%D%/resume-server.scn \
	%D%/resume-silence.scn \
	%D%/resume-wrong-secret.scn \
	%D%/server-in.inc \
	%D%/silence.scn \
	%D%/unbind.scn \
	%D%/window.scn
EXTRA_DIST += $(scenarios)
check_PROGRAMS += %D%/replay
TESTS += %D%/replay
%C%_replay_SOURCES = %D%/replay.c $(pair_sources) $(frametext_sources)
%C%_replay_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
%C%_replay_LDADD = $(unit_libs)
