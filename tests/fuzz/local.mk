# Fuzz targets, fuzz-NAME.c with their corpus in corpus/NAME/. With --enable-fuzzing (clang) they are
# libFuzzer programs; without it they replay their corpus inside make check. A target needs
#   fuzz_targets += %D%/fuzz-name
#   %C%_fuzz_name_SOURCES = %D%/fuzz-name.c $(fuzz_main)
#   %C%_fuzz_name_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
#   %C%_fuzz_name_LDADD = $(unit_libs)
fuzz_targets =
EXTRA_DIST += %D%/replay.c
if ENABLE_FUZZING
fuzz_main =
else
fuzz_main = %D%/replay.c
endif

# Targets are added here.
fuzz_targets += %D%/fuzz-msg %D%/fuzz-mux %D%/fuzz-session
fuzz_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
%C%_fuzz_msg_SOURCES = %D%/fuzz-msg.c %D%/fuzz.h $(fuzz_main)
%C%_fuzz_msg_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
%C%_fuzz_msg_LDADD = $(unit_libs)
%C%_fuzz_mux_SOURCES = %D%/fuzz-mux.c %D%/fuzz.h $(pair_sources) $(fuzz_main)
%C%_fuzz_mux_CPPFLAGS = $(fuzz_cppflags)
%C%_fuzz_mux_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
%C%_fuzz_mux_LDADD = $(unit_libs)
%C%_fuzz_session_SOURCES = %D%/fuzz-session.c %D%/fuzz.h $(pairops_sources) $(fuzz_main)
%C%_fuzz_session_CPPFLAGS = $(fuzz_cppflags)
%C%_fuzz_session_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
%C%_fuzz_session_LDADD = $(unit_libs)
EXTRA_DIST += %D%/corpus/msg %D%/corpus/mux %D%/corpus/session
fuzz_targets += %D%/fuzz-resume
%C%_fuzz_resume_SOURCES = %D%/fuzz-resume.c %D%/fuzz.h $(pairops_sources) $(fuzz_main)
%C%_fuzz_resume_CPPFLAGS = $(fuzz_cppflags)
%C%_fuzz_resume_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
%C%_fuzz_resume_LDADD = $(unit_libs)
EXTRA_DIST += %D%/corpus/resume
fuzz_targets += %D%/fuzz-config
%C%_fuzz_config_SOURCES = %D%/fuzz-config.c $(fuzz_main)
%C%_fuzz_config_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
%C%_fuzz_config_LDADD = $(unit_libs)
EXTRA_DIST += %D%/corpus/config
fuzz_targets += %D%/fuzz-door
%C%_fuzz_door_SOURCES = %D%/fuzz-door.c tests/unit/layers.c tests/unit/layers.h $(fuzz_main)
%C%_fuzz_door_CPPFLAGS = $(fuzz_cppflags)
%C%_fuzz_door_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
%C%_fuzz_door_LDADD = $(unit_libs)
EXTRA_DIST += %D%/corpus/door
fuzz_targets += %D%/fuzz-join-line
%C%_fuzz_join_line_SOURCES = %D%/fuzz-join-line.c $(fuzz_main)
%C%_fuzz_join_line_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
%C%_fuzz_join_line_LDADD = $(unit_libs)
EXTRA_DIST += %D%/corpus/join-line
fuzz_targets += %D%/fuzz-proxy
%C%_fuzz_proxy_SOURCES = %D%/fuzz-proxy.c %D%/fuzz.h $(fuzz_main)
%C%_fuzz_proxy_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
%C%_fuzz_proxy_LDADD = $(unit_libs)
EXTRA_DIST += %D%/corpus/proxy

fuzz_targets += %D%/fuzz-passwords
%C%_fuzz_passwords_SOURCES = %D%/fuzz-passwords.c %D%/fuzz.h $(accounts_sources) $(fuzz_main)
%C%_fuzz_passwords_CPPFLAGS = $(accounts_cppflags) -I$(top_srcdir)/plugins/auth-password
%C%_fuzz_passwords_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
%C%_fuzz_passwords_LDADD = $(unit_libs) $(accounts_libs)
EXTRA_DIST += %D%/corpus/passwords
fuzz_targets += %D%/fuzz-ws-frame %D%/fuzz-ws-shake
fuzz_ws_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/transport-ws
%C%_fuzz_ws_frame_SOURCES = %D%/fuzz-ws-frame.c %D%/fuzz.h $(ws_pure_sources) $(fuzz_main)
%C%_fuzz_ws_frame_CPPFLAGS = $(fuzz_ws_cppflags)
%C%_fuzz_ws_frame_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
%C%_fuzz_ws_frame_LDADD = $(unit_libs)
%C%_fuzz_ws_shake_SOURCES = %D%/fuzz-ws-shake.c %D%/fuzz.h $(ws_pure_sources) $(fuzz_main)
%C%_fuzz_ws_shake_CPPFLAGS = $(fuzz_ws_cppflags)
%C%_fuzz_ws_shake_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
%C%_fuzz_ws_shake_LDADD = $(unit_libs)
EXTRA_DIST += %D%/corpus/ws-frame %D%/corpus/ws-shake
fuzz_targets += %D%/fuzz-jwt
%C%_fuzz_jwt_SOURCES = %D%/fuzz-jwt.c %D%/fuzz.h $(jwt_pure_sources) $(jwt_keys_sources) $(fuzz_main)
%C%_fuzz_jwt_CPPFLAGS = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS) $(JANSSON_CFLAGS) \
	-I$(top_srcdir)/plugins/auth-jwt -I$(top_srcdir)
%C%_fuzz_jwt_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
%C%_fuzz_jwt_LDADD = $(unit_libs) $(GNUTLS_LIBS) $(JANSSON_LIBS) -lm
EXTRA_DIST += %D%/corpus/jwt

fuzz_targets += %D%/fuzz-keys %D%/fuzz-private-key
fuzz_key_cppflags = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS) -I$(top_srcdir)/plugins/auth-key
%C%_fuzz_keys_SOURCES = %D%/fuzz-keys.c %D%/fuzz.h $(key_pure_sources) $(fuzz_main)
%C%_fuzz_keys_CPPFLAGS = $(fuzz_key_cppflags)
%C%_fuzz_keys_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
%C%_fuzz_keys_LDADD = $(unit_libs) $(GNUTLS_LIBS)
%C%_fuzz_private_key_SOURCES = %D%/fuzz-private-key.c %D%/fuzz.h $(key_pure_sources) $(fuzz_main)
%C%_fuzz_private_key_CPPFLAGS = $(fuzz_key_cppflags)
%C%_fuzz_private_key_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
%C%_fuzz_private_key_LDADD = $(unit_libs) $(GNUTLS_LIBS)
EXTRA_DIST += %D%/corpus/keys %D%/corpus/private-key
fuzz_targets += %D%/fuzz-exec-answer
%C%_fuzz_exec_answer_SOURCES = %D%/fuzz-exec-answer.c %D%/fuzz.h $(auth_exec_answer_sources) \
	$(fuzz_main)
%C%_fuzz_exec_answer_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
%C%_fuzz_exec_answer_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
%C%_fuzz_exec_answer_LDADD = $(unit_libs) $(JANSSON_LIBS)
EXTRA_DIST += %D%/corpus/exec-answer
fuzz_targets += %D%/fuzz-jwks
%C%_fuzz_jwks_SOURCES = %D%/fuzz-jwks.c %D%/fuzz.h $(jwt_keys_sources) $(jwt_text_sources) $(fuzz_main)
%C%_fuzz_jwks_CPPFLAGS = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS) $(JANSSON_CFLAGS)
%C%_fuzz_jwks_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
%C%_fuzz_jwks_LDADD = $(unit_libs) $(GNUTLS_LIBS) $(JANSSON_LIBS)
EXTRA_DIST += %D%/corpus/jwks

check_PROGRAMS += $(fuzz_targets)
if !ENABLE_FUZZING
TESTS += $(fuzz_targets)
endif
