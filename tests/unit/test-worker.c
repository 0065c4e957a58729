/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors */

/* Workers: the order of a turn's end, timers, threads that start and stop, messages between them,
 * the report of slow turns, chunks. */

#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "io/worker.h"
#include "post.h"
#include "tap.h"
#include "util/log.h"

/* ---- A foreign thread ------------------------------------------------------------------------ */

static void *
foreign(void *w)
{
	chunk_get(w);
	return NULL;
}

/* Before any thread is started: the child starts one of its own. */
static void
test_owner(void)
{
	struct rlimit no_core = {0, 0};
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct worker *w = worker_new_main();
		pthread_t t;

		setrlimit(RLIMIT_CORE, &no_core);
		fclose(stderr);
		close(STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		pthread_create(&t, NULL, foreign, w);
		pthread_join(t, NULL);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
		"a call from a thread that does not own the worker aborts");
}

/* ---- The end of a turn ----------------------------------------------------------------------- */

static struct worker *w0; /* the main worker */
static char trace[32];

static void
put(char c)
{
	size_t n = strlen(trace);

	if (n < sizeof(trace) - 1)
		trace[n] = c;
}

struct step {
	struct turn_end end;
	char name;
	void (*more)(void);
};

static void
run_step(struct turn_end *t)
{
	struct step *s = container_of(t, struct step, end);

	put(s->name);
	if (s->more != NULL)
		s->more();
}

static void more_b(void), more_a(void), more_e(void);
static struct step a = {.name = 'A', .more = more_a}, b = {.name = 'B', .more = more_b},
		   c = {.name = 'C'}, d = {.name = 'D'}, e = {.name = 'E', .more = more_e};

static void
steps_init(void)
{
	struct step *all[] = {&a, &b, &c, &d, &e};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		all[i]->end.run = run_step;
		list_init(&all[i]->end.node);
	}
	memset(trace, 0, sizeof(trace));
}

static void
more_b(void)
{
	worker_at_end(w0, &c.end);
}

static void
more_a(void)
{
	worker_reap(w0, &e.end);
	worker_at_end(w0, &d.end);
}

static void
more_e(void)
{
	worker_stop(w0);
}

static void
ask_for_ends(void *arg ATTR_UNUSED)
{
	put('(');
	worker_reap(w0, &a.end);
	worker_at_end(w0, &b.end);
	worker_at_end(w0, &b.end);
	put(')');
}

static void
test_turn_end(void)
{
	steps_init();
	post_call(w0, ask_for_ends, NULL);
	worker_run(w0);
	is_str(trace, "()BCADE", "ends run after the event, once, then what reaps, ends always first");
}

static ev_async fed;

static void
on_fed(struct ev_loop *loop ATTR_UNUSED, ev_async *ev ATTR_UNUSED, int revents ATTR_UNUSED)
{
	worker_reap(w0, &e.end);
}

static void
feed(struct turn_end *t ATTR_UNUSED)
{
	put('F');
	ev_feed_event(w0->loop, &fed, EV_ASYNC);
}

/* If one of them were forgotten, the loop would sleep for ever. */
static void
test_turn_end_outside(void)
{
	steps_init();
	worker_reap(w0, &e.end);
	worker_run(w0);
	is_str(trace, "E", "what was asked for before the loop ran comes before it sleeps");

	steps_init();
	ev_async_init(&fed, on_fed);
	b.end.run = feed;
	worker_at_end(w0, &b.end);
	worker_run(w0);
	is_str(trace, "FE", "an event made by the end of a turn has an end of turn as well");
}

/* ---- Timers ---------------------------------------------------------------------------------- */

struct alarm {
	struct timer t;
	struct mono due;
	char name;
	int again;
	bool early;
};

static void
on_alarm(struct timer *t)
{
	struct alarm *al = container_of(t, struct alarm, t);

	put(al->name);
	if (mono_before(mono_now(), al->due) || mono_before(w0->now, al->due))
		al->early = true;
	if (al->again-- > 0)
		timer_start(t, 0);
	else if (al->name == 'Z')
		worker_stop(w0);
}

static void
spin_ms(int64_t ms)
{
	struct mono until = mono_add_ms(mono_now(), ms);

	while (mono_before(mono_now(), until))
		;
}

static void
alarm_set(struct alarm *al, char name, int64_t ms)
{
	*al = (struct alarm){.name = name, .due = mono_add_ms(mono_now(), ms)};
	timer_init(&al->t, w0, "alarm", on_alarm);
	timer_start(&al->t, ms);
}

static struct alarm late;

static void
start_after_long(void *arg ATTR_UNUSED)
{
	spin_ms(8);
	alarm_set(&late, 'L', 3);
}

static void
test_timers(void)
{
	struct alarm p, q, r, s, z;

	memset(trace, 0, sizeof(trace));
	alarm_set(&q, 'Q', 200);
	alarm_set(&p, 'P', -7);
	alarm_set(&r, 'R', 1);
	timer_stop(&r.t);
	timer_stop(&r.t);
	alarm_set(&s, 'S', 1);
	s.due = mono_add_ms(mono_now(), 250);
	timer_start_at(&s.t, s.due);
	alarm_set(&z, 'Z', 300);
	p.due = mono_now();
	p.again = 1;
	post_call(w0, start_after_long, NULL);
	worker_run(w0);
	is_str(trace, "PPLQSZ", "timers come in the order of their times, stopped ones not at all");
	ok(!q.early && !s.early && !z.early, "none is early");
	ok(!late.early, "not even one that a long callback started");
}

/* ---- Threads --------------------------------------------------------------------------------- */

struct facts {
	char name[16];
	bool blocked, faults_open, same_thread;
	int inits, finis, reaped, late, delivered;
	struct turn_end end;
	struct mbox_msg msg;
};

static int
facts_init(struct worker *w, void *arg)
{
	struct facts *f = arg;
	sigset_t set;

	f->inits++;
	w->app = f;
	pthread_getname_np(pthread_self(), f->name, sizeof(f->name));
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	f->blocked = sigismember(&set, SIGTERM) && sigismember(&set, SIGINT) &&
		sigismember(&set, SIGHUP) && sigismember(&set, SIGPIPE) &&
		sigismember(&set, SIGCHLD);
	f->faults_open = !sigismember(&set, SIGSEGV) && !sigismember(&set, SIGABRT);
	f->same_thread = pthread_equal(w->thread, pthread_self());
	return 0;
}

static void
on_reaped(struct turn_end *t)
{
	container_of(t, struct facts, end)->reaped++;
}

static void
on_late(struct mbox_msg *msg, bool is_late)
{
	container_of(msg, struct facts, msg)->late += is_late;
}

static void
facts_fini(struct worker *w)
{
	struct facts *f = w->app;

	f->finis++;
	list_init(&f->end.node);
	f->end.run = on_reaped;
	worker_reap(w, &f->end);
	f->msg.deliver = on_late;
	must(worker_post(w, &f->msg) == 0);
}

static int
refuse(struct worker *w ATTR_UNUSED, void *arg)
{
	++*(int *)arg;
	return -ENOENT;
}

static void
count_one(void *arg)
{
	++*(int *)arg;
}

static void
test_life(void)
{
	struct worker *w = NULL, *other = NULL;
	struct mbox_msg msg = {.deliver = on_late};
	struct facts f = {.inits = 0};
	int tried = 0;

	is_int(worker_start(0, "adit-w0-and-more", facts_init, facts_fini, &f, &w), 0,
		"a worker starts");
	is_int(f.inits, 1, "init has run when worker_start() comes back");
	ok(f.same_thread, "init runs on the thread that owns the worker");
	ok(f.blocked, "signals are left to the main thread");
	ok(f.faults_open, "those of the thread's own faults are not");
	call_on(w, count_one, &f.delivered);
	is_int(worker_start(1, "no", refuse, facts_fini, &tried, &other), -ENOENT,
		"an init that fails is worker_start()'s answer");
	ok(tried == 1 && other == NULL && f.finis == 0, "such a worker is not there, nor finished");

	worker_ref(w);
	for (int i = 0; i < 1000; i++)
		post_call(w, count_one, &f.delivered);
	worker_stop(w);
	worker_join(w);
	is_int(f.delivered, 1001, "what was posted before worker_stop() is delivered");
	is_int(f.finis, 1, "fini runs once");
	is_int(f.reaped, 1, "what fini gives up is reaped");
	is_int(f.late, 1, "what is posted afterwards is delivered late");
	is_int(worker_post(w, &msg), -ESHUTDOWN, "a worker that has ended takes no message");
	worker_unref(w);
	worker_join(NULL);
}

static void
stand(void *gate)
{
	while (sem_wait(gate) != 0)
		;
}

static void
test_join_several(void)
{
	struct worker *w[3] = {NULL};
	const char *what = NULL;
	sem_t gate;

	must(sem_init(&gate, 0, 0) == 0);
	must(worker_start(0, "adit-w0", NULL, NULL, NULL, &w[0]) == 0);
	must(worker_start(1, "adit-w1", NULL, NULL, NULL, &w[2]) == 0);
	post_call(w[2], stand, &gate);
	worker_stop(w[0]);
	worker_stop(w[2]);
	is_int(workers_join(w, 3, 10, &what), -ETIMEDOUT, "one that hangs is left");
	ok(what != NULL, "it is said in what");
	sem_post(&gate);
	is_int(workers_join(&w[2], 1, 60000, &what), 0, "one that comes back is joined");
	sem_destroy(&gate);
}

static void
test_name(void)
{
	struct facts f = {.inits = 0};
	struct worker *w;
	char name[16] = "";

	must(worker_start(0, "adit-worker-0123456789", facts_init, NULL, &f, &w) == 0);
	pthread_getname_np(w->thread, name, sizeof(name));
	is_str(name, "adit-worker-012", "its thread bears its name, as far as the kernel takes it");
	worker_stop(w);
	worker_stop(w);
	worker_join(w);
}

/* A turn end asked for in the turn in which the worker is stopped. */
static void
ask_and_stop(void *arg)
{
	struct facts *f = arg;

	list_init(&f->end.node);
	f->end.run = on_reaped;
	worker_stop(w0);
	worker_at_end(w0, &f->end);
}

static void
test_last_turn(void)
{
	struct facts f = {.inits = 0};

	post_call(w0, ask_and_stop, &f);
	worker_run(w0);
	is_int(f.reaped, 1, "the last turn has its end, too");
}

/* ---- Messages between threads ---------------------------------------------------------------- */

#define PER_SENDER 50000

struct numbered {
	struct mbox_msg msg;
	struct sender *from;
	int n;
};

struct sender {
	struct numbered *all;
	int next; /* what the receiver expects */
	bool disorder;
};

static int received;

static void
on_numbered(struct mbox_msg *msg, bool is_late)
{
	struct numbered *m = container_of(msg, struct numbered, msg);

	if (is_late || m->n != m->from->next++)
		m->from->disorder = true;
	if (++received == 2 * PER_SENDER)
		worker_stop(w0);
}

static void
send_all(void *arg)
{
	struct sender *s = arg;

	for (int i = 0; i < PER_SENDER; i++) {
		s->all[i] = (struct numbered){.msg.deliver = on_numbered, .from = s, .n = i};
		must(worker_post(w0, &s->all[i].msg) == 0);
	}
}

static void
test_messages(void)
{
	struct sender s[2] = {{.next = 0}, {.next = 0}};
	struct worker *w[2];

	for (int i = 0; i < 2; i++) {
		s[i].all = xcalloc(PER_SENDER, sizeof(*s[i].all));
		must(worker_start((uint32_t)i, "sender", NULL, NULL, NULL, &w[i]) == 0);
		post_call(w[i], send_all, &s[i]);
	}
	worker_run(w0);
	is_int(received, 2 * PER_SENDER, "100,000 messages of two threads arrive");
	ok(!s[0].disorder && !s[1].disorder, "each thread's in the order of posting");
	for (int i = 0; i < 2; i++) {
		worker_stop(w[i]);
		worker_join(w[i]);
		free(s[i].all);
	}
}

/* ---- Slow turns ------------------------------------------------------------------------------ */

static void
on_spinner(struct timer *t)
{
	sem_t *done = t->w->app;

	spin_ms(30);
	sem_post(done);
}

static void
start_spinner(void *arg)
{
	timer_start(arg, 0);
}

static void
nothing(void *arg ATTR_UNUSED)
{
}

/* Lets a timer spin on a worker of its own; what it logs comes back in text. */
static void
spin_once(struct worker *w, char *text, size_t cap)
{
	struct timer t;
	sem_t done;
	int fd[2];
	ssize_t n;

	must(sem_init(&done, 0, 0) == 0);
	must(pipe2(fd, O_CLOEXEC) == 0);
	must(log_start(fd[1], LOG_TEXT, LOG_INFO) == 0);
	w->app = &done;
	timer_init(&t, w, "spinner", on_spinner);
	call_on(w, start_spinner, &t);
	while (sem_wait(&done) != 0)
		;
	call_on(w, nothing, NULL); /* a later turn: the slow one has ended */
	log_stop(1000);
	close(fd[1]);
	n = read(fd[0], text, cap - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fd[0]);
	sem_destroy(&done);
}

static void
test_slow(void)
{
	struct worker *w;
	char text[4096];

	must(worker_start(7, "slow", NULL, NULL, NULL, &w) == 0);
	spin_once(w, text, sizeof(text));
	ok(atomic_load(&w->stats.slow_turns) >= 1, "a turn of 30 ms is counted as slow");
	ok(atomic_load(&w->stats.max_turn_us) >= 30000, "its length is known");
	ok(atomic_load(&w->stats.turns) > atomic_load(&w->stats.slow_turns),
		"turns without work are not slow");
	ok(strstr(text, "worker 7: a turn took ") != NULL, "the log names the worker");
	ok(strstr(text, "longest: spinner, ") != NULL, "and what took longest");
	worker_stop(w);
	worker_join(w);
}

/* ---- Chunks ---------------------------------------------------------------------------------- */

static void
test_chunks(void)
{
	struct chunk *ch[10], *again;

	for (int i = 0; i < 10; i++) {
		ch[i] = chunk_get(w0);
		memset(ch[i]->data, i, CHUNK_SIZE);
		ch[i]->off = 1;
		ch[i]->len = CHUNK_SIZE;
	}
	for (int i = 0; i < 10; i++)
		chunk_put(w0, ch[i]);
	chunk_put(w0, NULL);
	is_int(w0->n_chunks, 8, "only a few free chunks are kept");
	again = chunk_get(w0);
	ok(again == ch[7], "the one used last comes first");
	ok(again->off == 0 && again->len == 0, "and is empty");
	is_int(w0->n_chunks, 7, "what is in use is not counted");
	chunk_put(w0, again);
}

/* ---- Children -------------------------------------------------------------------------------- */

static void
stop_main(void *arg ATTR_UNUSED)
{
	worker_stop(w0);
}

/* A plugin that has started a program must be the one who learns how it ended, and its number must
 * stay its until then. */
static void
test_children(void)
{
	siginfo_t info;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(7);
	must(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
	for (int i = 0; i < 3; i++) { /* SIGCHLD has come; turns that could take it */
		post_call(w0, stop_main, NULL);
		worker_run(w0);
	}
	ok(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7,
		"the main worker leaves the children of the process to who has started them");
}

int
main(void)
{
	test_owner();
	w0 = worker_new_main();
	must(w0 != NULL);
	test_slow(); /* before other slow turns: the log does not name them all */
	test_turn_end();
	test_turn_end_outside();
	test_timers();
	test_last_turn();
	test_life();
	test_join_several();
	test_name();
	test_messages();
	test_chunks();
	test_children();
	worker_join(w0);
	return done_testing();
}
