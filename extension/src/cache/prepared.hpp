// Prepared transactions: what they changed stays in flux until their xid is over.
//
// PREPARE TRANSACTION leaves the slots in flux and writes them down with the xid; how the
// transaction ends (COMMIT PREPARED, ROLLBACK PREPARED, an apply worker, recovery) calls nobody, so
// whoever misses looks, and so does the worker. After a restart nobody knows what a pending
// prepared transaction changed, so everything is in flux until all of them are over. What nobody
// could see at all, because it ended before the first look after the start or was replayed by
// archive recovery while there were readers, counts as a change of everything at that first look.
//
// Lock: the control lock 1 guards the records; `active` is read without it.
#pragma once

#include "store/store.hpp"

namespace stash {

// A prepared transaction that holds more slots in flux than this holds whole namespaces.
inline constexpr std::size_t prepared_slots = 256;

void register_prepared_part();

void reserve_prepared_record(std::uint32_t xid);
void release_prepared_record();
void fill_prepared_record(own_flux held);

// True when the flux of some prepared transaction has just ended.
bool resolve_prepared();
// Cheap; call before any look at the store: closes it while transactions prepared before the last
// restart are pending.
void check_prepared_at_start();

}  // namespace stash
