// See pipeline_exchange.hpp.
//
// While statements are sent, what the server answers is read into memory: a server whose answers
// nobody takes stops reading statements, and both would wait for ever.
#include "pipeline_exchange.hpp"

#include <libpq-fe.h>

#include <algorithm>

namespace stash::detail {
pipeline_exchange::pipeline_exchange(connection& on, const std::vector<batch_entry>& statements)
    : exchange(on), statements_(statements), names_(statements.size(), nullptr) {
  answers_.reserve(statements.size());
  if (!on.options_.prepared_statements) next_ = statements.size();
}

// A connection that is left in pipeline mode with results on their way is of no use: it is closed
// by the pool, for it counts as in a transaction.
pipeline_exchange::~pipeline_exchange() {
  PQclear(last_);
  leave();
}

bool pipeline_exchange::enter() {
  PGconn* handle = on_.native();
  was_nonblocking_ = PQisnonblocking(handle) != 0;
  entered_ = PQenterPipelineMode(handle) != 0 && PQsetnonblocking(handle, 1) == 0;
  return entered_;
}

void pipeline_exchange::leave() {
  if (!std::exchange(entered_, false)) return;
  PGconn* handle = on_.native();
  if (handle == nullptr) return;
  if (!was_nonblocking_) (void)PQsetnonblocking(handle, 0);
  (void)PQexitPipelineMode(handle);
}

// A statement like the one before it has the same name, which need not be looked up.
bool pipeline_exchange::same_as_before(std::size_t at) const {
  if (at == 0 || names_[at - 1] == nullptr || *statements_[at].sql != *statements_[at - 1].sql)
    return false;
  const auto& mine = statements_[at].values.values_;
  const auto& others = statements_[at - 1].values.values_;
  return std::equal(mine.begin(), mine.end(), others.begin(), others.end(),
                    [](const auto& one, const auto& two) { return one.type == two.type; });
}

// Looks for the next statement that must be prepared, and sends that.
bool pipeline_exchange::prepare_next(bool* prepares) {
  *prepares = false;
  for (; next_ < statements_.size(); next_++) {
    if (same_as_before(next_)) {
      names_[next_] = names_[next_ - 1];
      continue;
    }
    const batch_entry& each = statements_[next_];
    on_.fill(each.values);
    const connection::lookup found = on_.find(*each.sql);
    names_[next_] = found.name;
    if (found.name != nullptr || !found.may_prepare) continue;
    *prepares = true;
    return PQsendPrepare(on_.native(), on_.name_to_prepare().c_str(), each.sql->c_str(),
                         each.values.count(), on_.types_.data()) != 0;
  }
  return true;
}

bool pipeline_exchange::send_some() {
  // About what libpq keeps before it sends by itself.
  constexpr std::size_t between_flushes = 32'768;
  constexpr std::size_t around_the_values = 100;
  PGconn* handle = on_.native();
  for (std::size_t unsent = 0; next_ < statements_.size() && unsent < between_flushes;) {
    const batch_entry& each = statements_[next_];
    on_.fill(each.values);
    const std::string* name = names_[next_++];
    const int done =
        name == nullptr
            ? PQsendQueryParams(handle, each.sql->c_str(), each.values.count(), on_.types_.data(),
                                on_.pointers_.data(), on_.lengths_.data(), on_.formats_.data(),
                                binary_format)
            : PQsendQueryPrepared(handle, name->c_str(), each.values.count(), on_.pointers_.data(),
                                  on_.lengths_.data(), on_.formats_.data(), binary_format);
    if (done == 0) return false;
    unsent += each.values.buffer_.size() + around_the_values;
  }
  if (next_ < statements_.size()) {
    to_send_ = true;
    return true;
  }
  stage_ = stage::finishing;
  return PQpipelineSync(handle) != 0;
}

bool pipeline_exchange::send() {
  if (stage_ == stage::preparing) {
    bool prepares = false;
    if (!prepare_next(&prepares)) return false;
    if (prepares) return true;
    next_ = 0;
    stage_ = stage::sending;
    if (!enter()) return false;
  }
  return send_some();
}

void pipeline_exchange::take(PGresult* rows) {
  if (stage_ != stage::preparing && PQresultStatus(rows) == PGRES_PIPELINE_SYNC) {
    PQclear(rows);
    leave();
    done_ = true;
    return;
  }
  PQclear(last_);
  last_ = rows;
}

void pipeline_exchange::end_of_results() {
  PGresult* rows = std::exchange(last_, nullptr);
  if (stage_ == stage::preparing) {
    const expected<result> answer = on_.examine(rows);
    if (!note_prepared(answer)) return give_up(answer.error());
    if (stopped_) return give_up(*stopped_);
    to_send_ = true;
    return;
  }
  if (PQresultStatus(rows) == PGRES_PIPELINE_ABORTED && first_failure_) {
    PQclear(rows);
    answers_.emplace_back(*first_failure_);
    return;
  }
  expected<result> got = on_.examine(rows);
  if (got) {
    got->pack();
    answers_.push_back(std::move(got));
    return;
  }
  const failure why = told(got.error());
  if (!first_failure_) first_failure_ = why;
  answers_.emplace_back(why);
  if (why.kind() == failure_kind::connection) give_up(why);
}

void pipeline_exchange::fail(const failure& why) {
  const failure shown = told(why);
  while (answers_.size() < statements_.size()) answers_.emplace_back(shown);
}

}  // namespace stash::detail
