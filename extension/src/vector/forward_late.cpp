// What becomes of the keys of requests that failed, above all of those that may still be carried
// out (late_requests.hpp).
#include "vector/forwarder.hpp"

#include "boundary/postgres.hpp"

namespace stash {

// The end of a request that did not do what was asked: its keys wait again, those of a table that
// is gone are done with, and those that it may still change are held until it cannot.
void forwarder::let_go(flight* of) {
  if (of->unknown_after_us) {
    late_.hold(of->sync, std::move(of->keys), GetCurrentTimestamp(), *of->unknown_after_us,
               std::int64_t{server_.timeout_ms} * 1000);
    return;
  }
  give_back(of->sync, of->keys);
}

void forwarder::give_back(std::int32_t sync, const key_group& keys) {
  const auto found = tables_.find(sync);
  if (found != tables_.end() && !found->second.gone) return put_back(keys);
  for (pending_key* key : keys) finish(key);
}

void forwarder::release_late() {
  for (const held_request& each : late_.take_over(GetCurrentTimestamp()))
    give_back(each.sync, each.keys);
}

// Who answers for the objects of a table: itself, or, when its synchronisation was ended, whoever
// feeds its collection since; 0: nobody. The same table has the same ids there.
std::int32_t forwarder::now_feeding(std::int32_t sync) const {
  const auto found = tables_.find(sync);
  if (found == tables_.end()) return 0;
  if (!found->second.gone) return sync;
  const sync_config& ended = found->second.config;
  for (const auto& [id, table] : tables_)
    if (!table.gone && table.config.collection == ended.collection &&
        table.config.key_space == ended.key_space &&
        table.config.tenant_column == ended.tenant_column)
      return id;
  return 0;
}

// Nobody waits for these: what was committed is there, and this is for what may have undone it.
void forwarder::send_once_more() {
  late_.send_once_more(GetCurrentTimestamp(), [&](const remembered_key& key) {
    const std::int32_t sync = now_feeding(key.sync);
    if (sync == 0) return once_more::never;
    if (asleep(sync) || queue_.full()) return once_more::not_now;
    queue_.add(sync, key.has_tenant, key.tenant, key.key, {ticket_of_late, epoch_, 0, 0});
    return once_more::sent;
  });
}

}  // namespace stash
