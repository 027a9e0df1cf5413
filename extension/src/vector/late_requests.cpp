// See late_requests.hpp.
#include "vector/late_requests.hpp"

#include <algorithm>
#include <utility>

#include "store/core_wall.hpp"

namespace stash {

void late_requests::hold(std::int32_t sync, std::vector<pending_key*> keys, std::int64_t now,
                         std::int64_t lasted, std::int64_t memory) {
  const std::int64_t until = now + std::max(lasted, shortest_us);
  const std::int64_t gap = std::max(memory, shortest_memory_us);
  for (const pending_key* key : keys) {
    // An object that is nobody's is found again by whoever compares; by then its id may have a row.
    if (key->is_object) continue;
    std::string name =
        pending_key::name_of(key->sync, key->has_tenant, key->tenant, key->key, false);
    const auto known = remembered_.find(name);
    if (known == remembered_.end() && remembered_.size() >= most_remembered) continue;
    remembered_.insert_or_assign(
        std::move(name), remembered_key{until + gap, INT64_MAX, gap, until + longest_memory_us,
                                        key->sync, key->has_tenant, key->tenant, key->key});
  }
  held_.push_back({until, sync, std::move(keys)});
}

void late_requests::expect_soon(std::int64_t now) {
  for (auto& [name, key] : remembered_) key.early = now + shortest_us;
}

bool late_requests::is_over(remembered_key* key, std::int64_t now) {
  key->early = INT64_MAX;
  if (key->due > now) return false;
  key->gap *= 2;
  key->due = now + key->gap;
  return key->due > key->forgotten;
}

std::size_t late_requests::held(std::int32_t sync) const {
  return static_cast<std::size_t>(std::count_if(
      held_.begin(), held_.end(), [&](const held_request& each) { return each.sync == sync; }));
}

bool late_requests::remembers(std::int32_t sync) const {
  return std::any_of(remembered_.begin(), remembered_.end(),
                     [&](const auto& each) { return each.second.sync == sync; });
}

std::int64_t late_requests::next() const {
  std::int64_t next = INT64_MAX;
  for (const held_request& each : held_) next = std::min(next, each.until);
  return next;
}

std::vector<held_request> late_requests::take_over(std::int64_t now) {
  std::vector<held_request> over;
  const auto still = std::partition(held_.begin(), held_.end(),
                                    [&](const held_request& each) { return each.until > now; });
  std::move(still, held_.end(), std::back_inserter(over));
  held_.erase(still, held_.end());
  return over;
}

}  // namespace stash
