// See stash/connection.hpp.
#include "stash/connection.hpp"

#include <libpq-fe.h>
#include <poll.h>

// Within this file: nothing of it is to be seen from outside.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>

#include "connecting.hpp"
#include "exchange.hpp"
#include "libpq_text.hpp"

namespace stash {

using detail::field;
using detail::trimmed;

namespace {

int milliseconds_until(std::chrono::steady_clock::time_point deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1 << 30));
}

}  // namespace

void connection::closer::operator()(PGconn* handle) const { PQfinish(handle); }

connection::connection(connection_options options) {
  const detail::connecting how(options);
  PGconn* handle = PQconnectdbParams(how.names, how.values, 1);
  *this = detail::connecting::adopt(std::move(options), handle);
}

connection::connection(connection_options options, PGconn* connected)
    : options_(std::move(options)), handle_(connected) {}

connection::~connection() = default;
connection::connection(connection&&) noexcept = default;
connection& connection::operator=(connection&&) noexcept = default;

void connection::fill(const parameters& values) { fill(values, 0, values.values_.size()); }

void connection::fill(const parameters& values, std::size_t first, std::size_t count) {
  if (types_.size() != count) {
    pointers_.resize(count);
    lengths_.resize(count);
    formats_.resize(count);
    types_.resize(count);
  }
  const char* bytes = values.buffer_.data();
  for (std::size_t i = 0; i < count; i++) {
    const parameters::value& each = values.values_[first + i];
    pointers_[i] = each.length < 0 ? nullptr : bytes + each.offset;
    lengths_[i] = std::max(each.length, 0);
    formats_[i] = each.format;
    types_[i] = each.type;
  }
}

bool connection::is_last(std::string_view sql) const {
  const std::string_view last = text_and_types_;
  const std::string_view types(reinterpret_cast<const char*>(types_.data()),
                               types_.size() * sizeof types_[0]);
  return last.size() == sql.size() + types.size() && last.starts_with(sql) && last.ends_with(types);
}

connection::lookup connection::find(std::string_view sql) {
  constexpr std::size_t most_prepared = 500;
  if (last_found_ != nullptr && is_last(sql)) return {last_found_, true};
  last_found_ = nullptr;
  text_and_types_.assign(sql);
  text_and_types_.append(reinterpret_cast<const char*>(types_.data()),
                         types_.size() * sizeof types_[0]);
  const XXH128_hash_t hash = XXH3_128bits(text_and_types_.data(), text_and_types_.size());
  key_ = {hash.low64, hash.high64};
  const auto found = statements_.find(key_);
  if (found != statements_.end()) {
    last_found_ = &found->second;
    return {last_found_, true};
  }
  return {nullptr, statements_.size() < most_prepared};
}

void connection::forget_statements() {
  last_found_ = nullptr;
  statements_.clear();
}

// Made from text and types: behind a pooler, where others prepare on the same session, a name then
// never stands for another statement. And when it is unknown how an attempt to prepare ended (a
// request to cancel may hit the server between the statement's making and its answer), the next
// attempt has another name, for in a transaction it could not afford to find the first one taken.
std::string connection::name_to_prepare() const {
  char name[64];
  int length =
      std::snprintf(name, sizeof name, "stash_%016" PRIx64 "%016" PRIx64, key_.high, key_.low);
  if (failed_to_prepare_ > 0)
    length += std::snprintf(name + length, sizeof name - static_cast<std::size_t>(length), "_%u",
                            failed_to_prepare_);
  return {name, static_cast<std::size_t>(length)};
}

void connection::prepared() { statements_.emplace(key_, name_to_prepare()); }

bool connection::prepared_before(const failure& why) const {
  return why.sqlstate() == "42P05" && !in_transaction();
}

// Behind the deadline the statement is cancelled, and what the server then says is read, so that
// the connection stays usable.
void connection::drive(detail::exchange& trip, deadline until) {
  constexpr std::chrono::seconds patience_after_cancel{10};
  bool cancelled = false;
  for (;;) {
    const detail::want next = trip.advance();
    if (next == detail::want::nothing) return;
    pollfd socket{PQsocket(handle_.get()), POLLIN, 0};
    if (next == detail::want::read_or_write) socket.events |= POLLOUT;
    const int ready = poll(&socket, 1, until ? milliseconds_until(*until) : -1);
    if (ready < 0 && errno != EINTR) {
      handle_.reset();
      trip.give_up({failure_kind::connection, "the socket cannot be waited for"});
    } else if (ready == 0 && cancelled) {
      // Nobody is there to answer.
      handle_.reset();
      trip.give_up({failure_kind::connection,
                    "the server did not answer the request to cancel a statement"});
    } else if (ready == 0) {
      cancel();
      trip.stop({failure_kind::timeout, "the statement took too long and was cancelled"});
      cancelled = true;
      until = std::chrono::steady_clock::now() + patience_after_cancel;
    }
  }
}

void connection::cancel() noexcept {
  PGcancel* request = PQgetCancel(handle_.get());
  if (request == nullptr) return;
  char message[256];
  (void)PQcancel(request, message, sizeof message);
  PQfreeCancel(request);
}

// libpq gives a missing result the status of an error.
bool connection::succeeded(const PGresult* rows) {
  const ExecStatusType status = PQresultStatus(rows);
  return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
}

expected<result> connection::examine(PGresult* rows) const {
  result owned(rows);
  if (succeeded(rows)) return owned;
  const std::string sqlstate = field(rows, PG_DIAG_SQLSTATE);
  if (sqlstate.empty() || PQstatus(handle_.get()) != CONNECTION_OK)
    return failure(
        failure_kind::connection,
        trimmed(rows == nullptr ? PQerrorMessage(handle_.get()) : PQresultErrorMessage(rows)),
        sqlstate);
  return failure(failure_kind::server, field(rows, PG_DIAG_MESSAGE_PRIMARY), sqlstate,
                 field(rows, PG_DIAG_MESSAGE_HINT));
}

expected<result> connection::try_execute(std::string_view sql, const parameters& values,
                                         std::optional<std::chrono::milliseconds> timeout) {
  detail::statement_exchange trip(*this, sql, values);
  if (timeout)
    drive(trip, std::chrono::steady_clock::now() + *timeout);
  else
    trip.run();
  return trip.answer();
}

result connection::execute(std::string_view sql, const parameters& values,
                           std::optional<std::chrono::milliseconds> timeout) {
  return try_execute(sql, values, timeout).value();
}

void connection::command(const std::string& sql) {
  detail::command_exchange trip(*this, sql);
  trip.run();
  (void)trip.answer().value();
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
