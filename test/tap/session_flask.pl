# The Flask application in examples/flask, against a server that logs every statement. Flask and
# psycopg come from PyPI into an environment of the test's own; without them it fails.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use Test::More;

my $example = "$FindBin::RealBin/../../examples/flask";
my $folder = PostgreSQL::Test::Utils::tempdir();
my ($said, $errors);

# Few retries: who has no network shall hear of it soon.
for my $step (
    ['python3', '-m', 'venv', "$folder/venv"],
    ["$folder/venv/bin/pip", 'install', '--quiet', '--no-cache-dir', '--disable-pip-version-check',
        '--timeout', '20', '--retries', '2', '-r', "$example/requirements.txt"])
{
    next if IPC::Run::run($step, '>', \$said, '2>', \$errors);
    fail('Flask and psycopg are there: this needs python3-venv, and PyPI');
    diag("@$step\n$said$errors");
    done_testing();
    exit 1;
}

my $node = stash_node('main', 'log_statement = all', 'log_min_duration_statement = 0');
$node->safe_psql('postgres', slurp_file("$example/setup.sql"));
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{DATABASE_URL} = 'dbname=postgres user=app';
local $ENV{ADMIN_URL} = 'dbname=postgres';
local $ENV{PYTHONDONTWRITEBYTECODE} = 1;
my $good = IPC::Run::run(["$folder/venv/bin/python", "$example/test_app.py"], '>', \$said, '2>', \$errors);
ok($1 eq '', $2) while $said =~ /^(not |)ok \d+ - (.*)$/mg;
ok($good && $said =~ /^1\.\.\d+$/m, 'the application plays to its end') or diag($said, $errors);

my $log = slurp_file($node->logfile);
like($log, qr/session_get_by_token\(\$1\)/, 'the server logged the look-ups');
my @tokens = $log =~ /(?<![\w-])[\w-]{43}(?![\w-])/g;
is("@tokens", '', '... but no token');

done_testing();
