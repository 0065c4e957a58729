# Manual pages: dist_man_MANS += %D%/name.section
dist_man_MANS += \
	%D%/adit.1 \
	%D%/adit.conf.5 \
	%D%/aditd.8 \
	%D%/aditd.conf.5
