#include "protocol/record/convert.h"

#include "protocol/base/errc.h"
#include "protocol/record/batch_layout.h"
#include "protocol/record/records.h"

namespace strandline {

using namespace batch_layout;

Result<void> recompress_batch(ByteView batch, Codec codec, std::optional<int> level,
                              std::size_t bytes_max, Decompressor& decompressor,
                              Compressor& compressor, std::vector<std::byte>& out) {
  STRANDLINE_TRY(auto header, parse_batch(batch));
  if (header.size_bytes() != batch.size()) return Errc::corrupt_batch;
  STRANDLINE_TRY(auto plain, record_bytes(header, batch, decompressor, bytes_max));
  const std::size_t before = out.size();
  out.insert(out.end(), batch.begin(), batch.begin() + kBatchHeaderBytes);
  // A batch that compaction emptied has no records to compress, and says so by having no bytes.
  if (!plain.empty()) compressor.compress(codec, plain, level, out);
  const MutableByteView made{out.data() + before, out.size() - before};
  store_be(made.data() + kBatchLengthAt,
           static_cast<std::int32_t>(made.size() - kBatchPrefixBytes));
  const auto attributes = static_cast<std::uint16_t>((header.attributes & ~kCodecMask) |
                                                     static_cast<std::uint16_t>(codec));
  store_be(made.data() + kAttributesAt, attributes);
  assign_batch_crc(made);
  return success();
}

}  // namespace strandline
