# Shared by the life cycle tests: a server with or without astrid preloaded, and what they all ask of it.
#
# SPDX-License-Identifier: PostgreSQL
package Astrid;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(start_node wait_for_worker wait_for_no_worker is_waiting start_wait claim_one within);

# Settings of every test server; a test adds its own, later ones win.
my $conf = q{
max_worker_processes = 16
max_prepared_transactions = 10
timezone = 'UTC'
log_line_prefix = '%m [%p] %b '
};

# start_node(name, conf => '...', preload => 0, streaming => 1)
sub start_node
{
	my ($name, %option) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => $option{streaming} // 0);
	$node->append_conf('postgresql.conf', $conf);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'astrid'")
	  if $option{preload} // 1;
	$node->append_conf('postgresql.conf', $option{conf}) if $option{conf};
	$node->start;
	return $node;
}

my $workers = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'astrid maintenance' AND datname = '%s'};

sub wait_for_worker
{
	my ($node, $database) = @_;
	return $node->poll_query_until('postgres', sprintf($workers, $database), '1');
}

sub wait_for_no_worker
{
	my ($node, $database) = @_;
	return $node->poll_query_until('postgres', sprintf($workers, $database), '0');
}

# True as soon as that many sessions sleep in astrid_wait.
sub is_waiting
{
	my ($node, $n) = @_;
	return $node->poll_query_until('postgres',
		q{SELECT count(*) FROM pg_stat_activity WHERE query ~ '^CALL astrid[._]wait' AND state = 'active' }
		  . q{AND wait_event_type = 'Extension'}, $n);
}

# A session that sleeps for a queue and then says so: query_until(qr/woken/).
sub start_wait
{
	my ($node, $queues, $timeout) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	$session->query_until(qr/sleeping/, "\\echo sleeping\nCALL astrid_wait($queues, '$timeout');\n\\echo woken\n");
	return $session;
}

# The id and the lease of the next job, 'id|lease|attempt'; empty without one.
sub claim_one
{
	my ($node, $queue, $lease) = @_;
	return $node->safe_psql('postgres',
		"SELECT job_id, lease_id, attempt FROM astrid_claim('{$queue}', 'tap', 1, '$lease')");
}

# The statement succeeds within that many seconds.
sub within
{
	my ($node, $seconds, $statement, $name) = @_;
	my $begin = time;
	my ($status, undef, $stderr) = $node->psql('postgres', $statement);
	my $took = time - $begin;

	is($status, 0, $name) or diag($stderr);
	cmp_ok($took, '<', $seconds, "$name within $seconds s");
	return;
}

1;
