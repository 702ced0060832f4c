# ALTER EXTENSION UPDATE with data in every table: what it leaves is what a fresh install has, and the jobs go on.
#
# From every released version (tests/upgrade/NAME--VERSION.sql and its rows in data-VERSION.sql, frozen) to the present
# one; and from the present one to a next version made here, so that the way is tested before there is a release. What the fingerprint must notice is
# planted, each kind of it.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Upgrade;

my $install = make_installation(PostgreSQL::Test::Utils::tempdir() . '/pg');
my $node = PostgreSQL::Test::Cluster->new('upgrade', install_path => $install);
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'astrid'\nastrid.maintenance = off\ntimezone = 'UTC'\n"
	  . "log_statement = none\nmax_prepared_transactions = 2\n");
$node->start;

my $present = default_version('astrid');
my %skies; # version of astrid => version of astrid_sky

# ---- data in every table ------------------------------------------------------------------------

sub claim
{
	my ($database, $queue) = @_;
	return split /\|/,
	  $node->safe_psql($database, "SELECT job_id, lease_id FROM astrid_claim('{$queue}', 'tap', 1, '1 h')");
}

# One frame through the queue of that name: claim, plan, commit with these results.
sub play
{
	my ($database, $queue, $results) = @_;
	my ($job, $lease) = claim($database, $queue);
	$node->safe_psql($database, "SELECT sky.plan($job, $lease); SELECT sky.commit($job, $lease, '$results')");
	return;
}

my $ingested = '[{"stage": "ingest", "ms": 5, "result": {"hdu": 0, "naxis1": 64, "naxis2": 64, "sha256": "%s", '
  . '"mjd_mid_tai": 60000.5, "exptime": 30, "band": "r", "wcs": {"ra": 10, "dec": 20, '
  . '"corners": [[9.9, 19.9], [10.1, 19.9], [10.1, 20.1], [9.9, 20.1]]}}}]';
my $calibrated = '[{"stage": "calibrate", "ms": 5, "result": {"fwhm": 3}, "outputs": {"image": {"uri": "/out/%s.fits"}}}]';
my $differenced = '[{"stage": "align", "result": {}, "outputs": {"aligned": {"uri": "/out/a.fits"}}}, '
  . '{"stage": "difference", "result": {}, "outputs": {"difference": {"uri": "/out/d.fits"}}}]';
my $detected = '[{"stage": "detect", "result": {"n": 1}, "records": {"detections": '
  . '[{"x": 1, "y": 2, "ra": 10, "dec": 20, "flux": 500, "flux_err": 10, "snr": 50, "flags": 0}]}}]';

# Returns the job that is running at the end, its lease, and the one that waits for it.
sub fill_queue
{
	my ($database) = @_;
	my $sql = sub { return $node->safe_psql($database, $_[0]); };

	$sql->(q{SELECT astrid_create_queue('q', max_attempts => 9), astrid_create_queue('gone')});
	$sql->(q{SELECT astrid_enqueue('q', '{"n": 1}', unique_key => 'done')});
	my ($job, $lease) = claim($database, 'q');
	$sql->("SELECT astrid_log($job, $lease, 'info', 'well'), astrid_complete($job, $lease, '{}')");
	$sql->(q{SELECT astrid_enqueue('q', '{"n": 2}', max_attempts => 1)});
	($job, $lease) = claim($database, 'q');
	$sql->("SELECT astrid_fail($job, $lease, 'broken', true)");
	$sql->(q{SELECT astrid_enqueue('q', '{"n": 3}')});
	($job, $lease) = claim($database, 'q');
	$sql->("SELECT astrid_fail($job, $lease, 'once more', true, retry_in => '0')");
	$sql->(q{SELECT astrid_cancel(astrid_enqueue('q', '{"n": 4}'))});
	$sql->(q{SELECT astrid_enqueue('q', '{"n": 5}', priority => -1, tags => '{x}')});
	($job, $lease) = claim($database, 'q');
	my @running = ($job, $lease);
	my $child = $sql->("SELECT astrid_enqueue('q', '{\"n\": 6}', depends_on => '{$job}')");
	$sql->(q{SELECT astrid_enqueue('q', '{"n": 7}', unique_key => 'live', run_at => clock_timestamp() + '1 h')});
	$sql->("SELECT astrid_heartbeat('tap', '{$job}', '{$lease}', '1 h', '{\"status\": \"BUSY\"}')");
	$sql->(q{SELECT astrid_create_queue('export', dead_retention => '1 us', export => true)});
	$sql->(q{SELECT astrid_enqueue_batch('export', '{1, 2, 3}')});
	($job, $lease) = claim($database, 'export');
	$sql->("SELECT astrid_fail($job, $lease, 'expires', false)");
	$sql->(q{SELECT astrid_maintain()});
	($job, $lease) = claim($database, 'export');
	$sql->("SELECT astrid_fail($job, $lease, 'lives again', false), astrid_retry($job)");
	$sql->(q{SELECT astrid_cancel_jobs('{"queue": "export"}', rate => 1)});
	$sql->(q{SELECT astrid_drop_queue('gone')});
	$sql->(q{SELECT astrid_create_queue('limits', concurrency => 2, ordered => true, dead_blocks => true, producer_rate_limit => 1)});
	$sql->(q{SELECT astrid_enqueue('limits', '{}', group_key => 'g', deadline => clock_timestamp() + '1 day',
		unique_key => 'window', unique_window => '1 day')});
	$sql->(q{SELECT astrid_create_queue('heard'), astrid_subscribe('s', 'a.*', 'heard'), astrid_publish('a.b', '{}')});
	($job, $lease) = claim($database, 'limits');
	$sql->("SELECT astrid_fail($job, $lease, 'blocks', false)");
	$sql->(q{SELECT astrid_subscribe('s', 'frame.#', 'limits'), astrid_publish('frame.arrived', '{}', 'k')})
	  if $sql->(q{SELECT to_regclass('astrid.event') IS NOT NULL}) eq 't';
	return (@running, $child);
}

sub fill_sky
{
	my ($database) = @_;

	$node->safe_psql($database, q{
		SELECT sky.install_defaults();
		INSERT INTO sky.instruments (name, gain) VALUES ('Edited', 1.5);
		INSERT INTO sky.models (name, version, uri) VALUES ('rb', 1, '/models/rb');
		SELECT sky.ingest('/data/ref.fits', 'reference')});
	play($database, 'observation_ingestion', sprintf($ingested, 1 x 64));
	play($database, 'preprocessing', sprintf($calibrated, 'ref'));
	$node->safe_psql($database, q{SELECT sky.ingest('/data/1.fits')});
	play($database, 'observation_ingestion', sprintf($ingested, 2 x 64));
	play($database, 'preprocessing', sprintf($calibrated, '1'));
	play($database, 'differencing', $differenced);
	play($database, 'detection', $detected);
	play($database, 'curation', '[]');
	play($database, 'notification', '[]');
	$node->safe_psql($database, q{SELECT sky.ingest('/data/bias.fits', 'bias')});
	play($database, 'observation_ingestion', sprintf($ingested, 3 x 64));
	$node->safe_psql($database, q{SELECT sky.ingest('/data/2.fits')});
	my ($job, $lease) = claim($database, 'observation_ingestion');
	$node->safe_psql($database, "SELECT sky.plan($job, $lease)");
	return;
}

my $tables = q{SELECT string_agg(format('SELECT %L, count(*), md5(string_agg(to_jsonb(t)::text, '','' ORDER BY t::text)) FROM %s t',
	c.oid::regclass, c.oid::regclass), ' UNION ALL ' ORDER BY c.oid::regclass::text) FROM pg_class c
	WHERE c.relnamespace::regnamespace::text IN ('astrid', 'sky') AND c.relkind IN ('r', 'p') AND NOT c.relispartition};

# ---- an update ----------------------------------------------------------------------------------

sub create
{
	my ($database, $version, $sky) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, "CREATE EXTENSION astrid VERSION '$version'; CREATE EXTENSION q3c;
		CREATE EXTENSION astrid_sky VERSION '$sky'");
	return;
}

sub is_like_fresh
{
	my ($database, $version, $sky, $name) = @_;
	create("fresh_$database", $version, $sky);
	my ($got, $expected) = map { fingerprint($node, $_) } ($database, "fresh_$database");
	is(lines_only_in($got, $expected), '', "$name: nothing is there that a fresh install has not");
	is(lines_only_in($expected, $got), '', "$name: and nothing is missing");
	return;
}

sub jobs_go_on
{
	my ($database, $job, $lease, $child, $name) = @_;
	my $sql = sub { return $node->safe_psql($database, $_[0]); };

	is($sql->("SELECT astrid_complete($job, $lease, '{}')"), 't', "$name: a lease from before completes its job");
	is($sql->("SELECT state FROM astrid.job_status WHERE job_id = $child"), 'ready', "$name: which sets its child free");
	is($sql->(q{SELECT astrid_redrive('q')}), '1', "$name: the dead job can be run again");
	is($sql->(q{SELECT astrid_enqueue('q', '{}', unique_key => 'live') = (SELECT job_id FROM astrid.unique_key WHERE unique_key = 'live')}),
		't', "$name: a unique key is still held");
	$sql->(q{SELECT astrid_enqueue('q', '{"n": 8}')});
	is($sql->(q{SELECT count(astrid_complete(job_id, lease_id)) FROM astrid_claim('{q}', 'tap', 100)}), '4',
		"$name: jobs from before and after are run");
	$sql->('SELECT astrid_maintain()');
	my ($sky_job, $sky_lease) = split /\|/, $sql->("SELECT job_id, lease_id FROM astrid.running WHERE job_id <> $job");
	$sql->("SELECT sky.commit($sky_job, $sky_lease, '" . sprintf($ingested, 4 x 64) . "')");
	play($database, 'preprocessing', sprintf($calibrated, '2'));
	play($database, 'differencing', $differenced);
	play($database, 'detection', $detected);
	is($sql->('SELECT n_detections FROM sky.objects'), '2', "$name: the pipeline too");
	return;
}

# The rows of a released version, and the clock at which they were written. Returns what fill_queue returns.
sub load
{
	my ($database, $version) = @_;
	my $file = "$ENV{ASTRID_TOP}/upgrade/data-$version.sql";
	my $clock = q{SELECT max(last_heartbeat) + interval '1 second' FROM astrid.worker};

	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-f', $file ], "rows of $version");
	my $at = $node->safe_psql($database, $clock);
	$node->safe_psql($database, "ALTER DATABASE $database SET astrid.test_clock = '$at'");
	return split /\|/, $node->safe_psql($database, q{SELECT r.job_id, r.lease_id, w.job_id
		FROM astrid.running r, astrid.waiting w WHERE r.payload = '{"n": 5}' AND w.payload = '{"n": 6}'});
}

sub fill
{
	my ($database, $version) = @_;
	return load($database, $version) if $version ne $present;
	my @running = fill_queue($database);
	fill_sky($database);
	return @running;
}

sub upgrade
{
	my ($database, $from, $to) = @_;
	my $name = "$from->[0] to $to->[0]";

	create($database, @$from);
	my @running = fill($database, $from->[0]);
	my $contents = $node->safe_psql($database, $tables);
	my $before = $node->safe_psql($database, $contents);
	is(join(' ', $before =~ /^([^|]+)\|0\|/mg), '', "$name: every table has rows");
	is($node->safe_psql($database, "ALTER EXTENSION astrid UPDATE TO '$to->[0]'; ALTER EXTENSION astrid_sky UPDATE TO '$to->[1]';
		SELECT string_agg(extversion, ' ' ORDER BY extname) FROM pg_extension WHERE extname LIKE 'astrid%'"),
		"$to->[0] $to->[1]", "$name: ALTER EXTENSION UPDATE");
	is($node->safe_psql($database, $contents), $before, "$name: every row is as it was") if $to->[2];
	is_like_fresh($database, $to->[0], $to->[1], $name);
	jobs_go_on($database, @running, $name);
	return;
}

# ---- from released versions ---------------------------------------------------------------------

my @released = grep { $_ ne $present } map { m,/astrid--([^/]+)\.sql$, ? $1 : () } glob("$ENV{ASTRID_TOP}/upgrade/astrid--*.sql");
for my $version (@released)
{
	my $database = 'from_' . ($version =~ s/\W/_/gr);
	write_script("$_--$version", slurp_file("$ENV{ASTRID_TOP}/upgrade/$_--$version.sql")) for qw(astrid astrid_sky);
	upgrade($database, [ $version, $version ], [ $present, $present ]);
}

# ---- to a next version --------------------------------------------------------------------------

# What a next version may change, and how the fingerprint names it.
my %change = (
	column => [ q{ALTER TABLE astrid.queue ADD COLUMN extra int DEFAULT 7;}, qr/^column astrid\.queue\.extra: .* 7 /m ],
	function => [ q{CREATE OR REPLACE FUNCTION astrid._number(info jsonb, field text) RETURNS float8
		LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 1;}, qr/^function astrid\._number/m ],
	acl => [ q{GRANT SELECT ON astrid.dependency TO astrid_reader;}, qr/^relation astrid\.dependency: .*astrid_reader/m ],
	index => [ q{CREATE INDEX extra_index ON astrid.dead (worker);}, qr/^index astrid\.extra_index/m ],
	constraint => [ q{ALTER TABLE astrid.dead ADD CONSTRAINT extra_check CHECK (attempt < 1000);}, qr/^constraint extra_check/m ],
	dump => [ q{SELECT pg_extension_config_dump('astrid.worker', 'WHERE draining');}, qr/^dumped with astrid: .*draining/m ],
	comment => [ q{COMMENT ON TABLE astrid.dead IS 'Dead.';}, qr/^relation astrid\.dead: .*Dead\./m ],
	view => [ q{CREATE VIEW astrid.extra AS SELECT 1 AS one;}, qr/^member of astrid: view astrid\.extra/m ]);
my $next = "$present.next";
my $all = join("\n", map { $change{$_}[0] } sort keys %change);

write_script("astrid--$next", script_of('astrid', $present) . $all);
write_script("astrid--$present--$next", $all);
upgrade('next', [ $present, $present ], [ $next, $present ]);

write_script("astrid--$present.same", script_of('astrid', $present));
write_script("astrid--$present--$present.same", "-- nothing changed in SQL\n");
upgrade('same', [ $present, $present ], [ "$present.same", $present, 1 ]);

# A change that an update script forgot
my $fingerprint = fingerprint($node, 'fresh_same');
for my $kind (sort keys %change)
{
	my ($statement, $line) = @{ $change{$kind} };
	write_script("astrid--$present.$kind", script_of('astrid', $present) . $statement);
	create("with_$kind", "$present.$kind", $present);
	like(lines_only_in(fingerprint($node, "with_$kind"), $fingerprint), $line, "a forgotten $kind is noticed");
	$node->safe_psql('postgres', "DROP DATABASE with_$kind");
}
$node->stop;
done_testing();
