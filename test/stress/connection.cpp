// Connections and the pool.
#include "connection.hpp"

namespace stress {

connection::connection(const std::string& conninfo) : raw_(PQconnectdb(conninfo.c_str())) {
  if (PQstatus(raw_) != CONNECTION_OK) {
    const std::string why = PQerrorMessage(raw_);
    PQfinish(raw_);
    throw sql_error("", why);
  }
  greet();
}

connection::~connection() { PQfinish(raw_); }

void connection::greet() {
  PQsetNoticeProcessor(
      raw_, [](void*, const char*) {}, nullptr);
  prepared_.clear();
  // A hang becomes an error that is reported; deadlocks are expected and should not cost a second.
  PQclear(PQexec(raw_, "set statement_timeout = '30s'"));
  PQclear(PQexec(raw_, "set deadlock_timeout = '50ms'"));
}

result connection::checked(PGresult* raw) {
  const ExecStatusType status = PQresultStatus(raw);
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return result(raw);
  const char* state = PQresultErrorField(raw, PG_DIAG_SQLSTATE);
  const sql_error error(state == nullptr ? "" : state, PQerrorMessage(raw_));
  PQclear(raw);
  throw error;
}

result connection::run(const std::string& sql) { return checked(PQexec(raw_, sql.c_str())); }

result connection::run(const statement& what, std::initializer_list<argument> arguments) {
  if (!prepared_.contains(what.name)) {
    checked(PQprepare(raw_, what.name, what.sql.c_str(), 0, nullptr));
    prepared_.insert(what.name);
  }
  std::vector<const char*> values;
  values.reserve(arguments.size());
  for (const argument& one : arguments) values.push_back(one.data());
  return checked(PQexecPrepared(raw_, what.name, static_cast<int>(values.size()), values.data(),
                                nullptr, nullptr, 0));
}

bool connection::recover() {
  if (PQstatus(raw_) == CONNECTION_OK && in_transaction()) PQclear(PQexec(raw_, "rollback"));
  if (PQstatus(raw_) == CONNECTION_OK) return true;
  PQreset(raw_);
  if (PQstatus(raw_) != CONNECTION_OK) return false;
  greet();
  return true;
}

pool::pool(const std::string& conninfo, int size) {
  for (int i = 0; i < size; ++i) {
    all_.push_back(std::make_unique<connection>(conninfo));
    free_.push_back(all_.back().get());
  }
}

pool::borrowed pool::borrow(std::mt19937_64& random) {
  std::unique_lock hold(lock_);
  freed_.wait(hold, [&] { return !free_.empty(); });
  std::swap(free_[random() % free_.size()], free_.back());
  connection* one = free_.back();
  free_.pop_back();
  return borrowed(*this, one);
}

void pool::take_back(connection* one) {
  if (!one->recover()) lost_ = true;
  {
    const std::lock_guard hold(lock_);
    free_.push_back(one);
  }
  freed_.notify_one();
}

void pool::borrowed::give_back() {
  if (one_ != nullptr) owner_.take_back(one_);
  one_ = nullptr;
}

}  // namespace stress
