// Where the fields of a batch v2 header lie, for those who write or patch one.
// Readers use parse_batch_header(). Drawn out in docs/formats/segment.md.
//
// Thread   constants
#pragma once

#include <cstddef>
#include <cstdint>

namespace strandline::batch_layout {

inline constexpr std::size_t kBaseOffsetAt = 0;
inline constexpr std::size_t kBatchLengthAt = 8;
inline constexpr std::size_t kLeaderEpochAt = 12;
inline constexpr std::size_t kMagicAt = 16;
inline constexpr std::size_t kCrcAt = 17;
inline constexpr std::size_t kCrcStart = 21;  // the checksum covers from here to the end
inline constexpr std::size_t kAttributesAt = 21;
inline constexpr std::size_t kLastOffsetDeltaAt = 23;
inline constexpr std::size_t kBaseTimestampAt = 27;
inline constexpr std::size_t kMaxTimestampAt = 35;
inline constexpr std::size_t kProducerIdAt = 43;
inline constexpr std::size_t kProducerEpochAt = 51;
inline constexpr std::size_t kBaseSequenceAt = 53;
inline constexpr std::size_t kRecordCountAt = 57;

inline constexpr std::int32_t kBatchLengthMin = 49;  // a header and no records

inline constexpr std::uint16_t kCodecMask = 0x0007;
inline constexpr std::uint16_t kLogAppendTimeBit = 0x0008;
inline constexpr std::uint16_t kTransactionalBit = 0x0010;
inline constexpr std::uint16_t kControlBit = 0x0020;
inline constexpr std::uint16_t kDeleteHorizonBit = 0x0040;

}  // namespace strandline::batch_layout
