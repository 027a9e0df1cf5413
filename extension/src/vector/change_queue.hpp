// What the worker knows of changes that are still to be sent: keys, each once, oldest first.
//
// Changes of one key coalesce; a key that is being sent is never taken a second time, and a change
// that arrives meanwhile makes it wait again. Each change is a ticket: where it came from (a row of
// the outbox, a job), so that whoever wrote it down learns that it is settled.
//
// Memory is bounded: full() says when no more should be added; what is left stays in the outbox.
//
// Epochs tell when something is complete: every ticket belongs to the scan in which it was read,
// and oldest_epoch() of a table is the earliest scan of which something is still open.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace stash {

// Where a change came from. `source` below outbox_leaves is a leaf and `place` a row in it.
struct change_ticket {
  std::uint32_t source;
  std::uint32_t epoch;
  std::uint64_t place;
  std::int64_t at;
};
inline constexpr std::uint32_t ticket_of_job = 100;
inline constexpr std::uint32_t ticket_of_retry = 101;
inline constexpr std::uint32_t ticket_of_late = 102;

struct pending_key {
  std::int32_t sync = 0;
  bool has_tenant = false;
  std::string tenant;
  std::string key;
  bool is_object = false;  // `key` is the UUID of an object that is nobody's, and is to go
  // Set when what the server was to store was refused for good: the stale object is deleted and
  // this becomes the reason of a dead letter.
  std::string refused;
  std::vector<change_ticket> waiting;
  std::vector<change_ticket> flying;
  bool in_flight = false;
  bool queued = false;

  // The name in the index: unambiguous, for the parts before the key have lengths of their own.
  static std::string name_of(std::int32_t sync, bool has_tenant, std::string_view tenant,
                             std::string_view key, bool is_object);
};

class change_queue {
 public:
  static constexpr std::size_t most_keys = 20'000;
  static constexpr std::size_t most_tickets = 200'000;

  void add(std::int32_t sync, bool has_tenant, std::string_view tenant, std::string_view key,
           const change_ticket& ticket, bool is_object = false);

  [[nodiscard]] bool full() const { return keys_.size() >= most_keys || tickets_ >= most_tickets; }
  [[nodiscard]] bool half_full() const {
    return keys_.size() >= most_keys / 2 || tickets_ >= most_tickets / 2;
  }
  [[nodiscard]] bool empty() const { return keys_.empty(); }
  [[nodiscard]] std::size_t keys() const { return keys_.size(); }
  [[nodiscard]] std::size_t waiting(std::int32_t sync) const;
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }

  // The next keys of a table to send, oldest first, at most `most`; they are in flight from now on.
  void take(std::int32_t sync, std::size_t most, std::vector<pending_key*>* taken);

  // It is there: calls settled(ticket) for all that this sending answered. The pointer is dead
  // afterwards unless the key waits again.
  template <typename Settled>
  void done(pending_key* key, Settled settled) {
    for (const change_ticket& ticket : key->flying) settled(ticket);
    for (const change_ticket& ticket : key->flying) close(key->sync, ticket);
    key->flying.clear();
    key->refused.clear();
    end_flight(key);
  }

  // It is not there: it waits again, before all others.
  void put_back(pending_key* key);

  // All that is known of a table is forgotten, as if it had never been read: for a table that is
  // not synchronised any more. Keys in flight are settled by their answers.
  template <typename Settled>
  void forget(std::int32_t sync, Settled settled) {
    std::vector<pending_key*> all;
    take(sync, SIZE_MAX, &all);
    for (pending_key* each : all) done(each, settled);
  }

  // The earliest epoch of which a change of this table is open; UINT32_MAX when none is.
  [[nodiscard]] std::uint32_t oldest_epoch(std::int32_t sync) const;
  // When the oldest open change was made; 0 when none is open. O(1).
  [[nodiscard]] std::int64_t oldest_at(std::int32_t sync) const;

 private:
  struct table {
    std::list<pending_key*> order;
    std::map<std::uint32_t, std::size_t> open;    // tickets of an epoch
    std::map<std::int64_t, std::size_t> moments;  // tickets of changes that were made then
    std::size_t keys = 0;
  };
  std::unordered_map<std::string, pending_key> keys_;
  std::unordered_map<std::int32_t, table> tables_;
  std::size_t tickets_ = 0;
  std::size_t in_flight_ = 0;

  void close(std::int32_t sync, const change_ticket& ticket);
  void end_flight(pending_key* key);
};

}  // namespace stash
