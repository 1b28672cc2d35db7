// Batches to measure with: records as an event stream has them, neither random nor all alike.
//
// Thread   pure functions
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "protocol/base/prng.h"
#include "protocol/record/builder.h"

namespace strandline::bench {

inline constexpr Timestamp kSampleTime{1'800'000'000'000};

// A value of about `size` bytes that compresses to roughly a half.
inline std::string sample_value(Prng& prng, std::size_t size) {
  std::string value = "{\"event\":\"order\",\"id\":\"";
  while (value.size() < size) value += std::to_string(prng.next()) + "\",\"next\":\"";
  value.resize(size);
  return value;
}

// A batch of about `batch_bytes` plain bytes, in records whose values have `value_bytes`.
inline std::vector<std::byte> sample_batch(Codec codec, std::size_t value_bytes,
                                           std::size_t batch_bytes = 128UL * 1024) {
  Prng prng{41};
  BatchBuilder builder;
  while (builder.size_bytes() + value_bytes + 20 < batch_bytes || builder.empty()) {
    const std::string key = std::to_string(prng.below(1'000'000));
    const std::string value = sample_value(prng, value_bytes);
    builder.append({as_bytes(key),
                    as_bytes(value),
                    kSampleTime + static_cast<std::int64_t>(prng.below(50)),
                    {}});
  }
  Compressor compressor;
  std::vector<std::byte> batch;
  builder.build({.codec = codec}, compressor, batch);
  return batch;
}

}  // namespace strandline::bench
