// What others do between two steps of a commit or a fill: whenever a transaction is about to take a
// lock of the store, somebody else comes first.
#include "interruption.hpp"
#include "log_fixture.hpp"

namespace {

using namespace stash_test;

class log_window_test : public log_fixture {
 protected:
  static int interrupt(const std::function<void()>& body, std::function<void(int)> meanwhile) {
    return interruption::run(body, std::move(meanwhile));
  }
};

TEST_F(log_window_test, a_writer_comes_between_the_looks_of_a_fill) {
  auto filler = begin(1);
  filler.set("k", "old");
  ASSERT_TRUE(filler.prepare(false));
  const int locks = interrupt([&] { filler.finish(); },
                              [&](int lock) {
                                if (lock > 0) return;
                                auto writer = begin(2);
                                writer.remove("k");
                                EXPECT_TRUE(writer.commit(true));
                              });
  EXPECT_GT(locks, 0);
  EXPECT_EQ(read("k"), std::nullopt);
}

TEST_F(log_window_test, a_writer_of_a_tag_comes_at_any_step_of_a_fill) {
  int locks = 1;
  for (int at = 0; at < locks; at++) {
    const std::string key = "k" + std::to_string(at);
    auto filler = begin(1);
    filler.set(key, "old", {"user:" + key});
    ASSERT_TRUE(filler.prepare(false));
    locks = interrupt([&] { filler.finish(); },
                      [&](int lock) {
                        if (lock != at) return;
                        auto writer = begin(2);
                        writer.invalidate("user:*");
                        EXPECT_TRUE(writer.commit(true));
                      });
    EXPECT_EQ(read(key), std::nullopt) << "before lock " << at;
  }
  EXPECT_GT(locks, 3);
}

TEST_F(log_window_test, a_writer_stays_in_flux_at_every_step_of_its_commit) {
  for (const char* key : {"a", "b"}) given(key, "old");
  auto writer = begin(1);
  writer.remove("a");
  writer.remove("b");
  ASSERT_TRUE(writer.prepare(true));
  const int locks = interrupt([&] { writer.finish(); },
                              [&](int lock) {
                                for (const char* key : {"a", "b"}) {
                                  EXPECT_EQ(read(key), std::nullopt) << "before lock " << lock;
                                  EXPECT_EQ(put(cache_, key, "fill", {}, clock_), refusal::in_flux);
                                }
                              });
  EXPECT_GT(locks, 1);
  for (const char* key : {"a", "b"}) EXPECT_EQ(read(key), std::nullopt);
}

TEST_F(log_window_test, a_writer_of_a_tag_stays_in_flux_at_every_step_of_its_commit) {
  given("tagged", "old", {"user:1"});
  auto writer = begin(1);
  writer.invalidate("user:1");
  ASSERT_TRUE(writer.prepare(true));
  const int locks =
      interrupt([&] { writer.finish(); },
                [&](int lock) {
                  EXPECT_EQ(read("tagged"), std::nullopt) << "before lock " << lock;
                  EXPECT_NE(put(cache_, "new", "fill", {"user:1"}, writer.began()), refusal::none);
                });
  EXPECT_GT(locks, 0);
  EXPECT_EQ(read("tagged"), std::nullopt);
}

}  // namespace
