/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* The loader: the only file that knows libltdl. Main thread only.
 *
 * What is loaded runs with our rights, even before a single call: its constructors do. So the file
 * and the way to it are checked before it is opened as code. The path given to the dynamic linker
 * is absolute, without links and with its ending, so that neither LTDL_LIBRARY_PATH nor
 * LD_LIBRARY_PATH nor a .la file beside it can lead elsewhere. */

#include <config.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <ltdl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plug/loader.h"
#include "plug/options.h"
#include "util/map.h"

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-"
#define NAME_LONGEST 32
#define OPTIONS_MOST 200
/* The shortest descriptor and option that there ever were. */
#define PLUGIN_LEAST offsetof(struct adit_plugin, create)
#define OPTION_LEAST sizeof(struct adit_option)

static struct strmap loaded; /* path -> struct plugin, for ever */

/* ---- Where it lies --------------------------------------------------------------------------- */

/* what: "PATH" or "the folder PATH". */
static int
check_owner(const char *what, const struct stat *st, bool sticky_ok, struct err *e)
{
	bool trusted = st->st_uid == 0 || st->st_uid == geteuid();
	bool sticky = sticky_ok && st->st_uid == 0 && (st->st_mode & S_ISVTX) != 0;

	if (!trusted)
		return err_set(e, "%s belongs to user %u; what is loaded must belong to root or to "
				  "user %u", what, (unsigned)st->st_uid, (unsigned)geteuid());
	if ((st->st_mode & 022) != 0 && !sticky)
		return err_set(e, "%s has mode %04o; where code is loaded from, nobody else may "
				  "write (chmod go-w)", what, (unsigned)st->st_mode & 07777);
	return 0;
}

/* dir is absolute and without links. */
static int
check_folders(const char *dir, struct err *e)
{
	char path[PATH_MAX], what[PATH_MAX + 16], *slash;
	bool first = true;
	struct stat st;

	snprintf(path, sizeof(path), "%s", dir);
	for (;; first = false) {
		snprintf(what, sizeof(what), "the folder %s", path);
		if (lstat(path, &st) < 0)
			return err_set(e, "%s: %s", what, strerror(errno));
		if (!S_ISDIR(st.st_mode))
			return err_set(e, "%s is not a folder", path);
		if (check_owner(what, &st, !first, e) < 0)
			return -EINVAL;
		if (strcmp(path, "/") == 0)
			return 0;
		slash = strrchr(path, '/');
		slash[slash == path] = '\0';
	}
}

static int
check_file(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), rc;
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		return err_set(e, "%s is a symbolic link; a plugin must be a file", path);
	if (fd < 0 || fstat(fd, &st) < 0)
		rc = err_set(e, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		rc = err_set(e, "%s is not a regular file", path);
	else
		rc = check_owner(path, &st, false, e);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int
check_name(const char *name, struct err *e)
{
	size_t n = strnlen(name, NAME_LONGEST + 1);

	if (n == 0 || n > NAME_LONGEST || strspn(name, NAME_CHARS) != n)
		return err_set(e, "\"%.64s\" is not a plugin's name: 1 to %d small letters, digits "
				  "and -", name, NAME_LONGEST);
	if (kind_of_name(name) == NULL)
		return err_set(e, "\"%s\" is not a plugin's name: it must begin with transport-, "
				  "auth- or route-", name);
	return 0;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static int
open_ltdl(const char *path, lt_dlhandle *h_r, struct err *e)
{
	lt_dladvise advise;

	if (lt_dladvise_init(&advise) != 0 || lt_dladvise_local(&advise) != 0)
		return err_set(e, "libltdl: %s", lt_dlerror());
	*h_r = lt_dlopenadvise(path, advise);
	lt_dladvise_destroy(&advise);
	return *h_r != NULL ? 0 : err_set(e, "%s: %s", path, lt_dlerror());
}

/* libltdl binds lazily and says "file not found" for every failure; so the dynamic linker is asked
 * first, for its own message, and binds everything. */
static int
open_object(const char *path, lt_dlhandle *h_r, struct err *e)
{
	void *probe = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const char *why;
	int rc;

	if (probe == NULL) {
		why = dlerror();
		return err_set(e, "cannot be loaded: %s", why != NULL ? why : path);
	}
	rc = open_ltdl(path, h_r, e);
	dlclose(probe);
	return rc;
}

/* Finds the descriptor in this very object (lookups go through what it links, too), and how many
 * bytes of it there are. */
static int
find_symbol(lt_dlhandle h, const char *path, const void **p_r, size_t *size_r, struct err *e)
{
	const void *p = lt_dlsym(h, "adit_plugin");
	const ElfW(Sym) *sym = NULL;
	Dl_info info;

	if (p == NULL || dladdr1(p, &info, (void **)&sym, RTLD_DL_SYMENT) == 0 ||
		strcmp(info.dli_fname, path) != 0)
		return err_set(e, "exports no symbol adit_plugin");
	if (sym == NULL || ELF64_ST_TYPE(sym->st_info) != STT_OBJECT ||
		sym->st_size < 2 * sizeof(uint32_t))
		return err_set(e, "its symbol adit_plugin is no plugin descriptor");
	*p_r = p;
	*size_r = sym->st_size;
	return 0;
}

/* ---- Copying and checking -------------------------------------------------------------------- */

static int
take_options(struct plugin *p, size_t stride, struct err *e)
{
	const char *from = (const char *)p->desc.options;
	struct adit_option *own;
	size_t n = 0;
	const char *name;

	if (from == NULL)
		return 0;
	if (stride < OPTION_LEAST || stride % _Alignof(struct adit_option) != 0)
		return err_set(e, "its options have an impossible size of %zu bytes", stride);
	for (;; n++) {
		memcpy(&name, from + n * stride + offsetof(struct adit_option, name), sizeof(name));
		if (name == NULL)
			break;
		if (n == OPTIONS_MOST)
			return err_set(e, "has more than %d options", OPTIONS_MOST);
	}
	own = xcalloc(n + 1, sizeof(*own));
	for (size_t i = 0; i < n; i++)
		memcpy(&own[i], from + i * stride, MIN(stride, sizeof(*own)));
	p->desc.options = own;
	if (options_declared(&p->desc, e) == 0)
		return 0;
	free(own);
	return -EINVAL;
}

/* Copies what there is of the descriptor; there are room bytes of it. */
static int
take_descriptor(struct plugin *p, const void *from, size_t room, struct err *e)
{
	uint32_t head[2];

	memcpy(head, from, sizeof(head));
	if (head[0] != ADIT_PLUGIN_ABI)
		return err_set(e, "was built for plugin ABI %u, but this Adit has %u",
			(unsigned)head[0], (unsigned)ADIT_PLUGIN_ABI);
	if (head[1] < PLUGIN_LEAST || head[1] > room)
		return err_set(e, "its descriptor says that it has %u bytes, but it has %zu",
			(unsigned)head[1], room);
	memcpy(&p->desc, from, MIN(head[1], sizeof(p->desc)));
	p->desc.size = sizeof(p->desc);
	return 0;
}

static int
check_descriptor(struct plugin *p, const char *name, struct err *e)
{
	struct adit_plugin *d = &p->desc;
	const uint32_t both = ADIT_SIDE_SERVER | ADIT_SIDE_AGENT;

	p->kind = kind_by_number(d->kind);
	if (p->kind == NULL)
		return err_set(e, "is of kind %u, which this Adit does not know",
			(unsigned)d->kind);
	if (d->name == NULL || strcmp(d->name, name) != 0)
		return err_set(e, "calls itself \"%.64s\", but its file is called \"%s.so\"",
			d->name != NULL ? d->name : "", name);
	if (p->kind != kind_of_name(name))
		return err_set(e, "is of kind \"%s\", but its name begins otherwise",
			p->kind->name);
	if (d->run > ADIT_RUN_LOOP)
		return err_set(e, "wants to run in a way that this Adit does not know (%u)",
			(unsigned)d->run);
	if (p->kind->loop_only && d->run != ADIT_RUN_LOOP)
		return err_set(e, "must run on the loop (ADIT_RUN_LOOP), as every %s plugin",
			p->kind->name);
	if ((d->sides & ~both) != 0)
		return err_set(e, "names a side that this Adit does not know");
	if (d->sides == 0)
		d->sides = both;
	d->version = d->version != NULL ? d->version : "";
	d->summary = d->summary != NULL ? d->summary : "";
	p->short_name = name + strlen(p->kind->name) + 1;
	d->name = name;
	return 0;
}

/* name is kept for ever. */
static int
take(struct plugin *p, const void *from, size_t room, const char *name, struct err *e)
{
	if (take_descriptor(p, from, room, e) < 0 || check_descriptor(p, name, e) < 0 ||
		p->kind->take(&p->desc, &p->ops, e) < 0)
		return -EINVAL;
	return take_options(p, p->desc.option_size, e);
}

/* ---- All of it ------------------------------------------------------------------------------- */

static int
loader_init(struct err *e)
{
	static bool done;

	if (done)
		return 0;
	/* Nothing of ours looks anything up by it, and nothing that we load shall. */
	unsetenv("LTDL_LIBRARY_PATH");
	if (lt_dlinit() != 0)
		return err_set(e, "libltdl: %s", lt_dlerror());
	done = true;
	return 0;
}

/* The object is open. p and name are kept for ever if it is what it should be. */
static int
describe(lt_dlhandle h, const char *path, const char *name, const struct plugin **p_r,
	struct err *e)
{
	struct plugin *p = xcalloc(1, sizeof(*p));
	char *own_name = xstrdup(name);
	const void *from = NULL;
	size_t room = 0;

	if (find_symbol(h, path, &from, &room, e) < 0 || take(p, from, room, own_name, e) < 0) {
		free(own_name);
		free(p);
		return -EINVAL;
	}
	lt_dlmakeresident(h);
	strmap_put(&loaded, path, p);
	*p_r = p;
	return 0;
}

int
loader_load(const char *dir, const char *name, const struct plugin **p_r, struct err *e)
{
	char real[PATH_MAX], path[PATH_MAX + NAME_LONGEST + 8];
	const struct plugin *p;
	lt_dlhandle h = NULL;

	if (check_name(name, e) < 0 || loader_init(e) < 0)
		return -EINVAL;
	if (dir[0] != '/')
		return err_set(e, "the plugin folder \"%s\" must be an absolute path", dir);
	if (realpath(dir, real) == NULL)
		return err_set(e, "the plugin folder %s: %s", dir, strerror(errno));
	snprintf(path, sizeof(path), "%s/%s.so", strcmp(real, "/") != 0 ? real : "", name);
	p = strmap_get(&loaded, path);
	if (p != NULL) {
		*p_r = p;
		return 0;
	}
	if (check_folders(real, e) < 0 || check_file(path, e) < 0 || open_object(path, &h, e) < 0)
		return -EINVAL;
	if (describe(h, path, name, p_r, e) < 0) {
		err_prefix(e, "%s", path);
		lt_dlclose(h);
		return -EINVAL;
	}
	return 0;
}
