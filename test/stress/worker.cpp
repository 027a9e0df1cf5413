// Choosing keys, pausing, judging: what all operations share.
#include "worker.hpp"

#include <chrono>
#include <thread>

namespace stress {
namespace {

failure_kind failure_of(verdict judged) {
  switch (judged) {
    case verdict::stale:
      return failure_kind::stale;
    case verdict::backwards:
      return failure_kind::backwards;
    case verdict::rolled_back:
      return failure_kind::rolled_back;
    default:
      return failure_kind::uncommitted;
  }
}

}  // namespace

subject worker::any_key() {
  return {chance(50) ? family::item : family::watched, static_cast<int>(below(known.keys()))};
}

std::optional<subject> worker::changeable_key() {
  for (int i = 0; i < 8; ++i) {
    const subject s = any_key();
    if (!known.quiet(s)) return s;
  }
  return std::nullopt;
}

argument worker::ttl() {
  if (chance(70)) return nullptr;
  return std::to_string(0.005 + 0.0001 * static_cast<double>(below(500)));
}

void worker::think() {
  if (chosen.think_us == 0 || chance(50)) return;
  std::this_thread::sleep_for(std::chrono::microseconds(below(chosen.think_us)));
}

void worker::dawdle() {
  if (chosen.pool_delay_ms == 0 || chance(95)) return think();
  std::this_thread::sleep_for(std::chrono::microseconds(below(1000 * chosen.pool_delay_ms)));
}

void worker::fail(failure_kind kind, subject s, const char* reader, isolation level,
                  const floor_mark& floor, const cached_value& seen, int64_t expected,
                  const std::string& detail) {
  failures.add({kind, s, reader, level, floor, seen, expected, known.elapsed(), detail});
}

std::optional<cached_value> worker::hit(subject s, filler reader, isolation level,
                                        const floor_mark& floor, std::string_view json) {
  ++counts.reads;
  ++counts.of(reader).hits;
  ++counts.hits[static_cast<size_t>(level)];
  const std::optional<cached_value> value = decode(json);
  if (!value) {
    fail(failure_kind::torn, s, name_of(reader), level, floor, {}, 0, std::string(json));
    return value;
  }
  ++counts.of(value->by).seen;
  const verdict judged = known.judge(s, floor, value->version);
  if (judged != verdict::fine) fail(failure_of(judged), s, name_of(reader), level, floor, *value);
  return value;
}

void worker::from_table(subject s, filler reader, isolation level, const floor_mark& floor,
                        int64_t version) {
  const verdict judged = known.judge(s, floor, version);
  if (judged == verdict::fine) return;
  fail(failure_of(judged), s, name_of(reader), level, floor, {version, 0, filler::count}, 0,
       "read from the table");
}

void worker::miss(filler reader) {
  ++counts.reads;
  ++counts.of(reader).misses;
}

void worker::filled(filler by, bool accepted) {
  ++(accepted ? counts.of(by).accepted : counts.of(by).refused);
}

}  // namespace stress
