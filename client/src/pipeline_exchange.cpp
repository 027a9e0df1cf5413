// See pipeline_exchange.hpp.
//
// While statements are sent, what the server answers is read into memory: a server whose answers
// nobody takes stops reading statements, and both would wait for ever.
#include "pipeline_exchange.hpp"

#include <libpq-fe.h>

#include <algorithm>

namespace stash::detail {
pipeline_exchange::pipeline_exchange(connection& on, const batch_content& content)
    : exchange(on),
      content_(content),
      entries_(content.entries()),
      names_(entries_.size(), nullptr) {
  in_order_.reserve(content.in_order());
  if (!on.options_.prepared_statements) next_ = entries_.size();
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
  if (at == 0 || names_[at - 1] == nullptr) return false;
  const batch_content::entry& mine = entries_[at];
  const batch_content::entry& other = entries_[at - 1];
  if (mine.sql != other.sql || mine.count != other.count) return false;
  const parameters::value* mine_first = content_.block_of(mine).values_.data() + mine.first;
  const parameters::value* other_first = content_.block_of(other).values_.data() + other.first;
  return std::equal(mine_first, mine_first + mine.count, other_first,
                    [](const auto& one, const auto& two) { return one.type == two.type; });
}

// Looks for the next statement that must be prepared, and sends that.
bool pipeline_exchange::prepare_next(bool* prepares) {
  *prepares = false;
  for (; next_ < entries_.size(); next_++) {
    if (same_as_before(next_)) {
      names_[next_] = names_[next_ - 1];
      continue;
    }
    const batch_content::entry& each = entries_[next_];
    on_.fill(content_.block_of(each), each.first, each.count);
    const connection::lookup found = on_.find(*each.sql);
    names_[next_] = found.name;
    if (found.name != nullptr || !found.may_prepare) continue;
    *prepares = true;
    return PQsendPrepare(on_.native(), on_.name_to_prepare().c_str(), each.sql->c_str(),
                         static_cast<int>(each.count), on_.types_.data()) != 0;
  }
  return true;
}

bool pipeline_exchange::send_one(const batch_content::entry& each, const std::string* name) {
  PGconn* handle = on_.native();
  const int count = static_cast<int>(each.count);
  on_.fill(content_.block_of(each), each.first, each.count);
  if (name == nullptr)
    return PQsendQueryParams(handle, each.sql->c_str(), count, on_.types_.data(),
                             on_.pointers_.data(), on_.lengths_.data(), on_.formats_.data(),
                             binary_format) != 0;
  return PQsendQueryPrepared(handle, name->c_str(), count, on_.pointers_.data(),
                             on_.lengths_.data(), on_.formats_.data(), binary_format) != 0;
}

// Less at first, so that the server begins earlier, was tried: waking it once more costs more.
bool pipeline_exchange::send_some() {
  constexpr std::size_t between_flushes = 32'768;
  constexpr std::size_t around_the_values = 100;
  for (std::size_t unsent = 0; next_ < entries_.size() && unsent < between_flushes; next_++) {
    if (!send_one(entries_[next_], names_[next_])) return false;
    for (const int length : on_.lengths_) unsent += static_cast<std::size_t>(length);
    unsent += around_the_values;
  }
  more_to_send_ = next_ < entries_.size();
  if (more_to_send_) return true;
  stage_ = stage::finishing;
  return PQpipelineSync(on_.native()) != 0;
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
  // Within a pipeline each statement has one.
  end_follows_ = entered_;
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
  if (connection::succeeded(rows)) return answer(result(rows));
  if (PQresultStatus(rows) == PGRES_PIPELINE_ABORTED && first_failure_) {
    PQclear(rows);
    return refuse(*first_failure_);
  }
  refuse(told(on_.examine(rows).error()));
}

void pipeline_exchange::answer(result got) {
  if (answered_ == entries_.size()) return;
  const std::size_t left = entries_.size() - answered_;
  awaited_answer* handle = entries_[answered_++].answer;
  if (handle != nullptr) return handle->take(got);
  got.pack(store_, left);
  in_order_.push_back(std::move(got));
}

void pipeline_exchange::refuse(const failure& why) {
  if (!first_failure_) first_failure_ = why;
  // A connection may break behind the last answer, before the end of the pipeline.
  awaited_answer* handle = answered_ < entries_.size() ? entries_[answered_++].answer : nullptr;
  if (handle != nullptr) handle->fail(why);
  if (why.kind() == failure_kind::connection) give_up(why);
}

void pipeline_exchange::fail(const failure& why) {
  const failure shown = told(why);
  if (!first_failure_) first_failure_ = shown;
  for (; answered_ < entries_.size(); answered_++)
    if (awaited_answer* handle = entries_[answered_].answer) handle->fail(shown);
}

std::vector<result> pipeline_exchange::results() {
  if (first_failure_) first_failure_->raise();
  return std::move(in_order_);
}

}  // namespace stash::detail
