// The driver's command line: `bench_driver [option…] TABLE…` prints tables, `bench_driver load
// [option…]` puts one kind of load on one server.
#pragma once

#include <string>
#include <vector>

#include "contestants.hpp"

namespace stash::bench {

struct options {
  servers where;
  std::string second_conninfo;  // another server, for the tables that compare two
  std::vector<std::string> tables;
  bool quick = false;
  std::string label;  // added to the titles: "huge pages"

  int threads = 0;  // 0: default_threads
  int clients = 0;  // 0: 8 for load, and what each table says for tables

  // load only
  system_id system = system_id::stash;
  operation what = operation::get;
  request_shape shape;
  double seconds = 5;
  std::uint64_t keys = 100'000;
  bool filled = false;  // the server holds the keys already
};

// Throws std::invalid_argument, its text meant for the user.
options parse_options(int argc, char** argv);

extern const char usage[];

}  // namespace stash::bench
