// See part_store.hpp.
#include "snapshot/part_store.hpp"

#include "boundary/context_object.hpp"
#include "boundary/pause_point.hpp"
#include "session/table.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "access/toast_compression.h"
#include "access/toast_internals.h"
}

namespace stash::memory {
namespace {

statement find_parts{
    "SELECT p.id, p.hash FROM stash.memory_part p"
    " WHERE p.pool OPERATOR(pg_catalog.=) $1 AND p.hash OPERATOR(pg_catalog.=) ANY ($2)",
    2,
    {INT8OID, UUIDARRAYOID}};
statement insert_part{
    "INSERT INTO stash.memory_part (pool, id, hash, refs, content)"
    " VALUES ($1, pg_catalog.nextval('stash.memory_part_id'), $2, $3, $4)"
    " ON CONFLICT (pool, hash) DO NOTHING RETURNING id",
    4,
    {INT8OID, UUIDOID, BYTEAOID, JSONBOID}};

constexpr part_id unknown = 0;
constexpr part_id missing = -1;
constexpr std::size_t parts_a_statement = 1000;

struct placing {
  tree* what;
  std::vector<part_id> ids;  // of each part of the tree
  std::vector<part_index> asked;
  std::vector<part_index> below;
  std::vector<part_index> to_store;
  std::string bytes;
};

void add_children(const part& of, std::vector<part_index>* to) {
  to->insert(to->end(), of.children.begin(), of.children.end());
  for (const hole& each : of.holes) to->insert(to->end(), each.parts.begin(), each.parts.end());
}

void keep_found(placing* state, std::uint64_t rows) {
  for (std::uint64_t row = 0; row < rows; row++) {
    bool null = false;
    const digest hash = digest_of(result(row, 2, &null));
    state->ids[state->what->find(hash)] = DatumGetInt64(result(row, 1, &null));
  }
}

void look_up(std::int64_t pool, placing* state, const part_index* parts, std::size_t count) {
  auto* hashes = static_cast<Datum*>(palloc(sizeof(Datum) * count));
  for (std::size_t i = 0; i < count; i++)
    hashes[i] = digest_datum(state->what->parts()[parts[i]].hash);
  const Datum array = PointerGetDatum(
      construct_array(hashes, static_cast<int>(count), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
  keep_found(state, run(find_parts, {{Int64GetDatum(pool)}, {array}}));
  SPI_freetuptable(SPI_tuptable);
}

// Which parts below those asked for are stored already.
void find_stored(std::int64_t pool, placing* state) {
  std::vector<part_index>& asked = state->asked;
  while (!asked.empty()) {
    std::sort(asked.begin(), asked.end());
    asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
    asked.erase(std::remove_if(asked.begin(), asked.end(),
                               [&](part_index each) { return state->ids[each] != unknown; }),
                asked.end());
    for (std::size_t at = 0; at < asked.size(); at += parts_a_statement) {
      CHECK_FOR_INTERRUPTS();
      look_up(pool, state, asked.data() + at, std::min(parts_a_statement, asked.size() - at));
    }
    state->below.clear();
    for (const part_index each : asked) {
      if (state->ids[each] != unknown) continue;
      state->ids[each] = missing;
      state->to_store.push_back(each);
      add_children(state->what->parts()[each], &state->below);
    }
    std::swap(asked, state->below);
  }
}

void write_list(reference_writer* writer, const placing& state,
                const std::vector<part_index>& list) {
  std::vector<part_id> ids;
  ids.reserve(list.size());
  for (const part_index each : list) ids.push_back(state.ids[each]);
  writer->list(ids);
}

void write_holes(std::string* out, const placing& state, const std::vector<hole>& holes) {
  if (holes.empty()) return;
  reference_writer writer(out);
  writer.number(holes.size());
  std::uint32_t next = 0;
  for (const hole& each : holes) {
    writer.number(each.index - next);
    write_list(&writer, state, each.parts);
    next = each.index + 1;
  }
}

argument refs_of(placing* state, const part& of) {
  std::string& bytes = state->bytes;
  bytes.clear();
  if (of.leaf) {
    write_holes(&bytes, *state, of.holes);
  } else {
    reference_writer writer(&bytes);
    write_list(&writer, *state, of.children);
  }
  return bytes.empty() ? sql_null : argument{varlena_datum(bytes)};
}

argument content_of(placing* state, const part& leaf) {
  run_core([&] { state->what->content(leaf, &state->bytes); });
  return {jsonb_of(state->bytes)};
}

// Rows below 2 kB are not compressed by themselves.
argument compressed(const argument& content) {
  constexpr std::size_t least = 128;
  if (content.null || VARSIZE(DatumGetPointer(content.value)) < least) return content;
  const Datum smaller =
      toast_compress_datum(content.value, static_cast<char>(default_toast_compression));
  return DatumGetPointer(smaller) == nullptr ? content : argument{smaller};
}

void store_part(std::int64_t pool, placing* state, part_index index) {
  const part& what = state->what->parts()[index];
  const argument refs = refs_of(state, what);
  const argument content = what.leaf ? compressed(content_of(state, what)) : sql_null;
  const std::uint64_t rows =
      run(insert_part, {{Int64GetDatum(pool)}, {digest_datum(what.hash)}, refs, content});
  bool null = false;
  if (rows == 1) {
    state->ids[index] = DatumGetInt64(result(0, 1, &null));
    SPI_freetuptable(SPI_tuptable);
    return;
  }
  // Somebody else has stored it since we looked.
  look_up(pool, state, &index, 1);
  if (state->ids[index] == missing)
    ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                    errmsg("could not store a part of the snapshot: another transaction has just "
                           "stored or deleted it"),
                    errhint("Try again.")));
}

void store_missing(std::int64_t pool, placing* state) {
  const std::vector<part>& parts = state->what->parts();
  std::sort(state->to_store.begin(), state->to_store.end(), [&](part_index a, part_index b) {
    return parts[a].height != parts[b].height ? parts[a].height < parts[b].height
                                              : parts[a].hash < parts[b].hash;
  });
  // Content and refs of a part are needed until it is stored, and a document may have many.
  const MemoryContext scratch =
      AllocSetContextCreate(CurrentMemoryContext, "pg_stash parts", ALLOCSET_DEFAULT_SIZES);
  const MemoryContext before = MemoryContextSwitchTo(scratch);
  for (const part_index each : state->to_store) {
    CHECK_FOR_INTERRUPTS();
    store_part(pool, state, each);
    pause_here(pause_point::part_stored);
    MemoryContextReset(scratch);
  }
  MemoryContextSwitchTo(before);
  MemoryContextDelete(scratch);
}

}  // namespace

stored_root store_tree(std::int64_t pool, tree* what) {
  auto* state = make_in_context<placing>();
  state->what = what;
  state->ids.assign(what->parts().size(), unknown);
  const part& first = what->parts()[what->root().front()];
  if (what->root_is_leaf())
    add_children(first, &state->asked);
  else
    state->asked = what->root();
  find_stored(pool, state);
  store_missing(pool, state);
  stored_root root;
  if (what->root_is_leaf()) {
    root.refs = refs_of(state, first);
    root.content = content_of(state, first);
    return root;
  }
  state->bytes.clear();
  reference_writer writer(&state->bytes);
  write_list(&writer, *state, what->root());
  root.refs = {varlena_datum(state->bytes)};
  return root;
}

}  // namespace stash::memory
