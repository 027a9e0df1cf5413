// A port of 127.0.0.1 that somebody listens on but nobody answers at.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

namespace test {

class silent_server {
 public:
  silent_server() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (bind(socket_, any, size) != 0 || getsockname(socket_, any, &size) != 0 ||
        listen(socket_, 8) != 0)
      throw std::runtime_error("no free port");
    port = ntohs(address.sin_port);
  }
  ~silent_server() { close(socket_); }
  silent_server(const silent_server&) = delete;
  silent_server& operator=(const silent_server&) = delete;

  [[nodiscard]] std::string conninfo() const {
    return "host=127.0.0.1 sslmode=disable gssencmode=disable port=" + std::to_string(port);
  }
  // Whether somebody connects, within 10 s.
  [[nodiscard]] bool called() const {
    pollfd asked{socket_, POLLIN, 0};
    return poll(&asked, 1, 10'000) == 1;
  }

  int port = 0;

 private:
  int socket_;
};

}  // namespace test
