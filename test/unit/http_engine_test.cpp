// Requests that run beside each other, on real sockets.
#include "http/engine.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <set>

#include "local_server.hpp"

namespace stash::http {
namespace {

request get(const std::string& url) {
  request asked;
  asked.url = url;
  return asked;
}

// Holds answers back until the test says so.
class gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

std::vector<response> wait_for(engine& engine, std::size_t count) {
  std::vector<response> all;
  while (all.size() < count) {
    pollfd waiting{engine.descriptor(), POLLIN, 0};
    poll(&waiting, 1, engine.timeout_ms());
    engine.perform();
    while (auto each = engine.next_completed()) all.push_back(std::move(*each));
  }
  return all;
}

TEST(http_engine, an_answer_comes_back_whole) {
  std::string seen;
  local_server server([&](const std::string& request) {
    seen = request;
    return local_server::answer(201, R"({"a":1})");
  });
  engine engine;
  request asked = get(server.url() + "/v1/x?y=1");
  asked.method = method::post;
  asked.headers = {"X-One: two"};
  asked.body = std::string("a\0b", 3);
  const response answer = perform_alone(engine, asked);
  EXPECT_EQ(answer.outcome, outcome::answered);
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body, R"({"a":1})");
  EXPECT_EQ(answer.content_type, "application/json");
  EXPECT_EQ(answer.error, "");
  EXPECT_TRUE(seen.starts_with("POST /v1/x?y=1 HTTP/1.1\r\n")) << seen;
  EXPECT_NE(seen.find("X-One: two\r\n"), std::string::npos);
  EXPECT_EQ(seen.find("Expect"), std::string::npos);
  EXPECT_TRUE(seen.ends_with(std::string("\r\n\r\na\0b", 7)));
}

TEST(http_engine, methods_have_their_verbs_and_bodies) {
  std::string seen;
  local_server server([&](const std::string& request) {
    seen = request;
    // HEAD has no body however long it says it is; this one says none.
    return local_server::answer(204, "");
  });
  engine engine;
  const std::pair<method, std::string> verbs[] = {
      {method::get, "GET"}, {method::head, "HEAD"},   {method::post, "POST"},
      {method::put, "PUT"}, {method::patch, "PATCH"}, {method::remove, "DELETE"}};
  for (const auto& [verb, name] : verbs) {
    for (const bool with_body : {false, true}) {
      if (with_body && (verb == method::get || verb == method::head)) continue;
      request asked = get(server.url() + "/");
      asked.method = verb;
      if (with_body) asked.body = "body";
      EXPECT_EQ(perform_alone(engine, asked).status, 204) << name;
      EXPECT_TRUE(seen.starts_with(name + " / ")) << seen;
      EXPECT_EQ(seen.ends_with("\r\n\r\nbody"), with_body) << seen;
    }
  }
}

TEST(http_engine, connections_are_used_again) {
  local_server server([](const std::string&) { return local_server::answer(200, "{}"); });
  engine engine;
  for (int i = 0; i < 20; i++)
    EXPECT_EQ(perform_alone(engine, get(server.url() + "/")).status, 200);
  EXPECT_EQ(server.connections(), 1);
}

TEST(http_engine, many_run_at_once_and_no_more_than_allowed) {
  gate held;
  std::atomic<int> waiting = 0;
  std::atomic<int> most = 0;
  local_server server([&](const std::string&) {
    most = std::max(most.load(), ++waiting);
    held.pass();
    waiting--;
    return local_server::answer(200, "{}");
  });
  engine_options options;
  options.max_connections = 3;
  engine engine(options);
  std::set<std::uint64_t> ids;
  for (int i = 0; i < 10; i++) ids.insert(engine.submit(get(server.url() + "/")));
  EXPECT_EQ(ids.size(), 10U);
  EXPECT_EQ(ids.count(0), 0U);
  EXPECT_EQ(engine.in_flight(), 10U);
  while (most < 3) {
    pollfd ready{engine.descriptor(), POLLIN, 0};
    poll(&ready, 1, 1);
    engine.perform();
  }
  EXPECT_FALSE(engine.next_completed());
  held.open();
  for (const response& each : wait_for(engine, 10)) {
    EXPECT_EQ(each.status, 200);
    EXPECT_EQ(ids.erase(each.id), 1U);
  }
  EXPECT_EQ(engine.in_flight(), 0U);
  EXPECT_EQ(server.connections(), 3);
}

TEST(http_engine, a_slow_answer_times_out) {
  gate held;
  local_server server([&](const std::string&) {
    held.pass();
    return std::string();
  });
  engine engine;
  request asked = get(server.url() + "/");
  asked.timeout_ms = 50;
  const response answer = perform_alone(engine, asked);
  EXPECT_EQ(answer.outcome, outcome::timed_out);
  EXPECT_EQ(answer.status, 0);
  EXPECT_NE(answer.error, "");
  held.open();
}

TEST(http_engine, a_body_that_never_ends_times_out_and_its_half_is_dropped) {
  gate held;
  local_server server([&](const std::string& request) {
    if (request.find("/slow") == std::string::npos) held.pass();
    return std::string("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  });
  engine engine;
  request asked = get(server.url() + "/slow");
  asked.timeout_ms = 100;
  const response answer = perform_alone(engine, asked);
  EXPECT_EQ(answer.outcome, outcome::timed_out);
  EXPECT_EQ(answer.body, "");
  held.open();
}

TEST(http_engine, a_connection_cut_in_the_middle_says_so) {
  local_server server([](const std::string& request) {
    return request.find("/silent") != std::string::npos
               ? std::string()
               : std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal");
  });
  engine engine;
  EXPECT_EQ(perform_alone(engine, get(server.url() + "/silent")).outcome, outcome::cut);
  const response half = perform_alone(engine, get(server.url() + "/half"));
  EXPECT_EQ(half.outcome, outcome::cut);
  EXPECT_EQ(half.body, "");
}

// Whoever asked may have something newer to say by the time that a second one arrives.
TEST(http_engine, nothing_with_a_body_is_sent_twice) {
  std::atomic<int> seen = 0;
  local_server server([&](const std::string& asked) {
    if (asked.find("/silent") == std::string::npos) return local_server::answer(200, "{}");
    seen++;
    return std::string();
  });
  engine engine;
  const auto post = [&](const char* path) {
    request asked = get(server.url() + path);
    asked.method = method::post;
    asked.body = std::string(1'000'000, 'x');
    return perform_alone(engine, asked);
  };
  EXPECT_EQ(post("/").status, 200);
  EXPECT_EQ(post("/silent").outcome, outcome::cut);
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(post("/").status, 200);
}

TEST(http_engine, nobody_there_is_unreachable) {
  std::string url;
  {
    local_server server([](const std::string&) { return std::string(); });
    url = server.url();
  }
  engine engine;
  EXPECT_EQ(perform_alone(engine, get(url + "/")).outcome, outcome::unreachable);
  EXPECT_EQ(perform_alone(engine, get("http://host.invalid/")).outcome, outcome::unreachable);
}

TEST(http_engine, what_is_no_request_fails_like_any_other) {
  engine engine;
  for (const char* url : {"", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "x:y:z"}) {
    const response answer = perform_alone(engine, get(url));
    EXPECT_NE(answer.outcome, outcome::answered) << url;
    EXPECT_NE(answer.error, "") << url;
  }
}

TEST(http_engine, an_answer_has_its_limit) {
  const std::string large(100'000, 'x');
  local_server server([&](const std::string&) { return local_server::answer(200, large); });
  engine engine;
  request asked = get(server.url() + "/");
  asked.max_response_bytes = large.size();
  EXPECT_EQ(perform_alone(engine, asked).body, large);
  asked.max_response_bytes = large.size() - 1;
  const response answer = perform_alone(engine, asked);
  EXPECT_EQ(answer.outcome, outcome::too_large);
  EXPECT_EQ(answer.body, "");
}

TEST(http_engine, a_compressed_answer_has_the_limit_of_what_it_holds) {
  // 1,000 times x, compressed by gzip.
  const std::string bytes(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\xa8\x18\x05"
      "\xa3\x60\x14\x0c\x77\x00\x00\xe6\xc9\x41\x3b\xe8\x03\x00\x00",
      29);
  std::string seen;
  local_server server([&](const std::string& request) {
    seen = request;
    return local_server::answer(200, bytes, "Content-Encoding: gzip\r\n");
  });
  engine engine;
  request asked = get(server.url() + "/");
  asked.compressed_answer = true;
  asked.max_response_bytes = 1000;
  const response whole = perform_alone(engine, asked);
  EXPECT_NE(seen.find("Accept-Encoding: gzip"), std::string::npos);
  EXPECT_EQ(whole.body, std::string(1000, 'x'));
  asked.max_response_bytes = 100;
  EXPECT_EQ(perform_alone(engine, asked).outcome, outcome::too_large);
}

TEST(http_engine, no_redirect_is_followed) {
  local_server elsewhere([](const std::string&) { return local_server::answer(200, "stolen"); });
  local_server server([&](const std::string&) {
    return local_server::answer(302, "", "Location: " + elsewhere.url() + "/\r\n");
  });
  engine engine;
  request asked = get(server.url() + "/");
  asked.headers = {"Authorization: Bearer secret"};
  EXPECT_EQ(perform_alone(engine, asked).status, 302);
  EXPECT_EQ(elsewhere.connections(), 0);
}

TEST(http_engine, what_is_cancelled_never_comes_back) {
  gate held;
  local_server server([&](const std::string& request) {
    if (request.find("/held") != std::string::npos) held.pass();
    return local_server::answer(200, "{}");
  });
  engine engine;
  const auto dropped = engine.submit(get(server.url() + "/held"));
  const auto kept = engine.submit(get(server.url() + "/"));
  engine.perform();
  engine.cancel(dropped);
  EXPECT_EQ(engine.in_flight(), 1U);
  EXPECT_EQ(wait_for(engine, 1).front().id, kept);
  engine.cancel(dropped);
  engine.cancel(12345);
  const auto completed = engine.submit(get(server.url() + "/"));
  while (engine.in_flight() > 0) {
    pollfd ready{engine.descriptor(), POLLIN, 0};
    poll(&ready, 1, engine.timeout_ms());
    engine.perform();
  }
  engine.cancel(completed);
  EXPECT_FALSE(engine.next_completed());
  engine.submit(get(server.url() + "/held"));
  engine.perform();
  engine.cancel_all();
  EXPECT_EQ(engine.in_flight(), 0U);
  held.open();
  EXPECT_EQ(perform_alone(engine, get(server.url() + "/")).status, 200);
}

TEST(http_engine, an_engine_ends_at_once_whatever_is_under_way) {
  gate held;
  local_server server([&](const std::string&) {
    held.pass();
    return std::string();
  });
  const auto began = std::chrono::steady_clock::now();
  {
    engine engine;
    engine.submit(get(server.url() + "/"));
    engine.submit(get("http://name-that-is-looked-up.invalid/"));
    for (int i = 0; i < 10; i++) engine.perform();
  }
  // The request's time-out is a minute; a wait for it would be noticed.
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30));
  held.open();
}

volatile std::sig_atomic_t handled = 0;

TEST(http_engine, signals_stay_as_they_were) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) { handled = handled + 1; };
  sigaction(SIGPIPE, &action, &before);
  local_server server([](const std::string&) { return std::string(); });
  engine engine;
  for (int i = 0; i < 5; i++) {
    request asked = get(server.url() + "/");
    asked.method = method::post;
    asked.body.assign(1 << 20, 'x');
    EXPECT_NE(perform_alone(engine, asked).outcome, outcome::answered);
  }
  EXPECT_EQ(handled, 0);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0);
  sigaction(SIGPIPE, &before, nullptr);
}

}  // namespace
}  // namespace stash::http
