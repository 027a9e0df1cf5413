// See namespaces.hpp.
#include "cache/namespaces.hpp"

#include <cstring>

#include "boundary/settings.hpp"
#include "boundary/shared_memory.hpp"
#include "cache/shared_store.hpp"
#include "cache/transaction.hpp"

#include "boundary/postgres.hpp"

namespace stash {
namespace {

// A slot is not given to another name while a transaction may still hold its number.
constexpr timestamp rest_before_reuse = 600 * microseconds_per_second;

struct configuration {
  bool found = false;
  std::int64_t max_bytes = 0;
  double default_ttl = 0;
  bool strict = false;
  int role_count = 0;
  Oid roles[max_space_roles] = {};
};

LWLock* control() { return static_cast<LWLock*>(lock_at(lock_tranche::control, 2)); }

bool has_name(const space& slot, std::uint32_t database, std::string_view name) {
  return slot.used.load(std::memory_order_acquire) != 0 && slot.database == database &&
         std::strlen(slot.name) == name.size() &&
         std::memcmp(slot.name, name.data(), name.size()) == 0;
}

int find_slot(const store& owner, std::uint32_t database, std::string_view name) {
  const std::uint32_t used = owner.header().spaces_used.load();
  for (std::uint32_t i = 0; i < used; i++)
    if (has_name(owner.space_at(static_cast<space_index>(i)), database, name))
      return static_cast<int>(i);
  return -1;
}

void read_roles(Datum roles, configuration* into) {
  Datum* names = nullptr;
  bool* nulls = nullptr;
  int count = 0;
  deconstruct_array(DatumGetArrayTypeP(roles), TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls,
                    &count);
  for (int i = 0; i < count && into->role_count < static_cast<int>(max_space_roles); i++) {
    if (nulls[i]) continue;
    // A role that was dropped must not open the namespace to everybody: it stays as nobody.
    into->roles[into->role_count++] = get_role_oid(TextDatumGetCString(names[i]), true);
  }
}

// Reads the row of a namespace as it is committed now (or as this transaction changed it). The
// default namespace needs none.
configuration read_configuration(std::string_view name) {
  configuration result;
  result.found = name == default_namespace;
  bool read = false;
  const Oid schema = get_namespace_oid("stash", true);
  const Oid table = OidIsValid(schema) ? get_relname_relid("cache_namespace", schema) : InvalidOid;
  if (!OidIsValid(table)) return result;
  Relation relation = table_open(table, AccessShareLock);
  Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
  SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, snapshot, 0, nullptr);
  TupleDesc shape = RelationGetDescr(relation);
  for (HeapTuple row; !read && HeapTupleIsValid(row = systable_getnext(scan));) {
    bool null = false;
    const Datum column = heap_getattr(row, 1, shape, &null);
    text* stored = null ? nullptr : DatumGetTextPP(column);
    if (stored == nullptr || VARSIZE_ANY_EXHDR(stored) != name.size() ||
        std::memcmp(VARDATA_ANY(stored), name.data(), name.size()) != 0)
      continue;
    read = true;
    const Datum bytes = heap_getattr(row, 2, shape, &null);
    if (!null) result.max_bytes = DatumGetInt64(bytes);
    const Datum ttl = heap_getattr(row, 3, shape, &null);
    if (!null) result.default_ttl = DatumGetFloat8(ttl);
    const Datum strict = heap_getattr(row, 4, shape, &null);
    if (!null) result.strict = DatumGetBool(strict);
    const Datum roles = heap_getattr(row, 5, shape, &null);
    if (!null) read_roles(roles, &result);
  }
  systable_endscan(scan);
  UnregisterSnapshot(snapshot);
  table_close(relation, AccessShareLock);
  result.found = result.found || read;
  return result;
}

void apply(space& slot, const configuration& config) {
  slot.max_bytes.store(config.max_bytes);
  slot.default_ttl.store(
      config.default_ttl >= 9e12 ? never : static_cast<std::int64_t>(config.default_ttl * 1e6));
  slot.strict.store(config.strict ? 1 : 0);
  for (int i = 0; i < config.role_count; i++) slot.roles[i].store(config.roles[i]);
  slot.role_count.store(static_cast<std::uint32_t>(config.role_count));
}

[[noreturn]] void report_unknown(std::string_view name) {
  ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                  errmsg("cache namespace \"%.*s\" does not exist", static_cast<int>(name.size()),
                         name.data()),
                  errhint("Create it with stash.cache_namespace_create.")));
  pg_unreachable();
}

bool roles_allow(const std::uint32_t* roles, std::uint32_t count) {
  if (count == 0 || superuser()) return true;
  for (std::uint32_t i = 0; i < count; i++)
    if (OidIsValid(roles[i]) && has_privs_of_role(GetUserId(), roles[i])) return true;
  return false;
}

[[noreturn]] void report_forbidden(const char* name) {
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("permission denied for cache namespace \"%s\"", name),
                  errhint("Its roles are set by stash.cache_namespace_alter.")));
  pg_unreachable();
}

// Reads the row and, unless this transaction changed the table, shares what it read.
int load_slot(store& owner, std::string_view name, bool* allowed) {
  const int known = find_slot(owner, MyDatabaseId, name);
  const std::uint32_t serial =
      known < 0 ? 0 : owner.space_at(static_cast<space_index>(known)).config_serial.load();
  const configuration config = read_configuration(name);
  if (!config.found) report_unknown(name);
  const int index = slot_of(MyDatabaseId, name);
  if (index < 0)
    ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                    errmsg("too many cache namespaces are in use"),
                    errhint("Increase stash.max_namespaces (now %d) and restart the server.",
                            settings::max_namespaces)));
  // A new slot: a change that committed since the row was read had no slot to announce itself in.
  if (known != index) return load_slot(owner, name, allowed);
  space& slot = owner.space_at(static_cast<space_index>(index));
  LWLockAcquire(control(), LW_EXCLUSIVE);
  if (!namespace_changes_pending() && slot.config_serial.load() == serial) {
    apply(slot, config);
    slot.config_valid.store(serial, std::memory_order_release);
  }
  LWLockRelease(control());
  std::uint32_t roles[max_space_roles] = {};
  for (int i = 0; i < config.role_count; i++) roles[i] = config.roles[i];
  *allowed = roles_allow(roles, static_cast<std::uint32_t>(config.role_count));
  return index;
}

// What this backend resolved last, so that a call costs a comparison of names.
struct resolved_name {
  char name[max_space_name + 1] = "";
  std::size_t size = 0;
  int index = -1;
  std::uint32_t generation = 0;
  std::uint32_t serial = 0;
  Oid user = InvalidOid;
  std::uint64_t memberships = 0;
};
constexpr int remembered = 8;
resolved_name names[remembered];
int next_name = 0;
std::uint64_t membership_changes = 1;

void on_membership_change(Datum, int, uint32) { membership_changes++; }

bool still_valid(const store& owner, const resolved_name& known) {
  const space& slot = owner.space_at(static_cast<space_index>(known.index));
  return slot.generation.load(std::memory_order_acquire) == known.generation &&
         slot.config_valid.load(std::memory_order_acquire) == known.serial &&
         slot.config_serial.load(std::memory_order_acquire) == known.serial &&
         known.user == GetUserId() && known.memberships == membership_changes;
}

}  // namespace

namespace {

// What was written just before the start nobody remembers, so until the guard has passed after it,
// blind sets are refused: unless the extension came to the database only later.
void begin_meaning(const store& owner, space& slot, std::uint32_t database, bool created_now) {
  bool known = false;
  timestamp dropped_at = 0;
  bool new_extension = created_now;
  const std::uint32_t used = owner.header().spaces_used.load();
  for (std::uint32_t i = 0; i < used; i++) {
    const space& other = owner.space_at(static_cast<space_index>(i));
    if (&other == &slot || other.database != database) continue;
    known = true;
    if (std::strcmp(other.name, slot.name) == 0) dropped_at = Max(dropped_at, other.freed_at);
    new_extension = new_extension || other.extension_is_new != 0;
  }
  slot.extension_is_new = new_extension ? 1 : 0;
  if (!new_extension) slot.all.changed(owner.header().boot, true);
  // A new meaning of a used slot: whatever was on its way into the old one comes too late.
  if (slot.freed_at != 0) slot.all.changed(slot.freed_at, false);
  // A namespace of this name that was dropped has left its stamps behind.
  if (dropped_at != 0) slot.all.changed(dropped_at, true);
  if (known && created_now) {
    const clocks both = read_clocks();
    slot.all.changed(owner.header().clock.next_stamp(both.wall, both.monotonic), false);
  }
}

// The slot that the name had before, so that what is still on its way there arrives: invalidations
// of a transaction that began before the namespace was dropped. Else one that nobody can mean.
int free_slot(const store& owner, std::uint32_t database, std::string_view name) {
  const timestamp now = GetCurrentTimestamp();
  int found = -1;
  for (std::uint32_t i = 0; i < owner.shape().spaces; i++) {
    const space& slot = owner.space_at(static_cast<space_index>(i));
    if (slot.used.load() != 0) continue;
    if (slot.database == database && name == slot.name) return static_cast<int>(i);
    const bool rested = slot.freed_at == 0 || now - slot.freed_at > rest_before_reuse;
    if (rested && found < 0) found = static_cast<int>(i);
  }
  return found;
}

int take_slot(store& owner, std::uint32_t database, std::string_view name, bool new_extension) {
  const int index = free_slot(owner, database, name);
  if (index < 0) return -1;
  space& slot = owner.space_at(static_cast<space_index>(index));
  slot.generation.fetch_add(1);
  slot.database = database;
  std::memset(slot.name, 0, sizeof slot.name);
  std::memcpy(slot.name, name.data(), Min(name.size(), max_space_name));
  begin_meaning(owner, slot, database, new_extension);
  slot.config_serial.store(slot.config_serial.load() + 1);
  slot.max_bytes.store(0);
  slot.role_count.store(0);
  const auto used = static_cast<std::uint32_t>(index) + 1;
  if (owner.header().spaces_used.load() < used) owner.header().spaces_used.store(used);
  slot.used.store(1, std::memory_order_release);
  return index;
}

int find_or_take_slot(std::uint32_t database, std::string_view name, bool new_extension) {
  store& owner = shared_store();
  LWLockAcquire(control(), LW_EXCLUSIVE);
  int index = find_slot(owner, database, name);
  if (index < 0) index = take_slot(owner, database, name, new_extension);
  LWLockRelease(control());
  return index;
}

}  // namespace

int slot_of(std::uint32_t database, std::string_view name) {
  return find_or_take_slot(database, name, false);
}

void note_new_extension() { (void)find_or_take_slot(MyDatabaseId, default_namespace, true); }

space_index resolve_namespace(std::string_view name) {
  store& owner = shared_store();
  if (!namespace_changes_pending()) {
    for (const resolved_name& known : names)
      if (known.index >= 0 && known.size == name.size() &&
          std::memcmp(known.name, name.data(), name.size()) == 0 && still_valid(owner, known))
        return static_cast<space_index>(known.index);
  }
  check_versions();
  if (name.empty() || name.size() > max_space_name || is_reserved_namespace(name))
    report_unknown(name);
  static bool callback_registered = false;
  if (!callback_registered) {
    CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, on_membership_change, 0);
    CacheRegisterSyscacheCallback(AUTHOID, on_membership_change, 0);
    callback_registered = true;
  }
  bool allowed = false;
  const std::uint64_t memberships = membership_changes;
  const int index = load_slot(owner, name, &allowed);
  const space& slot = owner.space_at(static_cast<space_index>(index));
  if (!allowed) report_forbidden(pnstrdup(name.data(), name.size()));
  if (!namespace_changes_pending()) {
    resolved_name& known = names[next_name++ % remembered];
    std::memcpy(known.name, name.data(), name.size());
    known.size = name.size();
    known.index = index;
    known.generation = slot.generation.load();
    known.serial = slot.config_valid.load();
    known.user = GetUserId();
    known.memberships = memberships;
  }
  return static_cast<space_index>(index);
}

bool namespace_is_strict(space_index space) {
  return shared_store().space_at(space).strict.load(std::memory_order_relaxed) != 0;
}

timestamp namespace_expiry(space_index space, timestamp now) {
  const std::int64_t configured =
      shared_store().space_at(space).default_ttl.load(std::memory_order_relaxed);
  if (configured == never) return never;
  return now +
         (configured > 0 ? configured : static_cast<timestamp>(settings::default_ttl_s * 1e6));
}

bool namespace_allowed(space_index index) {
  const space& slot = shared_store().space_at(index);
  std::uint32_t roles[max_space_roles] = {};
  const std::uint32_t count = slot.role_count.load();
  for (std::uint32_t i = 0; i < count; i++) roles[i] = slot.roles[i].load();
  return roles_allow(roles, count);
}

void publish_namespace_changes() {
  if (!store_attached()) return;
  const store& owner = shared_store();
  const std::uint32_t used = owner.header().spaces_used.load();
  for (std::uint32_t i = 0; i < used; i++) {
    space& slot = owner.space_at(static_cast<space_index>(i));
    if (slot.used.load() != 0 && slot.database == MyDatabaseId) slot.config_serial.fetch_add(1);
  }
}

namespace {

void mark_free(space_index index, timestamp freed_at) {
  space& slot = shared_store().space_at(index);
  LWLockAcquire(control(), LW_EXCLUSIVE);
  slot.generation.fetch_add(1);
  slot.used.store(0);
  slot.freed_at = freed_at;
  LWLockRelease(control());
}

void empty_slot(space_index index) {
  shared_store().purge_space(index);
  shared_store().reset_counters(index);
}

}  // namespace

void free_namespace_slot(space_index index) {
  mark_free(index, GetCurrentTimestamp());
  empty_slot(index);
}

void free_database_slots(std::uint32_t database) {
  if (!store_attached()) return;
  const store& owner = shared_store();
  const std::uint32_t used = owner.header().spaces_used.load();
  for (std::uint32_t i = 0; i < used; i++) {
    const space& slot = owner.space_at(static_cast<space_index>(i));
    if (slot.used.load() == 0 || slot.database != database) continue;
    // Nobody is left who could use the number: once empty it is as good as new.
    constexpr timestamp never_used = 0;
    empty_slot(static_cast<space_index>(i));
    mark_free(static_cast<space_index>(i), never_used);
  }
}

void check_versions() {
  static bool checked = false;
  if (checked) return;
  const Oid extension = get_extension_oid("pg_stash", true);
  if (!OidIsValid(extension)) return;
  Relation relation = table_open(ExtensionRelationId, AccessShareLock);
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
              ObjectIdGetDatum(extension));
  SysScanDesc scan = systable_beginscan(relation, ExtensionOidIndexId, true, nullptr, 1, &key);
  HeapTuple row = systable_getnext(scan);
  char* installed = nullptr;
  if (HeapTupleIsValid(row)) {
    bool null = false;
    const Datum version =
        heap_getattr(row, Anum_pg_extension_extversion, RelationGetDescr(relation), &null);
    if (!null) installed = TextDatumGetCString(version);
  }
  systable_endscan(scan);
  table_close(relation, AccessShareLock);
  if (installed != nullptr && std::strcmp(installed, schema_version) != 0)
    ereport(
        ERROR,
        (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
         errmsg("pg_stash's SQL objects are of version %s, its library is of version %s", installed,
                schema_version),
         errhint("Run ALTER EXTENSION pg_stash UPDATE, or restart the server with the library of "
                 "the same version.")));
  checked = installed != nullptr;
}

}  // namespace stash
