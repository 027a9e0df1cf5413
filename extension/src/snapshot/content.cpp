// See content.hpp.
#include "snapshot/content.hpp"

#include "boundary/context_object.hpp"
#include "session/table.hpp"
#include "session/token.hpp"

#include "boundary/postgres.hpp"

namespace stash::memory {

static_assert(layout::count_mask == JB_CMASK && layout::scalar == JB_FSCALAR);
static_assert(layout::object == JB_FOBJECT && layout::array == JB_FARRAY);
static_assert(layout::length_mask == JENTRY_OFFLENMASK && layout::type_mask == JENTRY_TYPEMASK);
static_assert(layout::has_offset == JENTRY_HAS_OFF && layout::stride == JB_OFFSET_STRIDE);
static_assert(layout::string_type == JENTRY_ISSTRING && layout::numeric_type == JENTRY_ISNUMERIC);
static_assert(layout::null_type == JENTRY_ISNULL && layout::container_type == JENTRY_ISCONTAINER);

namespace {

statement parts_with_content{
    "SELECT p.id, p.refs, p.content FROM stash.memory_part p"
    " WHERE p.pool OPERATOR(pg_catalog.=) $1 AND p.id OPERATOR(pg_catalog.=) ANY ($2)",
    2,
    {INT8OID, INT8ARRAYOID}};
statement parts_without_content{
    "SELECT p.id, p.refs, p.content IS NOT NULL FROM stash.memory_part p"
    " WHERE p.pool OPERATOR(pg_catalog.=) $1 AND p.id OPERATOR(pg_catalog.=) ANY ($2)",
    2,
    {INT8OID, INT8ARRAYOID}};

constexpr std::size_t parts_a_statement = 1000;

Datum id_array(const part_id* ids, std::size_t count) {
  auto* items = static_cast<Datum*>(palloc(sizeof(Datum) * count));
  for (std::size_t i = 0; i < count; i++) items[i] = Int64GetDatum(ids[i]);
  ArrayType* array = construct_array(items, static_cast<int>(count), INT8OID, sizeof(int64), true,
                                     TYPALIGN_DOUBLE);
  pfree(items);
  return PointerGetDatum(array);
}

// Keeps what the last statement found, and adds to `below` what those parts consist of.
void keep_rows(std::uint64_t rows, bool with_content, stored_parts* parts,
               std::vector<part_id>* below) {
  for (std::uint64_t row = 0; row < rows; row++) {
    bool no_refs = false;
    bool no_content = false;
    const part_id id = DatumGetInt64(result(row, 1, &no_refs));
    const Datum refs = result(row, 2, &no_refs);
    const Datum content = result(row, 3, &no_content);
    stored_part part;
    part.leaf = with_content ? !no_content : DatumGetBool(content);
    if (with_content && part.leaf) part.content = container_of(content);
    if (!no_refs) part.refs = bytes_of(refs);
    run_core([&] {
      if (!part.leaf || !part.refs.empty())
        for (const part_id each : read_ids(part.refs, part.leaf)) below->push_back(each);
    });
    parts->add(id, part);
  }
}

}  // namespace

void report_damaged(const char* text) {
  ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a memory snapshot is damaged: %s", text),
                  errhint("stash.memory_check() shows what is wrong.")));
}

bool interrupt_waits() {
  return InterruptPending && InterruptHoldoffCount == 0 && CritSectionCount == 0;
}

void prepare_hash() { (void)hash_token({}); }

void part_hash(std::string_view bytes, digest* hash) {
  token_hash whole;
  if (!compute_sha256(bytes, &whole)) throw std::runtime_error("could not compute SHA-256");
  std::memcpy(hash->data(), whole.data(), hash->size());
}

Datum digest_datum(const digest& hash) {
  auto* uuid = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
  std::memcpy(uuid->data, hash.data(), UUID_LEN);
  return UUIDPGetDatum(uuid);
}

digest digest_of(Datum uuid) {
  digest hash;
  std::memcpy(hash.data(), DatumGetUUIDP(uuid)->data, hash.size());
  return hash;
}

std::string_view container_of(Datum jsonb) {
  const Jsonb* document = DatumGetJsonbP(jsonb);
  return {reinterpret_cast<const char*>(&document->root), VARSIZE(document) - VARHDRSZ};
}

std::string_view bytes_of(Datum varlena) {
  const struct varlena* value = PG_DETOAST_DATUM_PACKED(varlena);
  return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

Datum jsonb_of(std::string_view container) { return varlena_datum(container); }

Datum jsonb_of_value(const value_view& value) {
  if (value.is_container()) return jsonb_of(value.bytes);
  const element only{{}, value};
  const std::size_t room = size_bound(&only, 1, container_kind::scalar);
  auto* made = static_cast<varlena*>(palloc(VARHDRSZ + room));
  char* const begin = VARDATA(made);
  char* end = nullptr;
  run_core([&] {
    container_writer writer(begin, begin + room, container_kind::scalar, 1);
    writer.value(value);
    end = writer.finish();
  });
  SET_VARSIZE(made, static_cast<std::size_t>(end - reinterpret_cast<char*>(made)));
  return PointerGetDatum(made);
}

void read_parts(std::int64_t pool, const std::vector<part_id>& from, look how, bool with_content,
                stored_parts* parts) {
  statement& which = with_content ? parts_with_content : parts_without_content;
  auto* wanted = make_in_context<std::vector<part_id>>(from);
  auto* below = make_in_context<std::vector<part_id>>();
  while (!wanted->empty()) {
    std::sort(wanted->begin(), wanted->end());
    wanted->erase(std::unique(wanted->begin(), wanted->end()), wanted->end());
    wanted->erase(
        std::remove_if(wanted->begin(), wanted->end(), [&](part_id id) { return parts->has(id); }),
        wanted->end());
    below->clear();
    for (std::size_t at = 0; at < wanted->size(); at += parts_a_statement) {
      CHECK_FOR_INTERRUPTS();
      const std::size_t count = std::min(parts_a_statement, wanted->size() - at);
      const Datum ids = id_array(wanted->data() + at, count);
      const std::uint64_t rows = how == look::latest
                                     ? run(which, {{Int64GetDatum(pool)}, {ids}}, true)
                                     : run_as_seen(which, {{Int64GetDatum(pool)}, {ids}});
      keep_rows(rows, with_content, parts, below);
    }
    std::swap(*wanted, *below);
  }
}

Datum read_document(std::int64_t pool, std::int64_t size, const stored_part& root, look how) {
  auto* parts = make_in_context<stored_parts>();
  auto* ids = make_in_context<std::vector<part_id>>();
  run_core([&] {
    if (!root.leaf || !root.refs.empty()) *ids = read_ids(root.refs, root.leaf);
  });
  read_parts(pool, *ids, how, true, parts);
  if (size < 0 || static_cast<std::uint64_t>(size) > MaxAllocSize - VARHDRSZ)
    report_damaged("a document of an impossible size");
  const auto bytes = static_cast<std::size_t>(size);
  auto* document = static_cast<varlena*>(SPI_palloc(VARHDRSZ + bytes));
  SET_VARSIZE(document, VARHDRSZ + bytes);
  run_core([&] { assemble(root, *parts, VARDATA(document), bytes, interrupt_waits); });
  return PointerGetDatum(document);
}

}  // namespace stash::memory
