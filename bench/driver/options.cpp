// See options.hpp.
#include "options.hpp"

#include <functional>
#include <map>
#include <stdexcept>

namespace stash::bench {

const char usage[] =
    "usage: bench_driver [OPTION]... TABLE...     single pipeline many keys hugepages memory tags\n"
    "                                           driver sessions reclaim\n"
    "       bench_driver [OPTION]... load\n"
    "  --pg CONNINFO        PostgreSQL with pg_stash (default: the PG* variables)\n"
    "  --pg-second CONNINFO another one: with few keys (keys), without huge pages (hugepages)\n"
    "  --redis SOCKET       --valkey SOCKET\n"
    "  --quick              short runs\n"
    "  --label TEXT         added to the titles\n"
    "of load:\n"
    "  --system stash|floor|floor-jsonb|table|redis|valkey   --op get|set\n"
    "  --clients N  --threads N  --seconds S  --keys N  --batch N  --pipeline N\n"
    "  --filled             the server holds the keys already\n";

namespace {

system_id parse_system(const std::string& text) {
  static const std::map<std::string, system_id> known = {
      {"stash", system_id::stash},
      {"floor", system_id::floor},
      {"floor-jsonb", system_id::floor_jsonb},
      {"table", system_id::table},
      {"redis", system_id::redis},
      {"valkey", system_id::valkey},
  };
  const auto found = known.find(text);
  if (found == known.end()) throw std::invalid_argument("unknown system: " + text);
  return found->second;
}

operation parse_operation(const std::string& text) {
  if (text == "get") return operation::get;
  if (text == "set") return operation::set;
  throw std::invalid_argument("unknown operation: " + text);
}

int parse_count(const std::string& text) {
  const int number = std::stoi(text);
  if (number < 1) throw std::invalid_argument("not a positive number: " + text);
  return number;
}

}  // namespace

options parse_options(int argc, char** argv) {
  options chosen;
  using setter = std::function<void(const std::string&)>;
  const std::map<std::string, setter> with_value = {
      {"--pg", [&](const std::string& v) { chosen.where.conninfo = v; }},
      {"--pg-second", [&](const std::string& v) { chosen.second_conninfo = v; }},
      {"--redis", [&](const std::string& v) { chosen.where.redis_socket = v; }},
      {"--valkey", [&](const std::string& v) { chosen.where.valkey_socket = v; }},
      {"--label", [&](const std::string& v) { chosen.label = v; }},
      {"--system", [&](const std::string& v) { chosen.system = parse_system(v); }},
      {"--op", [&](const std::string& v) { chosen.what = parse_operation(v); }},
      {"--clients", [&](const std::string& v) { chosen.clients = parse_count(v); }},
      {"--threads", [&](const std::string& v) { chosen.threads = parse_count(v); }},
      {"--seconds", [&](const std::string& v) { chosen.seconds = std::stod(v); }},
      {"--keys", [&](const std::string& v) { chosen.keys = std::stoull(v); }},
      {"--batch", [&](const std::string& v) { chosen.shape.batch = parse_count(v); }},
      {"--pipeline", [&](const std::string& v) { chosen.shape.pipeline = parse_count(v); }},
  };
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    if (const auto found = with_value.find(argument); found != with_value.end()) {
      if (++i == argc) throw std::invalid_argument(argument + " needs a value");
      found->second(argv[i]);
    } else if (argument == "--quick") {
      chosen.quick = true;
    } else if (argument == "--filled") {
      chosen.filled = true;
    } else if (argument.starts_with("-")) {
      throw std::invalid_argument("unknown option: " + argument);
    } else {
      chosen.tables.push_back(argument);
    }
  }
  if (chosen.tables.empty()) throw std::invalid_argument("no table is named");
  return chosen;
}

}  // namespace stash::bench
