# Manual pages: dist_man_MANS += %D%/name.section
