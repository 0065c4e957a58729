/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* CPUs that there are for us. Any thread. A group may be limited by each of those that it is in, so
 * all are looked at, up to the root; in a container that does not see its own path the root is its
 * own. */

#define _GNU_SOURCE 1

#include "util/cpus.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/compiler.h"

#define ENOUGH 1000000 /* CPUs; a larger quota is none */

/* The first line of dir/name; false: there is none. */
static bool
read_line(const char *dir, const char *name, char *buf, size_t cap)
{
	char path[PATH_MAX];
	bool got;
	FILE *f;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		return false;
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	got = fgets(buf, (int)cap, f) != NULL;
	fclose(f);
	return got;
}

static unsigned
cpus_of(long long quota, long long period)
{
	if (quota <= 0 || period <= 0 || quota / period >= ENOUGH)
		return 0;
	return (unsigned)((quota + period - 1) / period);
}

/* Of one group; 0: it sets none. */
static unsigned
group_quota(const char *dir)
{
	char line[64], period[64];
	long long q, p;

	if (read_line(dir, "cpu.max", line, sizeof(line)))
		return sscanf(line, "%lld %lld", &q, &p) == 2 ? cpus_of(q, p) : 0;
	if (read_line(dir, "cpu.cfs_quota_us", line, sizeof(line)) &&
		read_line(dir, "cpu.cfs_period_us", period, sizeof(period)))
		return cpus_of(atoll(line), atoll(period));
	return 0;
}

static unsigned
smaller(unsigned a, unsigned b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* mount: where the hierarchy is; path: the group in it, "/a/b". Cuts path. */
static unsigned
path_quota(const char *mount, char *path)
{
	unsigned found = 0;
	char dir[PATH_MAX];
	char *slash;

	for (;;) {
		if ((size_t)snprintf(dir, sizeof(dir), "%s%s", mount, path) < sizeof(dir))
			found = smaller(found, group_quota(dir));
		slash = strrchr(path, '/');
		if (slash == NULL)
			return found;
		*slash = '\0';
	}
}

/* "cpu" is one of "cpuacct,cpu". */
static bool
has_cpu(const char *controllers)
{
	char copy[256], *at = copy, *word;

	snprintf(copy, sizeof(copy), "%s", controllers);
	while ((word = strsep(&at, ",")) != NULL)
		if (strcmp(word, "cpu") == 0)
			return true;
	return false;
}

/* One line of /proc/self/cgroup: "0::/a/b" or "4:cpu,cpuacct:/a/b". */
static unsigned
line_quota(const char *root, char *line)
{
	char mount[PATH_MAX], *at = line, *number, *controllers;

	line[strcspn(line, "\n")] = '\0';
	number = strsep(&at, ":");
	controllers = strsep(&at, ":");
	if (controllers == NULL || at == NULL || at[0] != '/')
		return 0;
	if (strcmp(number, "0") == 0 && controllers[0] == '\0')
		snprintf(mount, sizeof(mount), "%s/sys/fs/cgroup", root);
	else if (has_cpu(controllers))
		snprintf(mount, sizeof(mount), "%s/sys/fs/cgroup/%s", root, controllers);
	else
		return 0;
	return path_quota(mount, at);
}

unsigned
cpus_quota(const char *root)
{
	char path[PATH_MAX], line[PATH_MAX];
	unsigned found = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		found = smaller(found, line_quota(root, line));
	fclose(f);
	return found;
}

unsigned
cpus_available(void)
{
	unsigned quota = cpus_quota(""), n = 1;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = (unsigned)MAX(1, CPU_COUNT(&set));
	return smaller(n, quota);
}
