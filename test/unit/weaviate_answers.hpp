// Answers as an HTTP engine hands them over; the texts in the tests were recorded from
// Weaviate 1.39.0 unless they say otherwise.
#pragma once

#include <string>

#include "http/engine.hpp"

namespace stash {

inline http::response answered(int status, const std::string& body) {
  http::response answer;
  answer.outcome = http::outcome::answered;
  answer.status = status;
  answer.body = body;
  return answer;
}

inline http::response not_answered(http::outcome outcome) {
  http::response answer;
  answer.outcome = outcome;
  answer.error = "no answer";
  return answer;
}

}  // namespace stash
