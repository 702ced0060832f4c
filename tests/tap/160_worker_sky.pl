# The pipeline through queue and workers, on a small simulated field: files in, detections out; kill -9 of a worker in the
# middle of a difference; input that must be refused.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;
use AstridWorker;

my $node = start_node('sky', conf => 'astrid.maintenance_interval = 100ms');
$node->safe_psql('postgres', 'CREATE EXTENSION astrid; CREATE EXTENSION astrid_sky CASCADE; SELECT sky.install_defaults()');

my $dir = work_folder();
system_or_bail("$ENV{ASTRID_BIN}/astrid", 'simulate', '--out', $dir, '--size', '384', '--fields', '1', '--no-null');
my $queues = 'observation_ingestion, preprocessing, differencing, detection, curation, notification';
my $stages = $queues =~ s/ differencing,//r;

sub ingest
{
	my ($file, $kind) = @_;
	my $more = $kind ? qq(, "kind": "$kind") : '';
	my $priority = $kind ? -20 : 0;
	return enqueue($node, 'observation_ingestion', qq({"uri": "$file"$more}), "priority => $priority");
}

sub no_live_jobs
{
	my ($where) = @_;
	return $node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM astrid.job_status WHERE state IN ('ready', 'running', 'scheduled', 'blocked') AND $where");
}

# one epoch will do: how good differences are is not the matter here
for my $file (sort glob "$dir/raw/*.fits")
{
	my ($name) = $file =~ m,raw/([a-z]+)_,;
	ingest($file, $name eq 'ref' ? 'reference' : $name) if $name ne 'sci';
}
ingest("$dir/raw/sci_sparse_2.fits");

# Everything up to the differences
my $worker = start_worker($node, $dir, conf => "queues = $stages\nslots = 2\n");
ok(no_live_jobs("queue_name <> 'differencing'"), 'frames are ingested and calibrated');
is(stop_worker($worker), 0, 'the worker ends');
is($node->safe_psql('postgres', q{SELECT count(*) FROM astrid.job_status WHERE queue_name = 'differencing' AND state = 'ready'}),
	'1', 'a difference waits')
  or diag($node->safe_psql('postgres', q{SELECT queue_name, state, payload ->> 'uri', error FROM astrid.job_status WHERE state <> 'completed'}));

# kill -9 in the middle of a difference
my $conf = "queues = differencing\nlease = 2\n";
$worker = start_worker($node, $dir, conf => $conf);
my ($slot, $runner) = runner_of($worker);
kill 'STOP', $runner;
my $job = $node->safe_psql('postgres', q{SELECT job_id FROM astrid.job_status WHERE queue_name = 'differencing' AND state = 'running'});
like($job, qr/^\d+$/, 'a difference is under way');
kill_worker($worker);
ok(wait_until('end of the runner', sub { !kill 0, $runner }), 'kill -9 of the worker ends all of it');
$worker = start_worker($node, $dir, conf => $conf);
is_state($node, $job, 'completed', 'another worker runs the job again');
ok(no_live_jobs("queue_name = 'differencing'"), 'the differences are done');
stop_worker($worker);
is($node->safe_psql('postgres', "SELECT attempt FROM astrid.job_status WHERE job_id = $job"), '2', 'at the second attempt');
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT observation_id) FROM sky.differences'), '1|1',
	'and the difference is there once');

# The rest
$worker = start_worker($node, $dir, conf => "queues = $queues\nslots = 2\n");
ok(no_live_jobs('true'), 'all jobs are done');
is($node->safe_psql('postgres', q{SELECT count(*) FROM astrid.job_status WHERE state <> 'completed'}), '0', 'and completed')
  or diag($node->safe_psql('postgres', q{SELECT queue_name, state, payload ->> 'uri', error FROM astrid.job_status WHERE state <> 'completed'}));
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM sky.detections'), '>', 0, 'sky.detections has rows');
is($node->safe_psql('postgres', q{SELECT count(*) FROM sky.images WHERE uri LIKE '%-j%-l%' AND length(sha256) = 64 AND kind = 'difference'}),
	'1', 'images carry the names and digests that the runner gave them');

# The same file twice is one observation; input that must be refused is, with its reason.
my $observations = $node->safe_psql('postgres', 'SELECT count(*) FROM sky.observations');
is_state($node, ingest("$dir/raw/sci_sparse_2.fits"), 'completed', 'the same file again');
is($node->safe_psql('postgres', 'SELECT count(*) FROM sky.observations'), $observations, 'is no new observation');
append_to_file("$dir/raw/text.fits", 'no FITS at all');
append_to_file("$dir/secret.fits", 'secret');
my %refused = ("$dir/raw/text.fits" => 'not_fits', "$dir/secret.fits" => 'forbidden_path', "$dir/raw/../secret.fits" => 'forbidden_path',
	"$dir/raw/sci_sparse_2.fits[1]" => 'forbidden_path', 'http://localhost/x.fits' => 'forbidden_path');
for my $file (sort keys %refused)
{
	$job = ingest($file);
	my $name = $file =~ s/^\Q$dir\E//r;
	is_state($node, $job, 'dead', "$name is refused for good");
	is(attempt_field($node, $job, 'error,code'), $refused{$file}, "as $refused{$file}");
}
$job = enqueue($node, 'preprocessing', '{"uri": "/x", "observation_id": 999999}');
is_state($node, $job, 'dead', 'what the plan refuses is dead at once');
is(stop_worker($worker), 0, 'the worker ends well');
done_testing();
