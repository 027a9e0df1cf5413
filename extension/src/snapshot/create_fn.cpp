// SQL entry point memory_snapshot_create: one version more.
//
// The document is taken apart and hashed before any lock is taken. Then the line is held until the
// transaction ends, so that versions of a line are made one after another and each knows its head.
#include "boundary/context_object.hpp"
#include "boundary/guard.hpp"
#include "cache/arguments.hpp"
#include "session/arguments.hpp"
#include "session/table.hpp"
#include "snapshot/arguments.hpp"
#include "snapshot/version.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {
namespace {

statement parent_version{
    "SELECT v.pool FROM stash.memory_version v WHERE v.id = $1"
    " AND stash.memory_lives(v.expires_at, v.pinned) FOR KEY SHARE OF v",
    1,
    {UUIDOID}};

// expected_head: NULL asks nothing, the nil uuid wants the first version.
void check_head(FunctionCallInfo fcinfo, int index, const head_version& head) {
  if (PG_ARGISNULL(index)) return;
  const session_id expected = session_id_of(PG_GETARG_DATUM(index));
  const session_id present = head.exists ? head.id : session_id{};
  if (expected.bytes == present.bytes) return;
  const char* text = DatumGetCString(DirectFunctionCall1(uuid_out, uuid_datum(present)));
  ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                  errmsg("the snapshot was not created: its head is not the expected one"),
                  head.exists ? errdetail("The head is %s.", text) : errdetail("There is no head."),
                  errhint("Read the head, apply the change to it, and try again.")));
}

argument parent_argument(FunctionCallInfo fcinfo, int index, const line_ref& line,
                         const head_version& head) {
  if (PG_ARGISNULL(index)) return sql_null;
  const session_id parent = session_id_of(PG_GETARG_DATUM(index));
  if (head.exists && parent.bytes == head.id.bytes) return sql_null;
  if (run(parent_version, {{uuid_datum(parent)}}) == 0)
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("parent does not exist"),
                    errhint("It may have expired or been deleted.")));
  bool null = false;
  if (DatumGetInt64(result(0, 1, &null)) != line.pool)
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("parent belongs to another agent"),
             errhint("stash.memory_snapshot_fork() begins from another agent's snapshot.")));
  return {uuid_datum(parent)};
}

Datum row_of(FunctionCallInfo fcinfo, const session_id& id, std::int64_t version,
             bool deduplicated) {
  TupleDesc shape = nullptr;
  if (get_call_result_type(fcinfo, nullptr, &shape) != TYPEFUNC_COMPOSITE)
    elog(ERROR, "a row type was expected");
  Datum columns[3] = {uuid_datum(id), Int64GetDatum(version), BoolGetDatum(deduplicated)};
  bool nulls[3] = {};
  return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), columns, nulls));
}

// Inside as_owner; the line is held when this returns.
tree* take_apart(Datum agent, Datum key, std::string_view document, line_ref* line) {
  tree* apart = nullptr;
  digest salt{};
  do {
    *line = find_line(agent, key);
    if (apart == nullptr || salt != line->salt)
      run_core(
          [&] { apart = make_in_context<tree>(document, line->salt, part_hash, interrupt_waits); });
    salt = line->salt;
  } while (!hold_line(*line));
  return apart;
}

}  // namespace

// memory_snapshot_create(agent_id, content, key, parent, metadata, tags, ttl, embedding,
//                        expected_head)
STASH_FUNCTION(memory_snapshot_create) {
  const Datum agent = label_argument(fcinfo, 0, "agent_id");
  if (PG_ARGISNULL(1)) report_null("content");
  const std::string_view document = container_of(PG_GETARG_DATUM(1));
  const Datum key = label_argument(fcinfo, 2, "key");
  new_version what;
  what.metadata = metadata_argument(fcinfo, 4);
  what.tags = tags_argument(fcinfo, 5);
  const timestamp ttl = limit_argument(fcinfo, 6, "ttl", 0);
  what.embedding = embedding_argument(fcinfo, 7);
  prepare_hash();
  const as_owner owner;
  line_ref line;
  tree* apart = take_apart(agent, key, document, &line);
  const head_version head = read_head(line, what.tags, what.metadata);
  check_head(fcinfo, 8, head);
  what.parent = parent_argument(fcinfo, 3, line, head);
  const bool says_more = !what.parent.null || ttl != never || !what.embedding.null;
  const bool deduplicated =
      head.exists && head.content == apart->root_digest() && head.same_labels && !says_more;
  added_version added{head.id, head.version};
  if (!deduplicated) {
    what.root = store_tree(line.pool, apart);
    what.content = apart->root_digest();
    what.logical_size = static_cast<std::int64_t>(document.size());
    const timestamp now = GetCurrentTimestamp();
    if (ttl != never && ttl < never - now) what.expires_at = {TimestampTzGetDatum(now + ttl)};
    added = add_version(line, head, what);
  }
  owner.finish();
  return row_of(fcinfo, added.id, added.version, deduplicated);
}

// memory_content(pool, logical_size, content, refs)
STASH_FUNCTION(memory_content) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_NULL();
  stored_part root;
  root.leaf = !PG_ARGISNULL(2);
  if (root.leaf) root.content = container_of(PG_GETARG_DATUM(2));
  if (!PG_ARGISNULL(3)) root.refs = bytes_of(PG_GETARG_DATUM(3));
  const as_owner owner;
  const Datum document =
      read_document(PG_GETARG_INT64(0), PG_GETARG_INT64(1), root, look::as_caller);
  owner.finish();
  return document;
}

}  // namespace stash::memory
