// See change_queue.hpp.
#include "vector/change_queue.hpp"

#include <algorithm>

#include "store/core_wall.hpp"

namespace stash {

std::string pending_key::name_of(std::int32_t sync, bool has_tenant, std::string_view tenant,
                                 std::string_view key, bool is_object) {
  std::string name = std::to_string(sync);
  if (is_object) name.push_back('o');
  name.push_back(has_tenant ? '+' : '-');
  if (has_tenant) {
    name.append(std::to_string(tenant.size()));
    name.push_back(':');
    name.append(tenant);
  }
  name.append(key);
  return name;
}

void change_queue::add(std::int32_t sync, bool has_tenant, std::string_view tenant,
                       std::string_view key, const change_ticket& ticket, bool is_object) {
  const auto [found, fresh] =
      keys_.try_emplace(pending_key::name_of(sync, has_tenant, tenant, key, is_object));
  pending_key& entry = found->second;
  table& of = tables_[sync];
  if (fresh) {
    entry.sync = sync;
    entry.has_tenant = has_tenant;
    entry.tenant = tenant;
    entry.key = key;
    entry.is_object = is_object;
    of.keys++;
  }
  entry.waiting.push_back(ticket);
  // A new change may be what makes it acceptable.
  if (!entry.in_flight) entry.refused.clear();
  of.open[ticket.epoch]++;
  // The outbox is read in about the order in which it was written, so the last place is a good
  // guess.
  if (ticket.at != 0) of.moments.try_emplace(of.moments.end(), ticket.at, 0)->second++;
  tickets_++;
  if (entry.queued || entry.in_flight) return;
  entry.queued = true;
  of.order.push_back(&entry);
}

std::size_t change_queue::waiting(std::int32_t sync) const {
  const auto found = tables_.find(sync);
  return found == tables_.end() ? 0 : found->second.order.size();
}

void change_queue::take(std::int32_t sync, std::size_t most, std::vector<pending_key*>* taken) {
  const auto found = tables_.find(sync);
  if (found == tables_.end()) return;
  std::list<pending_key*>& order = found->second.order;
  for (std::size_t i = 0; i < most && !order.empty(); i++) {
    pending_key* next = order.front();
    order.pop_front();
    next->queued = false;
    next->in_flight = true;
    next->flying = std::move(next->waiting);
    next->waiting.clear();
    in_flight_++;
    taken->push_back(next);
  }
}

void change_queue::put_back(pending_key* key) {
  // A change that came meanwhile may be what makes it acceptable.
  if (!key->waiting.empty()) key->refused.clear();
  key->flying.insert(key->flying.end(), key->waiting.begin(), key->waiting.end());
  key->waiting = std::move(key->flying);
  key->flying.clear();
  key->in_flight = false;
  key->queued = true;
  in_flight_--;
  tables_[key->sync].order.push_front(key);
}

void change_queue::close(std::int32_t sync, const change_ticket& ticket) {
  const auto take_one = [](auto* counts, auto of) {
    const auto found = counts->find(of);
    if (found != counts->end() && --found->second == 0) counts->erase(found);
  };
  table& of = tables_[sync];
  take_one(&of.open, ticket.epoch);
  take_one(&of.moments, ticket.at);
  tickets_--;
}

void change_queue::end_flight(pending_key* key) {
  key->in_flight = false;
  in_flight_--;
  table& of = tables_[key->sync];
  if (!key->waiting.empty()) {
    key->queued = true;
    of.order.push_back(key);
    return;
  }
  of.keys--;
  const std::int32_t sync = key->sync;
  keys_.erase(pending_key::name_of(sync, key->has_tenant, key->tenant, key->key, key->is_object));
  if (const auto found = tables_.find(sync); found->second.keys == 0) tables_.erase(found);
}

std::uint32_t change_queue::oldest_epoch(std::int32_t sync) const {
  const auto found = tables_.find(sync);
  if (found == tables_.end() || found->second.open.empty()) return UINT32_MAX;
  return found->second.open.begin()->first;
}

std::int64_t change_queue::oldest_at(std::int32_t sync) const {
  const auto found = tables_.find(sync);
  if (found == tables_.end() || found->second.moments.empty()) return 0;
  return found->second.moments.begin()->first;
}

}  // namespace stash
