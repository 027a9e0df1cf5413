# Library and SQL objects of different versions: a clear error instead of anything else, until they
# agree again.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use StashCache;
use StashNode;
use Test::More;

my $node = stash_node('main', 'stash.memory = 8MB');
sub sql { return $node->safe_psql('postgres', $_[0]) }

is(sql('SELECT starts_with(stash.version(), extversion) FROM pg_extension WHERE extname = $$pg_stash$$'), 't',
    'the versions agree');
sql(q{CREATE TABLE t (id int); SELECT stash.cache_invalidate_on('t', 't:{id}')});
fill($node, { k => '1' }, tags => ['t:1']);
sql(q{UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'pg_stash'});

for my $call (q{stash.version()}, q{stash.cache_get('k')}, q{stash.cache_set('k', '2')}, q{stash.cache_incr('c')},
    q{stash.cache_fetch('k', 'SELECT jsonb ''1''')}, q{stash.cache_clear()}, q{stash.cache_info('default')})
{
    my (undef, undef, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT $call");
    like($err, qr/ERROR:  55000: pg_stash's SQL objects are of version 0\.9, its library is of version \d+\.\d+\nHINT:  Run ALTER EXTENSION pg_stash UPDATE/,
        "$call: a clear error");
}
# Whoever has a key already is not kept from changing his tables.
is(sql_error($node, 'INSERT INTO t VALUES (1)'), '', 'tied tables can be written');

sql(q{UPDATE pg_extension SET extversion = stash.version_of FROM
      (SELECT default_version AS version_of FROM pg_available_extensions WHERE name = 'pg_stash') AS stash
      WHERE extname = 'pg_stash'});
is(sql('SELECT stash.version() IS NOT NULL'), 't', 'when they agree again it works');
is(cached($node, 'k'), '', '... and what was invalidated meanwhile is gone');

done_testing();
