# Chaos: workers run what a producer enqueues while processes are killed and stopped, the network is cut, the disk is
# full, connections run out and the clock goes back. Then the database must prove that no acknowledged job was lost, none
# ended twice, every effect was committed exactly once, and limits and the order of groups were kept.
#
# CHAOS_SECONDS (40; make chaos: 600): how long. CHAOS_SEED: which faults in which order; told when something fails.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use AstridWorker;
use ChaosCheck;
use ChaosFaults;
use ChaosNamespace;
use ChaosProducer;

my $seed;
BEGIN
{
	ChaosNamespace::enter_namespace();
	$seed = $ENV{CHAOS_SEED} || 1 + int rand 1_000_000;
}
my $seconds = $ENV{CHAOS_SECONDS} || 40;
my $resume = 10; # s until work goes on after a fault
my $limits = "statement_timeout = 2\nconnect_timeout = 2";
srand $seed;
note("CHAOS_SEED=$seed CHAOS_SECONDS=$seconds");

my $node = PostgreSQL::Test::Cluster->new('chaos');
set_network(1) if in_namespace();
mount_small_disk($node->basedir, 256) if in_namespace();
$node->init(extra => ['--wal-segsize=1']);
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'astrid'
listen_addresses = '127.0.0.1'
restart_after_crash = on
max_connections = 30
max_wal_size = 32MB
min_wal_size = 2MB
log_statement = none
timezone = 'UTC'
log_line_prefix = '%m [%p] %b '
});
$node->start;
create_chaos_schema($node);
$node->safe_psql('postgres', q{
	CREATE ROLE chaos_worker LOGIN IN ROLE astrid_worker;
	CREATE ROLE chaos_producer LOGIN IN ROLE astrid_producer;
	SELECT astrid_create_queue(q, max_attempts => 1000, max_crashes => 1000, backoff_base => '50 ms', backoff_max => '500 ms')
	  FROM unnest('{effect,program,limited,ordered,grouped}'::text[]) q;
	SELECT astrid_alter_queue('limited', concurrency => 2), astrid_alter_queue('ordered', ordered => true),
	       astrid_alter_queue('grouped', group_concurrency => 1, rate_limit => 20)});

my $dir = work_folder();
my $plugin = build_plugin($dir, "$ENV{ASTRID_TOP}/contrib/examples/plugin/byte_stats.c");
my $program = write_program($dir, 'program', "#!/bin/sh\nsleep 0.3\necho '{\"result\": \"done\"}'\n");
append_to_file("$dir/raw/large", "\1" x 4096);
truncate("$dir/raw/large", 64 << 20) or die; # a moment's work for the stage
my $tcp = 'host=127.0.0.1 dbname=postgres port=' . $node->port;

start_workers($node, 2, sub {
	return start_worker($node, $dir,
		conf => "queues = effect, program, limited, ordered, grouped\nplugins = $plugin\n$limits\n[handler.program]\ntype = exec\nprogram = $program\n",
		args => [ '--slots=2', '--lease=1', "--conninfo=$tcp user=chaos_worker tcp_user_timeout=2000" ]);
});
my $list = "$dir/acknowledged";
my $producer = start_producer("$tcp user=chaos_producer connect_timeout=2", $list, "$dir/raw/large");

# Jobs enqueued and completed since: both sides of the queue work. Seconds it took, undef when it does not.
sub work_goes_on
{
	my ($since) = @_;
	my $before = -s $list;

	while (time < $since + $resume)
	{
		revive();
		my ($status, $n) = try_psql(
			"SELECT count(*) FROM sky.effect WHERE at > to_timestamp($since)", timeout => $resume, timed_out => \my $late);
		return time - $since if !$late && ($status // 1) == 0 && $n >= 5 && -s $list > $before;
		sleep 0.1;
	}
	return undef;
}

my (%longest, %skipped);
sub inflict
{
	my ($name) = @_;
	# longer than a lease or not, and now and then longer than every timeout
	my $lasts = (0.3 + rand 2.2) * ($seconds >= 120 && rand() < 0.1 ? 8 : 1);
	my $what = run_fault($name, $lasts);
	my $took = work_goes_on(time);

	note(sprintf('%s for %.1f s (%s): %s', $name, $lasts, $what, defined $took ? sprintf('%.1f s', $took) : 'no work'));
	$longest{$name} = $took if !defined $took || $took > ($longest{$name} // 0);
	return defined $took;
}

ok(defined work_goes_on(time), 'work begins');
my $end = time + $seconds;
my (@left, $stuck);
while (time < $end && !$stuck)
{
	# every fault once, in another order, then all again
	@left = sort { $a->[1] <=> $b->[1] } map { [ $_, rand ] } fault_names() unless @left;
	my $name = (shift @left)->[0];
	if (my $needs = fault_needs($name)) { $skipped{$name} = $needs; }
	else { $stuck = !inflict($name); }
}
for my $name (fault_names())
{
	if ($skipped{$name}) { SKIP: { skip("$name: needs $skipped{$name}", 1); } }
	elsif (exists $longest{$name})
	{
		ok(defined $longest{$name}, sprintf('%s: work goes on within %d s (%.1f s; seed %d)', $name, $resume,
				$longest{$name} // -1, $seed));
	}
}

note(sprintf('faults for %.0f s', time - $end + $seconds));

# The end: nothing more is enqueued, everything must come to its end.
ok(stop_producer($producer), 'the producer has worked until now');
my @workers = revive();
ok(wait_until('the end of all jobs', sub {
	my (undef, $n) = try_psql(q{SELECT count(*) FROM chaos.job WHERE state IN ('ready', 'waiting', 'running')});
	return ($n // '') eq '0';
}), "all jobs come to an end (seed $seed)") or diag($node->safe_psql('postgres',
	q{SELECT j.*, astrid_why(job_id) FROM chaos.job j WHERE state IN ('ready', 'waiting', 'running') LIMIT 10}));
note(sprintf('all ended after %.0f s', time - $end + $seconds));
my $acknowledged = load_acknowledged($node, $list);
cmp_ok($acknowledged, '>', $seconds, 'jobs were acknowledged');
is(violations($node), '', "no job lost or ended twice, each effect committed once, limits and order kept (seed $seed)");
note($node->safe_psql('postgres', q{SELECT 'jobs ' || string_agg(n || ' ' || state, ', ') FROM
	(SELECT count(*) n, state FROM chaos.job GROUP BY state) s}));
note($node->safe_psql('postgres', q{SELECT 'lost attempts ' || string_agg(n || ' ' || cause, ', ') FROM
	(SELECT count(*) n, cause FROM astrid.attempt GROUP BY cause) s}));
finds_planted($node);
is(violations($node), '', 'and nothing of what was planted stays');
for my $worker (@workers)
{
	is(stop_worker($worker), 0, 'a worker that went through all of it ends well');
}
done_testing();
