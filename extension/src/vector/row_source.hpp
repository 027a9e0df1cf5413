// Rows of a synchronised table: which keys there are, and what a key's newest row says.
//
// Statements run as the table's owner, restricted as in ANALYZE, with the key settings of
// row_key.hpp. What is read lives in the memory context of the caller's transaction.
#pragma once

#include <string>
#include <vector>

#include "vector/change_queue.hpp"
#include "vector/sync_config.hpp"
#include "weaviate/object.hpp"

#include "boundary/postgres.hpp"

namespace stash {

// The text of the statements of one table, and their plans.
class row_source {
 public:
  explicit row_source(const sync_config& config);
  ~row_source();
  row_source(const row_source&) = delete;
  row_source& operator=(const row_source&) = delete;

  std::string rows_text;  // rows of the keys in $1, $2, … (text arrays)
  std::string page_text;  // keys behind $1, $2, … (texts), $n+1 at most
  std::string first_page_text;
  SPIPlanPtr rows_plan = nullptr;
  SPIPlanPtr page_plan = nullptr;
  SPIPlanPtr first_page_plan = nullptr;
};

// A row that was found for a requested key.
struct found_row {
  std::size_t request;    // index into the keys that were asked for
  bool is_requested_key;  // its key has the very image that was asked for
  const char* tenant;     // nullptr: NULL, or no tenants
  bool has_embedding;
  const char* fault;        // why it cannot be sent; nullptr: it can
  weaviate::object object;  // without collection and id
  std::size_t bytes;        // roughly what it takes in a request
  TransactionId version;    // another one for every version of the row
};

// Reads the rows of keys in order until `visit` says enough: keys for which nothing was visited
// have no row.
class row_visitor {
 public:
  virtual bool visit(const found_row& row) = 0;
  // A key that no row can have, for its text is no value of the column's type: a stranger's, or one
  // of before the type was altered. Called before the rows are read.
  virtual void cannot_be(std::size_t) {}

 protected:
  ~row_visitor() = default;
};
// True when all keys were looked at; false when visit() said enough.
bool read_rows(const sync_config& config, row_source* source, const std::vector<pending_key*>& keys,
               row_visitor* visitor);

// The next keys in order behind `after` (an image; nullptr: from the start).
struct listed_key {
  const char* tenant;
  const char* key;
  std::size_t key_size;
  bool has_embedding;
};
std::size_t list_keys(const sync_config& config, row_source* source, const std::string* after,
                      int most, listed_key* keys);

}  // namespace stash
