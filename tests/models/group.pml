/*
 * The places of a group (extension/group.c, claim.c) with claims and completions that abort, and
 * snapshots that are older than what others do meanwhile.
 *
 * JOBS jobs of one group lie ready, the first only once its producer commits; PLACES may run at a time. A claim takes its snapshot
 * and walks over the jobs that it shows in order: it tries the group's lock, counts the places that are
 * taken, and takes the job to run it. Where all are taken it parks the job, if nobody is leaving the
 * group, having counted again; else it passes it over. A completion waits for who parks, leaves its
 * place, and where it sees a parked job waits for the lock and hands the place on to the first of
 * them. What a transaction does is seen by others at its commit, in one step, or never; its locks go
 * a step later.
 *
 * Wanted: never more than PLACES have a place, no job starts while an earlier one that its claim saw
 * still waits (ordered groups: PLACES 1), and the end is reached: nothing stays parked behind nobody. Wrong
 * variants, of which each must fail:
 *   -DUNLOCKED  a completion looks for parked jobs while others park them
 *   -DHASTY  a claim that parks a job does not count again
 *   -DSTALE  a claim counts the places as its snapshot shows them
 *   -DOVERTAKE  a claim that passed over a job of the group still takes a later one
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#define JOBS      3
#define PLACES    1
#define CLAIMERS  2
#define FINISHERS 1
#define ABORTS    2 /* of all processes together */
#define NOBODY    255

/* UNBORN: its enqueue has not committed. HANDED: ready, with a place of the group; RUNNING has one too. */
mtype = { UNBORN, READY, PARKED, HANDED, RUNNING, DONE };
mtype job[JOBS] = READY; /* as committed */

byte lock = NOBODY;  /* who gives places away */
byte alone = NOBODY; /* who parks a job */
byte leaving = 0;    /* how many leave their place */
bool in_work[JOBS]; /* deleted or changed by a transaction under way */
byte aborts = 0;

#define HAS_PLACE(j) (job[j] == RUNNING || job[j] == HANDED)
#define ALL_DONE     (job[0] == DONE && job[1] == DONE && job[2] == DONE)

inline check_places()
{
	n = 0;
	for (i : 0 .. JOBS - 1) {
		if
		:: HAS_PLACE(i) -> n++
		:: else
		fi
	}
	assert(n <= PLACES);
	n = 0;
	i = 0
}

/* Job j is given a place by a claim: no earlier one that the claim saw may wait. */
inline check_order(j)
{
	for (i : 0 .. JOBS - 1) {
		assert(i >= j || seen[i] == UNBORN || job[i] == RUNNING || job[i] == DONE)
	}
	i = 0
}

#define may_park (leaving == 0 && (alone == NOBODY || alone == _pid))

/* The places that are taken, those of this claim included. */
inline count()
{
	n = taken;
	for (i : 0 .. JOBS - 1) {
		if
#ifdef STALE
		:: seen[i] == RUNNING || seen[i] == HANDED -> n++
#else
		:: HAS_PLACE(i) -> n++
#endif
		:: else
		fi
	}
	i = 0
}

inline take()
{
	in_work[j] = true;
	if
	:: n < PLACES ->
		becomes[j] = RUNNING;
		taken++
	:: else -> becomes[j] = PARKED
	fi
}

proctype claimer()
{
	mtype seen[JOBS];
	mtype becomes[JOBS];
	byte i, n, j, taken;
	bool left, locked;

end:
	do
	:: ALL_DONE -> break
	:: else ->
		skip;
		d_step { /* the snapshot */
			for (i : 0 .. JOBS - 1) {
				seen[i] = job[i];
				becomes[i] = 0
			}
			i = 0;
			left = false;
			taken = 0;
			n = 0;
			locked = false
		}
		j = 0;
		do
		:: j == JOBS -> break
		:: j < JOBS && seen[j] == HANDED ->
			/* It has its place: no lock is asked for. */
			d_step {
				if
				:: job[j] == HANDED && !in_work[j] ->
					in_work[j] = true;
					becomes[j] = RUNNING
				:: else
				fi
			}
			j++
		:: j < JOBS && seen[j] == READY ->
			d_step {
				if
#ifndef OVERTAKE
				:: left -> skip
#endif
				:: !left && (lock == NOBODY || lock == _pid) ->
					lock = _pid;
					locked = true
				:: !left && lock != NOBODY && lock != _pid -> left = true
#ifdef OVERTAKE
				:: left && (lock == NOBODY || lock == _pid) ->
					lock = _pid;
					locked = true;
					left = false
				:: left && lock != NOBODY && lock != _pid -> skip
#endif
				fi
			}
			d_step {
				count()
			}
			d_step { /* decide */
				if
				:: !left && locked && job[j] == READY && !in_work[j] && n >= PLACES && may_park ->
					alone = _pid;
#ifndef HASTY
					count();
#endif
					take()
				:: !left && locked && job[j] == READY && !in_work[j] && n < PLACES -> take()
				:: !left && locked && (job[j] != READY || in_work[j] || (n >= PLACES && !may_park)) -> left = true
				:: else
				fi;
				n = 0
			}
			j++
		:: j < JOBS && seen[j] != READY && seen[j] != HANDED -> j++
		od;
		atomic { /* the transaction ends */
			if
			:: true ->
				for (j : 0 .. JOBS - 1) {
					if
					:: becomes[j] == RUNNING && seen[j] == READY -> check_order(j)
					:: else
					fi;
					if
					:: becomes[j] != 0 ->
						job[j] = becomes[j];
						in_work[j] = false
					:: else
					fi
				}
			:: aborts < ABORTS ->
				aborts++;
				for (j : 0 .. JOBS - 1) {
					if
					:: becomes[j] != 0 -> in_work[j] = false
					:: else
					fi
				}
			fi;
			j = 0;
			check_places()
		}
		d_step {
			if
			:: locked -> lock = NOBODY
			:: else
			fi;
			if
			:: alone == _pid -> alone = NOBODY
			:: else
			fi;
			locked = false
		}
	od
}

proctype finisher()
{
	byte i, n, j, parked;

end:
	do
	:: ALL_DONE -> break
	:: atomic { job[0] == RUNNING && !in_work[0] -> j = 0; in_work[0] = true }
		goto finish
	:: atomic { job[1] == RUNNING && !in_work[1] -> j = 1; in_work[1] = true }
		goto finish
	:: atomic { job[2] == RUNNING && !in_work[2] -> j = 2; in_work[2] = true }
finish:
		skip;
#ifndef UNLOCKED
		atomic { alone == NOBODY -> leaving++ }
#endif
		if
		:: atomic { job[0] == PARKED || job[1] == PARKED || job[2] == PARKED -> lock == NOBODY -> lock = _pid }
		:: atomic { job[0] != PARKED && job[1] != PARKED && job[2] != PARKED -> skip }
		fi;
		d_step {
			parked = NOBODY;
			for (i : 0 .. JOBS - 1) {
				if
				:: lock == _pid && parked == NOBODY && job[i] == PARKED && !in_work[i] -> parked = i
				:: else
				fi
			}
			i = 0;
			if
			:: parked != NOBODY -> in_work[parked] = true
			:: else
			fi
		}
		atomic {
			if
			:: true ->
				job[j] = DONE;
				if
				:: parked != NOBODY -> job[parked] = HANDED
				:: else
				fi
			:: aborts < ABORTS -> aborts++
			fi;
			in_work[j] = false;
			if
			:: parked != NOBODY -> in_work[parked] = false
			:: else
			fi;
			check_places()
		}
		d_step {
#ifndef UNLOCKED
			leaving--;
#endif
			if
			:: lock == _pid -> lock = NOBODY
			:: else
			fi
		}
	od
}

proctype producer()
{
	job[0] = READY
}

/* At rest: claims find nothing to do, nobody runs. Then all must be done. */
proctype watcher()
{
	do
	:: ALL_DONE -> break
	:: atomic {
			!ALL_DONE && lock == NOBODY && !in_work[0] && !in_work[1] && !in_work[2] &&
			job[0] != UNBORN && job[0] != READY && job[1] != READY && job[2] != READY &&
			!HAS_PLACE(0) && !HAS_PLACE(1) && !HAS_PLACE(2) ->
			assert(false)
		}
	od
}

init
{
	atomic {
		byte p;
		job[0] = UNBORN;
		run producer();
		for (p : 1 .. CLAIMERS) {
			run claimer()
		}
		for (p : 1 .. FINISHERS) {
			run finisher()
		}
		run watcher()
	}
}
