# What 350_property.pl asks the database for, in the form in which the model (ModelDumps.pm) gives it.
#
# SPDX-License-Identifier: PostgreSQL
package QueueLooks;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(prepared);

sub micros { my ($column) = @_; return "(extract(epoch FROM $column) * 1000000)::bigint - 1900000000000000"; }

# Without which job one is cancelled for: there may be several.
sub unnamed { my ($text) = @_; return "regexp_replace($text, 'job \\d+, which it depends on, (is|was) \\w+', 'a job that it depends on failed')"; }

# A subscription's payload without what the database chose.
my $payload = unnamed(q{(payload - '{event_id,published_at}'::text[])::text});
my $error = unnamed('error');
my $event = q{topic || '|' || coalesce(key, '') || '|' || } . unnamed(q{coalesce(payload::text, '')}) . q{ || '|' || } . '(' . micros('published_at') . ')';
my $operation = q{bulk_id, kind, state, matched, done, skipped FROM astrid.bulk_status};

my %looks = (
	jobs => sprintf(qq{SELECT job_id, queue_name, state, priority, attempt, max_attempts, %s, %s, unique_key, group_key, lease_id,
	worker_id, %s, progress, step, message, $payload, tags, $error,
	CASE state WHEN 'dead' THEN
	    (SELECT string_agg(a ->> 'error', ', ' ORDER BY n) FROM astrid.dead_letters d, jsonb_array_elements(d.attempts) WITH ORDINALITY AS e (a, n)
	      WHERE d.job_id = s.job_id) END
	FROM astrid.job_status s WHERE state IN ('ready', 'scheduled', 'blocked', 'running', 'dead') ORDER BY job_id},
		map { micros($_) } qw(run_at deadline lease_until)),
	queues => 'SELECT queue_name, ready, scheduled, blocked, running, dead FROM astrid.queue_status ORDER BY queue_name COLLATE "C"',
	keys => q{SELECT (queue_name || '|' || unique_key || '|' || job_id || '|' || coalesce(next_id::text, '') || '|'
	    || CASE WHEN finished THEN 't' ELSE 'f' END) COLLATE "C" FROM astrid.unique_key JOIN astrid.queue USING (queue_id)
	 WHERE NOT finished OR held_until > astrid.clock() ORDER BY 1},
	# The next to be claimed first; behind the colon those that wait for their group.
	places => q{SELECT queue_name || '|' || coalesce((SELECT string_agg(job_id::text, ' ' ORDER BY lane, position) FROM astrid.ready r
	                                              WHERE r.queue_id = q.queue_id), '') || ':'
	    || coalesce((SELECT string_agg(job_id::text, ' ' ORDER BY lane, position) FROM astrid.waiting w
	                  WHERE w.queue_id = q.queue_id AND parked), '')
	FROM astrid.queue q ORDER BY queue_name COLLATE "C"},
	subscriptions => q{SELECT (subscription || '|' || pattern || '|' || queue_name) COLLATE "C" FROM astrid.subscription_status ORDER BY 1},
	operations => "SELECT $operation WHERE state = 'running' ORDER BY bulk_id",
	'unread(xid8, bigint)' => qq{SELECT ($event) COLLATE "C" FROM astrid.event_log WHERE (xid, event_id) > (\$1, \$2) ORDER BY 1},

	# Whatever the model thinks: units of limits are neither lost nor made, and what waits is waited for.
	leaks => q{
	SELECT 'concurrency of ' || queue_name FROM astrid.queue q
	 WHERE concurrency <> (SELECT coalesce(sum(CASE lane WHEN 0 THEN units ELSE -units END), 0) FROM astrid.token t
	                        WHERE t.queue_id = q.queue_id AND lane IN (0, 3))
	                      + (SELECT count(*) FROM astrid.running r WHERE r.queue_id = q.queue_id)
	UNION ALL
	SELECT 'rate of ' || queue_name FROM astrid.queue q
	 WHERE rate_limit <> (SELECT coalesce(sum(units), 0) FROM astrid.token t WHERE t.queue_id = q.queue_id AND lane IN (1, 2))
	UNION ALL
	SELECT 'key of job ' || k.job_id FROM astrid.unique_key k
	 WHERE NOT finished AND NOT EXISTS (SELECT FROM astrid.job_status s WHERE s.job_id = k.job_id AND s.unique_key = k.unique_key
	                      AND state IN ('ready', 'scheduled', 'blocked', 'running'))
	UNION ALL
	SELECT 'slot of job ' || g.job_id FROM astrid.group_slot g
	 WHERE NOT EXISTS (SELECT FROM astrid.job_status s WHERE s.job_id = g.job_id AND s.group_key = g.group_key
	                      AND state IN ('ready', 'scheduled', 'running', 'dead'))
	UNION ALL
	SELECT 'parents of job ' || w.job_id FROM astrid.waiting w
	 WHERE coalesce(parents_left, 0) <> (SELECT count(*) FROM astrid.dependency d WHERE w.job_id = ANY (d.child_ids)
	                                        AND d.parent_id = ANY (w.parents)) OR parents_left <= 0
	UNION ALL
	SELECT 'children of job ' || d.parent_id FROM astrid.dependency d
	 WHERE NOT EXISTS (SELECT FROM astrid.job_status s WHERE s.job_id = d.parent_id
	                      AND state IN ('ready', 'scheduled', 'blocked', 'running', 'dead'))},

	'read(text, text, int)' => qq{SELECT split_part(cursor, '-', 1), cursor, $event FROM astrid.events(\$1, \$2, \$3)},
	finished => qq{SELECT job_id, state, attempt, result, $error, worker_id, $payload, tags
	FROM astrid.job_status WHERE state IN ('completed', 'cancelled') ORDER BY job_id},
	ended_operations => "SELECT $operation WHERE finished_at > astrid.clock() - interval '1 hour' ORDER BY bulk_id",
	logs => q{SELECT job_id, attempt, level, message FROM astrid.job_log WHERE logged_at > astrid.clock() - interval '1 hour'
	ORDER BY logged_at, job_id},
	exported => q{SELECT (queue_name || '|' || kind || '|' || ("row" ->> 'job_id')) COLLATE "C" FROM astrid.exported
	WHERE kind IN ('history', 'dead', 'result') ORDER BY 1},
	workers => 'SELECT worker_id, draining FROM astrid.worker_status ORDER BY worker_id',

	# What the contract leaves open
	'due(bigint)' => 'SELECT ' . micros('run_at') . q{ FROM astrid.job_status WHERE job_id = $1 AND state = 'scheduled'},
	'born(bigint)' => qq{SELECT job_id, queue_name, $payload FROM astrid.job_status WHERE job_id > \$1 AND payload ?| '{event_id,op}' ORDER BY job_id},
);

sub prepared { return map { "PREPARE $_ AS $looks{$_}" } sort keys %looks; }

1;
