#include "broker/net/buffer_pool.h"

#include <catch2/catch.hpp>
#include <utility>
#include <vector>

namespace strandline {
namespace {

TEST_CASE("BufferPool: a buffer is charged while a share of it is out", "[buffer_pool]") {
  MemoryBudget budget{1 << 20};
  BufferPool pool{budget};
  BufferRef first = pool.take(5000);
  CHECK(first.bytes().size() == 8192);
  CHECK(budget.used() == 8192);
  BufferRef second = first;
  CHECK(first.is_shared());
  first = BufferRef{};
  CHECK_FALSE(second.is_shared());
  CHECK(budget.used() == 8192);
  BufferRef third = std::move(second);
  CHECK_FALSE(second);  // NOLINT(bugprone-use-after-move): what a move leaves is the claim
  third = BufferRef{};
  CHECK(budget.used() == 0);
}

TEST_CASE("BufferPool: what was given back is used again for its size only", "[buffer_pool]") {
  MemoryBudget budget{1 << 20};
  BufferPool pool{budget};
  BufferRef taken = pool.take(16'384);
  const std::byte* const memory = taken.bytes().data();
  taken = BufferRef{};
  const BufferRef larger = pool.take(16'385);
  CHECK(larger.bytes().size() == 32'768);
  const BufferRef smaller = pool.take(1);
  CHECK(smaller.bytes().size() == BufferPool::kSmallestBytes);
  const BufferRef again = pool.take(16'000);
  CHECK(again.bytes().data() == memory);
  CHECK(again.bytes().size() == 16'384);
  CHECK(budget.used() == 16'384 + 32'768 + BufferPool::kSmallestBytes);
}

TEST_CASE("BufferPool: the budget counts every buffer out, also beyond its bound",
          "[buffer_pool]") {
  MemoryBudget budget{std::uint64_t{8} << 20};
  BufferPool pool{budget};
  std::vector<BufferRef> out;
  for (int i = 0; i < 4; ++i) out.push_back(pool.take(std::size_t{3} << 20));
  CHECK(budget.used() == std::uint64_t{16} << 20);
  CHECK(budget.is_exhausted());
  out.resize(1);
  CHECK(budget.used() == std::uint64_t{4} << 20);
  CHECK_FALSE(budget.is_exhausted());
  out.clear();
  CHECK(budget.used() == 0);
}

TEST_CASE("BufferPool: the largest frame a length can announce has a size", "[buffer_pool]") {
  MemoryBudget budget{1 << 20};
  BufferPool pool{budget};
  // Never touched, so this costs addresses only.
  const BufferRef taken = pool.take((std::size_t{1} << 31) + 3);
  CHECK(taken.bytes().size() == std::size_t{1} << 32);
}

}  // namespace
}  // namespace strandline
