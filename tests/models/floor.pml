/*
 * The claim floor (extension/floor.c, walk.c) with claims that abort, jobs that commit late, and a
 * snapshot that is older than what others do meanwhile.
 *
 * Positions are 0 to JOBS-1. Producers have drawn them all, and commit in any order. A claim looks at the floor, takes its snapshot, walks from the floor, takes at most one job, and
 * commits or aborts. Each line that is one atomic step in the server is one here: a commit becomes
 * visible in one step, its callback lowers the floor in a later one.
 *
 * Wanted: at rest no job lies ready below the floor (NO_JOB_LEFT), no job is taken twice, and no
 * process is stuck. Wrong variants, of which each must fail:
 *   -DBLIND  the floor rises without regard to what was committed since the claim looked
 *   -DEARLY  it rises when the claim takes the job, not when it commits
 *   -DPAST   it rises past a job that another claim is just taking
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef JOBS
#define JOBS 3
#endif
#ifndef CLAIMERS
#define CLAIMERS 2
#endif
#define CLAIMS 3 /* of all claimers together */
#define NEWS   2 /* commits that the ring keeps */

/* UNBORN: drawn, not yet committed. TAKEN: being deleted by a claim that is under way. */
mtype = { UNBORN, READY, TAKEN, GONE };
mtype job[JOBS] = UNBORN;

byte floor = 0;
byte n_news = 0;
byte news[NEWS];
byte claims = 0;
byte working = JOBS + CLAIMERS;

/* Floor rises to `to`, seen from a claim that looked when there were `since` news. */
inline rise(to, since)
{
	d_step {
		limit = to;
#ifndef BLIND
		if
		:: n_news - since > NEWS -> limit = 0
		:: else ->
			i = since;
			do
			:: i < n_news ->
				if
				:: news[i % NEWS] < limit -> limit = news[i % NEWS]
				:: else
				fi;
				i++
			:: else -> break
			od
		fi;
#endif
		if
		:: limit > floor -> floor = limit
		:: else
		fi;
		limit = 0;
		i = 0
	}
}

proctype producer(byte p)
{
	job[p] = READY;
	d_step { /* the callback comes later than the row can be seen */
		news[n_news % NEWS] = p;
		n_news++;
		if
		:: p < floor -> floor = p
		:: else
		fi;
		working--
	}
}

proctype claimer()
{
	byte since = 0, at = 0, free = 0, mine = JOBS, i = 0, limit = 0;
	bool left = false;
	bool visible[JOBS];

	do
	:: atomic { claims < CLAIMS -> /* floor_look */
			claims++;
			since = n_news;
			at = floor;
			free = floor
		};
		d_step { /* the snapshot */
			i = 0;
			do
			:: i < JOBS -> visible[i] = (job[i] == READY || job[i] == TAKEN); i++
			:: else -> break
			od;
			i = 0
		};
		/* The walk: in one step, since what happens to a job after it was passed cannot change
		 * what the claim does next. */
		d_step {
			do
			:: at < JOBS && mine == JOBS ->
				if
				:: !visible[at]
				:: visible[at] && job[at] == READY ->
					job[at] = TAKEN;
					mine = at;
					if
					:: !left -> free = at + 1
					:: else
					fi
				:: visible[at] && job[at] == TAKEN ->
#ifdef PAST
					if
					:: !left -> free = at + 1
					:: else
					fi
#else
					if
					:: !left -> free = at; left = true
					:: else
					fi
#endif
				:: visible[at] && job[at] == GONE ->
					if
					:: !left -> free = at + 1
					:: else
					fi
				fi;
				at++
			:: else -> break
			od
		};
#ifdef EARLY
		rise(free, since);
#endif
		if
		:: mine < JOBS -> /* abort */
			job[mine] = READY
		:: true -> /* commit */
			atomic {
				if
				:: mine < JOBS ->
					assert(job[mine] == TAKEN);
					job[mine] = GONE
				:: else
				fi
			};
#ifndef EARLY
			rise(free, since);
#endif
		fi;
		d_step { /* forget it all: fewer states */
			mine = JOBS;
			free = 0;
			at = 0;
			since = 0;
			left = false;
			i = 0;
			do
			:: i < JOBS -> visible[i] = false; i++
			:: else -> break
			od;
			i = 0
		}
	:: else -> break
	od;
	working--
}

init {
	byte p = 0;

	atomic {
		do
		:: p < JOBS -> run producer(p); p++
		:: else -> break
		od;
		p = 0;
		do
		:: p < CLAIMERS -> run claimer(); p++
		:: else -> break
		od
	};
	working == 0;
	/* NO_JOB_LEFT */
	d_step {
		p = 0;
		do
		:: p < floor -> assert(job[p] != READY); p++
		:: else -> break
		od
	}
}
