// See errors.hpp.
#include "weaviate/errors.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "weaviate/utf8.hpp"

#include "store/core_wall.hpp"

namespace stash::weaviate {
namespace {

struct known_message {
  std::string_view part;  // lower case
  weaviate::verdict verdict;
  weaviate::cause cause;
};

// The first that is found in a message decides, so what is more particular comes first.
constexpr std::array known_messages{
    known_message{"usage_limit_exceeded", verdict::pause, cause::quota},
    known_message{"usage limit", verdict::pause, cause::quota},
    known_message{"quota", verdict::pause, cause::quota},
    // A shard that takes no writes.
    known_message{"read-only", verdict::retry, cause::read_only},
    known_message{"read only", verdict::retry, cause::read_only},
    known_message{"read_only", verdict::retry, cause::read_only},
    known_message{"readonly", verdict::retry, cause::read_only},
    known_message{"failed to load", verdict::retry, cause::read_only},
    known_message{"load shard", verdict::retry, cause::read_only},
    known_message{"shard not found", verdict::retry, cause::read_only},
    known_message{"no space left", verdict::retry, cause::read_only},
    // What 1.39.0 answers to BatchDelete on a read-only shard.
    known_message{"failed to parse id \"\" as uuid", verdict::retry, cause::read_only},
    known_message{"unauthorized", verdict::pause, cause::unauthorized},
    known_message{"unauthenticated", verdict::pause, cause::unauthorized},
    known_message{"permission denied", verdict::pause, cause::unauthorized},
    known_message{"forbidden", verdict::pause, cause::unauthorized},
    known_message{"anonymous access not enabled", verdict::pause, cause::unauthorized},
    known_message{"invalid api key", verdict::pause, cause::unauthorized},
    // This object, whatever the state of the server.
    known_message{"not a valid tenant name", verdict::split, cause::object},
    known_message{"is not valid as tenant name", verdict::split, cause::object},
    known_message{"empty tenant name", verdict::split, cause::object},
    known_message{"vector dimensions do not match", verdict::reject, cause::object},
    known_message{"vector lengths don't match", verdict::reject, cause::object},
    known_message{"vector with length", verdict::reject, cause::object},
    known_message{"invalid uuid", verdict::reject, cause::object},
    known_message{"invalid text", verdict::reject, cause::object},
    known_message{"invalid integer", verdict::reject, cause::object},
    known_message{"invalid number", verdict::reject, cause::object},
    known_message{"invalid boolean", verdict::reject, cause::object},
    known_message{"invalid date", verdict::reject, cause::object},
    // The collection and what it is like.
    known_message{"not present in schema", verdict::pause, cause::missing_collection},
    known_message{"could not find class", verdict::pause, cause::missing_collection},
    known_message{"failed to get class", verdict::pause, cause::missing_collection},
    known_message{"class not found", verdict::pause, cause::missing_collection},
    known_message{"cannot find class", verdict::pause, cause::missing_collection},
    known_message{"cannot query non-existing class", verdict::pause, cause::missing_collection},
    known_message{"tenant not found", verdict::pause, cause::missing_tenant},
    known_message{"tenant not active", verdict::pause, cause::inactive_tenant},
    known_message{"multi-tenancy", verdict::pause, cause::schema},
    known_message{"no such prop", verdict::pause, cause::schema},
    known_message{"does not have configuration for vector", verdict::pause, cause::schema},
    known_message{"is not configured", verdict::pause, cause::schema},
    known_message{"does not support", verdict::pause, cause::schema},
    // The server and its cluster.
    known_message{"memory", verdict::retry, cause::overloaded},
    known_message{"deadline exceeded", verdict::retry, cause::overloaded},
    known_message{"context canceled", verdict::retry, cause::overloaded},
    known_message{"timeout", verdict::retry, cause::overloaded},
    known_message{"timed out", verdict::retry, cause::overloaded},
    known_message{"leader", verdict::retry, cause::overloaded},
    known_message{"consistency level", verdict::retry, cause::overloaded},
    known_message{"replica", verdict::retry, cause::overloaded},
    known_message{"connection refused", verdict::retry, cause::overloaded},
    known_message{"connection reset", verdict::retry, cause::overloaded},
    known_message{"shutting down", verdict::retry, cause::overloaded},
    known_message{"shutdown", verdict::retry, cause::overloaded},
    known_message{"unavailable", verdict::retry, cause::overloaded},
    // The call.
    known_message{"proto: ", verdict::split, cause::malformed},
    known_message{"proto:\u00a0", verdict::split, cause::malformed},
    known_message{"invalid character", verdict::split, cause::malformed},
    known_message{"request body too large", verdict::split, cause::malformed},
    known_message{"larger than max", verdict::split, cause::malformed},
};

const known_message* find_known(std::string_view message) {
  std::string lower(message);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  for (const known_message& known : known_messages)
    if (lower.find(known.part) != std::string::npos) return &known;
  return nullptr;
}

judgement by_status(const http::response& answer) {
  judgement judged;
  const int status = answer.status;
  if (status == 401 || status == 403) {
    judged = {verdict::pause, cause::unauthorized, {}};
  } else if (status == 404 || status == 405 || status == 415 || status == 501) {
    judged = {verdict::retry, cause::dialect, {}};
  } else if (status == 408) {
    judged = {verdict::retry, cause::network, {}};
  } else if (status == 429) {
    judged = {verdict::pause, cause::quota, {}};
  } else if (status == 400 || status == 413 || status == 422) {
    judged = {verdict::split, cause::malformed, {}};
  } else if (status == 503) {
    judged = {verdict::retry, cause::overloaded, {}};
  } else if (status >= 500) {
    judged = {verdict::retry, cause::unknown, {}};
  } else {
    // A redirect, or something that is no Weaviate.
    judged = {verdict::pause, cause::dialect, {}};
  }
  return judged;
}

judgement by_outcome(const http::response& answer) {
  switch (answer.outcome) {
    case http::outcome::untrusted:
      return {verdict::pause, cause::network, answer.error};
    case http::outcome::too_large:
      return {verdict::split, cause::network, answer.error};
    default:
      return {verdict::retry, cause::network, answer.error};
  }
}

// The text of an error that is an object, an array of them, or a string.
std::string text_in(const nlohmann::json& error) {
  if (error.is_string()) return error.get<std::string>();
  if (error.is_array()) {
    std::string all;
    for (const auto& each : error) {
      if (!all.empty()) all += "; ";
      all += text_in(each);
    }
    return all;
  }
  const auto message = error.is_object() ? error.find("message") : error.end();
  return message != error.end() && message->is_string() ? message->get<std::string>() : "";
}

}  // namespace

std::string readable(std::string_view text, std::size_t most) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_character(text.substr(at));
    const bool plain = length > 1 || (length == 1 && static_cast<unsigned char>(text[at]) >= 0x20 &&
                                      text[at] != 0x7f);
    const std::string_view next = plain ? text.substr(at, length) : " ";
    if (out.size() + next.size() > most) {
      constexpr std::string_view more = "…";
      while (!out.empty() && out.size() + more.size() > most) out.resize(utf8_last_character(out));
      out += more;
      break;
    }
    out += next;
    at += length == 0 ? 1 : length;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string message_of(std::string_view body) {
  const auto parsed = nlohmann::json::parse(body, nullptr, false);
  std::string text;
  if (parsed.is_object()) {
    for (const char* key : {"error", "message", "errors"}) {
      const auto found = parsed.find(key);
      if (found != parsed.end() && text.empty()) text = text_in(*found);
    }
  }
  return readable(text.empty() ? body : std::string_view(text));
}

bool is_success(const http::response& answer) {
  return answer.outcome == http::outcome::answered && answer.status >= 200 && answer.status < 300 &&
         !answer.body.empty();
}

bool may_come_late(const http::response& answer) {
  switch (answer.outcome) {
    case http::outcome::timed_out:
    case http::outcome::cut:
    case http::outcome::failed:
      return true;
    case http::outcome::answered:
      return answer.status == 408 || answer.status == 499 || answer.status == 502 ||
             answer.status == 504;
    default:
      return false;
  }
}

judgement judge_object(std::string_view message) {
  const known_message* known = find_known(message);
  if (known == nullptr) return {verdict::retry, cause::unknown, readable(message)};
  // One object cannot be halved.
  const verdict alone = known->verdict == verdict::split ? verdict::reject : known->verdict;
  return {alone, known->cause, readable(message)};
}

judgement judge_failure(const http::response& answer) {
  if (answer.outcome != http::outcome::answered) return by_outcome(answer);
  if (answer.status >= 200 && answer.status < 300)
    return {verdict::retry, cause::network, "the server answered with nothing"};
  const std::string message = message_of(answer.body);
  judgement judged = by_status(answer);
  // A proxy's words in front of the server say less than its status.
  const bool from_weaviate = !answer.body.empty() && answer.body.front() == '{';
  const known_message* known = from_weaviate ? find_known(message) : nullptr;
  if (known != nullptr && judged.cause != cause::unauthorized && judged.cause != cause::quota) {
    // One of the objects is at fault, which of them the call does not say.
    const verdict whole = known->verdict == verdict::reject ? verdict::split : known->verdict;
    judged = {whole, known->cause, {}};
  }
  judged.message = "HTTP " + std::to_string(answer.status);
  if (!message.empty()) judged.message = readable(judged.message + ": " + message);
  return judged;
}

bool names(std::string_view message, std::string_view name) {
  constexpr std::string_view quotes = "\"'";
  for (std::size_t at = message.find(name, 1); at != std::string_view::npos && !name.empty();
       at = message.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    // A quote inside of a quoted text comes after a backslash.
    if (end < message.size() && quotes.find(message[at - 1]) != std::string_view::npos &&
        (message[end] == '\\' || message[end] == message[at - 1]))
      return true;
  }
  return false;
}

const char* name_of(verdict verdict) {
  switch (verdict) {
    case verdict::done:
      return "done";
    case verdict::retry:
      return "retry";
    case verdict::pause:
      return "pause";
    case verdict::reject:
      return "reject";
    case verdict::split:
      return "split";
  }
  return "unknown";
}

const char* name_of(cause cause) {
  switch (cause) {
    case cause::none:
      return "none";
    case cause::network:
      return "network";
    case cause::overloaded:
      return "overloaded";
    case cause::read_only:
      return "read-only";
    case cause::unauthorized:
      return "unauthorized";
    case cause::quota:
      return "quota";
    case cause::missing_collection:
      return "missing collection";
    case cause::missing_tenant:
      return "missing tenant";
    case cause::inactive_tenant:
      return "inactive tenant";
    case cause::schema:
      return "schema";
    case cause::dialect:
      return "dialect";
    case cause::object:
      return "object";
    case cause::malformed:
      return "malformed";
    case cause::unknown:
      break;
  }
  return "unknown";
}

}  // namespace stash::weaviate
