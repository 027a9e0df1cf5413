// Tables, functions, statements. The SQL of stress_value must make what value.cpp makes.
#include "schema.hpp"

namespace stress {
namespace {

constexpr const char* create_tables = R"(
drop table if exists public.stress_item, public.stress_watched cascade;
drop procedure if exists public.stress_item_fill, public.stress_watched_fill;
create table public.stress_item
  (id bigint primary key, value bigint not null, owner int not null) with (fillfactor = 50);
create table public.stress_watched
  (id bigint primary key, value bigint not null, owner int not null) with (fillfactor = 50);

create or replace function public.stress_value(version bigint, nonce bigint, way text)
returns jsonb language sql immutable parallel safe as $$
  select jsonb_build_object('n', nonce, 'v', version, 'by', way,
                            'p', repeat(version::text || '.', (nonce % 89)::int)) $$;
)";

// Commits after every key. With `held` the rows come from the one cursor of the loop, which
// outlives the commits with the data of its own snapshot; otherwise each is read in its own
// transaction. Answers a line for every key (what the cache had) and a letter (t, f: stored or not;
// -: not tried).
std::string create_procedure(const std::string& table) {
  return R"(
create procedure public.)" +
         table + R"(_fill(
  ids bigint[], keys text[], tags text[], nonces bigint[], ttl float8, held boolean,
  inout hits text default '', inout stored text default '')
language plpgsql as $$
declare
  line record;
  cached jsonb;
  version bigint;
  accepted bigint;
begin
  for line in
    select wanted.nth, wanted.id, item.value
      from unnest(ids) with ordinality as wanted(id, nth)
      join public.)" +
         table + R"( item on item.id = wanted.id
     order by wanted.nth
  loop
    cached := stash.cache_get(keys[line.nth]);
    hits := hits || coalesce(cached::text, '') || chr(10);
    if cached is not null then
      stored := stored || '-';
    else
      version := line.value;
      if not held then
        select item.value into version from public.)" +
         table + R"( item where item.id = line.id;
      end if;
      perform pg_sleep(random() * 0.001);
      accepted := stash.cache_set(
        keys[line.nth], public.stress_value(version, nonces[line.nth], 'procedure'), ttl,
        tags => string_to_array(tags[line.nth], ','));
      stored := stored || case when accepted is null then 'f' else 't' end;
    end if;
    commit;
  end loop;
end $$;
)";
}

table_statements make(const std::string& table, const char* const (&called)[9]) {
  const std::string full = "public." + table;
  return {
      {called[0], "select value from " + full + " where id = $1::bigint"},
      {called[1], "update " + full +
                      " set value = $2::bigint where id = $1::bigint and value < $2::bigint"
                      " returning id"},
      {called[2], "update " + full + " set value = $2::bigint where id = $1::bigint returning id"},
      {called[3], "update " + full +
                      " item set value = wanted.value"
                      " from unnest($1::bigint[], $2::bigint[]) as wanted(id, value)"
                      " where item.id = wanted.id and item.value < wanted.value"
                      " returning item.id, item.value"},
      {called[4],
       "select item.value from unnest($1::bigint[]) with ordinality as wanted(id, nth)"
       " join " +
           full + " item on item.id = wanted.id order by wanted.nth"},
      {called[5],
       "with hit as materialized (select stash.cache_get($1::text) as value),"
       " source as materialized (select item.value from " +
           full +
           " item, hit where hit.value is null and item.id = $2::bigint),"
           " stored as materialized (select stash.cache_set($1::text,"
           " public.stress_value(source.value, $3::bigint, 'statement'), $5::float8,"
           " tags => $4::text[]) as version from source)"
           " select hit.value, source.value, stored.version"
           " from hit left join source on true left join stored on true"},
      {called[6], "with changed as (update " + full +
                      " set value = $2::bigint where id = $1::bigint and value < $2::bigint"
                      " returning id)"
                      " select id, stash.cache_delete($3::text) from changed"},
      {called[7],
       "select stash.cache_fetch($1::text, 'select public.stress_value(value, $2::bigint,"
       " ''fetch'') from " +
           full +
           " where id = $1::bigint', args => array[$2::text, $3::text], ttl => $5::float8,"
           " tags => $4::text[])"},
      {called[8], "call public." + table +
                      "_fill($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::float8,"
                      " $6::boolean, '', '')"},
      table == "stress_item" ? "public.stress_item" : "public.stress_watched"};
}

const table_statements item_statements =
    make("stress_item", {"item_select", "item_update", "item_scribble", "item_bulk", "item_many",
                         "item_statement", "item_erase", "item_fetch", "item_fill"});
const table_statements watched_statements =
    make("stress_watched",
         {"watched_select", "watched_update", "watched_scribble", "watched_bulk", "watched_many",
          "watched_statement", "watched_erase", "watched_fetch", "watched_fill"});

}  // namespace

const statement cache_get = {"cache_get", "select stash.cache_get($1::text)"};
const statement cache_set = {
    "cache_set", "select stash.cache_set($1::text, $2::jsonb, $4::float8, tags => $3::text[])"};
const statement cache_set_fresh = {
    "cache_set_fresh",
    "select stash.cache_set($1::text, $2::jsonb, $4::float8, tags => $3::text[], fresh => true)"};
const statement cache_set_lease = {
    "cache_set_lease",
    "select stash.cache_set($1::text, $2::jsonb, $4::float8, tags => $3::text[],"
    " lease => $5::text)"};
const statement cache_get_lease = {
    "cache_get_lease",
    "select value, state, lease from stash.cache_get_lease($1::text, lease_ttl => 0.2, stale_ttl "
    "=> " +
        std::to_string(stale_ttl_seconds) + ")"};
const statement cache_get_many = {
    "cache_get_many",
    "select value from unnest(stash.cache_get_many($1::text[])) with ordinality as got(value, nth)"
    " order by nth"};
const statement cache_set_many = {
    "cache_set_many",
    "select stash.cache_set_many($1::text[], $2::jsonb[], $4::float8, tags => $3::text[])"};
const statement cache_delete = {"cache_delete", "select stash.cache_delete($1::text)"};
const statement cache_invalidate = {"cache_invalidate",
                                    "select stash.cache_invalidate_tags($1::text[])"};

const table_statements& statements_of(family table) {
  return table == family::item ? item_statements : watched_statements;
}

std::string names::key(subject s) const {
  return (s.table == family::item ? "item:" : "watched:") + run + ':' + std::to_string(s.index);
}

std::string names::tag(subject s) const {
  // The trigger's template is over the row's columns alone.
  if (s.table == family::watched) return "watched:" + std::to_string(s.index);
  return "item" + std::to_string(s.group()) + ':' + std::to_string(s.index);
}

std::string names::owner_tag(subject s) const { return "owner:" + std::to_string(s.owner()); }

std::string names::class_tag(subject s) const { return "item" + std::to_string(s.group()) + ":*"; }

std::string names::tags(subject s) const {
  if (s.table == family::watched) return '{' + tag(s) + '}';
  return '{' + tag(s) + ',' + owner_tag(s) + '}';
}

std::string cursor_sql(const names& called, subject s, int64_t nonce) {
  return "declare old_cursor no scroll cursor for select stash.cache_set('" + called.key(s) +
         "', public.stress_value(value, " + std::to_string(nonce) + ", 'cursor'), 3600, tags => '" +
         called.tags(s) + "'::text[], fresh => true) from " + statements_of(s.table).name +
         " where id = " + std::to_string(s.index);
}

void create_schema(connection& one, int keys, bool with_cache) {
  forget_prepared(one);  // of a run that was killed: they hold locks
  one.run(create_tables);
  for (const char* table : {"stress_item", "stress_watched"}) {
    one.run("insert into public." + std::string(table) + " select n, 1, n % " +
            std::to_string(owners) + " from generate_series(0, " + std::to_string(keys - 1) +
            ") n");
  }
  if (!with_cache) return;
  if (one.run("select to_regprocedure('stash.cache_get(text,text)')").null()) {
    one.run("create extension pg_stash");
  }
  one.run(create_procedure("stress_item"));
  one.run(create_procedure("stress_watched"));
  one.run("select stash.cache_invalidate_on('public.stress_watched', 'watched:{id}')");
}

double ask_guard(connection& one) {
  const result found = one.run(
      "select extract(epoch from ((setting || coalesce(unit, 's'))::interval))::float8"
      " from pg_settings where name = 'stash.blind_fill_guard'");
  return found.rows() == 0 ? 5.0 : std::stod(std::string(found.text()));
}

void forget_prepared(connection& one) {
  const result left = one.run("select gid from pg_prepared_xacts where gid like 'stress-%'");
  for (int i = 0; i < left.rows(); ++i) {
    one.run("rollback prepared '" + std::string(left.text(i)) + "'");
  }
}

}  // namespace stress
