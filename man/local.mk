# Manual pages: dist_man_MANS += %D%/name.section
dist_man_MANS += \
	%D%/adit-auth-test.1 \
	%D%/adit-auth.3 \
	%D%/adit-plugin.3 \
	%D%/adit.1 \
	%D%/adit.conf.5 \
	%D%/aditctl.8 \
	%D%/aditd.8 \
	%D%/aditd.conf.5
