// Record batches made once and sent many times: the generator must cost less than the broker.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace load {

struct BatchShape {
  int record_bytes = 100;  // of the value; there is no key
  int records = 100;
  bool lz4 = false;
};

// How many records of this size fill a batch of about `batch_bytes` before compression.
int records_for(int record_bytes, int batch_bytes);

// A whole batch with its CRC; base offset and producer fields are those of a plain producer. The
// values are text-like: lz4 makes them about half as long, as it does with typical events.
std::vector<std::uint8_t> make_batch(const BatchShape& shape, std::int64_t timestamp_ms,
                                     unsigned seed);

}  // namespace load
