/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors
 *
 * adit-relay, a long and slow link in one program: whatever connects to it on loopback is connected
 * to a port, and the bytes arrive later. For bench/ and for tests.
 *
 *     adit-relay --to PORT [--listen PORT] [--delay MS | --up MS --down MS] [--rate BIT/S]
 *                [--buffer BYTES]
 *
 * --delay is one way, each way; --rate counts for each connection and direction. Connecting itself is
 * not delayed. A lane holds what is on its way at the rate, or at 10 Gbit/s, twice over, unless
 * --buffer says how much. Commands come on standard input: see relay.h.
 */
#include <arpa/inet.h>
#include <getopt.h>

#include "die.h"
#include "relay.h"

#define FASTEST 10000000000.0
#define BUFFER_MIN (1u << 20)

static const struct option options[] = {
	{ "to", required_argument, NULL, 't' },
	{ "listen", required_argument, NULL, 'l' },
	{ "delay", required_argument, NULL, 'd' },
	{ "up", required_argument, NULL, 'u' },
	{ "down", required_argument, NULL, 'w' },
	{ "rate", required_argument, NULL, 'r' },
	{ "buffer", required_argument, NULL, 'b' },
	{ NULL, 0, NULL, 0 },
};

static double
number(const char *text, double least, double most)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !(v >= least && v <= most))
		die("a number is wrong", EINVAL);
	return v;
}

static uint64_t
milliseconds(const char *text)
{
	return (uint64_t)(number(text, 0, 60000) * 1e6);
}

static void
read_options(struct relay *r, int argc, char **argv)
{
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (o) {
		case 't':
			r->to.sin_port = htons((uint16_t)number(optarg, 1, 65535));
			break;
		case 'l':
			r->at.sin_port = htons((uint16_t)number(optarg, 1, 65535));
			break;
		case 'd':
			r->up.delay_ns = r->down.delay_ns = milliseconds(optarg);
			break;
		case 'u':
			r->up.delay_ns = milliseconds(optarg);
			break;
		case 'w':
			r->down.delay_ns = milliseconds(optarg);
			break;
		case 'r':
			r->up.rate = r->down.rate = (uint64_t)number(optarg, 8000, 1e12);
			break;
		case 'b':
			r->up.buffer = r->down.buffer = (uint64_t)number(optarg, 4096, 1e11);
			break;
		default:
			exit(2);
		}
	if (optind < argc || r->to.sin_port == 0)
		die("--to is needed, and nothing but options", 0);
}

/* Twice what is on its way, and what a link with a rate takes ahead. */
static void
choose_buffer(struct path *p)
{
	double rate = p->rate ? (double)p->rate : FASTEST;
	double n = rate / 8e9 * (2 * (double)p->delay_ns + 2 * (double)LANE_QUEUE_NS);

	if (p->buffer == 0)
		p->buffer = n < BUFFER_MIN ? BUFFER_MIN : (uint64_t)n;
}

int
main(int argc, char **argv)
{
	struct relay r = { .at.sin_family = AF_INET, .to.sin_family = AF_INET };

	r.at.sin_addr.s_addr = r.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	read_options(&r, argc, argv);
	choose_buffer(&r.up);
	choose_buffer(&r.down);
	relay_run(&r);
	return 0;
}
