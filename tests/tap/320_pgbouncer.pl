# Waiting works through PgBouncer in transaction mode, where every statement may run in another session and nothing can be
# prepared: a worker behind it is woken by a commit, takes turns with others, and can be told to stop.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Astrid;
use AstridWorker;

my ($program) = grep { -x $_ } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';
plan skip_all => 'pgbouncer is not installed' unless $program;

my $node = start_node('pgbouncer');
my $dir = work_folder();
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $user = getpwuid($<);
$node->safe_psql('postgres', q{CREATE EXTENSION astrid; SELECT astrid_create_queue(q) FROM unnest('{quick,other}'::text[]) q});

append_to_file("$dir/users", qq("$user" ""\n));
append_to_file("$dir/pgbouncer.ini", qq{
[databases]
postgres = host=@{[$node->host]} port=@{[$node->port]} pool_size=5
[pgbouncer]
pool_mode = transaction
auth_type = trust
admin_users = $user
auth_file = $dir/users
listen_addr =
listen_port = $port
unix_socket_dir = $dir
logfile = $dir/pgbouncer.log
pidfile = $dir/pgbouncer.pid
});
my $pid;
sub start_pgbouncer
{
	$pid = fork // die "fork: $!";
	return if $pid;
	unlink "$dir/pgbouncer.pid", "$dir/.s.PGSQL.$port";
	open(STDERR, '>', '/dev/null');
	exec($program, "$dir/pgbouncer.ini") or die;
}
start_pgbouncer();
END { local $?; kill 'KILL', $pid if $pid; }

my $through = "host=$dir port=$port dbname=postgres user=$user";
ok(wait_until('PgBouncer', sub { system("psql -XAtqc 'SELECT 1' '$through' >/dev/null 2>&1") == 0 }), 'PgBouncer is up');

sub ask_pgbouncer
{
	my ($stdout, $stderr);
	IPC::Run::run([ 'psql', '-XAtq', '-d', "host=$dir port=$port dbname=pgbouncer user=$user", '-c', $_[0] ],
		'>', \$stdout, '2>', \$stderr);
	return $stdout;
}
like(ask_pgbouncer('SHOW CONFIG'), qr/^pool_mode\|transaction\|/m, 'in transaction mode');

# ---- a wait by hand ------------------------------------------------------------------------------

sub wait_through
{
	my ($queue, $timeout) = @_;
	my $out = '';
	my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', $through, '-c', "CALL astrid_wait('{$queue}', '$timeout')", '-c', q{SELECT 'woken'} ],
		'>', \$out, '2>&1');
	return ($psql, \$out);
}

my ($waiter, $out) = wait_through('quick', '60 s');
ok(is_waiting($node, 1), 'CALL astrid_wait sleeps behind PgBouncer');
is($node->safe_psql('postgres', q{SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity WHERE query ~ '^CALL astrid_wait'}),
	't', 'and holds no snapshot');
my $begin = time;
my $job = enqueue($node, 'quick', '{}');
$waiter->finish;
is($$out, "woken\n", 'a commit wakes it');
cmp_ok(time - $begin, '<', 5, 'at once');
$node->safe_psql('postgres', "SELECT astrid_cancel($job)");

# ---- workers -------------------------------------------------------------------------------------

# A lease of 10 min: an idle wait lasts 200 s, so that nothing but a wake-up can explain that a job is taken.
my $conf = "queues = quick\n[handler.quick]\ntype = exec\nprogram = /bin/true\n";
my $worker = start_worker($node, $dir, conf => $conf, args => [ "--conninfo=$through", '--slots=2', '--lease=600' ]);
ok(is_waiting($node, 2), 'the slots of a worker sleep by latch behind PgBouncer');
unlike(worker_log($worker), qr/listening instead/, 'not by LISTEN, which has no place there');
for my $n (1 .. 5)
{
	$begin = time;
	is_state($node, enqueue($node, 'quick', '{}'), 'completed', "job $n wakes a slot and completes");
	cmp_ok(time - $begin, '<', 10, 'long before the wait is over');
	is_waiting($node, 2);
}
my @jobs = split /\n/, $node->safe_psql('postgres', q{SELECT astrid_enqueue_batch('quick', array_fill('{}'::jsonb, '{30}'))});
is_state($node, $_, 'completed', "job $_ of a batch completes") for @jobs[ 0, 14, 29 ];
ok($node->poll_query_until('postgres', q{SELECT count(*) = 36 FROM astrid.job_status WHERE state IN ('completed', 'cancelled')}),
	'all of them');
is($node->safe_psql('postgres', 'SELECT count(*) FROM astrid.attempt'), '0', 'at the first attempt');
unlike(worker_log($worker), qr/prepared statement/, 'without prepared statements');

ok(is_waiting($node, 2), 'the slots sleep again');
$begin = time;
is(stop_worker($worker), 0, 'SIGTERM ends the waits by a cancel through PgBouncer');
cmp_ok(time - $begin, '<', 30, 'long before they are over');

# PgBouncer goes away and comes back
$worker = start_worker($node, $dir, conf => $conf, args => [ "--conninfo=$through", '--lease=600' ]);
ok(is_waiting($node, 1), 'a worker sleeps');
kill 'KILL', $pid;
waitpid($pid, 0);
ok(wait_for_worker_log($worker, qr/cannot connect/), 'PgBouncer dies: the slot tries to connect again');
start_pgbouncer();
is_state($node, enqueue($node, 'quick', '{}'), 'completed', 'and works when it is back');
is(stop_worker($worker), 0, 'SIGTERM');
done_testing();
