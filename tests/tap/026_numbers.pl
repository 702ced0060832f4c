# Numbers that are drawn many at a time are not given out twice: not after a crash, not to two sessions, not beside nextval().
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;

my $node = start_node('numbers', conf => "autovacuum = off\n");
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
$node->safe_psql('postgres', q{SELECT astrid_create_queue('q')});

# The numbers of a new batch, each of which must follow the one before.
sub draw
{
	my ($n) = @_;
	return split /\n/, $node->safe_psql('postgres', qq{SELECT astrid_enqueue_batch('q', array_fill('{}'::jsonb, '{$n}'))});
}

my $last = 0;
for my $case (['the first ones'], ['after nextval', q{SELECT nextval('astrid.job_seq')}], ['after setval', q{SELECT setval('astrid.job_seq', 5000, false)}],
	['after a checkpoint', 'CHECKPOINT'], ['after a step that wrote no WAL', q{SELECT count(*) FROM astrid_enqueue_batch('q', array_fill('{}'::jsonb, '{5}'))}])
{
	my ($name, $before) = @$case;
	$node->safe_psql('postgres', $before) if $before;
	for my $n (100, 7, 1, 33)
	{
		my @numbers = draw($n);
		my $gap = $name eq 'after setval' ? 5000 : $last;
		ok($numbers[0] > $last && $numbers[0] >= $gap && $numbers[-1] - $numbers[0] == $n - 1, "$name, $n: they follow one another");
		$last = $numbers[-1];
		# What was committed is there after a crash, so its numbers must be gone.
		$node->stop('immediate');
		$node->start;
	}
}
is($node->safe_psql('postgres', q{SELECT count(*), count(DISTINCT job_id) FROM astrid.ready}), '710|710', 'every job has a number of its own');
cmp_ok($node->safe_psql('postgres', q{SELECT nextval('astrid.job_seq')}), '>', $last, 'nextval goes on behind them');

# Children take their places in one step too, in the order of their numbers, behind all that was there
my $places = $node->safe_psql('postgres', q{SELECT astrid_enqueue('q', '{}', priority => -1) AS parent \gset
	SELECT count(*) FROM astrid_enqueue_batch('q', array_fill('{}'::jsonb, '{150}'), depends_on => ARRAY[:parent]);
	SELECT count(astrid_complete(job_id, lease_id)) FROM astrid_claim('{q}', 'tap', 1);
	SELECT bool_and(position > job_id), count(DISTINCT position), max(position) - min(position), bool_and(step > 0)
	  FROM (SELECT job_id, position, position - lag(position) OVER (ORDER BY job_id) AS step
	          FROM astrid.ready WHERE job_id > :parent) x});
like($places, qr/t\|150\|149\|t$/, 'children have places that follow one another');

$node->stop;
done_testing();
