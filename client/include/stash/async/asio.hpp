// The asynchronous client on an Asio event loop. Header-only and optional: needs standalone Asio
// (Debian: libasio-dev) with <asio.hpp>, or Boost.Asio (libboost-dev) with STASH_USE_BOOST_ASIO
// defined.
//
//   asio::io_context context;
//   stash::async::asio_reactor loop(context.get_executor());
//   stash::async::client client(loop, {.conninfo = "dbname=app"});
//   asio::co_spawn(context, [&]() -> asio::awaitable<void> {
//     auto found = co_await stash::async::start(loop, client.cache().get<int>("k"),
//     asio::use_awaitable);
//   }, asio::detached);
#pragma once

#if defined(STASH_USE_BOOST_ASIO)
#include <boost/asio.hpp>
namespace stash::async {
namespace asio_library = ::boost::asio;
using asio_error = ::boost::system::error_code;
}  // namespace stash::async
#else
#include <asio.hpp>
namespace stash::async {
namespace asio_library = ::asio;
using asio_error = ::asio::error_code;
}  // namespace stash::async
#endif

#include <optional>

#include "stash/async/reactor.hpp"
#include "stash/async/task.hpp"

namespace stash::async {

/// A reactor on an Asio executor. When several threads run the context, give it a strand, and start
/// everything of the client from there.
class asio_reactor : public reactor {
 public:
  /// The executor's context must outlive it.
  explicit asio_reactor(asio_library::any_io_executor where) : where_(std::move(where)) {}

  std::unique_ptr<watch> make_watch(int socket) override {
    return std::make_unique<asio_watch>(where_, socket);
  }
  void post(std::function<void()> work) override { asio_library::post(where_, std::move(work)); }
  /// Where it runs.
  [[nodiscard]] const asio_library::any_io_executor& get_executor() const noexcept {
    return where_;
  }

 private:
  // What the handlers share with the watch, which may be gone when they run. Each arm() is a round;
  // handlers of a round that is over do nothing.
  struct shared {
    std::uint64_t round = 0;
    std::function<void(bool)> woken;
  };

  class asio_watch : public watch {
   public:
    asio_watch(const asio_library::any_io_executor& where, int socket)
        : timer_(where), shared_(std::make_shared<shared>()) {
      if (socket >= 0) socket_.emplace(where, socket);
    }
    ~asio_watch() override {
      disarm();
      // The socket is somebody else's to close.
      if (socket_) (void)socket_->release();
    }

    void arm(interest what, steady_clock::time_point until,
             std::function<void(bool)> woken) override {
      disarm();
      shared_->woken = std::move(woken);
      using descriptor = asio_library::posix::stream_descriptor;
      if (what != interest::nothing) wait(descriptor::wait_read);
      if (what == interest::read_or_write) wait(descriptor::wait_write);
      armed_socket_ = what != interest::nothing;
      armed_timer_ = until != steady_clock::time_point::max();
      if (!armed_timer_) return;
      timer_.expires_at(until);
      timer_.async_wait([to = shared_, round = shared_->round](const asio_error& failed) {
        if (!failed) finish(to, round, false);
      });
    }

    void disarm() noexcept override {
      shared_->round++;
      shared_->woken = nullptr;
      asio_error ignored;
      if (std::exchange(armed_socket_, false)) (void)socket_->cancel(ignored);
      if (std::exchange(armed_timer_, false)) {
        try {
          (void)timer_.cancel();
        } catch (...) {
          // Its handler does nothing: its round is over.
        }
      }
    }

   private:
    void wait(asio_library::posix::stream_descriptor::wait_type what) {
      socket_->async_wait(what, [to = shared_, round = shared_->round](const asio_error& failed) {
        // A socket that is broken is ready: reading it says so.
        if (failed != asio_library::error::operation_aborted) finish(to, round, true);
      });
    }
    static void finish(const std::shared_ptr<shared>& to, std::uint64_t round, bool ready) {
      if (to->round != round) return;
      to->round++;
      const auto woken = std::exchange(to->woken, nullptr);
      woken(ready);
    }

    std::optional<asio_library::posix::stream_descriptor> socket_;
    asio_library::steady_timer timer_;
    std::shared_ptr<shared> shared_;
    bool armed_socket_ = false;
    bool armed_timer_ = false;
  };

  asio_library::any_io_executor where_;
};

namespace detail {

// Keeps a task until its end, and then gives its outcome to an Asio handler.
template <typename T, typename Handler>
class started_task {
 public:
  started_task(asio_library::any_io_executor where, task<T> work, Handler handler)
      : where_(std::move(where)), work_(std::move(work)), handler_(std::move(handler)) {}

  static void start(std::unique_ptr<started_task> mine) {
    auto* given = mine.release();
    asio_library::post(given->where_, [given] { task_access::start(given->work_, ended, given); });
  }

 private:
  static std::coroutine_handle<> ended(void* context) {
    auto* mine = static_cast<started_task*>(context);
    // Not from within the task, which is destroyed here.
    asio_library::post(mine->where_, [mine] { deliver(std::unique_ptr<started_task>(mine)); });
    return std::noop_coroutine();
  }
  static void deliver(std::unique_ptr<started_task> mine) {
    Handler handler = std::move(mine->handler_);
    std::exception_ptr failed;
    if constexpr (std::is_void_v<T>) {
      try {
        task_access::take(mine->work_);
      } catch (...) {
        failed = std::current_exception();
      }
      mine.reset();
      std::move(handler)(failed);
    } else {
      std::optional<T> value;
      try {
        value.emplace(task_access::take(mine->work_));
      } catch (...) {
        failed = std::current_exception();
      }
      mine.reset();
      std::move(handler)(failed, std::move(value));
    }
  }

  asio_library::any_io_executor where_;
  task<T> work_;
  Handler handler_;
};

}  // namespace detail

/// Starts a task in Asio's way: what is returned depends on the completion token, as use_awaitable,
/// use_future or a function. The signature is void(std::exception_ptr), and for a task that returns
/// a T void(std::exception_ptr, std::optional<T>).
template <typename T, typename Token>
auto start(const asio_reactor& loop, task<T> work, Token&& token) {
  const auto initiate = [where = loop.get_executor()](auto handler, task<T> mine) {
    using state = detail::started_task<T, decltype(handler)>;
    state::start(std::make_unique<state>(where, std::move(mine), std::move(handler)));
  };
  if constexpr (std::is_void_v<T>)
    return asio_library::async_initiate<Token, void(std::exception_ptr)>(initiate, token,
                                                                         std::move(work));
  else
    return asio_library::async_initiate<Token, void(std::exception_ptr, std::optional<T>)>(
        initiate, token, std::move(work));
}

}  // namespace stash::async
