// The real server itself: what every other test here takes for granted.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "live_server.hpp"

namespace stash::weaviate {
namespace {

TEST(live_server, is_ready_and_says_its_version) {
  live_server live;
  EXPECT_EQ(live.call(rest_call(live.server(), http::method::get, "/.well-known/ready")).status,
            200);
  const auto meta = live.call(rest_call(live.server(), http::method::get, "/meta"));
  ASSERT_EQ(meta.status, 200);
  EXPECT_FALSE(nlohmann::json::parse(meta.body).value("version", "").empty());
}

}  // namespace
}  // namespace stash::weaviate
