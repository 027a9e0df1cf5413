// Command line parsing.
#include "options.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace stress {
namespace {

constexpr const char* usage =
    "usage: stash-stress [options]\n"
    "  --mode stash|redis     which cache to test (stash)\n"
    "  --seconds N            how long (30)\n"
    "  --connections N        size of the connection pool; half as many threads share it (24)\n"
    "  --keys N               hot keys in each of the two tables (8)\n"
    "  --seed N               seed of the random choices (1)\n"
    "  --writes PERCENT       share of operations that change data (14)\n"
    "  --think-us N           longest pause between two steps of a fill (1000)\n"
    "  --pool-delay-ms N      longest rare pause of a fill through a pool (100)\n"
    "  --guard SECONDS        the server's stash.blind_fill_guard (asked for)\n"
    "  --conninfo STRING      libpq connection string (the PG* environment)\n"
    "  --redis-socket PATH    unix socket of the Redis to test in mode redis\n"
    "  --fail-on-stale        in mode redis too, exit 1 after a stale read\n";

[[noreturn]] void refuse(const std::string& why) {
  std::fprintf(stderr, "stash-stress: %s\n%s", why.c_str(), usage);
  std::exit(2);
}

double number(std::string_view name, const char* text, double least, double most) {
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(value >= least) || !(value <= most)) {
    refuse(std::string(name) + ": not a number in range: " + text);
  }
  return value;
}

}  // namespace

options parse_options(int argc, char** argv) {
  options chosen;
  bool asked_to_fail = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--help") {
      std::fputs(usage, stdout);
      std::exit(0);
    }
    if (name == "--fail-on-stale") {
      asked_to_fail = true;
      continue;
    }
    if (i + 1 >= argc) refuse(std::string(name) + ": unknown option, or its value is missing");
    const char* value = argv[++i];
    const auto whole = [&](double least, double most) {
      return static_cast<int>(number(name, value, least, most));
    };
    if (name == "--mode") {
      if (std::strcmp(value, "stash") != 0 && std::strcmp(value, "redis") != 0) {
        refuse(std::string("--mode: stash or redis, not ") + value);
      }
      chosen.mode = *value == 's' ? cache_kind::stash : cache_kind::redis;
    } else if (name == "--seconds") {
      chosen.seconds = whole(1, 86400);
    } else if (name == "--connections") {
      chosen.connections = whole(4, 1000);
    } else if (name == "--keys") {
      chosen.keys = whole(8, 1000000);
    } else if (name == "--seed") {
      chosen.seed = static_cast<uint64_t>(number(name, value, 0, 1e15));
    } else if (name == "--writes") {
      chosen.writes_percent = whole(1, 90);
    } else if (name == "--think-us") {
      chosen.think_us = whole(0, 1000000);
    } else if (name == "--pool-delay-ms") {
      chosen.pool_delay_ms = whole(0, 60000);
    } else if (name == "--guard") {
      chosen.guard_seconds = number(name, value, 0.001, 3600);
    } else if (name == "--conninfo") {
      chosen.conninfo = value;
    } else if (name == "--redis-socket") {
      chosen.redis_socket = value;
    } else {
      refuse("unknown option: " + std::string(name));
    }
  }
  if (chosen.mode == cache_kind::redis) {
    chosen.fail_on_stale = asked_to_fail;
    if (chosen.redis_socket.empty()) refuse("--mode redis needs --redis-socket");
  }
  return chosen;
}

}  // namespace stress
