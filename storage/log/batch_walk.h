// Steps from batch header to batch header through a segment file, reading ahead in blocks.
//
// Thread   one owner
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "protocol/record/batch.h"
#include "storage/io/disk.h"
#include "storage/log/segment.h"

namespace strandline {

class BatchWalk {
 public:
  // position   where a batch begins; end: no batch goes beyond it
  BatchWalk(std::shared_ptr<File> file, std::uint64_t position, std::uint64_t end, ReadMode mode)
      : file_(std::move(file)), position_(position), end_(end), mode_(mode) {}

  // Reads the header at position(); false at the end.
  //
  // Errors   would_block     in nowait mode
  //          corrupt_batch   no header of a batch that fits before the end
  Result<bool> read(BatchHeader& header);

  // Goes on behind the batch that read() gave.
  void advance(const BatchHeader& header) { position_ += header.size_bytes(); }

  std::uint64_t position() const { return position_; }

  // The whole batch that read() gave; good until the next call.
  Result<ByteView> batch(const BatchHeader& header);

 private:
  static constexpr std::size_t kBlockBytes = 4096;

  Result<ByteView> bytes(std::size_t count, std::size_t read_ahead);

  std::shared_ptr<File> file_;
  std::uint64_t position_;
  std::uint64_t end_;
  ReadMode mode_;
  std::vector<std::byte> block_;
  std::uint64_t block_position_ = 0;
  std::size_t block_filled_ = 0;
};

}  // namespace strandline
