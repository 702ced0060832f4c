/*
 * Lease, heartbeat, reap, complete (extension/lease.c, sql/astrid/58_maintenance): two workers, one
 * job, a clock that runs out at any time.
 *
 * A worker claims (a new lease), and while it works its lease may be renewed by its heartbeat, run
 * out and be reaped, so that the other worker claims the job. A completion looks for its lease,
 * waits for the row where another transaction has it, and then looks again.
 *
 * Wanted: a job is completed once and by the holder of its current lease; at rest it is completed
 * or dead; no process is stuck. Wrong variants, of which each must fail:
 *   -DUNFENCED  the completion names the job but not the lease
 *   -DNO_RECHECK  it does not look again after it has waited for the row
 *   -DLOSE      the reaper takes the job from running without giving it back
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#define WORKERS  2
#define ATTEMPTS 3
#define NOBODY   255

mtype = { READY, RUNNING, COMPLETED, DEAD };
mtype state = READY;
byte attempt = 0;
byte lease = 0;      /* of the running row */
bool overdue = false; /* lease_until is past */
byte row = NOBODY;   /* who has the row locked until its transaction ends */
byte effects = 0;    /* committed together with a completion */

/* The lease of this worker is that of the row, as the row is now. */
#ifdef UNFENCED
#define HOLDS(l) (state == RUNNING)
#else
#define HOLDS(l) (state == RUNNING && lease == (l))
#endif

proctype worker(byte me)
{
	byte mine = 0;
	bool found = false;

	do
	:: atomic { state == READY && row == NOBODY -> /* claim, committed at once */
		state = RUNNING;
		attempt++;
		lease++;
		mine = lease;
		overdue = false
	   };
	   do
	   :: atomic { row == NOBODY && state == RUNNING && lease == mine && overdue ->
		overdue = false /* heartbeat in time; another one finds the lease lost and stops */
	      }
	   :: break
	   od;
	   if
	   :: true -> /* the worker is killed, or stopped for long: nothing more from it for this lease */
		skip
	   :: true -> /* complete: find the row by a snapshot ... */
		found = HOLDS(mine);
		if
		:: found ->
			atomic { row == NOBODY -> row = me }; /* ... and wait for whoever has it */
#ifndef NO_RECHECK
			found = HOLDS(mine);
#endif
			if
			:: found -> /* commit, or roll back by a crash */
				if
				:: atomic {
					assert(state == RUNNING && lease == mine);
					state = COMPLETED;
					effects++;
					row = NOBODY
				   }
				:: row = NOBODY
				fi
			:: else -> row = NOBODY
			fi
		:: else /* the lease is lost: roll back */
		fi
	   fi;
	   mine = 0;
	   found = false
	:: state == COMPLETED || state == DEAD -> break
	od
}

proctype clock()
{
	do
	:: atomic { state == RUNNING && !overdue -> overdue = true }
	:: state == COMPLETED || state == DEAD -> break
	od
}

proctype reaper()
{
	do
	:: atomic { state == RUNNING && overdue && row == NOBODY -> row = WORKERS }; /* SKIP LOCKED */
		if
		:: atomic {
			if
			:: attempt < ATTEMPTS ->
#ifdef LOSE
				state = 0
#else
				state = READY
#endif
			:: else -> state = DEAD
			fi;
			row = NOBODY
		   }
		:: row = NOBODY /* rolled back: the next pass does it */
		fi
	:: state == COMPLETED || state == DEAD -> break
	od
}

init {
	atomic {
		run worker(0);
		run worker(1);
		run clock();
		run reaper()
	};
	_nr_pr == 1;
	assert(effects <= 1);
	assert((state == COMPLETED) == (effects == 1));
	assert(state == COMPLETED || state == DEAD)
}
