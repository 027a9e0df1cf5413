// What the answers mean: what is there is settled, what failed waits, is refused, or stops a table
// or everything for a while.
//
// Refused for good: the object that the server still has of the key is stale, so it is deleted, and
// the key becomes a dead letter. Network and server troubles count against nobody's key: the
// breaker opens, for longer each time, and a probe closes it.
#include "session/statement.hpp"
#include "vector/collection.hpp"
#include "vector/forwarder.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "common/pg_prng.h"
}

namespace stash {
namespace {

using weaviate::cause;
using weaviate::verdict;

constexpr std::int64_t first_pause_ms = 250;
constexpr std::int64_t longest_pause_ms = 30'000;
// Tenants that take nothing: so many are found one after the other, and so many remembered.
constexpr std::size_t named_one_by_one = 8;
constexpr std::size_t most_refusing = 10'000;

// Twice as long each time, and not all at once.
std::int64_t pause_us(std::int64_t least_ms, int times) {
  std::int64_t ms = least_ms;
  for (int i = 1; i < times && ms < longest_pause_ms; i++) ms *= 2;
  ms = std::min(ms, longest_pause_ms);
  return ms * 500 + static_cast<std::int64_t>(pg_prng_double(&pg_global_prng_state) *
                                              static_cast<double>(ms * 500));
}

statement write_failure{
    "INSERT INTO stash.vector_failure AS f (sync, tenant, key, attempts, dead, error, failed_at,"
    " retry_at) VALUES ($1, $2, $3, 1, $4, $5, now(), now() + interval '1 s')"
    " ON CONFLICT (sync, tenant, key) DO UPDATE SET attempts = f.attempts + 1, dead = "
    "excluded.dead,"
    " error = excluded.error, failed_at = now(), retry_at = now() + interval '1 s'"
    " * (power(2, least(f.attempts, 9)) * (0.75 + random() / 2))",
    5,
    {INT4OID, TEXTOID, TEXTOID, BOOLOID, TEXTOID}};
statement drop_failure{
    "DELETE FROM stash.vector_failure WHERE sync = $1 AND tenant = $2 AND key = $3",
    3,
    {INT4OID, TEXTOID, TEXTOID}};

void note_error(std::int32_t sync, const std::string& text) {
  sync_figures* figures = figures_of(sync, false);
  if (figures == nullptr) return;
  strlcpy(figures->last_error, text.c_str(), sizeof figures->last_error);
  figures->failed_at = GetCurrentTimestamp();
}

collection_wish wish_of(const sync_config& config) {
  collection_wish wish;
  wish.name = config.collection;
  for (const vector_column& each : config.vectors) wish.vectors.push_back(each.name);
  for (const property_column& each : config.properties)
    wish.properties.emplace_back(each.name, each.type);
  wish.distance = config.distance;
  wish.index = config.index;
  wish.replication_factor = config.replication_factor;
  wish.tenants = !config.tenant_column.empty();
  return wish;
}

}  // namespace

void forwarder::receive() {
  engine_.perform();
  while (auto answer = engine_.next_completed()) {
    const auto found = flights_.find(answer->id);
    if (found == flights_.end()) continue;
    flight of = std::move(found->second);
    flights_.erase(found);
    settle(std::move(of), *answer);
  }
}

void forwarder::settle(flight of, const http::response& answer) {
  const auto found = tables_.find(of.sync);
  synced_table* table = found == tables_.end() ? nullptr : &found->second;
  if (table != nullptr) table->flights--;
  if (of.what == errand::upsert || of.what == errand::remove)
    settle_batch(table, &of, answer);
  else
    settle_control(table, of, answer);
}

void forwarder::settle_batch(synced_table* table, flight* of, const http::response& answer) {
  const bool upsert = of->what == errand::upsert;
  const weaviate::batch_result result =
      upsert ? of->upserts->read(answer) : of->deletes->read(answer);
  if (weaviate::may_come_late(answer))
    of->unknown_after_us = static_cast<std::int64_t>(answer.seconds * 1e6);
  // A table that is gone: whatever the server said.
  if (table == nullptr || table->gone) return let_go(of);
  if (result.whole.verdict != verdict::done) return whole_fault(table, of, result.whole);
  worked();
  std::vector<bool> faulty(of->keys.size(), false);
  for (const weaviate::object_fault& each : result.faults) {
    if (each.index >= of->keys.size()) continue;
    faulty[each.index] = true;
    fault(table, of->keys[each.index], each.judged);
  }
  std::int64_t there = 0;
  for (std::size_t i = 0; i < of->keys.size(); i++) {
    if (faulty[i]) continue;
    if (!table->refusing.empty()) table->refusing.erase(of->keys[i]->tenant);
    finish(of->keys[i]);
    there++;
  }
  if (result.faults.empty()) {
    table->rests = 0;
    table->rests_until = 0;
  }
  if (sync_figures* figures = figures_of(table->config.id, false)) {
    (upsert ? figures->sent : figures->deleted) += there;
    figures->last_sent_at = GetCurrentTimestamp();
  }
}

// One object, while the others of its batch are there.
void forwarder::fault(synced_table* table, pending_key* key, const weaviate::judgement& judged) {
  note_error(table->config.id, judged.message);
  if (judged.cause == cause::missing_collection || judged.cause == cause::schema) {
    table->collection = collection_state::unknown;
    queue_.put_back(key);
    if (judged.cause == cause::schema && !is_resting(*table)) rest(table, judged.message, 1000);
    return;
  }
  if (judged.cause == cause::read_only) {
    queue_.put_back(key);
    if (!is_resting(*table)) rest(table, judged.message, 1000);
    return;
  }
  if (judged.verdict == verdict::reject && key->refused.empty() && !key->is_object) {
    key->refused = judged.message;
    if (table->groups.empty() || table->groups.back().size() >= 1000 ||
        table->groups.back().front()->refused.empty())
      table->groups.emplace_back();
    table->groups.back().push_back(key);
    return;
  }
  // A foreign object that stays is found again by whoever compares.
  if (!key->is_object)
    failures_.push_back(
        {key->sync, key->tenant, key->key, judged.verdict == verdict::reject, judged.message});
  queue_.done(key, [&](const change_ticket& ticket) { settle_ticket(table->config.id, ticket); });
}

// A tenant takes nothing, and with it the whole batch was refused. The server's message names it:
// its keys are tried again later, those of the others go together at once. Where that goes on, or
// names nobody, each tenant gets a batch of its own.
void forwarder::tenant_fault(synced_table* table, flight* of, const weaviate::judgement& judged) {
  std::map<std::string_view, key_group> tenants;
  for (pending_key* key : of->keys) tenants[key->tenant].push_back(key);
  const auto named = std::find_if(tenants.begin(), tenants.end(), [&](const auto& each) {
    return tenants.size() == 1 || weaviate::names(judged.message, each.first);
  });
  key_group others;
  for (auto& [tenant, keys] : tenants) {
    if (named != tenants.end() && tenant == named->first) {
      if (table->refusing.size() < most_refusing) table->refusing.emplace(tenant);
      for (pending_key* key : keys) fault(table, key, judged);
    } else if (named == tenants.end() || table->refusing.size() > named_one_by_one) {
      table->groups.push_back(std::move(keys));
    } else {
      others.insert(others.end(), keys.begin(), keys.end());
    }
  }
  if (!others.empty()) table->groups.push_back(std::move(others));
}

// None of the batch is known to be there.
void forwarder::whole_fault(synced_table* table, flight* of, const weaviate::judgement& judged) {
  note_error(table->config.id, judged.message);
  const bool removes = of->what == errand::remove;
  const bool tenant = weaviate::lacks_tenant(judged.cause);
  // Where there is no such tenant, or no collection, there is nothing to delete.
  if (removes && judged.cause == cause::missing_tenant) {
    for (pending_key* key : of->keys) finish(key);
    return;
  }
  if (tenant) return tenant_fault(table, of, judged);
  if (judged.verdict == verdict::split || judged.verdict == verdict::reject) {
    if (of->keys.size() == 1)
      return fault(table, of->keys[0], {verdict::reject, judged.cause, judged.message});
    const auto middle = of->keys.begin() + static_cast<std::ptrdiff_t>(of->keys.size() / 2);
    table->groups.emplace_back(of->keys.begin(), middle);
    table->groups.emplace_back(middle, of->keys.end());
    return;
  }
  let_go(of);
  switch (judged.cause) {
    case cause::missing_collection:
      table->collection = collection_state::unknown;
      break;
    case cause::schema:
      table->collection = collection_state::unknown;
      rest(table, judged.message, 1000);
      break;
    case cause::read_only:
      rest(table, judged.message, 1000);
      break;
    case cause::unauthorized:
    case cause::quota:
      hold(judged.message, 5000);
      break;
    case cause::dialect:
      probed_ = false;
      break;
    default:
      broke(judged.message);
      break;
  }
}

// Before the collection is made: whatever had been sent to the one before is not there.
bool forwarder::ask_for_backfill(synced_table* table) {
  std::string error;
  const bool asked =
      !table->config.backfill ||
      in_transaction([&] { write_outbox(table->config.id, change::backfill, nullptr, "", 0); },
                     &error);
  if (!asked) {
    table->collection = collection_state::unknown;
    rest(table, error, 1000);
  }
  return asked;
}

void forwarder::settle_control(synced_table* table, const flight& of,
                               const http::response& answer) {
  if (of.what == errand::probe) {
    probing_ = false;
    const bool answered = answer.outcome == http::outcome::answered;
    const bool unknown_path = answered && (answer.status == 404 || answer.status == 405 ||
                                           answer.status == 415 || answer.status == 501);
    if (weaviate::is_success(answer) || unknown_path) {
      server_.dialect = unknown_path ? weaviate::dialect::rest : weaviate::dialect::connect;
      probed_ = true;
      held_back_.clear();
      worked();
      my_vector_slot()->dirty = 1;
      return;
    }
    const weaviate::judgement judged = weaviate::judge_failure(answer);
    if (judged.verdict == verdict::pause) return hold(judged.message, 5000);
    return broke(judged.message);
  }
  if (table == nullptr || table->gone) return;
  const bool answered = answer.outcome == http::outcome::answered;
  if (of.what == errand::look && answered && (answer.status == 200 || answer.status == 404)) {
    if (answer.status == 404) {
      if (!ask_for_backfill(table)) return;
      table->collection = collection_state::making;
      flight made;
      made.what = errand::make;
      return submit(table, std::move(made),
                    weaviate::rest_call(server_, http::method::post, "/schema",
                                        collection_definition(wish_of(table->config))));
    }
    const std::string differs = collection_differences(wish_of(table->config), answer.body);
    if (!differs.empty()) {
      table->collection = collection_state::unknown;
      note_error(of.sync, differs);
      return rest(table, "the collection does not fit: " + differs, 2000);
    }
    table->collection = collection_state::ready;
    my_vector_slot()->dirty = 1;
    return;
  }
  if (of.what == errand::make && weaviate::is_success(answer)) {
    table->collection = collection_state::ready;
    my_vector_slot()->dirty = 1;
    return;
  }
  if (of.what == errand::drop &&
      (weaviate::is_success(answer) ||
       (answered && (answer.status == 404 || answer.status == 400 || answer.status == 200)))) {
    drop_rows_of(of.sync);
    return;
  }
  if ((of.what == errand::list || of.what == errand::tenants) && weaviate::is_success(answer)) {
    flight page;
    page.what = of.what;
    page.tenant = of.tenant;
    return take_objects(table, &page, answer);
  }
  if (of.what == errand::list || of.what == errand::tenants) table->sweep.listing = false;
  const weaviate::judgement judged = weaviate::judge_failure(answer);
  if (of.what == errand::list && weaviate::lacks_tenant(judged.cause))
    return pass_by_tenant(&table->sweep);
  note_error(of.sync, judged.message);
  if (of.what == errand::look || of.what == errand::make ||
      judged.cause == cause::missing_collection)
    table->collection = collection_state::unknown;
  if (judged.cause == cause::unauthorized || judged.cause == cause::quota)
    return hold(judged.message, 5000);
  if (judged.cause == cause::network || judged.cause == cause::overloaded)
    return broke(judged.message);
  rest(table, judged.message, 1000);
}

void forwarder::finish(pending_key* key) {
  const std::int32_t sync = key->sync;
  if (!key->refused.empty()) {
    failures_.push_back({sync, key->tenant, key->key, true, key->refused});
    if (sync_figures* figures = figures_of(sync, false)) figures->failed++;
    note_error(sync, key->refused);
  } else if (any_failures_) {
    recovered_.push_back({sync, key->tenant, key->key, false, ""});
  }
  queue_.done(key, [&](const change_ticket& ticket) { settle_ticket(sync, ticket); });
}

void forwarder::settle_ticket(std::int32_t sync, const change_ticket& ticket) {
  if (ticket.source < outbox_leaves) {
    leaves_[ticket.source].settle(ticket.place, sync);
    if (sync_figures* figures = figures_of(sync, false)) figures->settled_rows++;
  } else if (ticket.source == ticket_of_job) {
    const auto found = tables_.find(sync);
    if (found == tables_.end()) return;
    vector_job& job = ticket.place == static_cast<std::uint64_t>(change::backfill)
                          ? found->second.backfill
                          : found->second.sweep;
    if (job.outstanding > 0) job.outstanding--;
  }
}

void forwarder::put_back(const key_group& keys) {
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) queue_.put_back(*key);
}

bool forwarder::is_resting(const synced_table& table) {
  return table.rests_until > GetCurrentTimestamp();
}

void forwarder::rest(synced_table* table, const std::string& why, int least_ms) {
  table->rests++;
  table->resting_for = why;
  table->rests_until = GetCurrentTimestamp() + pause_us(least_ms, table->rests);
  note_error(table->config.id, why);
}

void forwarder::hold(const std::string& why, int ms) {
  held_back_ = why;
  probed_ = false;
  open_until_ = GetCurrentTimestamp() + pause_us(ms, 1);
}

void forwarder::broke(const std::string& why) {
  // Requests that were under way together fail together: once.
  if (GetCurrentTimestamp() < open_until_) return;
  breaks_++;
  probed_ = false;
  open_until_ = GetCurrentTimestamp() + pause_us(first_pause_ms, breaks_);
  last_break_ = why;
}

void forwarder::worked() {
  if (breaks_ > 0) {
    late_.expect_soon(GetCurrentTimestamp());
    // Not with the next publish(): who has waited for his changes may search now.
    my_vector_slot()->breaker = 0;
  }
  breaks_ = 0;
  open_until_ = 0;
}

// Before the outbox's rows may go, what became of them must be written down.
void forwarder::write_failures() {
  if (failures_.empty() && recovered_.empty()) return;
  std::string error;
  if (!in_transaction(
          [&] {
            const as_owner owner;
            for (const failure& each : failures_)
              (void)stash::run(write_failure, {{Int32GetDatum(each.sync)},
                                               {CStringGetTextDatum(each.tenant.c_str())},
                                               {CStringGetTextDatum(each.key.c_str())},
                                               {BoolGetDatum(each.dead)},
                                               {CStringGetTextDatum(each.error.c_str())}});
            for (const failure& each : recovered_)
              (void)stash::run(drop_failure, {{Int32GetDatum(each.sync)},
                                              {CStringGetTextDatum(each.tenant.c_str())},
                                              {CStringGetTextDatum(each.key.c_str())}});
            owner.finish();
          },
          &error)) {
    ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
                    errmsg("failures cannot be written down: %s", error.c_str())));
  }
  any_failures_ = any_failures_ || !failures_.empty();
  for (const failure& each : failures_) {
    const auto found = tables_.find(each.sync);
    if (found != tables_.end() && !each.dead) found->second.retrying++;
  }
  failures_.clear();
  recovered_.clear();
}

}  // namespace stash
