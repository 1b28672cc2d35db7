// Record batch v2: the one format records have on the wire, on disk and between brokers.
// Layout: docs/formats/segment.md. A batch is never re-encoded: the leader patches offset, epoch
// and (with LogAppendTime) time into the producer's bytes.
//
// Thread   values and pure functions
// Owns     nothing: a BatchView borrows its bytes
#pragma once

#include <cstdint>

#include "protocol/base/bytes.h"
#include "protocol/base/clock.h"
#include "protocol/base/ids.h"
#include "protocol/base/result.h"

namespace strandline {

inline constexpr std::size_t kBatchHeaderBytes = 61;
inline constexpr std::size_t kBatchPrefixBytes = 12;  // base offset and length, not in the length
inline constexpr std::int8_t kBatchMagic = 2;

enum class Codec : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

enum class TimestampType : std::uint8_t { create_time = 0, log_append_time = 1 };

// The fixed part of a batch, in host byte order.
struct BatchHeader {
  Offset base_offset;
  std::int32_t batch_length = 0;  // bytes after this field; the batch has 12 more
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  std::int8_t magic = kBatchMagic;
  std::uint32_t crc = 0;
  std::uint16_t attributes = 0;
  std::int32_t last_offset_delta = 0;
  Timestamp base_timestamp = kNoTimestamp;
  Timestamp max_timestamp = kNoTimestamp;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  Sequence base_sequence = kNoSequence;
  std::int32_t record_count = 0;

  std::size_t size_bytes() const {
    return kBatchPrefixBytes + static_cast<std::size_t>(batch_length);
  }
  Offset last_offset() const { return base_offset + last_offset_delta; }
  Offset next_offset() const { return last_offset() + 1; }
  Sequence last_sequence() const { return sequence_after(base_sequence, last_offset_delta); }
  std::uint8_t codec_bits() const { return attributes & 0x07U; }
  TimestampType timestamp_type() const {
    return (attributes & 0x08U) != 0 ? TimestampType::log_append_time : TimestampType::create_time;
  }
  bool is_transactional() const { return (attributes & 0x10U) != 0; }
  bool is_control() const { return (attributes & 0x20U) != 0; }
  bool has_delete_horizon() const { return (attributes & 0x40U) != 0; }
  bool has_producer() const { return producer_id >= ProducerId{0}; }
};

// Reads the fixed part. Looks at sizes and magic only, not at the checksum.
//
// bytes    at least kBatchHeaderBytes, may go on beyond the batch
// Errors   truncated_frame     fewer than 61 bytes
//          unsupported_magic   magic is not 2
//          corrupt_batch       batch_length < 49
Result<BatchHeader> parse_batch_header(ByteView bytes);

// Splits one whole batch off the front of `bytes`: header read, and size_bytes() within `bytes`.
//
// Errors   as parse_batch_header; truncated_frame when the batch is longer than `bytes`
Result<BatchHeader> parse_batch(ByteView bytes);

// True when the stored CRC-32C matches bytes 21 … end. Needs a whole batch, exactly.
bool batch_crc_matches(ByteView batch);

// Patches what the leader decides. Base offset and leader epoch are outside the CRC.
//
// batch    one whole batch, at least kBatchHeaderBytes
void assign_batch_offset(MutableByteView batch, Offset base_offset, LeaderEpoch leader_epoch);

// Makes the stored CRC-32C that of the bytes.
void assign_batch_crc(MutableByteView batch);

// Corrects max_timestamp where the producer had it wrong, and makes the CRC right again.
void assign_max_timestamp(MutableByteView batch, Timestamp max_timestamp);

// Sets bit 3 and max_timestamp, and makes the CRC right again.
void assign_log_append_time(MutableByteView batch, Timestamp append_time);

}  // namespace strandline
