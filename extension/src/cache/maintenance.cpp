// The cache's background tasks: the sweep, prepared transactions, the saved cache, dropped
// databases.
#include "cache/maintenance.hpp"

#include "boundary/own_mapping.hpp"
#include "boundary/settings.hpp"
#include "cache/image.hpp"
#include "cache/namespaces.hpp"
#include "cache/prepared.hpp"
#include "cache/shared_store.hpp"
#include "worker/tasks.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

// A round of the sweep holds no lock for longer than a group of buckets takes, and ends after this.
constexpr timestamp slice = 20'000;
constexpr std::uint32_t buckets_a_step = 1024;

int sweep_interval() { return settings::sweep_interval_ms; }

// Whichever database's worker comes first sweeps the whole store for all.
bool sweep(worker::task_context& context) {
  if (!store_attached()) return false;
  store& owner = shared_store();
  const clocks both = read_clocks();
  owner.header().clock.observe(both.wall, both.monotonic);
  const timestamp begun = both.wall;
  std::uint64_t buckets = 0;
  while (buckets < owner.bucket_total()) {
    const timestamp now = GetCurrentTimestamp();
    if (now - begun > slice || now < begun || context.out_of_time()) break;
    owner.sweep(now, buckets_a_step);
    buckets += buckets_a_step;
    CHECK_FOR_INTERRUPTS();
  }
  return false;
}

int resolve_interval() { return 1000; }

bool resolve(worker::task_context&) {
  if (!store_attached()) return false;
  check_prepared_at_start();
  resolve_prepared();
  return false;
}

bool load(worker::task_context&) {
  load_saved_cache();
  return false;
}

bool use_huge_pages(worker::task_context& context) {
  while (!context.out_of_time()) {
    if (!back_with_huge_pages()) return false;
    CHECK_FOR_INTERRUPTS();
  }
  return true;
}

void forget_database(unsigned int database) { free_database_slots(database); }

}  // namespace

void register_cache_tasks() {
  worker::register_launcher_task({"load saved cache", nullptr, load, false, false});
  worker::register_launcher_task({"huge pages", nullptr, use_huge_pages, false, false});
  worker::register_worker_task({"sweep", sweep_interval, sweep, false, false});
  worker::register_worker_task({"prepared transactions", resolve_interval, resolve, true, false});
  worker::register_extension_table("cache_namespace");
  worker::register_database_gone(forget_database);
}

}  // namespace stash
