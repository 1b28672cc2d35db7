// Everything a leader checks in a batch that a producer sent, before the log sees it, and what the
// log must know of it. The order of the checks is Kafka's: a client learns the same first reason.
//
// The producer's bytes are not changed here; apply_verdict() does that once the append is certain.
//
// Thread   any; the Decompressor has one owner
// Owns     nothing on the good path; refusals carry a few record errors
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/clock.h"
#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/record/batch.h"
#include "protocol/record/compression.h"

namespace strandline {

// What topic, request and clock say about one partition's batch.
struct ProduceRules {
  std::int16_t produce_version = 13;
  std::size_t batch_bytes_max = 1'048'588;          // max.message.bytes, as compressed
  std::size_t segment_bytes_max = 1'073'741'824;    // segment.bytes
  std::size_t decompressed_bytes_max = 64UL << 20;  // bound on memory, not a topic setting
  TimestampType timestamp_type = TimestampType::create_time;
  Timestamp now;
  std::int64_t timestamp_before_ms_max = std::numeric_limits<std::int64_t>::max();
  std::int64_t timestamp_after_ms_max = 3'600'000;
  bool keys_required = false;  // the topic is compacted
};

// A record that made the whole batch unwelcome.
struct RecordError {
  std::int32_t batch_index = 0;  // its place in the batch, from 0
  std::string_view message;      // static text
};

// More are not listed: a batch of a million bad records must not make a response of megabytes.
inline constexpr std::size_t kRecordErrorsMax = 100;

struct BatchVerdict {
  Errc error = Errc::ok;
  std::string_view message;                // static text for error_message; empty when accepted
  std::vector<RecordError> record_errors;  // for Produce v8+

  // Of an accepted batch:
  BatchHeader header;                      // as the producer sent it
  Timestamp max_timestamp = kNoTimestamp;  // what the stored batch must say
  std::int32_t max_timestamp_delta = 0;    // offset delta of the first record with that time
  bool accepted() const { return error == Errc::ok; }
};

// The checks that come before a partition is looked up: one batch, of format 2, with a codec that
// the request's version may carry. Null records are an empty view.
//
// Errors   invalid_record                 nothing there, more than one batch, or magic not 2
//          unsupported_compression_type   codec 5 to 7, or zstd before Produce v7
//          corrupt_message                shorter than it says, or than a header
Result<BatchHeader> screen_produced_batch(ByteView records, std::int16_t produce_version);

// All checks, the above included. Touches every byte once for the checksum and walks every record;
// compressed ones in the decompressor's buffer. Allocates only for refusals.
//
// Refusals, first match wins
//   those of screen_produced_batch()
//   message_too_large        larger than batch_bytes_max
//   record_list_too_large    larger than a segment
//   corrupt_message          checksum wrong
//   invalid_record           counts, deltas, attribute bits or sequence contradict each other, the
//                            records do not decompress, or one does not fit
//   decompressed_too_large   more than decompressed_bytes_max in memory; on the wire
//   message_too_large invalid_timestamp        the producer set the type bit, or a record lies
//   outside the bounds invalid_record           a record without key on a compacted topic
BatchVerdict validate_produced_batch(ByteView records, const ProduceRules& rules,
                                     Decompressor& decompressor);

// Writes what the leader decides into the producer's bytes: base offset, leader epoch, and where
// they differ the greatest time and the type of time. The checksum is made anew only in that case.
//
// batch     the bytes the verdict is about
// Needs     verdict.accepted()
void apply_verdict(const BatchVerdict& verdict, const ProduceRules& rules, Offset base_offset,
                   LeaderEpoch leader_epoch, MutableByteView batch);

}  // namespace strandline
