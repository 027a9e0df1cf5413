// Work that others interrupt at the locks that it takes.
#pragma once

#include <functional>

#include "test_store.hpp"

namespace stash_test {

class interruption {
 public:
  // Runs `body`, and `meanwhile` before each lock that it takes: with the number of the lock. The
  // lock of a tag may be taken inside that of a partition, which `meanwhile` must not want then.
  // Returns how many locks there were.
  static int run(const std::function<void()>& body, std::function<void(int)> meanwhile) {
    count_ = 0;
    meanwhile_ = &meanwhile;
    test_lock::pause = pause;
    body();
    test_lock::pause = nullptr;
    return count_;
  }

 private:
  static void pause() {
    test_lock::pause = nullptr;
    (*meanwhile_)(count_++);
    test_lock::pause = pause;
  }
  static inline int count_ = 0;
  static inline std::function<void(int)>* meanwhile_ = nullptr;
};

}  // namespace stash_test
