// The four codecs of record batches, both ways.
//
//   gzip     members (RFC 1952), one after the other
//   snappy   the xerial stream (Java) or one raw block (librdkafka), told apart by its 8 bytes
//   lz4      one frame of independent blocks
//   zstd     frames, one after the other
//
// What a Java consumer could not read back is refused here: a second lz4 frame, linked lz4 blocks,
// bytes after the last frame.
//
// Thread   one owner; a shard has one of each and uses it for all its batches
// Owns     contexts (made at the first use of their codec) and the buffer the result lies in
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "protocol/record/batch.h"
#include "protocol/record/scratch_buffer.h"

namespace strandline {

class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;

  // Decompresses all of `compressed`. The bytes lie in this object until the next call; with
  // Codec::none they are `compressed` itself.
  //
  // bytes_max   greatest result; the buffer never grows beyond it, whatever lengths are claimed
  // Errors      decompressed_too_large   there is more than bytes_max; nothing is returned
  //             decompress_failed        damaged, cut short, empty, or followed by other bytes
  Result<ByteView> decompress(Codec codec, ByteView compressed, std::size_t bytes_max);

  // Memory held for the next result, without the contexts (under 9 MiB, most of it lz4's).
  std::size_t buffer_bytes() const { return buffer_.capacity(); }

  // Gives the buffer back when it is larger than that: one huge batch must not stay for ever.
  void trim(std::size_t bytes) {
    if (buffer_.capacity() > bytes) buffer_.release();
  }

 private:
  struct Contexts;

  Result<std::size_t> gzip(ByteView compressed, std::size_t limit);
  Result<std::size_t> snappy(ByteView compressed, std::size_t limit);
  Result<std::size_t> snappy_block(ByteView block, std::size_t written, std::size_t limit);
  Result<std::size_t> lz4(ByteView compressed, std::size_t limit);
  Result<std::size_t> zstd(ByteView compressed, std::size_t limit);
  Result<std::size_t> zstd_frame(ByteView frame, std::size_t written, std::size_t limit);
  Result<void> grow(std::size_t limit);

  std::unique_ptr<Contexts> contexts_;
  ScratchBuffer buffer_;
};

class Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;

  // Appends the compressed form of `plain` to `out`: a gzip member, a xerial stream, an lz4 frame
  // of 64 KiB blocks, a zstd frame; with Codec::none a copy.
  //
  // level    gzip -1 … 9, lz4 0 … 12, zstd -7 … 22, others clamped; none: the codec's own default
  void compress(Codec codec, ByteView plain, std::optional<int> level, std::vector<std::byte>& out);

 private:
  struct Contexts;

  void gzip(ByteView plain, int level, std::vector<std::byte>& out);
  void lz4(ByteView plain, int level, std::vector<std::byte>& out);
  void zstd(ByteView plain, int level, std::vector<std::byte>& out);

  std::unique_ptr<Contexts> contexts_;
};

}  // namespace strandline
