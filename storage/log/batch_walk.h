// Walks the batches of a segment one after the other: only their headers, or with checksums.
// Recovery, the check before serving, look-ups and digests' rebuilds all read through this.
//
// Thread   one owner
// Owns     one buffer: 4 KiB for headers, 256 KiB with checksums
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "protocol/record/batch.h"
#include "storage/io/disk.h"
#include "storage/log/epoch_cache.h"
#include "storage/log/log_types.h"

namespace strandline {

class BatchWalk {
 public:
  struct Range {
    std::uint64_t position = 0;  // a batch begins here
    std::uint64_t end = 0;       // nothing at or beyond it is looked at
    Offset offset = kNoOffset;   // the base offset expected there; kNoOffset: any
    Offset offset_min{0};        // no batch may begin below it
  };

  BatchWalk(std::shared_ptr<File> file, const Range& range, ReadMode mode);

  // From the next batch on, checksums are computed.
  void check_checksums() { checks_ = true; }

  // From the next batch on, leader epochs must be those of the log: no checksum covers them.
  void expect_epochs(std::shared_ptr<const EpochStarts> starts) { epochs_ = std::move(starts); }

  // Goes to the next batch; false at the end of the range.
  //
  // Errors   corrupt_batch   damage() says where and what: a size that does not fit, offsets or
  //                          epochs that do not join up, a wrong checksum
  //          would_block, any I/O code
  Result<bool> next();

  // The whole batch of the last next(); good until the next call.
  //
  // Errors   corrupt_batch   the file ends before it; would_block, any I/O code
  Result<ByteView> batch();

  // Whether the checksum of the last next() is right; damage() says where it is not.
  //
  // Errors   would_block, any I/O code
  Result<bool> is_intact();

  const BatchHeader& header() const { return header_; }
  std::uint64_t position() const { return position_; }           // of that batch
  std::uint64_t end_position() const { return next_position_; }  // after that batch
  // The offset expected after the last good batch (kNoOffset before the first, if any would do).
  Offset next_offset() const { return next_offset_; }
  const Damage& damage() const { return damage_; }

 private:
  Result<void> fill(std::uint64_t position, std::size_t bytes_min);
  Result<bool> checksum_matches(std::uint64_t position, const BatchHeader& header);
  Result<void> join_up(const BatchHeader& header);
  ErrorCode damaged(std::string expected, std::string found);
  std::size_t window_bytes() const;

  std::shared_ptr<File> file_;
  const std::uint64_t end_;
  const Offset offset_min_;
  const ReadMode mode_;
  bool checks_ = false;
  std::shared_ptr<const EpochStarts> epochs_;  // none: they only must not fall
  BatchHeader header_;
  std::uint64_t position_;
  std::uint64_t next_position_;
  Offset next_offset_;
  LeaderEpoch epoch_ = kNoLeaderEpoch;
  std::size_t last_size_ = 0;
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t capacity_ = 0;
  std::uint64_t buffer_at_ = 0;
  std::size_t buffered_ = 0;
  Damage damage_;
};

}  // namespace strandline
