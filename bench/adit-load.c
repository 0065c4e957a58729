/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors
 *
 * adit-load, the two ends of the bench: a target that does what it is asked for, and a client that
 * asks. bench/run starts both and what is measured between them.
 *
 *     adit-load target
 *     adit-load client --to PORT [--conns N] [--bulk N] [--stopped-up N | --stopped-down N]
 *                      [--send BYTES] [--get BYTES] [--times N | --seconds S] [--fresh]
 *     adit-load client --to PORT [--conns N] --flood up|down [--warm S] --seconds S
 */
#include <arpa/inet.h>
#include <getopt.h>

#include "client.h"
#include "die.h"
#include "order.h"
#include "target.h"

static const struct option options[] = {
	{ "to", required_argument, NULL, 't' },
	{ "conns", required_argument, NULL, 'c' },
	{ "bulk", required_argument, NULL, 'b' },
	{ "stopped-up", required_argument, NULL, 'u' },
	{ "stopped-down", required_argument, NULL, 'd' },
	{ "send", required_argument, NULL, 's' },
	{ "get", required_argument, NULL, 'g' },
	{ "times", required_argument, NULL, 'n' },
	{ "seconds", required_argument, NULL, 'w' },
	{ "fresh", no_argument, NULL, 'f' },
	{ "flood", required_argument, NULL, 'F' },
	{ "warm", required_argument, NULL, 'W' },
	{ NULL, 0, NULL, 0 },
};

static uint64_t
number(const char *text, uint64_t least, uint64_t most)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || v < least || v > most)
		die("a number is wrong", errno ? errno : EINVAL);
	return v;
}

static double
duration(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !(v > 0 && v < 1e5))
		die("the number of seconds is wrong", 0);
	return v;
}

static void
read_options(struct plan *plan, int argc, char **argv)
{
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (o) {
		case 't':
			plan->to.sin_port = htons((uint16_t)number(optarg, 1, 65535));
			break;
		case 'c':
			plan->conns = (unsigned)number(optarg, 1, 1000000);
			break;
		case 'b':
			plan->bulk = (unsigned)number(optarg, 0, 1000000);
			break;
		case 'u':
		case 'd':
			plan->stopped = (unsigned)number(optarg, 1, 1000000);
			plan->stopped_up = o == 'u';
			break;
		case 's':
			plan->send = number(optarg, sizeof(struct order), 1ull << 50);
			break;
		case 'g':
			plan->get = number(optarg, 1, 1ull << 50);
			break;
		case 'n':
			plan->times = number(optarg, 1, 1ull << 50);
			break;
		case 'w':
			plan->seconds = duration(optarg);
			break;
		case 'f':
			plan->fresh = true;
			break;
		case 'F':
			plan->flood = strcmp(optarg, "up") == 0 ? FLOOD_UP : FLOOD_DOWN;
			if (plan->flood == FLOOD_DOWN && strcmp(optarg, "down") != 0)
				die("--flood is up or down", 0);
			break;
		case 'W':
			plan->warm = duration(optarg);
			break;
		default:
			exit(2);
		}
	if (optind < argc)
		die("an argument too many", 0);
}

int
main(int argc, char **argv)
{
	struct plan plan = { .conns = 1, .send = 64, .get = 64 };

	if (argc == 2 && strcmp(argv[1], "target") == 0) {
		target_run();
		return 0;
	}
	if (argc < 2 || strcmp(argv[1], "client") != 0)
		die("the first argument is target or client", 0);
	plan.to.sin_family = AF_INET;
	plan.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	read_options(&plan, argc - 1, argv + 1);
	if (plan.to.sin_port == 0 || !plan.times == !(plan.seconds > 0))
		die("--to and one of --times and --seconds are needed", 0);
	if (plan.flood != FLOOD_NOT && (plan.times || plan.bulk || plan.stopped || plan.fresh))
		die("--flood goes with --seconds only", 0);
	client_run(&plan);
	return 0;
}
