// SQL entry point vector_reconcile: what the server holds, compared with what the table says.
//
// In the session that asks, not in the worker, so that it can be cancelled and nothing waits behind
// it. The transaction must not have written anything, and does not until the last call of the
// network is over: then the repairs are noted in the outbox, where they keep their keys' order with
// every other change.
//
// From the table's side, key by key, rows whose objects are missing or different; from the
// server's, id by id, objects that no row has. A page of each lies in memory at a time. Objects
// whose id is not that of the key they carry, strangers, are compared with the ids of all rows
// before they are called foreign: somebody may have changed the key in the object of a living row,
// and a repair deletes strangers by their ids, without a look at the table.
//
// While it runs, rows change. What a page shows is therefore only a suspicion, and is looked at
// again: the object, then its row; then a wait until all that was committed before has arrived;
// then the object, then its row. It is a difference when row and object are the same both times.
// The repair of a key is a change like any other: its row is read anew when it is sent.
#include "vector/object_difference.hpp"

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>

#include "boundary/guard.hpp"
#include "boundary/ownership.hpp"
#include "boundary/pause_point.hpp"
#include "cache/arguments.hpp"
#include "cache/rows.hpp"
#include "session/statement.hpp"
#include "vector/outbox.hpp"
#include "vector/row_source.hpp"
#include "vector/row_values.hpp"
#include "vector/server_call.hpp"
#include "vector/shared.hpp"
#include "weaviate/about.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "utils/tuplestore.h"
}

namespace stash {
namespace {

constexpr int keys_a_page = 200;
constexpr int ids_a_page = 1000;
constexpr std::int64_t patience_us = 60'000'000;
// Ids of altered objects that are remembered, so that they are not taken for foreign ones as well.
constexpr std::size_t most_altered = 1'000'000;
constexpr std::size_t most_strangers = 100'000;

statement syncs_to_compare{
    "SELECT s.collection FROM stash.vector_syncs_of($1, $2) AS k (sync)"
    " JOIN stash.vector_sync AS s ON s.id OPERATOR(pg_catalog.=) k.sync ORDER BY s.id",
    2,
    {REGCLASSOID, TEXTOID}};
statement dead_letter{
    "SELECT 1 FROM stash.vector_failure AS f WHERE f.sync OPERATOR(pg_catalog.=) $1"
    " AND f.tenant OPERATOR(pg_catalog.=) $2 AND f.key OPERATOR(pg_catalog.=) $3 AND f.dead",
    3,
    {INT4OID, TEXTOID, TEXTOID}};

struct seen_row {
  bool there = false;        // a row of this key and tenant that has an object
  bool can_be_there = true;  // the key is one that a row can have
  TransactionId version = InvalidTransactionId;
  row_image image;
};

struct look {
  std::vector<seen_row> rows;
  std::vector<std::optional<weaviate::search_hit>> objects;
};

struct suspect {
  std::string tenant;
  std::string key;
  bool is_object = false;  // of no key
  weaviate::uuid id;
};

// Of the present call; what C++ owns lives on the heap, for errors run over the stack.
struct reconcile_state {
  std::vector<std::string> collections;
  std::map<std::string, std::int32_t> ids;
  // Of the collection that is compared.
  sync_config config;
  std::unique_ptr<row_source> source;
  weaviate::server server;
  std::vector<std::string> property_names;
  std::vector<std::string> vector_names;  // as they are asked for: none for the unnamed one
  std::vector<std::string> all_vectors;
  std::set<std::array<std::uint8_t, 16>> altered;  // ids
  std::set<std::string> inactive;                  // tenants that are switched off
  std::map<std::array<std::uint8_t, 16>, suspect> strangers;
  // Of a page.
  std::vector<suspect> page;
  std::vector<suspect> suspects;
  std::vector<pending_key> keys;
  std::vector<pending_key*> asked;
  std::vector<std::size_t> places;  // of those that were asked for
  std::map<std::string, std::vector<std::size_t>> tenants;
  std::vector<weaviate::uuid> wanted_ids;
  weaviate::search_result found;
  look first;
  look second;
  std::string last_key;
  std::vector<weaviate::tenant> tenant_list;
  std::string text;
};
reconcile_state* state = nullptr;

// Where the differences go: the function's result, and a copy for the repair.
struct report {
  const row_set* rows;
  Tuplestorestate* copy;
  TupleDesc shape;
};

bool has_tenants() { return !state->config.tenant_column.empty(); }

[[noreturn]] void report_server(const weaviate::judgement& judged) {
  ereport(ERROR,
          (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("Weaviate does not answer"),
           errdetail("%s", judged.message.c_str()), errhint("See stash.weaviate_health().")));
  pg_unreachable();
}

// All that was committed before is there, or is a dead letter.
void wait_for_changes() {
  if (wait_until_sent(state->config.id, GetCurrentTimestamp() + patience_us)) return;
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("changes for collection \"%s\" still wait to be sent",
                         state->config.collection.c_str()),
                  errhint("stash.vector_sync_status() says why; compare when they are there.")));
}

class row_keeper final : public row_visitor {
 public:
  explicit row_keeper(std::vector<seen_row>* rows) : rows_(rows) {}
  bool visit(const found_row& row) override {
    const pending_key* key = state->asked[row.request];
    seen_row& seen = (*rows_)[state->places[row.request]];
    const bool same_tenant = !has_tenants() || (row.tenant != nullptr && key->tenant == row.tenant);
    if (!row.is_requested_key || !row.has_embedding || row.fault != nullptr || !same_tenant)
      return true;
    seen.there = true;
    seen.version = row.version;
    seen.image = image_of_object(row.object);
    return true;
  }
  void cannot_be(std::size_t request) override {
    (*rows_)[state->places[request]].can_be_there = false;
  }

 private:
  std::vector<seen_row>* rows_;
};

// The rows of some keys as they are now.
void see_rows(const std::vector<suspect>& of, std::vector<seen_row>* rows) {
  rows->assign(of.size(), {});
  state->keys.assign(of.size(), {});
  state->asked.clear();
  state->places.clear();
  for (std::size_t i = 0; i < of.size(); i++) {
    if (of[i].is_object) continue;
    pending_key& key = state->keys[i];
    key.key = of[i].key;
    key.tenant = of[i].tenant;
    key.has_tenant = has_tenants();
    state->asked.push_back(&key);
    state->places.push_back(i);
  }
  row_keeper keeper(rows);
  PushActiveSnapshot(GetTransactionSnapshot());
  const as_owner owner;
  (void)read_rows(state->config, state->source.get(), state->asked, &keeper);
  owner.finish();
  PopActiveSnapshot();
}

// The objects of some ids of a tenant, put where `places` says.
void fetch(const std::string& tenant, const std::vector<suspect>& of,
           std::span<const std::size_t> places,
           std::vector<std::optional<weaviate::search_hit>>* objects) {
  state->wanted_ids.clear();
  for (const std::size_t place : places) state->wanted_ids.push_back(of[place].id);
  weaviate::fetch_query query;
  query.collection = state->config.collection;
  query.tenant = tenant;
  query.ids = state->wanted_ids;
  query.properties = state->property_names;
  query.vector_names = state->vector_names;
  state->found = weaviate::read_search(state->server,
                                       call_server(weaviate::fetch_request(state->server, query)));
  if (state->found.failed.cause == weaviate::cause::missing_tenant) return;
  if (state->found.failed.cause == weaviate::cause::inactive_tenant) {
    state->inactive.insert(tenant);
    return;
  }
  if (state->found.failed.verdict != weaviate::verdict::done) report_server(state->found.failed);
  for (weaviate::search_hit& hit : state->found.hits)
    for (const std::size_t place : places)
      if (of[place].id == hit.id) (*objects)[place] = hit;
}

void see_objects(const std::vector<suspect>& of,
                 std::vector<std::optional<weaviate::search_hit>>* objects) {
  objects->assign(of.size(), std::nullopt);
  state->tenants.clear();
  for (std::size_t i = 0; i < of.size(); i++) state->tenants[of[i].tenant].push_back(i);
  for (const auto& [tenant, places] : state->tenants) {
    if (has_tenants() && tenant.empty()) continue;
    for (std::size_t at = 0; at < places.size(); at += keys_a_page)
      fetch(tenant, of,
            std::span(places).subspan(at, Min(places.size() - at, std::size_t{keys_a_page})),
            objects);
  }
}

// What is wrong with one of a look; nullptr when nothing is. The detail is in state->text.
const char* difference_at(const look& seen, std::size_t index) {
  const seen_row& row = seen.rows[index];
  const auto& object = seen.objects[index];
  if (!row.there && !object) return nullptr;
  if (!row.can_be_there) {
    state->text = "no row can have this key: it does not fit the primary key's type";
    return "unreadable";
  }
  if (!row.there) {
    state->text = "no row with an embedding has this object";
    return "foreign";
  }
  if (!object) {
    state->text = "the row has no object";
    return "missing";
  }
  state->text = difference_of(row.image, *object, state->property_names, state->all_vectors);
  return state->text.empty() ? nullptr : "different";
}

bool is_dead_letter(const suspect& each) {
  const as_owner owner;
  const bool dead = run(dead_letter, {{Int32GetDatum(state->config.id)},
                                      {CStringGetTextDatum(each.tenant.c_str())},
                                      {CStringGetTextDatum(each.key.c_str())}}) > 0;
  owner.finish();
  return dead;
}

void add_difference(const report& to, const char* kind, const suspect& each) {
  Datum columns[6] = {};
  bool nulls[6] = {};
  columns[0] = CStringGetTextDatum(state->config.collection.c_str());
  columns[1] = CStringGetTextDatum(kind);
  nulls[2] = each.is_object;
  if (!nulls[2]) columns[2] = CStringGetTextDatum(each.key.c_str());
  nulls[3] = !has_tenants();
  if (!nulls[3]) columns[3] = CStringGetTextDatum(each.tenant.c_str());
  columns[4] = DirectFunctionCall1(uuid_in, CStringGetDatum(weaviate::to_string(each.id).c_str()));
  columns[5] = CStringGetTextDatum(state->text.c_str());
  to.rows->add(columns, nulls);
  tuplestore_putvalues(to.copy, to.shape, columns, nulls);
}

bool same_rows(const seen_row& one, const seen_row& two) {
  return one.there == two.there && one.version == two.version;
}

bool same_objects(const std::optional<weaviate::search_hit>& one,
                  const std::optional<weaviate::search_hit>& two) {
  return one.has_value() == two.has_value() && (!one || same_object(*one, *two));
}

// The key that an object carries, in UTF-8; empty when it has none.
std::string key_of(const weaviate::search_hit& hit) {
  const nlohmann::json properties = nlohmann::json::parse(hit.properties, nullptr, false);
  if (!properties.is_object()) return {};
  const auto key = properties.find("stash_key");
  return key != properties.end() && key->is_string() ? key->get<std::string>() : std::string();
}

// Whose an object is, by the key that it carries.
void name_suspect(suspect* each, const weaviate::search_hit& hit) {
  each->key = key_of(hit);
  each->key = database_text(each->key);
  each->is_object = object_id_of(state->config, each->key) != each->id;
}

// Of what looked wrong, what is wrong.
void confirm(const report& to) {
  if (state->suspects.empty()) return;
  see_objects(state->suspects, &state->first.objects);
  // A stranger may have become the row's object again since it was listed.
  for (std::size_t i = 0; i < state->suspects.size(); i++)
    if (state->suspects[i].is_object && state->first.objects[i])
      name_suspect(&state->suspects[i], *state->first.objects[i]);
  see_rows(state->suspects, &state->first.rows);
  wait_for_changes();
  see_objects(state->suspects, &state->second.objects);
  see_rows(state->suspects, &state->second.rows);
  const MemoryContext memory =
      AllocSetContextCreate(CurrentMemoryContext, "pg_stash differences", ALLOCSET_DEFAULT_SIZES);
  const MemoryContext outer = MemoryContextSwitchTo(memory);
  for (std::size_t i = 0; i < state->suspects.size(); i++) {
    const suspect& each = state->suspects[i];
    if (!same_rows(state->first.rows[i], state->second.rows[i]) ||
        !same_objects(state->first.objects[i], state->second.objects[i]))
      continue;
    const char* kind = difference_at(state->second, i);
    if (kind == nullptr || (!state->second.objects[i] && is_dead_letter(each))) continue;
    if (std::strcmp(kind, "different") == 0 && state->altered.size() < most_altered)
      state->altered.insert(each.id.bytes);
    if (each.is_object)
      state->strangers.emplace(each.id.bytes, each);
    else
      add_difference(to, kind, each);
  }
  MemoryContextSwitchTo(outer);
  MemoryContextDelete(memory);
  state->suspects.clear();
}

// The next keys of the table; false when there are none.
bool next_keys() {
  state->page.clear();
  const std::string* after = state->last_key.empty() ? nullptr : &state->last_key;
  auto* listed = static_cast<listed_key*>(palloc(sizeof(listed_key) * keys_a_page));
  PushActiveSnapshot(GetTransactionSnapshot());
  const as_owner owner;
  const std::size_t count =
      list_keys(state->config, state->source.get(), after, keys_a_page, listed);
  for (std::size_t i = 0; i < count; i++) {
    state->last_key.assign(listed[i].key, listed[i].key_size);
    if (!listed[i].has_embedding) continue;
    suspect& each = state->page.emplace_back();
    each.key = state->last_key;
    if (has_tenants() && listed[i].tenant != nullptr) each.tenant = listed[i].tenant;
    each.id = object_id_of(state->config, each.key);
  }
  owner.finish();
  PopActiveSnapshot();
  pfree(listed);
  return count > 0;
}

void compare_rows(const report& to) {
  state->last_key.clear();
  while (next_keys()) {
    CHECK_FOR_INTERRUPTS();
    see_objects(state->page, &state->first.objects);
    see_rows(state->page, &state->first.rows);
    for (std::size_t i = 0; i < state->page.size(); i++) {
      const char* kind = difference_at(state->first, i);
      // A row that went meanwhile leaves an object: the other side's business.
      if (kind != nullptr && std::strcmp(kind, "foreign") != 0 &&
          !state->inactive.contains(state->page[i].tenant))
        state->suspects.push_back(state->page[i]);
    }
    confirm(to);
  }
}

// Strangers are foreign, but for those with the id of a row: these are its objects, with another
// key in them. O(rows) when there are any.
void judge_strangers(const report& to) {
  if (state->strangers.empty()) return;
  state->last_key.clear();
  while (next_keys()) {
    CHECK_FOR_INTERRUPTS();
    for (const suspect& row : state->page) {
      const auto found = state->strangers.find(row.id.bytes);
      if (found == state->strangers.end() || found->second.tenant != row.tenant) continue;
      state->strangers.erase(found);
      state->suspects.push_back(row);
    }
    confirm(to);
  }
  state->text = "not an object of this table";
  for (const auto& [id, each] : state->strangers) add_difference(to, "foreign", each);
  state->strangers.clear();
}

// Objects of a tenant that no row has.
void compare_objects(const report& to, const std::string& tenant) {
  weaviate::page_query query;
  static const std::string* const key_name = new std::string("stash_key");
  query.collection = state->config.collection;
  query.tenant = tenant;
  query.limit = ids_a_page;
  query.properties = {key_name, 1};
  while (true) {
    CHECK_FOR_INTERRUPTS();
    state->found = weaviate::read_page(state->server, query,
                                       call_server(weaviate::page_request(state->server, query)));
    if (weaviate::lacks_tenant(state->found.failed.cause)) return;
    if (state->found.failed.verdict != weaviate::verdict::done) report_server(state->found.failed);
    const std::size_t count = state->found.hits.size();
    state->page.clear();
    for (const weaviate::search_hit& hit : state->found.hits) {
      suspect& each = state->page.emplace_back();
      each.tenant = tenant;
      each.id = hit.id;
      name_suspect(&each, hit);
      // Altered so that it names another key: its row has been reported.
      if (each.is_object && state->altered.contains(each.id.bytes)) state->page.pop_back();
    }
    pause_here(pause_point::objects_listed);
    if (count > 0) query.after = state->found.hits.back().id;
    see_rows(state->page, &state->first.rows);
    for (std::size_t i = 0; i < state->page.size(); i++)
      if (!state->first.rows[i].there) state->suspects.push_back(state->page[i]);
    confirm(to);
    if (state->strangers.size() >= most_strangers) judge_strangers(to);
    if (count < ids_a_page) return;
  }
}

void compare_all_objects(const report& to) {
  static const std::string* const none = new std::string;
  if (!has_tenants()) return compare_objects(to, *none);
  state->tenant_list.clear();
  state->found.failed = weaviate::read_tenants(
      call_server(weaviate::tenants_request(state->server, state->config.collection)),
      &state->tenant_list);
  if (state->found.failed.verdict != weaviate::verdict::done) report_server(state->found.failed);
  for (const weaviate::tenant& each : state->tenant_list) {
    if (!each.active)
      ereport(WARNING, (errmsg("tenant \"%s\" of collection \"%s\" is not active, and was not "
                               "compared",
                               each.name.c_str(), state->config.collection.c_str())));
    else
      compare_objects(to, each.name);
  }
}

void compare_collection(const report& to, Oid relation, const std::string& collection) {
  state->source.reset();
  state->config = {};
  state->altered.clear();
  state->inactive.clear();
  state->strangers.clear();
  const as_owner owner;
  (void)load_sync_of(relation, collection.c_str(), nullptr, &state->config);
  owner.finish();
  state->ids[collection] = state->config.id;
  if (!state->config.problem.empty())
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("\"%s\" cannot be compared: %s", get_rel_name(relation),
                           state->config.problem.c_str())));
  state->source = std::make_unique<row_source>(state->config);
  state->property_names = {"stash_key"};
  for (const property_column& each : state->config.properties)
    state->property_names.push_back(each.name);
  state->vector_names.clear();
  state->all_vectors.clear();
  for (const vector_column& each : state->config.vectors) {
    state->all_vectors.push_back(each.name);
    if (!each.name.empty()) state->vector_names.push_back(each.name);
  }
  wait_for_changes();
  compare_rows(to);
  compare_all_objects(to);
  judge_strangers(to);
}

void check_transaction() {
  if (my_vector_slot() == nullptr)
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("pg_stash is not preloaded, so nothing is sent"),
                    errhint("Add pg_stash to shared_preload_libraries and restart the server.")));
  if (IsolationUsesXactSnapshot() || TransactionIdIsValid(GetTopTransactionIdIfAny()))
    ereport(ERROR,
            (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
             errmsg("vector_reconcile needs a transaction of its own"),
             errdetail("It waits for the network and for other transactions, so its own must "
                       "be READ COMMITTED and must not have written anything."),
             errhint("Call it outside of BEGIN and COMMIT.")));
}

void load_state(Datum relation, argument collection) {
  delete state;
  state = nullptr;
  state = new reconcile_state;
  const as_owner owner;
  const std::uint64_t count = run(syncs_to_compare, {{relation}, collection});
  for (std::uint64_t i = 0; i < count; i++) {
    bool null = false;
    state->collections.emplace_back(TextDatumGetCString(result(i, 1, &null)));
  }
  owner.finish();
  state->server = configured_server().server;
}

const char* text_of(TupleTableSlot* slot, int column) {
  bool null = false;
  const Datum value = slot_getattr(slot, column, &null);
  return null ? nullptr : TextDatumGetCString(value);
}

// The network is done with: what is wrong becomes a change like any other.
void note_repairs(const report& to) {
  TupleTableSlot* slot = MakeSingleTupleTableSlot(to.shape, &TTSOpsMinimalTuple);
  while (tuplestore_gettupleslot(to.copy, true, false, slot)) {
    CHECK_FOR_INTERRUPTS();
    const std::int32_t sync = state->ids.at(text_of(slot, 1));
    const char* key = text_of(slot, 3);
    const char* tenant = text_of(slot, 4);
    bool null = false;
    if (key != nullptr) {
      write_outbox(sync, change::key, tenant, key, std::strlen(key));
    } else {
      const char* id = DatumGetCString(DirectFunctionCall1(uuid_out, slot_getattr(slot, 5, &null)));
      write_outbox(sync, change::object, tenant, id, std::strlen(id));
    }
  }
  ExecDropSingleTupleTableSlot(slot);
}

}  // namespace

// vector_reconcile(relation, repair, collection)
STASH_FUNCTION(vector_reconcile) {
  if (PG_ARGISNULL(0)) report_null("relation");
  if (PG_ARGISNULL(1)) report_null("repair");
  const Oid relation = PG_GETARG_OID(0);
  check_table_owner(relation);
  check_transaction();
  load_state(PG_GETARG_DATUM(0), {PG_GETARG_DATUM(2), PG_ARGISNULL(2)});
  const row_set rows(fcinfo);
  report to = {&rows, tuplestore_begin_heap(false, false, work_mem),
               reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo)->setDesc};
  for (const std::string& each : state->collections) compare_collection(to, relation, each);
  if (PG_GETARG_BOOL(1)) note_repairs(to);
  tuplestore_end(to.copy);
  delete state;
  state = nullptr;
  return 0;
}

}  // namespace stash
