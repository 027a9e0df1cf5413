// See connecting.hpp.
#include "connecting.hpp"

#include <algorithm>

#include "libpq_text.hpp"

namespace stash::detail {

connecting::connecting(const connection_options& options)
    // libpq takes no less than two seconds.
    : timeout(std::to_string(std::max<std::int64_t>(
          2, std::chrono::ceil<std::chrono::seconds>(options.connect_timeout).count()))),
      names{"dbname", "connect_timeout", "fallback_application_name", nullptr},
      values{options.conninfo.c_str(), timeout.c_str(), "stash", nullptr} {}

stash::connection connecting::adopt(connection_options options, PGconn* handle) {
  if (handle == nullptr) throw std::bad_alloc();
  stash::connection link(std::move(options), handle);
  if (PQstatus(handle) != CONNECTION_OK) throw connection_error(trimmed(PQerrorMessage(handle)));
  PQsetNoticeProcessor(
      handle, [](void*, const char*) {}, nullptr);
  return link;
}

}  // namespace stash::detail
