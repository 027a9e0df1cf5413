// SQL entry points memory_snapshot_fork and memory_snapshot_restore: versions with the content of
// another one. Within a pool they copy the root list only.
//
// The source's row is held FOR KEY SHARE: whoever deletes it waits, and then finds us among those
// whose parent it was. While it is there its parts are, too.
#include "boundary/context_object.hpp"
#include "boundary/guard.hpp"
#include "boundary/pause_point.hpp"
#include "cache/arguments.hpp"
#include "session/table.hpp"
#include "snapshot/arguments.hpp"
#include "snapshot/locks.hpp"
#include "snapshot/version.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {
namespace {

statement source_version{
    "SELECT v.pool, v.line, p.salt, v.logical_size, v.digest, v.refs, v.content, v.tags, "
    "v.metadata,"
    " l.key, (SELECT e.embedding FROM stash.memory_embedding e WHERE e.id = v.id)"
    " FROM stash.memory_version v, stash.memory_line l, stash.memory_pool p"
    " WHERE v.id = $1 AND l.pool = v.pool AND l.id = v.line AND p.id = v.pool"
    " AND stash.memory_lives(v.expires_at, v.pinned) FOR KEY SHARE OF v",
    1,
    {UUIDOID}};
statement line_of_name{
    "SELECT FROM stash.memory_line l WHERE l.agent_id = $1 AND l.key = $2", 2, {TEXTOID, TEXTOID}};

struct source {
  line_ref line;
  new_version copy;
  Datum key;
};

source read_source(Datum id) {
  if (run(source_version, {{id}}) != 1)
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                    errmsg("no snapshot %s", DatumGetCString(DirectFunctionCall1(uuid_out, id))),
                    errhint("It may have expired or been deleted.")));
  bool null = false;
  const auto optional = [&](int column) {
    const Datum value = result(0, column, &null);
    return null ? sql_null : argument{value};
  };
  source from;
  from.line.pool = DatumGetInt64(result(0, 1, &null));
  from.line.line = DatumGetInt64(result(0, 2, &null));
  from.line.salt = digest_of(result(0, 3, &null));
  from.copy.logical_size = DatumGetInt64(result(0, 4, &null));
  from.copy.content = digest_of(result(0, 5, &null));
  from.copy.root.refs = optional(6);
  from.copy.root.content = optional(7);
  from.copy.tags = optional(8);
  from.copy.metadata = optional(9);
  from.key = result(0, 10, &null);
  from.copy.embedding = optional(11);
  return from;
}

// The content with parts of the other pool, which is shared.
void copy_content(const source& from, const line_ref& to, new_version* copy) {
  stored_part root;
  root.leaf = !copy->root.content.null;
  if (root.leaf) root.content = container_of(copy->root.content.value);
  if (!copy->root.refs.null) root.refs = bytes_of(copy->root.refs.value);
  const std::string_view document =
      container_of(read_document(from.line.pool, copy->logical_size, root, look::latest));
  tree* apart = nullptr;
  run_core([&] { apart = make_in_context<tree>(document, to.salt, part_hash, interrupt_waits); });
  copy->root = store_tree(to.pool, apart);
  copy->content = apart->root_digest();
}

// The line that the fork goes to; held when this returns.
line_ref target_line(const source& from, Datum agent, Datum key) {
  line_ref to;
  do {
    share_pool(from.line.pool);
    if (run(line_of_name, {{agent}, {key}}) == 0) (void)make_line(from.line.pool, agent, key);
    to = find_line(agent, key);
  } while (!hold_line(to));
  return to;
}

}  // namespace

// memory_snapshot_fork(id, agent_id, key)
STASH_FUNCTION(memory_snapshot_fork) {
  if (PG_ARGISNULL(0)) report_null("id");
  const Datum id = PG_GETARG_DATUM(0);
  const Datum agent = label_argument(fcinfo, 1, "agent_id");
  const bool same_key = PG_ARGISNULL(2);
  const Datum other_key = same_key ? 0 : label_argument(fcinfo, 2, "key");
  prepare_hash();
  const as_owner owner;
  const source from = read_source(id);
  pause_here(pause_point::fork_read);
  const line_ref to = target_line(from, agent, same_key ? from.key : other_key);
  if (to.line == from.line.line)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("a snapshot cannot be forked to its own agent and key"),
                    errhint("stash.memory_snapshot_restore() makes it the head again.")));
  new_version copy = from.copy;
  copy.parent = {id};
  if (to.pool != from.line.pool) copy_content(from, to, &copy);
  const head_version head = read_head(to, sql_null, sql_null);
  const added_version added = add_version(to, head, copy);
  owner.finish();
  return uuid_datum(added.id);
}

// memory_snapshot_restore(id, note)
STASH_FUNCTION(memory_snapshot_restore) {
  if (PG_ARGISNULL(0)) report_null("id");
  const Datum id = PG_GETARG_DATUM(0);
  const argument note = note_argument(fcinfo, 1);
  const as_owner owner;
  const source from = read_source(id);
  if (!hold_line(from.line)) elog(ERROR, "a line of memory snapshots has gone while it was in use");
  new_version copy = from.copy;
  copy.origin = {id};
  copy.note = note;
  const head_version head = read_head(from.line, sql_null, sql_null);
  const added_version added = add_version(from.line, head, copy);
  owner.finish();
  return uuid_datum(added.id);
}

}  // namespace stash::memory
