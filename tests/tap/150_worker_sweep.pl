# Files that lost attempts left in the data folder are removed; what a completed job wrote, and what is unknown, stays.
use strict;
use warnings;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;
use AstridWorker;

my $node = start_node('sweep');
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
$node->safe_psql('postgres', "SELECT astrid_create_queue(q) FROM unnest('{stats,idle}'::text[]) q");

my $dir = work_folder();
my $plugin = build_plugin($dir, "$ENV{ASTRID_TOP}/contrib/examples/plugin/byte_stats.c");
append_to_file("$dir/raw/abc", 'abc');
my $conf = "queues = stats\n[handler.stats]\ntype = stage\nstage = byte_stats\nplugin = $plugin\n";
my $worker = start_worker($node, $dir, conf => $conf);

my $job = enqueue($node, 'stats', qq({"inputs": {"file": "$dir/raw/abc"}, "outputs": {"report": "deep/abc.txt"}}));
is_state($node, $job, 'completed', 'a job writes a file');
my ($lease, $good) = split /\|/, $node->safe_psql('postgres',
	"SELECT lease_id, result #>> '{outputs,report,uri}' FROM astrid.job_status WHERE job_id = $job");
my $ready = enqueue($node, 'idle', '{}');
my $held = enqueue($node, 'idle', '{}', 'priority => -1');
my $running = $node->safe_psql('postgres', q{SELECT job_id || ' ' || lease_id FROM astrid_claim('{idle}', 'tap', 1, '1 hour')});
my (undef, $running_lease) = split / /, $running;

my %file = (
	"deep/abc-j$job-l" . ($lease + 1000) . '.txt' => 0,		# another attempt of the completed job
	".abc-j$job-l" . ($lease + 1000) . '.txt.tmp-5-0' => 0,	# its temporary file
	"x-j$ready-l5.fits" => 0,								# a job that waits to be run again
	"x-j$held-l$running_lease.fits" => 1,					# being written now
	"x-j$held-l" . ($running_lease + 1000) . '.fits' => 0,	# another attempt of the running job
	"x-j999999-l5.fits" => 1,								# a job that nobody knows any more
	'plain.txt' => 1);										# not ours
my $young = "$dir/out/young-j$ready-l6.fits";
for my $name (keys %file)
{
	append_to_file("$dir/out/$name", 'x');
	utime(time - 7200, time - 7200, "$dir/out/$name") or die;
}
append_to_file($young, 'x');
utime(time - 7200, time - 7200, $good) or die;
stop_worker($worker);

$worker = start_worker($node, $dir, conf => "sweep_interval = 60\n$conf");
ok(wait_for_worker_log($worker, qr/swept 4 files of lost attempts/), 'a sweep removes four files');
for my $name (sort keys %file)
{
	is(-e "$dir/out/$name" ? 1 : 0, $file{$name}, "$name is " . ($file{$name} ? 'kept' : 'removed'));
}
ok(-e $good, 'the file of the completed job is kept');
ok(-e $young, 'so is a young one');
is(stop_worker($worker), 0, 'the worker ends well');
done_testing();
