// What the integration tests share: the live server (PGHOST and the like), helpers to disturb it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "stash/stash.hpp"

namespace test {

using namespace std::chrono_literals;

// A pool without surprises: short deadlines, so that a test that goes wrong ends.
inline stash::pool_options options(std::size_t max_size = 4) {
  return {.max_size = max_size, .acquire_timeout = 10s};
}

// Waits until the condition holds, at most 10 s.
inline bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; i++) {
    if (condition()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return condition();
}

// Ends the server's process behind a connection, and waits until it is gone.
inline void kill_process(int process) {
  stash::connection other({});
  other.execute("SELECT pg_terminate_backend($1, 5000)", stash::parameters().add(process));
}

inline void make_extension(stash::client& client) {
  client.transact([](stash::transaction& work) {
    work.execute("SELECT pg_advisory_xact_lock(7)");
    work.execute("CREATE EXTENSION IF NOT EXISTS pg_stash");
  });
}

// A client, the extension, and a namespace of the test's own, new for each test.
class with_client : public testing::Test {
 protected:
  void SetUp() override {
    make_extension(client);
    static std::atomic<int> number = 0;
    name = "t" + std::to_string(getpid()) + "_" + std::to_string(number++);
    client.admin().create_namespace(name);
  }
  void TearDown() override { client.admin().drop_namespace(name); }

  stash::client client{options()};
  std::string name;
};

}  // namespace test
