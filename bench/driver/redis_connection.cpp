// See redis_connection.hpp.
#include "redis_connection.hpp"

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

redis_connection::redis_connection(const std::string& socket_path, const redis_request& what)
    : what_(what), input_(input_size, '\0') {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) {
    throw std::runtime_error("the path of the socket is too long: " + socket_path);
  }
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
  socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0 || connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    throw std::runtime_error(socket_path + ": " + std::strerror(errno));
  }
  build_request();
}

redis_connection::~redis_connection() { close(socket_); }

void redis_connection::build_request() {
  const bool many = what_.batch > 1;
  const std::string name = what_.takes_value ? (many ? "MSET" : "SET") : (many ? "MGET" : "GET");
  const int arguments = 1 + what_.batch * (what_.takes_value ? 2 : 1) + (what_.ttl > 0 ? 2 : 0);
  const auto append_bulk = [this](const std::string& bytes) {
    request_ += '$' + std::to_string(bytes.size()) + "\r\n";
    const std::size_t place = request_.size();
    request_ += bytes + "\r\n";
    return place;
  };
  for (int p = 0; p < what_.pipeline; p++) {
    request_ += '*' + std::to_string(arguments) + "\r\n";
    append_bulk(name);
    for (int b = 0; b < what_.batch; b++) {
      key_places_.push_back(append_bulk(std::string(key_size, 'k')));
      if (what_.takes_value) value_places_.push_back(append_bulk(std::string(value_size, 'v')));
    }
    if (what_.ttl > 0) {
      append_bulk("EX");
      append_bulk(std::to_string(what_.ttl));
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
  write_all(request_);
}

void redis_connection::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw std::runtime_error(std::string("redis: ") + std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void redis_connection::read_some() {
  if (parsed_ == filled_) parsed_ = filled_ = 0;
  if (filled_ == input_.size()) throw std::runtime_error("redis: the reply is too long");
  const ssize_t got = recv(socket_, input_.data() + filled_, input_.size() - filled_, 0);
  if (got == 0) throw std::runtime_error("redis: the server closed the connection");
  if (got < 0 && errno != EINTR) {
    throw std::runtime_error(std::string("redis: ") + std::strerror(errno));
  }
  if (got > 0) filled_ += static_cast<std::size_t>(got);
}

bool redis_connection::take_element(tally& counts) {
  const char* const start = input_.data() + parsed_;
  const std::size_t available = filled_ - parsed_;
  const char* const end = static_cast<const char*>(std::memchr(start, '\n', available));
  if (!end) return false;
  const std::size_t line = static_cast<std::size_t>(end - start) + 1;
  switch (*start) {
    case '+':  // a write was accepted: MSET answers once for the whole batch
      counts.operations += static_cast<std::uint64_t>(what_.batch);
      awaited_--;
      parsed_ += line;
      return true;
    case '$': {
      int size = -1;
      std::from_chars(start + 1, end, size);
      const std::size_t whole = line + (size < 0 ? 0 : static_cast<std::size_t>(size) + 2);
      if (available < whole) return false;
      counts.operations++;
      if (size != value_size) counts.rejected++;
      awaited_--;
      parsed_ += whole;
      return true;
    }
    case '*':  // the header of MGET's array; its elements follow
      parsed_ += line;
      return true;
    default:
      throw std::runtime_error("redis: " + std::string(start, line));
  }
}

bool redis_connection::receive(tally& counts) {
  read_some();
  while (awaited_ > 0 && take_element(counts)) {
  }
  return awaited_ == 0;
}

std::string redis_connection::command(const std::string& line) {
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

}  // namespace stash::bench
