#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "protocol/base/assertion.h"
#include "protocol/record/compression.h"
#include "protocol/record/xerial.h"

namespace strandline {

struct Compressor::Contexts {
  ~Contexts() {
    if (gzip_ready) deflateEnd(&gzip);
    if (lz4 != nullptr) LZ4F_freeCompressionContext(lz4);
    if (zstd != nullptr) ZSTD_freeCCtx(zstd);
  }

  z_stream gzip{};
  bool gzip_ready = false;
  int gzip_level = 0;
  LZ4F_cctx* lz4 = nullptr;
  ZSTD_CCtx* zstd = nullptr;
};

namespace {

constexpr int kGzipFormat = 15 + 16;
constexpr int kGzipMemoryLevel = 8;
constexpr int kZstdLevelMin = -7;  // faster ones exist; below this they barely compress

// Makes room for `bound` more bytes and gives the place where they go.
std::byte* append_room(std::vector<std::byte>& out, std::size_t bound) {
  const std::size_t before = out.size();
  out.resize(before + bound);
  return out.data() + before;
}

void xerial_stream(ByteView plain, std::vector<std::byte>& out) {
  std::byte* header = append_room(out, xerial::kHeaderBytes);
  std::memcpy(header, xerial::kMagic.data(), xerial::kMagic.size());
  store_be(header + 8, xerial::kVersion);
  store_be(header + 12, xerial::kVersion);
  while (!plain.empty()) {
    const ByteView block = plain.first(std::min(plain.size(), xerial::kBlockBytes));
    const std::size_t before = out.size();
    std::byte* at = append_room(out, 4 + snappy::MaxCompressedLength(block.size()));
    std::size_t size = 0;
    snappy::RawCompress(as_text(block).data(), block.size(), reinterpret_cast<char*>(at + 4),
                        &size);
    store_be(at, static_cast<std::int32_t>(size));
    out.resize(before + 4 + size);
    plain = plain.subspan(block.size());
  }
}

}  // namespace

Compressor::Compressor() : contexts_(std::make_unique<Contexts>()) {}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;

void Compressor::compress(Codec codec, ByteView plain, std::optional<int> level,
                          std::vector<std::byte>& out) {
  switch (codec) {
    case Codec::none: out.insert(out.end(), plain.begin(), plain.end()); return;
    case Codec::gzip:
      return gzip(plain, std::clamp(level.value_or(Z_DEFAULT_COMPRESSION), -1, 9), out);
    case Codec::snappy: return xerial_stream(plain, out);
    case Codec::lz4:
      return lz4(plain, std::clamp(level.value_or(0), 0, LZ4F_compressionLevel_max()), out);
    case Codec::zstd:
      return zstd(plain,
                  std::clamp(level.value_or(ZSTD_CLEVEL_DEFAULT), kZstdLevelMin, ZSTD_maxCLevel()),
                  out);
  }
}

void Compressor::gzip(ByteView plain, int level, std::vector<std::byte>& out) {
  z_stream& stream = contexts_->gzip;
  if (contexts_->gzip_ready && contexts_->gzip_level != level) {
    deflateEnd(&stream);
    contexts_->gzip_ready = false;
  }
  const int ready = contexts_->gzip_ready ? deflateReset(&stream)
                                          : deflateInit2(&stream, level, Z_DEFLATED, kGzipFormat,
                                                         kGzipMemoryLevel, Z_DEFAULT_STRATEGY);
  STRANDLINE_ASSERT(ready == Z_OK);
  contexts_->gzip_ready = true;
  contexts_->gzip_level = level;
  const std::size_t before = out.size();
  const std::size_t bound = deflateBound(&stream, plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(append_room(out, bound));
  stream.avail_out = static_cast<uInt>(bound);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  const int done = deflate(&stream, Z_FINISH);
  STRANDLINE_ASSERT(done == Z_STREAM_END);
  out.resize(before + bound - stream.avail_out);
}

void Compressor::lz4(ByteView plain, int level, std::vector<std::byte>& out) {
  LZ4F_cctx*& context = contexts_->lz4;
  if (context == nullptr) {
    const auto made = LZ4F_createCompressionContext(&context, LZ4F_VERSION);
    STRANDLINE_ASSERT(LZ4F_isError(made) == 0);
  }
  LZ4F_preferences_t how{};
  how.frameInfo.blockMode = LZ4F_blockIndependent;  // the only mode Java's reader knows
  how.frameInfo.blockSizeID = LZ4F_max64KB;
  how.compressionLevel = level;
  how.autoFlush = 1;
  const std::size_t before = out.size();
  const std::size_t bound = LZ4F_compressFrameBound(plain.size(), &how) + LZ4F_HEADER_SIZE_MAX;
  std::byte* const start = append_room(out, bound);
  std::size_t size = 0;
  const auto advance = [&size](std::size_t step) {
    STRANDLINE_ASSERT(LZ4F_isError(step) == 0);
    size += step;
  };
  advance(LZ4F_compressBegin(context, start, bound, &how));
  advance(LZ4F_compressUpdate(context, start + size, bound - size, plain.data(), plain.size(),
                              nullptr));
  advance(LZ4F_compressEnd(context, start + size, bound - size, nullptr));
  out.resize(before + size);
}

void Compressor::zstd(ByteView plain, int level, std::vector<std::byte>& out) {
  if (contexts_->zstd == nullptr) contexts_->zstd = ZSTD_createCCtx();
  STRANDLINE_ASSERT(contexts_->zstd != nullptr);
  const std::size_t before = out.size();
  const std::size_t bound = ZSTD_compressBound(plain.size());
  std::byte* start = append_room(out, bound);
  const std::size_t size =
      ZSTD_compressCCtx(contexts_->zstd, start, bound, plain.data(), plain.size(), level);
  STRANDLINE_ASSERT(ZSTD_isError(size) == 0);
  out.resize(before + size);
}

}  // namespace strandline
