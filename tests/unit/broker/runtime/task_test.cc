#include "broker/runtime/task.h"

#include <array>
#include <catch2/catch.hpp>
#include <memory>
#include <utility>

namespace strandline {
namespace {

// Counts how many of its kind are alive. `Padding` bytes make it fit a Task in place, or not.
template <std::size_t Padding>
class Counted {
 public:
  Counted(int& alive, int& runs) : alive_(&alive), runs_(&runs) { ++*alive_; }
  Counted(Counted&& other) noexcept : alive_(other.alive_), runs_(other.runs_) { ++*alive_; }
  Counted(const Counted&) = delete;
  ~Counted() { --*alive_; }

  void operator()() { ++*runs_; }

 private:
  int* alive_;
  int* runs_;
  std::array<char, Padding> padding_{};
};

template <std::size_t Padding>
void check_life() {
  int alive = 0;
  int runs = 0;
  {
    Task task{Counted<Padding>{alive, runs}};
    CHECK(alive == 1);
    Task moved{std::move(task)};
    CHECK(alive == 1);
    CHECK_FALSE(task);  // NOLINT(bugprone-use-after-move): what a move leaves is the claim
    moved();
    moved();
    CHECK(runs == 2);
    Task target{Counted<Padding>{alive, runs}};
    CHECK(alive == 2);
    target = std::move(moved);  // what it held before goes
    CHECK(alive == 1);
    target();
    CHECK(runs == 3);
  }
  CHECK(alive == 0);
}

TEST_CASE("Task: small work is moved and destroyed once", "[task]") { check_life<1>(); }

TEST_CASE("Task: work that does not fit is kept on the heap and destroyed once", "[task]") {
  check_life<200>();
}

TEST_CASE("Task: work may own what cannot be copied", "[task]") {
  int seen = 0;
  Task task{[owned = std::make_unique<int>(7), &seen] { seen = *owned; }};
  task();
  CHECK(seen == 7);
}

TEST_CASE("Task: an empty one is false and can be given work", "[task]") {
  Task task;
  CHECK_FALSE(task);
  bool ran = false;
  task = Task{[&ran] { ran = true; }};
  REQUIRE(task);
  task();
  CHECK(ran);
}

}  // namespace
}  // namespace strandline
