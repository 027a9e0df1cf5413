// See stash/pipeline.hpp and stash/batch.hpp.
#include "stash/pipeline.hpp"

#include "pipeline_exchange.hpp"

namespace stash {

std::shared_ptr<const std::string> batch::shared_text(std::string_view sql) {
  if (!statements_.empty() && *statements_.back().sql == sql) return statements_.back().sql;
  return std::make_shared<const std::string>(sql);
}

batch& batch::add_with(std::string_view sql, parameters values) {
  statements_.push_back({shared_text(sql), std::move(values), nullptr});
  return *this;
}

std::shared_ptr<std::optional<expected<result>>> batch::add_with_slot(std::string_view sql,
                                                                      parameters values) {
  statements_.push_back(
      {shared_text(sql), std::move(values), std::make_shared<std::optional<expected<result>>>()});
  return statements_.back().slot;
}

std::vector<result> batch::distribute(const std::vector<detail::batch_entry>& statements,
                                      std::vector<expected<result>> answers) {
  std::vector<result> in_order;
  in_order.reserve(statements.size());
  std::optional<failure> first;
  for (std::size_t i = 0; i < statements.size(); i++) {
    if (!answers[i] && !first) first = answers[i].error();
    if (statements[i].slot != nullptr)
      statements[i].slot->emplace(std::move(answers[i]));
    else if (answers[i])
      in_order.push_back(std::move(answers[i]).value());
  }
  if (first) first->raise();
  return in_order;
}

std::vector<result> pipeline::run(std::optional<std::chrono::milliseconds> timeout) {
  const std::vector<detail::batch_entry> statements = std::exchange(statements_, {});
  if (statements.empty()) return {};
  connection::deadline until;
  if (timeout) until = std::chrono::steady_clock::now() + *timeout;
  detail::pipeline_exchange trip(*on_, statements);
  on_->drive(trip, until);
  return distribute(statements, trip.answers());
}

}  // namespace stash
