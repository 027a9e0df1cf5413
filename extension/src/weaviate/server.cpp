// See server.hpp.
#include "weaviate/server.hpp"

#include <curl/curl.h>

#include <memory>
#include <new>
#include <utility>

#include "store/core_wall.hpp"

namespace stash::weaviate {
namespace {

bool is_loopback(std::string_view url) {
  for (const std::string_view host : {"//127.", "//localhost", "//[::1]"})
    if (url.find(host) != std::string_view::npos) return true;
  return false;
}

http::request call(const server& server, http::method method, std::string_view path) {
  http::request request;
  request.method = method;
  request.url = server.url;
  request.url += path;
  request.timeout_ms = server.timeout_ms;
  request.connect_timeout_ms = server.connect_timeout_ms;
  request.compressed_answer = !is_loopback(server.url);
  if (!server.api_key.empty()) request.headers.push_back("Authorization: Bearer " + server.api_key);
  return request;
}

using url_handle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

bool url_has(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  const bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK && *text != '\0';
  curl_free(text);
  return has;
}

}  // namespace

std::string checked_url(std::string_view url, std::string* why) {
  const auto refuse = [&](const char* reason) {
    *why = reason;
    return std::string();
  };
  const url_handle parsed(curl_url(), curl_url_cleanup);
  if (parsed == nullptr) throw std::bad_alloc();
  std::string text(url);
  if (text.size() > 2048) return refuse("it is longer than 2048 bytes");
  if (!text.starts_with("http://") && !text.starts_with("https://"))
    return refuse("it must begin with http:// or https://");
  if (text.find('\0') != std::string::npos ||
      curl_url_set(parsed.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK ||
      !url_has(parsed.get(), CURLUPART_HOST))
    return refuse("it is no URL");
  if (url_has(parsed.get(), CURLUPART_USER) || url_has(parsed.get(), CURLUPART_PASSWORD))
    return refuse("it must not hold a user or a password");
  if (text.find_first_of("?#") != std::string::npos)
    return refuse("it must end with its host, port or path");
  while (text.ends_with('/')) text.pop_back();
  return text;
}

http::request connect_call(const server& server, std::string_view procedure, std::string body,
                           body_form form) {
  std::string path = "/v1/grpc-web/weaviate.v1.Weaviate/";
  path += procedure;
  http::request request = call(server, http::method::post, path);
  request.headers.emplace_back(form == body_form::json ? "Content-Type: application/json"
                                                       : "Content-Type: application/proto");
  // Without it the server does not know Connect: 404.
  request.headers.emplace_back("Connect-Protocol-Version: 1");
  request.body = std::move(body);
  return request;
}

http::request rest_call(const server& server, http::method method, std::string_view path,
                        std::string body) {
  std::string whole = "/v1";
  whole += path;
  http::request request = call(server, method, whole);
  if (!body.empty()) request.headers.emplace_back("Content-Type: application/json");
  request.body = std::move(body);
  return request;
}

std::string escape_path(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      escaped += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      escaped += '%';
      escaped += digits[byte >> 4U];
      escaped += digits[byte & 15U];
    }
  }
  return escaped;
}

}  // namespace stash::weaviate
