# The maintenance worker vacuums the tables that jobs pass through, long before autovacuum would.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;

my $node = start_node('tidy', conf => "autovacuum = off\nastrid.maintenance_interval = 100ms\n");
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
$node->safe_psql('postgres', q{SELECT astrid_create_queue('q')});
wait_for_worker($node, 'postgres');

my $vacuums = q{SELECT min(vacuum_count) FROM pg_stat_user_tables
	 WHERE relid IN ('astrid.ready'::regclass, 'astrid.running'::regclass)};

# As many jobs, in as many transactions.
sub work
{
	my ($n) = @_;
	my $round = q{SELECT count(*) FROM astrid_enqueue_batch('q', array_fill('{}'::jsonb, '{100}'));
		SELECT astrid_complete_batch(array_agg(job_id), array_agg(lease_id)) FROM astrid_claim('{q}', 'tap', 100);};
	$node->safe_psql('postgres', $round x ($n / 100));
	return;
}

work(5000);
ok($node->poll_query_until('postgres', "SELECT ($vacuums) > 0"), 'after some thousand jobs both tables are vacuumed');

my $pages = q{SELECT pg_relation_size('astrid.running') / 8192};
my $before = $node->safe_psql('postgres', $pages);
for my $round (1 .. 10)
{
	my $count = $node->safe_psql('postgres', $vacuums);
	work(3000);
	$node->poll_query_until('postgres', "SELECT ($vacuums) > $count") or last;
}
cmp_ok($node->safe_psql('postgres', $pages), '<', 3 * $before, '30000 more find room where the first were');

# Claims wake it, though it has nothing else to do for an hour
$node->safe_psql('postgres', q{ALTER SYSTEM SET astrid.maintenance_interval = '1h'; SELECT pg_reload_conf();
	SELECT count(*) FROM astrid_enqueue_batch('q', array_fill('{}'::jsonb, '{6000}'))});
$node->poll_query_until('postgres', q{SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE backend_type = 'astrid maintenance'});
my $count = $node->safe_psql('postgres', $vacuums);
$node->safe_psql('postgres', q{SELECT astrid_complete_batch(array_agg(job_id), array_agg(lease_id)) FROM astrid_claim('{q}', 'tap', 1000);} x 6);
ok($node->poll_query_until('postgres', "SELECT ($vacuums) > $count"), 'claims alone are followed by a vacuum too');

# So are the tables that only some jobs pass through, once enough of them did
my $others = sub { return $node->safe_psql('postgres', qq{SELECT vacuum_count FROM pg_stat_user_tables WHERE relid = 'astrid.$_[0]'::regclass}) };
is($others->('waiting') + $others->('dependency') + $others->('group_slot') + $others->('unique_key'), 0, 'no vacuum where nothing was deleted');
my $family = q{SELECT astrid_enqueue('q', '{}') AS parent \\gset
	SELECT count(*) FROM astrid_enqueue_batch('q', array_fill('{}'::jsonb, '{1000}'), depends_on => ARRAY[:parent]);
	SELECT count(astrid_complete(job_id, lease_id)) FROM astrid_claim('{q}', 'tap', 1);
	SELECT astrid_complete_batch(array_agg(job_id), array_agg(lease_id)) FROM astrid_claim('{q}', 'tap', 1000);};
$node->safe_psql('postgres', $family x 3);
ok($node->poll_query_until('postgres', q{SELECT vacuum_count > 0 FROM pg_stat_user_tables WHERE relid = 'astrid.waiting'::regclass}),
	'after some thousand blocked jobs went on theirs is');
is($others->('dependency'), 0, 'few rows said for whom they waited');
$node->safe_psql('postgres', q{SELECT count(*) FROM astrid_enqueue_batch('q', array_fill('{}'::jsonb, '{1000}'),
		unique_keys => ARRAY(SELECT i::text FROM generate_series(1, 1000) i));
	SELECT astrid_complete_batch(array_agg(job_id), array_agg(lease_id)) FROM astrid_claim('{q}', 'tap', 1000);} x 3);
ok($node->poll_query_until('postgres', q{SELECT vacuum_count > 0 FROM pg_stat_user_tables WHERE relid = 'astrid.unique_key'::regclass}),
	'nor do unique keys pile up');

$node->stop;
done_testing();
