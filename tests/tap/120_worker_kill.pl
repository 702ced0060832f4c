# kill -9 of slot and supervisor in the middle of a job: the job is run again by another, and its result appears once.
use strict;
use warnings;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;
use AstridWorker;

my $node = start_node('kill', conf => 'astrid.maintenance_interval = 100ms');
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
$node->safe_psql('postgres', q{SELECT astrid_create_queue('wait', max_attempts => 9, backoff_base => '10 ms')});

my $dir = work_folder();
mkfifo("$dir/gate", 0600) or die;
my $program = write_program($dir, 'wait',
	"#!/bin/sh\necho '{\"progress\": 0.5}'\nread line < $dir/gate\necho '{\"result\": \"done\"}'\n");
my $conf = "queues = wait\nlease = 1\n[handler.wait]\ntype = exec\nprogram = $program\n";
my $worker = start_worker($node, $dir, conf => $conf);

sub started { return $node->poll_query_until('postgres', "SELECT attempt = $_[1] AND progress = 0.5 FROM astrid.job_status WHERE job_id = $_[0]"); }

sub gone { my ($pid) = @_; return wait_until("end of $pid", sub { !kill 0, $pid }); }

# The slot
my $job = enqueue($node, 'wait', '{}');
ok(started($job, 1), 'a job runs');
my ($slot, $runner) = runner_of($worker);
kill 'KILL', $slot;
ok(gone($runner), 'kill -9 of a slot ends its runner');
ok(wait_for_worker_log($worker, qr/slot 1 ended by signal 9, restart in 1 s/), 'the supervisor starts the slot again');
ok(started($job, 2), 'and the job runs again when its lease has run out');
my $cause = $node->safe_psql('postgres', "SELECT count(*) FROM astrid.attempt WHERE job_id = $job");
is($cause, '1', 'the lost attempt is on record');

# The supervisor
($slot, $runner) = runner_of($worker);
kill_worker($worker);
ok(gone($slot) && gone($runner), 'kill -9 of the supervisor ends slot and runner');
my $second = start_worker($node, $dir, conf => $conf);
ok(started($job, 3), 'another worker runs the job');
open_gate("$dir/gate");
is_state($node, $job, 'completed', 'and completes it');
is($node->safe_psql('postgres', "SELECT count(*) FROM astrid.job_status WHERE job_id = $job"), '1', 'there is one of it');
is($node->safe_psql('postgres', "SELECT count(*) FROM astrid.attempt WHERE job_id = $job"), '2', 'and the lost attempts');

# A worker that was held up comes back after its lease has run out: what it has to say is refused.
$job = enqueue($node, 'wait', '{}');
ok(started($job, 1), 'a job runs');
($slot, $runner) = runner_of($second);
kill 'STOP', $second->{pid}, $slot;
my $third = start_worker($node, $dir, conf => $conf);
ok(started($job, 2), 'the lease of a stopped slot runs out, another worker has the job');
my (undef, $other) = runner_of($third);
kill 'CONT', $slot, $second->{pid};
ok(gone($runner), 'the stopped slot comes back and gives up');
ok(wait_for_worker_log($second, qr/job=$job .*not ours any more/), 'which its log says');
open_gate("$dir/gate");
is_state($node, $job, 'completed', 'the other one completes the job');
is($node->safe_psql('postgres', "SELECT worker_id ~ '/1\$' AND attempt = 2 FROM astrid.job_status WHERE job_id = $job"), 't', 'as attempt 2');

# Many short jobs while slots are killed at random moments: each is completed, once.
write_program($dir, 'short', "#!/bin/sh\necho '{\"result\": 1}'\n");
stop_worker($third);
stop_worker($second);
$node->safe_psql('postgres', q{SELECT astrid_create_queue('short', max_attempts => 99, backoff_base => '10 ms')});
my $n = 200;
$node->safe_psql('postgres', "SELECT astrid_enqueue_batch('short', array_agg('{}'::jsonb)) FROM generate_series(1, $n)");
my $crowd = start_worker($node, $dir,
	conf => "queues = short\nslots = 3\nlease = 1\n[handler.short]\ntype = exec\nprogram = $dir/bin/short\n");
my $done = sub { return $node->safe_psql('postgres', q{SELECT count(*) FROM astrid.job_status WHERE queue_name = 'short' AND state = 'completed'}); };
for my $goal (20, 60, 100)
{
	wait_until("$goal jobs", sub { $done->() >= $goal });
	my @slots = children_of($crowd->{pid});
	kill 'KILL', $slots[ $goal % @slots ] if @slots;
}
ok(wait_until('all jobs', sub { $done->() == $n }), 'no job is lost when slots are killed');
is($node->safe_psql('postgres', q{SELECT count(*) FROM astrid.job_status WHERE queue_name = 'short'}), $n, 'and none is there twice');
is(stop_worker($crowd), 0, 'the worker ends well');
done_testing();
