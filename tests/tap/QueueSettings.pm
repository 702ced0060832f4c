# Part of QueueActions.pm: the queues, and how their settings change.
#
# SPDX-License-Identifier: PostgreSQL
package QueueActions;

use strict;
use warnings;
use Documents;

my $s = 1e6;
my $day = 86400 * $s;

my %queues = (
	plain => { max_attempts => 3 },
	urgent => { priority => -1, backoff_base => 0 },
	narrow => { concurrency => 3, max_attempts => 2, job_events => 1 },
	rated => { rate_limit => 4, rate_interval => 10 * $s },
	both => { concurrency => 2, rate_limit => 3, rate_interval => 5 * $s, priority => -1 },
	grouped => { group_concurrency => 2, job_events => 1 },
	ordered => { ordered => 1, max_attempts => 2, backoff_base => 2 * $s },
	blocking => { ordered => 1, dead_blocks => 1, max_attempts => 2, backoff_base => 1 * $s, dead_retention => $day },
	ageing => { ageing => 10 * $s },
	fair => { fair => 1 },
	turns => { fair => 1, group_concurrency => 2, concurrency => 4 },
	paced => { group_rate_limit => 2, group_rate_interval => 20 * $s },
	fed => { producer_rate_limit => 5, producer_rate_interval => 10 * $s },
	strict => { payload_schema => 'counted', result_schema => 'counted', job_events => 1, producer_rate_limit => 9, producer_rate_interval => 10 * $s },
	loose => { payload_schema => 'banded', result_schema => 'banded', max_attempts => 2, backoff_base => 0 },
	kept => { retention => 8 * $day, result_retention => 2 * $day, dead_retention => 3 * $day, export => 1, max_attempts => 1 },
	brief => { retention => $day, dead_retention => $day / 2, job_events => 1, max_attempts => 1 },
	fed_group => { producer_rate_limit => 2, producer_rate_interval => 10 * $s, producer_rate_per => 'group' },
);
# Settings that are changed, and to what; the keys of what takes all other sessions' work into account.
my %changes = (
	plain => [ { ageing => 5 * $s }, { ageing => 0 }, { fair => 1, ageing => 0 }, { fair => 0 }, { max_attempts => 2 }, { max_attempts => 3 } ],
	narrow => [ map { { concurrency => $_ } } 0, 1, 3, 5 ],
	rated => [ { rate_limit => 0 }, { rate_limit => 2 }, { rate_limit => 4, rate_interval => 10 * $s }, { rate_interval => 3 * $s } ],
	both => [ { concurrency => 1 }, { concurrency => 3, rate_limit => 2 }, { concurrency => 2, rate_limit => 3 } ],
	grouped => [ (map { { group_concurrency => $_ } } 0, 1, 2, 3), { ordered => 1 }, { ordered => 0, group_concurrency => 2 } ],
	ordered => [ { ordered => 0, group_concurrency => 2 }, { ordered => 1 }, { ordered => 1, dead_blocks => 1 }, { dead_blocks => 0 } ],
	ageing => [ { ageing => 0 }, { ageing => 10 * $s }, { ageing => 60 * $s } ],
	fair => [ { fair => 0 }, { fair => 1 } ],
	turns => [ { concurrency => 2 }, { concurrency => 4 } ],
	paced => [ { group_rate_limit => 1 }, { group_rate_limit => 2 }, { group_rate_limit => 0 } ],
	fed => [ { producer_rate_limit => 0 }, { producer_rate_limit => 5 } ],
	blocking => [ { dead_blocks => 0 }, { dead_blocks => 1 } ],
);
# What concerns nobody else, and for which queues.
my @schemas = ('', 'banded', 'counted', 'counted');
my @harmless = (
	[ priority => [ -1, 0, 1 ] ],
	[ backoff_max => [ 30 * $s, 3600 * $s ] ],
	[ backoff_base => [ 0, 5 * $s, 10 * $s ] ],
	[ payload_schema => \@schemas, qw(strict loose fed) ],
	[ result_schema => \@schemas, qw(strict loose narrow) ],
	[ job_events => [ 0, 1 ], qw(plain narrow grouped strict) ],
	[ retention => [ 0, 1.5 * $day, 7 * $day, 9 * $day ], qw(kept brief plain urgent loose) ],
	[ result_retention => [ 0, $day, 8 * $day ], qw(kept brief strict loose) ],
	[ dead_retention => [ 0, 3600 * $s, 2 * $day ], qw(kept brief blocking) ],
	[ export => [ 0, 1, 1 ], qw(kept brief) ],
);


sub queue_names { return sort keys %queues; }

# Where more happens.
sub busy_queue { return any(queue_names(), qw(kept kept kept brief brief strict grouped)); }

sub switch
{
	my ($queue, $on) = (any(queue_names()), chance(0.7));
	return call(resume_queue => [$queue], "SELECT astrid_resume_queue('$queue')") if $on;
	return call(alter_queue => [ $queue, enabled => 0 ], "SELECT astrid_pause_queue('$queue')");
}

sub alter_call { my ($queue, %settings) = @_; return call(alter_queue => [ $queue, %settings ], "SELECT astrid_alter_queue('$queue'" . named(%settings) . ')'); }

sub tune
{
	my ($name, $values, @queues) = @{ any(@harmless) };
	return alter_call(any(@queues ? @queues : queue_names()), $name => any(@$values));
}

sub limit
{
	my $queue = any(sort keys %changes);
	return alter_call($queue, %{ any(@{ $changes{$queue} }) });
}

sub create
{
	my ($m, $queue) = @_;
	my %settings = %{ $queues{$queue} };
	return call(create_queue => [ $queue, %settings ], "SELECT astrid_create_queue('$queue'" . named(%settings) . ')');
}

sub create_again
{
	my ($m) = @_;
	my %here = map { $_ => 1 } here($m);
	my @missing = grep { !$here{$_} } queue_names();
	return undef if !@missing && chance(0.9);
	return create($m, any(@missing ? @missing : queue_names()));
}

sub drop { my $queue = any(queue_names()); return call(drop_queue => [$queue], "SELECT astrid_drop_queue('$queue')"); }

1;
