// The answer to a typed call in a pipeline: there once the pipeline has run.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <utility>
#include <variant>

#include "stash/batch_content.hpp"
#include "stash/executor.hpp"

namespace stash {

namespace detail {

// An answer is read as soon as it is there, while the server is busy with the next: nothing of the
// row itself is kept.
template <typename R>
class typed_answer final : public awaited_answer {
 public:
  explicit typed_answer(std::function<R(const result&)> decode) : decode_(std::move(decode)) {}

  void take(const result& rows) noexcept override {
    try {
      if constexpr (std::is_void_v<R>) {
        decode_(rows);
        held_.template emplace<1>();
      } else {
        held_.template emplace<1>(decode_(rows));
      }
    } catch (...) {
      held_.template emplace<3>(std::current_exception());
    }
  }
  void fail(const failure& why) override { held_.template emplace<2>(why); }

  [[nodiscard]] bool ready() const noexcept { return held_.index() != 0; }
  // Throws what went wrong.
  void check() const {
    if (!ready()) not_yet().raise();
    if (const failure* why = std::get_if<2>(&held_)) why->raise();
    if (const std::exception_ptr* thrown = std::get_if<3>(&held_)) std::rethrow_exception(*thrown);
  }
  [[nodiscard]] const auto& value() const { return std::get<1>(held_); }
  static failure not_yet() { return {failure_kind::usage, "the pipeline has not run yet"}; }

 private:
  using value_type = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

  std::function<R(const result&)> decode_;
  std::variant<std::monostate, value_type, failure, std::exception_ptr> held_;
};

}  // namespace detail

/// What a call in a pipeline gives: like a shared_future, without waiting. Cheap to copy. May
/// outlive the pipeline; all answers of a run() stay as long as one of their handles.
template <typename R>
class pending {
 public:
  /// Whether its answer is there: once the pipeline has run.
  [[nodiscard]] bool ready() const noexcept { return answer_->ready(); }
  /// The answer, which lives as long as a copy of the handle; throws what went wrong. Before the
  /// pipeline has run: usage_error.
  std::add_lvalue_reference_t<const R> get() const& {
    answer_->check();
    if constexpr (!std::is_void_v<R>) return answer_->value();
  }
  /// The answer of a handle that ends here.
  R get() && { return std::as_const(*this).get(); }
  /// The answer, or why there is none.
  [[nodiscard]] expected<R> try_get() const {
    if (!ready()) return detail::typed_answer<R>::not_yet();
    return detail::without_throwing<R>([this]() -> R { return static_cast<R>(get()); });
  }

 private:
  friend class run_in_pipeline;
  pending(std::shared_ptr<answer_store> store, const detail::typed_answer<R>* answer)
      : store_(std::move(store)), answer_(answer) {}

  std::shared_ptr<answer_store> store_;
  const detail::typed_answer<R>* answer_;
};

}  // namespace stash
