# What helps to run Adit and is no part of it: examples, installed beside the documents.
exampledir = $(docdir)/examples
nodist_example_DATA = %D%/systemd/aditd.service %D%/systemd/adit@.service
systemd_units_in = %D%/systemd/aditd.service.in %D%/systemd/adit@.service.in
EXTRA_DIST += $(systemd_units_in)
CLEANFILES += $(nodist_example_DATA)

$(nodist_example_DATA): $(systemd_units_in) Makefile
	$(AM_V_GEN)$(MKDIR_P) contrib/systemd && \
	sed -e 's,[@]sbindir[@],$(sbindir),' -e 's,[@]bindir[@],$(bindir),' \
		-e 's,[@]sysconfdir[@],$(sysconfdir),' \
		$(srcdir)/$@.in >$@.tmp && mv $@.tmp $@
