// See engine.hpp.
#include "http/engine.hpp"

#include <curl/curl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <map>
#include <stdexcept>
#include <utility>

#include "http/signals.hpp"
#include "store/core_wall.hpp"

namespace stash::http {
namespace {

using moment = std::chrono::steady_clock::time_point;

// A connection that was idle for longer is not used again: servers end theirs (Weaviate after ten
// seconds), and a request that meets the end is neither answered nor known to be lost.
constexpr long longest_idle_s = 8;

// One exchange. libcurl holds pointers into it, so it never moves.
struct transfer {
  http::request request;
  http::response response;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  std::array<char, CURL_ERROR_SIZE> message{};
  std::size_t sent = 0;  // of the body, taken by libcurl
  bool too_large = false;
  bool out_of_memory = false;

  transfer() = default;
  ~transfer() {
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
  }
  transfer(const transfer&) = delete;
  transfer& operator=(const transfer&) = delete;

  void add_header(const char* line) {
    curl_slist* longer = curl_slist_append(headers, line);
    if (longer == nullptr) throw std::bad_alloc();
    headers = longer;
  }
};

// Called by libcurl, which is C: nothing may be thrown through it.
std::size_t on_body(char* bytes, std::size_t one, std::size_t count, void* context) noexcept {
  auto* to = static_cast<transfer*>(context);
  const std::size_t size = one * count;
  if (size > to->request.max_response_bytes - to->response.body.size()) {
    to->too_large = true;
    return CURL_WRITEFUNC_ERROR;
  }
  try {
    to->response.body.append(bytes, size);
  } catch (...) {
    to->out_of_memory = true;
    return CURL_WRITEFUNC_ERROR;
  }
  return size;
}

std::size_t on_send(char* to, std::size_t one, std::size_t count, void* context) noexcept {
  auto* from = static_cast<transfer*>(context);
  const std::size_t size = std::min(one * count, from->request.body.size() - from->sent);
  std::copy_n(from->request.body.data() + from->sent, size, to);
  from->sent += size;
  return size;
}

// libcurl would send a request a second time by itself when a connection that it uses again ends
// without an answer. The first may be carried out after that, and nobody would know of it.
int on_rewind(void*, curl_off_t, int) noexcept { return CURL_SEEKFUNC_FAIL; }

outcome outcome_of(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return outcome::answered;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
      return outcome::unreachable;
    case CURLE_OPERATION_TIMEDOUT:
      return outcome::timed_out;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_RECV_ERROR:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return outcome::cut;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ENGINE_INITFAILED:
      return outcome::untrusted;
    default:
      return outcome::failed;
  }
}

// Every handle has the same options, and a wrong one is a fault of this file.
template <typename Value>
void set(CURL* easy, CURLoption option, Value value) {
  if (curl_easy_setopt(easy, option, value) != CURLE_OK) throw std::bad_alloc();
}

void set_method(transfer* each) {
  const http::request& request = each->request;
  CURL* easy = each->easy;
  const auto with_body = [&](const char* verb) {
    set(easy, CURLOPT_POST, 1L);
    set(easy, CURLOPT_READFUNCTION, on_send);
    set(easy, CURLOPT_READDATA, static_cast<void*>(each));
    set(easy, CURLOPT_SEEKFUNCTION, on_rewind);
    set(easy, CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    if (verb != nullptr) set(easy, CURLOPT_CUSTOMREQUEST, verb);
  };
  switch (request.method) {
    case method::get:
      set(easy, CURLOPT_HTTPGET, 1L);
      break;
    case method::head:
      set(easy, CURLOPT_NOBODY, 1L);
      break;
    case method::post:
      with_body(nullptr);
      break;
    case method::put:
      with_body("PUT");
      break;
    case method::patch:
      with_body("PATCH");
      break;
    case method::remove:
      if (request.body.empty())
        set(easy, CURLOPT_CUSTOMREQUEST, "DELETE");
      else
        with_body("DELETE");
      break;
  }
}

void prepare(transfer* each, const engine_options& options) {
  each->easy = curl_easy_init();
  if (each->easy == nullptr) throw std::bad_alloc();
  for (const std::string& header : each->request.headers) each->add_header(header.c_str());
  // A large body would wait a second for a go-ahead that few servers send.
  each->add_header("Expect:");
  CURL* easy = each->easy;
  set(easy, CURLOPT_URL, each->request.url.c_str());
  set_method(each);
  set(easy, CURLOPT_HTTPHEADER, each->headers);
  set(easy, CURLOPT_PRIVATE, static_cast<void*>(each));
  set(easy, CURLOPT_WRITEFUNCTION, on_body);
  set(easy, CURLOPT_WRITEDATA, static_cast<void*>(each));
  set(easy, CURLOPT_ERRORBUFFER, each->message.data());
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(each->request.timeout_ms));
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(each->request.connect_timeout_ms));
  set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy, CURLOPT_MAXAGE_CONN, longest_idle_s);
  set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  if (each->request.compressed_answer) set(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
  set(easy, CURLOPT_PROXY, options.proxy.c_str());
  if (!options.ca_file.empty()) set(easy, CURLOPT_CAINFO, options.ca_file.c_str());
#if LIBCURL_VERSION_NUM >= 0x075500
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  set(easy, CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
  // A thread that waits for a name server is left behind, not waited for.
  set(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
}

}  // namespace

struct engine::state {
  engine_options options;
  CURLM* multi = nullptr;
  int epoll = -1;
  std::optional<moment> due;  // when libcurl wants to be called even if no socket is ready
  std::uint64_t last_id = 0;
  std::map<std::uint64_t, std::unique_ptr<transfer>> running;
  std::deque<response> completed;

  explicit state(const engine_options& with);
  ~state();
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  static int on_socket(CURL* easy, curl_socket_t socket, int wanted, void* context,
                       void* known) noexcept;
  static int on_timer(CURLM* multi, long timeout_ms, void* context) noexcept;
  void act(curl_socket_t socket, int events) const;
  void collect();
  void finish(transfer* each, CURLcode code);
};

engine::state::state(const engine_options& with) : options(with) {
  // Counts its calls; the process never takes it back, for others may use libcurl as well.
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    throw std::runtime_error("libcurl does not start");
  multi = curl_multi_init();
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (multi == nullptr || epoll < 0) {
    curl_multi_cleanup(multi);
    if (epoll >= 0) close(epoll);
    throw std::runtime_error("no more file descriptors, or no memory, for HTTP");
  }
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, static_cast<void*>(this));
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, static_cast<void*>(this));
  curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(with.max_connections));
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(with.max_connections * 2));
}

engine::state::~state() {
  const signals_blocked blocked;
  for (const auto& [id, each] : running) curl_multi_remove_handle(multi, each->easy);
  running.clear();
  curl_multi_cleanup(multi);
  close(epoll);
}

// libcurl tells which sockets it waits for. `known` is set for those that epoll knows already.
int engine::state::on_socket(CURL*, curl_socket_t socket, int wanted, void* context,
                             void* known) noexcept {
  auto* self = static_cast<state*>(context);
  if (wanted == CURL_POLL_REMOVE) {
    epoll_ctl(self->epoll, EPOLL_CTL_DEL, socket, nullptr);
    return 0;
  }
  epoll_event event{};
  event.data.fd = socket;
  if ((wanted & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
  if ((wanted & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
  if (known != nullptr && epoll_ctl(self->epoll, EPOLL_CTL_MOD, socket, &event) == 0) return 0;
  // New, or a number that was closed and given out again without a word.
  if (epoll_ctl(self->epoll, EPOLL_CTL_ADD, socket, &event) != 0 &&
      epoll_ctl(self->epoll, EPOLL_CTL_MOD, socket, &event) != 0)
    return -1;
  curl_multi_assign(self->multi, socket, self);
  return 0;
}

int engine::state::on_timer(CURLM*, long timeout_ms, void* context) noexcept {
  auto* self = static_cast<state*>(context);
  if (timeout_ms < 0)
    self->due.reset();
  else
    self->due = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  return 0;
}

void engine::state::act(curl_socket_t socket, int events) const {
  int running_now = 0;
  curl_multi_socket_action(multi, socket, events, &running_now);
}

void engine::state::finish(transfer* each, CURLcode code) {
  response& answer = each->response;
  answer.outcome = outcome_of(code);
  if (code == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(each->easy, CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
    const char* type = nullptr;
    curl_easy_getinfo(each->easy, CURLINFO_CONTENT_TYPE, &type);
    if (type != nullptr) answer.content_type = type;
  } else {
    answer.body.clear();
    answer.error = each->message[0] != '\0' ? each->message.data() : curl_easy_strerror(code);
  }
  if (each->too_large) {
    answer.outcome = outcome::too_large;
    answer.error =
        "the answer is larger than " + std::to_string(each->request.max_response_bytes) + " bytes";
  } else if (each->out_of_memory) {
    answer.outcome = outcome::failed;
    answer.error = "out of memory";
  }
  curl_easy_getinfo(each->easy, CURLINFO_TOTAL_TIME, &answer.seconds);
}

void engine::state::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    void* context = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &context);
    auto* each = static_cast<transfer*>(context);
    const CURLcode code = message->data.result;
    curl_multi_remove_handle(multi, each->easy);
    finish(each, code);
    completed.push_back(std::move(each->response));
    running.erase(completed.back().id);
  }
}

engine::engine(const engine_options& options) : state_(std::make_unique<state>(options)) {}

engine::~engine() = default;

std::uint64_t engine::submit(request request) {
  const signals_blocked blocked;
  auto each = std::make_unique<transfer>();
  each->request = std::move(request);
  const std::uint64_t id = ++state_->last_id;
  each->response.id = id;
  prepare(each.get(), state_->options);
  transfer* added = state_->running.emplace(id, std::move(each)).first->second.get();
  if (curl_multi_add_handle(state_->multi, added->easy) != CURLM_OK) {
    state_->running.erase(id);
    throw std::bad_alloc();
  }
  return id;
}

void engine::perform() {
  const signals_blocked blocked;
  if (state_->due && *state_->due <= std::chrono::steady_clock::now()) {
    state_->due.reset();
    state_->act(CURL_SOCKET_TIMEOUT, 0);
  }
  std::array<epoll_event, 64> events;
  const int count = epoll_wait(state_->epoll, events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; i++) {
    const std::uint32_t ready = events[static_cast<std::size_t>(i)].events;
    int action = 0;
    if ((ready & EPOLLIN) != 0) action |= CURL_CSELECT_IN;
    if ((ready & EPOLLOUT) != 0) action |= CURL_CSELECT_OUT;
    if ((ready & (EPOLLERR | EPOLLHUP)) != 0) action |= CURL_CSELECT_ERR;
    state_->act(events[static_cast<std::size_t>(i)].data.fd, action);
  }
  state_->collect();
}

std::optional<response> engine::next_completed() {
  if (state_->completed.empty()) return std::nullopt;
  response first = std::move(state_->completed.front());
  state_->completed.pop_front();
  return first;
}

int engine::descriptor() const { return state_->epoll; }

int engine::timeout_ms() const {
  if (!state_->completed.empty()) return 0;
  if (!state_->due) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(*state_->due - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

std::size_t engine::in_flight() const { return state_->running.size(); }

void engine::cancel(std::uint64_t id) {
  const signals_blocked blocked;
  const auto found = state_->running.find(id);
  if (found != state_->running.end()) {
    curl_multi_remove_handle(state_->multi, found->second->easy);
    state_->running.erase(found);
  }
  std::erase_if(state_->completed, [&](const response& each) { return each.id == id; });
}

void engine::cancel_all() {
  const signals_blocked blocked;
  for (const auto& [id, each] : state_->running)
    curl_multi_remove_handle(state_->multi, each->easy);
  state_->running.clear();
  state_->completed.clear();
}

response perform_alone(engine& engine, request request) {
  const std::uint64_t id = engine.submit(std::move(request));
  for (;;) {
    engine.perform();
    while (auto answer = engine.next_completed())
      if (answer->id == id) return std::move(*answer);
    pollfd waiting{engine.descriptor(), POLLIN, 0};
    poll(&waiting, 1, engine.timeout_ms());
  }
}

}  // namespace stash::http
