// What the forwarder sends: it takes keys, reads their newest rows in one transaction, ends it, and
// submits what they say: objects to store, ids to delete.
#include "session/statement.hpp"
#include "vector/collection.hpp"
#include "vector/forwarder.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

constexpr std::size_t most_flights = 4;
constexpr std::size_t most_of_one = 3;
constexpr std::size_t most_bytes = 8'000'000;
constexpr std::size_t most_deletes = 1000;
constexpr std::size_t most_objects = 1000;
constexpr std::size_t least_objects = 50;
constexpr std::size_t enough_for_a_batch = 200;

enum class fate : std::uint8_t { unseen, sent, absent, elsewhere, refused };

// As the table wants to be written.
weaviate::server server_for(const sync_config& config, weaviate::server server) {
  server.consistency = config.consistency == "ONE"   ? weaviate::consistency::one
                       : config.consistency == "ALL" ? weaviate::consistency::all
                                                     : weaviate::consistency::quorum;
  return server;
}

}  // namespace

// Turns rows into a batch. What becomes of each key is in `fates`; of those that were not looked
// at, because the batch is full, nothing is known.
class batch_builder final : public row_visitor {
 public:
  batch_builder(forwarder* owner, synced_table* table, const key_group& keys)
      : owner_(owner), table_(table), keys_(keys), fates_(keys.size(), fate::unseen) {
    made.what = errand::upsert;
    made.upserts =
        std::make_unique<weaviate::upsert_batch>(server_for(table->config, owner->server_));
  }

  bool visit(const found_row& row) override {
    pending_key* key = keys_[row.request];
    fate& its = fates_[row.request];
    its = fate::absent;
    if (!row.is_requested_key || (!row.has_embedding && row.fault == nullptr)) return true;
    if (lives_elsewhere(row, *key)) {
      its = key->has_tenant ? fate::absent : fate::elsewhere;
      return true;
    }
    if (row.fault != nullptr) {
      key->refused = row.fault;
      its = fate::refused;
      return true;
    }
    weaviate::object object = row.object;
    object.collection = table_->config.collection;
    object.id = object_id_of(table_->config, key->key);
    made.upserts->add(object);
    made.keys.push_back(key);
    its = fate::sent;
    return made.upserts->bytes() < most_bytes;
  }

  [[nodiscard]] fate of(std::size_t index) const { return fates_[index]; }

  flight made;

 private:
  forwarder* owner_;
  synced_table* table_;
  const key_group& keys_;
  std::vector<fate> fates_;

  // The row's tenant is another than the one that the change names.
  [[nodiscard]] bool lives_elsewhere(const found_row& row, const pending_key& key) const {
    if (table_->config.tenant_column.empty()) return false;
    const bool has_tenant = row.tenant != nullptr;
    return has_tenant != key.has_tenant || (has_tenant && key.tenant != row.tenant);
  }
};

void forwarder::submit(synced_table* table, flight made, http::request request) {
  made.sync = table == nullptr ? 0 : table->config.id;
  made.bytes = request.body.size();
  if (table != nullptr) {
    table->flights++;
    table->sent_at = GetCurrentTimestamp();
  }
  const std::uint64_t id = engine_.submit(std::move(request));
  flights_.emplace(id, std::move(made));
  if (vector_slot* slot = my_vector_slot())
    slot->in_flight = static_cast<std::uint32_t>(flights_.size());
}

// An empty batch: who answers it speaks Connect.
void forwarder::probe() {
  probing_ = true;
  flight made;
  made.what = errand::probe;
  weaviate::server server = server_;
  server.timeout_ms = 10'000;
  submit(nullptr, std::move(made),
         weaviate::connect_call(server, "BatchObjects", R"({"objects":[]})"));
}

void forwarder::look_at_collection(synced_table* table) {
  table->collection = collection_state::asking;
  flight made;
  made.what = errand::look;
  submit(table, std::move(made),
         weaviate::rest_call(server_, http::method::get, "/schema/" + table->config.collection));
}

bool forwarder::send() {
  const std::int64_t now = GetCurrentTimestamp();
  if (!have_server_ || !held_back_.empty()) {
    // Nowhere is anything to be dropped.
    for (auto& [id, table] : tables_)
      if (!have_server_ && held_back_.empty() && table.config.dropped && !table.gone)
        drop_rows_of(id);
    if (have_server_ && now >= open_until_ && !probing_) probe();
    return false;
  }
  if (now < open_until_) return false;
  if (!probed_) {
    if (!probing_) probe();
    return false;
  }
  if (now < hold_until_) return false;
  bool sent = false;
  for (auto& [id, table] : tables_)
    if (flights_.size() < most_flights) sent = send_table(&table) || sent;
  return sent;
}

bool forwarder::send_table(synced_table* table) {
  if (table->gone || table->flights >= most_of_one) return false;
  if (is_resting(*table) || succeeds_another(*table)) return false;
  if (table->config.dropped) {
    if (table->flights == 0) drop_collection(table);
    return false;
  }
  if (table->config.paused || !table->config.problem.empty()) return false;
  if (table->collection == collection_state::unknown) {
    look_at_collection(table);
    // What may be read is read again when it is known.
    return false;
  }
  if (table->collection != collection_state::ready) return false;
  key_group keys;
  if (!table->groups.empty()) {
    keys = std::move(table->groups.front());
    table->groups.pop_front();
  } else if (gathers(*table)) {
    return false;
  } else {
    queue_.take(table->config.id, table->batch, &keys);
    if (!table->refusing.empty()) set_refusing_apart(table, &keys);
  }
  if (keys.empty()) return !table->groups.empty();
  send_keys(table, keys);
  return true;
}

// Single commits that come while the server is at work are sent together: many small requests cost
// it and us more than a few large ones. Not for long, and not when nothing is under way.
bool forwarder::gathers(const synced_table& table) const {
  return table.flights > 0 && queue_.waiting(table.config.id) < enough_for_a_batch &&
         GetCurrentTimestamp() < table.sent_at + longest_gather_us;
}

// Keys of tenants that took nothing the last time go in batches of their own, and after the others.
void forwarder::set_refusing_apart(synced_table* table, key_group* keys) {
  std::map<std::string_view, key_group> apart;
  std::erase_if(*keys, [&](pending_key* key) {
    const bool refusing = table->refusing.contains(key->tenant);
    if (refusing) apart[key->tenant].push_back(key);
    return refusing;
  });
  for (auto& [tenant, group] : apart) table->groups.push_back(std::move(group));
}

// What was sent to the same collection before the table's synchronisation was ended and enabled
// again names the same objects by other keys of ours.
bool forwarder::succeeds_another(const synced_table& table) const {
  return std::any_of(tables_.begin(), tables_.end(), [&](const auto& each) {
    const synced_table& other = each.second;
    return other.gone && other.config.collection == table.config.collection &&
           (other.flights > 0 || late_.held(each.first) > 0);
  });
}

// The majority of a sample: an empty index would take whatever comes first, and mixed at that.
void forwarder::learn_dimensions(synced_table* table) {
  for (vector_column& each : table->config.vectors) {
    if (each.dimensions != 0) continue;
    const std::string column = quoted(each.column) + (each.cast ? "::pg_catalog.float4[]" : "");
    const std::string text =
        "SELECT pg_catalog.cardinality(e) FROM (SELECT " + column + " AS e FROM " +
        table->config.table + " WHERE " + quoted(each.column) +
        " IS NOT NULL LIMIT 200) AS s GROUP BY 1 ORDER BY count(*) DESC LIMIT 1";
    const int code = SPI_execute(text.c_str(), true, 1);
    bool null = true;
    const Datum value = code < 0 || SPI_processed == 0
                            ? 0
                            : SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null);
    if (!null) each.dimensions = DatumGetInt32(value);
  }
}

void forwarder::send_keys(synced_table* table, const key_group& keys) {
  building_ = keys;
  // Keys that were refused, and objects that are nobody's, are deletions already: nothing is read
  // for them.
  key_group to_read;
  key_group to_delete;
  for (pending_key* key : keys)
    (key->refused.empty() && !key->is_object ? to_read : to_delete).push_back(key);
  batch_builder builder(this, table, to_read);
  bool all = true;
  std::string error;
  if (!in_transaction(
          [&] {
            const as_owner owner;
            learn_dimensions(table);
            all = read_rows(table->config, table->source.get(), to_read, &builder);
            owner.finish();
          },
          &error)) {
    put_back(building_);
    building_.clear();
    reload_ = true;
    return rest(table, error, 1000);
  }
  building_.clear();
  for (std::size_t i = 0; i < to_read.size(); i++) {
    const fate its = builder.of(i);
    if (its == fate::unseen && !all)
      queue_.put_back(to_read[i]);
    else if (its == fate::elsewhere || (its == fate::unseen && !deletable(*table, *to_read[i])))
      finish(to_read[i]);
    else if (its != fate::sent)
      to_delete.push_back(to_read[i]);
  }
  if (!builder.made.keys.empty()) {
    http::request request = builder.made.upserts->take_request();
    table->batch = request.body.size() > most_bytes / 2
                       ? std::max(least_objects, table->batch / 2)
                       : std::min(most_objects, table->batch + 100);
    submit(table, std::move(builder.made), std::move(request));
  }
  submit_deletes(table, to_delete);
}

// In a collection with tenants an object without one cannot be.
bool forwarder::deletable(const synced_table& table, const pending_key& key) const {
  return table.config.tenant_column.empty() || (key.has_tenant && !key.tenant.empty());
}

void forwarder::submit_deletes(synced_table* table, const key_group& keys) {
  std::map<std::string, std::vector<flight>> groups;
  for (pending_key* key : keys) {
    if (!deletable(*table, *key)) {
      finish(key);
      continue;
    }
    std::vector<flight>& of = groups[key->tenant];
    if (of.empty() || of.back().keys.size() >= most_deletes) {
      flight& made = of.emplace_back();
      made.what = errand::remove;
      made.tenant = key->tenant;
      made.deletes = std::make_unique<weaviate::delete_batch>(
          server_for(table->config, server_), table->config.collection, key->tenant);
    }
    of.back().deletes->add(key->is_object
                               ? weaviate::uuid_from_text(key->key).value_or(weaviate::uuid())
                               : object_id_of(table->config, key->key));
    of.back().keys.push_back(key);
  }
  for (auto& [tenant, flights] : groups)
    for (flight& made : flights) {
      http::request request = made.deletes->request();
      submit(table, std::move(made), std::move(request));
    }
}

}  // namespace stash
