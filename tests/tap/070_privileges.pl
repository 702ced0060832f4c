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
		   AND (SELECT prosecdef AND NOT coalesce(array_to_string(proconfig, ' '), '') ~ 'search_path=.*pg_temp\$'
		          FROM pg_proc WHERE oid = d.objid)}),
	'', 'every SECURITY DEFINER function pins search_path, pg_temp last');
is( $node->safe_psql('postgres', q{
		SELECT bool_or(prosecdef OR proconfig IS NOT NULL OR prokind <> 'p') FROM pg_proc WHERE prosrc = 'astrid_wait'}),
	'f', 'astrid_wait is a plain procedure');

my @matrix = (
	# statement, then who may
	[q{SELECT astrid_enqueue('q', '{}')}, 'admin producer'],
	[q{SELECT astrid_enqueue_batch('q', ARRAY['{}']::jsonb[])}, 'admin producer'],
	[q{SELECT * FROM astrid_claim('{q}', 'w', 1, '1 min')}, 'admin worker'],
	[q{SELECT astrid_complete(0, 0, NULL)}, 'admin worker'],
	[q{SELECT * FROM astrid_heartbeat('w', '{}', '{}', '1 min', '{}')}, 'admin worker'],
	[q{SELECT astrid_maintain()}, 'admin worker'],
	[q{CALL astrid_wait(timeout => '1 ms')}, 'admin worker'],
	[q{SELECT astrid_pause_queue('q')}, 'admin'],
	[q{SELECT astrid_resume_queue('q')}, 'admin'],
	[q{SELECT astrid_alter_queue('q', priority => 1)}, 'admin'],
	[q{SELECT astrid_redrive('q')}, 'admin'],
	[q{SELECT count(*) FROM astrid.queue_status}, 'admin producer worker reader'],
	[q{SELECT count(*) FROM astrid.job_status}, 'admin producer worker reader'],
);
for my $row (@matrix)
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
