// A connection to Redis or Valkey on a unix socket, speaking RESP 2 directly: bytes out, elements
// of replies in. What the elements mean is for the connections that are built on it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stash::bench {

class redis_socket {
 public:
  explicit redis_socket(const std::string& path);
  ~redis_socket();
  redis_socket(const redis_socket&) = delete;
  redis_socket& operator=(const redis_socket&) = delete;

  int descriptor() const { return socket_; }
  void write_all(std::string_view bytes);
  // Blocks until at least one more byte has come.
  void read_some();

  // Kind '+': a status. ':': an integer. '$': a string of `number` bytes, -1 for none. '*': an
  // array of `number` elements, which follow.
  struct element {
    char kind;
    int number;
  };
  // Consumes the next element if all its bytes are there. Throws std::runtime_error on an error.
  std::optional<element> take_element();

  // Sends an inline command ("INFO memory") and returns the raw text of its reply.
  std::string command(const std::string& line);

 private:
  int socket_ = -1;
  std::string input_;
  std::size_t filled_ = 0;
  std::size_t parsed_ = 0;
};

// Appends one string of a command to a request and returns where its bytes begin.
std::size_t append_bulk(std::string& request, std::string_view bytes);

}  // namespace stash::bench
