// Statements that are collected for a pipeline: typed calls, whose answers come by a handle, and
// SQL of one's own, whose results come in order. Whoever runs them (pipeline, async::pipeline) says
// how.
#pragma once

#include "stash/admin.hpp"
#include "stash/batch_content.hpp"
#include "stash/cache.hpp"
#include "stash/memory.hpp"
#include "stash/pending.hpp"
#include "stash/sessions.hpp"
#include "stash/vectors.hpp"

namespace stash {

class batch;

/// Runs calls by putting them into a batch.
class run_in_pipeline {
 public:
  /// The batch must outlive it.
  run_in_pipeline(batch& where) : where_(&where) {}
  template <typename R>
  using returns = pending<R>;
  /// Adds a call.
  template <typename R>
  pending<R> operator()(call<R> one) const;

 private:
  batch* where_;
};

/// Not thread-safe.
class STASH_API batch {
 public:
  batch(const batch&) = delete;
  batch& operator=(const batch&) = delete;

  /// A statement of one's own; its result comes in order.
  template <typename... Values>
  batch& add(std::string_view sql, const Values&... values) {
    parameters all;
    (all.add(values), ...);
    return add_with(sql, std::move(all));
  }
  /// The same with parameters that are there already.
  batch& add_with(std::string_view sql, parameters values);
  /// A call that is described already, as those of stash::calls; its answer comes by the handle.
  template <typename R>
  pending<R> add_call(call<R> one) {
    return run_in_pipeline(*this)(std::move(one));
  }
  /// How many statements wait.
  [[nodiscard]] std::size_t size() const { return content_.entries().size(); }

  /// The calls of the cache, on a namespace.
  [[nodiscard]] basic_cache<run_in_pipeline> cache(std::string name_space = "default") {
    return basic_cache<run_in_pipeline>(*this, std::move(name_space));
  }
  /// The calls of the sessions.
  [[nodiscard]] basic_sessions<run_in_pipeline> sessions() {
    return basic_sessions<run_in_pipeline>(*this);
  }
  /// The calls of memory snapshots.
  [[nodiscard]] basic_memory<run_in_pipeline> memory() {
    return basic_memory<run_in_pipeline>(*this);
  }
  /// The calls of embeddings.
  [[nodiscard]] basic_vectors<run_in_pipeline> vectors() {
    return basic_vectors<run_in_pipeline>(*this);
  }
  /// The calls of administration.
  [[nodiscard]] basic_admin<run_in_pipeline> admin() { return basic_admin<run_in_pipeline>(*this); }

 protected:
  batch() = default;
  ~batch() = default;
  batch_content content_;

 private:
  friend class run_in_pipeline;
};

template <typename R>
pending<R> run_in_pipeline::operator()(call<R> one) const {
  const std::shared_ptr<answer_store>& store = where_->content_.answers();
  auto* answer = store->make<detail::typed_answer<R>>(std::move(one.decode));
  where_->content_.add(one.sql, std::move(one.values), answer);
  return pending<R>(store, answer);
}

}  // namespace stash
