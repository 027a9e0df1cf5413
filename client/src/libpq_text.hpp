// libpq's texts as strings.
#pragma once

#include <libpq-fe.h>

#include <string>

namespace stash::detail {

inline std::string field(const PGresult* rows, int code) {
  const char* text = PQresultErrorField(rows, code);
  return text == nullptr ? std::string() : std::string(text);
}

// Messages end with a line break there.
inline std::string trimmed(const char* text) {
  std::string message = text == nullptr ? "" : text;
  while (!message.empty() && message.back() == '\n') message.pop_back();
  return message;
}

}  // namespace stash::detail
