// A value, or why there is none: what calls that do not throw return.
#pragma once

#include <utility>
#include <variant>

#include "stash/failure.hpp"

namespace stash {

/// Like C++23's std::expected<T, failure>. Reading a value that is not there throws the error that
/// the failure stands for.
template <typename T>
class [[nodiscard]] expected {
 public:
  /// Of a value, or of a failure.
  expected(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  expected(failure why) : held_(std::in_place_index<1>, std::move(why)) {}

  /// Whether there is a value.
  [[nodiscard]] bool has_value() const noexcept { return held_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// The value.
  T& value() & {
    if (!has_value()) error().raise();
    return *std::get_if<0>(&held_);
  }
  const T& value() const& {
    if (!has_value()) error().raise();
    return *std::get_if<0>(&held_);
  }
  T value() && {
    if (!has_value()) error().raise();
    return std::move(*std::get_if<0>(&held_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  /// The value, or another.
  [[nodiscard]] T value_or(T other) const { return has_value() ? value() : std::move(other); }

  /// Why there is no value; only when there is none.
  [[nodiscard]] const failure& error() const { return std::get<1>(held_); }

 private:
  std::variant<T, failure> held_;
};

/// Of a call that returns nothing.
template <>
class [[nodiscard]] expected<void> {
 public:
  /// Of success, or of a failure.
  expected() = default;
  expected(failure why) : held_(std::in_place_index<1>, std::move(why)) {}

  /// Whether it worked.
  [[nodiscard]] bool has_value() const noexcept { return held_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }
  /// Throws when it did not.
  void value() const {
    if (!has_value()) error().raise();
  }
  /// Why it did not work; only then.
  [[nodiscard]] const failure& error() const { return std::get<1>(held_); }

 private:
  std::variant<std::monostate, failure> held_;
};

}  // namespace stash
