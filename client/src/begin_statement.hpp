// How a transaction begins.
#pragma once

#include <string>

#include "stash/transaction.hpp"

namespace stash::detail {

inline std::string begin_statement(const transaction_options& options) {
  std::string sql = "BEGIN ISOLATION LEVEL ";
  switch (options.level) {
    case isolation::read_committed:
      sql += "READ COMMITTED";
      break;
    case isolation::repeatable_read:
      sql += "REPEATABLE READ";
      break;
    case isolation::serializable:
      sql += "SERIALIZABLE";
      break;
  }
  return sql + (options.read_only ? " READ ONLY" : " READ WRITE");
}

}  // namespace stash::detail
