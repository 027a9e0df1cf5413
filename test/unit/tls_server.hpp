// A server on loopback that speaks TLS, with a certificate made for the test by an authority made
// for the test. It answers 200 to every request, and remembers the requests that it got to see.
#pragma once

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "loopback.hpp"

namespace stash {

using key_handle = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using certificate_handle = std::unique_ptr<X509, decltype(&X509_free)>;

// Signs certificates; its own is in a file for whoever is to trust it.
class certificate_authority {
 public:
  certificate_authority() : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), own_(nullptr, X509_free) {
    own_ =
        make("an authority of a test", key_.get(), "critical,CA:TRUE", NID_basic_constraints, 60);
    const int descriptor = mkstemp(path_.data());
    FILE* file = descriptor < 0 ? nullptr : fdopen(descriptor, "w");
    if (file == nullptr || PEM_write_X509(file, own_.get()) != 1)
      throw std::runtime_error("no certificate");
    fclose(file);
  }
  ~certificate_authority() { unlink(path_.c_str()); }
  certificate_authority(const certificate_authority&) = delete;
  certificate_authority& operator=(const certificate_authority&) = delete;

  [[nodiscard]] const std::string& file() const { return path_; }

  // For a server called so ("DNS:localhost"), valid for so many seconds from now on; below 0 it has
  // expired.
  certificate_handle sign(EVP_PKEY* key, const char* name, long seconds) const {
    return make("a server of a test", key, name, NID_subject_alt_name, seconds);
  }

 private:
  key_handle key_;
  certificate_handle own_;
  std::string path_ = "/tmp/pg_stash-authority.XXXXXX";

  certificate_handle make(const char* subject, EVP_PKEY* key, const char* extension, int kind,
                          long seconds) const {
    certificate_handle made(X509_new(), X509_free);
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), kind);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), seconds);
    X509_set_pubkey(made.get(), key);
    X509_NAME* name = X509_get_subject_name(made.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(subject), -1, -1, 0);
    X509_set_issuer_name(made.get(), own_ ? X509_get_subject_name(own_.get()) : name);
    X509_EXTENSION* more = X509V3_EXT_conf_nid(nullptr, nullptr, kind, extension);
    X509_add_ext(made.get(), more, -1);
    X509_EXTENSION_free(more);
    if (X509_sign(made.get(), key_.get(), EVP_sha256()) == 0)
      throw std::runtime_error("no signature");
    return made;
  }
};

class tls_server {
 public:
  tls_server(const certificate_authority& authority, const char* name, long seconds = 60)
      : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
    const key_handle key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const certificate_handle certificate = authority.sign(key.get(), name, seconds);
    if (SSL_CTX_use_certificate(context_.get(), certificate.get()) != 1 ||
        SSL_CTX_use_PrivateKey(context_.get(), key.get()) != 1)
      throw std::runtime_error("no TLS server");
    listener_ = listen_on_loopback(8, &port_);
    thread_ = std::thread([this] { serve_all(); });
  }
  ~tls_server() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  tls_server(const tls_server&) = delete;
  tls_server& operator=(const tls_server&) = delete;

  [[nodiscard]] std::string url(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(port_) + "/";
  }
  // What came through, decrypted.
  [[nodiscard]] std::string seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::string seen_;
  std::thread thread_;

  void serve_all() {
    // A client that has closed its end: the write fails, nothing else.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    for (int connection = 0; (connection = accept(listener_, nullptr, nullptr)) >= 0;) {
      serve(connection);
      close(connection);
    }
  }

  void serve(int connection) {
    const std::unique_ptr<SSL, decltype(&SSL_free)> session(SSL_new(context_.get()), SSL_free);
    SSL_set_fd(session.get(), connection);
    if (SSL_accept(session.get()) != 1) return;
    char bytes[4096];
    const int got = SSL_read(session.get(), bytes, sizeof bytes);
    if (got <= 0) return;
    const std::lock_guard lock(mutex_);
    seen_.append(bytes, static_cast<std::size_t>(got));
    const std::string answer =
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    SSL_write(session.get(), answer.data(), static_cast<int>(answer.size()));
    SSL_shutdown(session.get());
  }
};

}  // namespace stash
