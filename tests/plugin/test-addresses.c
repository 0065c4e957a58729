/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The plugins that decide on addresses: where transport-tcp listens, and which ports route-port
 * and route-udp give to whom. */

#define _GNU_SOURCE 1

#include <errno.h>

#include "folder.h"
#include "plug/module.h"
#include "tap.h"
#include "tunnel/auth.h"

static struct err e;
static struct module *m;

static struct option_value
string(const char *key, const char *s)
{
	return (struct option_value){.key = key, .type = VALUE_STRING, .str = s,
		.file = "/etc/x.conf", .line = 2};
}

static int
make(const char *name, const struct option_value *v, size_t n, enum adit_side side)
{
	module_free(m);
	m = NULL;
	memset(&e, 0, sizeof(e));
	return module_create(dir, name, v, n, side, "/etc/x.conf", 1, &m, &e);
}

static void
refused(const char *name, struct option_value v, const char *want)
{
	is_int(make(name, &v, 1, ADIT_SIDE_SERVER), -EINVAL, want);
	is_str(e.msg, want, "… is what it says");
}

/* ---- transport-tcp --------------------------------------------------------------------------- */

static void
test_listen(void)
{
	static const char *const many[] = {"127.0.0.1:9000", "[::1]:9001", "localhost:9002",
		"9003"};
	struct option_value v[2] = {
		{.key = "listen", .type = VALUE_LIST, .list = many, .n_list = 4},
		{.key = "allow_plain", .type = VALUE_BOOL, .num = 1}};
	char text[64];

	is_int(make("transport-tcp", v, 1, ADIT_SIDE_SERVER), 0, "loopback addresses");
	is_int(m->n_listen, 4, "all of them");
	is_str(addr_text(&m->listen[1], text, sizeof(text)), "[::1]:9001", "IPv6");
	is_str(addr_text(&m->listen[2], text, sizeof(text)), "127.0.0.1:9002", "localhost");
	is_str(addr_text(&m->listen[3], text, sizeof(text)), "127.0.0.1:9003", "a port alone");
	is_str(m->transport.scheme, "tcp", "its scheme");
	ok(m->transport.encrypted == 0 && m->layer.size == 0 && !m->allow_plain,
		"no encryption, no layer");
	is_int(make("transport-tcp", NULL, 0, ADIT_SIDE_AGENT), 0, "an agent listens nowhere");
	v[0] = string("listen", "*:9000");
	is_int(make("transport-tcp", v, 2, ADIT_SIDE_SERVER), 0, "any address");
	ok(m->allow_plain, "of which the whole configuration says whether it may be plain");
	refused("transport-tcp", string("listen", "example.org:9000"),
		"transport-tcp: \"listen\": expects a numeric address or * before the port, but is "
		"\"example.org:9000\"");
	refused("transport-tcp", string("listen", "127.0.0.1"),
		"transport-tcp: \"listen\": expects \"address:port\", but is \"127.0.0.1\"");
	v[0] = (struct option_value){.key = "listen", .type = VALUE_LIST};
	is_int(make("transport-tcp", v, 1, ADIT_SIDE_SERVER), -EINVAL, "an empty list");
	is_str(e.msg, "transport-tcp: \"listen\": needs one address at least", "is none");
	is_int(make("transport-tcp", NULL, 0, ADIT_SIDE_SERVER), -EINVAL, "no list");
	is_str(e.msg, "transport-tcp: \"listen\": is missing: addresses where agents may connect, "
		      "as \"address:port\"", "is none, either");
}

/* ---- route-port ------------------------------------------------------------------------------ */

static struct identity id = {.account = "acme", .agent = "web1"};
static struct adit_claim claim;

/* Asks for candidate number attempt; the port, or minus the refusal's code. */
static int
ask(const char *key, const char *value, uint16_t reserved, uint32_t attempt)
{
	claim = (struct adit_claim){.id = &id, .tunnel = "ssh", .param_key = &key,
		.param_value = &value, .n_params = key != NULL, .reserved = reserved};
	if (m->route.claim(m->inst, NULL, &claim, attempt) == 0)
		return addr_port(&claim.listen);
	return -(int)claim.code;
}

static void
test_range(void)
{
	char text[64];

	is_int(make("route-port", NULL, 0, ADIT_SIDE_SERVER), 0, "with its defaults");
	is_str(m->route.route, "port", "it is the route \"port\"");
	is_int(ask(NULL, NULL, 0, 0), 10000, "the first port of the range");
	is_str(addr_text(&claim.listen, text, sizeof(text)), "127.0.0.1:10000", "on loopback");
	is_int(ask(NULL, NULL, 0, 1), 10001, "then the next");
	is_int(ask(NULL, NULL, 0, 9999), 19999, "up to the last");
	is_int(ask(NULL, NULL, 0, 10000), -ADIT_REFUSE_NO_ADDRESS, "then none");
	is_str(claim.text, "no port of 10000-19999 is free", "which is said");
	is_int(ask(NULL, NULL, 10002, 0), 10002, "the reserved port comes first");
	is_int(ask(NULL, NULL, 10002, 1), 10000, "then the others,");
	is_int(ask(NULL, NULL, 10002, 2), 10001, "in order,");
	is_int(ask(NULL, NULL, 10002, 3), 10003, "but not that one again");
	is_int(ask(NULL, NULL, 10002, 9999), 19999, "to the last");
	is_int(ask(NULL, NULL, 10002, 10000), -ADIT_REFUSE_NO_ADDRESS, "and no further");
	is_int(ask(NULL, NULL, 9, 0), 10000, "a reserved port that is not permitted any more");
}

static void
test_asked(void)
{
	static const char *const nonsense[] = {"0", "", "abc", "-1", "65536", "99999999", "10000 ",
		"+10000", "0x10", "10000-10001"};

	is_int(ask("port", "10022", 0, 0), 10022, "a port that is asked for");
	is_int(ask("port", "10022", 10001, 0), 10022, "whatever is reserved");
	is_int(ask("port", "10022", 0, 1), -ADIT_REFUSE_IN_USE, "there is no other");
	is_str(claim.text, "port 10022 is in use", "which is said");
	is_int(ask("port", "20000", 0, 0), -ADIT_REFUSE_NOT_PERMITTED, "one outside of the range");
	is_str(claim.text, "port 20000 is not permitted for account acme, only 10000-19999",
		"is not permitted");
	is_int(ask("port", "22", 0, 0), -ADIT_REFUSE_NOT_PERMITTED, "one below 1024");
	for (size_t i = 0; i < ARRAY_LEN(nonsense); i++)
		is_int(ask("port", nonsense[i], 0, 0), -ADIT_REFUSE_BAD_REQUEST, "no port");
	is_str(claim.text, "\"10000-10001\" is not a port: a number from 1 to 65535", "is said");
	is_int(ask("prot", "1", 0, 0), -ADIT_REFUSE_BAD_REQUEST, "an unknown parameter");
	is_str(claim.text, "the route \"port\" knows no parameter \"prot\", only \"port\"",
		"is named");
}

static void
test_grant(void)
{
	must(identity_grant(&id, "ports", "443, 30000-30001") == 0);
	is_int(ask("port", "443", 0, 0), 443, "with a grant: a port below 1024");
	is_int(ask("port", "30001", 0, 0), 30001, "one outside of the range");
	is_int(ask("port", "10022", 0, 0), -ADIT_REFUSE_NOT_PERMITTED, "but none of the range");
	is_str(claim.text, "port 10022 is not permitted for account acme, only 443, 30000-30001",
		"which is said");
	is_int(ask(NULL, NULL, 0, 0), 443, "any port: the first that is granted");
	is_int(ask(NULL, NULL, 0, 2), 30001, "to the last");
	is_int(ask(NULL, NULL, 0, 3), -ADIT_REFUSE_NO_ADDRESS, "and no other");
	is_int(ask(NULL, NULL, 30001, 0), 30001, "a reserved one that is granted");
	is_int(ask(NULL, NULL, 30001, 1), 443, "then the first");
	is_int(ask(NULL, NULL, 30001, 3), -ADIT_REFUSE_NO_ADDRESS, "each once");
	must(identity_grant(&id, "ports", "all") == 0);
	is_int(ask("port", "10022", 0, 0), -ADIT_REFUSE_NOT_PERMITTED, "a grant of nonsense");
	is_str(claim.text, "the server's grant of ports for this agent cannot be read", "is none");
	identity_fini(&id);
	snprintf(id.account, sizeof(id.account), "acme");
}

static void
test_options(void)
{
	struct option_value v[] = {string("bind", "[::1]"),
		string("range", "2000, 3000-3001 ,4000 - 4000")};
	char text[64];

	is_int(make("route-port", v, 2, ADIT_SIDE_SERVER), 0, "several ranges and an IPv6 address");
	is_int(ask(NULL, NULL, 0, 0), 2000, "first range");
	is_str(addr_text(&claim.listen, text, sizeof(text)), "[::1]:2000", "on that address");
	is_int(ask(NULL, NULL, 0, 2), 3001, "second range");
	is_int(ask(NULL, NULL, 0, 3), 4000, "third range");
	is_int(ask(NULL, NULL, 0, 4), -ADIT_REFUSE_NO_ADDRESS, "no fourth");
	v[0] = string("bind", "*");
	is_int(make("route-port", v, 1, ADIT_SIDE_SERVER), 0, "all addresses");
	is_int(ask(NULL, NULL, 0, 0), 10000, "take a port");
	is_str(addr_text(&claim.listen, text, sizeof(text)), "0.0.0.0:10000", "on all of them");
	refused("route-port", string("bind", "example.org"),
		"route-port: \"bind\": expects a numeric address or *, but is \"example.org\"");
	refused("route-port", string("range", "80"),
		"route-port: \"range\": cannot have ports below 1024: they need a grant (ports=80)");
	refused("route-port", string("range", "20000-10000"),
		"route-port: \"range\": expects ports such as \"10000-19999\" or "
		"\"8080,10000-10099\", but is \"20000-10000\"");
	refused("route-port", string("range", "2000,"),
		"route-port: \"range\": expects ports such as \"10000-19999\" or "
		"\"8080,10000-10099\", but is \"2000,\"");
	refused("route-port", string("range", "10000-65536"),
		"route-port: \"range\": expects ports such as \"10000-19999\" or "
		"\"8080,10000-10099\", but is \"10000-65536\"");
	is_int(make("route-port", NULL, 0, ADIT_SIDE_AGENT), -EINVAL, "an agent has no routes");
}

static void
test_udp(void)
{
	must(identity_grant(&id, "ports", "443") == 0);
	is_int(make("route-udp", NULL, 0, ADIT_SIDE_SERVER), 0, "route-udp with its defaults");
	is_str(m->route.route, "udp", "it is the route \"udp\"");
	is_int(m->route.protocol, ADIT_PROTOCOL_UDP, "for datagrams");
	is_int(ask(NULL, NULL, 0, 0), 10000, "a grant of TCP ports is no grant here");
	is_int(ask("port", "53", 0, 0), -ADIT_REFUSE_NOT_PERMITTED, "53 needs one");
	must(identity_grant(&id, "udp_ports", "53") == 0);
	is_int(ask("port", "53", 0, 0), 53, "and has it");
	is_int(ask("prot", "1", 0, 0), -ADIT_REFUSE_BAD_REQUEST, "an unknown parameter");
	is_str(claim.text, "the route \"udp\" knows no parameter \"prot\", only \"port\"",
		"is named, and so is the route");
	refused("route-udp", string("range", "53"),
		"route-udp: \"range\": cannot have ports below 1024: they need a grant (udp_ports=53)");
	is_int(make("route-port", NULL, 0, ADIT_SIDE_SERVER), 0, "the other one");
	is_int(m->route.protocol, ADIT_PROTOCOL_TCP, "is for TCP");
	identity_fini(&id);
}

int
main(void)
{
	folder_begin();
	put_real("transport-tcp");
	put_real("route-port");
	put_real("route-udp");
	test_listen();
	test_range();
	test_asked();
	test_grant();
	test_options();
	test_udp();
	module_free(m);
	folder_end();
	return done_testing();
}
