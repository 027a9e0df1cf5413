// Clients that log in at a steady rate, each from a thread of its own: create a session, find it by
// its token. Every statement is timed. Unlike the load loop they leave the processors idle most of
// the time, so that a slow statement is the server's doing and not a queue's.
#pragma once

#include <atomic>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "pg_connection.hpp"

namespace stash::bench {

class login_clients {
 public:
  // `ttl`: seconds that a session lives.
  login_clients(const std::string& conninfo, int clients, double logins_a_second, int ttl);
  ~login_clients();
  login_clients(const login_clients&) = delete;
  login_clients& operator=(const login_clients&) = delete;

  struct times {
    std::uint64_t statements = 0;
    std::uint64_t slow = 0;  // longer than slow_milliseconds
    double slowest_milliseconds = 0;
  };
  static constexpr double slow_milliseconds = 50;

  // What was seen since it was asked last. Throws what a client has died of.
  times take();

 private:
  struct client {
    explicit client(const std::string& conninfo) : session(conninfo) {}
    pg_session session;
    std::exception_ptr failure;
    std::atomic<bool> failed = false;
    std::thread thread;
  };

  void run(client& who, std::size_t number);
  void log_in(client& who, const std::string& create, const std::string& find,
              random_source& random);
  pg_result timed(client& who, const std::string& name, std::initializer_list<const char*> values);

  double pause_;  // seconds between two log-ins of a client
  std::string create_;
  std::vector<std::unique_ptr<client>> clients_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> statements_ = 0;
  std::atomic<std::uint64_t> slow_ = 0;
  std::atomic<std::int64_t> slowest_microseconds_ = 0;
};

}  // namespace stash::bench
