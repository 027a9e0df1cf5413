# What a server may show of a token: the table in docs/sessions.md, "Tokens in logs". pgbench sends
# tokens as parameters, psql as literals.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use Test::More;

# PostgreSQL::Test logs all statements unless it is told not to.
my $node = stash_node('main', "shared_preload_libraries = 'pg_stash, pg_stat_statements, auto_explain'",
    'log_statement = none');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_stat_statements');
my $script = PostgreSQL::Test::Utils::tempdir() . '/look-up.sql';
my $found = 'SELECT 1 / (length(user_id) - %d) FROM stash.session_get_by_token(%s);';

# Where a token was seen that was looked up with the settings, as a literal or as a parameter.
sub seen
{
    my ($how, $settings, $fails) = @_;
    my $token = $node->safe_psql('postgres', q{SELECT token FROM stash.session_create('ada')});
    my $begin = -s $node->logfile;
    my $query = sprintf $found, $fails ? 3 : 1, $how eq 'literal' ? "'$token'" : ':token';
    local $ENV{PGHOST} = $node->host;
    local $ENV{PGPORT} = $node->port;
    local $ENV{PGOPTIONS} = join ' ', map { "-c $_" } @$settings;
    my ($said, $errors) = ('', '');
    if ($how eq 'literal')
    {
        IPC::Run::run(['psql', '-XqAt', '-d', 'postgres'], '<', \$query, '>', \$said, '2>', \$errors);
    }
    else
    {
        unlink $script;
        append_to_file($script, $query);
        IPC::Run::run(['pgbench', '-n', '-M', 'extended', '-t', 1, '-D', "token=$token", '-f', $script, 'postgres'],
            '>', \$said, '2>', \$errors);
    }
    my %places = (
        log => substr(slurp_file($node->logfile), $begin),
        client => $errors,
        statements => $node->safe_psql('postgres', 'SELECT query FROM pg_stat_statements'));
    return join ' ', grep { $places{$_} =~ /\Q$token/ } sort keys %places;
}

my @statements = ('log_statement=all', 'log_min_duration_statement=0');
my $no_parameters = 'log_parameter_max_length=0';
my @explained = ('auto_explain.log_min_duration=0');
my @verbose = (@explained, 'auto_explain.log_verbose=on');

is(seen('literal', []), '', 'a literal, by default');
is(seen('parameter', []), '', 'a parameter, by default');
for my $setting (@statements)
{
    is(seen('literal', [$setting, $no_parameters]), 'log', "$setting: a literal");
    is(seen('parameter', [$setting]), 'log', "$setting: a parameter");
    is(seen('parameter', [$setting, $no_parameters]), '', "... $no_parameters");
}
is(seen('literal', [], 1), 'log', 'a failing statement: a literal');
is(seen('parameter', [], 1), '', 'a failing statement: a parameter');
is(seen('parameter', ['log_parameter_max_length_on_error=-1'], 1), 'client log', '... logged on error');
is(seen('literal', \@explained), 'log', 'auto_explain: a literal');
# From version 16 on auto_explain logs parameters.
is(seen('parameter', \@explained), $node->pg_version >= 16 ? 'log' : '', 'auto_explain: a parameter');
# A scan of its own has no call to show.
is(seen('parameter', [@verbose, $no_parameters]), '', '... verbose');
is(seen('parameter', [@verbose, 'plan_cache_mode=force_generic_plan', $no_parameters]),
    $node->pg_version >= 16 ? 'log' : '', '... with a generic plan');

my @utilities = ('EXPLAIN %s', 'DECLARE c CURSOR WITH HOLD FOR %s', 'CREATE TEMP TABLE t AS %s',
    'DO $$ BEGIN PERFORM * FROM (%s) AS f; END $$');
for my $utility (@utilities)
{
    my $text = sprintf $utility, q{SELECT user_id FROM stash.session_get_by_token('not a token')};
    $node->safe_psql('postgres', "SELECT pg_stat_statements_reset(); $text");
    is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%not a token%'
        AND query NOT LIKE '%pg_stat_statements%'}), '1', "pg_stat_statements keeps the literal: $utility");
}

# pg_stat_activity, for another connection of the same role and for other roles.
$node->safe_psql('postgres', q{CREATE ROLE web LOGIN; CREATE ROLE other LOGIN; CREATE ROLE stats LOGIN;
    GRANT pg_read_all_stats TO stats; SELECT stash.grant_usage('web', ARRAY['session'])});
my $web = $node->background_psql('postgres', extra_params => ['-U', 'web']);
$web->query_safe(q{SELECT count(*) FROM stash.session_get_by_token('not a token')});
my %sees = (web => 1, stats => 1, other => 0);
for my $role (sort keys %sees)
{
    is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'web'
        AND pid <> pg_backend_pid() AND query LIKE '%not a token%'}, extra_params => ['-U', $role]),
        $sees{$role}, "pg_stat_activity for $role");
}
$web->quit;

# The extension itself, with everything logged.
my $everything = join ' ', map { "-c $_" } @statements, @verbose,
    'auto_explain.log_nested_statements=on', 'auto_explain.log_analyze=on';
my $begin = -s $node->logfile;
{
    local $ENV{PGOPTIONS} = $everything;
    my @tokens = split /\n/, $node->safe_psql('postgres',
        q{CREATE TEMP TABLE mine AS SELECT id FROM stash.session_list('ada') LIMIT 1;
          SELECT token FROM stash.session_create('bob'); SELECT stash.session_rotate_token(id, 60) FROM mine});
    is(scalar(@tokens), 2, 'two new tokens');
    my $log = substr(slurp_file($node->logfile), $begin);
    like($log, qr/session_rotate_token/, '... with everything logged');
    unlike($log, qr/\Q$_/, '... that no log has') for @tokens;
}

done_testing();
