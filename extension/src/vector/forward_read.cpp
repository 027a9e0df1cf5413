// What the forwarder reads: changes out of the leaves, keys that failed and are due again; and what
// it tells others: figures, and sessions in vector_wait.
#include "vector/forwarder.hpp"

#include "session/statement.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

constexpr std::int64_t poll_us = 1'000'000;
constexpr std::int64_t gather_us = 10'000;
constexpr std::int64_t busy_gather_us = 40'000;
// Ten times what it takes to pass over a page.
constexpr std::int64_t page_gather_us = 5;

statement known_sync{"SELECT 1 FROM stash.vector_sync WHERE id = $1", 1, {INT4OID}};
statement due_failures{
    "SELECT f.sync, f.tenant, f.key FROM stash.vector_failure AS f"
    " WHERE NOT f.dead AND f.retry_at <= now() ORDER BY f.retry_at LIMIT 1000",
    0,
    {}};
statement count_failures{
    "SELECT f.sync, count(*) FILTER (WHERE NOT f.dead) FROM stash.vector_failure AS f"
    " GROUP BY f.sync",
    0,
    {}};

const char* text_of(std::uint64_t row, int column) {
  bool null = false;
  return TextDatumGetCString(result(row, column, &null));
}

verdict_of_row take(const outbox_row& row, int leaf) { return the_forwarder().take_row(row, leaf); }
bool sleeps(std::int32_t sync) { return the_forwarder().asleep(sync); }

}  // namespace

bool forwarder::asleep(std::int32_t sync) const {
  const auto found = tables_.find(sync);
  if (found == tables_.end()) return false;
  const synced_table& table = found->second;
  if (table.config.dropped) return false;
  if (!have_server_ || !held_back_.empty() || !probed_) return true;
  return table.config.paused || !table.config.problem.empty() ||
         table.collection != collection_state::ready || is_resting(table);
}

// Asked after the row was seen, so a table that is not there was not there when the row was
// written, or is not there any more.
bool forwarder::is_new_sync(std::int32_t sync) {
  const auto [found, fresh] = unknown_.try_emplace(sync, false);
  if (!fresh) return found->second;
  const as_owner owner;
  found->second = stash::run(known_sync, {{Int32GetDatum(sync)}}) > 0;
  owner.finish();
  reload_ = reload_ || found->second;
  return found->second;
}

verdict_of_row forwarder::take_row(const outbox_row& row, int leaf) {
  const auto found = tables_.find(row.sync);
  const change_ticket ticket = {static_cast<std::uint32_t>(leaf), epoch_, row.place, row.at};
  if (found == tables_.end() || found->second.gone || found->second.config.dropped) {
    if (found == tables_.end() && is_new_sync(row.sync)) return verdict_of_row::left;
    leaves_[leaf].settle(row.place, row.sync);
    return verdict_of_row::taken;
  }
  if (asleep(row.sync)) return verdict_of_row::left;
  if (row.what == change::key || row.what == change::object) {
    if (queue_.full()) return verdict_of_row::stop;
    queue_.add(row.sync, row.tenant != nullptr, row.tenant == nullptr ? "" : row.tenant, row.key,
               ticket, row.what == change::object);
  } else {
    vector_job& job = row.what == change::sweep ? found->second.sweep : found->second.backfill;
    job.asked.emplace_back(leaf, ticket);
  }
  return verdict_of_row::taken;
}

// Tables of which nothing can be sent must not keep others out of the queue: what was read of them
// is the outbox's again.
void forwarder::make_room() {
  for (auto& entry : tables_) {
    const auto id = entry.first;
    auto& table = entry.second;
    // Answers that are still to come would be counted against what begins anew.
    if (!asleep(id) || table.flights > 0 || late_.held(id) > 0) continue;
    for (const key_group& group : table.groups) put_back(group);
    table.groups.clear();
    if (queue_.waiting(id) == 0) continue;
    queue_.forget(id, [&](const change_ticket& ticket) {
      if (ticket.source < outbox_leaves) leaves_[ticket.source].unread(ticket.place, id);
    });
    for (vector_job* job : {&table.backfill, &table.sweep}) {
      if (!job->active()) continue;
      // It begins anew, from where it had come when that was last written down.
      vector_job again;
      again.running = std::move(job->running);
      again.asked = std::move(job->asked);
      again.resumes = true;
      *job = std::move(again);
    }
    // Nobody waits for what was forgotten; whoever asks is armed anew when it is read again.
    for (armed_wait& wait : armed_)
      if (wait.sync == id) wait = {};
  }
}

// The first commit after a while is read at once. Those that follow it closely are read together:
// scans one after the other would take a processor from those who commit. Each passes over every
// page that there is, so the more of them, the rarer they are; and while nothing can be sent of any
// table, which may be long, commits are no reason for one.
std::int64_t forwarder::next_scan_at() const {
  const std::int64_t now = GetCurrentTimestamp();
  if (scanned_at_ > now) return now;
  const bool told = my_vector_slot()->dirty.load() != 0 || !complete_;
  if (!told || !any_awake()) return scanned_at_ + poll_us;
  std::size_t pages = 0;
  for (const leaf_state& leaf : leaves_) pages += leaf.pages();
  const std::int64_t cost = static_cast<std::int64_t>(pages) * page_gather_us;
  // What is read while the server is busy waits for it anyway.
  const std::int64_t least = flights_.empty() ? gather_us : busy_gather_us;
  return scanned_at_ + std::clamp(cost, least, poll_us);
}

// Without a table that is known, rows in the outbox tell of one that is not.
bool forwarder::any_awake() const {
  return tables_.empty() || std::any_of(tables_.begin(), tables_.end(), [&](const auto& each) {
           return !each.second.gone && !asleep(each.first);
         });
}

// Backlog is read again when there is room for a good part of it.
bool forwarder::waits_for_room() const { return !complete_ && queue_.half_full(); }

void forwarder::scan() {
  vector_slot* slot = my_vector_slot();
  const std::int64_t now = GetCurrentTimestamp();
  // Whoever commits meanwhile finds it dirty, and need not wake anybody.
  if (next_scan_at() > now) return;
  if (waits_for_room()) make_room();
  if (waits_for_room()) return;
  slot->dirty = 0;
  wait_place* places = wait_places();
  // Who asked before the scan began; 0: nobody.
  std::uint32_t asked[vector_waiters] = {};
  for (int i = 0; i < vector_waiters; i++)
    if (places[i].taken == 2 && places[i].database == MyDatabaseId &&
        (armed_[i].epoch == 0 || armed_[i].ticket != places[i].ticket))
      asked[i] = places[i].ticket;
  unknown_.clear();
  bool complete = true;
  std::string error;
  if (!in_transaction(
          [&] {
            for (int leaf = 0; leaf < outbox_leaves && complete; leaf++)
              complete = scan_leaf(leaf, &leaves_[leaf], take, sleeps);
            read_failures();
            // Of a table that came with a restore, whoever waits for it may be the first to tell.
            for (int i = 0; i < vector_waiters; i++)
              if (asked[i] != 0 && !tables_.contains(places[i].sync) && is_new_sync(places[i].sync))
                asked[i] = 0;
          },
          &error)) {
    slot->dirty = 1;
    ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
                    errmsg("the outbox cannot be read: %s", error.c_str())));
  }
  complete_ = complete;
  scanned_at_ = now;
  if (first_look_) {
    first_look_ = false;
    // Whatever was under way has a row there, or is a failure that is tried again.
    bool empty = !any_failures_;
    for (const leaf_state& leaf : leaves_) empty = empty && leaf.pages() == 0;
    if (empty) hold_until_ = 0;
  }
  for (int i = 0; i < vector_waiters && complete; i++)
    if (asked[i] != 0 && !asleep(places[i].sync)) armed_[i] = {places[i].sync, epoch_, asked[i]};
  epoch_++;
}

void forwarder::read_failures() {
  const as_owner owner;
  const std::uint64_t counted = stash::run(count_failures, {});
  any_failures_ = counted > 0;
  for (auto& [id, table] : tables_) table.retrying = 0;
  for (std::uint64_t row = 0; row < counted; row++) {
    bool null = false;
    const auto found = tables_.find(DatumGetInt32(result(row, 1, &null)));
    if (found != tables_.end()) found->second.retrying = DatumGetInt64(result(row, 2, &null));
  }
  const std::uint64_t due = any_failures_ ? stash::run(due_failures, {}) : 0;
  for (std::uint64_t row = 0; row < due && !queue_.full(); row++) {
    bool null = false;
    const std::int32_t sync = DatumGetInt32(result(row, 1, &null));
    if (!tables_.contains(sync) || asleep(sync)) continue;
    const char* tenant = text_of(row, 2);
    queue_.add(sync, *tenant != '\0', tenant, text_of(row, 3), {ticket_of_retry, epoch_, 0, 0});
  }
  owner.finish();
}

std::uint32_t forwarder::oldest_open(const synced_table& table) const {
  std::uint32_t oldest = queue_.oldest_epoch(table.config.id);
  for (const vector_job* job : {&table.backfill, &table.sweep})
    for (const auto* list : {&job->running, &job->asked})
      for (const auto& [leaf, ticket] : *list) oldest = std::min(oldest, ticket.epoch);
  return oldest;
}

void forwarder::answer_waiters() {
  wait_place* places = wait_places();
  bool answered = false;
  for (int i = 0; i < vector_waiters; i++) {
    armed_wait& wait = armed_[i];
    if (wait.epoch == 0) continue;
    const auto found = tables_.find(wait.sync);
    if (places[i].taken != 2 || places[i].ticket != wait.ticket) {
      wait = {};
    } else if (found == tables_.end() ||
               (found->second.retrying == 0 && oldest_open(found->second) > wait.epoch)) {
      places[i].taken = 3;
      wait = {};
      answered = true;
    }
  }
  if (answered) ConditionVariableBroadcast(vector_answered());
}

void forwarder::publish() {
  vector_slot* slot = my_vector_slot();
  strlcpy(slot->held_back, held_back_.c_str(), sizeof slot->held_back);
  const std::int64_t now = GetCurrentTimestamp();
  slot->open_until = open_until_;
  slot->breaker = breaks_ == 0 ? 0 : (open_until_ > now ? 1 : 2);
  for (auto& [id, table] : tables_) {
    sync_figures* figures = figures_of(id, false);
    if (figures == nullptr) continue;
    figures->job = table.backfill.active() ? 1 : (table.sweep.active() ? 2 : 0);
    const bool open = queue_.waiting(id) + table.flights + late_.held(id) > 0;
    figures->oldest_at = open ? queue_.oldest_at(id) : 0;
    if (now - table.counted_at >= 1'000'000) {
      const std::int64_t total = figures->sent + figures->deleted;
      figures->rate_milli = table.counted_at == 0 ? 0
                                                  : (total - table.counted) * 1'000'000'000 /
                                                        (now - table.counted_at);
      table.counted = total;
      table.counted_at = now;
    }
    std::string why = table.config.problem;
    if (table.config.dropped) why = "the table was dropped";
    if (table.rests_until > now && why.empty()) why = table.resting_for;
    if (std::strcmp(figures->blocked, why.c_str()) != 0)
      strlcpy(figures->blocked, why.c_str(), sizeof figures->blocked);
  }
}

}  // namespace stash
