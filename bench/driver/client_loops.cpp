// See client_loops.hpp.
#include "client_loops.hpp"

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <chrono>
#include <optional>
#include <stash/stash.hpp>
#include <stdexcept>

namespace stash::bench {

namespace {

using steady = std::chrono::steady_clock;

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds_of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
}

// `request(keys)` sends that many keys and returns how many of them came back with a value.
template <typename Request>
contestant loop(std::string name, int at_once, Request request) {
  return {std::move(name), [=](double seconds) {
            random_source random(5);
            std::vector<std::string> keys(static_cast<std::size_t>(at_once));
            for (std::string& key : keys) key.resize(key_size);
            load_result done;
            const double cpu = cpu_seconds();
            const auto begun = steady::now();
            const auto end = begun + std::chrono::duration<double>(seconds);
            while (steady::now() < end) {
              for (std::string& key : keys) write_key(key.data(), random.below(usual_keys));
              const std::uint64_t found = request(keys);
              done.counts.operations += keys.size();
              done.counts.rejected += keys.size() - found;
            }
            done.seconds = std::chrono::duration<double>(steady::now() - begun).count();
            done.cpu_seconds = cpu_seconds() - cpu;
            return done;
          }};
}

bool has_size(std::string_view text, value_form form) {
  // Parsed, the quotes are gone.
  return text.size() == (form == value_form::text ? value_size : value_size - 2);
}

bool is_value(std::string_view json_text, value_form form) {
  if (form == value_form::text) return has_size(std::string(json_text), form);
  return has_size(nlohmann::json::parse(json_text).get<std::string>(), form);
}

// What libpq needs for the one statement: both as somebody would keep it who knows what is sent.
class hand_made {
 public:
  // The connection stays open: the pool has no other.
  explicit hand_made(const std::shared_ptr<stash::client>& on)
      : on_(on), handle_(on->connections().acquire()->native()) {
    constexpr Oid text_type = 25;
    const Oid types[] = {text_type, text_type};
    const pg_result made(PQprepare(handle_, name_, "select stash.cache_get($1, $2)", 2, types));
    const pg_result known(PQdescribePrepared(handle_, name_));
    if (PQresultStatus(known.get()) != PGRES_COMMAND_OK)
      throw std::runtime_error(PQerrorMessage(handle_));
  }

  PGconn* handle() const { return handle_; }

  PGresult* get(const std::string& key) {
    set(key);
    return PQexecPrepared(handle(), name_, 2, values_, lengths_, formats_, 1);
  }
  void send(const std::string& key) {
    set(key);
    if (PQsendQueryPrepared(handle(), name_, 2, values_, lengths_, formats_, 1) == 0)
      throw std::runtime_error(PQerrorMessage(handle()));
  }
  // The JSON text: behind the version byte of the binary form.
  static std::string_view value_of(const PGresult* rows) {
    if (PQresultStatus(rows) != PGRES_TUPLES_OK || PQgetisnull(rows, 0, 0)) return {};
    return {PQgetvalue(rows, 0, 0) + 1, static_cast<std::size_t>(PQgetlength(rows, 0, 0)) - 1};
  }

 private:
  void set(const std::string& key) {
    values_[0] = key.data();
    lengths_[0] = static_cast<int>(key.size());
  }

  static constexpr const char* name_ = "by_hand";
  std::shared_ptr<stash::client> on_;
  PGconn* handle_;
  const char* values_[2] = {nullptr, "default"};
  int lengths_[2] = {0, 7};
  int formats_[2] = {1, 1};
};

class redis_link {
 public:
  explicit redis_link(const std::string& path) : handle_(redisConnectUnix(path.c_str())) {
    if (handle_ == nullptr || handle_->err != 0) throw std::runtime_error("hiredis: no connection");
  }
  ~redis_link() { redisFree(handle_); }
  redis_link(const redis_link&) = delete;
  redis_link& operator=(const redis_link&) = delete;

  pid_t process() const {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(handle_->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
      throw std::runtime_error("hiredis: nobody knows the server's process");
    return peer.pid;
  }
  void send(const std::string& key) {
    redisAppendCommand(handle_, "GET %b", key.data(), key.size());
  }
  bool receive(value_form form) {
    void* raw = nullptr;
    if (redisGetReply(handle_, &raw) != REDIS_OK) throw std::runtime_error(handle_->errstr);
    auto* reply = static_cast<redisReply*>(raw);
    const bool found =
        reply->type == REDIS_REPLY_STRING && is_value({reply->str, reply->len}, form);
    freeReplyObject(reply);
    return found;
  }

 private:
  redisContext* handle_;
};

std::string form_name(const char* who, value_form form) {
  return std::string(who) + (form == value_form::text ? ", text" : ", parsed");
}

}  // namespace

std::shared_ptr<stash::client> connect_client(const servers& where, std::size_t connections) {
  return std::make_shared<stash::client>(
      stash::pool_options{.conninfo = where.conninfo, .max_size = connections});
}

contestant client_gets(const std::shared_ptr<stash::client>& on, value_form form) {
  return loop(form_name("client", form), 1, [=](const std::vector<std::string>& keys) {
    const auto text = form == value_form::text ? on->cache().get_text(keys[0])
                                               : on->cache().get<std::string>(keys[0]);
    return text && has_size(*text, form) ? 1u : 0u;
  });
}

contestant client_pipelines(const std::shared_ptr<stash::client>& on, value_form form) {
  return loop(form_name("client", form), client_pipeline,
              [=](const std::vector<std::string>& keys) {
                const auto link = on->connections().acquire();
                stash::pipeline batch(*link);
                auto cache = batch.cache();
                std::vector<stash::pending<std::optional<std::string>>> values;
                values.reserve(keys.size());
                for (const std::string& key : keys)
                  values.push_back(form == value_form::text ? cache.get_text(key)
                                                            : cache.get<std::string>(key));
                batch.run();
                std::uint64_t found = 0;
                for (const auto& each : values)
                  found += each.get() && has_size(*each.get(), form) ? 1 : 0;
                return found;
              });
}

contestant client_pipelines_of_sql(const std::shared_ptr<stash::client>& on) {
  return loop("client, SQL", client_pipeline, [=](const std::vector<std::string>& keys) {
    const auto link = on->connections().acquire();
    stash::pipeline batch(*link);
    for (const std::string& key : keys) batch.add("SELECT stash.cache_get($1, $2)", key, "default");
    std::uint64_t found = 0;
    for (const stash::result& each : batch.run())
      found += !each.is_null(0, 0) && is_value(each.json_text(0, 0), value_form::text) ? 1 : 0;
    return found;
  });
}

contestant libpq_gets(const std::shared_ptr<stash::client>& on, value_form form) {
  const auto link = std::make_shared<hand_made>(on);
  return loop(form_name("libpq", form), 1, [=](const std::vector<std::string>& keys) {
    const pg_result rows(link->get(keys[0]));
    const std::string_view value = hand_made::value_of(rows.get());
    return !value.empty() && is_value(value, form) ? 1u : 0u;
  });
}

namespace {

// `use(value)` for each of the values, in order.
template <typename Use>
void in_a_pipeline(hand_made& link, const std::vector<std::string>& keys, Use use) {
  PGconn* handle = link.handle();
  PQenterPipelineMode(handle);
  for (const std::string& key : keys) link.send(key);
  PQpipelineSync(handle);
  for (std::size_t i = 0; i < keys.size(); i++) {
    const pg_result rows(PQgetResult(handle));
    use(hand_made::value_of(rows.get()));
    PQclear(PQgetResult(handle));  // null: the end of this statement
  }
  PQclear(PQgetResult(handle));  // the synchronization
  PQexitPipelineMode(handle);
}

}  // namespace

contestant libpq_pipelines(const std::shared_ptr<stash::client>& on, value_form form) {
  const auto link = std::make_shared<hand_made>(on);
  return loop(form_name("libpq", form), client_pipeline, [=](const std::vector<std::string>& keys) {
    std::vector<std::optional<std::string>> values;
    values.reserve(keys.size());
    in_a_pipeline(*link, keys, [&](std::string_view value) {
      if (value.empty())
        values.emplace_back();
      else if (form == value_form::text)
        values.emplace_back(value);
      else
        values.emplace_back(nlohmann::json::parse(value).get<std::string>());
    });
    std::uint64_t found = 0;
    for (const auto& each : values) found += each && has_size(*each, form) ? 1 : 0;
    return found;
  });
}

contestant libpq_pipelines_of_sql(const std::shared_ptr<stash::client>& on) {
  const auto link = std::make_shared<hand_made>(on);
  return loop("libpq, SQL", client_pipeline, [=](const std::vector<std::string>& keys) {
    std::uint64_t found = 0;
    in_a_pipeline(*link, keys, [&](std::string_view value) {
      found += !value.empty() && is_value(value, value_form::text) ? 1 : 0;
    });
    return found;
  });
}

std::vector<pid_t> serving_processes(const servers& where,
                                     const std::shared_ptr<stash::client>& on) {
  return {on->connections().acquire()->server_process(), redis_link(where.redis_socket).process()};
}

contestant hiredis_gets(const servers& where, value_form form) {
  const auto link = std::make_shared<redis_link>(where.redis_socket);
  return loop(form_name("hiredis", form), 1, [=](const std::vector<std::string>& keys) {
    link->send(keys[0]);
    return link->receive(form) ? 1u : 0u;
  });
}

contestant hiredis_pipelines(const servers& where, value_form form) {
  const auto link = std::make_shared<redis_link>(where.redis_socket);
  return loop(form_name("hiredis", form), client_pipeline,
              [=](const std::vector<std::string>& keys) {
                for (const std::string& key : keys) link->send(key);
                std::uint64_t found = 0;
                for (std::size_t i = 0; i < keys.size(); i++) found += link->receive(form) ? 1 : 0;
                return found;
              });
}

}  // namespace stash::bench
