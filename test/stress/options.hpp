// What the command line asks for. Read once before any thread starts, constant afterwards.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace stress {

enum class cache_kind { stash, redis };

struct options {
  cache_kind mode = cache_kind::stash;
  int seconds = 30;
  int connections = 24;
  int keys = 8;  // per table; there are two tables
  uint64_t seed = 1;
  int writes_percent = 14;
  int think_us = 1000;       // upper end of the pause between the steps of a fill
  int pool_delay_ms = 100;   // upper end of the rare long pause of a fill through a pool
  double guard_seconds = 0;  // 0: ask the server for stash.blind_fill_guard
  bool fail_on_stale = true;
  std::string conninfo;
  std::string redis_socket;
};

// Exits with a usage message when an argument is wrong.
options parse_options(int argc, char** argv);

}  // namespace stress
