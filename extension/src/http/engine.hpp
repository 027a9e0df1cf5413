// HTTP requests that run beside other work: many at once in one thread, none of which ever blocks.
//
// libcurl's multi interface over one epoll descriptor. Whoever owns an engine submits requests,
// waits until descriptor() is readable or timeout_ms() is over (together with whatever else it
// waits for, a latch for one), calls perform(), and takes what has completed:
//
//   const auto id = engine.submit(request);
//   while (!(response = engine.next_completed())) { wait(engine.descriptor(), engine.timeout_ms());
//                                                   engine.perform(); }
//
// Invariants. Connections are kept and used again, but nothing with a body is ever sent twice. TLS
// certificates are verified. No redirect is followed, so that an API key goes nowhere else; no
// proxy is taken from the environment. Signals stay blocked while libcurl runs, so that the threads
// that its resolver starts handle none. No callback of libcurl lets an exception out. A response is
// never larger in memory than its limit, whatever its compressed size. Destroying an engine drops
// what is under way and waits for nobody, a name server neither.
//
// Not thread-safe. Survives no fork: a child must not touch it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stash::http {

enum class method : std::uint8_t { get, head, post, put, patch, remove };

struct request {
  http::method method = http::method::get;
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::string body;
  // The whole exchange, from submit to the last byte of the answer.
  int timeout_ms = 60'000;
  int connect_timeout_ms = 5'000;
  // More than this is an error (outcome::too_large), counted after decompression.
  std::size_t max_response_bytes = std::size_t{64} << 20;
  // Ask for a compressed answer: pays for long ones over a network, not on the same machine.
  bool compressed_answer = false;
};

// How an exchange ended, as far as the network is concerned.
enum class outcome : std::uint8_t {
  answered,     // there is a status and a whole body, whatever they say
  unreachable,  // name not found, connection refused, no route: nothing was sent
  timed_out,    // nothing or not all came in time; the server may have done what was asked
  cut,          // the connection ended in the middle; the server may have done what was asked
  too_large,    // the answer exceeded max_response_bytes
  untrusted,    // TLS: the certificate does not hold, or no common protocol
  failed,       // anything else: a URL that is none, no memory
};

struct response {
  std::uint64_t id = 0;
  http::outcome outcome = outcome::failed;
  int status = 0;  // of HTTP; 0 when nothing was answered
  std::string body;
  std::string content_type;
  std::string error;  // for a log: what went wrong below HTTP; holds no header and no body
  double seconds = 0;
  // The request's body: whoever retries need not build it again.
};

struct engine_options {
  int max_connections = 8;  // to one host; further requests wait inside
  std::string ca_file;      // PEM; empty: the system's
  std::string proxy;        // empty: none
};

class engine {
 public:
  // Throws std::runtime_error or std::bad_alloc.
  explicit engine(const engine_options& options = {});
  ~engine();
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  // Begins a request; nothing is sent before perform(). Its id is never 0 and never used again.
  // A request that cannot even begin comes back from next_completed() like any other.
  std::uint64_t submit(request request);

  // Goes on with whatever is ready. Never blocks.
  void perform();

  // In the order in which they completed.
  [[nodiscard]] std::optional<response> next_completed();

  // Readable when perform() has something to do. Belongs to the engine; wait for it, nothing else.
  [[nodiscard]] int descriptor() const;
  // perform() is due after so many milliseconds at the latest; -1: not before descriptor() says so.
  [[nodiscard]] int timeout_ms() const;

  // Submitted and not yet completed.
  [[nodiscard]] std::size_t in_flight() const;

  // Drops a request, its answer too; it never comes back from next_completed(). The server may
  // have done what was asked. Nothing happens for an id that is not in flight and not completed.
  void cancel(std::uint64_t id);
  void cancel_all();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

// perform() and a wait in the thread itself, for programs and tests that have nothing else to wait
// for; not for PostgreSQL's processes, whose latches it knows nothing of.
[[nodiscard]] response perform_alone(engine& engine, request request);

}  // namespace stash::http
