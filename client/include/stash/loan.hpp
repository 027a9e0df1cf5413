// A connection on loan from a pool, whichever pool that is.
#pragma once

#include <memory>
#include <utility>

namespace stash {

template <typename Connection>
class loan;

namespace detail {

// What a pool keeps for a connection; each has more of its own behind it.
template <typename Connection>
struct loan_slot {
  std::unique_ptr<Connection> link;
};

// Whoever lends connections and takes them back.
template <typename Connection>
class lender {
 public:
  virtual void take_back(loan_slot<Connection>* slot, bool discard) noexcept = 0;

 protected:
  ~lender() = default;
};

}  // namespace detail

/// Movable; gives the connection back when it ends. One that is within a transaction or in the
/// middle of a statement then is closed instead.
template <typename Connection>
class loan {
 public:
  /// Made by a pool.
  loan(std::shared_ptr<detail::lender<Connection>> from,
       detail::loan_slot<Connection>* slot) noexcept
      : from_(std::move(from)), slot_(slot) {}
  loan(loan&& other) noexcept
      : from_(std::move(other.from_)), slot_(std::exchange(other.slot_, nullptr)) {}
  loan& operator=(loan&& other) noexcept {
    if (this != &other) {
      release();
      from_ = std::move(other.from_);
      slot_ = std::exchange(other.slot_, nullptr);
    }
    return *this;
  }
  ~loan() { release(); }

  /// The connection; not after release() or discard().
  Connection& operator*() const noexcept { return *slot_->link; }
  Connection* operator->() const noexcept { return slot_->link.get(); }
  /// Gives it back now.
  void release() noexcept {
    if (slot_ != nullptr) from_->take_back(std::exchange(slot_, nullptr), false);
  }
  /// Closes it instead of giving it back.
  void discard() noexcept {
    if (slot_ != nullptr) from_->take_back(std::exchange(slot_, nullptr), true);
  }

 private:
  std::shared_ptr<detail::lender<Connection>> from_;
  detail::loan_slot<Connection>* slot_;
};

}  // namespace stash
