// What holds of every message that decodes, whatever the bytes were.
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "protocol/base/assertion.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/messages/all.h"

namespace strandline::wire {

// Nothing when the bytes do not decode; then the failure must make a line of text.
template <Message M>
std::optional<M> decode_within_budget(ByteView body, std::int16_t version) {
  DecodeBudget budget = DecodeBudget::for_frame(body.size());
  const std::size_t allowed = budget.left();
  DecodeFailure failure;
  auto decoded = decode<M>(body, version, budget, &failure);
  STRANDLINE_ASSERT(budget.charged() + budget.left() == allowed);
  if (decoded.has_value()) return std::move(decoded).value();
  STRANDLINE_ASSERT(failure.errc == errc_of(decoded.error()));
  STRANDLINE_ASSERT(failure.position <= body.size());
  STRANDLINE_ASSERT(!failure.to_text().empty());
  return std::nullopt;
}

// `body` is what `message` was encoded to.
template <Message M>
void check_same_message(const M& message, std::int16_t version, ByteView body) {
  // The canonical form may be longer than what came in (lengths in varints may be padded), so the
  // budget is not the question here.
  DecodeBudget budget{std::size_t{1} << 30};
  const auto again = decode<M>(body, version, budget);
  STRANDLINE_ASSERT(again.has_value());
  STRANDLINE_ASSERT(again.value() == message);
  EncodedFrame encoded;
  encode_body(again.value(), version, encoded);
  STRANDLINE_ASSERT(std::ranges::equal(encoded.buffer.view(), body));
  STRANDLINE_ASSERT(!to_text(message, version, 500).empty());
}

}  // namespace strandline::wire
