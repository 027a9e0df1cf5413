// Reading sessions from their table, and writing new ones.
#pragma once

#include <optional>
#include <string_view>

#include "session/hot.hpp"
#include "session/statement.hpp"

namespace stash {

// A session as the table has it now, with its freshest touch; whether it still lives is the
// caller's to ask. The record, and `bytes` (the record encoded), live in a buffer of the backend
// until the next call.
std::optional<session_record> read_table(const session_lookup& what, std::string_view* bytes);
// The same, locked against changes by others until the transaction ends. Waits for them.
std::optional<session_record> lock_session(const session_id& id);

// Inserts the session into the present generation.
void insert_session(const session_record& record);

// The generation that new sessions of this database go to, as the worker chose: a hint, never a
// promise.
int present_generation();

Datum uuid_datum(const session_id& id);    // palloc'd
Datum hash_datum(const token_hash& hash);  // palloc'd
session_id session_id_of(Datum uuid);
// A varlena with these bytes behind its header; palloc'd.
Datum varlena_datum(std::string_view bytes);

}  // namespace stash
