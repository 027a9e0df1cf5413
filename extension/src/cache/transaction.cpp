// Transaction callbacks: when the log is prepared, committed and aborted (see transaction.hpp).
//
// PRE_COMMIT may raise errors and allocate; it decides whether the transaction is a writer (has an
// xid). COMMIT comes after others can see the transaction and before its locks are released; there
// nothing is allocated and nothing reported.
#include "cache/transaction.hpp"

#include "boundary/guard.hpp"
#include "boundary/pause_point.hpp"
#include "boundary/settings.hpp"
#include "cache/namespaces.hpp"
#include "cache/prepared.hpp"
#include "cache/shared_store.hpp"
#include "store/tag_text.hpp"

#include "boundary/postgres.hpp"

extern "C" {
#include "replication/walsender.h"
}

namespace stash {
namespace {

constexpr int miss_slots = 1024;
constexpr int miss_probes = 8;
constexpr int max_dropped = 16;

// What belongs to one transaction beside its log. Misses are valid for one epoch only, so that
// ending a transaction costs nothing; a forgotten miss only makes a set blind.
struct transaction_state {
  std::uint64_t epoch = 1;
  std::uint64_t last_miss = 0;  // the epoch of the last miss
  bool imported_snapshot = false;
  bool namespace_changes = false;
  bool configuration_changes = false;
  int dropped_count = 0;
  space_index dropped[max_dropped];
  struct {
    std::uint64_t epoch;
    std::uint64_t hash;
    std::uint32_t space;
  } misses[miss_slots];
};
transaction_state state;
transaction_log* log_instance = nullptr;

void forget_transaction() {
  state.epoch++;
  state.imported_snapshot = false;
  state.namespace_changes = false;
  state.configuration_changes = false;
  state.dropped_count = 0;
  if (log_instance != nullptr && !log_instance->empty()) log_instance->clear();
}

bool log_in_use() { return log_instance != nullptr && !log_instance->empty(); }

std::uint32_t process_id_for_claims() {
  return static_cast<std::uint32_t>(compat::process_number()) + 1;
}

void before_commit() {
  if (!log_in_use()) return;
  pause_here(pause_point::before_check);
  const bool writer = TransactionIdIsValid(GetTopTransactionIdIfAny());
  bool holds = true;
  run_guarded([&] {
    log_instance->prepare(shared_store(), writer, process_id_for_claims());
    if (log_instance->has_conditions())
      holds = log_instance->conditions_hold(shared_store(), GetCurrentTimestamp());
  });
  if (!holds)
    ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                    errmsg("could not store a cache entry: another transaction changed it first"),
                    errhint("The transaction might succeed if retried.")));
  pause_here(pause_point::claimed);
  if (writer) pause_here(pause_point::in_flux);
}

void announce_leases() {
  log_instance->each_finished_lease([](std::uint64_t key_hash) { announce_key(key_hash); });
}

void at_commit() {
  if (log_in_use()) {
    pause_here(pause_point::before_stamp);
    pause_here(pause_point::fill_before_put);
    const clocks now =
        log_instance->needs_stamp() ? read_clocks() : clocks{GetCurrentTimestamp(), 0};
    log_instance->commit(shared_store(), now.wall, now.monotonic, blind_guard());
    announce_leases();
  }
  if (state.namespace_changes) {
    publish_namespace_changes();
    for (int i = 0; i < state.dropped_count; i++) free_namespace_slot(state.dropped[i]);
  }
  forget_transaction();
}

void at_abort() {
  if (log_in_use()) {
    log_instance->abort(shared_store());
    announce_leases();
  }
  release_prepared_record();
  forget_transaction();
}

void before_prepare() {
  // Nobody would be told when it ends and the new configuration holds.
  if (state.configuration_changes)
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("cannot PREPARE a transaction that has changed cache namespaces"),
                    errhint("Change namespaces in a transaction that ends with COMMIT.")));
  if (!log_in_use()) return;
  reserve_prepared_record(GetTopTransactionId());
  run_guarded([&] {
    log_instance->prepare(shared_store(), true, process_id_for_claims(), prepared_slots);
  });
}

void at_prepare() {
  if (log_in_use()) {
    const clocks now = read_clocks();
    log_instance->commit_prepared_part(shared_store(), now.wall, now.monotonic);
    fill_prepared_record(log_instance->held_in_flux());
    announce_leases();
    pause_here(pause_point::prepared);
  }
  if (state.namespace_changes) publish_namespace_changes();
  forget_transaction();
}

void on_transaction(XactEvent event, void*) {
  switch (event) {
    case XACT_EVENT_PRE_COMMIT:
      before_commit();
      break;
    case XACT_EVENT_COMMIT:
      at_commit();
      break;
    case XACT_EVENT_ABORT:
      at_abort();
      break;
    case XACT_EVENT_PRE_PREPARE:
      before_prepare();
      break;
    case XACT_EVENT_PREPARE:
      at_prepare();
      break;
    default:
      break;
  }
}

void on_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId, void*) {
  if (event != SUBXACT_EVENT_ABORT_SUB || !log_in_use()) return;
  log_instance->abort_subtransaction(mine);
  log_instance->give_back_leases(shared_store(), mine,
                                 [](std::uint64_t key_hash) { announce_key(key_hash); });
}

}  // namespace

void install_transaction_callbacks() {
  RegisterXactCallback(on_transaction, nullptr);
  RegisterSubXactCallback(on_subtransaction, nullptr);
}

transaction_log& current_log() {
  if (log_instance == nullptr) log_instance = new transaction_log;
  return *log_instance;
}

std::uint32_t current_subtransaction() { return GetCurrentSubTransactionId(); }

timestamp blind_guard() { return static_cast<timestamp>(settings::blind_fill_guard_ms) * 1000; }

timestamp read_moment() {
  // After COMMIT in a procedure a new transaction begins, but the statement and what it read live
  // on.
  return Min(GetCurrentTransactionStartTimestamp(), GetCurrentStatementStartTimestamp());
}

reader latest_reader() {
  reader who;
  who.now = GetCurrentTimestamp();
  who.in_recovery = RecoveryInProgress();
  return who;
}

reader current_reader() {
  reader who = latest_reader();
  if (XactIsoLevel >= XACT_REPEATABLE_READ || state.imported_snapshot || am_walsender) {
    // A hit takes no predicate lock, so SERIALIZABLE cannot have one, unless it needs none.
    const bool tracked = IsolationIsSerializable() && !(XactReadOnly && XactDeferrable);
    who.stored_before = read_moment();
    const clocks now = read_clocks();
    who.never_hits = tracked || state.imported_snapshot || am_walsender ||
                     !shared_store().header().clock.observe(now.wall, now.monotonic);
  }
  return who;
}

void note_miss(const key_ref& key) {
  int oldest = static_cast<int>(key.hash % miss_slots);
  for (int i = 0; i < miss_probes; i++) {
    auto& slot = state.misses[(key.hash + i) % miss_slots];
    if (slot.epoch == state.epoch && !(slot.hash == key.hash && slot.space == key.space)) continue;
    oldest = static_cast<int>((key.hash + i) % miss_slots);
    break;
  }
  state.misses[oldest] = {state.epoch, key.hash, key.space};
  state.last_miss = state.epoch;
}

bool missed(const key_ref& key) {
  // Most transactions that set have missed nothing: they need not look.
  if (state.last_miss != state.epoch) return false;
  for (int i = 0; i < miss_probes; i++) {
    const auto& slot = state.misses[(key.hash + i) % miss_slots];
    if (slot.epoch == state.epoch && slot.hash == key.hash && slot.space == key.space) return true;
  }
  return false;
}

void note_imported_snapshot() { state.imported_snapshot = true; }
bool snapshot_imported() { return state.imported_snapshot || am_walsender; }

void note_namespace_change() { state.namespace_changes = true; }
void note_configuration_change() { state.namespace_changes = state.configuration_changes = true; }
bool namespace_changes_pending() { return state.namespace_changes; }
void note_namespace_dropped(space_index space) {
  state.namespace_changes = true;
  if (state.dropped_count < max_dropped) state.dropped[state.dropped_count++] = space;
}

// "true" makes the next command number a new one: without it a later statement could share this
// one's and be taken for one that does not see the change.
std::uint32_t invalidation_visible_from() { return GetCurrentCommandId(true) + 1; }

void invalidate_key(const key_ref& key) {
  transaction_log& log = current_log();
  const std::uint32_t from = invalidation_visible_from();
  if (log.keys_pending() < static_cast<std::size_t>(settings::max_pending))
    log.add_remove(key, current_subtransaction(), from);
  else
    invalidate_space(key.space);
}

void invalidate_tag_text(space_index space, std::string_view tag) {
  transaction_log& log = current_log();
  const std::uint32_t from = invalidation_visible_from();
  const auto limit = static_cast<std::size_t>(settings::max_pending);
  const tag_id id = shared_store().tag(space, tag);
  if (log.tags_pending() < limit || log.tag_pending(id)) {
    log.add_tag(space, id, current_subtransaction(), from);
    return;
  }
  const std::string whole = class_of(tag);
  if (whole.empty() || log.tags_pending() >= 2 * limit)
    invalidate_space(space);
  else
    log.add_tag(space, shared_store().tag(space, whole), current_subtransaction(), from);
}

void invalidate_space(space_index space) {
  transaction_log& log = current_log();
  // A clear at the end of the log need not be repeated.
  log.add_clear(space, current_subtransaction(), invalidation_visible_from());
}

}  // namespace stash
