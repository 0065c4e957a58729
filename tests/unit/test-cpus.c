/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* How many CPUs there are for us: affinity, and quotas of control groups in folders like the kernel's. */

#define _GNU_SOURCE 1

#include "util/cpus.h"

#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"
#include "util/compiler.h"

static char root[] = "/tmp/adit-cpus-XXXXXX";

/* path below root, "a/b/c", with its folders. */
static void
put(const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		mkdir(full, 0700);
		*p = '/';
	}
	f = fopen(full, "w");
	must(f != NULL);
	fputs(text, f);
	fclose(f);
}

static void
test_unified(void)
{
	is_int(cpus_quota(root), 0, "no /proc, no limit");
	put("proc/self/cgroup", "0::/\n");
	is_int(cpus_quota(root), 0, "no file, no limit");
	put("proc/self/cgroup", "0::/system.slice/aditd.service\n");
	put("sys/fs/cgroup/system.slice/aditd.service/cpu.max", "max 100000\n");
	is_int(cpus_quota(root), 0, "max is no limit");
	put("sys/fs/cgroup/system.slice/aditd.service/cpu.max", "200000 100000\n");
	is_int(cpus_quota(root), 2, "two CPUs");
	put("sys/fs/cgroup/system.slice/aditd.service/cpu.max", "150000 50000\n");
	is_int(cpus_quota(root), 3, "three, of a shorter period");
	put("sys/fs/cgroup/system.slice/cpu.max", "250000 100000\n");
	is_int(cpus_quota(root), 3, "two and a half of the group around: rounded up");
	put("sys/fs/cgroup/cpu.max", "20000 100000\n");
	is_int(cpus_quota(root), 1, "a fifth of all: that of a container which sees its root");
	put("sys/fs/cgroup/cpu.max", "rubbish\n");
	is_int(cpus_quota(root), 3, "what cannot be read sets none");
	put("sys/fs/cgroup/cpu.max", "100000 0\n");
	is_int(cpus_quota(root), 3, "nor does a period of nothing");
}

static void
test_first_version(void)
{
	put("proc/self/cgroup", "12:memory:/x\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/y\nrubbish\n");
	put("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "-1\n");
	put("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n");
	is_int(cpus_quota(root), 0, "-1 is no limit");
	put("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "400000\n");
	is_int(cpus_quota(root), 4, "four CPUs");
	put("sys/fs/cgroup/memory/x/cpu.max", "100000 100000\n");
	is_int(cpus_quota(root), 4, "other controllers have no say");
}

static void
test_here(void)
{
	cpu_set_t before, one;
	unsigned all = cpus_available();
	int first = 0;

	must(sched_getaffinity(0, sizeof(before), &before) == 0);
	ok(all >= 1 && all <= (unsigned)CPU_COUNT(&before), "no more than we may run on: %u", all);
	while (!CPU_ISSET(first, &before))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	must(sched_setaffinity(0, sizeof(one), &one) == 0);
	is_int(cpus_available(), 1, "bound to one there is one");
	must(sched_setaffinity(0, sizeof(before), &before) == 0);
}

int
main(void)
{
	char command[64];

	must(mkdtemp(root) != NULL);
	test_unified();
	test_first_version();
	test_here();
	snprintf(command, sizeof(command), "rm -r %s", root);
	is_int(system(command), 0, "tidied up");
	return done_testing();
}
