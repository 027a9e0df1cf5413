// stash::pipeline for coroutines.
#pragma once

#include "stash/async/connection.hpp"
#include "stash/batch.hpp"

namespace stash::async {

/// See stash::pipeline: the same rules, and the same handles.
class STASH_API pipeline : public batch {
 public:
  /// The connection must outlive the pipeline.
  explicit pipeline(connection& on) : on_(&on) {}

  /// As batch::add().
  template <typename... Values>
  pipeline& add(std::string_view sql, const Values&... values) {
    batch::add(sql, values...);
    return *this;
  }
  /// See stash::pipeline::run().
  task<std::vector<result>> run(call_limits how = {});

 private:
  connection* on_;
};

}  // namespace stash::async
