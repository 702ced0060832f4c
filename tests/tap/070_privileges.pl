# Who may do what: nothing is granted to PUBLIC, each role can do its work and no more.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;

my $node = start_node('privileges', conf => "astrid.maintenance = off\n");
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
$node->safe_psql('postgres', q{
	SELECT astrid_create_queue('q');
	CREATE ROLE nobody LOGIN;
	CREATE ROLE admin LOGIN IN ROLE astrid_admin;
	CREATE ROLE producer LOGIN IN ROLE astrid_producer;
	CREATE ROLE worker LOGIN IN ROLE astrid_worker;
	CREATE ROLE reader LOGIN IN ROLE astrid_reader;
});

my $members = q{FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'astrid')};
is( $node->safe_psql('postgres', qq{
		SELECT d.objid::regprocedure $members AND d.classid = 'pg_proc'::regclass
		   AND has_function_privilege('nobody', d.objid, 'EXECUTE')}),
	'', 'PUBLIC may execute nothing');
is( $node->safe_psql('postgres', qq{
		SELECT d.objid::regclass $members AND d.classid = 'pg_class'::regclass
		   AND (SELECT relkind FROM pg_class WHERE oid = d.objid) IN ('r', 'p', 'v')
		   AND has_table_privilege('nobody', d.objid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')}),
	'', 'nor read or write anything');
is( $node->safe_psql('postgres', qq{
		SELECT d.objid::regclass, r.rolname $members AND d.classid = 'pg_class'::regclass
		   AND (SELECT relkind FROM pg_class WHERE oid = d.objid) IN ('r', 'p')
		   AND has_table_privilege(r.oid, d.objid, 'INSERT, UPDATE, DELETE, TRUNCATE')}
		=~ s/FROM pg_depend d/FROM pg_roles r, pg_depend d/r =~ s/AND d.deptype/AND r.rolname ~ '^astrid_' AND d.deptype/r),
	'', 'no role writes a table but through functions');
is( $node->safe_psql('postgres', qq{
		SELECT d.objid::regprocedure $members AND d.classid = 'pg_proc'::regclass
		   AND (SELECT prosecdef AND NOT EXISTS (SELECT FROM unnest(proconfig) c WHERE c ~ '^search_path=.*pg_temp\$')
		          FROM pg_proc WHERE oid = d.objid)}),
	'', 'every SECURITY DEFINER function pins search_path, pg_temp last');
is( $node->safe_psql('postgres', q{
		SELECT bool_or(prosecdef OR proconfig IS NOT NULL OR prokind <> 'p') FROM pg_proc WHERE prosrc = 'astrid_wait'}),
	'f', 'astrid_wait is a plain procedure');

# Every public function, and who may call it: a(dmin), p(roducer), w(orker), r(eader). A new one needs a line here.
my %matrix = (
	alter_queue => 'a',       cancel => 'ap',             check_lease => 'aw',  claim => 'aw',
	clear_queue => 'a',       complete => 'aw',           complete_and_claim => 'aw',
	complete_batch => 'aw',   create_queue => 'a',        drain_worker => 'a',  drop_queue => 'a',
	enqueue => 'apw',         enqueue_batch => 'apw',     fail => 'aw',         heartbeat => 'aw',
	install_defaults => 'a',  job => 'aprw',              log => 'aw',          maintain => 'aw',
	pause_queue => 'a',       progress => 'aw',           reap => 'aw',         redrive => 'a',
	resume_queue => 'a',      retry => 'a',               snooze => 'aw',       wait => 'aw',
	why => 'aprw',            cancel_bulk => 'a',         cancel_jobs => 'a',   delete_jobs => 'a',
	drain_queue => 'a',       move_jobs => 'a',           retry_jobs => 'a',    take_exported => 'a',
	enqueue_trigger => 'ap',  event_cursor => 'aprw',     events => 'aprw',     publish => 'apw',
	publish_trigger => 'ap',  subscribe => 'a',           unsubscribe => 'a',
	validate => 'aprw',       stats_recount => 'a');
my $granted = $node->safe_psql('postgres', q{
	SELECT p.oid::regprocedure::text ~ '^astrid\.', substr(p.proname, CASE WHEN p.proname ~ '^astrid_' THEN 8 ELSE 1 END),
	       array_to_string(ARRAY(
	           SELECT substr(r.rolname, 8, 1) FROM pg_roles r
	            WHERE r.rolname ~ '^astrid_' AND has_function_privilege(r.oid, p.oid, 'EXECUTE') ORDER BY 1), '')
	  FROM pg_proc p
	 WHERE p.proname ~ '^astrid_' OR p.pronamespace = 'astrid'::regnamespace AND p.proname !~ '^_' AND p.proname <> 'clock'});
my %seen;
for my $row (split /\n/, $granted)
{
	my ($short, $name, $roles) = split /\|/, $row;
	$seen{ $short . $name } = $roles;
}
for my $name (sort keys %matrix)
{
	is($seen{"f$name"}, $matrix{$name}, "astrid_$name: $matrix{$name}");
	is($seen{"t$name"}, $matrix{$name}, "astrid.$name: $matrix{$name}");
}
is(join(' ', sort grep { !exists $matrix{ substr $_, 1 } } keys %seen), '', 'no public function is missing above');

# The same from the outside: what a role may not, it is refused, and what it may, works.
my @calls = (
	[q{SELECT astrid_enqueue('q', '{}')}, 'admin producer worker'],
	[q{SELECT * FROM astrid_claim('{q}', 'w', 1, '1 min')}, 'admin worker'],
	[q{SELECT astrid_complete(0, 0, NULL)}, 'admin worker'],
	[q{SELECT * FROM astrid_heartbeat('w', '{}', '{}', '1 min', '{}')}, 'admin worker'],
	[q{SELECT astrid_maintain()}, 'admin worker'],
	[q{CALL astrid_wait(timeout => '1 ms')}, 'admin worker'],
	[q{SELECT astrid_alter_queue('q', priority => 1)}, 'admin'],
	[q{SELECT count(*) FROM astrid.queue_status}, 'admin producer worker reader'],
	[q{SELECT count(*) FROM astrid.health}, 'admin producer worker reader'],
	[q{SELECT count(*) FROM astrid.job_status}, 'admin producer worker reader'],
	[q{DELETE FROM astrid.ready}, ''],
);
for my $row (@calls)
{
	my ($statement, $allowed) = @$row;
	for my $role (qw(admin producer worker reader nobody))
	{
		my (undef, undef, $stderr) =
		  $node->psql('postgres', $statement, extra_params => ['-U', $role, '-v', 'VERBOSITY=verbose']);
		if ($allowed =~ /\b$role\b/)
		{
			is($stderr, '', "$role may: $statement");
		}
		else
		{
			like($stderr, qr/42501/, "$role may not: $statement");
		}
	}
}

# Roles outlive the extension, and a second database finds them there.
$node->safe_psql('postgres', 'DROP EXTENSION astrid CASCADE');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_roles WHERE rolname ~ '^astrid_'}), '4', 'DROP EXTENSION leaves the roles');
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
pass('and CREATE EXTENSION takes them as they are');
$node->stop;
done_testing();
