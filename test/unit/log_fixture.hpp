// A transaction in a test: a log with a clock of its own, on a small store.
#pragma once

#include "store/transaction_log.hpp"
#include "store_fixture.hpp"

namespace stash_test {

// One transaction; several of them can be under way at once on one store.
class test_transaction {
 public:
  test_transaction(store& cache, timestamp& clock, std::uint32_t process = 1)
      : cache_(cache), clock_(clock), process_(process), began_(++clock) {}

  transaction_log log;
  std::uint32_t subtransaction = 1;
  std::uint32_t command = 0;

  void set(const std::string& key, const std::string& value,
           const std::vector<std::string>& tags = {}, std::int64_t expected = any_version,
           bool blind = false) {
    item what(cache_, key, value, tags, began_);
    what.what.version = cache_.next_version();
    what.what.blind = blind;
    log.add_set(what.what, subtransaction, expected);
  }
  void refused_set(const std::string& key) {
    log.add_refused_set(cache_.key(0, key), subtransaction);
  }
  void remove(const std::string& key) {
    log.add_remove(cache_.key(0, key), subtransaction, ++command);
  }
  void invalidate(const std::string& tag) {
    log.add_tag(0, cache_.tag(0, tag), subtransaction, ++command);
  }
  void prefix(const std::string& text) { log.add_prefix(0, text, subtransaction, ++command); }
  void clear() { log.add_clear(0, subtransaction, ++command); }

  // The value that the transaction itself would read, as far as it comes from its own sets.
  std::optional<std::string> own(const std::string& key) {
    const pending* found = nullptr;
    if (log.look(cache_.key(0, key), &found) != transaction_log::sight::own) return std::nullopt;
    return std::string(log.fill_of(*found, cache_).value);
  }
  transaction_log::sight sight(const std::string& key) {
    const pending* found = nullptr;
    return log.look(cache_.key(0, key), &found);
  }

  bool prepare(bool writer) {
    log.prepare(cache_, writer, process_);
    return log.conditions_hold(cache_, ++clock_);
  }
  void finish() {
    clock_++;
    log.commit(cache_, clock_, clock_, guard);
    log.clear();
  }
  bool commit(bool writer) {
    if (!prepare(writer)) {
      abort();
      return false;
    }
    finish();
    return true;
  }
  void abort() {
    log.abort(cache_);
    log.clear();
  }
  [[nodiscard]] timestamp began() const { return began_; }

 private:
  store& cache_;
  timestamp& clock_;
  std::uint32_t process_;
  timestamp began_;
};

class log_fixture : public store_fixture {
 protected:
  log_fixture() : store_fixture(4 << 20, 16 << 10) {}

  test_transaction begin(std::uint32_t process = 1) { return {cache_, clock_, process}; }
  std::optional<std::string> read(const std::string& key) {
    return value_of(cache_, key, reader_at(clock_));
  }
  // Something that is there before the test begins.
  void given(const std::string& key, const std::string& value,
             const std::vector<std::string>& tags = {}) {
    ASSERT_EQ(put(cache_, key, value, tags, ++clock_), refusal::none);
    clock_++;
  }

  timestamp clock_ = morning;
};

// Both kinds of transaction: with data written, and without.
class log_both : public log_fixture, public testing::WithParamInterface<bool> {
 protected:
  [[nodiscard]] bool writer() const { return GetParam(); }
};

}  // namespace stash_test
