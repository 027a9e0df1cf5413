// See stash/async/pipeline.hpp.
#include "stash/async/pipeline.hpp"

#include "pipeline_exchange.hpp"

namespace stash::async {

task<std::vector<result>> pipeline::run(call_limits how) {
  const batch_content content = std::exchange(content_, {});
  if (content.entries().empty()) co_return std::vector<result>();
  if (!on_->usable()) throw connection_error("the connection is not usable any longer");
  stash::detail::pipeline_exchange trip(on_->link_, content);
  co_await on_->drive(trip, std::move(how));
  co_return trip.results();
}

}  // namespace stash::async
