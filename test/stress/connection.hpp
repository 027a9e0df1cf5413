// libpq, as far as it is needed here: results, prepared statements by first use, SQL errors as
// exceptions, and a pool that hands out connections at random, so that one session serves many
// callers in turn as it does behind a real pooler.
#pragma once

#include <libpq-fe.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace stress {

struct statement {
  const char* name;
  std::string sql;
};

class sql_error : public std::runtime_error {
 public:
  sql_error(std::string state, const std::string& message)
      : std::runtime_error(state + ": " + message), state_(std::move(state)) {}
  // A serialization failure or a deadlock: the whole transaction is to be tried again.
  bool retryable() const { return state_ == "40001" || state_ == "40P01"; }
  bool lost() const { return state_.empty() || state_.substr(0, 2) == "57"; }

 private:
  std::string state_;
};

// One parameter, as text; nullptr is NULL.
class argument {
 public:
  argument(std::nullptr_t) : null_(true) {}
  argument(std::string text) : text_(std::move(text)) {}
  argument(std::string_view text) : text_(text) {}
  argument(const char* text) : text_(text) {}
  argument(int64_t number) : text_(std::to_string(number)) {}
  argument(int number) : text_(std::to_string(number)) {}
  const char* data() const { return null_ ? nullptr : text_.c_str(); }

 private:
  std::string text_;
  bool null_ = false;
};

class result {
 public:
  explicit result(PGresult* raw) : raw_(raw) {}
  int rows() const { return PQntuples(raw_.get()); }
  bool null(int row = 0, int column = 0) const {
    return row >= rows() || PQgetisnull(raw_.get(), row, column) != 0;
  }
  std::string_view text(int row = 0, int column = 0) const {
    return {PQgetvalue(raw_.get(), row, column),
            static_cast<size_t>(PQgetlength(raw_.get(), row, column))};
  }
  int64_t number(int row = 0, int column = 0) const {
    return std::stoll(std::string(text(row, column)));
  }
  bool tagged(std::string_view tag) const { return tag == PQcmdStatus(raw_.get()); }

 private:
  struct clear {
    void operator()(PGresult* raw) const { PQclear(raw); }
  };
  std::unique_ptr<PGresult, clear> raw_;
};

class connection {
 public:
  explicit connection(const std::string& conninfo);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  // Text without parameters, not prepared: transaction control and cursors.
  result run(const std::string& sql);
  result run(const statement& what, std::initializer_list<argument> arguments);
  bool in_transaction() const { return PQtransactionStatus(raw_) != PQTRANS_IDLE; }
  // Leaves no transaction behind; a lost connection is opened again, or false.
  bool recover();

 private:
  result checked(PGresult* raw);
  void greet();

  PGconn* raw_;
  std::set<const char*> prepared_;
};

class pool {
 public:
  pool(const std::string& conninfo, int size);

  class borrowed {
   public:
    borrowed(pool& owner, connection* one) : owner_(owner), one_(one) {}
    ~borrowed() { give_back(); }
    borrowed(const borrowed&) = delete;
    borrowed& operator=(const borrowed&) = delete;
    connection* operator->() const { return one_; }
    connection& operator*() const { return *one_; }
    void give_back();

   private:
    pool& owner_;
    connection* one_;
  };

  // Waits until a connection is free. No thread holds more than two.
  borrowed borrow(std::mt19937_64& random);
  // A connection could not be opened again: the server is gone.
  bool server_lost() const { return lost_; }

 private:
  void take_back(connection* one);

  std::vector<std::unique_ptr<connection>> all_;
  std::mutex lock_;
  std::condition_variable freed_;
  std::vector<connection*> free_;  // under lock_
  std::atomic<bool> lost_{false};
};

}  // namespace stress
