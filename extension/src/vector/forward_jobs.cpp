// Jobs: backfills, which put every key of a table into the queue, and sweeps, which list the
// objects of a collection and put those keys into the queue whose rows are gone.
//
// Both go through the queue like any change, so they keep no order of their own: whatever is sent
// or deleted is decided by the newest row at that moment.
#include <nlohmann/json.hpp>

#include "session/statement.hpp"
#include "vector/forwarder.hpp"
#include "vector/row_values.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

constexpr int keys_a_page = 1000;
// Listing goes on while fewer keys than this wait, ...
constexpr std::size_t enough_waiting = 4000;
// ... and after so many keys waits until all are there, to write down how far it has come.
constexpr std::size_t keys_a_note = 50'000;

statement write_progress{
    "INSERT INTO stash.vector_progress (sync, job, asked, after_key) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (sync, job) DO UPDATE SET asked = excluded.asked, after_key = excluded.after_key",
    4,
    {INT4OID, CHAROID, TEXTOID, TEXTOID}};
statement drop_progress{
    "DELETE FROM stash.vector_progress WHERE sync = $1 AND job = $2", 2, {INT4OID, CHAROID}};
statement read_progress{
    "SELECT after_key FROM stash.vector_progress WHERE sync = $1 AND job = $2 AND asked = $3",
    3,
    {INT4OID, CHAROID, TEXTOID}};

void report_step(const synced_table& table, const char* what, const std::string& error) {
  ereport(LOG, (errmsg("pg_stash could not %s for collection \"%s\": %s", what,
                       table.config.collection.c_str(), error.c_str())));
}

// Which requests a job answers. One that came later wants rows that this one has passed already, so
// progress counts only for the very same.
std::string requests_of(const vector_job& job) {
  std::int64_t latest = 0;
  for (const auto& [leaf, ticket] : job.running) latest = std::max(latest, ticket.at);
  return std::to_string(job.running.size()) + "/" + std::to_string(latest);
}

}  // namespace

void forwarder::step_jobs() {
  for (auto& [id, table] : tables_) {
    if (table.gone || asleep(id) || table.config.dropped) continue;
    for (vector_job* job : {&table.backfill, &table.sweep}) {
      if (!job->active() && !job->asked.empty()) {
        std::vector<std::pair<std::int32_t, change_ticket>> running = std::move(job->asked);
        *job = vector_job();
        job->running = std::move(running);
        job->resumes = true;
      }
    }
    if (table.backfill.active()) step_backfill(&table);
    if (table.sweep.active()) step_sweep(&table);
  }
}

void forwarder::step_backfill(synced_table* table) {
  vector_job& job = table->backfill;
  std::string error;
  if (job.resumes) {
    const std::string asked = requests_of(job);
    const bool read = in_transaction(
        [&] {
          const as_owner owner;
          if (stash::run(read_progress, {{Int32GetDatum(table->config.id)},
                                         {CharGetDatum(static_cast<char>(change::backfill))},
                                         {CStringGetTextDatum(asked.c_str())}}) > 0) {
            bool null = false;
            job.after = TextDatumGetCString(result(0, 1, &null));
          }
          owner.finish();
        },
        &error);
    if (!read) return rest(table, error, 1000);
    job.resumes = false;
  }
  if (job.since_noted >= keys_a_note && job.outstanding == 0)
    note_progress(table, job, change::backfill);
  while (!job.listed && job.since_noted < keys_a_note && !queue_.full() &&
         queue_.waiting(table->config.id) < enough_waiting && !is_resting(*table))
    list_page(table, &job);
  if (job.listed && job.outstanding == 0) end_job(table, &job, change::backfill);
}

void forwarder::list_page(synced_table* table, vector_job* job) {
  std::string error;
  std::string last = job->after;
  const bool listed = in_transaction(
      [&] {
        auto* keys = static_cast<listed_key*>(palloc(sizeof(listed_key) * keys_a_page));
        const as_owner owner;
        const std::size_t count =
            list_keys(table->config, table->source.get(),
                      job->after.empty() ? nullptr : &job->after, keys_a_page, keys);
        for (std::size_t i = 0; i < count; i++) {
          last.assign(keys[i].key, keys[i].key_size);
          if (!keys[i].has_embedding) continue;
          queue_.add(table->config.id, keys[i].tenant != nullptr,
                     keys[i].tenant == nullptr ? "" : keys[i].tenant, last,
                     {ticket_of_job, epoch_, static_cast<std::uint64_t>(change::backfill), 0});
          job->outstanding++;
        }
        owner.finish();
        job->since_noted += count;
        job->listed = count < keys_a_page;
      },
      &error);
  if (!listed) {
    reload_ = true;
    return rest(table, error, 1000);
  }
  job->after = last;
}

void forwarder::note_progress(synced_table* table, const vector_job& job, change what) {
  const std::string asked = requests_of(job);
  std::string error;
  if (in_transaction(
          [&] {
            const as_owner owner;
            (void)stash::run(write_progress, {{Int32GetDatum(table->config.id)},
                                              {CharGetDatum(static_cast<char>(what))},
                                              {CStringGetTextDatum(asked.c_str())},
                                              {CStringGetTextDatum(job.after.c_str())}});
            owner.finish();
          },
          &error))
    table->backfill.since_noted = 0;
  else
    report_step(*table, "note a job's progress", error);
}

// Its rows in the outbox are settled; whoever asked meanwhile begins anew.
void forwarder::end_job(synced_table* table, vector_job* job, change what) {
  std::string error;
  if (!in_transaction(
          [&] {
            const as_owner owner;
            (void)stash::run(drop_progress, {{Int32GetDatum(table->config.id)},
                                             {CharGetDatum(static_cast<char>(what))}});
            owner.finish();
          },
          &error))
    return report_step(*table, "end a job", error);
  for (const auto& [leaf, ticket] : job->running) settle_ticket(table->config.id, ticket);
  std::vector<std::pair<std::int32_t, change_ticket>> asked = std::move(job->asked);
  *job = vector_job();
  job->asked = std::move(asked);
}

// Lists one page at a time: the tenants first, when there are any.
void forwarder::step_sweep(synced_table* table) {
  vector_job& job = table->sweep;
  if (job.listing || queue_.full()) return;
  const bool tenants = !table->config.tenant_column.empty();
  if (job.listed) {
    if (job.outstanding == 0) end_job(table, &job, change::sweep);
    return;
  }
  flight made;
  if (tenants && !job.tenants_known) {
    made.what = errand::tenants;
    job.listing = true;
    submit(table, std::move(made),
           weaviate::rest_call(server_, http::method::get,
                               "/schema/" + table->config.collection + "/tenants"));
    return;
  }
  if (tenants && job.tenants.empty()) {
    job.listed = true;
    return;
  }
  std::string path = "/objects?class=" + table->config.collection + "&limit=500";
  if (!job.after.empty()) path += "&after=" + job.after;
  if (tenants) {
    made.tenant = job.tenants.back();
    path += "&tenant=" + weaviate::escape_path(made.tenant);
  }
  made.what = errand::list;
  job.listing = true;
  submit(table, std::move(made), weaviate::rest_call(server_, http::method::get, path));
}

// Which of some keys have a row that belongs there.
class stray_finder final : public row_visitor {
 public:
  stray_finder(const sync_config& config, const key_group& keys)
      : config_(config), keys_(keys), lives_(keys.size(), false) {}
  bool visit(const found_row& row) override {
    const pending_key* key = keys_[row.request];
    const bool same_tenant =
        config_.tenant_column.empty() || (row.tenant != nullptr && key->tenant == row.tenant);
    if (row.is_requested_key && row.has_embedding && same_tenant) lives_[row.request] = true;
    return true;
  }
  [[nodiscard]] bool lives(std::size_t index) const { return lives_[index]; }

 private:
  const sync_config& config_;
  const key_group& keys_;
  std::vector<bool> lives_;
};

void forwarder::look_for_strays(synced_table* table, const key_group& found) {
  stray_finder finder(table->config, found);
  std::string error;
  if (!in_transaction(
          [&] {
            for (pending_key* key : found) key->key = database_text(key->key);
            const as_owner owner;
            (void)read_rows(table->config, table->source.get(), found, &finder);
            owner.finish();
          },
          &error)) {
    reload_ = true;
    return rest(table, error, 1000);
  }
  for (std::size_t i = 0; i < found.size(); i++) {
    if (finder.lives(i)) continue;
    queue_.add(table->config.id, found[i]->has_tenant, found[i]->tenant, found[i]->key,
               {ticket_of_job, epoch_, static_cast<std::uint64_t>(change::sweep), 0});
    table->sweep.outstanding++;
  }
}

// A page of objects, or the list of tenants. Objects without our key are somebody else's.
void forwarder::take_objects(synced_table* table, flight* of, const http::response& answer) {
  using nlohmann::json;
  vector_job& job = table->sweep;
  job.listing = false;
  const json parsed = json::parse(answer.body, nullptr, false);
  if (of->what == errand::tenants) {
    for (const json& each : parsed.is_array() ? parsed : json::array()) {
      // What is in one that is switched off is found when it is compared, after it is on again.
      const std::string status = each.value("activityStatus", std::string("ACTIVE"));
      if (status == "ACTIVE" || status == "HOT")
        job.tenants.push_back(each.value("name", std::string()));
    }
    job.tenants_known = true;
    return;
  }
  const json objects = parsed.is_object() ? parsed.value("objects", json::array()) : json::array();
  std::vector<pending_key> keys;
  std::string last;
  for (const json& each : objects) {
    last = each.value("id", std::string());
    const json properties = each.value("properties", json::object());
    if (!properties.is_object() || !properties.contains("stash_key")) continue;
    pending_key& key = keys.emplace_back();
    key.sync = table->config.id;
    key.has_tenant = !of->tenant.empty();
    key.tenant = of->tenant;
    key.key = properties.value("stash_key", std::string());
  }
  key_group group;
  for (pending_key& key : keys) group.push_back(&key);
  look_for_strays(table, group);
  if (is_resting(*table) && !group.empty()) return;  // the same page again
  job.after = last;
  if (objects.size() >= 500) return;
  if (of->tenant.empty())
    job.listed = true;
  else
    pass_by_tenant(&job);
}

// The one that is being listed is done, or has gone, or was switched off.
void forwarder::pass_by_tenant(vector_job* sweep) {
  sweep->after.clear();
  if (!sweep->tenants.empty()) sweep->tenants.pop_back();
}

}  // namespace stash
