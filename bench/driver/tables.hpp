// The tables of the benchmark. Each prints Markdown: figures, ratios, and beside a ratio the mark
// that it is meant to reach. Nothing here asserts a mark.
#pragma once

#include "options.hpp"
#include "redis_benchmark.hpp"
#include "report.hpp"

namespace stash::bench {

// What the tables share.
struct table_run {
  const options& chosen;
  validity checks;

  std::string titled(const std::string& title) const {
    return chosen.label.empty() ? title : title + ", " + chosen.label;
  }
  // The contestant that puts `what` on `system` from `sessions.size()` clients.
  contestant driven(system_id system, operation what, request_shape shape,
                    const session_list& sessions, std::uint64_t keys = usual_keys) const;
};

void print_single(table_run& run);    // one key a statement
void print_many(table_run& run);      // 100 keys a statement
void print_pipeline(table_run& run);  // 16 statements a round trip
void print_keys(table_run& run);      // 10 million keys against 10,000
void print_hugepages(table_run& run);
void print_memory(table_run& run);    // bytes an entry
void print_tags(table_run& run);      // invalidation by tag
void print_driver(table_run& run);    // what the driver itself costs
void print_sessions(table_run& run);  // requests, log-ins, WAL
void print_reclaim(table_run& run);   // a million expired sessions, beside log-ins
void print_client(table_run& run);    // the C++ client

// How long the tables of operations a second measure.
pace rate_pace(const options& chosen, int clients);

// Prints the tables that `chosen` names; false when misses or refusals make them worthless.
bool print_tables(const options& chosen);

}  // namespace stash::bench
