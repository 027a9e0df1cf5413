// What a statement returned. Values are read from libpq's memory, nothing is copied before; but the
// results of a pipeline, many and small, are packed: libpq takes more than 3 kB for each.
#pragma once

#include <memory>

#include "stash/parameters.hpp"

extern "C" {
typedef struct pg_result PGresult;
}

namespace stash {

namespace detail {
class result_store;
}

/// Rows and columns count from 0. Reading a NULL as anything but an optional is a usage_error, and
/// so is reading a column as a type that it does not have.
class STASH_API result {
 public:
  /// Takes libpq's result over.
  explicit result(PGresult* owned) : rows_(owned) {}

  /// How many rows.
  [[nodiscard]] int rows() const;
  /// How many columns.
  [[nodiscard]] int columns() const;
  /// No row.
  [[nodiscard]] bool empty() const { return rows() == 0; }
  /// How many rows an INSERT, UPDATE or DELETE changed.
  [[nodiscard]] std::int64_t affected() const;
  /// Whether the value is NULL.
  [[nodiscard]] bool is_null(int row, int column) const;
  /// The bytes as the server sent them.
  [[nodiscard]] std::string_view raw(int row, int column) const;

  /// A smallint, integer or bigint.
  [[nodiscard]] std::int64_t integer(int row, int column) const;
  /// Any of those, or a real or double precision.
  [[nodiscard]] double number(int row, int column) const;
  /// A boolean.
  [[nodiscard]] bool boolean(int row, int column) const;
  /// A text; of another type, its bytes.
  [[nodiscard]] std::string text(int row, int column) const;
  /// The text of a json or jsonb value, not parsed.
  [[nodiscard]] std::string_view json_text(int row, int column) const;
  /// The same; nothing for NULL.
  [[nodiscard]] std::optional<std::string_view> optional_json_text(int row, int column) const;
  /// A json or jsonb value, parsed.
  [[nodiscard]] json document(int row, int column) const;
  /// A timestamptz.
  [[nodiscard]] time_point moment(int row, int column) const;
  /// A uuid, written with hyphens.
  [[nodiscard]] std::string uuid(int row, int column) const;
  /// A real[] of one dimension without NULLs.
  [[nodiscard]] std::vector<float> reals(int row, int column) const;
  /// A text[] of one dimension without NULLs.
  [[nodiscard]] std::vector<std::string> texts(int row, int column) const;
  /// A text[] or jsonb[] of one dimension: the elements' bytes, nothing for NULL ones.
  [[nodiscard]] std::vector<std::optional<std::string_view>> elements(int row, int column) const;

 private:
  friend class detail::pipeline_exchange;
  struct packed_rows;
  struct deleter {
    void operator()(PGresult* rows) const;
  };
  // Copies a small result into the store, and lets libpq's go. `left`: how many like it may come.
  STASH_LOCAL void pack(detail::result_store& store, std::size_t left);
  [[nodiscard]] unsigned type(int column) const;
  [[nodiscard]] std::string name(int column) const;
  [[nodiscard]] std::string_view checked(int row, int column, unsigned type) const;
  [[noreturn]] void throw_type(int column, const char* wanted) const;

  // One of them.
  std::unique_ptr<PGresult, deleter> rows_;
  std::shared_ptr<packed_rows> packed_;
};

/// The text within a jsonb value as it travels in binary form.
STASH_API std::string_view json_text_of(std::string_view binary);

}  // namespace stash
