// SQL entry points about the cache itself: figures, versions, and what the SQL functions that
// manage namespaces need.
#include "boundary/guard.hpp"
#include "boundary/settings.hpp"
#include "cache/arguments.hpp"
#include "cache/namespaces.hpp"
#include "cache/rows.hpp"
#include "cache/shared_store.hpp"
#include "cache/transaction.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

constexpr int event_columns = static_cast<int>(event::count_);
constexpr int refusal_columns = static_cast<int>(refusal::count_) - 1;

void add_space(const row_set& rows, const store& owner, space_index index) {
  const space& slot = owner.space_at(index);
  Datum columns[5 + event_columns + refusal_columns];
  bool nulls[5 + event_columns + refusal_columns] = {};
  int at = 0;
  columns[at++] = CStringGetTextDatum(slot.name);
  columns[at++] = Int64GetDatum(slot.entries.load());
  columns[at++] = Int64GetDatum(slot.bytes.load());
  nulls[at] = slot.max_bytes.load() == 0;
  columns[at++] = Int64GetDatum(slot.max_bytes.load());
  columns[at++] = BoolGetDatum(slot.strict.load() != 0);
  for (int i = 0; i < event_columns; i++)
    columns[at++] =
        Int64GetDatum(static_cast<std::int64_t>(owner.counted(index, static_cast<event>(i))));
  for (int i = 1; i <= refusal_columns; i++)
    columns[at++] =
        Int64GetDatum(static_cast<std::int64_t>(owner.counted(index, static_cast<refusal>(i))));
  rows.add(columns, nulls);
}

}  // namespace

// cache_statistics() → a row a namespace of this database
STASH_FUNCTION(cache_statistics) {
  const store& owner = shared_store();
  row_set rows(fcinfo);
  const std::uint32_t used = owner.header().spaces_used.load();
  for (std::uint32_t i = 0; i < used; i++) {
    const space& slot = owner.space_at(static_cast<space_index>(i));
    if (slot.used.load() != 0 && slot.database == MyDatabaseId)
      add_space(rows, owner, static_cast<space_index>(i));
  }
  return 0;
}

// cache_usage() → entries, bytes used and capped of the whole store
STASH_FUNCTION(cache_usage) {
  const store::usage usage = shared_store().measure();
  row_set rows(fcinfo);
  Datum columns[5];
  bool nulls[5] = {};
  columns[0] = Int64GetDatum(static_cast<std::int64_t>(usage.entries));
  columns[1] = Int64GetDatum(static_cast<std::int64_t>(usage.bytes_used));
  columns[2] = Int64GetDatum(static_cast<std::int64_t>(usage.bytes_capped));
  columns[3] = Int64GetDatum(static_cast<std::int64_t>(shared_store().shape().memory));
  columns[4] = Int32GetDatum(static_cast<std::int32_t>(shared_store().shape().partitions));
  rows.add(columns, nulls);
  return 0;
}

// stat_reset(): the counters of this database's namespaces begin at zero
STASH_FUNCTION(stat_reset) {
  const store& owner = shared_store();
  const std::uint32_t used = owner.header().spaces_used.load();
  for (std::uint32_t i = 0; i < used; i++) {
    const space& slot = owner.space_at(static_cast<space_index>(i));
    if (slot.used.load() != 0 && slot.database == MyDatabaseId)
      owner.reset_counters(static_cast<space_index>(i));
  }
  PG_RETURN_VOID();
}

// namespace_changed(name, dropped): called by the SQL functions that change the table
STASH_FUNCTION(namespace_changed) {
  const std::string_view name = text_argument(fcinfo, 0, "name");
  const bool dropped = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
  if (!store_attached()) PG_RETURN_VOID();
  note_configuration_change();
  if (dropped) {
    const int slot = slot_of(MyDatabaseId, name);
    if (slot >= 0) {
      invalidate_space(static_cast<space_index>(slot));
      note_namespace_dropped(static_cast<space_index>(slot));
    }
  }
  PG_RETURN_VOID();
}

// namespace_known(name): raises what any cache function would raise for it
STASH_FUNCTION(namespace_known) {
  (void)namespace_argument(fcinfo, 0);
  PG_RETURN_BOOL(true);
}

STASH_FUNCTION(version) {
  check_versions();
  PG_RETURN_TEXT_P(cstring_to_text(library_version));
}

STASH_FUNCTION(preloaded) { PG_RETURN_BOOL(store_attached()); }

}  // namespace stash
