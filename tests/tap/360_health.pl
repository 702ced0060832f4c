# astrid.health names who holds the oldest snapshot, and tells of maintenance, locks and rights.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;

my $node = start_node('health', streaming => 1, conf => q{
wal_level = logical
astrid.maintenance_interval = 100ms
autovacuum = off
});
$node->safe_psql('postgres', q{
	CREATE EXTENSION astrid;
	SELECT astrid_create_queue('q');
	CREATE ROLE reader LOGIN IN ROLE astrid_reader});
ok(wait_for_worker($node, 'postgres'), 'there is a maintenance worker');

# The lines of astrid.health as a reader sees them, so many minutes later.
sub health
{
	my ($check, %option) = @_;
	my $later = $option{later} // 0;

	return ($option{node} // $node)->safe_psql('postgres', qq{
		SELECT set_config('astrid.test_clock', (clock_timestamp() + interval '$later minutes')::text, false) WHERE $later > 0;
		SET ROLE reader;
		SELECT status || ': ' || detail FROM astrid.health WHERE check_name = '$check'}) =~ s/.*\n(?=.)//sr;
}

sub health_becomes
{
	my ($check, $pattern, $name, %option) = @_;
	my $line;

	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$line = health($check, %option);
		last if $line =~ $pattern;
		select(undef, undef, undef, 0.1);
	}
	like($line, $pattern, $name);
	return;
}

# Makes what holds a snapshot a few transactions older.
sub burn
{
	$node->safe_psql('postgres', 'SELECT pg_current_xact_id()') for 1 .. 5;
	return;
}

# Maintenance
like(health('maintenance_worker'), qr/^ok: process \d+ maintains this database$/, 'maintenance is done');
health_becomes('maintenance_pass', qr/^ok: the last pass ended at 20/, 'the last pass is known');

# Holders of snapshots, the oldest last to come
is(health('oldest_snapshot') =~ /idle in transaction/, '', 'nobody sits in a transaction');
my $slot_line = qr/replication slot "logical" \(nobody uses it; it holds the catalogs, not the jobs\) holds a snapshot that is \d+ transactions old$/;
$node->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('logical', 'pgoutput')});
like(health('snapshot_slots'), $slot_line, 'a logical slot is named, and that it holds the catalogs');
$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('logical')});

my $idle = $node->background_psql('postgres');
$idle->query_safe(q{SET application_name = 'forgotten'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 'a secret'});
my $pid = $idle->query_safe('SELECT pg_backend_pid()');
burn();
my $session = qr/session $pid \(user \S+, application "forgotten", client backend, idle in transaction\) holds a snapshot that is \d+ transactions old, since 20/;
health_becomes('oldest_snapshot', qr/^ok: $session/, 'a session idle in a transaction is named');
like(health('snapshot_sessions', later => 20), qr/^warning: $session.*pg_terminate_backend\($pid\) ends it/,
	'after ten minutes it is a warning, with the remedy');
like(health('snapshot_sessions', later => 120), qr/^critical: /, 'after an hour it is critical');
unlike($node->safe_psql('postgres', 'SELECT string_agg(detail, chr(10)) FROM astrid.health'), qr/secret/, 'its query is not told');

$node->safe_psql('postgres', q{BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'idle'});
like(health('prepared_jobs', later => 20), qr/^ok: no prepared transaction has touched jobs$/, 'a prepared transaction without jobs is none');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'idle'; BEGIN; SELECT astrid_enqueue('q', '{}'); PREPARE TRANSACTION 'jobs'});
burn();
like(health('oldest_snapshot'), $session, 'the session is still the oldest');
my $prepared = qr/prepared transaction "jobs" \(user \S+\) holds a snapshot that is \d+ transactions old, since 20/;
like(health('snapshot_prepared', later => 20), qr/^warning: $prepared.*COMMIT PREPARED or ROLLBACK PREPARED 'jobs' ends it/,
	'a prepared transaction is named beside it');
like(health('prepared_jobs', later => 5), qr/^warning: prepared transactions that have touched jobs: "jobs"\. /, 'and that it has touched jobs');
like(health('oldest_writer', later => 20), qr/^warning: prepared transaction "jobs" in database "postgres" has a transaction that writes, since 20/, 'and that it writes');
$idle->quit;
health_becomes('oldest_snapshot', $prepared, 'when the session has ended, it is the oldest');
$node->safe_psql('postgres', q{COMMIT PREPARED 'jobs'});
my $elsewhere = $node->background_psql('template1');
$elsewhere->query_safe('BEGIN; SELECT pg_current_xact_id()');
like(health('oldest_writer', later => 2), qr/^warning: session \d+ in database "template1" /, 'who writes in another database is named');
unlike(health('oldest_snapshot'), qr/client backend/, 'though it holds no jobs back');
$elsewhere->quit;

# A standby with feedback, without a slot and with one
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\nwal_receiver_status_interval = 1s\n");
$standby->start;
$node->wait_for_catchup($standby);
my $report = $standby->background_psql('postgres');
$report->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
health_becomes('snapshot_standbys', qr/^ok: standby "standby" \(hot_standby_feedback\) holds a snapshot that is \d+ transactions old/,
	'a standby with feedback is named');
burn();
health_becomes('oldest_snapshot', qr/^ok: standby "standby"/, 'it is the oldest');
like(health('maintenance_worker', node => $standby), qr/^ok: this server is a standby/, 'the view works on a standby');
$node->safe_psql('postgres', q{SELECT pg_create_physical_replication_slot('physical')});
$standby->append_conf('postgresql.conf', "primary_slot_name = 'physical'");
$standby->reload;
health_becomes('snapshot_slots', qr/^ok: replication slot "physical" \(in use\) holds a snapshot/, 'with a slot the slot is named');
health_becomes('oldest_snapshot', qr/^ok: replication slot "physical"/, 'it is the oldest');
$report->quit;
$standby->stop;
$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('physical')});

# No maintenance
ok(claim_one($node, 'q', '1 min'), 'a job runs');
$node->append_conf('postgresql.conf', 'astrid.maintenance = off');
$node->reload;
ok(wait_for_no_worker($node, 'postgres'), 'maintenance is off');
like(health('maintenance_worker'), qr/^critical: astrid\.maintenance is off: switch it on and reload/, 'it is told, with the remedy');
like(health('expired_leases', later => 5), qr/^critical: 1 leases have run out and were not taken back, the first at 20.*astrid\.maintenance is off/,
	'so is the lease that nobody takes back');
$node->append_conf('postgresql.conf', 'astrid.maintenance = on');
$node->reload;
health_becomes('maintenance_worker', qr/^ok: process/, 'and on brings the worker back');

# A worker that fails
$node->safe_psql('postgres', q{ALTER FUNCTION astrid.maintain() RENAME TO maintain_not});
health_becomes('maintenance_worker', qr/^critical: the maintenance worker of this database does not run \(\d+ failures in a row\)/,
	'a worker that fails is told');
$node->safe_psql('postgres', q{ALTER FUNCTION astrid.maintain_not() RENAME TO maintain});
health_becomes('maintenance_worker', qr/^ok: process/, 'and that it runs again');

# Locks
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE astrid.ready IN SHARE MODE');
$pid = $locker->query_safe('SELECT pg_backend_pid()');
my $waiting = $node->background_psql('postgres');
$waiting->query_until(qr/begin/, "\\echo begin\nSELECT astrid_enqueue('q', '{}');\n");
health_becomes('lock_waits', qr/^warning: session \d+ waits for astrid\.ready, which is locked by $pid\. /, 'who waits for a table is named',
	later => 0.2);
$locker->query_safe('ROLLBACK; BEGIN; LOCK TABLE astrid.ready');
health_becomes('locked_tables', qr/^critical: astrid\.ready is locked by session $pid; the checks that read tables are left out\. /,
	'a table that is locked as a whole is told without waiting for it');
is($node->safe_psql('postgres', q{SELECT count(*) FROM astrid.health WHERE check_name = 'parked_jobs'}), '0',
	'the checks that would wait are left out');
$locker->query_safe('ROLLBACK; BEGIN; LOCK TABLE astrid.ready IN ACCESS SHARE MODE');
my $claimant = $node->background_psql('postgres');
$claimant->query_until(qr/begin/, "\\echo begin\nBEGIN;\nLOCK TABLE astrid.ready;\nROLLBACK;\n");
health_becomes('locked_tables', qr/^critical: astrid\.ready is wanted by session \d+; /, 'so is one that somebody waits to lock');
$locker->query_safe('ROLLBACK');
$_->quit for $locker, $waiting, $claimant;
like(health('locked_tables'), qr/^ok/, 'then it is free');

# An owner that is no superuser
$node->safe_psql('postgres', q{
	CREATE ROLE owner;
	GRANT USAGE ON SCHEMA astrid TO owner;
	GRANT SELECT ON ALL TABLES IN SCHEMA astrid TO owner;
	GRANT EXECUTE ON ALL ROUTINES IN SCHEMA astrid TO owner;
	ALTER FUNCTION astrid._health() OWNER TO owner});
like(health('rights'), qr/^warning: these checks run as owner.*GRANT pg_monitor TO owner/, 'an owner without rights is told');
$node->safe_psql('postgres', 'GRANT pg_monitor TO owner');
like(health('rights'), qr/^ok/, 'pg_monitor is enough');
$idle = $node->background_psql('postgres');
$idle->query_safe(q{SET application_name = 'again'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1});
burn();
health_becomes('oldest_snapshot', qr/application "again", client backend, idle in transaction/, 'it sees other users\' sessions');
$idle->quit;
$node->stop;

# Without preload
my $plain = start_node('health_plain', preload => 0);
$plain->safe_psql('postgres', q{CREATE EXTENSION astrid; CREATE ROLE reader IN ROLE astrid_reader});
like(health('preload', node => $plain), qr/^warning: astrid is not preloaded/, 'a server without preload');
like(health('maintenance_worker', node => $plain), qr/^warning: astrid is not preloaded.*call astrid_maintain\(\)/, 'has nobody for maintenance');
like(health('wait_places', node => $plain), qr/^ok: astrid_wait needs preload/, 'and no places to wait');
$plain->stop;

done_testing();
