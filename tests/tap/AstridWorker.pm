# Shared by the worker tests: an astrid-worker beside a test server, and waits for what it does.
#
# SPDX-License-Identifier: PostgreSQL
package AstridWorker;

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter 'import';
use File::Path qw(make_path);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

our @EXPORT = qw(worker_binary work_folder start_worker stop_worker kill_worker wait_until wait_for_exit worker_log
  wait_for_worker_log is_state wait_for_state enqueue attempt_field runner_of write_program build_plugin open_gate
  children_of);

my %pids;
my $started = 0;
my $patience = $PostgreSQL::Test::Utils::timeout_default;

sub worker_binary { return "$ENV{ASTRID_BIN}/astrid-worker"; }

# A folder with raw/ (to be read), out/ (the data folder) and bin/ (programs).
sub work_folder
{
	my $dir = abs_path(PostgreSQL::Test::Utils::tempdir());
	make_path("$dir/raw", "$dir/out", "$dir/bin");
	return $dir;
}

# True as soon as the code is; false, with a diagnosis, when it never gets so.
sub wait_until
{
	my ($name, $code) = @_;
	my $end = time + $patience;

	until ($code->())
	{
		if (time > $end)
		{
			diag("waited in vain: $name");
			return 0;
		}
		usleep(20_000);
	}
	return 1;
}

# start_worker($node, $dir, conf => "...", args => [...]): concurrency 1, lease 3 s; conf is appended to the file.
sub start_worker
{
	my ($node, $dir, %option) = @_;
	my $worker = { log => "$dir/worker." . ++$started . '.log', dir => $dir, node => $node };
	my $conf = "$dir/worker.conf";

	append_to_file($worker->{log}, '');
	unlink $conf;
	append_to_file($conf,
			"conninfo = host=" . $node->host . " port=" . $node->port . " dbname=postgres\n"
		  . "concurrency = 1\nlease = 3\ngrace = 1\nread_roots = $dir/raw\ndata_dir = $dir/out\n"
		  . "sweep_interval = 0\nlog_level = debug\n$option{conf}\n");
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open(STDOUT, '>>', $worker->{log}) or die;
		open(STDERR, '>>', $worker->{log}) or die;
		open(STDIN, '<', '/dev/null') or die;
		exec(worker_binary(), '--config', $conf, @{ $option{args} // [] }) or die;
	}
	$worker->{pid} = $pid;
	$pids{$pid} = 1;
	return $worker;
}

sub wait_for_exit
{
	my ($worker) = @_;
	my $status;

	my $ended = wait_until('end of the worker', sub {
		my $got = waitpid($worker->{pid}, 1);
		$status = $?;
		return $got == $worker->{pid};
	});
	if (!$ended)
	{
		diag(worker_log($worker));
		return undef;
	}
	delete $pids{ $worker->{pid} };
	return $status;
}

sub stop_worker
{
	my ($worker) = @_;
	kill 'TERM', $worker->{pid};
	return wait_for_exit($worker);
}

sub kill_worker
{
	my ($worker) = @_;
	kill 'KILL', $worker->{pid};
	return wait_for_exit($worker);
}

sub worker_log { return slurp_file($_[0]->{log}); }

sub wait_for_worker_log
{
	my ($worker, $pattern) = @_;
	my $found = wait_until("$pattern in the log", sub { worker_log($worker) =~ $pattern });

	diag(worker_log($worker)) unless $found;
	return $found;
}

sub enqueue
{
	my ($node, $queue, $payload, @more) = @_;
	my $arguments = join(', ', "'$queue'", "\$p\$$payload\$p\$", @more);
	return $node->safe_psql('postgres', "SELECT astrid_enqueue($arguments)");
}

sub wait_for_state
{
	my ($node, $job, $state) = @_;
	my $reached = $node->poll_query_until('postgres',
		"SELECT state = ANY('{$state}') FROM astrid.job_status WHERE job_id = $job");

	diag($node->safe_psql('postgres', "SELECT astrid_job($job)")) unless $reached;
	return $reached;
}

sub is_state
{
	my ($node, $job, $state, $name) = @_;
	return ok(wait_for_state($node, $job, $state), $name);
}

# A field of the info of the job's last failed attempt: "cause", "error,code".
sub attempt_field
{
	my ($node, $job, $path) = @_;
	return $node->safe_psql('postgres',
		"SELECT info #>> '{$path}' FROM astrid.attempt WHERE job_id = $job ORDER BY lease_id DESC LIMIT 1");
}

sub children_of
{
	my ($pid) = @_;
	my $text = eval { slurp_file("/proc/$pid/task/$pid/children") } // '';
	return split ' ', $text;
}

# The runner of the worker's only busy slot, as soon as there is one: (slot, runner).
sub runner_of
{
	my ($worker) = @_;
	my ($slot, $runner);

	wait_until('a runner', sub {
		for my $pid (children_of($worker->{pid}))
		{
			($runner) = children_of($pid);
			$slot = $pid;
			return 1 if defined $runner;
		}
		return 0;
	});
	return ($slot, $runner);
}

# An executable file in bin/; returns its path.
sub write_program
{
	my ($dir, $name, $text) = @_;
	append_to_file("$dir/bin/$name", $text);
	chmod 0755, "$dir/bin/$name";
	return "$dir/bin/$name";
}

# Compile a plug-in as its author would; returns its path.
sub build_plugin
{
	my ($dir, $source) = @_;
	my ($name) = $source =~ m,([^/]+)\.c$,;
	chomp(my $flags = `pkg-config --cflags jansson`);

	system_or_bail('sh', '-c',
		"cc -shared -fPIC -Wall -Wextra -I'$ENV{ASTRID_TOP}/include' $flags -o '$dir/bin/$name.so' '$source'");
	return "$dir/bin/$name.so";
}

# Let a program that reads the FIFO go on.
sub open_gate
{
	my ($fifo) = @_;
	open(my $out, '>', $fifo) or die "$fifo: $!";
	print $out "go\n";
	close $out;
	return;
}

END
{
	local $?;
	kill 'KILL', keys %pids;
	waitpid($_, 0) for keys %pids;
}

1;
