# The HTTP gateway on a real server: what it answers, with the database there and gone.
use strict;
use warnings;

use AstridApi;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $bin = $ENV{ASTRID_BIN};

my $node = PostgreSQL::Test::Cluster->new('api');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'astrid'\nastrid.maintenance = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
$node->safe_psql('postgres', q{
	SELECT astrid_create_queue('detection', worker_type => 'detection');
	SELECT astrid_enqueue('detection', '{"uri": "/data/1.fits"}');
	SELECT count(*) FROM astrid_heartbeat('w1', '{}', '{}', '60 s',
		'{"worker_type": "detection", "status": "IDLE", "memory_usage": 12.5, "cpu_usage": 3}');
	SELECT count(*) FROM astrid_heartbeat('w2', '{}', '{}', '60 s', '{"worker_type": "odd \\"name\\"\\n"}');
});

my $api = AstridApi->new('--dbname', $node->connstr('postgres'));

sub request
{
	return $api->request(@_);
}

# A JSON answer is checked by the database's own parser.
sub json_value
{
	my ($json, $path) = @_;
	$json =~ s/\$j\$//g;
	return $node->safe_psql('postgres', "SELECT \$j\$$json\$j\$::jsonb #>> '$path'");
}

my ($status, $type, $body) = request('/health');
is($status, 200, 'health is 200 with the database there');
is(json_value($body, '{status}'), 'pass', 'health says pass');

($status, $type, $body) = request('/workers/queues');
is("$status $type", '200 application/json', 'queues are JSON');
is(json_value($body, '{0,queue_name}'), 'detection', 'the queue is listed');
is(json_value($body, '{0,ready}'), '1', 'with its ready job');
is(json_value($body, '{0,max_retries}'), $node->safe_psql('postgres',
		"SELECT max_retries FROM astrid.queue_status WHERE queue_name = 'detection'"), 'with the names of the contract');

($status, $type, $body) = request('/workers/status');
is(json_value($body, '{0,worker_id}'), 'w1', 'the worker is listed');
is(json_value($body, '{0,status}'), 'IDLE', 'with its state');

($status, $type, $body) = request('/workers/detection/metrics');
is($status, 200, 'a worker type has metrics');
is(json_value($body, '{workers}'), '1', 'counting its workers');
is((request('/workers/nobody/metrics'))[0], 404, 'an unknown worker type is 404');
is((request("/workers/x'%20OR%201=1/metrics"))[0], 404, 'a segment is a parameter, not SQL');

is((request('/nowhere'))[0], 404, 'an unknown path is 404');
is((request('/workers/../health'))[0], 404, 'dots are no path');
($status, $type) = request('/health', '-X', 'POST', '-d', '{}');
is("$status $type", '405 application/problem+json', 'health is only read');
for my $write ('/workers/detection/start', '/workers/detection/stop', '/workers/queues/detection/clear')
{
	($status, $type, $body) = $api->post($write, '{}', 'any');
	is("$status $type " . json_value($body, '{title}'), '403 application/problem+json this gateway only reads',
		"without a token file nobody may POST $write");
}
is((request('/health', '--head'))[0], 200, 'HEAD is answered');

my ($metrics_status, undef, $metrics) = request('/metrics');
is($metrics_status, 200, 'metrics are there');
like($metrics, qr/^astrid_jobs\{queue="detection",state="ready"\} 1$/m, 'with the ready job');
like($metrics, qr/type="odd \\"name\\"\\n"/, 'label values are escaped');
like($metrics, qr/^astrid_metrics_failed_families 0$/m, 'every family was collected');
SKIP:
{
	skip 'promtool is not installed', 1 if system('command -v promtool >/dev/null') != 0;
	my ($lint_out, $lint_err) = ('', '');
	my $clean = IPC::Run::run([ 'promtool', 'check', 'metrics' ], '<', \$metrics, '>', \$lint_out, '2>', \$lint_err);
	ok($clean, 'promtool finds nothing to complain about') or diag("$lint_out$lint_err");
}

$node->restart('immediate');
is((request('/health'))[0], 200, 'a restart of the server is survived');

$node->stop;
($status, $type, $body) = request('/health');
is($status, 503, 'health is 503 with the database gone');
($status, $type, $body) = request('/workers/queues');
is("$status $type", '503 application/problem+json', 'and so is the rest');
unlike($body, qr/socket|host/, 'the server error text is not shown');
like((request('/metrics'))[2], qr/^astrid_up 0$/m, 'metrics say that it is down');
$node->start;
is((request('/health'))[0], 200, 'it comes back with the database');

ok($api->stop, 'SIGTERM ends it with status 0');

for my $address ('0.0.0.0:8080', '192.0.2.1:80', '127.0.0.1', '127.0.0.1:99999', 'nonsense')
{
	my $refused = IPC::Run::run([ "$bin/astrid-api", '--listen', $address ], '>', \my $o, '2>', \my $e);
	ok(!$refused && $e =~ /loopback/, "--listen $address is refused");
}

done_testing();
