// A store without a server: its memory, locks that threads can wait for, and short ways to fill it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.hpp"
#include "store/tag_text.hpp"

namespace stash_test {

using namespace stash;

inline constexpr timestamp second = microseconds_per_second;
inline constexpr timestamp boot = 1000 * second;
// A moment long after start: no guard that begins there matters any more.
inline constexpr timestamp morning = boot + 1000 * second;
inline constexpr timestamp guard = 5 * second;

// One lock of the store. Its release does not say how it was taken, so the lock remembers.
struct test_lock {
  std::shared_mutex mutex;
  bool exclusive = false;

  // A test may ask that its threads lose the processor here now and then.
  static inline thread_local void (*pause)() = nullptr;

  static void acquire(void* lock, lock_mode mode) {
    if (pause != nullptr) pause();
    auto& self = *static_cast<test_lock*>(lock);
    if (mode == lock_mode::shared) {
      self.mutex.lock_shared();
    } else {
      self.mutex.lock();
      self.exclusive = true;
    }
  }
  static void release(void* lock) {
    auto& self = *static_cast<test_lock*>(lock);
    if (self.exclusive) {
      self.exclusive = false;
      self.mutex.unlock();
    } else {
      self.mutex.unlock_shared();
    }
  }
};

// The segment and its locks; every thread opens a handle of its own, as every process does.
class segment {
 public:
  explicit segment(std::size_t memory, std::size_t max_value = 1 << 20, std::uint32_t spaces = 8,
                   std::uint64_t seed = 42)
      : shape_(geometry::of(memory, max_value, spaces)),
        memory_(static_cast<char*>(std::aligned_alloc(128, (memory + 127) / 128 * 128))),
        partition_locks_(shape_.partitions),
        tag_locks_(tag_lock_count) {
    std::memset(memory_.get(), 0, memory);
    store fresh = open();
    fresh.initialize(seed, boot, boot);
    fresh.header().spaces_used.store(spaces);
  }

  [[nodiscard]] store open() {
    std::vector<void*> partitions;
    std::vector<void*> tags;
    for (test_lock& lock : partition_locks_) partitions.push_back(&lock);
    for (test_lock& lock : tag_locks_) tags.push_back(&lock);
    return {memory_.get(), shape_, {test_lock::acquire, test_lock::release}, partitions, tags};
  }

 private:
  struct free_memory {
    void operator()(char* memory) const { std::free(memory); }
  };
  geometry shape_;
  std::unique_ptr<char, free_memory> memory_;
  std::vector<test_lock> partition_locks_;
  std::vector<test_lock> tag_locks_;
};

// A set with the memory that it refers to.
class item {
 public:
  item(const store& owner, std::string key, std::string value,
       const std::vector<std::string>& tags = {}, timestamp read_at = morning,
       space_index space = 0)
      : key_(std::move(key)), value_(std::move(value)) {
    for (const std::string& tag : tags) {
      append_tag(tags_, tag);
      add_id(owner.tag(space, tag));
      if (const std::string whole = class_of(tag); !whole.empty()) add_id(owner.tag(space, whole));
    }
    what.key = owner.key(space, key_);
    what.value = value_;
    what.tags = tags_;
    what.tag_ids = ids_;
    what.read_at = read_at;
    what.version = 1;
  }
  item(const item&) = delete;
  item& operator=(const item&) = delete;

  fill what;

 private:
  void add_id(const tag_id& id) {
    if (std::find(ids_.begin(), ids_.end(), id) == ids_.end()) ids_.push_back(id);
  }
  std::string key_;
  std::string value_;
  std::string tags_;
  std::vector<tag_id> ids_;
};

inline reader reader_at(timestamp now) {
  reader who;
  who.now = now;
  return who;
}

// The value that a reader finds, if any.
inline std::optional<std::string> value_of(store& owner, std::string_view key,
                                           const reader& who = reader_at(morning + second),
                                           space_index space = 0) {
  std::string buffer(64, '\0');
  const key_ref ref = owner.key(space, key);
  read_result result = owner.read(ref, who, buffer.data(), buffer.size());
  if (result.state == read_state::buffer_too_small) {
    buffer.resize(result.info.value_size);
    result = owner.read(ref, who, buffer.data(), buffer.size());
  }
  if (result.state != read_state::hit) return std::nullopt;
  buffer.resize(result.info.value_size);
  return buffer;
}

// Stores a value as an ordinary fill, whose data was read just now.
inline refusal put(store& owner, const std::string& key, const std::string& value,
                   const std::vector<std::string>& tags = {}, timestamp read_at = morning,
                   space_index space = 0) {
  const item set(owner, key, value, tags, read_at, space);
  return owner.put(set.what, read_at, guard, {});
}

}  // namespace stash_test
