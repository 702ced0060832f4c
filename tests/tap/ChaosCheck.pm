# What the chaos suite proves, from the database alone: every acknowledged job ended once, in one table, in a state that
# its kind allows, and left exactly the effect that belongs to it. Called by 300_chaos.pl.
#
# The tables here have no unique constraints on purpose: one would prevent what the checker is to find.
#
# SPDX-License-Identifier: PostgreSQL
package ChaosCheck;

use strict;
use warnings;
use Exporter 'import';
use Test::More;

our @EXPORT = qw(create_chaos_schema load_acknowledged violations finds_planted);

# The jobs: plan and commit for the worker's handler "sky". kind says what must become of the job:
#   slow      runs a stage in a runner      poison    its commit is refused after the effect was written: dead
#   cancelled may complete or be cancelled  program   an exec handler, no effect       others   complete
my $schema = q{
CREATE SCHEMA sky;
CREATE SCHEMA chaos;
CREATE TABLE sky.effect (job_id bigint, lease_id bigint, at timestamptz DEFAULT clock_timestamp());
CREATE INDEX ON sky.effect (at);
CREATE TABLE chaos.acknowledged (job_id bigint, kind text);
CREATE TABLE chaos.excess (violation text);

-- Any snapshot may have as many jobs running as the limits say, and no more.
CREATE FUNCTION chaos.excess() RETURNS SETOF text LANGUAGE sql AS
$$
SELECT format('%s jobs of queue %s run at a time', count(*), queue_name)
  FROM astrid.running JOIN astrid.queue q USING (queue_id)
 GROUP BY queue_name, concurrency HAVING count(*) > q.concurrency
UNION ALL
SELECT format('%s jobs of group %s of queue %s run at a time', count(*), group_key, queue_name)
  FROM astrid.running JOIN astrid.queue q USING (queue_id)
 GROUP BY queue_name, group_key, group_concurrency HAVING count(*) > q.group_concurrency
$$;

CREATE FUNCTION sky.plan(job bigint, lease bigint) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    PERFORM astrid.check_lease(job, lease);
    INSERT INTO chaos.excess SELECT chaos.excess();
    RETURN (SELECT CASE WHEN payload ->> 'kind' = 'slow'
                        THEN jsonb_build_object('steps', jsonb_build_array(jsonb_build_object(
                            'stage', 'byte_stats', 'inputs', jsonb_build_object('file', payload -> 'uri'))))
                        ELSE '{"steps": []}' END
              FROM astrid.running WHERE job_id = job);
END
$$;

CREATE FUNCTION sky.commit(job bigint, lease bigint, results jsonb) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    PERFORM astrid.check_lease(job, lease);
    INSERT INTO sky.effect (job_id, lease_id) VALUES (job, lease);
    IF EXISTS (SELECT FROM astrid.running WHERE job_id = job AND payload ->> 'kind' = 'poison') THEN
        RAISE EXCEPTION 'poison' USING ERRCODE = 'QJ009';
    END IF;
    IF NOT astrid.complete(job, lease, results) THEN
        RAISE EXCEPTION 'lease lost' USING ERRCODE = 'QJ001';
    END IF;
END
$$;
GRANT USAGE ON SCHEMA sky TO astrid_worker;

CREATE VIEW chaos.job AS
    SELECT job_id, 'ready' AS state, NULL::bigint AS lease_id, payload FROM astrid.ready
    UNION ALL SELECT job_id, 'waiting', NULL, payload FROM astrid.waiting
    UNION ALL SELECT job_id, 'running', lease_id, payload FROM astrid.running
    UNION ALL SELECT job_id, 'dead', NULL, payload FROM astrid.dead
    UNION ALL SELECT job_id, state, lease_id, payload FROM astrid.history;

CREATE FUNCTION chaos.violations() RETURNS SETOF text LANGUAGE sql AS
$$
SELECT format('acknowledged job %s (%s) is lost', job_id, kind)
  FROM chaos.acknowledged a WHERE NOT EXISTS (SELECT FROM chaos.job j WHERE j.job_id = a.job_id)
UNION ALL
SELECT format('job %s is there %s times: %s', job_id, count(*), string_agg(state, ', '))
  FROM chaos.job GROUP BY job_id HAVING count(*) > 1
UNION ALL
SELECT format('job %s (%s) is %s', job_id, payload ->> 'kind', state)
  FROM chaos.job
 WHERE NOT state = ANY (CASE payload ->> 'kind' WHEN 'poison' THEN '{dead}'
                                                WHEN 'cancelled' THEN '{completed,cancelled}'
                                                ELSE '{completed}' END::text[])
UNION ALL
SELECT format('completed job %s has %s effects', j.job_id, count(e.job_id))
  FROM chaos.job j LEFT JOIN sky.effect e USING (job_id)
 WHERE j.state = 'completed' AND j.payload ->> 'kind' <> 'program' GROUP BY j.job_id HAVING count(e.job_id) <> 1
UNION ALL
SELECT format('effect of lease %s without a job %s completed by it', e.lease_id, e.job_id)
  FROM sky.effect e
 WHERE NOT EXISTS (SELECT FROM astrid.history h
                    WHERE h.job_id = e.job_id AND h.lease_id = e.lease_id AND h.state = 'completed')
UNION ALL
SELECT format('lease %s of job %s both failed and completed', a.lease_id, a.job_id)
  FROM astrid.attempt a JOIN astrid.history h USING (job_id, lease_id) WHERE h.state = 'completed'
UNION ALL
SELECT format('lease %s ended %s times', lease_id, count(*))
  FROM (SELECT lease_id FROM astrid.attempt
        UNION ALL SELECT lease_id FROM astrid.history WHERE state = 'completed') l
 GROUP BY lease_id HAVING count(*) > 1
UNION ALL
SELECT violation FROM chaos.excess
UNION ALL
SELECT format('job %s overtook job %s of its group', job_id, before)
  FROM (SELECT job_id, at, lag(job_id) OVER w AS before, lag(at) OVER w AS at_before
          FROM sky.effect JOIN astrid.history h USING (job_id) JOIN astrid.queue q USING (queue_id)
         WHERE q.ordered WINDOW w AS (PARTITION BY queue_id, group_key ORDER BY job_id)) o
 WHERE at < at_before
UNION ALL
SELECT format('queue %s has %s units of its concurrency %s', queue_name, units, concurrency)
  FROM (SELECT queue_name, concurrency, coalesce((SELECT sum(CASE lane WHEN 0 THEN units ELSE -units END)
                  FROM astrid.token t WHERE t.queue_id = q.queue_id AND lane IN (0, 3)), 0)
               + (SELECT count(*) FROM astrid.running r WHERE r.queue_id = q.queue_id) AS units
          FROM astrid.queue q WHERE concurrency IS NOT NULL) u
 WHERE units <> concurrency
UNION ALL
SELECT format('queue %s has %s tokens of its rate %s', queue_name, units, rate_limit)
  FROM (SELECT queue_name, rate_limit, (SELECT sum(units) FROM astrid.token t
                                         WHERE t.queue_id = q.queue_id AND lane IN (1, 2)) AS units
          FROM astrid.queue q WHERE rate_limit IS NOT NULL) u
 WHERE units IS DISTINCT FROM rate_limit
UNION ALL
SELECT format('%s %s is left over', what, id)
  FROM (SELECT 'unique key', unique_key FROM astrid.unique_key
        UNION ALL SELECT 'place of group', group_key FROM astrid.group_slot
        UNION ALL SELECT 'dependency on job', parent_id::text FROM astrid.dependency) l (what, id)
$$;
};

sub create_chaos_schema
{
	my ($node) = @_;
	$node->safe_psql('postgres', "CREATE EXTENSION astrid;\n$schema");
	return;
}

# Rows "job_id kind" of a file that the producer wrote.
sub load_acknowledged
{
	my ($node, $file) = @_;
	$node->safe_psql('postgres', "\\copy chaos.acknowledged FROM '$file' (DELIMITER ' ')");
	return $node->safe_psql('postgres', 'SELECT count(*) FROM chaos.acknowledged');
}

sub violations
{
	my ($node) = @_;
	return $node->safe_psql('postgres', 'SELECT chaos.violations() LIMIT 20');
}

# A test that cannot fail is none: each kind of damage, planted and rolled back, must be reported.
my $one = q{(SELECT job_id FROM chaos.acknowledged JOIN sky.effect USING (job_id) WHERE kind = 'plain' LIMIT 1)};
my @planted = (
	[ 'a lost job', "DELETE FROM astrid.history WHERE job_id = $one", qr/is lost/ ],
	[ 'a job in two tables', "INSERT INTO astrid.ready SELECT job_id, position, run_at, enqueued_at, queue_id, priority,
		lane, attempt, max_attempts, crashes, timeout, deadline, admission, unique_key, group_key, tags, retry, payload
		FROM astrid.history WHERE job_id = $one",
		qr/is there 2 times/ ],
	[ 'a job completed twice', "INSERT INTO astrid.history SELECT * FROM astrid.history WHERE job_id = $one",
		qr/is there 2 times/ ],
	[ 'a lost effect', "DELETE FROM sky.effect WHERE job_id = $one", qr/has 0 effects/ ],
	[ 'an effect made twice', "INSERT INTO sky.effect SELECT * FROM sky.effect WHERE job_id = $one", qr/has 2 effects/ ],
	[ 'an effect of another lease', "UPDATE sky.effect SET lease_id = -1 WHERE job_id = $one", qr/effect of lease -1/ ],
	[ 'an effect of a dead job', 'INSERT INTO sky.effect SELECT job_id, lease_id FROM astrid.dead LIMIT 1',
		qr/effect of lease/ ],
	[ 'a job that came to nothing', "UPDATE astrid.history SET state = 'cancelled' WHERE job_id = $one",
		qr/\(plain\) is cancelled/ ],
	[ 'a lease that failed and completed', "INSERT INTO astrid.attempt SELECT job_id, lease_id, started_at, finished_at,
		attempt, queue_id, slot, worker, 'error' FROM astrid.history WHERE job_id = $one", qr/both failed and completed/ ],
	[ 'a lost unit of a limit', 'DELETE FROM astrid.token WHERE ctid = (SELECT max(ctid) FROM astrid.token WHERE lane = 0)',
		qr/units of its concurrency/ ],
	[ 'a token of a rate too many', 'UPDATE astrid.token SET units = units + 1 WHERE lane IN (1, 2)', qr/tokens of its rate/ ],
	[ 'a place of a group never left', "INSERT INTO astrid.group_slot VALUES (1, 'g', 1)", qr/place of group g is left/ ],
	[ 'children of a job that has ended', "INSERT INTO astrid.dependency VALUES ($one, '{1}', '{}', false, 'wait')",
		qr/dependency on job \d+ is left/ ],
	[ 'an overtaken job', "UPDATE sky.effect SET at = '2000-01-01' WHERE job_id = (SELECT max(job_id)
		FROM chaos.acknowledged JOIN sky.effect USING (job_id) WHERE kind = 'ordered')", qr/overtook/ ],
	[ 'too many at a time', "INSERT INTO chaos.excess VALUES ('3 jobs of queue limited run at a time')", qr/run at a time/ ]);

sub finds_planted
{
	my ($node) = @_;
	for my $planted (@planted)
	{
		my ($name, $damage, $report) = @$planted;
		like($node->safe_psql('postgres', "BEGIN; $damage; SELECT chaos.violations(); ROLLBACK"), $report,
			"the checker finds $name");
	}
	return;
}

1;
