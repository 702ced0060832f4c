# Attempts to break out of the runner: by paths, links, names that cfitsio would interpret, sockets, environment,
# descriptors, and by naming programs or plug-ins in payloads.
use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;
use AstridWorker;

# the worker's environment holds what must not leak
$ENV{ASTRID_SECRET} = 'secret';

my $node = start_node('sandbox');
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
$node->safe_psql('postgres', "SELECT astrid_create_queue(q, max_attempts => 1) FROM unnest('{bad,stats,exec,shell}'::text[]) q");

my $dir = work_folder();
my $bad = build_plugin($dir, $0 =~ s,[^/]+$,misbehave.c,r);
my $stats = build_plugin($dir, "$ENV{ASTRID_TOP}/contrib/examples/plugin/byte_stats.c");
my $secret = "$dir/secret";
append_to_file($secret, 'secret');
append_to_file("$dir/raw/a.fits", 'a');
symlink($secret, "$dir/raw/link") or die;
symlink('..', "$dir/raw/up") or die;
symlink("$dir/raw", "$dir/out/side") or die;
my $escape = write_program($dir, 'escape', <<"END");
#!/usr/bin/perl
use JSON::PP; use Socket;
my %r = (payload => decode_json(join '', <STDIN>), environment => scalar(keys %ENV), arguments => \\\@ARGV);
\$r{inet} = socket(my \$s, PF_INET, SOCK_STREAM, 0) ? 'done' : "\$!";
\$r{write} = open(my \$o, '>>', '$secret') ? 'done' : "\$!";
\$r{inside} = open(my \$i, '>', '$dir/out/inside') ? 'done' : "\$!";
opendir(my \$d, '/proc/self/fd'); \$r{descriptors} = [sort { \$a <=> \$b } grep { /\\d/ && readlink("/proc/self/fd/\$_") !~ m,/fd\$, } readdir \$d];
print encode_json({ result => \\%r }), "\\n";
END
my $worker = start_worker($node, $dir, conf => qq{
queues = bad, stats, exec, shell
max_memory = 128
plugins = $bad
[handler.bad]
type = stage
stage = misbehave
[handler.stats]
type = stage
stage = byte_stats
plugin = $stats
[handler.exec]
type = exec
program = $escape
arguments = one, two
[handler.shell]
type = exec
program = $dir/bin/none
});

sub result
{
	my ($job) = @_;
	wait_for_state($node, $job, 'completed,dead');
	return decode_json($node->safe_psql('postgres',
		"SELECT coalesce(result, jsonb_build_object('error', error)) FROM astrid.job_status WHERE job_id = $job"));
}

# What a plug-in tries by itself
my $got = result(enqueue($node, 'bad', qq({"params": {"path": "$secret", "new": "$dir/raw/new"}})))->{result};
is($got->{inet}, 'Permission denied', 'no network socket');
is($got->{unix}, 'Permission denied', 'no local socket either');
is($got->{ptrace}, 'Permission denied', 'no tracing of the slot');
isnt($got->{parent_environ}, 'done', "the slot's environment cannot be read");
isnt($got->{parent_memory}, 'done', 'nor its memory');
is($got->{descriptors}, 0, 'no descriptor of the slot is inherited');
is($got->{environment}, 0, 'the environment is empty');
is($got->{no_new_privs}, 1, 'no new privileges');
is($got->{core}, 0, 'no core file');
SKIP:
{
	skip 'the kernel has no Landlock', 4 unless $got->{read} ne 'done';
	is($got->{read}, 'Permission denied', 'a file outside of the roots cannot be read');
	is($got->{create}, 'Permission denied', 'nothing can be created below a root for reading');
	$got = result(enqueue($node, 'bad', qq({"params": {"path": "$dir/raw/a.fits", "new": "$dir/out/new"}})))->{result};
	is($got->{read}, 'done', 'a file below a root can be read');
	is($got->{write}, 'Permission denied', 'but not written');
}

# Paths of the payload
my %path = (
	'path with ..' => "$dir/raw/../secret",
	'absolute path outside the roots' => '/etc/passwd',
	'link out of the roots' => "$dir/raw/link",
	'link to a folder above' => "$dir/raw/up/secret",
	'relative path' => 'a.fits',
	'environment of the slot' => '/proc/self/environ',
	'extended name, HDU' => "$dir/raw/a.fits[1]",
	'extended name, filter' => "$dir/raw/a.fits[1][X > 0]",
	'extended name, output' => "$dir/raw/a.fits(/tmp/x)",
	'extended name, clobber' => '!clobber',
	'http' => 'http://localhost/a.fits',
	'ftp' => 'ftp://localhost/a.fits',
	'shell of cfitsio' => 'root://localhost/a.fits',
	'encoded ..' => "file://$dir/raw/%2e%2e/secret",
	'folder' => "$dir/raw");
for my $name (sort keys %path)
{
	my $job = enqueue($node, 'stats', encode_json({ inputs => { file => $path{$name} } }));
	is_state($node, $job, 'dead', "$name: refused for good");
	is(attempt_field($node, $job, 'error,code'), 'forbidden_path', "$name: as forbidden_path");
}
for my $name ('/tmp/x.txt', '../x.txt', "side/x.txt", 'a/../../x.txt', '!x.txt', 'file:///tmp/x.txt')
{
	my $job = enqueue($node, 'stats', encode_json({ inputs => { file => "$dir/raw/a.fits" }, outputs => { report => $name } }));
	is_state($node, $job, 'dead', "output $name: refused");
	is(attempt_field($node, $job, 'error,code'), 'forbidden_path', "output $name: as forbidden_path");
}
my $job = enqueue($node, 'stats', encode_json({ inputs => { file => "file://$dir/raw/a.fits" } }));
is_state($node, $job, 'completed', 'a file:// URI below a root is read');

# Programs and plug-ins are not taken from payloads.
$job = enqueue($node, 'shell', '{"program": "/bin/sh", "exec": {"program": "/bin/sh"}, "arguments": ["-c", "true"]}');
is_state($node, $job, 'dead', 'a program named by the payload is not run');
like($node->safe_psql('postgres', "SELECT error FROM astrid.job_status WHERE job_id = $job"), qr,cannot start .*/bin/none,, 'the configured one is');
$job = enqueue($node, 'stats', encode_json({ stage => 'misbehave', plugins => [$bad], data_dir => '/tmp', roots => ['/'],
	inputs => { file => $secret } }));
is_state($node, $job, 'dead', 'stage, plug-ins, roots of the payload are ignored');
is(attempt_field($node, $job, 'error,code'), 'forbidden_path', 'and the path is refused');

# An exec program
$got = result(enqueue($node, 'exec', '{"arguments": ["three"]}'));
is($got->{inet}, 'Permission denied', 'exec: no network');
is($got->{environment}, 0, 'exec: no environment');
is_deeply($got->{descriptors}, [ 0, 1, 2, 3 ], 'exec: three descriptors, and the script that perl reads')
  or diag(encode_json($got));
is_deeply($got->{arguments}, [ 'one', 'two' ], 'exec: the configured arguments');
SKIP:
{
	skip 'the kernel has no Landlock', 1 if $got->{write} eq 'done';
	is($got->{write}, 'Permission denied', 'exec: nothing is written outside of the data folder');
}
is($got->{inside}, 'done', 'exec: but inside');

# Memory
$job = enqueue($node, 'bad', '{"params": {"hog": true}}');
is_state($node, $job, 'dead', 'a stage that runs out of memory fails');
is(attempt_field($node, $job, 'cause'), 'memory', 'with the cause memory');
is(attempt_field($node, $job, 'error,code'), 'out_of_memory', 'and its own error');

is(slurp_file($secret), 'secret', 'the file outside is as it was');
is(stop_worker($worker), 0, 'the worker ends well');
done_testing();
