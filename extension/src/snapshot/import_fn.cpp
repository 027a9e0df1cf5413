// SQL entry point memory_add_imported: a version as an export tells it, for memory_snapshot_import.
#include "boundary/context_object.hpp"
#include "boundary/guard.hpp"
#include "session/table.hpp"
#include "snapshot/arguments.hpp"
#include "snapshot/version.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {
namespace {

statement id_is_taken{"SELECT FROM stash.memory_version v WHERE v.id = $1", 1, {UUIDOID}};

// NULL in the table stands for the version before.
argument parent_argument(FunctionCallInfo fcinfo, int index, const head_version& head) {
  if (PG_ARGISNULL(index)) return sql_null;
  const session_id parent = session_id_of(PG_GETARG_DATUM(index));
  const bool none = parent.bytes == session_id{}.bytes;
  if (head.exists ? parent.bytes == head.id.bytes : none) return sql_null;
  return {PG_GETARG_DATUM(index)};
}

}  // namespace

// memory_add_imported(agent_id, key, id, created_at, content, parent, metadata, tags, expires_at,
//                     embedding, pinned, origin, note, version)
STASH_FUNCTION(memory_add_imported) {
  const Datum agent = label_argument(fcinfo, 0, "agent_id");
  const Datum key = label_argument(fcinfo, 1, "key");
  for (const int index : {2, 3, 4, 13})
    if (PG_ARGISNULL(index)) elog(ERROR, "argument %d is null", index + 1);
  const std::string_view document = container_of(PG_GETARG_DATUM(4));
  const auto given = [&](int index) {
    return PG_ARGISNULL(index) ? sql_null : argument{PG_GETARG_DATUM(index)};
  };
  new_version what;
  what.created_at = PG_GETARG_TIMESTAMPTZ(3);
  what.metadata = metadata_argument(fcinfo, 6);
  what.tags = tags_argument(fcinfo, 7);
  what.expires_at = given(8);
  what.embedding = embedding_argument(fcinfo, 9);
  what.pinned = !PG_ARGISNULL(10) && PG_GETARG_BOOL(10);
  what.origin = given(11);
  what.note = note_argument(fcinfo, 12);
  prepare_hash();
  const as_owner owner;
  line_ref line;
  tree* apart = nullptr;
  do {
    line = find_line(agent, key);
    run_core(
        [&] { apart = make_in_context<tree>(document, line.salt, part_hash, interrupt_waits); });
  } while (!hold_line(line));
  head_version head = read_head(line, sql_null, sql_null);
  what.parent = parent_argument(fcinfo, 5, head);
  if (run(id_is_taken, {{PG_GETARG_DATUM(2)}}) == 0) what.id = given(2);
  what.root = store_tree(line.pool, apart);
  what.content = apart->root_digest();
  what.logical_size = static_cast<std::int64_t>(document.size());
  head.last_version = Max(head.last_version, PG_GETARG_INT64(13) - 1);
  const added_version added = add_version(line, head, what);
  owner.finish();
  return uuid_datum(added.id);
}

}  // namespace stash::memory
