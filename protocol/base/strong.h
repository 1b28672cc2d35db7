// A number that is one thing and not another: Offset, LeaderEpoch, BrokerId are distinct types.
//
// Thread   values, no state
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace strandline {

// An integer with a meaning of its own. It is compared and printed, never calculated with.
template <class Tag, class Rep>
class StrongId {
 public:
  using rep = Rep;

  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep value) : value_(value) {}

  constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(StrongId, StrongId) = default;

 private:
  Rep value_{};
};

// A point on a line: points have a distance (Rep) and can be moved by one, but not added up.
template <class Tag, class Rep>
class StrongPoint {
 public:
  using rep = Rep;

  constexpr StrongPoint() = default;
  constexpr explicit StrongPoint(Rep value) : value_(value) {}

  constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(StrongPoint, StrongPoint) = default;
  friend constexpr StrongPoint operator+(StrongPoint p, Rep d) { return StrongPoint(p.value_ + d); }
  friend constexpr StrongPoint operator-(StrongPoint p, Rep d) { return StrongPoint(p.value_ - d); }
  friend constexpr Rep operator-(StrongPoint a, StrongPoint b) { return a.value_ - b.value_; }
  constexpr StrongPoint& operator+=(Rep d) {
    value_ += d;
    return *this;
  }
  constexpr StrongPoint& operator++() {
    ++value_;
    return *this;
  }

 private:
  Rep value_{};
};

}  // namespace strandline

template <class Tag, class Rep>
struct std::hash<strandline::StrongId<Tag, Rep>> {
  std::size_t operator()(strandline::StrongId<Tag, Rep> id) const noexcept {
    return std::hash<Rep>{}(id.value());
  }
};

template <class Tag, class Rep>
struct std::hash<strandline::StrongPoint<Tag, Rep>> {
  std::size_t operator()(strandline::StrongPoint<Tag, Rep> p) const noexcept {
    return std::hash<Rep>{}(p.value());
  }
};
