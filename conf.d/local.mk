# Samples, installed as documentation: aditd init writes the configuration that is used.
confsampledir = $(docdir)/conf.d
dist_confsample_DATA = \
	%D%/auth-token.conf \
	%D%/route-port.conf \
	%D%/transport-tcp.conf
