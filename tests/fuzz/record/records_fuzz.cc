// Arbitrary bytes as the records of a batch, walked with all their headers, and as a whole batch.
#include <vector>

#include "protocol/base/assertion.h"
#include "protocol/record/builder.h"
#include "protocol/record/records.h"
#include "protocol/record/varint.h"

namespace strandline {
namespace {

// Makes the compiler believe that the number is needed.
void keep(unsigned sum) { asm volatile("" : : "r"(sum)); }

// Touches every byte a view promises.
unsigned touch(ByteView bytes) {
  unsigned sum = 0;
  for (const std::byte b : bytes) sum += static_cast<unsigned>(b);
  return sum;
}

unsigned touch(const RecordView& record) {
  unsigned sum = touch(record.key.value_or(ByteView{})) + touch(record.value.value_or(ByteView{}));
  std::int32_t headers = 0;
  for (const RecordHeaderView& header : record.headers) {
    sum += touch(as_bytes(header.key)) + touch(header.value.value_or(ByteView{}));
    ++headers;
  }
  STRANDLINE_ASSERT(headers == record.headers.size());
  if (const auto marker = parse_marker(record); marker) {
    sum += static_cast<unsigned>(marker.value().coordinator_epoch);
  }
  return sum;
}

unsigned walk_region(ByteView region, std::int32_t count) {
  BatchHeader header;
  header.record_count = count;
  header.last_offset_delta = count - 1;
  RecordIterator walk{header, region};
  RecordView record;
  unsigned sum = 0;
  while (true) {
    const auto more = walk.next(record);
    if (!more || !more.value()) return sum;
    sum += touch(record);
  }
}

void check_varints(ByteView bytes) {
  std::int64_t wide = 0;
  std::int32_t narrow = 0;
  const std::byte* end = bytes.data() + bytes.size();
  if (const std::byte* after = read_varint(bytes.data(), end, narrow); after != nullptr) {
    STRANDLINE_ASSERT(varint_bytes(narrow) <= static_cast<std::size_t>(after - bytes.data()));
    STRANDLINE_ASSERT(read_varlong(bytes.data(), end, wide) == after && wide == narrow);
    std::byte raw[kVarintBytesMax];
    STRANDLINE_ASSERT(write_varint(raw, narrow) == raw + varint_bytes(narrow));
  }
}

}  // namespace
}  // namespace strandline

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace strandline;
  static Decompressor decompressor;
  if (size == 0) return 0;
  const std::vector<std::byte> bytes(reinterpret_cast<const std::byte*>(data) + 1,
                                     reinterpret_cast<const std::byte*>(data) + size);
  check_varints(bytes);
  keep(walk_region(bytes, static_cast<std::int8_t>(data[0])));
  unsigned sum = 0;
  const auto walked = for_each_record(bytes, decompressor, 1 << 16, [&](const RecordView& record) {
    sum += touch(record);
    return sum != 0;
  });
  keep(walked ? sum : 0);
  return 0;
}
