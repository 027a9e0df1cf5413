// Redis's own load generator as a contestant: what most published figures of Redis come from.
#pragma once

#include "contestants.hpp"
#include "series.hpp"

namespace stash::bench {

inline constexpr char redis_tool_name[] = "redis-benchmark";

// True when the program is there (it is not a dependency of anything else).
bool has_redis_benchmark();

// redis-benchmark counts requests and not seconds: each run asks for as many as the last one's rate
// makes of its time.
contestant redis_benchmark(const std::string& socket, operation what, request_shape shape,
                           int clients, std::uint64_t keys);

// Runs a shell command and returns what it prints; throws when it fails.
std::string output_of(const std::string& command);

}  // namespace stash::bench
