# A plugin with a tree of its own, for third parties to copy; `make installcheck` builds it against
# the installed Adit.
EXTRA_DIST += \
	%D%/Makefile.am \
	%D%/auth-allow.c \
	%D%/configure.ac \
	%D%/installcheck.sh

installcheck-local:
	$(SHELL) $(srcdir)/plugins/example/installcheck.sh '$(abs_top_srcdir)/plugins/example' \
		'$(DESTDIR)$(aclocaldir)' '$(DESTDIR)$(pkgconfigdir)' '$(DESTDIR)$(sbindir)/aditd'
