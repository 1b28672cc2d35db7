#include "batch.h"

#include <lz4frame.h>

#include <algorithm>
#include <array>
#include <random>

#include "bytes.h"
#include "socket.h"

namespace load {

namespace {

constexpr std::size_t kCrcAt = 17;
constexpr std::size_t kAttributesAt = 21;
constexpr std::int16_t kCodecLz4 = 3;

// Castagnoli, byte by byte: batches are made before the clock starts.
std::uint32_t crc32c(const std::uint8_t* data, std::size_t size) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t n = 0; n < 256; ++n) {
      std::uint32_t value = n;
      for (int bit = 0; bit < 8; ++bit) value = value & 1 ? value >> 1 ^ 0x82f63b78 : value >> 1;
      made[n] = value;
    }
    return made;
  }();
  std::uint32_t crc = ~0U;
  for (std::size_t n = 0; n < size; ++n) crc = table[(crc ^ data[n]) & 0xff] ^ crc >> 8;
  return ~crc;
}

// Half of the bytes carry six bits of noise, half repeat a short phrase.
std::vector<std::uint8_t> value_bytes(int size, std::mt19937& noise) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  static const std::string phrase = "{\"event\":\"tide\",\"station\":\"north\",\"level\":";
  std::vector<std::uint8_t> value(static_cast<std::size_t>(size));
  for (std::size_t n = 0; n < value.size(); ++n) {
    const bool noisy = n % 64 >= 32;
    value[n] =
        static_cast<std::uint8_t>(noisy ? alphabet[noise() % 64] : phrase[n % phrase.size()]);
  }
  return value;
}

std::vector<std::uint8_t> record_bytes_of(const BatchShape& shape, unsigned seed) {
  std::mt19937 noise(seed);
  Writer records;
  for (int n = 0; n < shape.records; ++n) {
    Writer body;
    body.i8(0);       // attributes
    body.varint(0);   // timestamp delta
    body.varint(n);   // offset delta
    body.varint(-1);  // no key
    body.varint(shape.record_bytes);
    body.raw(value_bytes(shape.record_bytes, noise));
    body.varint(0);  // no headers
    records.varint(static_cast<std::int64_t>(body.bytes().size()));
    records.raw(body.bytes());
  }
  return std::move(records.bytes());
}

std::vector<std::uint8_t> compress(const std::vector<std::uint8_t>& plain) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  std::vector<std::uint8_t> frame(LZ4F_compressFrameBound(plain.size(), &preferences));
  const std::size_t size =
      LZ4F_compressFrame(frame.data(), frame.size(), plain.data(), plain.size(), &preferences);
  if (LZ4F_isError(size) != 0) fail("lz4");
  frame.resize(size);
  return frame;
}

}  // namespace

int records_for(int record_bytes, int batch_bytes) {
  constexpr int header_bytes = 61;
  constexpr int record_overhead = 8;  // lengths and deltas, for the sizes measured here
  return std::max(1, (batch_bytes - header_bytes) / (record_bytes + record_overhead));
}

std::vector<std::uint8_t> make_batch(const BatchShape& shape, std::int64_t timestamp_ms,
                                     unsigned seed) {
  std::vector<std::uint8_t> records = record_bytes_of(shape, seed);
  if (shape.lz4) records = compress(records);
  Writer batch;
  batch.i64(0);  // base offset: the broker assigns it
  batch.i32(static_cast<std::int32_t>(49 + records.size()));
  batch.i32(-1);  // leader epoch
  batch.i8(2);    // magic
  batch.i32(0);   // CRC, below
  batch.i16(shape.lz4 ? kCodecLz4 : std::int16_t{0});
  batch.i32(shape.records - 1);
  batch.i64(timestamp_ms);
  batch.i64(timestamp_ms);
  batch.i64(-1);  // producer id, epoch and sequence: none
  batch.i16(-1);
  batch.i32(-1);
  batch.i32(shape.records);
  batch.raw(records);
  const auto& bytes = batch.bytes();
  batch.patch_i32(kCrcAt, crc32c(bytes.data() + kAttributesAt, bytes.size() - kAttributesAt));
  return std::move(batch.bytes());
}

}  // namespace load
