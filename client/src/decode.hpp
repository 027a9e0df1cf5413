// Readers that the typed calls share, and whether a call may be done again.
#pragma once

#include "stash/call.hpp"

namespace stash::decode {

inline constexpr bool reads = true;
inline constexpr bool changes = false;

inline bool boolean(const result& rows) { return rows.boolean(0, 0); }
inline std::int64_t integer(const result& rows) { return rows.integer(0, 0); }
inline json document(const result& rows) { return rows.document(0, 0); }
inline std::string text(const result& rows) { return rows.text(0, 0); }
inline std::string uuid(const result& rows) { return rows.uuid(0, 0); }
inline void nothing(const result&) {}

inline std::optional<std::int64_t> optional_integer(const result& rows) {
  if (rows.is_null(0, 0)) return std::nullopt;
  return rows.integer(0, 0);
}

inline std::optional<std::string> optional_text(const result& rows, int row, int column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return rows.text(row, column);
}

inline std::optional<time_point> optional_moment(const result& rows, int row, int column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return rows.moment(row, column);
}

inline std::optional<std::string> optional_uuid(const result& rows, int row, int column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return rows.uuid(row, column);
}

inline std::optional<double> optional_number(const result& rows, int row, int column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return rows.number(row, column);
}

// null where there is none.
inline json optional_document(const result& rows, int row, int column) {
  const auto text = rows.optional_json_text(row, column);
  return text ? json::parse(*text) : json();
}

// What `read` makes of every row.
template <typename T>
std::vector<T> every_row(const result& rows, T (*read)(const result&, int)) {
  std::vector<T> found;
  found.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); row++) found.push_back(read(rows, row));
  return found;
}

// The first column of every row.
inline std::vector<std::string> texts(const result& rows) {
  return every_row<std::string>(rows,
                                [](const result& from, int row) { return from.text(row, 0); });
}
inline std::vector<json> documents(const result& rows) {
  return every_row<json>(rows, [](const result& from, int row) { return from.document(row, 0); });
}

}  // namespace stash::decode
