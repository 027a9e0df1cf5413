// See redis_connection.hpp.
#include "redis_connection.hpp"

#include <cstring>

namespace stash::bench {

redis_connection::redis_connection(const std::string& socket_path, const redis_request& what)
    : what_(what), socket_(socket_path) {
  build_request();
}

void redis_connection::build_request() {
  const bool many = what_.batch > 1;
  const std::string name = what_.takes_value ? (many ? "MSET" : "SET") : (many ? "MGET" : "GET");
  const int arguments = 1 + what_.batch * (what_.takes_value ? 2 : 1) + (what_.ttl > 0 ? 2 : 0);
  for (int p = 0; p < what_.pipeline; p++) {
    request_ += '*' + std::to_string(arguments) + "\r\n";
    append_bulk(request_, name);
    for (int b = 0; b < what_.batch; b++) {
      key_places_.push_back(append_bulk(request_, std::string(key_size, 'k')));
      if (what_.takes_value) {
        value_places_.push_back(append_bulk(request_, std::string(value_size, 'v')));
      }
    }
    if (what_.ttl > 0) {
      append_bulk(request_, "EX");
      append_bulk(request_, std::to_string(what_.ttl));
    }
  }
}

void redis_connection::send(key_space& keys, random_source& random) {
  for (const std::size_t place : key_places_) {
    write_key(request_.data() + place, keys.pick(random));
  }
  for (const std::size_t place : value_places_) {
    std::memcpy(request_.data() + place, pick_value(random).data(), value_size);
  }
  awaited_ = what_.pipeline * (what_.takes_value ? 1 : what_.batch);
  socket_.write_all(request_);
}

void redis_connection::judge(redis_socket::element reply, tally& counts) {
  switch (reply.kind) {
    case '+':  // a write was accepted: MSET answers once for the whole batch
      counts.operations += static_cast<std::uint64_t>(what_.batch);
      awaited_--;
      break;
    case '$':
      counts.operations++;
      if (reply.number != value_size) counts.rejected++;
      awaited_--;
      break;
    default:  // the header of MGET's array; its elements follow
      break;
  }
}

bool redis_connection::receive(tally& counts) {
  socket_.read_some();
  while (awaited_ > 0) {
    const auto reply = socket_.take_element();
    if (!reply) return false;
    judge(*reply, counts);
  }
  return true;
}

}  // namespace stash::bench
