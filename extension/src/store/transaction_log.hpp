// What one transaction has asked of the cache, until it commits: the protocol of
// docs/consistency.md.
//
// Operations are kept in order; a sub-transaction that aborts takes its own off the end. Before
// commit the log decides once what will happen (prepare), and a transaction that wrote data puts
// every slot it changes in flux. After commit it stamps them, drops and stores entries, and ends
// the flux. From prepare on nothing is allocated, so commit and abort cannot fail.
//
// Process-local, one a backend; knows no PostgreSQL. Times and ids come from the caller.
#pragma once

#include <string>
#include <vector>

#include "store/byte_arena.hpp"
#include "store/operation_index.hpp"
#include "store/store.hpp"

namespace stash {

// A key is known by its hash (texts are compared where it matters), a tag by its id.
struct identity {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const identity&) const = default;
};

enum class operation : std::uint8_t {
  set,
  refused_set,    // a delete if the transaction turns out to have written data
  refused_space,  // the same for too many keys to remember: the whole namespace
  remove,
  touch,
  tag,
  prefix,
  clear_space,
};

struct pending {
  operation what = operation::set;
  bool blind = false;
  value_kind kind = value_kind::jsonb;
  std::uint8_t flags = 0;
  space_index space = 0;
  std::uint16_t stale_seconds = 0;
  std::uint32_t subtransaction = 0;
  // Snapshots that see this invalidation's data have at least this command number.
  std::uint32_t visible_from = 0;
  std::uint32_t previous = none;  // the operation before on the same key or tag
  std::uint32_t next = none;      // the operation after
  std::uint64_t hash = 0;
  const char* bytes = nullptr;  // key (or prefix), tags, value: in the arena
  std::uint32_t key_size = 0;
  std::uint32_t tags_size = 0;
  std::size_t value_size = 0;
  std::uint32_t ids_at = 0, ids_count = 0;  // in the tag ids
  timestamp read_at = 0;
  timestamp expires_at = never;
  std::int64_t version = 0;
  std::int64_t expected = any_version;
  std::uint64_t lease = 0;
};

class transaction_log {
 public:
  [[nodiscard]] bool empty() const { return operations_.empty() && leases_.empty(); }
  [[nodiscard]] std::size_t size() const { return operations_.size(); }

  // --- collecting
  void add_set(const fill& what, std::uint32_t subtransaction, std::int64_t expected);
  void add_refused_set(const key_ref& key, std::uint32_t subtransaction);
  void add_refused_space(space_index space, std::uint32_t subtransaction);
  void add_remove(const key_ref& key, std::uint32_t subtransaction, std::uint32_t visible_from);
  void add_touch(const key_ref& key, std::uint32_t subtransaction, timestamp expires_at);
  void add_tag(space_index space, const tag_id& id, std::uint32_t subtransaction,
               std::uint32_t visible_from);
  void add_prefix(space_index space, std::string_view prefix, std::uint32_t subtransaction,
                  std::uint32_t visible_from);
  void add_clear(space_index space, std::uint32_t subtransaction, std::uint32_t visible_from);
  [[nodiscard]] bool tag_pending(const tag_id& id) const;
  [[nodiscard]] bool clear_pending(space_index space) const;
  [[nodiscard]] std::size_t tags_pending() const { return tag_count_; }
  [[nodiscard]] std::size_t keys_pending() const { return operations_.size() - tag_count_; }
  // A lease taken by cache_fetch in this transaction: given back if it or its sub-transaction
  // aborts.
  void note_lease(const key_ref& key, std::uint64_t nonce, std::uint32_t subtransaction = 1);
  void forget_lease(std::uint64_t nonce);
  // Whether this transaction computes the key already: waiting for itself would be in vain.
  [[nodiscard]] bool holds_lease(const key_ref& key) const;
  // Gives back the leases of an aborted sub-transaction: visit(key hash) for each.
  template <typename Visit>
  void give_back_leases(store& owner, std::uint32_t subtransaction, Visit visit) {
    while (!leases_.empty() && leases_.back().subtransaction >= subtransaction) {
      const taken_lease& lease = leases_.back();
      owner.release_lease({lease.key.space, lease.text, lease.key_hash}, lease.nonce);
      visit(lease.key_hash);
      leases_.pop_back();
    }
  }

  void abort_subtransaction(std::uint32_t subtransaction);

  // --- what the transaction itself sees
  enum class sight : std::uint8_t { store, own, nothing };
  // own: *found is the operation, a set, that stands for the key. nothing: the key is gone.
  sight look(const key_ref& key, const pending** found) const;
  // Whether an entry of the store with these tags is invalidated by this transaction.
  [[nodiscard]] bool kills(const key_ref& key, std::span<const tag_id> ids) const;
  // Whether an earlier invalidation in this transaction is invisible to a snapshot.
  [[nodiscard]] bool unseen_invalidation(const key_ref& key, std::span<const tag_id> ids,
                                         std::uint32_t command) const;
  [[nodiscard]] bool any_invalidation() const { return invalidations_ > 0; }
  [[nodiscard]] fill fill_of(const pending& op, const store& owner) const;
  [[nodiscard]] std::string_view key_text(const pending& op) const {
    return {op.bytes, op.key_size};
  }
  template <typename Visit>
  void each_own_set(Visit visit) const {
    for (const pending& op : operations_)
      if (op.what == operation::set) visit(op);
  }

  // --- carrying out
  // Decides; `writer`: the transaction has written data. May allocate, so it may throw.
  // flux_limit: when more slots than this would be in flux, whole namespaces are (0: no limit).
  void prepare(store& owner, bool writer, std::uint32_t process, std::size_t flux_limit = 0);
  [[nodiscard]] bool has_conditions() const { return !conditions_.empty(); }
  // Whether commit draws a stamp; only then it needs the monotonic clock.
  [[nodiscard]] bool needs_stamp() const { return invalidates_; }
  // A conditional set lost: another transaction claims the slot, or the version changed.
  [[nodiscard]] bool conditions_hold(store& owner, timestamp now);
  void commit(store& owner, timestamp now, timestamp monotonic, timestamp blind_guard) noexcept;
  // PREPARE TRANSACTION: sets become deletes, and the hashed slots stay in flux.
  void commit_prepared_part(store& owner, timestamp now, timestamp monotonic) noexcept;
  [[nodiscard]] own_flux held_in_flux() const { return flux_; }
  void abort(store& owner) noexcept;
  void clear();

  // Keys that the last commit stored or gave up: somebody may be waiting for them.
  template <typename Visit>
  void each_finished_lease(Visit visit) const {
    for (const auto& lease : leases_) visit(lease.key_hash);
  }

 private:
  struct planned_tag {
    tag_id id;
    bool had_record;
  };
  struct taken_lease {
    key_ref key;
    std::string text;
    std::uint64_t key_hash;
    std::uint64_t nonce;
    std::uint32_t subtransaction;
  };

  [[nodiscard]] key_ref key_of(const pending& op) const {
    return {op.space, key_text(op), op.hash};
  }
  [[nodiscard]] static identity identity_of(const key_ref& key) { return {key.hash, key.space}; }
  [[nodiscard]] std::uint32_t last_of(const identity& id) const;
  [[nodiscard]] identity identity_at(std::uint32_t index) const;
  pending& append(operation what, space_index space, std::uint32_t subtransaction,
                  const identity& id);
  pending& append_key(operation what, const key_ref& key, std::uint32_t subtransaction);
  void index_last(std::uint32_t position);
  [[nodiscard]] bool killed_later(std::uint32_t index) const;
  [[nodiscard]] bool decides(const pending& op, std::string_view text) const;
  struct fate {
    bool decided = false;
    bool removed = false;
  };
  [[nodiscard]] bool sole_fill() const;
  [[nodiscard]] fate look_later(const pending& op) const;
  void plan_key(std::uint32_t index);
  void plan_operations(store& owner);
  void plan_condition(std::uint32_t index);
  void plan_flux(store& owner);
  bool claim_slots() noexcept;
  void release_claims() noexcept;
  void widen_flux(store& owner, std::size_t limit);
  void begin_flux(store& owner) noexcept;
  void end_flux(store& owner) noexcept;
  void stamp_and_drop(store& owner, timestamp at) noexcept;
  void drop_stored_leases(store& owner) noexcept;

  std::vector<pending> operations_;
  std::vector<tag_id> ids_;
  byte_arena arena_;
  operation_index last_;
  std::vector<std::uint32_t> wide_;  // indexes of tag, prefix and clear operations, in order
  std::vector<taken_lease> leases_;
  std::size_t tag_count_ = 0;
  std::size_t invalidations_ = 0;
  std::uint32_t after_last_set_ = 0;  // the index behind the last set

  // Made by prepare.
  bool prepared_ = false;
  bool writer_ = false;
  bool invalidates_ = false;
  bool flux_begun_ = false;
  std::uint32_t process_ = 0;
  std::vector<std::uint32_t> sets_;      // sets that will be stored
  std::vector<refusal> verdicts_;        // one a set
  std::vector<std::uint32_t> removals_;  // operations whose keys will go
  std::vector<std::uint32_t> touches_;
  std::vector<planned_tag> tags_;
  std::vector<std::uint32_t> prefixes_;
  std::vector<stamp*> flux_;               // raised while committing, sorted by address
  std::vector<stamp*> changed_;            // stamped at commit
  std::vector<std::uint32_t> conditions_;  // sets whose expectation the store has to meet
  std::vector<stamp*> claims_;             // their slots, sorted by address
};

}  // namespace stash
