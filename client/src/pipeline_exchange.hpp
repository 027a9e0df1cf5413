// The exchange of a pipeline. See exchange.hpp.
#pragma once

#include "exchange.hpp"
#include "stash/batch.hpp"

namespace stash::detail {

// What is not prepared yet is prepared first, one after the other, before the pipeline begins: a
// statement that does not parse fails alone.
class pipeline_exchange : public exchange {
 public:
  // The statements must outlive the exchange.
  pipeline_exchange(connection& on, const std::vector<batch_entry>& statements);
  ~pipeline_exchange() override;
  // After its end: one for each statement. What was not run has the failure of the first that
  // failed.
  [[nodiscard]] std::vector<expected<result>> answers() { return std::move(answers_); }

 private:
  enum class stage { preparing, sending, finishing };
  bool send() override;
  void take(PGresult* rows) override;
  void end_of_results() override;
  void fail(const failure& why) override;
  [[nodiscard]] bool same_as_before(std::size_t at) const;
  bool prepare_next(bool* prepares);
  bool send_some();
  bool enter();
  void leave();

  const std::vector<batch_entry>& statements_;
  std::vector<const std::string*> names_;
  std::vector<expected<result>> answers_;
  std::optional<failure> first_failure_;
  PGresult* last_ = nullptr;
  stage stage_ = stage::preparing;
  std::size_t next_ = 0;
  bool entered_ = false;
  bool was_nonblocking_ = false;
};

}  // namespace stash::detail
