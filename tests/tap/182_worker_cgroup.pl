# Where the worker may make cgroups, the limits hold for all that a runner starts, and nothing of it is left behind.
use strict;
use warnings;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;
use AstridWorker;

my $above = $ENV{ASTRID_TEST_CGROUP};
if (!$above)
{
  SKIP: { skip 'cgroups of runners: needs root and cgroup version 2 with the controllers memory and cpu', 1; }
	done_testing();
	exit 0;
}
my $group = "$above/worker";
mkdir $group or die "$group: $!";

my $node = start_node('cgroup');
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');

my $dir = work_folder();
mkfifo("$dir/gate", 0600) or die;

# A process that leaves process group, session and pipes; its id is written to a file.
my $stray = qq{if (fork == 0) { setsid(); open(STDOUT, '>', '/dev/null'); open(STDERR, '>', '/dev/null');
	open(my \$f, '>', '$dir/out/stray.new'); print \$f "\$\$\\n"; close \$f; rename('$dir/out/stray.new', '$dir/out/stray');
	open(my \$g, '<', '$dir/gate'); exit }
1 until -e '$dir/out/stray';
};
my %program = (
	shown => q{use JSON::PP; sub first { open(my $f, '<', $_[0]) or return "$!"; my $l = <$f>; chomp $l; return $l }
my ($path) = first('/proc/self/cgroup') =~ /^0::(.*)/; my ($mount) = map { /^\S+ (\S+) cgroup2 / } do { open(my $m, '<', '/proc/mounts'); <$m> };
open(my $l, '<', '/proc/self/limits'); my ($seconds) = map { /^Max cpu time\s+(\S+)/ } <$l>;
print encode_json({ result => { path => $path, memory => first("$mount$path/memory.max"), cpu => first("$mount$path/cpu.max"), seconds => $seconds } }), "\n";
},
	crowd => q{my @kids; for (1 .. 3) { my $pid = fork; if ($pid == 0) { my $x = 'x' x (60 << 20); sleep 1 while 1 } push @kids, $pid }
print qq({"progress": 0.5}\n); waitpid($_, 0) for @kids; exit 3;
},
	stray => "use POSIX 'setsid'; $stray",
	hold => "use POSIX 'setsid'; $stray print qq({\"progress\": 0.5}\\n); close STDOUT; open(my \$g, '<', '$dir/gate');\n");
my $conf = 'queues = ' . join(',', sort keys %program) . "\nmax_memory = 128\nmax_cpu = 150\n";
for my $name (sort keys %program)
{
	my $path = write_program($dir, $name, "#!/usr/bin/perl\n$program{$name}");
	$conf .= "[handler.$name]\ntype = exec\nprogram = $path\ntimeout = 5min\n";
	$node->safe_psql('postgres', "SELECT astrid_create_queue('$name', max_attempts => 1)");
}
sub runners { my @found = glob("$group/astrid-runner-*"); return @found; }

# A worker that is alone in a cgroup of its account
mkdir "$dir/wrap";
append_to_file("$dir/wrap/astrid-worker", "#!/bin/sh\necho \$\$ > $group/cgroup.procs && exec $ENV{ASTRID_BIN}/astrid-worker \"\$@\"\n");
chmod 0755, "$dir/wrap/astrid-worker";
$ENV{ASTRID_BIN} = "$dir/wrap";
my $worker = start_worker($node, $dir, conf => $conf);
ok(wait_for_worker_log($worker, qr/each runner gets a cgroup below \Q$group\E with memory\.max and cpu\.max/), 'the worker may make cgroups');

my $job = enqueue($node, 'shown', '{}');
is_state($node, $job, 'completed', 'a job runs in one');
is($node->safe_psql('postgres', "SELECT result->>'memory', result->>'cpu', result->>'seconds' FROM astrid.job_status WHERE job_id = $job"),
	'134217728|150000 100000|unlimited', 'with the limits of the configuration');
like($node->safe_psql('postgres', "SELECT result->>'path' FROM astrid.job_status WHERE job_id = $job"), qr,/worker/astrid-runner-\d+-1-\d+$,, 'of its own');
ok(wait_until('no cgroup', sub { return !runners() }), 'which is removed');

# Three processes, each within the limit, all together not
$job = enqueue($node, 'crowd', '{}');
is_state($node, $job, 'dead', 'a job whose processes use too much memory together fails');
is(attempt_field($node, $job, 'cause'), 'memory', 'with the cause memory');
is(attempt_field($node, $job, 'signal'), '9', 'the kernel killed it');
ok(wait_until('no cgroup', sub { return !runners() }), 'its cgroup is removed');

# What a job leaves behind
$job = enqueue($node, 'stray', '{}');
is_state($node, $job, 'completed', 'a job ends, and leaves a process in a session of its own');
chomp(my $pid = slurp_file("$dir/out/stray"));
ok(wait_until('end of the stray', sub { !kill 0, $pid }), 'which is ended');
ok(wait_until('no cgroup', sub { return !runners() }), 'its cgroup is removed');

# kill -9 of the slot
unlink "$dir/out/stray";
$job = enqueue($node, 'hold', '{}');
ok($node->poll_query_until('postgres', "SELECT progress = 0.5 FROM astrid.job_status WHERE job_id = $job"), 'another job runs');
is(scalar(runners()), 1, 'in a cgroup');
chomp($pid = slurp_file("$dir/out/stray"));
my ($slot) = runner_of($worker);
kill 'KILL', $slot;
ok(wait_until('end of the stray', sub { !kill 0, $pid }), 'kill -9 of the slot ends the stray too');
ok(wait_until('no cgroup', sub { return !runners() }), 'and the cgroup is removed');

# The end
is(stop_worker($worker), 0, 'the worker ends well');
is_deeply([ glob("$group/astrid-*") ], [], 'no cgroup is left');
ok(rmdir $group, 'and its own is empty');
done_testing();
