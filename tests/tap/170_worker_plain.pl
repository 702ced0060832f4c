# A server that does not preload the library: the worker listens, and does the maintenance itself.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;
use AstridWorker;

my $node = start_node('bare', preload => 0);
my $dir = work_folder();
my $worker = start_worker($node, $dir,
	conf => "poll_interval = 200ms\nqueues = q\n[handler.q]\ntype = exec\nprogram = /bin/true\n");
ok(wait_for_worker_log($worker, qr/cannot claim: .*does not exist/), 'without the extension the worker waits');
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
$node->safe_psql('postgres', q{SELECT astrid_create_queue('q', backoff_base => '10 ms')});
ok(wait_for_worker_log($worker, qr/no latch here \(.*shared_preload_libraries.*\): listening instead/), 'then it listens');

my $job = enqueue($node, 'q', '{}');
is_state($node, $job, 'completed', 'a job is done');
$job = enqueue($node, 'q', '{}', q{run_at => clock_timestamp() + interval '300 ms'});
is_state($node, $job, 'completed', 'a scheduled job becomes ready');
stop_worker($worker);
$job = enqueue($node, 'q', '{}');
like(claim_one($node, 'q', '100 ms'), qr/^$job\|/, 'somebody takes a job and dies');
$worker = start_worker($node, $dir,
	conf => "poll_interval = 200ms\nqueues = q\n[handler.q]\ntype = exec\nprogram = /bin/true\n");
is_state($node, $job, 'completed', 'the worker takes it back when the lease has run out');
is(stop_worker($worker), 0, 'the worker ends well');
done_testing();
