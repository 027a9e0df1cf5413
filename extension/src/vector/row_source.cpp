// See row_source.hpp.
//
// Plans are kept with the source. They are made with everything off but nested loops over the
// primary key's index, for the number of keys is not known when they are made.
#include "vector/row_source.hpp"

#include "vector/row_key.hpp"
#include "vector/row_values.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

constexpr long rows_at_once = 50;

std::string column(const std::string& name) { return "r." + quoted(name); }

void append_columns(const sync_config& config, std::string* text) {
  for (const key_column& each : config.key) *text += ", " + column(each.name);
  *text += ", " + (config.tenant_column.empty() ? "NULL::text" : column(config.tenant_column));
}

// pgvector's types are cast to what everybody knows; the others are taken as they are.
std::string vector_columns(const sync_config& config) {
  std::string text;
  for (const vector_column& each : config.vectors)
    text += ", " + column(each.column) + (each.cast ? "::pg_catalog.float4[]" : "");
  return text;
}

std::string any_embedding(const sync_config& config) {
  std::string text = "(";
  for (const vector_column& each : config.vectors) {
    if (text.size() > 1) text += " OR ";
    text += config.one_length ? "pg_catalog.cardinality(" + column(each.column) +
                                    (each.cast ? "::pg_catalog.float4[]" : "") +
                                    ") OPERATOR(pg_catalog.=) " + std::to_string(each.dimensions)
                              : column(each.column) + " IS NOT NULL";
  }
  return text + ")";
}

std::string placeholder(std::size_t number) { return "$" + std::to_string(number); }

std::string rows_statement(const sync_config& config) {
  std::string text = "SELECT k.n";
  append_columns(config, &text);
  text += vector_columns(config);
  for (const property_column& each : config.properties) text += ", " + column(each.column);
  text += ", r.xmin FROM ROWS FROM (";
  for (std::size_t i = 0; i < config.key.size(); i++)
    text += (i == 0 ? "pg_catalog.unnest(" : ", pg_catalog.unnest(") + placeholder(i + 1) + ")";
  text += ") WITH ORDINALITY AS k(";
  for (std::size_t i = 0; i < config.key.size(); i++) text += "k" + std::to_string(i) + ", ";
  text += "n) JOIN " + config.table + " AS r ON ";
  for (std::size_t i = 0; i < config.key.size(); i++) {
    const key_column& each = config.key[i];
    if (i > 0) text += " AND ";
    text += column(each.name) + " OPERATOR(" + each.schema + ".=) k.k" + std::to_string(i) +
            "::" + each.type;
  }
  return text;
}

// Nothing for a table that is gone, or has lost its key: no row of it is read.
std::string page_statement(const sync_config& config, bool first) {
  if (config.key.empty()) return {};
  std::string text = "SELECT " + any_embedding(config);
  append_columns(config, &text);
  text += " FROM " + config.table + " AS r";
  std::string columns;
  std::string values;
  for (std::size_t i = 0; i < config.key.size(); i++) {
    if (i > 0) columns += ", ";
    if (i > 0) values += ", ";
    columns += column(config.key[i].name);
    values += placeholder(i + 1) + "::text::" + config.key[i].type;
  }
  if (!first)
    text += " WHERE (" + columns + ") OPERATOR(" + config.key[0].schema + ".>) (" + values + ")";
  return text + " ORDER BY " + columns + " LIMIT " + placeholder(first ? 1 : config.key.size() + 1);
}

struct role_before {
  Oid user;
  int context;
  int nest;
};

// The table's owner, with what a plan and a key's text depend on.
role_before become_owner(const sync_config& config) {
  role_before before = {};
  GetUserIdAndSecContext(&before.user, &before.context);
  SetUserIdAndSecContext(
      config.owner, before.context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
  before.nest = enter_key_settings();
  static const char* const fixed[][2] = {{"search_path", "pg_catalog, pg_temp"},
                                         {"row_security", "off"},
                                         {"enable_hashjoin", "off"},
                                         {"enable_mergejoin", "off"},
                                         {"enable_seqscan", "off"},
                                         {"jit", "off"},
                                         {"plan_cache_mode", "force_generic_plan"}};
  for (const auto& [name, value] : fixed)
    (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                            false);
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  return before;
}

void become_oneself(const role_before& before) {
  SPI_finish();
  leave_key_settings(before.nest);
  SetUserIdAndSecContext(before.user, before.context);
}

SPIPlanPtr plan_of(SPIPlanPtr* kept, const std::string& text, int texts, Oid type, bool limited) {
  if (*kept != nullptr) return *kept;
  Oid types[INDEX_MAX_KEYS + 1];
  for (int i = 0; i < texts; i++) types[i] = type;
  if (limited) types[texts] = INT4OID;
  SPIPlanPtr plan = SPI_prepare(text.c_str(), texts + (limited ? 1 : 0), types);
  if (plan == nullptr)
    elog(ERROR, "could not prepare \"%s\": %s", text.c_str(), SPI_result_code_string(SPI_result));
  SPI_keepplan(plan);
  *kept = plan;
  return plan;
}

// The columns of a result row: their values and types.
struct row_columns {
  HeapTuple row;
  TupleDesc shape;
  Datum value(int number, bool* null) const { return SPI_getbinval(row, shape, number, null); }
  Oid type(int number) const { return SPI_gettypeid(shape, number); }
  const char* text(int number) const {
    bool null = false;
    const Datum datum = value(number, &null);
    if (null) return nullptr;
    Oid output = InvalidOid;
    bool variable = false;
    getTypeOutputInfo(type(number), &output, &variable);
    return OidOutputFunctionCall(output, datum);
  }
};

// The image of the key in the columns from 2 on; in memory of the present context.
std::string_view image_of(const row_columns& columns, int count) {
  static std::string* image = new std::string;
  image->clear();
  for (int i = 0; i < count; i++) append_key_part(image, columns.text(2 + i), count);
  return {pnstrdup(image->data(), image->size()), image->size()};
}

template <typename Item>
Item* zeroed(std::size_t count) {
  return static_cast<Item*>(palloc0(sizeof(Item) * Max(count, std::size_t{1})));
}

const char* read_vectors(const sync_config& config, const row_columns& columns, int first,
                         found_row* row) {
  auto* vectors = zeroed<weaviate::named_vector>(config.vectors.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < config.vectors.size(); i++) {
    bool null = false;
    const int number = first + static_cast<int>(i);
    const Datum value = columns.value(number, &null);
    if (null) continue;
    std::span<const float> floats;
    const char* fault = vector_value(value, columns.type(number), &floats);
    const int wanted = config.vectors[i].dimensions;
    if (config.one_length && fault == nullptr && floats.size() != static_cast<std::size_t>(wanted))
      continue;
    row->has_embedding = true;
    if (fault != nullptr) return fault;
    if (wanted != 0 && floats.size() != static_cast<std::size_t>(wanted))
      return psprintf("the embedding has %zu dimensions, the others have %d", floats.size(),
                      wanted);
    vectors[count++] = {config.vectors[i].name, floats};
    row->bytes += floats.size() * 6;
  }
  row->object.vectors = {vectors, count};
  return nullptr;
}

const char* read_properties(const sync_config& config, const row_columns& columns, int first,
                            std::string_view image, found_row* row) {
  auto* properties = zeroed<weaviate::property>(config.properties.size() + 1);
  std::size_t count = 0;
  for (std::size_t i = 0; i < config.properties.size(); i++) {
    bool null = false;
    const int number = first + static_cast<int>(i);
    const Datum value = columns.value(number, &null);
    if (null) continue;
    properties[count] = weaviate::property();
    properties[count].name = config.properties[i].name;
    if (const char* fault = property_value(value, columns.type(number), &properties[count]))
      return psprintf("%s (column \"%s\")", fault, config.properties[i].column.c_str());
    row->bytes += 40 + properties[count].text.size() + properties[count].texts.size() * 40;
    count++;
  }
  properties[count] = weaviate::property();
  properties[count].name = "stash_key";
  if (const char* fault = utf8_text(image.data(), image.size(), &properties[count].text))
    return fault;
  row->bytes += image.size() + 100;
  row->object.properties = {properties, count + 1};
  return nullptr;
}

// 1 to 64 of these, as the server's own check has it.
const char* check_tenant(const sync_config& config, const char* tenant) {
  if (config.tenant_column.empty()) return nullptr;
  if (tenant == nullptr) return "the tenant is NULL";
  const std::size_t size = std::strlen(tenant);
  const bool known = std::strspn(tenant,
                                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789-_") == size;
  return known && size >= 1 && size <= 64 ? nullptr
                                          : "the tenant's name has other characters than letters, "
                                            "digits, - and _, or more than 64";
}

found_row read_found(const sync_config& config, const std::vector<pending_key*>& keys,
                     const row_columns& columns) {
  found_row row = {};
  bool null = false;
  row.request = static_cast<std::size_t>(DatumGetInt64(columns.value(1, &null))) - 1;
  const auto count = static_cast<int>(config.key.size());
  const std::string_view image = image_of(columns, count);
  const pending_key* asked = keys[row.request];
  row.is_requested_key = image == asked->key;
  row.tenant = columns.text(2 + count);
  const int vectors = 3 + count;
  const int properties = vectors + static_cast<int>(config.vectors.size());
  row.version = DatumGetTransactionId(
      columns.value(properties + static_cast<int>(config.properties.size()), &null));
  row.fault = read_vectors(config, columns, vectors, &row);
  if (row.fault == nullptr && row.has_embedding)
    row.fault = read_properties(config, columns, properties, image, &row);
  if (row.fault == nullptr) row.fault = check_tenant(config, row.tenant);
  if (row.fault == nullptr && !config.tenant_column.empty()) row.object.tenant = row.tenant;
  return row;
}

// The texts of the keys' columns, key by key; nullptr where an image is not one of so many columns.
char** key_texts(const std::vector<pending_key*>& keys, int columns) {
  auto** texts = zeroed<char*>(keys.size() * static_cast<std::size_t>(columns));
  char** next = texts;
  for (const pending_key* key : keys) {
    const auto parts = key_parts(key->key, columns);
    for (int j = 0; j < columns; j++, next++)
      if (parts) {
        const std::string_view part = (*parts)[static_cast<std::size_t>(j)];
        *next = pnstrdup(part.data(), part.size());
      }
  }
  return texts;
}

bool is_data_error(int code) {
  const int category = ERRCODE_TO_CATEGORY(code);
  return category == ERRCODE_DATA_EXCEPTION || category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
         category == ERRCODE_PROGRAM_LIMIT_EXCEEDED;
}

struct column_input {
  FmgrInfo function;
  Oid parameter;
  std::int32_t modifier;
};

// Takes the texts away of keys that the columns' types refuse. Their input functions raise errors
// then, so they are called in a subtransaction: one, and another for every key that is refused.
void drop_impossible(const sync_config& config, std::size_t keys, char** texts) {
  const std::size_t columns = config.key.size();
  auto* inputs = zeroed<column_input>(columns);
  for (std::size_t j = 0; j < columns; j++) {
    Oid function = InvalidOid;
    getTypeInputInfo(config.key[j].type_oid, &function, &inputs[j].parameter);
    fmgr_info(function, &inputs[j].function);
    inputs[j].modifier = config.key[j].modifier;
  }
  const MemoryContext memory = CurrentMemoryContext;
  const ResourceOwner resources = CurrentResourceOwner;
  // On the heap, for it is read after a jump.
  auto* at = zeroed<std::size_t>(1);
  while (*at < keys) {
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(memory);
    PG_TRY();
    {
      for (; *at < keys; ++*at)
        for (std::size_t j = 0; j < columns; j++)
          if (char* text = texts[*at * columns + j])
            (void)InputFunctionCall(&inputs[j].function, text, inputs[j].parameter,
                                    inputs[j].modifier);
      ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
      MemoryContextSwitchTo(memory);
      ErrorData* data = CopyErrorData();
      if (!is_data_error(data->sqlerrcode)) PG_RE_THROW();
      FlushErrorState();
      FreeErrorData(data);
      RollbackAndReleaseCurrentSubTransaction();
      for (std::size_t j = 0; j < columns; j++) texts[*at * columns + j] = nullptr;
      ++*at;
    }
    PG_END_TRY();
    MemoryContextSwitchTo(memory);
    CurrentResourceOwner = resources;
  }
}

// The keys as one array of texts for each column, NULL for those that no row can have.
void key_arrays(const sync_config& config, const std::vector<pending_key*>& keys,
                row_visitor* visitor, Datum* arrays) {
  const std::size_t count = keys.size();
  const std::size_t columns = config.key.size();
  char** texts = key_texts(keys, static_cast<int>(columns));
  drop_impossible(config, count, texts);
  auto* items = zeroed<Datum>(count);
  auto* nulls = zeroed<bool>(count);
  int dimension = static_cast<int>(count);
  int lower_bound = 1;
  for (std::size_t j = 0; j < columns; j++) {
    for (std::size_t i = 0; i < count; i++) {
      const char* text = texts[i * columns + j];
      nulls[i] = text == nullptr;
      items[i] = nulls[i] ? 0 : CStringGetTextDatum(text);
    }
    arrays[j] = PointerGetDatum(construct_md_array(items, nulls, 1, &dimension, &lower_bound,
                                                   TEXTOID, -1, false, TYPALIGN_INT));
  }
  for (std::size_t i = 0; i < count; i++)
    if (texts[i * columns] == nullptr) visitor->cannot_be(i);
}

bool visit_rows(const sync_config& config, const std::vector<pending_key*>& keys, Portal portal,
                row_visitor* visitor) {
  const MemoryContext memory =
      AllocSetContextCreate(CurrentMemoryContext, "pg_stash row", ALLOCSET_DEFAULT_SIZES);
  while (true) {
    CHECK_FOR_INTERRUPTS();
    SPI_cursor_fetch(portal, true, rows_at_once);
    const std::uint64_t count = SPI_processed;
    SPITupleTable* table = SPI_tuptable;
    for (std::uint64_t i = 0; i < count; i++) {
      const MemoryContext outer = MemoryContextSwitchTo(memory);
      const found_row row = read_found(config, keys, {table->vals[i], table->tupdesc});
      const bool more = visitor->visit(row);
      MemoryContextSwitchTo(outer);
      MemoryContextReset(memory);
      if (!more) return false;
    }
    SPI_freetuptable(table);
    if (count == 0) return true;
  }
}

}  // namespace

row_source::row_source(const sync_config& config)
    : rows_text(rows_statement(config)),
      page_text(page_statement(config, false)),
      first_page_text(page_statement(config, true)) {}

row_source::~row_source() {
  for (SPIPlanPtr plan : {rows_plan, page_plan, first_page_plan})
    if (plan != nullptr) SPI_freeplan(plan);
}

bool read_rows(const sync_config& config, row_source* source, const std::vector<pending_key*>& keys,
               row_visitor* visitor) {
  if (keys.empty()) return true;
  const role_before before = become_owner(config);
  const auto columns = static_cast<int>(config.key.size());
  Datum arrays[INDEX_MAX_KEYS];
  key_arrays(config, keys, visitor, arrays);
  SPIPlanPtr plan = plan_of(&source->rows_plan, source->rows_text, columns, TEXTARRAYOID, false);
  Portal portal = SPI_cursor_open(nullptr, plan, arrays, nullptr, true);
  const bool all = visit_rows(config, keys, portal, visitor);
  SPI_cursor_close(portal);
  become_oneself(before);
  return all;
}

std::size_t list_keys(const sync_config& config, row_source* source, const std::string* after,
                      int most, listed_key* keys) {
  const MemoryContext caller = CurrentMemoryContext;
  const role_before before = become_owner(config);
  const auto columns = after == nullptr ? 0 : static_cast<int>(config.key.size());
  Datum values[INDEX_MAX_KEYS + 1];
  if (after != nullptr) {
    const auto parts = key_parts(*after, columns);
    for (int i = 0; i < columns; i++) {
      const std::string_view part = parts ? (*parts)[static_cast<std::size_t>(i)] : "";
      values[i] =
          PointerGetDatum(cstring_to_text_with_len(part.data(), static_cast<int>(part.size())));
    }
  }
  values[columns] = Int32GetDatum(most);
  SPIPlanPtr plan =
      after == nullptr
          ? plan_of(&source->first_page_plan, source->first_page_text, 0, TEXTOID, true)
          : plan_of(&source->page_plan, source->page_text, columns, TEXTOID, true);
  const int code = SPI_execute_plan(plan, values, nullptr, true, most);
  if (code < 0) elog(ERROR, "could not list keys: %s", SPI_result_code_string(code));
  const std::uint64_t count = SPI_processed;
  const MemoryContext spi = MemoryContextSwitchTo(caller);
  for (std::uint64_t i = 0; i < count; i++) {
    const row_columns row = {SPI_tuptable->vals[i], SPI_tuptable->tupdesc};
    bool null = false;
    const auto key_count = static_cast<int>(config.key.size());
    const std::string_view image = image_of(row, key_count);
    keys[i] = {row.text(2 + key_count), image.data(), image.size(),
               DatumGetBool(row.value(1, &null))};
  }
  MemoryContextSwitchTo(spi);
  become_oneself(before);
  return count;
}

}  // namespace stash
