// See stash/connection.hpp.
#include "stash/connection.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

namespace stash {
namespace {

constexpr int binary_format = 1;

std::string field(const PGresult* rows, int code) {
  const char* text = PQresultErrorField(rows, code);
  return text == nullptr ? std::string() : std::string(text);
}

std::string trimmed(const char* text) {
  std::string message = text == nullptr ? "" : text;
  while (!message.empty() && message.back() == '\n') message.pop_back();
  return message;
}

bool is_copy(const PGresult* rows) {
  const ExecStatusType status = PQresultStatus(rows);
  return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

int milliseconds_until(std::chrono::steady_clock::time_point deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1 << 30));
}

}  // namespace

void connection::closer::operator()(PGconn* handle) const { PQfinish(handle); }

connection::connection(connection_options options) : options_(std::move(options)) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(options_.connect_timeout).count();
  // libpq takes no less than two seconds.
  const std::string timeout = std::to_string(std::max<std::int64_t>(2, seconds));
  const char* const names[] = {"dbname", "connect_timeout", "fallback_application_name", nullptr};
  const char* const values[] = {options_.conninfo.c_str(), timeout.c_str(), "stash", nullptr};
  handle_.reset(PQconnectdbParams(names, values, 1));
  if (handle_ == nullptr) throw std::bad_alloc();
  if (PQstatus(handle_.get()) != CONNECTION_OK)
    throw connection_error(trimmed(PQerrorMessage(handle_.get())));
  PQsetNoticeProcessor(
      handle_.get(), [](void*, const char*) {}, nullptr);
}

connection::~connection() = default;
connection::connection(connection&&) noexcept = default;
connection& connection::operator=(connection&&) noexcept = default;

void connection::fill(const parameters& values) {
  pointers_.clear();
  lengths_.clear();
  formats_.clear();
  types_.clear();
  for (const parameters::value& each : values.values_) {
    pointers_.push_back(each.length < 0 ? nullptr : values.buffer_.data() + each.offset);
    lengths_.push_back(std::max(each.length, 0));
    formats_.push_back(each.format);
    types_.push_back(each.type);
  }
}

// Null when so many are prepared already that this one is better not: a program that writes its
// values into the text of its statements would fill the server's memory.
const std::string* connection::prepared(std::string_view sql, const parameters& values,
                                        deadline until) {
  constexpr std::size_t most_prepared = 500;
  fill(values);
  key_.assign(sql);
  key_.append(reinterpret_cast<const char*>(types_.data()), types_.size() * sizeof types_[0]);
  const auto found = statements_.find(key_);
  if (found != statements_.end()) return &found->second;
  if (statements_.size() >= most_prepared) return nullptr;
  const std::string name = "stash_" + std::to_string(statements_.size());
  const std::string text(sql);
  PGconn* handle = handle_.get();
  // To prepare takes the locks of the tables: it may wait, too.
  if (!until) {
    (void)checked(PQprepare(handle, name.c_str(), text.c_str(), values.count(), types_.data()));
  } else {
    if (PQsendPrepare(handle, name.c_str(), text.c_str(), values.count(), types_.data()) == 0)
      throw_lost();
    (void)checked(wait_until(*until));
  }
  return &statements_.emplace(key_, name).first->second;
}

PGresult* connection::send_and_wait(std::string_view sql, const parameters& values,
                                    deadline until) {
  PGconn* handle = handle_.get();
  const std::string* name = options_.prepared_statements ? prepared(sql, values, until) : nullptr;
  if (!options_.prepared_statements) fill(values);
  if (!until) {
    if (name != nullptr)
      return PQexecPrepared(handle, name->c_str(), values.count(), pointers_.data(),
                            lengths_.data(), formats_.data(), binary_format);
    return PQexecParams(handle, std::string(sql).c_str(), values.count(), types_.data(),
                        pointers_.data(), lengths_.data(), formats_.data(), binary_format);
  }
  const int sent =
      name != nullptr
          ? PQsendQueryPrepared(handle, name->c_str(), values.count(), pointers_.data(),
                                lengths_.data(), formats_.data(), binary_format)
          : PQsendQueryParams(handle, std::string(sql).c_str(), values.count(), types_.data(),
                              pointers_.data(), lengths_.data(), formats_.data(), binary_format);
  if (sent == 0) throw_lost();
  return wait_until(*until);
}

// Reads until the statement's last result. Behind the deadline the statement is cancelled, and what
// the server then says is read, so that the connection stays usable.
PGresult* connection::wait_until(std::chrono::steady_clock::time_point until) {
  constexpr std::chrono::seconds patience_after_cancel{10};
  PGconn* handle = handle_.get();
  bool cancelled = false;
  while (PQisBusy(handle) != 0) {
    pollfd socket{PQsocket(handle), POLLIN, 0};
    const int ready = poll(&socket, 1, milliseconds_until(until));
    if (ready < 0 && errno != EINTR) throw_lost();
    if (ready == 0) {
      if (cancelled) {
        // Nobody is there to answer.
        handle_.reset();
        throw connection_error("the server did not answer the request to cancel a statement");
      }
      cancel();
      cancelled = true;
      until = std::chrono::steady_clock::now() + patience_after_cancel;
      continue;
    }
    if (ready > 0 && PQconsumeInput(handle) == 0) throw_lost();
  }
  PGresult* last = nullptr;
  while (PGresult* next = PQgetResult(handle)) {
    PQclear(last);
    last = next;
    if (is_copy(last)) break;  // libpq would say so for ever
  }
  if (cancelled && field(last, PG_DIAG_SQLSTATE) == "57014") {
    PQclear(last);
    throw timeout_error("the statement took too long and was cancelled");
  }
  return last;
}

void connection::cancel() noexcept {
  PGcancel* request = PQgetCancel(handle_.get());
  if (request == nullptr) return;
  char message[256];
  (void)PQcancel(request, message, sizeof message);
  PQfreeCancel(request);
}

void connection::throw_lost() { throw connection_error(trimmed(PQerrorMessage(handle_.get()))); }

result connection::checked(PGresult* rows) {
  result owned(rows);
  switch (PQresultStatus(rows)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
    case PGRES_PIPELINE_SYNC:
      return owned;
    default:
      break;
  }
  if (is_copy(rows)) {
    // The protocol waits for data that nobody here reads or writes.
    handle_.reset();
    throw usage_error("COPY FROM STDIN and TO STDOUT are not offered; the connection is closed");
  }
  const std::string sqlstate = field(rows, PG_DIAG_SQLSTATE);
  if (sqlstate.empty() || PQstatus(handle_.get()) != CONNECTION_OK)
    throw connection_error(
        trimmed(rows == nullptr ? PQerrorMessage(handle_.get()) : PQresultErrorMessage(rows)),
        sqlstate);
  throw server_error(field(rows, PG_DIAG_MESSAGE_PRIMARY), sqlstate,
                     field(rows, PG_DIAG_MESSAGE_HINT));
}

result connection::execute(std::string_view sql, const parameters& values,
                           std::optional<std::chrono::milliseconds> timeout) {
  deadline until;
  if (timeout) until = std::chrono::steady_clock::now() + *timeout;
  try {
    return checked(send_and_wait(sql, values, until));
  } catch (const server_error& refused) {
    // Somebody else deallocated the statement (DISCARD ALL, a pooler), or a table that it reads was
    // changed. Outside a transaction nothing has happened yet: once more, prepared anew.
    const bool stale =
        refused.sqlstate() == "26000" ||
        (refused.sqlstate() == "0A000" &&
         std::string_view(refused.what()).find("cached plan") != std::string_view::npos);
    if (!stale || in_transaction() || !options_.prepared_statements) throw;
  }
  command("DEALLOCATE ALL");
  statements_.clear();
  return checked(send_and_wait(sql, values, until));
}

void connection::command(const std::string& sql) {
  (void)checked(PQexec(handle_.get(), sql.c_str()));
}

bool connection::check() noexcept {
  PGresult* rows = PQexec(handle_.get(), "");
  const bool alive = PQresultStatus(rows) == PGRES_EMPTY_QUERY;
  PQclear(rows);
  return alive && usable();
}

bool connection::usable() const noexcept { return PQstatus(handle_.get()) == CONNECTION_OK; }

bool connection::in_transaction() const noexcept {
  const PGTransactionStatusType status = PQtransactionStatus(handle_.get());
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE;
}

bool connection::failed_transaction() const noexcept {
  return PQtransactionStatus(handle_.get()) == PQTRANS_INERROR;
}

int connection::server_process() const noexcept { return PQbackendPID(handle_.get()); }

bool connection::read_only() const noexcept {
  for (const char* name : {"in_hot_standby", "default_transaction_read_only"}) {
    const char* value = PQparameterStatus(handle_.get(), name);
    if (value != nullptr && std::string_view(value) == "on") return true;
  }
  return false;
}

}  // namespace stash
