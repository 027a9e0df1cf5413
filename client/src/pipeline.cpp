// See stash/pipeline.hpp and stash/batch.hpp.
#include "stash/pipeline.hpp"

#include "pipeline_exchange.hpp"

namespace stash {

batch& batch::add_with(std::string_view sql, parameters values) {
  content_.add(sql, std::move(values), nullptr);
  return *this;
}

std::vector<result> pipeline::run(std::optional<std::chrono::milliseconds> timeout) {
  const batch_content content = std::exchange(content_, {});
  if (content.entries().empty()) return {};
  connection::deadline until;
  if (timeout) until = std::chrono::steady_clock::now() + *timeout;
  detail::pipeline_exchange trip(*on_, content);
  on_->drive(trip, until);
  return trip.results();
}

}  // namespace stash
