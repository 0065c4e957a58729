dnl SPDX-License-Identifier: MIT
dnl Copyright (c) 2026 the Adit authors
dnl
dnl Probes for compiler and linker flags. Each flag is tried by itself with warnings as errors,
dnl because compilers accept flags that they do not know with a mere warning.

dnl ADIT_CC_FLAG(VARIABLE, FLAG...): appends to VARIABLE each FLAG that the compiler takes.
AC_DEFUN([ADIT_CC_FLAG], [
m4_foreach_w([adit_flag], [$2], [
	AC_MSG_CHECKING([whether $CC accepts ]adit_flag)
	adit_save_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS -Werror ]adit_flag["
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <stdio.h>]], [[puts("");]])],
		[AC_MSG_RESULT([yes]); $1="$$1 adit_flag"],
		[AC_MSG_RESULT([no])])
	CFLAGS=$adit_save_CFLAGS
])])

dnl ADIT_LD_FLAG(VARIABLE, FLAG...): the same for flags that matter when linking.
AC_DEFUN([ADIT_LD_FLAG], [
m4_foreach_w([adit_flag], [$2], [
	AC_MSG_CHECKING([whether the linker accepts ]adit_flag)
	adit_save_CFLAGS=$CFLAGS adit_save_LDFLAGS=$LDFLAGS
	CFLAGS="$CFLAGS -Werror" LDFLAGS="$LDFLAGS ]adit_flag["
	AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <stdio.h>]], [[puts("");]])],
		[AC_MSG_RESULT([yes]); $1="$$1 adit_flag"],
		[AC_MSG_RESULT([no])])
	CFLAGS=$adit_save_CFLAGS LDFLAGS=$adit_save_LDFLAGS
])])
