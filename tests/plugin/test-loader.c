/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* What the loader refuses, each with its own true message, and what it takes: older and newer
 * plugins than ours, plugins whose create() fails, and what plugin_info() says. */

#define _GNU_SOURCE 1

#include <errno.h>

#include "folder.h"
#include "plug/loader.h"
#include "plug/module.h"
#include "tap.h"

static struct err e;
static char text[1200];

static int
load(const char *name)
{
	const struct plugin *p;

	memset(&e, 0, sizeof(e));
	return loader_load(dir, name, &p, &e);
}

/* Loading fails with a message that holds want; a % in want stands for the folder. */
static void
refused(const char *name, const char *want, const char *what)
{
	char whole[512] = "", *to = whole;

	for (const char *p = want; *p != '\0'; p++)
		to += sprintf(to, *p == '%' ? "%s" : "%.1s", *p == '%' ? dir : p);
	ok(load(name) == -EINVAL, "refused: %s", what);
	if (!ok(strstr(e.msg, whole) != NULL, "… and it says why"))
		diag("got: %s\n# want: %s", e.msg, whole);
}

/* ---- Plugins with one thing wrong ------------------------------------------------------------ */

static void
test_descriptors(void)
{
	static const struct {
		const char *name, *want;
	} all[] = {
		{"auth-wrong-abi",
			"%/auth-wrong-abi.so: was built for plugin ABI 2, but this Adit has 1"},
		{"auth-misnamed", "%/auth-misnamed.so: calls itself \"auth-else\", but its file is "
				  "called \"auth-misnamed.so\""},
		{"auth-no-ops", "%/auth-no-ops.so: has no table of auth operations"},
		{"auth-no-check", "%/auth-no-check.so: is for the server, but has no check()"},
		{"auth-no-prove", "%/auth-no-prove.so: is for the agent, but has no prove()"},
		{"auth-small-ops", "%/auth-small-ops.so: its table of auth operations says that it "
				   "has 4 bytes, but 16 are needed at least"},
		{"auth-bad-methods", "%/auth-bad-methods.so: its methods are no list of names: "
				     "\"one  two\""},
		{"auth-liar", "%/auth-liar.so: its descriptor says that it has "},
		{"auth-short", "%/auth-short.so: its descriptor says that it has 16 bytes, but "},
		{"auth-wrong-kind", "%/auth-wrong-kind.so: is of kind \"route\", but its name "
				    "begins otherwise"},
		{"auth-unknown-kind",
			"%/auth-unknown-kind.so: is of kind 99, which this Adit does not know"},
		{"auth-unknown-run", "%/auth-unknown-run.so: wants to run in a way that this Adit "
				     "does not know (7)"},
		{"auth-unknown-side",
			"%/auth-unknown-side.so: names a side that this Adit does not know"},
		{"auth-bad-default", "%/auth-bad-default.so: option \"wait\": the default \"soon\" "
				     "is not a time such as \"30s\""},
		{"auth-bad-stride", "%/auth-bad-stride.so: its options have an impossible size of "
				    "8 bytes"},
		{"auth-no-symbol", "%/auth-no-symbol.so: exports no symbol adit_plugin"},
		{"auth-not-descriptor",
			"%/auth-not-descriptor.so: its symbol adit_plugin is no plugin descriptor"},
		{"auth-function",
			"%/auth-function.so: its symbol adit_plugin is no plugin descriptor"},
		{"auth-missing", "cannot be loaded: %/auth-missing.so: undefined symbol: "
				 "adit_future_function"},
		{"route-serial", "%/route-serial.so: must run on the loop (ADIT_RUN_LOOP), as every "
				 "route plugin"},
		{"route-no-claim", "%/route-no-claim.so: has no claim()"},
		{"transport-no-scheme", "%/transport-no-scheme.so: has no scheme of small letters"},
		{"transport-half", "%/transport-half.so: its layer has no input()"},
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		put(all[i].name);
		refused(all[i].name, all[i].want, all[i].name);
	}
	ok(rename(in_dir("auth-misnamed", ".so"), in_dir("auth-else", ".so")) == 0 &&
			load("auth-else") == 0,
		"what was refused under a wrong name is taken under its own");
}

/* ---- Names and places ------------------------------------------------------------------------ */

static void
test_names(void)
{
	const struct plugin *p;

	refused("auth-absent", "%/auth-absent.so: No such file or directory", "no file");
	refused("../p/auth-larger", "\"../p/auth-larger\" is not a plugin's name", "a path");
	refused("", "\"\" is not a plugin's name", "nothing");
	refused("auth-Larger", "is not a plugin's name: 1 to 32 small letters", "a capital");
	refused("auth-larger.so", "is not a plugin's name", "a file's name");
	refused("auth-0123456789012345678901234567", "is not a plugin's name", "33 letters");
	refused("larger", "it must begin with transport-, auth- or route-", "no kind");
	refused("metrics-larger", "it must begin with transport-, auth- or route-",
		"an unknown kind");
	refused("authlarger", "it must begin with transport-, auth- or route-", "no dash");
	ok(loader_load("p", "auth-larger", &p, &e) == -EINVAL &&
			strcmp(e.msg, "the plugin folder \"p\" must be an absolute path") == 0,
		"refused: a relative folder");
	ok(loader_load("/nowhere/at/all", "auth-larger", &p, &e) == -EINVAL &&
			strcmp(e.msg, "the plugin folder /nowhere/at/all: No such file or "
				      "directory") == 0,
		"refused: no folder");
}

static void
test_files(void)
{
	static const char la[] = "# auth-larger.la - a libtool library file\n"
				 "dlname='../elsewhere/auth-larger.so'\nlibrary_names=''\n"
				 "old_library=''\ninstalled=yes\nlibdir='/tmp'\n";

	make_file(in_dir("auth-text", ".so"), la, sizeof(la) - 1);
	refused("auth-text", "cannot be loaded: %/auth-text.so: invalid ELF header",
		"a .la file that is called .so");
	make_file(in_dir("auth-empty", ".so"), "", 0);
	refused("auth-empty", "cannot be loaded: %/auth-empty.so: file too short", "an empty file");
	must(mkdir(in_dir("auth-folder", ".so"), 0755) == 0);
	refused("auth-folder", "%/auth-folder.so is not a regular file", "a folder");
	must(mkfifo(in_dir("auth-fifo", ".so"), 0644) == 0);
	refused("auth-fifo", "%/auth-fifo.so is not a regular file", "a FIFO");
	put("auth-later");
	must(symlink("auth-later.so", in_dir("auth-link", ".so")) == 0);
	refused("auth-link", "%/auth-link.so is a symbolic link; a plugin must be a file",
		"a link");
}

/* Somebody else's auth-larger, which says so. */
static void
test_redirects(void)
{
	static const char la[] = "# auth-larger.la - a libtool library file\n"
				 "dlname='auth-wrong-abi.so'\nlibrary_names='auth-wrong-abi.so'\n"
				 "old_library=''\ninstalled=yes\nlibdir=''\n";
	char evil[64];

	/* LTDL_LIBRARY_PATH was set by main() before anything was loaded. */
	ok(getenv("LTDL_LIBRARY_PATH") == NULL, "LTDL_LIBRARY_PATH is gone after the first load");
	snprintf(evil, sizeof(evil), "%s/evil", top);
	must(setenv("LTDL_LIBRARY_PATH", evil, 1) == 0 && setenv("LD_LIBRARY_PATH", evil, 1) == 0);
	must(chdir(evil) == 0);
	refused("auth-smaller", "%/auth-smaller.so: No such file or directory",
		"a plugin that only other search paths have");
	must(unsetenv("LTDL_LIBRARY_PATH") == 0 && unsetenv("LD_LIBRARY_PATH") == 0);
	put("auth-wrong-abi");
	put("auth-larger");
	make_file(in_dir("auth-larger", ".la"), la, sizeof(la) - 1);
	ok(load("auth-larger") == 0, "a .la file beside a plugin leads nowhere");
}

/* ---- Owners and modes ------------------------------------------------------------------------ */

/* path gets the mode for one attempt. */
static void
with_mode(const char *path, mode_t mode, const char *want, const char *what)
{
	struct stat st;

	must(stat(path, &st) == 0 && chmod(path, mode) == 0);
	refused("auth-serial", want, what);
	must(chmod(path, st.st_mode & 07777) == 0);
}

static void
test_modes(void)
{
	char want[160];

	put("auth-serial");
	with_mode(in_dir("auth-serial", ".so"), 0666, "%/auth-serial.so has mode 0666; where code "
						     "is loaded from, nobody else may write",
		"a file that all may write");
	with_mode(in_dir("auth-serial", ".so"), 0664, "%/auth-serial.so has mode 0664",
		"a file that a group may write");
	with_mode(dir, 0777, "the folder % has mode 0777", "a folder that all may write");
	with_mode(dir, 0775, "the folder % has mode 0775", "a folder that a group may write");
	with_mode(dir, 01777, "the folder % has mode 1777",
		"a sticky folder, for the plugins themselves");
	snprintf(want, sizeof(want), "the folder %s has mode 0777", top);
	with_mode(top, 0777, want, "a folder above that all may write");
	is_int(load("auth-serial"), 0, "with all modes right it is loaded, below a sticky /tmp");
}

/* path belongs to somebody else for one attempt. */
static void
with_owner(const char *path, const char *want, const char *what)
{
	must(chown(path, 65534, 65534) == 0);
	refused("auth-twostep", want, what);
	must(chown(path, 0, 0) == 0);
}

static void
test_owners(void)
{
	char want[160];

	if (geteuid() != 0) {
		ok(true, "owners # SKIP only root can give files away");
		return;
	}
	put("auth-twostep");
	with_owner(in_dir("auth-twostep", ".so"), "%/auth-twostep.so belongs to user 65534; what is "
						  "loaded must belong to root or to user 0",
		"a file of somebody else");
	with_owner(dir, "the folder % belongs to user 65534", "a folder of somebody else");
	snprintf(want, sizeof(want), "the folder %s belongs to user 65534", top);
	with_owner(top, want, "a folder above of somebody else");
	is_int(load("auth-twostep"), 0, "with all owners right it is loaded");
}

/* ---- What is taken --------------------------------------------------------------------------- */

static void
test_sizes(void)
{
	const struct plugin *p = NULL, *again = NULL;
	char link[96];

	ok(loader_load(dir, "auth-larger", &p, &e) == 0, "a newer plugin with longer tables");
	is_str(p->short_name, "larger", "its short name");
	is_int(p->desc.size, sizeof(struct adit_plugin), "is copied to today's size");
	is_str(p->desc.options[1].name, "second", "its options are found by their own size");
	ok(p->desc.options[2].name == NULL, "and end where they do");
	is_int(p->ops.auth.size, sizeof(struct adit_auth_ops), "its operations are copied, too");
	snprintf(link, sizeof(link), "%s/link", top);
	must(symlink("p", link) == 0);
	ok(loader_load(link, "auth-larger", &again, &e) == 0 && again == p,
		"the same file by another way is the same plugin");
	put("auth-smaller");
	ok(loader_load(dir, "auth-smaller", &p, &e) == 0, "an older plugin with shorter tables");
	ok(p->desc.worker_init == NULL && p->desc.worker_fini == NULL,
		"what its descriptor does not have is NULL");
	ok(p->ops.auth.check != NULL && p->ops.auth.prove == NULL && p->ops.auth.issue == NULL,
		"what its operations do not have is NULL");
	is_str(p->desc.version, "", "texts that are missing are empty");
}

static int
create(const char *name, const struct option_value *v, size_t n, enum adit_side side,
	struct module **m_r)
{
	memset(&e, 0, sizeof(e));
	*m_r = NULL;
	return module_create(dir, name, v, n, side, "/etc/x.conf", 12, m_r, &e);
}

static void
test_instances(void)
{
	struct option_value v = {.key = "complaint", .type = VALUE_STRING, .str = "too early",
		.file = "/etc/x.conf", .line = 14};
	struct module *m;

	put("auth-mood");
	is_int(create("auth-mood", NULL, 0, ADIT_SIDE_SERVER, &m), 0, "an instance");
	ok(m != NULL && m->inst != NULL && m->helpers == NULL && m->per_worker != NULL,
		"is complete");
	module_free(m);
	is_int(create("auth-mood", &v, 1, ADIT_SIDE_SERVER, &m), -EINVAL, "create() refuses");
	is_str(err_text(&e, text, sizeof(text)),
		"/etc/x.conf:14: auth-mood: \"complaint\": too early", "with its words and place");
	v = (struct option_value){.key = "silent", .type = VALUE_BOOL, .num = 1};
	is_int(create("auth-mood", &v, 1, ADIT_SIDE_SERVER, &m), -EINVAL, "create() just fails");
	is_str(err_text(&e, text, sizeof(text)),
		"/etc/x.conf:12: auth-mood: create() failed without saying why", "is said");
	v.key = "silly";
	is_int(create("auth-mood", &v, 1, ADIT_SIDE_SERVER, &m), -EINVAL, "an unknown option");
	is_str(e.msg, "auth-mood has no option \"silly\"; it has complaint, silent, fail_worker, "
		      "room, methods", "is refused with those that there are");
	is_int(create("auth-mood", NULL, 0, ADIT_SIDE_AGENT, &m), -EINVAL, "the wrong side");
	is_str(err_text(&e, text, sizeof(text)),
		"/etc/x.conf:12: auth-mood cannot be used by the agent", "is refused");
	is_int(create("auth-serial", NULL, 0, ADIT_SIDE_AGENT, &m), -EINVAL, "no prove()");
	is_str(e.msg, "auth-serial cannot be used by the agent: it has no prove()", "is said");
	is_int(create("auth-absent", NULL, 0, ADIT_SIDE_SERVER, &m), -EINVAL, "a missing plugin");
	ok(e.line == 12 && strcmp(e.file, "/etc/x.conf") == 0, "has the place of its group");
	module_free(NULL);
}

static void
test_info(void)
{
	static const char want[] =
		"abi=1\nname=auth-mood\nkind=auth\nrun=loop\nversion=1.2\n"
		"summary=does as it is told\nsides=server\nmethods=mood\noperations=check\n"
		"option.complaint.type=string\noption.complaint.required=no\n"
		"option.complaint.help=what create() complains of\n"
		"option.silent.type=bool\noption.silent.required=no\n"
		"option.silent.help=create() fails without a word\n"
		"option.fail_worker.type=bool\noption.fail_worker.required=no\n"
		"option.fail_worker.help=worker_init() fails\n"
		"option.room.type=size\noption.room.default=64KiB\noption.room.min=1KiB\n"
		"option.room.max=1MiB\noption.room.required=no\noption.room.help=\n"
		"option.methods.type=list\noption.methods.required=no\n"
		"option.methods.sides=server\n"
		"option.methods.help=methods whose logins this plugin is asked about, in place of "
		"its own; \"*\" is every one\n";
	char *got = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&got, &n);

	must(out != NULL);
	is_int(plugin_info(in_dir("auth-mood", ".so"), out, &e), 0, "a plugin describes itself");
	fflush(out);
	is_str(got, want, "in key=value lines");
	is_int(plugin_info(in_dir("auth-mood", ".la"), out, &e), -EINVAL, "only files .so");
	ok(strstr(e.msg, ".so") != NULL, "are plugins, which is said");
	is_int(plugin_info(in_dir("auth-short", ".so"), out, &e), -EINVAL, "a bad one");
	must(chdir(dir) == 0);
	is_int(plugin_info("auth-mood.so", out, &e), 0, "a relative path");
	is_int(plugin_info("../p/auth-mood.so", out, &e), 0, "a relative path with a folder");
	fclose(out);
	is_int(n, 3 * (sizeof(want) - 1), "errors print nothing");
	free(got);
	must(chdir("/") == 0);
}

int
main(void)
{
	char evil[64];

	folder_begin();
	snprintf(evil, sizeof(evil), "%s/evil", top);
	must(mkdir(evil, 0755) == 0);
	put("auth-smaller");
	must(chdir(evil) == 0);
	must(rename(in_dir("auth-smaller", ".so"), "auth-smaller.so") == 0);
	must(setenv("LTDL_LIBRARY_PATH", evil, 1) == 0);

	test_names();
	test_descriptors();
	test_files();
	test_redirects();
	test_modes();
	test_owners();
	test_sizes();
	test_instances();
	test_info();
	must(chdir("/") == 0);
	folder_end();
	return done_testing();
}
