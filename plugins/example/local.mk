# A plugin with a tree of its own, for third parties to copy. It is installed as it is, and `make
# installcheck` builds it from there against the installed Adit, tests it, and logs in with it.
authworddir = $(docdir)/examples/auth-word
dist_authword_DATA = \
	%D%/auth-word/Makefile.am \
	%D%/auth-word/README \
	%D%/auth-word/auth-word.c \
	%D%/auth-word/configure.ac
dist_authword_SCRIPTS = %D%/auth-word/test.sh
EXTRA_DIST += %D%/installcheck.sh

installcheck-local:
	destdir='$(DESTDIR)' aclocaldir='$(aclocaldir)' pkgconfigdir='$(pkgconfigdir)' \
		bindir='$(bindir)' sbindir='$(sbindir)' libdir='$(libdir)' \
		plugindir='$(pluginexecdir)' exampledir='$(authworddir)' PYTHON='$(PYTHON)' \
		$(SHELL) $(srcdir)/plugins/example/installcheck.sh
