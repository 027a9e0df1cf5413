// Loads objects into an empty collection through the extension's core and prints its rate:
//
//   weaviate_load URL COLLECTION ROWS DIMENSIONS connect|rest FLIGHTS BATCH VECTORS
//
// As many batches are under way at once as FLIGHTS says. Objects have a text, a number and a vector
// of the file VECTORS (float32, one after the other), read before the clock starts. Fails when an
// object is not stored.
#include <poll.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "weaviate/about.hpp"
#include "weaviate/batch.hpp"

namespace {

using namespace stash;  // NOLINT: a program of one file

struct rows {
  std::size_t dimensions;
  std::vector<float> vectors;
  std::vector<std::string> titles;

  rows(std::size_t count, std::size_t size, const char* file) : dimensions(size) {
    vectors.resize(count * size);
    std::ifstream(file, std::ios::binary)
        .read(reinterpret_cast<char*>(vectors.data()),
              static_cast<std::streamsize>(vectors.size() * sizeof(float)));
    for (std::size_t i = 0; i < count; i++)
      titles.push_back("the title of document " + std::to_string(i));
  }
};

weaviate::upsert_batch batch_of(const weaviate::server& server, const char* collection,
                                const rows& all, std::size_t from, std::size_t to) {
  weaviate::upsert_batch batch(server);
  for (std::size_t i = from; i < to; i++) {
    const std::string number = std::to_string(i);
    const std::string_view parts[] = {"bench", number};
    weaviate::property properties[2];
    properties[0].name = "title";
    properties[0].text = all.titles[i];
    properties[1].name = "n";
    properties[1].type = weaviate::property_type::integer;
    properties[1].integer = static_cast<std::int64_t>(i);
    const weaviate::named_vector vector{"", {&all.vectors[i * all.dimensions], all.dimensions}};
    batch.add({collection, "", weaviate::object_id(parts), properties, {&vector, 1}});
  }
  return batch;
}

// Seconds of processor time of this process.
double processor_time() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

bool load(const weaviate::server& server, const char* collection, const rows& all,
          std::size_t flights, std::size_t size) {
  http::engine engine;
  std::map<std::uint64_t, weaviate::upsert_batch> under_way;
  std::size_t next = 0;
  while (next < all.titles.size() || !under_way.empty()) {
    while (next < all.titles.size() && under_way.size() < flights) {
      const std::size_t end = std::min(next + size, all.titles.size());
      auto batch = batch_of(server, collection, all, next, end);
      const auto id = engine.submit(batch.take_request());
      under_way.emplace(id, std::move(batch));
      next = end;
      engine.perform();
    }
    pollfd waiting{engine.descriptor(), POLLIN, 0};
    poll(&waiting, 1, engine.timeout_ms());
    engine.perform();
    while (const auto answer = engine.next_completed()) {
      const auto found = under_way.find(answer->id);
      const auto result = found->second.read(*answer);
      if (result.whole.verdict != weaviate::verdict::done || !result.faults.empty()) {
        std::fprintf(stderr, "a batch failed: %s\n",
                     result.faults.empty() ? result.whole.message.c_str()
                                           : result.faults[0].judged.message.c_str());
        return false;
      }
      under_way.erase(found);
    }
  }
  std::int64_t count = 0;
  const auto answer = http::perform_alone(engine, weaviate::count_request(server, collection, ""));
  (void)weaviate::read_count(server, answer, &count);
  if (count == static_cast<std::int64_t>(all.titles.size())) return true;
  std::fprintf(stderr, "%lld objects are there\n", static_cast<long long>(count));
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 9) {
    std::fprintf(stderr,
                 "usage: %s URL COLLECTION ROWS DIMENSIONS connect|rest FLIGHTS BATCH VECTORS\n",
                 argv[0]);
    return 2;
  }
  weaviate::server server;
  server.url = argv[1];
  server.consistency = weaviate::consistency::one;
  server.dialect =
      std::string_view(argv[5]) == "rest" ? weaviate::dialect::rest : weaviate::dialect::connect;
  const rows all(std::strtoul(argv[3], nullptr, 10), std::strtoul(argv[4], nullptr, 10), argv[8]);
  const double processor_before = processor_time();
  const auto began = std::chrono::steady_clock::now();
  if (!load(server, argv[2], all, std::strtoul(argv[6], nullptr, 10),
            std::strtoul(argv[7], nullptr, 10)))
    return 1;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("%.1f %.2f\n", static_cast<double>(all.titles.size()) / took.count(),
              1e6 * (processor_time() - processor_before) / static_cast<double>(all.titles.size()));
  return 0;
}
