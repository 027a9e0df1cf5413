// The exchange of a pipeline. See exchange.hpp.
#pragma once

#include "exchange.hpp"
#include "result_store.hpp"
#include "stash/batch_content.hpp"

namespace stash::detail {

// What is not prepared yet is prepared first, one after the other, before the pipeline begins: a
// statement that does not parse fails alone.
class pipeline_exchange : public exchange {
 public:
  // The content must outlive the exchange. Its answers hear what there is for them as it comes;
  // those of what was not run, of the first that failed.
  pipeline_exchange(connection& on, const batch_content& content);
  ~pipeline_exchange() override;
  // After its end: what comes in order; throws the first failure.
  [[nodiscard]] std::vector<result> results();

 private:
  enum class stage { preparing, sending, finishing };
  bool send() override;
  void take(PGresult* rows) override;
  void end_of_results() override;
  void fail(const failure& why) override;
  [[nodiscard]] bool same_as_before(std::size_t at) const;
  bool prepare_next(bool* prepares);
  bool send_some();
  bool send_one(const batch_content::entry& each, const std::string* name);
  void answer(result got);
  void refuse(const failure& why);
  bool enter();
  void leave();

  const batch_content& content_;
  const std::vector<batch_content::entry>& entries_;
  std::vector<const std::string*> names_;
  std::size_t answered_ = 0;
  std::vector<result> in_order_;
  result_store store_;
  std::optional<failure> first_failure_;
  PGresult* last_ = nullptr;
  stage stage_ = stage::preparing;
  std::size_t next_ = 0;
  bool entered_ = false;
  bool was_nonblocking_ = false;
};

}  // namespace stash::detail
