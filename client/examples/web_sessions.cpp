// A web application's log-in: sessions in the database, their tokens in a cookie.
//
//   web_sessions 8080      serves until it is interrupted:
//     curl -c jar -d user=ann localhost:8080/login; curl -b jar localhost:8080/me
//   web_sessions           serves itself a few requests and ends
//
// Connects as libpq does by default (PGHOST, PGDATABASE, ...). Needs CREATE EXTENSION pg_stash.
// Who checks passwords, and TLS before this server, are left out: a cookie like this needs both.
#include <httplib.h>

#include <iostream>
#include <stash/stash.hpp>
#include <thread>

namespace {

constexpr const char* cookie_name = "session";

// The token that the browser sent; empty when it sent none.
stash::secret token_of(const httplib::Request& request) {
  const std::string cookies = request.get_header_value("Cookie");
  const std::string begin = std::string(cookie_name) + "=";
  for (std::size_t at = 0; at < cookies.size();) {
    const std::size_t end = std::min(cookies.find(';', at), cookies.size());
    if (cookies.compare(at, begin.size(), begin) == 0)
      return stash::secret(cookies.substr(at + begin.size(), end - at - begin.size()));
    at = cookies.find_first_not_of("; ", end);
  }
  return {};
}

void set_cookie(httplib::Response& response, std::string_view token, int max_age) {
  response.set_header("Set-Cookie",
                      std::string(cookie_name) + "=" + std::string(token) +
                          "; Path=/; HttpOnly; SameSite=Lax; Max-Age=" + std::to_string(max_age));
}

void refuse(httplib::Response& response) {
  response.status = 401;
  response.set_content("log in first\n", "text/plain");
}

void add_handlers(httplib::Server& server, stash::client& client) {
  server.Post("/login", [&](const httplib::Request& request, httplib::Response& response) {
    const auto created =
        client.sessions().create({.user_id = request.get_param_value("user"),
                                  .data = {{"visits", 0}},
                                  .ttl = stash::seconds{3600},
                                  .ip = request.remote_addr,
                                  .user_agent = request.get_header_value("User-Agent")});
    set_cookie(response, created.token.reveal(), 3600);
  });

  // Finding a session by its token counts as use of it, and costs about as much as a cached value.
  server.Get("/me", [&](const httplib::Request& request, httplib::Response& response) {
    auto sessions = client.sessions();
    const auto found = sessions.get_by_token(token_of(request));
    if (!found) return refuse(response);
    const int visits = found->data.value("visits", 0) + 1;
    sessions.update(found->id, {{"visits", visits}});
    response.set_content(*found->user_id + ", visit " + std::to_string(visits) + "\n",
                         "text/plain");
  });

  server.Post("/logout", [&](const httplib::Request& request, httplib::Response& response) {
    auto sessions = client.sessions();
    if (const auto found = sessions.get_by_token(token_of(request), false))
      sessions.erase(found->id, "log-out");
    set_cookie(response, "", 0);
  });

  // The database is away, or too many wait for a connection.
  server.set_exception_handler(
      [](const auto&, httplib::Response& response, std::exception_ptr why) {
        try {
          std::rethrow_exception(why);
        } catch (const stash::error& failed) {
          response.status = failed.retryable() ? 503 : 500;
        } catch (...) {
          response.status = 500;
        }
      });
}

// What a browser would do.
bool try_it(int port) {
  httplib::Client browser("127.0.0.1", port);
  const auto login = browser.Post("/login", httplib::Params{{"user", "ann"}});
  if (!login) return false;
  const std::string cookie = login->get_header_value("Set-Cookie");
  const httplib::Headers with_cookie{{"Cookie", cookie.substr(0, cookie.find(';'))}};
  for (int i = 0; i < 2; i++) std::cout << browser.Get("/me", with_cookie)->body;
  const int stranger = browser.Get("/me")->status;
  browser.Post("/logout", with_cookie, "", "text/plain");
  const int afterwards = browser.Get("/me", with_cookie)->status;
  std::cout << "without the cookie: " << stranger << ", after the log-out: " << afterwards << '\n';
  return stranger == 401 && afterwards == 401;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    // As many connections as handlers may run at once.
    stash::client client({.max_size = CPPHTTPLIB_THREAD_POOL_COUNT});
    httplib::Server server;
    add_handlers(server, client);
    if (count > 1) return server.listen("127.0.0.1", std::stoi(arguments[1])) ? 0 : 1;

    const int port = server.bind_to_any_port("127.0.0.1");
    std::thread serving([&] { server.listen_after_bind(); });
    while (!server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const bool good = try_it(port);
    server.stop();
    serving.join();
    return good ? 0 : 1;
  } catch (const std::exception& failed) {
    std::cerr << failed.what() << '\n';
    return 1;
  }
}
