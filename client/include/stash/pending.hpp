// The answer to a typed call in a pipeline: there once the pipeline has run.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "stash/executor.hpp"

namespace stash {

/// What a call in a pipeline gives: like a future, without waiting. Cheap to copy; independent of
/// the pipeline's life.
template <typename R>
class pending {
 public:
  /// Whether the pipeline has run.
  [[nodiscard]] bool ready() const noexcept { return slot_->has_value(); }
  /// The answer; throws what went wrong. Before the pipeline has run: usage_error.
  R get() const {
    if (!ready()) throw usage_error("the pipeline has not run yet");
    return one_.decode((**slot_).value());
  }
  /// The answer, or why there is none.
  [[nodiscard]] expected<R> try_get() const {
    if (!ready()) return failure(failure_kind::usage, "the pipeline has not run yet");
    const expected<result>& answer = **slot_;
    if (!answer) return answer.error();
    return try_decode(one_, *answer);
  }

 private:
  friend class run_in_pipeline;
  using slot = std::optional<expected<result>>;
  pending(std::shared_ptr<slot> where, std::function<R(const result&)> decode)
      : slot_(std::move(where)) {
    one_.decode = std::move(decode);
  }

  std::shared_ptr<slot> slot_;
  // Its reader; the statement has moved to the pipeline.
  call<R> one_;
};

}  // namespace stash
