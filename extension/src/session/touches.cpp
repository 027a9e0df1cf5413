// See touches.hpp.
#include "session/touches.hpp"

#include <algorithm>

#include "store/hash.hpp"

#include "store/core_wall.hpp"

namespace stash {
namespace {

enum : std::uint32_t { free_slot = 0, clean_slot = 1, dirty_slot = 2 };

constexpr std::size_t header_bytes = (sizeof(touch_header) + 127) / 128 * 128;

std::size_t sets_for(std::size_t slots) {
  return std::max<std::size_t>(1, (slots + touch_array::ways - 1) / touch_array::ways);
}

void raise(std::atomic<timestamp>& value, timestamp to) {
  timestamp seen = value.load(std::memory_order_relaxed);
  while (seen < to && !value.compare_exchange_weak(seen, to)) {
  }
}

}  // namespace

std::size_t touch_array::bytes_for(std::size_t slots) {
  return header_bytes + sets_for(slots) * sizeof(touch_set);
}

touch_array::touch_array(void* memory, std::size_t slots, const lock_functions& functions,
                         std::span<void* const> locks, timestamp (*clock)())
    : header_(static_cast<touch_header*>(memory)),
      all_(reinterpret_cast<touch_set*>(static_cast<char*>(memory) + header_bytes)),
      sets_(sets_for(slots)),
      functions_(functions),
      clock_(clock) {
  std::copy_n(locks.begin(), touch_lock_count, locks_.begin());
}

std::size_t touch_array::set_of(std::uint32_t database, const session_id& id) const {
  return checksum(id.bytes.data(), id.bytes.size(), database) % sets_;
}

touch_slot* touch_array::find(std::size_t set, std::uint32_t database, const session_id& id) const {
  touch_slot* const slots = slots_of(set);
  for (std::size_t i = 0; i < ways; i++)
    if (slots[i].state != free_slot && slots[i].database == database && slots[i].id == id)
      return &slots[i];
  return nullptr;
}

// A free slot, else the clean one that was used longest ago. Called under the set's lock.
touch_slot* touch_array::make_room(std::size_t set) {
  touch_slot* const slots = slots_of(set);
  touch_slot* oldest = nullptr;
  for (std::size_t i = 0; i < ways; i++) {
    if (slots[i].state == free_slot) return &slots[i];
    if (slots[i].state == clean_slot &&
        (oldest == nullptr || slots[i].touched_at < oldest->touched_at))
      oldest = &slots[i];
  }
  if (oldest == nullptr) return nullptr;
  // Before the slot changes: whoever misses it there finds this.
  raise(header_->lost_at, clock_());
  return oldest;
}

// A slot that is dirty already only needs its moment raised.
touch_array::outcome touch_array::touch(std::uint32_t database, const session_id& id, timestamp now,
                                        timestamp patience) {
  const std::size_t set = set_of(database, id);
  {
    const held_lock lock = lock_set(set, lock_mode::shared);
    touch_slot* slot = find(set, database, id);
    if (slot != nullptr && slot->state == dirty_slot && patience > 0 &&
        now - slot->dirty_since <= patience) {
      raise(slot->touched_at, now);
      return outcome::recorded;
    }
  }
  return touch_exclusively(set, database, id, now, patience);
}

touch_array::outcome touch_array::touch_exclusively(std::size_t set, std::uint32_t database,
                                                    const session_id& id, timestamp now,
                                                    timestamp patience) {
  const held_lock lock = lock_set(set, lock_mode::exclusive);
  touch_slot* slot = find(set, database, id);
  if (slot == nullptr) {
    slot = make_room(set);
    if (slot == nullptr) {
      raise(all_[set].refused_at, now);
      return outcome::full;
    }
    slot->id = id;
    slot->database = database;
    slot->state = dirty_slot;
    slot->touched_at.store(now);
    slot->dirty_since = now;
    return patience > 0 ? outcome::recorded : outcome::overdue;
  }
  raise(slot->touched_at, now);
  if (slot->state != dirty_slot) {
    slot->state = dirty_slot;
    slot->dirty_since = now;
  }
  if (patience > 0 && now - slot->dirty_since <= patience) return outcome::recorded;
  slot->dirty_since = now;
  return outcome::overdue;
}

timestamp touch_array::touched_at(std::uint32_t database, const session_id& id) const {
  const std::size_t set = set_of(database, id);
  const held_lock lock = lock_set(set, lock_mode::shared);
  const touch_slot* slot = find(set, database, id);
  return slot == nullptr ? all_[set].refused_at.load() : slot->touched_at.load();
}

std::size_t touch_array::collect(std::uint32_t database, std::size_t* set,
                                 std::span<flushed_touch> into) const {
  std::size_t count = 0;
  while (*set < sets_ && count + ways <= into.size()) {
    const held_lock lock = lock_set(*set, lock_mode::shared);
    const touch_slot* const slots = slots_of(*set);
    for (std::size_t i = 0; i < ways; i++)
      if (slots[i].state == dirty_slot && slots[i].database == database)
        into[count++] = {slots[i].id, slots[i].touched_at.load()};
    ++*set;
  }
  if (*set >= sets_) *set = 0;
  return count;
}

std::size_t touch_array::dirty(std::uint32_t database) const {
  std::size_t count = 0;
  for (std::size_t set = 0; set < sets_; set++) {
    const held_lock lock = lock_set(set, lock_mode::shared);
    const touch_slot* const slots = slots_of(set);
    for (std::size_t i = 0; i < ways; i++)
      count += slots[i].state == dirty_slot && slots[i].database == database ? 1 : 0;
  }
  return count;
}

void touch_array::settle(std::uint32_t database, const flushed_touch& flushed) {
  const std::size_t set = set_of(database, flushed.id);
  const held_lock lock = lock_set(set, lock_mode::exclusive);
  touch_slot* slot = find(set, database, flushed.id);
  if (slot == nullptr || slot->state != dirty_slot) return;
  if (slot->touched_at <= flushed.touched_at)
    slot->state = clean_slot;
  else
    slot->dirty_since = slot->touched_at.load();
}

void touch_array::forget(std::uint32_t database, const session_id& id) {
  const std::size_t set = set_of(database, id);
  const held_lock lock = lock_set(set, lock_mode::exclusive);
  touch_slot* slot = find(set, database, id);
  if (slot != nullptr) slot->state = free_slot;
}

void touch_array::forget_database(std::uint32_t database) {
  for (std::size_t set = 0; set < sets_; set++) {
    const held_lock lock = lock_set(set, lock_mode::exclusive);
    touch_slot* const slots = slots_of(set);
    for (std::size_t i = 0; i < ways; i++)
      if (slots[i].database == database) slots[i].state = free_slot;
  }
  if (worker_mark* mark = mark_of(database, false)) {
    mark->flushed_at.store(0);
    mark->generation.store(0);
    mark->database.store(0);
  }
}

// With more databases than marks the rest count as not flushed: their touches write the table too.
worker_mark* touch_array::mark_of(std::uint32_t database, bool make) const {
  for (worker_mark& mark : header_->marks) {
    std::uint32_t owner = mark.database.load();
    if (make && owner == 0 && mark.database.compare_exchange_strong(owner, database))
      owner = database;
    if (owner == database) return &mark;
  }
  return nullptr;
}

void touch_array::mark_flushed(std::uint32_t database, timestamp at) {
  if (worker_mark* mark = mark_of(database, true)) mark->flushed_at.store(at);
}

timestamp touch_array::flushed_at(std::uint32_t database) const {
  const worker_mark* mark = mark_of(database, false);
  return mark == nullptr ? 0 : mark->flushed_at.load();
}

void touch_array::set_generation(std::uint32_t database, std::uint32_t generation) {
  if (worker_mark* mark = mark_of(database, true)) mark->generation.store(generation);
}

std::uint32_t touch_array::generation(std::uint32_t database) const {
  const worker_mark* mark = mark_of(database, false);
  return mark == nullptr ? 0 : mark->generation.load();
}

}  // namespace stash
