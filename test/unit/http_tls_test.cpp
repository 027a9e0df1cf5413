// Whom the engine believes: servers whose certificates hold, and nobody else gets to see a request.
#include <gtest/gtest.h>

#include "http/engine.hpp"
#include "tls_server.hpp"

namespace stash::http {
namespace {

response ask(const std::string& url, const std::string& authority) {
  engine_options options;
  options.ca_file = authority;
  engine engine(options);
  request asked;
  asked.url = url;
  asked.headers = {"Authorization: Bearer secret"};
  return perform_alone(engine, asked);
}

void expect_untrusted(const tls_server& server, const response& answer) {
  EXPECT_EQ(answer.outcome, outcome::untrusted);
  EXPECT_EQ(answer.status, 0);
  EXPECT_NE(answer.error, "");
  EXPECT_EQ(answer.error.find("secret"), std::string::npos);
  EXPECT_EQ(server.seen(), "");
}

TEST(http_tls, a_certificate_that_holds) {
  const certificate_authority authority;
  const tls_server server(authority, "DNS:localhost");
  const response answer = ask(server.url("localhost"), authority.file());
  EXPECT_EQ(answer.outcome, outcome::answered) << answer.error;
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "{}");
  EXPECT_NE(server.seen().find("Bearer secret"), std::string::npos);
}

TEST(http_tls, an_authority_that_the_system_does_not_know) {
  const certificate_authority authority;
  const tls_server server(authority, "DNS:localhost");
  expect_untrusted(server, ask(server.url("localhost"), ""));
}

TEST(http_tls, an_authority_that_is_another_one) {
  const certificate_authority authority;
  const certificate_authority other;
  const tls_server server(other, "DNS:localhost");
  expect_untrusted(server, ask(server.url("localhost"), authority.file()));
}

TEST(http_tls, the_certificate_of_another_host) {
  const certificate_authority authority;
  const tls_server server(authority, "DNS:weaviate.example.org");
  expect_untrusted(server, ask(server.url("localhost"), authority.file()));
  const tls_server by_name(authority, "DNS:localhost");
  expect_untrusted(by_name, ask(by_name.url("127.0.0.1"), authority.file()));
}

TEST(http_tls, a_certificate_that_has_expired) {
  const certificate_authority authority;
  const tls_server server(authority, "DNS:localhost", -60);
  expect_untrusted(server, ask(server.url("localhost"), authority.file()));
}

TEST(http_tls, plain_http_to_such_a_server) {
  const certificate_authority authority;
  const tls_server server(authority, "DNS:localhost");
  std::string url = server.url("localhost");
  url.erase(4, 1);
  EXPECT_NE(ask(url, authority.file()).outcome, outcome::answered);
  EXPECT_EQ(server.seen(), "");
}

}  // namespace
}  // namespace stash::http
