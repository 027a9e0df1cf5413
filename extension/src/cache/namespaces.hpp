// Namespaces: from a name in a call to a slot in shared memory, and who may use it.
//
// The table stash.cache_namespace is the truth; a slot caches its row. A slot's serial is raised
// when a change of the table commits, and whoever uses the slot next reads the row again. A
// transaction that changes the table itself reads it at each use. Slots are given out under control
// lock 2.
#pragma once

#include <string_view>

#include "store/store.hpp"

namespace stash {

inline constexpr const char* default_namespace = "default";
// Where the hot copies of sessions are. No user's namespace may begin with a parenthesis, so that
// the functions of the cache cannot reach it.
inline constexpr const char* session_namespace = "(sessions)";
inline bool is_reserved_namespace(std::string_view name) { return name.starts_with('('); }

// The slot of a namespace of this database. Errors: 42704 unknown, 42501 not allowed to the present
// role, 53400 no slot left.
space_index resolve_namespace(std::string_view name);
bool namespace_is_strict(space_index space);
// Seconds → the moment of expiry; NULL is handled by the caller.
timestamp namespace_expiry(space_index space, timestamp now);

// A role's right to a namespace, without an error.
bool namespace_allowed(space_index space);

// At commit of a change to the table: every slot of this database must be read again.
void publish_namespace_changes();
void free_namespace_slot(space_index space);
// Empties and frees the slots of a database; called when it, or the extension in it, is gone.
void free_database_slots(std::uint32_t database);
// The slot of a namespace of any database, created if need be, without looking at tables.
// −1 when there is no slot left.
int slot_of(std::uint32_t database, std::string_view name);
// The extension is being created in this database.
void note_new_extension();

// Raises an error when the extension's SQL objects and this library are of different versions.
void check_versions();
inline constexpr const char* library_version = "1.0.0";
inline constexpr const char* schema_version = "1.0";

}  // namespace stash
