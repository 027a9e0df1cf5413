# A table that feeds two collections, one for each of its embedding columns: the change of the model
# without a search that fails; and filters, which Weaviate applies.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../tap/lib";
use PostgreSQL::Test::Utils;
use StashNode;
use StashVectors;
use StashWeaviate;
use Test::More;

my $weaviate = StashWeaviate->start;
my $node = stash_node('collections');
my $sync = StashVectors->new($node, $weaviate);
$sync->configure;
my $old = StashWeaviate->unique_name('Old');
my $new = StashWeaviate->unique_name('New');
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE doc (id int PRIMARY KEY, title text, n int, price real, day date, tags text[], hidden int, emb real[]);
INSERT INTO doc SELECT g, 'word' || g % 100, g, g / 7.0, '2024-01-01'::date + g % 300, ARRAY['tag' || g % 50], g,
                       ARRAY[cos(g / 8000.0), sin(g / 8000.0)]::real[] FROM generate_series(1, 12000) AS g;
SELECT stash.vector_sync_enable('doc', 'emb', '{title,n,price,day,tags}', '$old');
SELECT stash.vector_wait('doc', 120);
SQL

my $search = sub {
    my ($arguments) = @_;
    return $node->safe_psql('postgres', "SELECT string_agg(id->>'id', ' ' ORDER BY distance), min(engine) FROM stash.vector_search('doc', $arguments)");
};
# The rows that match are the farthest of 12,000; no more than 10,000 hits can be had without the filter.
my %filters = (
    '{"n": {"gte": 11998}}' => '11998 11999 12000',
    '{"n": {"in": [11000, 12000]}}' => '11000 12000',
    '{"and": [{"n": {"gt": 11900}}, {"title": "word99"}]}' => '11999',
    '{"price": {"gte": 1714.2}}' => '12000',
    '{"and": [{"tags": {"contains_any": ["tag49"]}}, {"n": {"gt": 11900}}, {"day": {"gte": "2024-01-01"}}]}' => '11949 11999',
    '{"not": {"n": {"lt": 11999}}}' => '11999 12000',
    '{"n": {"lt": 0}}' => '');
for my $filter (sort keys %filters)
{
    is($search->("'{1,0}', 3, '$filter'"), $filters{$filter} eq '' ? '|' : "$filters{$filter}|weaviate", "Weaviate applies $filter");
}
is($search->(q('{1,0}', 2, '{"hidden": {"gte": 11999}}')), '11999 12000|local', 'a column that is not there: all rows are compared');
is($search->(q('{1,0}', 2, '{"and": [{"hidden": {"gte": 11999}}, {"n": {"gte": 11000}}]}')), '11999 12000|weaviate',
    'half of a filter there, the rest in the table');

# Another model: a column, a collection, and the switch.
$node->safe_psql('postgres', <<"SQL");
DELETE FROM doc WHERE id > 500;
ALTER TABLE doc ADD COLUMN emb2 double precision[];
SELECT stash.vector_sync_enable('doc', 'emb2', '{title}', '$new');
UPDATE doc SET emb2 = ARRAY[sin(n / 400.0), cos(n / 400.0), 1];
SQL
is($node->safe_psql('postgres', "SELECT stash.vector_wait('doc', 60, '$old')"), 't', 'the deletions have arrived');
is($search->(q('{0,1}', 2)), '500 499|weaviate', 'without a choice the first collection answers');
$sync->table('doc', $old, 'id', '', { '' => 'emb' });
$sync->compare('the first collection');
$sync->table('doc', $new, 'id', '', { '' => 'emb2' });
$sync->compare('the second collection');
is($search->(qq('{0,1,1}', 2, collection => '$new')), '1 2|weaviate', 'by the name of the collection');
is($search->(q('{0,1,1}', 2, embedding_column => 'emb2')), '1 2|weaviate', 'by the column');
is($search->(q('{0,1}', 2, embedding_column => 'emb')), '500 499|weaviate', 'the first one, too');
my (undef, undef, $error) = $node->psql('postgres', "SELECT stash.vector_sync_disable('doc')");
like($error, qr/feeds several collections.*HINT:.*Say which/s, 'the end of which?');
is($node->safe_psql('postgres', "SELECT count(*) FROM stash.vector_reconcile('doc')"), 0, 'neither differs');

# Each has a state of its own.
$node->safe_psql('postgres', "SELECT stash.vector_sync_pause('doc', '$new'); UPDATE doc SET emb = '{1,1}', emb2 = '{1,1,1}' WHERE id = 5");
is($node->safe_psql('postgres', "SELECT stash.vector_wait('doc', 60, '$old')"), 't', 'the one goes on');
is($node->safe_psql('postgres', "SELECT stash.vector_wait('doc', 1, '$new')"), 'f', 'while the other is paused');
is($node->safe_psql('postgres', "SELECT string_agg(state, ' ' ORDER BY collection DESC) FROM stash.vector_sync_status()"), 'running paused', 'and says so');
$node->safe_psql('postgres', "SELECT stash.vector_sync_resume('doc', '$new')");
$sync->compare('resumed');

is($node->safe_psql('postgres', "SELECT stash.vector_sync_disable('doc', '$old')"), 1, 'the switch: the first one ends');
is($search->(q('{0,1,1}', 2)), '1 2|weaviate', 'and the other answers without being named');
$node->safe_psql('postgres', "UPDATE doc SET emb = '{3,3}'; UPDATE doc SET emb2 = '{3,1,2}' WHERE id = 9");
$sync->compare('after the switch');
is($node->safe_psql('postgres', 'SELECT count(*) FROM stash.vector_sync_status()'), 1, 'one is left');
$weaviate->drop_collection($_) for $old, $new;
done_testing();
