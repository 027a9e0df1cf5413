// Requests of which nobody knows whether they are over: the answer never came, or a gateway gave
// it.
//
// Weaviate's objects have no versions, so what such a request stores may come after anything newer.
// Their keys are therefore held back: no other request is made for them until the first one cannot
// be carried out any more, as far as can be known. Then the row as it is by then is sent. Two
// things bound how late it can be. A server or a gateway that has read a request and lost its
// client ends it soon, unless it is slow, which shows in how long this one has taken: so it is
// given as long again, and no less than shortest_us. Nothing binds them to that: a Weaviate that
// asks the leader of its cluster for a collection, when the leader has just died, keeps the request
// until there is another leader, long after its client is gone. So the keys are remembered for
// longest_memory_us, and sent once more after another while, and again after twice as long each
// time, and soon after the server is well again, for that is when such requests come. Each time
// mends what came before it.
//
// Nothing else waits for these keys. Times are in microseconds. All of it is in memory: a worker
// that is killed leaves its keys in the outbox, and its successor waits before it begins.
//
// Memory: keys that are held are the queue's own; of the others at most most_remembered are kept.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "vector/change_queue.hpp"

namespace stash {

struct held_request {
  std::int64_t until;
  std::int32_t sync;
  std::vector<pending_key*> keys;
};

struct remembered_key {
  std::int64_t due;        // when it is to be sent again
  std::int64_t early;      // or before that; INT64_MAX: not
  std::int64_t gap;        // the time before `due`
  std::int64_t forgotten;  // what would be due after that is not sent any more
  std::int32_t sync;
  bool has_tenant;
  std::string tenant;
  std::string key;
};

// What became of a key that was due; one that was not sent now is asked for again.
enum class once_more : std::uint8_t { sent, not_now, never };

class late_requests {
 public:
  static constexpr std::int64_t shortest_us = 2'000'000;
  static constexpr std::int64_t shortest_memory_us = 5'000'000;
  static constexpr std::int64_t longest_memory_us = 600'000'000;
  static constexpr std::size_t most_remembered = 20'000;

  // Of a request that was given up `now` after it had lasted so long. Its keys stay in flight; they
  // are to be sent again at `now + max(lasted, shortest_us)`, once more `memory` later, and so on.
  void hold(std::int32_t sync, std::vector<pending_key*> keys, std::int64_t now,
            std::int64_t lasted, std::int64_t memory);

  // Requests, of one table or of all.
  [[nodiscard]] std::size_t held(std::int32_t sync) const;
  [[nodiscard]] std::size_t held() const { return held_.size(); }
  [[nodiscard]] std::size_t remembered() const { return remembered_.size(); }
  // Whether a key of this table is. Costs the number that are remembered.
  [[nodiscard]] bool remembers(std::int32_t sync) const;
  // When the next of the held ones is over; INT64_MAX when there are none.
  [[nodiscard]] std::int64_t next() const;

  // Those that are over, and are forgotten here.
  [[nodiscard]] std::vector<held_request> take_over(std::int64_t now);

  // The server answers again after a trouble. Costs the number that are remembered.
  void expect_soon(std::int64_t now);

  // Calls send(key) for every key that is due to be sent once more. Costs the number that are
  // remembered.
  template <typename Send>
  void send_once_more(std::int64_t now, Send send) {
    for (auto each = remembered_.begin(); each != remembered_.end();) {
      remembered_key& key = each->second;
      const bool due = std::min(key.due, key.early) <= now;
      const once_more what = due ? send(key) : once_more::not_now;
      if (what == once_more::never || (what == once_more::sent && is_over(&key, now)))
        each = remembered_.erase(each);
      else
        ++each;
    }
  }

 private:
  // Of a key that has just been sent: says when it is due next; true when it is not.
  static bool is_over(remembered_key* key, std::int64_t now);

  std::vector<held_request> held_;
  std::map<std::string, remembered_key> remembered_;
};

}  // namespace stash
