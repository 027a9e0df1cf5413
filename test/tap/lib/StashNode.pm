# Servers with pg_stash for the tests in test/tap, on PostgreSQL's own PostgreSQL::Test::Cluster.
#
#   use StashNode;
#   my $node = stash_node('main', 'stash.memory = 16MB');   # started, extension created
#   is($node->safe_psql('postgres', 'SELECT ...'), ...);
#
# scripts/test puts PostgreSQL::Test, this folder and the programs to test into the environment;
# the servers end with the test, whatever happens to it.
package StashNode;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(stash_node wait_until sql_error);

# A started server that preloads pg_stash and has the extension in the database postgres. The other
# arguments are lines for postgresql.conf; a leading hash reference holds options for init().
sub stash_node
{
    my ($name, @conf) = @_;
    my $options = ref $conf[0] eq 'HASH' ? shift @conf : {};

    my $node = PostgreSQL::Test::Cluster->new($name);
    $node->init(%$options);
    $node->append_conf('postgresql.conf', "$_\n")
      for "shared_preload_libraries = 'pg_stash'", 'max_prepared_transactions = 10', @conf;
    $node->start;
    $node->safe_psql('postgres', 'CREATE EXTENSION pg_stash');
    return $node;
}

# Waits until the query returns the text (by default 't'); dies after PostgreSQL::Test's timeout.
sub wait_until
{
    my ($node, $query, $expected, $database) = @_;
    $node->poll_query_until($database // 'postgres', $query, $expected // 't')
      or die "timed out waiting for: $query";
    return;
}

# The SQLSTATE with which the statement fails, or '' when it succeeds.
sub sql_error
{
    my ($node, $statement, $database) = @_;
    my ($status, $out, $err) = $node->psql(
        $database // 'postgres',
        "\\set VERBOSITY sqlstate\n$statement",
        on_error_stop => 1);
    return $err =~ /^(?:psql:.*?: )?(?:ERROR|FATAL): +([0-9A-Z]{5})$/m ? $1 : '';
}

1;
