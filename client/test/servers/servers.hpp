// Servers of a test's own: see the script control beside this file.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "../integration/server.hpp"
#include "sockets.hpp"

namespace test {

inline std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Without a stage there is nothing to make a server from.
inline bool may_make_servers() { return !environment("STASH_STAGE").empty(); }

inline void control(const std::string& arguments) {
  const std::string command = "sh " STASH_TEST_CONTROL " " + arguments;
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

// A folder for a server, with a short path: a socket lies in it.
inline std::string new_folder(const std::string& name) {
  static int number = 0;
  const std::string made = environment("STASH_TMP") + "/" + name + std::to_string(number++);
  std::filesystem::remove_all(made);
  return made;
}

// A port that nobody listens on. Somebody else could take it in the next moment; nobody does.
inline int free_port() { return silent_server().port; }

// A server, or a standby; stopped at its end.
struct own_server {
  std::string folder;
  int port = free_port();

  explicit own_server(const std::string& name) : folder(new_folder(name)) {
    control("primary " + folder + " " + std::to_string(port));
  }
  own_server(const std::string& name, const own_server& of) : folder(new_folder(name)) {
    control("standby " + folder + " " + std::to_string(port) + " " + of.folder);
  }
  ~own_server() {
    try {
      stop();
    } catch (const std::exception&) {
      // It had been stopped.
    }
  }
  own_server(const own_server&) = delete;
  own_server& operator=(const own_server&) = delete;

  void stop() const { control("stop " + folder); }
  void start() const { control("start " + folder); }
  void promote() const { control("promote " + folder); }
  [[nodiscard]] std::string socket() const { return folder + "/sock"; }
  [[nodiscard]] std::string conninfo() const {
    return "host=" + socket() + " port=" + std::to_string(port) + " user=postgres dbname=postgres";
  }
};

}  // namespace test
