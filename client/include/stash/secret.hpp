// A text that does not show itself: tokens, passwords.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace stash {

/// Holds a secret. It has no stream operator and does not convert to a string by itself; its memory
/// is overwritten before it is given back.
class secret {
 public:
  /// An empty one.
  secret() = default;
  /// Takes the text over.
  explicit secret(std::string text) noexcept : text_(std::move(text)) {}
  /// Copies and moves; what is replaced or moved away is overwritten.
  secret(const secret&) = default;
  secret(secret&& other) noexcept : text_(std::move(other.text_)) { other.wipe(); }
  secret& operator=(const secret& other) {
    if (this != &other) {
      wipe();
      text_ = other.text_;
    }
    return *this;
  }
  secret& operator=(secret&& other) noexcept {
    if (this != &other) {
      wipe();
      text_ = std::move(other.text_);
      other.wipe();
    }
    return *this;
  }
  ~secret() { wipe(); }

  /// The text itself: for the one place that has to send it.
  [[nodiscard]] std::string_view reveal() const noexcept { return text_; }
  /// Whether there is no text.
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }

 private:
  void wipe() noexcept {
    // All of the capacity: what was moved away may have left its bytes within the object.
    text_.resize(text_.capacity());
    // Through a volatile, so that the compiler keeps writes to memory that nobody reads again.
    volatile char* at = text_.data();
    for (std::size_t i = 0; i < text_.size(); i++) at[i] = '\0';
    text_.clear();
  }

  std::string text_;
};

}  // namespace stash
