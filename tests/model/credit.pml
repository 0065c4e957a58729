/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 the Adit authors
 *
 * Credit, and replies that never block reading: two peers, a link each way that holds little, two
 * streams one way and one the other. Stream 0's far socket takes nothing until all of stream 1 has
 * arrived. A peer reads whenever there is something; what it owes for that (CREDIT, ACK, PONG) is a
 * number that waits until the link has room. See doc/protocol.md, sections 6 and 7.
 *
 * What must hold: never more DATA than credit; the two peers never wait for each other, and
 * everything arrives, however full the links are.
 *
 * One of these may be defined, and must be found wrong:
 *   REPLY_FIRST   ACK and PONG are written before anything else is read
 *   NO_FLOOR      all of a stream's bytes count against the session's credit
 *   NO_BLOCKED    CREDIT waits for half a window, whatever the peer says */

#define LINK 1    /* frames that a link holds */
#define TO_SEND 3 /* units on each stream */
#define WINDOW 3  /* of a stream */
#define FLOOR 1   /* of what a stream has outstanding, free */
#define SHARED 1  /* what all streams may have outstanding above it: less than one window */
#define PINGS 1

mtype = { DATA, CREDIT, BLOCKED, PING, PONG, ACK };
chan link[2] = [LINK] of { mtype, bit, byte };

typedef half {
	byte sent[2];        /* of each stream, in all */
	byte outstanding[2]; /* sent, and not known to be taken */
	bool said[2];        /* BLOCKED, since CREDIT came last */
	byte got[2];
	byte unread[2];
	byte owed[2];        /* taken by the far socket, and not said */
	bool wanted[2];      /* the peer has said BLOCKED */
	bool ack;            /* ACK is due: it goes before PONG */
	byte pongs, pings
};
half p[2];

#ifdef NO_FLOOR
#define ABOVE(x) (x)
#else
#define ABOVE(x) ((x) > FLOOR -> (x) - FLOOR : 0)
#endif
#define OVER(me) (ABOVE(p[me].outstanding[0]) + ABOVE(p[me].outstanding[1]))
#define MORE(me, s) (ABOVE(p[me].outstanding[s] + 1) - ABOVE(p[me].outstanding[s]))
#define MAY(me, s) (p[me].outstanding[s] < WINDOW && OVER(me) + MORE(me, s) <= SHARED)
#define ALL(me, s) (me == 0 || s == 1 -> TO_SEND : 0) /* what it has to send */
#define HAS(me, s) (p[me].sent[s] < ALL(me, s))
#ifdef NO_BLOCKED
#define DUE(me, s) (2 * p[me].owed[s] >= WINDOW)
#else
#define DUE(me, s) (p[me].owed[s] > 0 && (2 * p[me].owed[s] >= WINDOW || p[me].wanted[s]))
#endif
#define ROOM(me) nfull(link[me])

proctype peer(bit me)
{
	bit s;
	byte n;

end:	do
	/* In: always, whatever waits to be written. */
	:: atomic { link[1 - me] ? DATA(s, n) ->
			assert(p[me].unread[s] + p[me].owed[s] < WINDOW);
			p[me].unread[s]++;
			p[me].got[s]++;
			s = 0 }
	:: atomic { link[1 - me] ? CREDIT(s, n) ->
			assert(p[me].outstanding[s] >= n);
			p[me].outstanding[s] = p[me].outstanding[s] - n;
			p[me].said[0] = false;
			p[me].said[1] = false;
			s = 0; n = 0 }
	:: atomic { link[1 - me] ? BLOCKED(s, n) -> p[me].wanted[s] = true; s = 0 }
	:: link[1 - me] ? PING(s, n) ->
#ifdef REPLY_FIRST
		link[me] ! ACK(0, 0);
		link[me] ! PONG(0, 0)
#else
		atomic { p[me].ack = true; p[me].pongs++ }
#endif
	:: link[1 - me] ? PONG(s, n)
	:: link[1 - me] ? ACK(s, n)

	/* The far sockets take what they like; that of stream 0 nothing for long. */
	:: atomic { p[me].unread[0] > 0 && p[me].got[1] == ALL(1 - me, 1) ->
			p[me].unread[0]--; p[me].owed[0]++ }
	:: atomic { p[me].unread[1] > 0 -> p[me].unread[1]--; p[me].owed[1]++ }

	/* Out, when the link has room. */
	:: atomic { ROOM(me) && p[me].ack -> p[me].ack = false; link[me] ! ACK(0, 0) }
	:: atomic { ROOM(me) && !p[me].ack && p[me].pongs > 0 -> p[me].pongs--; link[me] ! PONG(0, 0) }
	:: atomic { ROOM(me) && p[me].pings < PINGS -> p[me].pings++; link[me] ! PING(0, 0) }
	:: atomic { ROOM(me) && DUE(me, 0) ->
			link[me] ! CREDIT(0, p[me].owed[0]);
			p[me].owed[0] = 0; p[me].wanted[0] = false }
	:: atomic { ROOM(me) && DUE(me, 1) ->
			link[me] ! CREDIT(1, p[me].owed[1]);
			p[me].owed[1] = 0; p[me].wanted[1] = false }
	:: atomic { ROOM(me) && HAS(me, 0) && MAY(me, 0) ->
			link[me] ! DATA(0, 0);
			p[me].sent[0]++; p[me].outstanding[0]++ }
	:: atomic { ROOM(me) && HAS(me, 1) && MAY(me, 1) ->
			link[me] ! DATA(1, 0);
			p[me].sent[1]++; p[me].outstanding[1]++ }
	:: atomic { ROOM(me) && HAS(me, 0) && !MAY(me, 0) && !p[me].said[0] ->
			link[me] ! BLOCKED(0, 0); p[me].said[0] = true }
	:: atomic { ROOM(me) && HAS(me, 1) && !MAY(me, 1) && !p[me].said[1] ->
			link[me] ! BLOCKED(1, 0); p[me].said[1] = true }
	od
}

/* When nothing can happen any more. */
active proctype quiet()
{
	bit i;

	timeout;
	assert(p[1].got[0] == TO_SEND && p[1].got[1] == TO_SEND && p[0].got[1] == TO_SEND);
	assert(p[0].pongs == 0 && p[1].pongs == 0 && !p[0].ack && !p[1].ack)
}

init {
	atomic {
		run peer(0);
		run peer(1)
	}
}
