// Loads many rows and puts each into the cache, 1000 statements a round trip.
//
//   bulk_load [ROWS]       10,000 without an argument
//
// Connects as libpq does by default (PGHOST, PGDATABASE, ...). Needs CREATE EXTENSION pg_stash.
#include <chrono>
#include <iostream>
#include <stash/stash.hpp>

namespace {

struct product {
  int id = 0;
  std::string name;
  double price = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(product, id, name, price)
};

// Stands for a file or a feed.
product read_product(int number) {
  return {number, "product " + std::to_string(number), 0.5 * number};
}

// One transaction: rows and cache entries of a batch appear together, or not at all.
void load(stash::connection& on, int first, int end) {
  stash::pipeline batch(on);
  auto cache = batch.cache();
  for (int number = first; number < end; number++) {
    const product each = read_product(number);
    batch.add("INSERT INTO example_product VALUES ($1, $2, $3)", each.id, each.name, each.price);
    // Fresh: written in this very transaction.
    (void)cache.set("example-product:" + std::to_string(each.id), each,
                    {.ttl = stash::seconds{600},
                     .tags = {"example-product:" + std::to_string(each.id)},
                     .fresh = true});
  }
  batch.run();
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const int rows = count > 1 ? std::stoi(arguments[1]) : 10'000;
    constexpr int at_once = 500;
    stash::client client({.max_size = 1});
    const auto on = client.connections().acquire();
    on->command(
        "CREATE TEMPORARY TABLE example_product (id int PRIMARY KEY, name text, price float8)");

    const auto begun = std::chrono::steady_clock::now();
    for (int first = 0; first < rows; first += at_once)
      load(*on, first, std::min(first + at_once, rows));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;

    const auto loaded = on->execute("SELECT count(*) FROM example_product").integer(0, 0);
    std::cout << loaded << " rows and as many cache entries in " << took.count() << " s\n";

    // Read back, again many at a time; the handles hold the answers in the order of the calls.
    stash::pipeline reads(*on);
    auto cache = reads.cache();
    std::vector<stash::pending<std::optional<product>>> found;
    for (int number = 0; number < 3; number++)
      found.push_back(cache.get<product>("example-product:" + std::to_string(number)));
    reads.run();
    for (auto& each : found)
      if (const auto one = each.get()) std::cout << one->name << " costs " << one->price << '\n';
    return loaded == rows ? 0 : 1;
  } catch (const std::exception& failed) {
    std::cerr << failed.what() << '\n';
    return 1;
  }
}
