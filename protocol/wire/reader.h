// Reads primitives of the wire from a view, checking every length against the bytes that are left.
// After the first failure nothing further is read: every call returns zero or nothing. For the
// codec alone.
//
// Thread   one owner
// Owns     nothing
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/base/bytes.h"
#include "protocol/base/errc.h"
#include "protocol/wire/codec.h"

namespace strandline::wire::detail {

class Reader {
 public:
  Reader(ByteView bytes, std::int16_t version, bool flexible, DecodeBudget& budget)
      : begin_(bytes.data()),
        at_(bytes.data()),
        end_(bytes.data() + bytes.size()),
        budget_(&budget),
        version_(version),
        flexible_(flexible) {}

  std::int16_t version() const { return version_; }
  bool flexible() const { return flexible_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  std::size_t position() const { return static_cast<std::size_t>(at_ - begin_); }

  bool failed() const { return errc_ != Errc::ok; }
  Errc errc() const { return errc_; }
  void fail(Errc errc) {
    if (failed()) return;
    errc_ = errc;
    failed_at_ = position();
    end_ = at_;
  }

  template <class T>
  [[gnu::always_inline]] T fixed() {
    if (left() < sizeof(T)) [[unlikely]] {
      fail(Errc::truncated_frame);
      return T{};
    }
    const T value = load_be<T>(at_);
    at_ += sizeof(T);
    return value;
  }

  [[gnu::always_inline]] std::uint32_t uvarint() {
    if (left() > 0) [[likely]] {
      const auto first = static_cast<std::uint8_t>(*at_);
      if (first < 0x80) [[likely]] {
        ++at_;
        return first;
      }
    }
    return long_uvarint();
  }

  // Lengths of strings, bytes and lists: -1 is null.
  std::int64_t length16() {
    return flexible_ ? std::int64_t{uvarint()} - 1 : not_below_null(fixed<std::int16_t>());
  }
  std::int64_t length32() {
    return flexible_ ? std::int64_t{uvarint()} - 1 : not_below_null(fixed<std::int32_t>());
  }

  ByteView take(std::uint64_t count) {
    if (left() < count) [[unlikely]] {
      fail(Errc::truncated_frame);
      return {};
    }
    const ByteView taken{at_, static_cast<std::size_t>(count)};
    at_ += count;
    return taken;
  }

  bool charge(std::size_t bytes) {
    if (budget_->charge(bytes)) [[likely]]
      return true;
    fail(Errc::budget_exceeded);
    return false;
  }

  // Hides what lies beyond the next `count` bytes, for the payload of a tagged field; widen() with
  // the value returned shows it again.
  const std::byte* narrow(std::size_t count) {
    const std::byte* const whole = end_;
    end_ = at_ + count;
    return whole;
  }
  void widen(const std::byte* whole) {
    if (!failed()) end_ = whole;
  }

  // The failing field, then on the way out those around it.
  void note_field(const char* name) {
    if (depth_ < DecodeFailure::kDepthMax) path_[depth_].field = name;
    ++depth_;
  }
  // The failing element of the list that note_field() names next.
  void note_index(std::size_t index) {
    if (depth_ < DecodeFailure::kDepthMax) path_[depth_].index = static_cast<std::int32_t>(index);
  }
  void report(DecodeFailure& failure) const;

 private:
  std::uint32_t long_uvarint();
  std::int64_t not_below_null(std::int64_t length) {
    if (length < -1) [[unlikely]]
      fail(Errc::malformed_frame);
    return length;
  }

  const std::byte* begin_;
  const std::byte* at_;
  const std::byte* end_;
  DecodeBudget* budget_;
  std::int16_t version_;
  bool flexible_;
  Errc errc_ = Errc::ok;
  std::size_t failed_at_ = 0;
  std::size_t depth_ = 0;
  std::array<DecodeFailure::Step, DecodeFailure::kDepthMax> path_{};
};

}  // namespace strandline::wire::detail
