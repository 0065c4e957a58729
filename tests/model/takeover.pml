/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors
 *
 * Takeover and resume at the server: core/tunnel/registry.c, the mailboxes of the workers, and what
 * server_session.c and resume.c do with them. One identity logs in S times over L links, each link
 * on any worker, with AUTH or with RESUME of any session there ever was; links break and detached
 * sessions expire whenever they like. Messages of two workers to a third arrive in any order.
 *
 * What must hold: the registry's session is the newest login that has not ended by itself, and
 * nobody else has the public name; when all is quiet every other session has ended and every other
 * link is closed; and a session goes on over the newest link that asked for it.
 *
 * One of these may be defined, and must be found wrong:
 *   END_BY_NAME     a session's end takes its identity out of the registry, whoever has it now
 *   NOT_CLOSED      who is pushed out is not told
 *   NO_GENERATION   a link that comes late from another worker is taken, too */

#define S 3 /* logins */
#define L 4 /* links in all */
#define W 2 /* workers */
#define BREAKS 2

mtype = { KICK, LINK };

/* To worker w: session, generation and link. There is room for all that can be said. */
chan mbox[W] = [L + S] of { mtype, byte, byte, byte };

/* The registry: touched in one step each time. */
byte owner;            /* the session of the identity; 0: none */
byte claim;            /* who has the public name */
byte generation[S + 1]; /* of the newest link that asked for the session */

/* The sessions, each touched by its own worker only. */
byte logins;           /* their number so far: the newest is the one of that number */
byte home[S + 1];
bool alive[S + 1];
bool quit[S + 1];      /* it has ended by itself */
byte link_of[S + 1];   /* 0: detached */
byte taken[S + 1];     /* generation of that link */

byte links, breaks;
bool open[L + 1];
bool broken[L + 1];
byte newest[S + 1]; /* the last link that asked for the session and was let in */

inline close_link(l)
{
	open[l] = false
}

/* registry_login(). */
inline registry_login(w, l)
{
	logins++;
	old = owner;
	claim = 0;
	owner = logins;
	home[owner] = w;
	alive[owner] = true;
	link_of[owner] = l;
	newest[owner] = l
}

/* registry_logout(): by the session's id, which no other session has. */
inline registry_logout(id)
{
	atomic {
#ifdef END_BY_NAME
		owner = 0;
		claim = 0;
#else
		if
		:: owner == id -> owner = 0
		:: else
		fi;
		if
		:: claim == id -> claim = 0
		:: else
		fi;
#endif
	}
}

inline end_session(id)
{
	atomic {
		alive[id] = false;
		if
		:: link_of[id] != 0 -> close_link(link_of[id])
		:: else
		fi;
		link_of[id] = 0
	}
	registry_logout(id)
}

/* A link is on the session's worker: the session goes on over it. */
inline adopt(id, g, l)
{
	atomic {
		if
#ifdef NO_GENERATION
		:: alive[id] ->
#else
		:: alive[id] && g > taken[id] ->
#endif
			if
			:: link_of[id] != 0 -> close_link(link_of[id])
			:: else
			fi;
			taken[id] = g;
			if
			:: broken[l] -> close_link(l); link_of[id] = 0
			:: else -> link_of[id] = l
			fi
		:: else -> close_link(l)
		fi
	}
}

proctype worker(byte w)
{
	byte id, g, l, old;

end:	do
	/* Messages. */
	:: mbox[w] ? KICK(id, g, l) ->
		if
		:: alive[id] -> end_session(id)
		:: else
		fi
	:: mbox[w] ? LINK(id, g, l) ->
		adopt(id, g, l)

	/* A link with AUTH. */
	:: atomic { links < L && logins < S ->
			links++; l = links; open[l] = true;
			registry_login(w, l) };
		if
#ifndef NOT_CLOSED
		:: old != 0 -> mbox[home[old]] ! KICK(old, 0, 0)
#endif
		:: else
		fi

	/* A link with RESUME of a session that was known once. */
	:: atomic { links < L && logins > 0 -> links++; l = links; open[l] = true };
		select (id : 1 .. S);
		atomic {
			if
			:: owner == id ->
				generation[id]++;
				g = generation[id];
				newest[id] = l
			:: else -> close_link(l); l = 0
			fi
		}
		if
		:: l != 0 && home[id] == w -> adopt(id, g, l)
		:: l != 0 && home[id] != w -> mbox[home[id]] ! LINK(id, g, l)
		:: else
		fi

	/* Of the sessions here: the name is bound, a link breaks, the time of one is over. */
	:: atomic { owner != 0 && home[owner] == w && alive[owner] && claim == 0 ->
			claim = owner }
	:: atomic { breaks < BREAKS && logins > 0 ->
			breaks++;
			select (id : 1 .. S);
			if
			:: alive[id] && home[id] == w && link_of[id] != 0 ->
				broken[link_of[id]] = true;
				close_link(link_of[id]);
				link_of[id] = 0
			:: else
			fi }
	:: atomic { owner != 0 && home[owner] == w && alive[owner] && link_of[owner] == 0 ->
			id = owner;
			quit[id] = true };
		end_session(id)
	od
}

/* At every moment. */
active proctype always()
{
end:	atomic {
		(owner != 0 && owner != logins) || (claim != 0 && claim != owner) ||
			(owner == 0 && logins != 0 && !quit[logins]) ->
		assert(false)
	}
}

/* When nothing can happen any more. */
active proctype quiet()
{
	byte i;

	timeout;
	for (i : 1 .. S) {
		assert(!alive[i] || i == owner);
	}
	for (i : 1 .. L) {
		assert(!open[i] || (owner != 0 && link_of[owner] == i));
	}
	assert(owner == 0 || (claim == owner && link_of[owner] == newest[owner]))
}

init {
	atomic {
		run worker(0);
		run worker(1)
	}
}
