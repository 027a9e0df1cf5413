// What an answer of Weaviate means for the work that was asked for: pure functions of its text.
//
// The server's status says little: an unknown collection, a wrong dimension and a full memory are
// all 500 through Connect. So its message is read first, by the table in errors.cpp, whose texts
// were seen from servers or read in their source; the status decides where the table knows nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/engine.hpp"

namespace stash::weaviate {

enum class verdict : std::uint8_t {
  done,    // it is so
  retry,   // later; nothing is wrong with the object
  pause,   // not before somebody has changed something at the server or in the configuration
  reject,  // this object never; others may
  // The whole call was refused for what may be one object: halve it until the one is found, which
  // then is to be rejected.
  split,
};

enum class cause : std::uint8_t {
  none,
  network,             // no answer, or half of one
  overloaded,          // no memory, no leader, too few replicas, shutting down
  read_only,           // a shard or the whole server takes no writes: all of the group is doubtful
  unauthorized,        // no key, a wrong one, or one that may not
  quota,               // USAGE_LIMIT_EXCEEDED; not a rate limit, waiting alone does not help
  missing_collection,  // deleted, or never made
  missing_tenant,      // not there, and not made on the fly
  inactive_tenant,     // there, but switched off
  schema,     // the collection is unlike what is written to it: properties, vectors, tenants
  dialect,    // the server does not speak this dialect: probe again
  object,     // what was sent for this object is wrong
  malformed,  // the call as a whole is wrong
  unknown,
};

// There is no tenant to write to or to read.
constexpr bool lacks_tenant(cause cause) {
  return cause == cause::missing_tenant || cause == cause::inactive_tenant;
}

struct judgement {
  weaviate::verdict verdict = verdict::done;
  weaviate::cause cause = cause::none;
  std::string message;  // for people: the server's own where it gave one; at most 500 bytes
};

// A message about one object, out of an answer that is a success as a whole.
judgement judge_object(std::string_view message);

// An answer that is no success: an outcome other than answered, or a status outside 200 to 299.
// A successful answer with an empty body counts as cut off: what it says cannot be known.
judgement judge_failure(const http::response& answer);

// Whether the server may still carry out what was asked, though this is how it ended: the client
// went away before there was an answer, or a gateway answered in the server's place.
bool may_come_late(const http::response& answer);

// Whether an answer is a success with something in it.
bool is_success(const http::response& answer);

// The message in either shape, {"error":[{"message":…}]} or {"code":…,"message":…}; else the text
// itself. At most 500 bytes, valid UTF-8, no control characters.
std::string message_of(std::string_view body);

// Cut to at most `most` bytes at a character's boundary, control characters and broken UTF-8
// replaced: fit for a log, a table, or an error.
std::string readable(std::string_view text, std::size_t most = 500);

// Whether a message has this name in it, in quotes of either kind.
bool names(std::string_view message, std::string_view name);

const char* name_of(verdict verdict);
const char* name_of(cause cause);

}  // namespace stash::weaviate
