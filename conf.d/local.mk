# Samples, installed as documentation: aditd init writes the configuration that is used.
confsampledir = $(docdir)/conf.d
dist_confsample_DATA = \
	%D%/adit.conf.sample \
	%D%/aditd.conf.sample \
	%D%/auth-exec.conf \
	%D%/auth-jwt.conf \
	%D%/auth-key.conf \
	%D%/auth-password.conf \
	%D%/auth-token.conf \
	%D%/route-port.conf \
	%D%/route-udp.conf \
	%D%/transport-tcp.conf \
	%D%/transport-tls.conf \
	%D%/transport-ws.conf
