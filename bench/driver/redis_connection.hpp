// Connections to Redis or Valkey on a unix socket, speaking RESP 2 directly.
//
// Requests are buffers in which only the digits of the key and the bytes of the value change, as
// redis-benchmark does it, and replies are checked without building objects: the lightest client
// that still knows a hit from a miss. bench/README.md says how it compares with redis-benchmark.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connection.hpp"

namespace stash::bench {

struct redis_request {
  bool takes_value = false;  // SET or MSET instead of GET or MGET
  int batch = 1;             // more than 1: MGET or MSET
  int pipeline = 1;
  int ttl = 0;  // seconds; SET … EX when positive
};

class redis_connection final : public connection {
 public:
  redis_connection(const std::string& socket_path, const redis_request& what);
  ~redis_connection() override;
  redis_connection(const redis_connection&) = delete;
  redis_connection& operator=(const redis_connection&) = delete;

  int descriptor() const override { return socket_; }
  void send(key_space& keys, random_source& random) override;
  bool receive(tally& counts) override;

  // Sends an inline command ("INFO memory") and returns the raw text of its reply.
  std::string command(const std::string& line);

 private:
  void build_request();
  void write_all(std::string_view bytes);
  void read_some();
  // Consumes one element of the reply if all its bytes are there.
  bool take_element(tally& counts);

  redis_request what_;
  int socket_ = -1;
  std::string request_;
  std::vector<std::size_t> key_places_;  // offsets in request_
  std::vector<std::size_t> value_places_;
  std::string input_;
  std::size_t filled_ = 0;
  std::size_t parsed_ = 0;
  int awaited_ = 0;  // reply elements that the request under way still lacks
};

}  // namespace stash::bench
