// A server on loopback that answers each request with whatever a test wants to see on the wire.
//
// One thread for the listener and one for each connection. A test gives a function from the request
// (head and body) to what is sent back; an empty text ends the connection without a word.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "loopback.hpp"

namespace stash {

class local_server {
 public:
  using handler = std::function<std::string(const std::string& request)>;

  explicit local_server(handler answer) : answer_(std::move(answer)) {
    listener_ = listen_on_loopback(64, &port_);
    threads_.emplace_back([this] { accept_all(); });
  }

  ~local_server() {
    ending_ = true;
    shutdown(listener_, SHUT_RDWR);
    {
      const std::lock_guard lock(mutex_);
      for (const int connection : connections_) shutdown(connection, SHUT_RDWR);
    }
    threads_.front().join();
    for (std::size_t i = 1; i < threads_.size(); i++) threads_[i].join();
    for (const int connection : connections_) close(connection);
    close(listener_);
  }

  local_server(const local_server&) = delete;
  local_server& operator=(const local_server&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] int connections() const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(connections_.size());
  }

  // An ordinary answer.
  static std::string answer(int status, const std::string& body,
                            const std::string& more_headers = "") {
    return "HTTP/1.1 " + std::to_string(status) + " x\r\nContent-Type: application/json\r\n" +
           more_headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

 private:
  handler answer_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> ending_ = false;
  mutable std::mutex mutex_;
  std::vector<int> connections_;
  // The first is the listener's, and the only one that adds more.
  std::vector<std::thread> threads_;

  void accept_all() {
    std::vector<std::thread> served;
    for (;;) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) break;
      {
        const std::lock_guard lock(mutex_);
        connections_.push_back(connection);
      }
      if (ending_) shutdown(connection, SHUT_RDWR);
      served.emplace_back([this, connection] { serve(connection); });
    }
    for (std::thread& each : served) each.join();
  }

  void serve(int connection) {
    std::string received;
    for (;;) {
      std::size_t size = 0;
      while (!complete(received, &size)) {
        char bytes[65536];
        const ssize_t got = recv(connection, bytes, sizeof bytes, 0);
        if (got <= 0) return;
        received.append(bytes, static_cast<std::size_t>(got));
      }
      const std::string reply = answer_(received.substr(0, size));
      received.erase(0, size);
      for (std::size_t sent = 0; sent < reply.size();) {
        const ssize_t put =
            send(connection, reply.data() + sent, reply.size() - sent, MSG_NOSIGNAL);
        if (put <= 0) return;
        sent += static_cast<std::size_t>(put);
      }
      // A reply without its length, or none, ends the connection.
      if (reply.find("Content-Length: ") == std::string::npos) {
        shutdown(connection, SHUT_RDWR);
        return;
      }
    }
  }

  static bool complete(const std::string& received, std::size_t* size) {
    const std::size_t head = received.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    std::size_t length = 0;
    const std::size_t field = received.find("Content-Length: ");
    if (field < head) length = std::stoul(received.substr(field + 16));
    *size = head + 4 + length;
    return received.size() >= *size;
  }
};

}  // namespace stash
