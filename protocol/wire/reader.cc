#include "protocol/wire/reader.h"

#include <algorithm>

namespace strandline::wire {
namespace detail {

std::uint32_t Reader::long_uvarint() {
  std::uint32_t value = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    const auto group = fixed<std::uint8_t>();
    if (failed()) return 0;
    if (shift == 28 && group > 0x0f) break;  // more than 32 bits, or a sixth byte
    value |= static_cast<std::uint32_t>(group & 0x7fU) << shift;
    if (group < 0x80) return value;
  }
  fail(Errc::malformed_frame);
  return 0;
}

void Reader::report(DecodeFailure& failure) const {
  failure.errc = errc_;
  failure.position = failed_at_;
  failure.depth = std::min(depth_, DecodeFailure::kDepthMax);
  failure.path = path_;
}

}  // namespace detail

std::string DecodeFailure::to_text() const {
  std::string text;
  for (std::size_t i = depth; i > 0; --i) {
    const Step& step = path[i - 1];
    if (!text.empty()) text += '.';
    text += step.field;
    if (step.index >= 0) text += '[' + std::to_string(step.index) + ']';
  }
  if (!text.empty()) text += ' ';
  text += "at byte " + std::to_string(position) + ": ";
  text += errc_text(errc);
  return text;
}

}  // namespace strandline::wire
