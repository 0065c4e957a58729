/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* How many CPUs this process may use. Any thread; reads files, so it blocks. */

#ifndef ADIT_UTIL_CPUS_H
#define ADIT_UTIL_CPUS_H

/* At least 1: CPUs on which it may run (sched_setaffinity(2), taskset, cpusets), and no more than
 * its control groups give it time for (cpu.max, or cpu.cfs_quota_us of the first version). */
unsigned cpus_available(void);

/* What control groups give, rounded up; 0: they set no limit, or none that can be read. root stands
 * before /proc and /sys: "" but in tests. */
unsigned cpus_quota(const char *root);

#endif
