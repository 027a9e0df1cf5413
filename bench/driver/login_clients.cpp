// See login_clients.hpp. A client that was held up catches up without pauses: log-ins that a slow
// server delays are not left out.
#include "login_clients.hpp"

#include <array>
#include <chrono>
#include <stdexcept>

#include "session_parts.hpp"

namespace stash::bench {

namespace {

using clock = std::chrono::steady_clock;

constexpr char find_session[] = "select data from stash.session_get_by_token($1)";
constexpr std::uint64_t users = 1'000'000;

}  // namespace

login_clients::login_clients(const std::string& conninfo, int clients, double logins_a_second,
                             int ttl)
    : pause_(clients / logins_a_second),
      create_(
          "select token from stash.session_create($1, data => $2, ip => $3, user_agent => $4,"
          " ttl => " +
          std::to_string(ttl) + ")") {
  for (int i = 0; i < clients; i++) clients_.push_back(std::make_unique<client>(conninfo));
  for (std::size_t i = 0; i < clients_.size(); i++) {
    clients_[i]->thread = std::thread([this, i] { run(*clients_[i], i); });
  }
}

login_clients::~login_clients() {
  stopping_ = true;
  for (const auto& each : clients_) each->thread.join();
}

login_clients::times login_clients::take() {
  for (const auto& each : clients_) {
    if (each->failed) std::rethrow_exception(each->failure);
  }
  return {statements_.exchange(0), slow_.exchange(0),
          static_cast<double>(slowest_microseconds_.exchange(0)) / 1000};
}

void login_clients::run(client& who, std::size_t number) {
  try {
    random_source random(number + 1);
    const std::string create = who.session.prepare(create_);
    const std::string find = who.session.prepare(find_session);
    const auto pause =
        std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(pause_));
    // Not all at the same moment.
    auto next = clock::now() + pause * number / clients_.size();
    for (; !stopping_; next += pause) {
      std::this_thread::sleep_until(next);
      log_in(who, create, find, random);
    }
  } catch (...) {
    who.failure = std::current_exception();
    who.failed = true;
  }
}

void login_clients::log_in(client& who, const std::string& create, const std::string& find,
                           random_source& random) {
  std::string user(key_size, '0');
  write_key(user.data(), random.below(users));
  const pg_result created =
      timed(who, create, {user.c_str(), pick_value(random).data(), client_address, client_agent});
  if (!meets(created.get(), verdict::not_null)) throw std::runtime_error("nobody was logged in");
  const pg_result found = timed(who, find, {PQgetvalue(created.get(), 0, 0)});
  if (!meets(found.get(), verdict::value)) throw std::runtime_error("a new session was not found");
}

pg_result login_clients::timed(client& who, const std::string& name,
                               std::initializer_list<const char*> values) {
  const auto start = clock::now();
  pg_result result(PQexecPrepared(who.session.handle(), name.c_str(),
                                  static_cast<int>(values.size()), values.begin(), nullptr, nullptr,
                                  0));
  const std::int64_t took =
      std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - start).count();
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) {
    throw std::runtime_error(PQresultErrorMessage(result.get()));
  }
  statements_++;
  if (static_cast<double>(took) > slow_milliseconds * 1000) slow_++;
  std::int64_t slowest = slowest_microseconds_;
  while (slowest < took && !slowest_microseconds_.compare_exchange_weak(slowest, took)) {
  }
  return result;
}

}  // namespace stash::bench
