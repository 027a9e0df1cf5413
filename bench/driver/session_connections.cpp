// See session_connections.hpp.
#include "session_connections.hpp"

#include <array>
#include <stdexcept>

namespace stash::bench {

namespace {

constexpr std::size_t most_parameters = 8;

void append_command(std::string& request, std::initializer_list<std::string_view> words) {
  request += '*' + std::to_string(words.size()) + "\r\n";
  for (const std::string_view each : words) append_bulk(request, each);
}

}  // namespace

pg_session_connection::pg_session_connection(pg_session& session, std::vector<session_step> steps,
                                             token_list tokens)
    : session_(session),
      handle_(session.handle()),
      steps_(std::move(steps)),
      parts_(std::move(tokens)) {
  for (const session_step& each : steps_) names_.push_back(session.prepare(each.sql));
}

void pg_session_connection::fail(const std::string& what) const {
  throw std::runtime_error(steps_[at_].sql + ": " + what);
}

void pg_session_connection::send(key_space& keys, random_source& random) {
  session_.set_pipeline(false);
  parts_.renew(keys, random);
  at_ = 0;
  good_ = true;
  send_step();
}

void pg_session_connection::send_step() {
  const std::vector<part>& wanted = steps_[at_].parameters;
  std::array<const char*, most_parameters> values;
  if (wanted.size() > values.size()) fail("too many parameters");
  for (std::size_t i = 0; i < wanted.size(); i++) values[i] = parts_.text(wanted[i]).c_str();
  if (!PQsendQueryPrepared(handle_, names_[at_].c_str(), static_cast<int>(wanted.size()),
                           values.data(), nullptr, nullptr, 0)) {
    fail(PQerrorMessage(handle_));
  }
}

bool pg_session_connection::receive(tally& counts) {
  if (!PQconsumeInput(handle_)) fail(PQerrorMessage(handle_));
  while (!PQisBusy(handle_)) {
    const pg_result result(PQgetResult(handle_));
    if (result) {
      const ExecStatusType status = PQresultStatus(result.get());
      if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        fail(PQresultErrorMessage(result.get()));
      }
      good_ = good_ && meets(result.get(), steps_[at_].expect);
      continue;
    }
    if (++at_ == steps_.size()) {
      counts.operations++;
      if (!good_) counts.rejected++;
      return true;
    }
    send_step();
  }
  return false;
}

void redis_session_connection::send(key_space& keys, random_source& random) {
  parts_.renew(keys, random);
  const bool creates = what_ == redis_session_request::create;
  const std::string key = "sess:" + parts_.text(creates ? part::fresh_token : part::token);
  request_.clear();
  if (what_ == redis_session_request::read) {
    append_command(request_, {"HGETALL", key});
  } else {
    append_command(request_,
                   {"HSET", key, "user", parts_.text(part::user), "data", parts_.text(part::value),
                    "ip", client_address, "agent", client_agent});
  }
  append_command(request_, {"EXPIRE", key, std::to_string(session_ttl)});
  awaited_ = 2;
  has_value_ = what_ != redis_session_request::read;
  expires_ = false;
  socket_.write_all(request_);
}

bool redis_session_connection::receive(tally& counts) {
  socket_.read_some();
  while (awaited_ > 0) {
    const auto reply = socket_.take_element();
    if (!reply) return false;
    awaited_--;
    if (reply->kind == '*') awaited_ += reply->number;
    if (reply->kind == '$' && reply->number == value_size) has_value_ = true;
    if (reply->kind == ':' && awaited_ == 0) expires_ = reply->number == 1;
  }
  counts.operations++;
  if (!has_value_ || !expires_) counts.rejected++;
  return true;
}

}  // namespace stash::bench
