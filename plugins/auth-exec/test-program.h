/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The program that test-exec asks. */

#ifndef AUTH_EXEC_TEST_PROGRAM_H
#define AUTH_EXEC_TEST_PROGRAM_H

/* what: "good" answers, "polite" says good bye as well, "deaf" and "stubborn" do nothing and do not
 * want to end. Returns the exit status. */
int be_program(const char *what);

#endif
