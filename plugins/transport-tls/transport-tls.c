/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Links over TLS 1.3: options, instances, and what binds them to the layer. Instances are made on
 * the main thread and constant afterwards; a reload makes others beside them, from the files as
 * they are then. */

#include <adit/transport.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "creds.h"
#include "selfcert.h"
#include "tls.h"

#define FILE_MAX  (4u << 20)
#define PAIRS_MAX 64
#define SOON	  (7 * 24 * 3600) /* before a certificate's end it is worth a warning */

/* ---- Files ----------------------------------------------------------------------------------- */

/* Reads what is no secret. */
static int
read_public(
	const struct adit_conf *conf, const char *option, const char *path, gnutls_datum_t *text_r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	uint8_t *text;
	ssize_t n;

	if (fd < 0)
		return adit_conf_error(conf, option, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t)FILE_MAX) {
		close(fd);
		return adit_conf_error(
			conf, option, "%s: is no regular file of at most 4 MiB", path);
	}
	text = malloc(FILE_MAX);
	n = text != NULL ? read(fd, text, FILE_MAX) : -1;
	close(fd);
	if (n <= 0) {
		free(text);
		return adit_conf_error(
			conf, option, "%s: %s", path, n == 0 ? "is empty" : "cannot be read");
	}
	*text_r = (gnutls_datum_t){text, (unsigned)n};
	return 0;
}

static void
warn_of_end(const char *path, time_t expires)
{
	time_t now = time(NULL);

	if (expires < now)
		adit_log(&adit_plugin, ADIT_LOG_WARN, "the certificate in %s has expired", path);
	else if (expires - now < SOON)
		adit_log(&adit_plugin, ADIT_LOG_WARN,
			"the certificate in %s expires within %d days", path,
			(int)((expires - now) / (24 * 3600) + 1));
}

static int
add_pair(const struct adit_conf *conf, struct creds *c, const char *cert_path, const char *key_path)
{
	gnutls_datum_t cert, key = {.data = NULL};
	char why[CREDS_WHY], *text;
	time_t expires = 0;
	size_t len;
	int rc;

	if (read_public(conf, "certificate", cert_path, &cert) < 0)
		return -1;
	rc = adit_conf_secret_file(conf, "key", key_path, FILE_MAX, &text, &len);
	if (rc == 0) {
		key = (gnutls_datum_t){(unsigned char *)text, (unsigned)len};
		rc = creds_add_pair(c, &cert, &key, &expires, why);
		adit_secret_free(text, len);
		if (rc < 0)
			adit_conf_error(conf, "certificate", "%s: %s", cert_path, why);
		else
			warn_of_end(cert_path, expires);
	}
	free(cert.data);
	return rc;
}

/* Element i of one list belongs to element i of the other. */
static int
add_pairs(const struct adit_conf *conf, struct creds *c)
{
	const char *cert, *key;

	for (size_t i = 0; i < PAIRS_MAX; i++) {
		cert = adit_conf_list(conf, "certificate", i);
		key = adit_conf_list(conf, "key", i);
		if (cert == NULL && key == NULL)
			return 0;
		if (key == NULL)
			return adit_conf_error(
				conf, "key", "is missing for the certificate %s", cert);
		if (cert == NULL)
			return adit_conf_error(
				conf, "certificate", "is missing for the key %s", key);
		if (add_pair(conf, c, cert, key) < 0)
			return -1;
	}
	return adit_conf_error(conf, "certificate", "has more than %d files", PAIRS_MAX - 1);
}

static int
add_trust(const struct adit_conf *conf, struct creds *c, const char *option)
{
	const char *path = adit_conf_string(conf, option);
	char why[CREDS_WHY];
	gnutls_datum_t pem;
	int rc;

	if (path == NULL)
		return 0;
	if (read_public(conf, option, path, &pem) < 0)
		return -1;
	rc = creds_add_trust(c, &pem, why);
	free(pem.data);
	return rc == 0 ? 0 : adit_conf_error(conf, option, "%s: %s", path, why);
}

static int
add_pins(const struct adit_conf *conf, struct pins *pins, const char *option)
{
	const char *text;
	char why[CREDS_WHY];

	for (size_t i = 0; (text = adit_conf_list(conf, option, i)) != NULL; i++)
		if (creds_add_pin(pins, text, why) < 0)
			return adit_conf_error(conf, option, "%s", why);
	return 0;
}

/* ---- Instances ------------------------------------------------------------------------------- */

static void
destroy(void *inst)
{
	creds_unref(inst);
}

static int
take_client(const struct adit_conf *conf, struct creds *c)
{
	static const char *const words[] = {
		[CLIENT_NO] = "no",
		[CLIENT_OPTIONAL] = "optional",
		[CLIENT_REQUIRED] = "required",
	};
	const char *word = adit_conf_string(conf, "client_certificate");

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i]) != 0)
			continue;
		c->client = (enum client_certificate)i;
		if (c->client != CLIENT_NO && c->trust == NULL)
			return adit_conf_error(conf, "client_ca",
				"is missing: with client_certificate = \"%s\" it says who may sign",
				word);
		return 0;
	}
	return adit_conf_error(conf, "client_certificate",
		"expects \"no\", \"optional\" or \"required\", but is \"%s\"", word);
}

static int
build_server(const struct adit_conf *conf, struct creds *c)
{
	if (adit_conf_list(conf, "certificate", 0) == NULL)
		return adit_conf_error(conf, "certificate",
			"is missing: a server shows one to its agents (aditd init makes one)");
	if (add_trust(conf, c, "client_ca") < 0)
		return -1;
	return take_client(conf, c);
}

static int
build_agent(const struct adit_conf *conf, struct creds *c)
{
	const char *name = adit_conf_string(conf, "server_name");
	char why[CREDS_WHY];

	if (add_trust(conf, c, "ca_file") < 0 || add_pins(conf, &c->pins, "pin") < 0)
		return -1;
	if (adit_conf_bool(conf, "system_trust") && creds_add_system(c, why) < 0)
		return adit_conf_error(conf, "system_trust", "%s", why);
	if (c->trust == NULL && c->system == NULL && c->pins.n == 0)
		return adit_conf_error(conf, NULL,
			"nothing says how to know the right server: pin = \"sha256-…\" for its "
			"key, ca_file for who signs it, or system_trust = true");
	if (name == NULL)
		return 0;
	if (name[0] == '\0')
		return adit_conf_error(conf, "server_name", "is empty");
	if (c->trust == NULL && c->system == NULL)
		return adit_conf_error(conf, "server_name",
			"is checked with ca_file or system_trust only; with a pin alone the key "
			"is the name");
	c->server_name = strdup(name);
	return c->server_name != NULL ? 0 : adit_conf_error(conf, NULL, "out of memory");
}

static int
create(const struct adit_conf *conf, void **inst_r)
{
	enum adit_side side = adit_conf_side(conf);
	struct creds *c = creds_new(side);

	if (c == NULL)
		return adit_conf_error(conf, NULL, "GnuTLS cannot be used");
	if ((side == ADIT_SIDE_SERVER ? build_server(conf, c) : build_agent(conf, c)) < 0 ||
		add_pairs(conf, c) < 0 || add_pins(conf, &c->revoked, "revoked_pin") < 0) {
		creds_unref(c);
		return -1;
	}
	*inst_r = c;
	return 0;
}

static int
worker_init(const void *inst, void **worker_r)
{
	(void)inst;
	*worker_r = tls_worker_new();
	return *worker_r != NULL ? 0 : -1;
}

static void
worker_fini(const void *inst, void *worker)
{
	(void)inst;
	tls_worker_free(worker);
}

/* ---- The layer ------------------------------------------------------------------------------- */

static int
open_layer(const void *inst, void *worker, enum adit_side side, struct adit_layer *layer,
	void **state_r)
{
	struct tls *t;

	(void)side; /* create() knows */
	/* Only the count of references is changed, and that is atomic. */
	if (tls_open((struct creds *)(uintptr_t)inst, worker, layer, &t) < 0)
		return -1;
	*state_r = t;
	return 0;
}

/* Whether certificate i is for host. *pin_r: that of its key. -1: there is none. */
static int
look_at_pair(const struct creds *c, unsigned i, const char *host, struct pin *pin_r)
{
	gnutls_x509_crt_t *chain;
	unsigned n;
	int rc;

	if (gnutls_certificate_get_x509_crt(c->own, i, &chain, &n) < 0)
		return -1;
	rc = n > 0 ? pin_of(chain[0], pin_r) : -1;
	if (rc >= 0)
		rc = gnutls_x509_crt_check_hostname2(chain[0], host, 0) != 0;
	for (unsigned k = 0; k < n; k++)
		gnutls_x509_crt_deinit(chain[k]);
	gnutls_free(chain);
	return rc < 0 ? -1 : rc;
}

/* Of the certificate for this name, which agents ask for; else of the first, which they get who ask
 * for none or for another one. */
static int
server_pin(const void *inst, const char *host, char *pin_r, size_t cap)
{
	const struct creds *c = inst;
	struct pin first, pin;
	char text[PIN_TEXT];
	int rc = look_at_pair(c, 0, host, &first);

	if (rc < 0 || cap < sizeof(text))
		return -1;
	pin = first;
	for (unsigned i = 1; rc == 0; i++)
		rc = tls_asks_for(host) ? look_at_pair(c, i, host, &pin) : -1;
	if (rc < 0)
		pin = first;
	memcpy(pin_r, pin_text(&pin, text), sizeof(text));
	return 0;
}

static const struct adit_layer_ops layer_ops = {
	.size = sizeof(layer_ops),
	.open = open_layer,
	.input = tls_input,
	.output = tls_output,
	.finish = tls_finish,
	.close = tls_close,
	.moved = tls_moved,
};

static const struct adit_transport_ops ops = {
	.size = sizeof(ops),
	.encrypted = 1,
	.scheme = "tls",
	.layer = &layer_ops,
	.probe = tls_probe,
	.pin = server_pin,
	.make_certificate = selfcert_make,
};

static const struct adit_option options[] = {
	{
		.name = "certificate",
		.type = ADIT_OPT_PATHS,
		.help = "our certificate with its chain (PEM); several on a server, chosen by the "
			"name that is asked for",
	},
	{
		.name = "key",
		.type = ADIT_OPT_PATHS,
		.help = "the private key of each certificate (PEM), readable by nobody else",
	},
	{
		.name = "client_ca",
		.type = ADIT_OPT_PATH,
		.sides = ADIT_SIDE_SERVER,
		.help = "certificates of those who sign for agents (PEM)",
	},
	{
		.name = "client_certificate",
		.type = ADIT_OPT_STRING,
		.sides = ADIT_SIDE_SERVER,
		.dflt = "no",
		.help = "whether agents show a certificate: no, optional or required",
	},
	{
		.name = "ca_file",
		.type = ADIT_OPT_PATH,
		.sides = ADIT_SIDE_AGENT,
		.help = "certificates of those who sign for the server (PEM)",
	},
	{
		.name = "system_trust",
		.type = ADIT_OPT_BOOL,
		.sides = ADIT_SIDE_AGENT,
		.dflt = "false",
		.help = "believe the authorities of the system's store",
	},
	{
		.name = "pin",
		.type = ADIT_OPT_LIST,
		.sides = ADIT_SIDE_AGENT,
		.help = "public keys that the server may have, as \"sha256-…\"",
	},
	{
		.name = "revoked_pin",
		.type = ADIT_OPT_LIST,
		.help = "public keys of peers that are refused, whoever vouches for them",
	},
	{
		.name = "server_name",
		.type = ADIT_OPT_STRING,
		.sides = ADIT_SIDE_AGENT,
		.help = "the name to ask for and to check in place of the address",
	},
	{.name = NULL},
};

const struct adit_plugin adit_plugin = {
	ADIT_PLUGIN_INIT,
	.kind = ADIT_KIND_TRANSPORT,
	.run = ADIT_RUN_LOOP,
	.name = "transport-tls",
	.version = "1",
	.summary = "links over TLS 1.3",
	.options = options,
	.ops = &ops,
	.create = create,
	.destroy = destroy,
	.worker_init = worker_init,
	.worker_fini = worker_fini,
};
