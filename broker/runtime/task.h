// A unit of work that one thread hands to another: a move-only callable, kept in place when small.
//
// Thread   one owner at a time
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace strandline {

class Task {
 public:
  Task() = default;

  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Task> && std::is_invocable_v<F&>)
  Task(F&& work) {  // NOLINT(google-explicit-constructor): a callable is a task
    using Work = std::remove_cvref_t<F>;
    if constexpr (sizeof(Work) <= kInlineBytes && alignof(Work) <= alignof(std::max_align_t) &&
                  std::is_nothrow_move_constructible_v<Work>) {
      new (&storage_) Work(std::forward<F>(work));
      operations_ = &kInline<Work>;
    } else {
      new (&storage_) Work*(new Work(std::forward<F>(work)));
      operations_ = &kOnHeap<Work>;
    }
  }

  Task(Task&& other) noexcept { take(other); }
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() { reset(); }

  explicit operator bool() const { return operations_ != nullptr; }
  void operator()() { operations_->run(&storage_); }

 private:
  // Room for a few pointers and a shared_ptr: what the hand-over of a request needs.
  static constexpr std::size_t kInlineBytes = 48;

  struct Operations {
    void (*run)(void*);
    void (*move)(void* from, void* to);
    void (*destroy)(void*);
  };

  template <class Work>
  static constexpr Operations kInline{
      [](void* at) { (*static_cast<Work*>(at))(); },
      [](void* from, void* to) {
        new (to) Work(std::move(*static_cast<Work*>(from)));
        static_cast<Work*>(from)->~Work();
      },
      [](void* at) { static_cast<Work*>(at)->~Work(); },
  };

  template <class Work>
  static constexpr Operations kOnHeap{
      [](void* at) { (**static_cast<Work**>(at))(); },
      [](void* from, void* to) { new (to) Work*(*static_cast<Work**>(from)); },
      [](void* at) { delete *static_cast<Work**>(at); },
  };

  void take(Task& other) {
    operations_ = std::exchange(other.operations_, nullptr);
    if (operations_ != nullptr) operations_->move(&other.storage_, &storage_);
  }
  void reset() {
    if (operations_ != nullptr) std::exchange(operations_, nullptr)->destroy(&storage_);
  }

  alignas(std::max_align_t) std::byte storage_[kInlineBytes];
  const Operations* operations_ = nullptr;
};

}  // namespace strandline
