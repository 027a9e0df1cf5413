// See redis_benchmark.hpp.
//
// Its random numbers have twelve digits, our keys sixteen: the first four are constant below 10^12
// keys. Its value is the same one every time, which costs Redis nothing.
#include "redis_benchmark.hpp"

#include <stdio.h>
#include <sys/wait.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "figure.hpp"

namespace stash::bench {

namespace {

constexpr char random_key[] = "1000__rand_int__";
constexpr double first_guess = 100'000;  // requests a second, before the first run

std::string quoted(const std::string& text) { return "'" + text + "'"; }

std::string command_of(operation what, int batch) {
  const bool set = what == operation::set;
  std::string command = set ? (batch > 1 ? "mset" : "set") : (batch > 1 ? "mget" : "get");
  random_source random(1);
  for (int i = 0; i < batch; i++) {
    command += std::string(" ") + random_key;
    if (set) command += " " + quoted(std::string(pick_value(random)));
  }
  return command;
}

// The second field of the last line: "name","rate",...
double parse_rate(const std::string& output) {
  const std::size_t line = output.rfind("\n\"", output.size() - 2);
  const std::size_t field = output.find("\",\"", line == std::string::npos ? 0 : line);
  if (field == std::string::npos) throw std::runtime_error("redis-benchmark printed: " + output);
  return parse_figure("the rate of redis-benchmark", output.substr(field + 3));
}

}  // namespace

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  if (!pipe) throw std::runtime_error("cannot run " + command);
  std::string output;
  char buffer[4096];
  for (std::size_t got; (got = fread(buffer, 1, sizeof buffer, pipe.get())) > 0;) {
    output.append(buffer, got);
  }
  return output;
}

bool has_redis_benchmark() { return !output_of("command -v redis-benchmark || true").empty(); }

contestant redis_benchmark(const std::string& socket, operation what, request_shape shape,
                           int clients, std::uint64_t keys) {
  const auto rate = std::make_shared<double>(first_guess / shape.batch * shape.pipeline / 4);
  return {redis_tool_name, [=](double seconds) {
            const auto requests =
                static_cast<std::uint64_t>(std::max(*rate * seconds, 100.0 * clients));
            const std::string output = output_of(
                "redis-benchmark -s " + quoted(socket) + " -c " + std::to_string(clients) + " -P " +
                std::to_string(shape.pipeline) + " -r " + std::to_string(keys) + " -n " +
                std::to_string(requests) + " --csv " + command_of(what, shape.batch));
            *rate = parse_rate(output);
            load_result result;
            result.counts.operations = requests * static_cast<std::uint64_t>(shape.batch);
            result.seconds = static_cast<double>(requests) / *rate;
            return result;
          }};
}

}  // namespace stash::bench
