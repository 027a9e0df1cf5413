// Where the tests' own servers listen.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>

namespace stash {

// A socket that listens on a free port of loopback; the caller closes it.
inline int listen_on_loopback(int backlog, int* port) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, generic, size) != 0 || listen(listener, backlog) != 0 ||
      getsockname(listener, generic, &size) != 0)
    throw std::runtime_error("no port on loopback");
  *port = ntohs(address.sin_port);
  return listener;
}

}  // namespace stash
