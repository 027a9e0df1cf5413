// See stash/async/pipeline.hpp.
#include "stash/async/pipeline.hpp"

#include "pipeline_exchange.hpp"

namespace stash::async {

task<std::vector<result>> pipeline::run(call_limits how) {
  const std::vector<stash::detail::batch_entry> statements = std::exchange(statements_, {});
  if (statements.empty()) co_return std::vector<result>();
  if (!on_->usable()) throw connection_error("the connection is not usable any longer");
  stash::detail::pipeline_exchange trip(on_->link_, statements);
  co_await on_->drive(trip, std::move(how));
  co_return distribute(statements, trip.answers());
}

}  // namespace stash::async
