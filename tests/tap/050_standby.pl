# A standby shows the queue and leaves it alone; once promoted it goes on.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;

my $primary = start_node('primary', streaming => 1, conf => "astrid.maintenance = off\n");
$primary->safe_psql('postgres', 'CREATE EXTENSION astrid');
$primary->safe_psql('postgres', q{
	SELECT astrid_create_queue('q', backoff_base => interval '10 ms', backoff_max => interval '20 ms')});
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "astrid.maintenance = on\nastrid.maintenance_interval = 100ms");
$standby->start;

my $job = $primary->safe_psql('postgres', q{SELECT astrid_enqueue('q', '{}')});
claim_one($primary, 'q', '1 s');
$primary->safe_psql('postgres', q{SELECT astrid_enqueue('q', '{}', run_at => clock_timestamp() + interval '1 s')});
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', "SELECT state FROM astrid.job_status WHERE job_id = $job"),
	'running', 'the views can be read on a standby');
$standby->safe_psql('postgres', "SELECT * FROM astrid.$_")
  for qw(job_status queue_status worker_status worker_metrics dead_letters health);
pass('all of them');
is( $standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ '^astrid'}),
	'0', 'no background worker runs there');
for my $statement ('CALL astrid_wait()', q{SELECT astrid_enqueue('q', '{}')})
{
	my (undef, undef, $stderr) =
	  $standby->psql('postgres', $statement, extra_params => ['-v', 'VERBOSITY=verbose']);
	like($stderr, qr/25006/, "refused there: $statement");
}

$primary->stop('immediate');
$standby->promote;
ok(wait_for_worker($standby, 'postgres'), 'promotion brings the maintenance worker');
ok( $standby->poll_query_until('postgres', q{SELECT count(*) FROM astrid.job_status WHERE state = 'ready'}, '2'),
	'which retries what ran on the old primary and makes ready what fell due');
like(claim_one($standby, 'q', '1 min'), qr/^\d+\|\d+\|\d$/, 'claims go on');
$standby->stop;
done_testing();
