// See redis_socket.hpp.
#include "redis_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>

namespace stash::bench {

namespace {

constexpr std::size_t input_size = 256 * 1024;

}  // namespace

redis_socket::redis_socket(const std::string& path) : input_(input_size, '\0') {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    throw std::runtime_error("the path of the socket is too long: " + path);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0 || connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    throw std::runtime_error(path + ": " + std::strerror(errno));
  }
}

redis_socket::~redis_socket() { close(socket_); }

void redis_socket::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw std::runtime_error(std::string("redis: ") + std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void redis_socket::read_some() {
  if (parsed_ == filled_) parsed_ = filled_ = 0;
  if (filled_ == input_.size()) throw std::runtime_error("redis: the reply is too long");
  const ssize_t got = recv(socket_, input_.data() + filled_, input_.size() - filled_, 0);
  if (got == 0) throw std::runtime_error("redis: the server closed the connection");
  if (got < 0 && errno != EINTR) {
    throw std::runtime_error(std::string("redis: ") + std::strerror(errno));
  }
  if (got > 0) filled_ += static_cast<std::size_t>(got);
}

std::optional<redis_socket::element> redis_socket::take_element() {
  const char* const start = input_.data() + parsed_;
  const std::size_t available = filled_ - parsed_;
  const char* const end = static_cast<const char*>(std::memchr(start, '\n', available));
  if (!end) return std::nullopt;
  std::size_t whole = static_cast<std::size_t>(end - start) + 1;
  element found{*start, 0};
  switch (found.kind) {
    case '+':
      break;
    case ':':
    case '*':
      std::from_chars(start + 1, end, found.number);
      break;
    case '$':
      found.number = -1;
      std::from_chars(start + 1, end, found.number);
      if (found.number >= 0) whole += static_cast<std::size_t>(found.number) + 2;
      if (available < whole) return std::nullopt;
      break;
    default:
      throw std::runtime_error("redis: " + std::string(start, whole));
  }
  parsed_ += whole;
  return found;
}

std::string redis_socket::command(const std::string& line) {
  write_all(line + "\r\n");
  std::string reply;
  for (;;) {
    read_some();
    reply.assign(input_, parsed_, filled_ - parsed_);
    std::size_t whole = reply.find('\n') + 1;
    if (whole == 0) continue;
    if (reply[0] == '$') whole += static_cast<std::size_t>(std::stol(reply.substr(1))) + 2;
    if (reply.size() < whole) continue;
    parsed_ = filled_;
    if (reply[0] == '-') throw std::runtime_error("redis: " + reply);
    return reply;
  }
}

std::size_t append_bulk(std::string& request, std::string_view bytes) {
  request += '$' + std::to_string(bytes.size()) + "\r\n";
  const std::size_t place = request.size();
  request += bytes;
  request += "\r\n";
  return place;
}

}  // namespace stash::bench
