// The real server that scripts/test weaviate has started, for one test: collections with names of
// their own, dropped at the end.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "weaviate/server.hpp"

namespace stash::weaviate {

class live_server {
 public:
  // Fails the test when there is no server: it is no test without one.
  live_server() {
    const char* url = std::getenv("STASH_TEST_WEAVIATE_URL");
    const char* key = std::getenv("STASH_TEST_WEAVIATE_KEY");
    if (url == nullptr) throw std::runtime_error("STASH_TEST_WEAVIATE_URL is not set");
    server_.url = url;
    if (key != nullptr) server_.api_key = key;
  }
  ~live_server() {
    for (const std::string& name : collections_)
      (void)call(rest_call(server_, http::method::remove, "/schema/" + name));
  }
  live_server(const live_server&) = delete;
  live_server& operator=(const live_server&) = delete;

  [[nodiscard]] weaviate::server& server() { return server_; }

  http::response call(http::request request) {
    return http::perform_alone(engine_, std::move(request));
  }

  // A name that no other test has; dropped at the end if it is there then.
  std::string new_name(const std::string& beginning) {
    collections_.push_back(beginning + "_" + std::to_string(getpid()) + "_" +
                           std::to_string(collections_.size()));
    return collections_.back();
  }

 private:
  weaviate::server server_;
  http::engine engine_;
  std::vector<std::string> collections_;
};

}  // namespace stash::weaviate
