// Redis cache-aside on the same keys: get, on a miss select and SET; a writer commits, then DELs.
// What everybody does, and the yardstick for mode stash.
#include "aside.hpp"

#include <memory>

#include "operations.hpp"

#ifdef STRESS_HAVE_REDIS
#include <hiredis/hiredis.h>
#endif

namespace stress {

#ifdef STRESS_HAVE_REDIS

namespace {

struct free_reply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using reply = std::unique_ptr<redisReply, free_reply>;

template <typename... Arguments>
reply command(redisContext* raw, const char* format, Arguments... arguments) {
  reply answer(static_cast<redisReply*>(redisCommand(raw, format, arguments...)));
  if (!answer) throw sql_error("", std::string("redis: ") + raw->errstr);
  if (answer->type == REDIS_REPLY_ERROR) throw sql_error("XX000", answer->str);
  return answer;
}

}  // namespace

redis_client::redis_client(const std::string& socket) : raw_(redisConnectUnix(socket.c_str())) {
  if (raw_ == nullptr || raw_->err != 0) {
    const std::string why = raw_ == nullptr ? "out of memory" : raw_->errstr;
    if (raw_ != nullptr) redisFree(raw_);
    throw sql_error("", "redis: " + why);
  }
}

redis_client::~redis_client() { redisFree(raw_); }

std::optional<std::string> redis_client::get(const std::string& key) {
  const reply answer = command(raw_, "GET %b", key.data(), key.size());
  if (answer->type == REDIS_REPLY_NIL) return std::nullopt;
  return std::string(answer->str, answer->len);
}

void redis_client::set(const std::string& key, const std::string& value, int64_t expire_ms) {
  if (expire_ms == 0) {
    command(raw_, "SET %b %b", key.data(), key.size(), value.data(), value.size());
  } else {
    command(raw_, "SET %b %b PX %lld", key.data(), key.size(), value.data(), value.size(),
            static_cast<long long>(expire_ms));
  }
}

void redis_client::del(const std::string& key) { command(raw_, "DEL %b", key.data(), key.size()); }

void redis_client::flush() { command(raw_, "FLUSHALL"); }

#else

redis_client::redis_client(const std::string&) {
  throw sql_error("", "built without hiredis: no --mode redis");
}
redis_client::~redis_client() = default;
std::optional<std::string> redis_client::get(const std::string&) { return std::nullopt; }
void redis_client::set(const std::string&, const std::string&, int64_t) {}
void redis_client::del(const std::string&) {}
void redis_client::flush() {}

#endif

namespace {

constexpr filler by = filler::aside;

int64_t expire_ms(worker& w) { return w.chance(70) ? 0 : 5 + w.below(50); }

void store(worker& w, subject s, int64_t version) {
  w.redis->set(w.called.key(s), encode({version, w.nonce(), by}), expire_ms(w));
  w.filled(by, true);
}

}  // namespace

void read_aside(worker& w, subject s) {
  ++w.counts.of(by).attempts;
  const floor_mark floor = w.known.floor(s);
  if (const auto cached = w.redis->get(w.called.key(s))) {
    w.hit(s, by, isolation::read_committed, floor, *cached);
    return;
  }
  w.miss(by);
  // The same pauses as the pool and the one-connection fills of mode stash have.
  const bool pooled = w.chance(50);
  pooled ? w.dawdle() : w.think();
  int64_t version = 0;
  {
    auto one = w.borrow();
    version = one->run(statements_of(s.table).select, {s.index}).number();
  }
  w.from_table(s, by, isolation::read_committed, floor, version);
  pooled ? w.dawdle() : w.think();
  store(w, s, version);
}

void read_aside_in_snapshot(worker& w) {
  auto one = w.borrow();
  const subject s = w.any_key();
  ++w.counts.of(by).attempts;
  const floor_mark floor = w.known.floor(s);
  one->run("begin isolation level repeatable read");
  one->run("select 1");
  w.think();
  const auto cached = w.redis->get(w.called.key(s));
  std::optional<cached_value> value;
  if (cached) value = w.hit(s, by, isolation::repeatable_read, floor, *cached);
  w.think();
  const int64_t version = one->run(statements_of(s.table).select, {s.index}).number();
  one->run("commit");
  if (!cached) {
    w.miss(by);
    store(w, s, version);
    return;
  }
  ++w.counts.compared;
  if (value && value->version != version) {
    w.fail(failure_kind::snapshot, s, name_of(by), isolation::repeatable_read, floor, *value,
           version);
  }
}

void delete_aside(worker& w, subject s) { w.redis->del(w.called.key(s)); }

}  // namespace stress
