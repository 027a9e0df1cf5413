// Connections that read and write keys in Redis or Valkey.
//
// Requests are buffers in which only the digits of the key and the bytes of the value change, as
// redis-benchmark does it, and replies are checked without building objects: the lightest client
// that still knows a hit from a miss. bench/README.md says how it compares with redis-benchmark.
#pragma once

#include <string>
#include <vector>

#include "connection.hpp"
#include "redis_socket.hpp"

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

  int descriptor() const override { return socket_.descriptor(); }
  void send(key_space& keys, random_source& random) override;
  bool receive(tally& counts) override;

  std::string command(const std::string& line) { return socket_.command(line); }

 private:
  void build_request();
  void judge(redis_socket::element reply, tally& counts);

  redis_request what_;
  redis_socket socket_;
  std::string request_;
  std::vector<std::size_t> key_places_;  // offsets in request_
  std::vector<std::size_t> value_places_;
  int awaited_ = 0;  // reply elements that the request under way still lacks
};

}  // namespace stash::bench
