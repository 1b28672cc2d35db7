#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstring>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "protocol/record/compression.h"
#include "protocol/record/xerial.h"

namespace strandline {

struct Decompressor::Contexts {
  ~Contexts() {
    if (gzip_ready) inflateEnd(&gzip);
    if (lz4 != nullptr) LZ4F_freeDecompressionContext(lz4);
    if (zstd != nullptr) ZSTD_freeDCtx(zstd);
  }

  z_stream gzip{};
  bool gzip_ready = false;
  LZ4F_dctx* lz4 = nullptr;
  ZSTD_DCtx* zstd = nullptr;
};

namespace {

constexpr std::size_t kFirstBufferBytes = 64UL * 1024;
constexpr std::size_t kGuessedRatio = 4;
constexpr int kGzipFormat = 15 + 16;  // the largest window; a gzip header, not zlib's

constexpr std::size_t kLz4HeaderBytesMin = 7;
constexpr std::uint32_t kLz4Magic = 0x04224d18;   // as the bytes read, most significant first
constexpr std::byte kLz4IndependentBlocks{0x20};  // in the flag byte after the magic
constexpr std::uint32_t kZstdMagic = 0x28b52ffd;  // likewise

// A snappy copy turns 3 bytes into at most 64; a larger claim is a lie, whatever the limit.
constexpr std::size_t kSnappyRatioMax = 22;

}  // namespace

Decompressor::Decompressor() = default;
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;

Result<ByteView> Decompressor::decompress(Codec codec, ByteView compressed, std::size_t bytes_max) {
  if (codec == Codec::none) {
    if (compressed.size() > bytes_max) return Errc::decompressed_too_large;
    return compressed;
  }
  if (compressed.empty() || compressed.size() > INT32_MAX) return Errc::decompress_failed;
  if (contexts_ == nullptr) contexts_ = std::make_unique<Contexts>();
  // One byte beyond what is allowed tells "just fits" from "goes on".
  const std::size_t limit = std::min<std::size_t>(bytes_max, SIZE_MAX - 1) + 1;
  buffer_.reserve(std::min(limit, std::max(kFirstBufferBytes, compressed.size() * kGuessedRatio)));
  Result<std::size_t> written = Errc::decompress_failed;
  switch (codec) {
    case Codec::gzip: written = gzip(compressed, limit); break;
    case Codec::snappy: written = snappy(compressed, limit); break;
    case Codec::lz4: written = lz4(compressed, limit); break;
    case Codec::zstd: written = zstd(compressed, limit); break;
    default: break;
  }
  if (!written) return written.error();
  if (written.value() > bytes_max) return Errc::decompressed_too_large;
  return ByteView{buffer_.data(), written.value()};
}

// Doubles the buffer, up to `limit`. Needs a full buffer: at the limit there is too much.
Result<void> Decompressor::grow(std::size_t limit) {
  if (buffer_.capacity() >= limit) return Errc::decompressed_too_large;
  buffer_.reserve(std::min(limit, buffer_.capacity() * 2));
  return success();
}

Result<std::size_t> Decompressor::gzip(ByteView compressed, std::size_t limit) {
  z_stream& stream = contexts_->gzip;
  const int ready =
      contexts_->gzip_ready ? inflateReset(&stream) : inflateInit2(&stream, kGzipFormat);
  STRANDLINE_ASSERT(ready == Z_OK);
  contexts_->gzip_ready = true;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::size_t written = 0;
  while (true) {
    std::size_t room = std::min(limit, buffer_.capacity()) - written;
    if (room == 0) {
      STRANDLINE_TRYV(grow(limit));
      continue;
    }
    room = std::min<std::size_t>(room, UINT32_MAX);
    stream.next_out = reinterpret_cast<Bytef*>(buffer_.data() + written);
    stream.avail_out = static_cast<uInt>(room);
    const int outcome = inflate(&stream, Z_NO_FLUSH);
    written += room - stream.avail_out;
    if (outcome == Z_STREAM_END) {
      if (stream.avail_in == 0) return written;
      // Java's reader goes on with the next member; anything else there fails its header check.
      if (inflateReset(&stream) != Z_OK) return Errc::decompress_failed;
      continue;
    }
    if (outcome != Z_OK) return Errc::decompress_failed;
    // All was read and there was room for more: the end is missing.
    if (stream.avail_in == 0 && stream.avail_out != 0) return Errc::decompress_failed;
  }
}

Result<std::size_t> Decompressor::snappy_block(ByteView block, std::size_t written,
                                               std::size_t limit) {
  const char* from = as_text(block).data();
  std::size_t claimed = 0;
  if (!snappy::GetUncompressedLength(from, block.size(), &claimed)) return Errc::decompress_failed;
  if (claimed / kSnappyRatioMax > block.size()) return Errc::decompress_failed;
  if (claimed >= limit - written) return Errc::decompressed_too_large;
  while (buffer_.capacity() - written < claimed) {
    STRANDLINE_TRYV(grow(limit));
  }
  auto* to = reinterpret_cast<char*>(buffer_.data() + written);
  if (!snappy::RawUncompress(from, block.size(), to)) return Errc::decompress_failed;
  return written + claimed;
}

Result<std::size_t> Decompressor::snappy(ByteView compressed, std::size_t limit) {
  const auto starts_stream = [](ByteView bytes) {
    return bytes.size() >= xerial::kMagic.size() &&
           std::memcmp(bytes.data(), xerial::kMagic.data(), xerial::kMagic.size()) == 0;
  };
  if (!starts_stream(compressed)) return snappy_block(compressed, 0, limit);
  std::size_t written = 0;
  while (!compressed.empty()) {
    // Streams may follow one another: a header where a block size was due starts the next.
    if (starts_stream(compressed)) {
      if (compressed.size() < xerial::kHeaderBytes) return Errc::decompress_failed;
      const auto lowest = load_be<std::int32_t>(compressed.data() + 12);
      if (lowest > xerial::kVersion) return Errc::decompress_failed;
      compressed = compressed.subspan(xerial::kHeaderBytes);
      continue;
    }
    if (compressed.size() < 4) return Errc::decompress_failed;
    const auto size = load_be<std::uint32_t>(compressed.data());
    compressed = compressed.subspan(4);
    if (size > compressed.size()) return Errc::decompress_failed;
    STRANDLINE_TRY(written, snappy_block(compressed.first(size), written, limit));
    compressed = compressed.subspan(size);
  }
  return written;
}

Result<std::size_t> Decompressor::lz4(ByteView compressed, std::size_t limit) {
  if (compressed.size() < kLz4HeaderBytesMin) return Errc::decompress_failed;
  if (load_be<std::uint32_t>(compressed.data()) != kLz4Magic) return Errc::decompress_failed;
  // Java's reader knows independent blocks only: stored, such a batch would stop its consumers.
  if ((compressed[4] & kLz4IndependentBlocks) == std::byte{0}) return Errc::decompress_failed;
  LZ4F_dctx*& context = contexts_->lz4;
  if (context == nullptr) {
    const auto made = LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
    STRANDLINE_ASSERT(LZ4F_isError(made) == 0);
  }
  LZ4F_resetDecompressionContext(context);
  std::size_t written = 0;
  while (true) {
    std::size_t room = std::min(limit, buffer_.capacity()) - written;
    if (room == 0) {
      STRANDLINE_TRYV(grow(limit));
      continue;
    }
    std::size_t taken = compressed.size();
    const std::size_t expects = LZ4F_decompress(context, buffer_.data() + written, &room,
                                                compressed.data(), &taken, nullptr);
    if (LZ4F_isError(expects) != 0) return Errc::decompress_failed;
    written += room;
    compressed = compressed.subspan(taken);
    if (expects == 0) {
      // Java's reader stops after one frame and would never see what follows.
      if (!compressed.empty()) return Errc::decompress_failed;
      return written;
    }
    if (room == 0 && taken == 0) return Errc::decompress_failed;
  }
}

// In one step into the result, again with a larger buffer when it did not fit: streaming would make
// the library allocate the window that the frame's header claims.
Result<std::size_t> Decompressor::zstd_frame(ByteView frame, std::size_t written,
                                             std::size_t limit) {
  while (true) {
    const std::size_t room = std::min(limit, buffer_.capacity()) - written;
    const std::size_t size = ZSTD_decompressDCtx(contexts_->zstd, buffer_.data() + written, room,
                                                 frame.data(), frame.size());
    if (ZSTD_isError(size) == 0) return written + size;
    if (ZSTD_getErrorCode(size) != ZSTD_error_dstSize_tooSmall) return Errc::decompress_failed;
    STRANDLINE_TRYV(grow(limit));
  }
}

Result<std::size_t> Decompressor::zstd(ByteView compressed, std::size_t limit) {
  if (contexts_->zstd == nullptr) contexts_->zstd = ZSTD_createDCtx();
  STRANDLINE_ASSERT(contexts_->zstd != nullptr);
  std::size_t written = 0;
  while (!compressed.empty()) {
    // The library would also take the formats of before 1.0 and skip frames it is told to skip.
    if (compressed.size() < 4 || load_be<std::uint32_t>(compressed.data()) != kZstdMagic) {
      return Errc::decompress_failed;
    }
    const std::size_t size = ZSTD_findFrameCompressedSize(compressed.data(), compressed.size());
    if (ZSTD_isError(size) != 0) return Errc::decompress_failed;
    STRANDLINE_TRY(written, zstd_frame(compressed.first(size), written, limit));
    compressed = compressed.subspan(size);
  }
  return written;
}

}  // namespace strandline
