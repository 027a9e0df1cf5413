// A typed call before it is made: statement, parameters and how the answer is read, described once.
// Whoever runs it decides when and how: at once (executor), at once without throwing, in a
// pipeline, or in a coroutine.
#pragma once

#include <functional>

#include "stash/result.hpp"

namespace stash {

/// What is sent.
struct statement {
  /// Of a typed call it lives as long as the program.
  std::string_view sql;
  /// Copies of what was given.
  parameters values = {};
  /// It changes nothing: it may be done once more when the connection breaks under it.
  bool again = false;
};

/// One call that returns an R.
template <typename R>
struct call : statement {
  /// Reads the answer. Errors: usage_error, and those of the JSON library.
  std::function<R(const result&)> decode;
};

}  // namespace stash
