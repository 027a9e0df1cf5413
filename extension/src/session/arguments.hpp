// Reading and checking the arguments of the session_* functions, and showing a session as a row.
#pragma once

#include "session/record.hpp"

#include "boundary/postgres.hpp"

namespace stash {

// Seconds, positive; NULL gives `standard`, 'infinity' no limit (never). 22023 otherwise.
timestamp limit_argument(FunctionCallInfo fcinfo, int index, const char* name, double standard);
// A text of at most `most` bytes; 22001 when longer. nullptr for NULL.
const text* short_text_argument(FunctionCallInfo fcinfo, int index, const char* name, int most);
// Error 22023 for an empty text, besides.
const text* name_argument(FunctionCallInfo fcinfo, int index, const char* name);
const char* reason_argument(FunctionCallInfo fcinfo, int index);
std::string_view view_of(const text* value);
// 22004 when NULL.
session_id id_argument(FunctionCallInfo fcinfo, int index);

// A column of stash.session_state, counted from 0, in the caller's memory context.
inline constexpr int session_columns = 14;
void form_column(const session_record& record, timestamp seen_at, int column, Datum* value,
                 bool* null);

}  // namespace stash
