// See exchange.hpp.
#include "exchange.hpp"

#include <libpq-fe.h>

#include "libpq_text.hpp"

namespace stash::detail {
namespace {

bool is_copy(const PGresult* rows) {
  const ExecStatusType status = PQresultStatus(rows);
  return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

// Somebody else deallocated the statement (DISCARD ALL, a pooler), or a table that it reads was
// changed.
bool is_stale(const failure& why) {
  return why.sqlstate() == "26000" ||
         (why.sqlstate() == "0A000" && why.message().find("cached plan") != std::string::npos);
}

// The first error stays: what follows it only says that the connection is gone.
void keep(PGresult*& last, PGresult* rows) {
  if (last != nullptr && PQresultStatus(last) == PGRES_FATAL_ERROR) return PQclear(rows);
  PQclear(last);
  last = rows;
}

}  // namespace

exchange::~exchange() = default;

failure exchange::lost() const {
  return {failure_kind::connection, trimmed(PQerrorMessage(on_.native()))};
}

failure exchange::told(const failure& why) const {
  return stopped_ && why.sqlstate() == "57014" ? *stopped_ : why;
}

bool exchange::note_prepared(const expected<result>& answer) {
  if (answer || on_.prepared_before(answer.error())) {
    on_.prepared();
    return true;
  }
  on_.failed_to_prepare_++;
  return false;
}

void exchange::give_up(const failure& why) {
  if (done_) return;
  fail(why);
  done_ = true;
}

// What PQgetResult gave: a result, or null at their end.
void exchange::accept(PGresult* rows) {
  if (rows == nullptr) return end_of_results();
  const bool copy = is_copy(rows);
  take(rows);
  if (copy && !done_) {
    // The protocol waits for data that nobody here reads or writes; libpq would say so for ever.
    on_.handle_.reset();
    give_up({failure_kind::usage,
             "COPY FROM STDIN and TO STDOUT are not offered; the connection is closed"});
  }
}

void exchange::run() {
  while (!done_) {
    if (!std::exchange(to_send_, false))
      accept(PQgetResult(on_.native()));
    else if (!send())
      give_up(lost());
  }
}

// Reads what has come. False when more is needed.
bool exchange::receive(bool broken) {
  PGconn* handle = on_.native();
  while (!done_ && !to_send_) {
    if (!std::exchange(end_follows_, false) && PQisBusy(handle) != 0) {
      if (!broken) return false;
      give_up(lost());
      return true;
    }
    accept(PQgetResult(handle));
  }
  return true;
}

want exchange::advance() {
  PGconn* handle = on_.native();
  bool broken = !to_send_ && !done_ && PQconsumeInput(handle) == 0;
  while (!done_) {
    if (to_send_) {
      to_send_ = false;
      if (!send()) give_up(lost());
      continue;
    }
    if (!broken) {
      const int left = PQflush(handle);
      if (left > 0) {
        // Answers are taken meanwhile: a server whose answers nobody reads stops reading, too.
        (void)receive(false);
        if (!done_ && !to_send_) return want::read_or_write;
        continue;
      }
      broken = left < 0;
      if (!broken && std::exchange(more_to_send_, false)) {
        to_send_ = true;
        continue;
      }
    }
    if (!receive(broken)) return want::read;
  }
  return want::nothing;
}

// --- one statement

statement_exchange::~statement_exchange() { PQclear(last_); }

void statement_exchange::fail(const failure& why) {
  failed_.emplace(told(why));
  done_ = true;
}

bool statement_exchange::send() {
  PGconn* handle = on_.native();
  on_.fill(values_);
  if (on_.options_.prepared_statements) {
    const connection::lookup found = on_.find(sql_);
    if (found.name == nullptr && found.may_prepare) {
      stage_ = stage::preparing;
      return PQsendPrepare(handle, on_.name_to_prepare().c_str(), std::string(sql_).c_str(),
                           values_.count(), on_.types_.data()) != 0;
    }
    stage_ = stage::running;
    if (found.name != nullptr)
      return PQsendQueryPrepared(handle, found.name->c_str(), values_.count(), on_.pointers_.data(),
                                 on_.lengths_.data(), on_.formats_.data(), binary_format) != 0;
  }
  stage_ = stage::running;
  return PQsendQueryParams(handle, std::string(sql_).c_str(), values_.count(), on_.types_.data(),
                           on_.pointers_.data(), on_.lengths_.data(), on_.formats_.data(),
                           binary_format) != 0;
}

void statement_exchange::take(PGresult* rows) { keep(last_, rows); }

void statement_exchange::end_of_results() {
  // The way of nearly all statements.
  if (stage_ == stage::running && connection::succeeded(last_))
    done_ = true;
  else
    next_stage();
}

// Behind anything but the answer that was wanted.
void statement_exchange::next_stage() {
  const expected<result> got = on_.examine(std::exchange(last_, nullptr));
  if (stage_ == stage::running) {
    // Outside a transaction nothing has happened yet: once more, prepared anew.
    const bool stale = is_stale(got.error()) && on_.options_.prepared_statements && !again_ &&
                       !on_.in_transaction();
    if (!stale) return fail(got.error());
    again_ = true;
    stage_ = stage::deallocating;
    if (PQsendQuery(on_.native(), "DEALLOCATE ALL") == 0) fail(lost());
    return;
  }
  const bool done = stage_ == stage::deallocating ? got.has_value() : note_prepared(got);
  if (!done) return fail(got.error());
  if (stage_ == stage::deallocating) on_.forget_statements();
  if (stopped_) return fail(*stopped_);
  stage_ = stage::first;
  to_send_ = true;
}

// --- a command

command_exchange::~command_exchange() { PQclear(last_); }

bool command_exchange::send() { return PQsendQuery(on_.native(), sql_.c_str()) != 0; }

void command_exchange::take(PGresult* rows) { keep(last_, rows); }

void command_exchange::end_of_results() {
  expected<result> got = on_.examine(std::exchange(last_, nullptr));
  if (!got)
    answer_.emplace(told(got.error()));
  else
    answer_.emplace(std::move(got));
  done_ = true;
}

void command_exchange::fail(const failure& why) { answer_.emplace(told(why)); }

}  // namespace stash::detail
