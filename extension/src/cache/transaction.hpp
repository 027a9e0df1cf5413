// The cache's part in the present transaction: its log of operations, what it missed, and the
// moments that the rules compare.
#pragma once

#include "store/transaction_log.hpp"

namespace stash {

// Registers the transaction callbacks; once, in _PG_init.
void install_transaction_callbacks();

transaction_log& current_log();
std::uint32_t current_subtransaction();

// t: the earliest moment at which data that this transaction shows may have been read.
timestamp read_moment();
// The setting stash.blind_fill_guard in microseconds.
timestamp blind_guard();
// What the present transaction's isolation level lets it see of the store.
reader current_reader();
// READ COMMITTED whatever the isolation level: for conditions, not for values.
reader latest_reader();

// A value missed in this transaction vouches for a set of the same key in it.
void note_miss(const key_ref& key);
bool missed(const key_ref& key);

// The snapshot of this transaction was imported: it is older than the transaction.
void note_imported_snapshot();
bool snapshot_imported();

// The configuration of a namespace changes with this transaction.
void note_namespace_change();
// The same of a namespace that exists: such a transaction cannot be prepared.
void note_configuration_change();
bool namespace_changes_pending();
// At commit the slots of this database's namespaces that no longer exist are given back.
void note_namespace_dropped(space_index space);

// Invalidations carry the command number from which on their data is visible.
std::uint32_t invalidation_visible_from();
// Adds an invalidation; too many of them degrade to the class, then to the namespace.
void invalidate_key(const key_ref& key);
void invalidate_tag_text(space_index space, std::string_view tag);
void invalidate_space(space_index space);

}  // namespace stash
