// Redis, over a unix socket, as far as cache-aside needs it. One connection for each thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

struct redisContext;

namespace stress {

class redis_client {
 public:
  explicit redis_client(const std::string& socket);
  ~redis_client();
  redis_client(const redis_client&) = delete;
  redis_client& operator=(const redis_client&) = delete;

  std::optional<std::string> get(const std::string& key);
  // Expires after so many milliseconds; never when 0.
  void set(const std::string& key, const std::string& value, int64_t expire_ms);
  void del(const std::string& key);
  void flush();

 private:
  redisContext* raw_ = nullptr;
};

}  // namespace stress
