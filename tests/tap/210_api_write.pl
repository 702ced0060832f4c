# The gateway's commands on a real server: what each does, and who and what is refused.
use strict;
use warnings;

use AstridApi;
use Astrid;
use Digest::SHA qw(sha256_hex);
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('api_write', conf => "astrid.maintenance = off\nlog_line_prefix = '%m [%p] %a '\n");
$node->safe_psql('postgres', 'CREATE EXTENSION astrid');
$node->safe_psql('postgres', q{
	CREATE ROLE gate_reader LOGIN IN ROLE astrid_reader;
	CREATE ROLE gate_admin LOGIN IN ROLE astrid_admin;
	SELECT astrid_create_queue('detect_a', worker_type => 'detection'), astrid_create_queue('detect/b', worker_type => 'detection'),
	       astrid_create_queue('other', worker_type => 'curation'), astrid_create_queue('typeless');
	SELECT astrid_enqueue('detect_a', to_jsonb(i)) FROM generate_series(1, 3) i;
	SELECT astrid_enqueue('detect_a', '4', run_at => clock_timestamp() + interval '1 day');
	SELECT astrid_enqueue('detect/b', '5');
	SELECT count(*) FROM astrid_claim(ARRAY['detect_a'], 'w1');
	SELECT count(*) FROM astrid_heartbeat('w1', '{}', '{}', '1 hour', '{"worker_type": "detection"}');
	SELECT count(*) FROM astrid_heartbeat('w2', '{}', '{}', '1 hour', '{"worker_type": "detection", "status": "STOPPED"}');
	SELECT count(*) FROM astrid_heartbeat('w3', '{}', '{}', '1 hour', '{"worker_type": "gpu"}');
});

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub json_value { my ($json, $path) = @_; return sql("SELECT \$j\$$json\$j\$::jsonb #>> '$path'"); }
sub settings { return sql("SELECT string_agg(concat_ws(' ', queue_name, enabled, concurrency), ', ' ORDER BY queue_name)
	FROM astrid.queue_status"); }

# ---- the token, and its file --------------------------------------------------------------------------------------
sub run_api
{
	my @arguments = @_;
	my ($out, $err) = ('', '');
	my $done = IPC::Run::run([ "$ENV{ASTRID_BIN}/astrid-api", @arguments ], '>', \$out, '2>', \$err,
		IPC::Run::timeout(60));
	return ($done, $out, $err);
}

my $dir = PostgreSQL::Test::Utils::tempdir();
my $token_file = "$dir/tokens";
sub token_file_is
{
	my ($text, $mode) = @_;
	unlink $token_file;
	append_to_file($token_file, $text);
	chmod $mode, $token_file;
}

my ($made, $out) = run_api('--make-token', 'ci.night');
my ($token, $line) = split /\n/, $out;
ok($made, 'a token is made');
like($token, qr/^astr_ci\.night_[0-9a-f]{64}$/, 'it names whose it is and is of 32 random bytes');
is($line, 'ci.night write ' . sha256_hex($token), 'its line has but its SHA-256');
isnt((run_api('--make-token', 'ci.night'))[1], $out, 'the next one is another one');
ok(!(run_api('--make-token', 'no space'))[0], 'a name with a space is refused');

for my $case ([ 0644, qr/open to others/, 'readable by all' ], [ 0620, qr/open to others/, 'writable by the group' ])
{
	token_file_is("$line\n", $case->[0]);
	my ($done, undef, $err) = run_api('--listen', '127.0.0.1:0', '--token-file', $token_file);
	ok(!$done, "a token file that is $case->[2] is refused");
	like($err, $case->[1], 'and the reason said');
}
token_file_is("# whoever\n\nci.night write 12\n", 0600);
like((run_api('--listen', '127.0.0.1:0', '--token-file', $token_file))[2], qr/tokens:3: .*SHA-256/,
	'a wrong line is named');
like((run_api('--listen', '127.0.0.1:0', '--token-file', $dir))[2], qr/regular file/, 'a folder is no token file');
like((run_api('--listen', '127.0.0.1:0', '--token-file', "$dir/none"))[2], qr/No such file/, 'nor is what is not there');
like((run_api('--write-dbname', 'dbname=postgres'))[2], qr/--token-file/, 'without tokens nobody can write');

token_file_is("# who may write\n\n$line\n", 0600);
my $reading = $node->connstr('postgres') . ' user=gate_reader';
my $api = AstridApi->new('--dbname', $reading, '--write-dbname', $node->connstr('postgres') . ' user=gate_admin',
	'--token-file', $token_file);
my @seen;    # all answers: the token must be in none

sub post
{
	my @answer = $api->post(@_);
	push @seen, @answer;
	return @answer;
}

# ---- what each does -----------------------------------------------------------------------------------------------
my $at_first = settings();
my ($status, $type, $body) = post('/workers/detection/stop', undef, $token);
is("$status $type", '200 application/json', 'stop needs no body');
is(settings(), 'detect/b f, detect_a f, other t, typeless t', 'it pauses the queues of the type');
is(json_value($body, '{queues,0,enabled}'), 'false', 'the answer shows them as they are now');
is(json_value($body, '{queues,1,running}'), '1', 'the running job goes on');
is(json_value($body, '{workers,0,worker_id}') . json_value($body, '{workers,1}'), 'w1', 'with the live workers of the type');
is(sql("SELECT string_agg(worker_id, ' ') FROM astrid.worker_status WHERE draining"), '', 'none of which is drained');
is(sql("SELECT count(*) FROM astrid_claim(ARRAY['detect_a', 'detect/b'], 'w9')"), '0', 'a claim gets nothing');
is((post('/workers/detection/stop', '{"mode": "pause"}', $token))[0], 200, 'stopping again is no error');

sql("SELECT astrid_drain_queue('detect/b')");
($status, undef, $body) = post('/workers/detection/start', '{}', $token);
is($status, 200, 'start');
is(settings(), $at_first, 'it resumes them');
is(json_value($body, '{queues,0,enabled}'), 'true', 'and says so');
is(json_value($body, '{queues,0,accepting}'), 'false', 'a queue that is drained remains so');
is((post('/workers/detection/start', undef, $token))[0], 200, 'starting again is no error');

($status, undef, $body) = post('/workers/detection/stop', '{"mode": "drain"}', $token, '-H', 'content-type: Application/JSON; charset=utf-8');
is($status, 200, 'stop by draining');
is(sql("SELECT string_agg(worker_id, ' ') FROM astrid.worker_status WHERE draining"), 'w1', 'tells the live workers');
is(json_value($body, '{workers,0,draining}'), 'true', 'and says so');
is(settings(), $at_first, 'and pauses nothing');
is(sql("SELECT command FROM astrid_heartbeat('w1', '{}', '{}', '1 hour')"), 'drain', 'a heartbeat brings it to them');
is((post('/workers/gpu/stop', '{"mode": "drain"}', $token))[0], 200, 'workers of a type that has no queue can be drained');
is(sql("SELECT draining FROM astrid.worker_status WHERE worker_id = 'w3'"), 't', 'and are');

($status, undef, $body) = post('/workers/detection/scale', '{"concurrency": 3}', $token);
is($status, 200, 'scale');
is(settings(), 'detect/b t 3, detect_a t 3, other t, typeless t', 'sets the limit of each queue of the type');
is(json_value($body, '{queues,0,concurrency}'), '3', 'and says so');
is((post('/workers/detection/scale', '{"concurrency": null}', $token))[0], 200, 'null');
is(settings(), $at_first, 'is no limit');
post('/workers/detection/scale', '{"concurrency": 2.0}', $token);
like(settings(), qr/detect_a t 2,/, 'an integer is one however it is written');
is((post('/workers/detection/scale', '{"concurrency": 0}', $token))[0], 200, 'and 0');
is(settings(), $at_first, 'is no limit either');
is((post('/workers/typeless/scale', '{"concurrency": 7}', $token))[0], 200, 'a queue without a type is of its own name');
like(settings(), qr/typeless t 7$/, 'so it is found');
is(($api->request('/workers/typeless/metrics'))[0], 200, 'by its metrics too');

($status, $type, $body) = post('/workers/queues/detect_a/clear', '{"states": ["scheduled"]}', $token);
is("$status $type $body", "200 application/json {\"deleted\" : 1}\n", 'clear of one state');
is((post('/workers/queues/detect_a/clear', undef, $token))[2], "{\"deleted\" : 2}\n", 'clear of what waits');
is(sql("SELECT ready + scheduled || ' ' || running FROM astrid.queue_status WHERE queue_name = 'detect_a'"), '0 1',
	'but for the running job');
is((post('/workers/queues/detect_a/clear', '{}', $token))[2], "{\"deleted\" : 0}\n", 'clearing again is no error');
is((post('/workers/queues/detect%2Fb/clear', '{}', $token))[2], "{\"deleted\" : 1}\n", 'a slash in a name is escaped');

# ---- who is refused -----------------------------------------------------------------------------------------------
$at_first = settings();
my $headers;
($status, $type, $body, $headers) = post('/workers/detection/stop', '{}');
is("$status $type", '401 application/problem+json', 'no token');
like($headers, qr/^WWW-Authenticate: Bearer realm="astrid"\r$/m, 'the answer asks for one');
my $wrong = $token =~ s/.$/x/r;
($status, undef, undef, $headers) = post('/workers/detection/stop', '{}', $wrong);
is($status, 401, 'a wrong token');
like($headers, qr/^WWW-Authenticate: Bearer .*error="invalid_token"/m, 'the answer says that it is');
is((post('/workers/detection/stop', '{}', undef, '-H', "Authorization: Basic $token"))[0], 401, 'another scheme');
is((post('/workers/detection/stop', '{}', "$token $token"))[0], 401, 'two tokens');
is((post('/workers/detection/stop', '{}', undef, '-H', "Cookie: token=$token"))[0], 401, 'a cookie');
is((post("/workers/detection/stop?access_token=$token", '{}'))[0], 401, 'a token in the address');
is((post('/workers/detection/stop', '{}', (split / /, $line)[2]))[0], 401, 'what the file has');

# ---- what is refused ----------------------------------------------------------------------------------------------
sub refused
{
	my ($name, $wanted, $path, $json, @options) = @_;
	my ($got, $got_type, $problem) = post($path, $json, $token, @options);
	is("$got $got_type", "$wanted application/problem+json", $name);
	return $problem;
}
refused('an unknown type', 404, '/workers/nobody/start', '{}');
refused('an unknown type', 404, '/workers/nobody/stop', '{"mode": "drain"}');
refused('an unknown type', 404, '/workers/nobody/scale', '{"concurrency": 1}');
refused('a type that only workers name has nothing to pause', 404, '/workers/gpu/stop', '{}');
$body = refused('an unknown queue', 404, '/workers/queues/nowhere/clear', '{}');
is(json_value($body, '{sqlstate}'), 'QJ002', 'with its sqlstate');
refused('an unknown path', 404, '/workers/detection/restart', '{}');
refused('a segment that is no UTF-8', 400, '/workers/queues/%ff/clear', '{}');
refused('a segment with NUL', 404, '/workers/queues/detect_a%00/clear', '{}');
refused('a broken escape', 404, '/workers/queues/detect_a%2/clear', '{}');
for my $text ('{"mode": "pause"', 'stop', '{"mode": "pause", "mode": "drain"}', '"pause"', "{\"mode\": \"\xff\"}", '{"mode": "\\u0000"}',
	'[' x 8000)
{
	refused('no JSON: ' . substr($text =~ s/[^ -~]/./r, 0, 40), 400, '/workers/detection/stop', $text);
}
for my $case (
	[ 'scale', '{}', '', 'concurrency', 'a missing field' ],
	[ 'scale', undef, '', 'concurrency', 'a missing body' ],
	[ 'scale', '{"concurrency": "2"}', '/concurrency', 'integer', 'a field of another type' ],
	[ 'scale', '{"concurrency": 1.5}', '/concurrency', 'integer', 'half a job' ],
	[ 'scale', '{"concurrency": -1}', '/concurrency', '0', 'less than none' ],
	[ 'scale', '{"concurrency": 2147483648}', '/concurrency', '2147483647', 'more than a queue can have' ],
	[ 'scale', '{"concurrency": 1, "replicas": 2}', '/replicas', '', 'a field that is not there' ],
	[ 'scale', '[1]', '', 'object', 'an array' ],
	[ 'stop', '{"mode": "now"}', '/mode', '', 'another mode' ],
	[ 'start', '{"mode": "pause"}', '/mode', '', 'a field where there is none' ],
	[ 'queues/x/clear', '{"states": "ready"}', '/states', 'array', 'a state that is no array' ])
{
	my ($verb, $json, $pointer, $says, $name) = @$case;
	$body = refused($name, 422, $verb =~ m,/, ? "/workers/$verb" : "/workers/detection/$verb", $json);
	is(json_value($body, '{errors,0,pointer}'), $pointer, 'is named');
	like(json_value($body, '{errors,0,detail}'), qr/\Q$says/, 'and told');
}
$body = refused('an unknown state', 422, '/workers/queues/detect_a/clear', '{"states": ["running"]}');
is(json_value($body, '{sqlstate}'), 'QJ006', 'has its sqlstate');
like(json_value($body, '{detail}'), qr/"states"/, 'and names the argument');
refused('another content type', 415, '/workers/detection/stop', '{}', '-H', 'Content-Type: text/plain');
refused('no content type', 415, '/workers/detection/stop', '{}', '-H', 'Content-Type:');
refused('a type that only begins like it', 415, '/workers/detection/stop', '{}', '-H', 'Content-Type: application/jsonl');
my $large = '{"mode": "pause"}' . ' ' x 16384;
refused('a large body', 413, '/workers/detection/stop', $large, '-H', 'Expect:');
refused('a large body in chunks', 413, '/workers/detection/stop', $large, '-H', 'Transfer-Encoding: chunked', '-H', 'Expect:');
refused('a large body, asked for before it is sent', 413, '/workers/detection/stop', $large, '-H', 'Expect: 100-continue');
is((post('/workers/detection/scale', '{"concurrency": 0}', $token, '-H', 'Transfer-Encoding: chunked'))[0], 200,
	'a small one in chunks is taken');
is(settings(), $at_first, 'nothing that was refused has changed anything');

for my $case ([ 'GET', '/workers/detection/stop', 'POST' ], [ 'PUT', '/workers/detection/stop', 'POST' ],
	[ 'OPTIONS', '/workers/detection/stop', 'POST' ], [ 'DELETE', '/workers/queues', 'GET, HEAD' ],
	[ 'POST', '/workers/queues', 'GET, HEAD' ], [ 'POST', '/metrics', 'GET, HEAD' ])
{
	my ($method, $path, $allow) = @$case;
	($status, $type, $body, $headers) = $api->request($path, '-X', $method, '-H', "Authorization: Bearer $token");
	is("$status $type", '405 application/problem+json', "$method $path");
	like($headers, qr/^Allow: \Q$allow\E\r$/m, 'the answer says what it takes');
	unlike($headers, qr/^Access-Control/mi, 'and lets no other site in');
}
is(($api->request('/workers/queues'))[0], 200, 'reading needs no token');
is(($api->request('/health'))[0], 200, 'nor does health');

# ---- the transaction ----------------------------------------------------------------------------------------------
is(sql("SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^astrid-api' AND (state <> 'idle'
	OR usename NOT IN ('gate_reader', 'gate_admin'))"), '0', 'no transaction is left open, and the roles are those named');
$node->restart('immediate');
is((post('/workers/detection/stop', '{}', $token))[0], 200, 'a restart of the server is survived');
sql('ALTER DATABASE postgres SET default_transaction_read_only = on');
$node->restart('immediate');
is((post('/workers/detection/start', '{}', $token))[0], 200, 'what the gateway says about its sessions holds');
$node->safe_psql('postgres', 'SET default_transaction_read_only = off; ALTER DATABASE postgres RESET default_transaction_read_only');
$node->stop;
($status, $type, $body, $headers) = post('/workers/detection/stop', '{}', $token);
is("$status $type", '503 application/problem+json', 'the database gone');
like($headers, qr/^Retry-After: 2\r$/m, 'try again');
$node->start;

my $blocker = $node->background_psql('postgres');
$blocker->query_safe(q{BEGIN; SELECT FROM astrid.queue WHERE queue_name = 'detect_a' FOR UPDATE});
($status, undef, $body) = post('/workers/detection/scale', '{"concurrency": 9}', $token);
is("$status " . json_value($body, '{sqlstate}'), '503 55P03', 'a lock that somebody holds is not waited for without end');
$blocker->query_safe('ROLLBACK');
$blocker->quit;
unlike(settings(), qr/9/, 'all queues or none');

my $log = $api->log_text;
like($log, qr,msg="POST /workers/detection/stop by ci\.night: 200",, 'the log says who did what');
like($log, qr,msg="POST /workers/detection/stop by nobody: 401",, 'and what was refused');
my $secret = ($token =~ /_([0-9a-f]{64})/)[0];
unlike($log, qr/\Q$secret\E|\Q$wrong\E/, 'but no token');
unlike(join('', map { $_ // '' } @seen), qr/\Q$secret\E/, 'nor does any answer');
like(slurp_file($node->logfile), qr,astrid-api/ci\.night LOG:.*alter_queue,, 'the log of the server says who too');
unlike(slurp_file($node->logfile), qr/\Q$secret\E/, 'nor the log of the server');
ok($api->stop, 'SIGTERM ends it with status 0');

$api = AstridApi->new('--dbname', $reading, '--token-file', $token_file);
$body = refused('a role without the right', 403, '/workers/detection/stop', '{}');
is(json_value($body, '{sqlstate}'), '42501', 'has its sqlstate');
unlike($body, qr/alter_queue|permission denied/, 'and not the text of the server');
is(($api->request('/workers/queues'))[0], 200, 'and still reads');
ok($api->stop, 'SIGTERM ends it with status 0');

done_testing();
