// A steady stream of calls beside a measurement: a statement with a fresh number, so many times a
// second, each call a transaction of its own, from a thread and a session of their own.
#pragma once

#include <atomic>
#include <exception>
#include <string>
#include <thread>

#include "pg_connection.hpp"

namespace stash::bench {

class background_calls {
 public:
  background_calls(const std::string& conninfo, const std::string& sql, double calls_a_second);
  ~background_calls();
  background_calls(const background_calls&) = delete;
  background_calls& operator=(const background_calls&) = delete;

  // Ends the stream and returns how many calls a second there were; throws what the thread threw.
  double stop();

 private:
  void run();
  void join();

  pg_session session_;
  pg_connection calls_;
  double calls_a_second_;
  double reached_ = 0;
  std::exception_ptr failure_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;  // last: it uses all the others
};

}  // namespace stash::bench
