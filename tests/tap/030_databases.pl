# Nobody waits for the background workers: DROP EXTENSION, DROP DATABASE, CREATE DATABASE ... TEMPLATE, RENAME.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Astrid;

my $node = start_node('databases', conf => "astrid.maintenance_interval = 100ms\n");

sub make_database
{
	my ($name) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, 'CREATE EXTENSION astrid');
	ok(wait_for_worker($node, $name), "database $name has a worker");
	return;
}

make_database('a');
within($node, 5, 'CREATE DATABASE b TEMPLATE a', 'a database with a worker serves as template');
ok(wait_for_worker($node, 'a'), 'its worker comes back');
ok(wait_for_worker($node, 'b'), 'the copy gets one without being told');
within($node, 5, 'ALTER DATABASE b RENAME TO c', 'it is renamed');
ok(wait_for_worker($node, 'c'), 'and has a worker again');
within($node, 5, 'DROP DATABASE c', 'it is dropped');

# In the middle of a pass
$node->safe_psql('a', q{
	CREATE OR REPLACE FUNCTION astrid.maintain() RETURNS jsonb LANGUAGE sql AS
	$$ SELECT to_jsonb(pg_catalog.pg_sleep(3600)::text) $$});
ok( $node->poll_query_until('postgres', q{
		SELECT count(*) FROM pg_stat_activity WHERE datname = 'a' AND wait_event = 'PgSleep'}, '1'),
	'a pass takes long');
within($node, 5, 'ALTER DATABASE a RENAME TO long', 'the database is renamed all the same');
ok( $node->poll_query_until('postgres', q{
		SELECT count(*) FROM pg_stat_activity WHERE datname = 'long' AND wait_event = 'PgSleep'}, '1'),
	'a pass takes long again');
within($node, 5, 'DROP DATABASE long', 'and dropped');

# What is refused leaves no bar behind
make_database('d');
$node->safe_psql('postgres', 'CREATE ROLE stranger LOGIN');
my ($status) = $node->psql('postgres', 'DROP DATABASE d', extra_params => ['-U', 'stranger']);
isnt($status, 0, 'a stranger may not drop it');
($status) = $node->psql('postgres', 'BEGIN; DROP DATABASE d');
isnt($status, 0, 'nor may anybody inside a transaction');
ok(wait_for_worker($node, 'd'), 'the worker is there again');

# Closed and open again
$node->safe_psql('postgres', 'ALTER DATABASE d IS_TEMPLATE true');
ok(wait_for_no_worker($node, 'd'), 'a database that becomes a template loses its worker');
$node->safe_psql('postgres', 'ALTER DATABASE d IS_TEMPLATE false');
ok(wait_for_worker($node, 'd'), 'and gets it back');
$node->safe_psql('postgres', 'ALTER DATABASE d ALLOW_CONNECTIONS false');
ok(wait_for_no_worker($node, 'd'), 'so does one that allows no connections');
within($node, 5, 'DROP DATABASE d', 'which is dropped');

# The extension comes and goes
make_database('e');
($status) = $node->psql('e', 'SET statement_timeout = 5000; DROP EXTENSION astrid CASCADE');
is($status, 0, 'DROP EXTENSION does not hang');
ok(wait_for_no_worker($node, 'e'), 'the worker leaves');
$node->safe_psql('e', 'CREATE EXTENSION astrid');
ok(wait_for_worker($node, 'e'), 'and returns with the extension');
my $session = $node->background_psql('e');
$session->query_safe('BEGIN; DROP EXTENSION astrid CASCADE; CREATE EXTENSION astrid');
$session->query_safe('ROLLBACK');
ok(wait_for_worker($node, 'e'), 'a DROP EXTENSION that is rolled back changes nothing');
$session->quit;

$node->safe_psql('e', q{
	CREATE OR REPLACE FUNCTION astrid.maintain() RETURNS jsonb LANGUAGE plpgsql AS
	$$ BEGIN LOCK TABLE astrid.ready; PERFORM pg_catalog.pg_sleep(3600); RETURN NULL; END $$});
ok( $node->poll_query_until('postgres', q{
		SELECT count(*) FROM pg_stat_activity WHERE datname = 'e' AND wait_event = 'PgSleep'}, '1'),
	'a pass holds a table');
($status) = $node->psql('e', 'SET statement_timeout = 5000; DROP EXTENSION astrid CASCADE; CREATE EXTENSION astrid');
is($status, 0, 'DROP EXTENSION does not wait for it');
ok(wait_for_worker($node, 'e'), 'the worker comes back');

# Errors in a pass: the worker ends and is tried again, ever later
$node->safe_psql('e', q{
	CREATE OR REPLACE FUNCTION astrid.maintain() RETURNS jsonb LANGUAGE plpgsql AS
	$$ BEGIN RAISE 'out of order'; END $$});
$node->wait_for_log(qr/out of order.*out of order/s);
pass('a pass that fails is tried again');
within($node, 5, 'DROP DATABASE e', 'a database whose passes fail is dropped');

# pg_terminate_backend
make_database('f');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type ~ '^astrid'});
ok(wait_for_worker($node, 'f'), 'terminated workers come back');

# CREATE EXTENSION in a prepared transaction is not seen; the first job tells
$node->safe_psql('postgres', 'CREATE DATABASE g');
$node->safe_psql('g', q{BEGIN; CREATE EXTENSION astrid; PREPARE TRANSACTION 'g'});
$node->safe_psql('g', q{COMMIT PREPARED 'g'});
$node->safe_psql('g', q{SELECT astrid_create_queue('q'); SELECT astrid_enqueue('q', '{}')});
ok(wait_for_worker($node, 'g'), 'a database that uses astrid gets a worker, however it was installed');
$node->safe_psql('postgres', 'DROP DATABASE g');

# Too few of something: the log says what to raise, the rest works
for my $few (['max_worker_processes = 3', qr/all slots are taken.*Raise max_worker_processes/s],
	['astrid.max_databases = 1', qr/maintains only 1 databases, 1 more are left out.*Raise astrid.max_databases/s])
{
	my ($setting, $message) = @$few;
	my $offset = -s $node->logfile;

	$node->adjust_conf('postgresql.conf', 'max_worker_processes', 16);
	$node->append_conf('postgresql.conf', $setting);
	$node->safe_psql('postgres', 'CREATE EXTENSION IF NOT EXISTS astrid');
	$node->restart;
	ok($node->wait_for_log($message, $offset), "$setting: the log says so");
	is($node->safe_psql('f', q{SELECT astrid_maintain() IS NOT NULL}), 't', 'maintenance by hand works');
}

$node->stop;
done_testing();
