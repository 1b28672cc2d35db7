#include "protocol/record/compression.h"

#include <lz4frame.h>
#include <snappy.h>

#include <catch2/catch.hpp>
#include <string>

#include "protocol/base/errc.h"
#include "protocol/base/prng.h"
#include "tests/unit/protocol/record/vectors.h"

namespace strandline {
namespace {

using Bytes = std::vector<std::byte>;
using test::hex;

constexpr Codec kCodecs[] = {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd};
constexpr std::size_t kPlenty = 64UL << 20;

Bytes compress(Codec codec, ByteView plain, std::optional<int> level = {}) {
  Compressor compressor;
  Bytes out;
  compressor.compress(codec, plain, level, out);
  return out;
}

Bytes raw_snappy(std::string_view plain) {
  std::string out;
  snappy::Compress(plain.data(), plain.size(), &out);
  const ByteView bytes = as_bytes(out);
  return {bytes.begin(), bytes.end()};
}

bool same(ByteView a, ByteView b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

// Half random, half repeated: neither stored nor collapsed to nothing by any codec.
Bytes sample(std::size_t size, std::uint64_t seed) {
  Prng prng{seed};
  Bytes plain(size);
  for (std::size_t i = 0; i < size; ++i) {
    const bool repeat = i >= 40 && (i / 97) % 2 == 0;
    plain[i] = repeat ? plain[i - 40] : static_cast<std::byte>(prng.next());
  }
  return plain;
}

TEST_CASE("Decompressor: gives back what the Compressor took, for every codec and size",
          "[record][codec]") {
  Compressor compressor;
  Decompressor decompressor;
  for (const Codec codec : kCodecs) {
    for (const std::size_t size : {1, 15, 100, 32767, 32768, 32769, 65536, 300'000, 5'000'000}) {
      const Bytes plain = sample(size, size);
      Bytes packed;
      compressor.compress(codec, plain, {}, packed);
      const auto back = decompressor.decompress(codec, packed, kPlenty);
      REQUIRE(back.has_value());
      REQUIRE(same(back.value(), plain));
    }
  }
}

TEST_CASE("Decompressor: every level of a codec reads alike, levels beyond are clamped",
          "[record][codec]") {
  const Bytes plain = sample(100'000, 3);
  Decompressor decompressor;
  for (const Codec codec : kCodecs) {
    for (const int level : {-1000, -7, -1, 0, 1, 3, 9, 12, 1000}) {
      const Bytes packed = compress(codec, plain, level);
      REQUIRE(same(decompressor.decompress(codec, packed, kPlenty).value(), plain));
    }
  }
}

TEST_CASE("Compressor: appends, so that a batch header can stand before", "[record][codec]") {
  for (const Codec codec : kCodecs) {
    Compressor compressor;
    Bytes out(61, std::byte{7});
    const Bytes plain = sample(1000, 1);
    compressor.compress(codec, plain, {}, out);
    REQUIRE(same(ByteView{out}.first(61), Bytes(61, std::byte{7})));
    Decompressor decompressor;
    CHECK(same(decompressor.decompress(codec, ByteView{out}.subspan(61), kPlenty).value(), plain));
  }
}

TEST_CASE("Decompressor: plain bytes stay where they are", "[record][codec]") {
  const Bytes plain = sample(100, 9);
  Decompressor decompressor;
  const ByteView back = decompressor.decompress(Codec::none, plain, 100).value();
  CHECK(back.data() == plain.data());
  CHECK(decompressor.buffer_bytes() == 0);
  CHECK(decompressor.decompress(Codec::none, plain, 99).error() == Errc::decompressed_too_large);
}

TEST_CASE("Decompressor: tells a raw snappy block from a xerial stream", "[record][codec]") {
  const Bytes plain = sample(100'000, 4);
  Decompressor decompressor;
  const Bytes raw = raw_snappy(as_text(plain));
  CHECK(same(decompressor.decompress(Codec::snappy, raw, kPlenty).value(), plain));
  const Bytes xerial = compress(Codec::snappy, plain);
  CHECK(same(ByteView{xerial}.first(16), hex("82534e41505059 00 00000001 00000001")));
  CHECK(same(decompressor.decompress(Codec::snappy, xerial, kPlenty).value(), plain));
}

TEST_CASE("Decompressor: xerial streams may follow one another", "[record][codec]") {
  Bytes packed = compress(Codec::snappy, as_bytes("high "));
  const Bytes second = compress(Codec::snappy, as_bytes("watermark"));
  packed.insert(packed.end(), second.begin(), second.end());
  Decompressor decompressor;
  const auto back = decompressor.decompress(Codec::snappy, packed, kPlenty);
  CHECK(as_text(back.value()) == "high watermark");
}

TEST_CASE("Decompressor: a xerial stream that needs a newer reader is refused", "[record][codec]") {
  Bytes packed = compress(Codec::snappy, as_bytes("strandline"));
  packed[15] = std::byte{2};
  Decompressor decompressor;
  CHECK(decompressor.decompress(Codec::snappy, packed, kPlenty).error() == Errc::decompress_failed);
}

TEST_CASE("Decompressor: gzip members and zstd frames may follow one another", "[record][codec]") {
  Decompressor decompressor;
  for (const Codec codec : {Codec::gzip, Codec::zstd}) {
    Bytes packed = compress(codec, as_bytes("high "));
    const Bytes second = compress(codec, as_bytes("watermark"));
    packed.insert(packed.end(), second.begin(), second.end());
    CHECK(as_text(decompressor.decompress(codec, packed, kPlenty).value()) == "high watermark");
    CHECK(decompressor.decompress(codec, packed, 13).error() == Errc::decompressed_too_large);
  }
}

TEST_CASE("Decompressor: a second lz4 frame is refused, Java would not see it", "[record][codec]") {
  Bytes packed = compress(Codec::lz4, as_bytes("high "));
  const Bytes second = compress(Codec::lz4, as_bytes("watermark"));
  packed.insert(packed.end(), second.begin(), second.end());
  Decompressor decompressor;
  CHECK(decompressor.decompress(Codec::lz4, packed, kPlenty).error() == Errc::decompress_failed);
}

TEST_CASE("Decompressor: linked lz4 blocks are refused, Java cannot read them", "[record][codec]") {
  LZ4F_preferences_t how{};
  how.frameInfo.blockMode = LZ4F_blockLinked;
  const Bytes plain = sample(200'000, 5);  // one block would not be linked to anything
  Bytes packed(LZ4F_compressFrameBound(plain.size(), &how));
  packed.resize(LZ4F_compressFrame(packed.data(), packed.size(), plain.data(), plain.size(), &how));
  Decompressor decompressor;
  CHECK(decompressor.decompress(Codec::lz4, packed, kPlenty).error() == Errc::decompress_failed);
}

TEST_CASE("Decompressor: lz4 frames with checksums, sizes and large blocks are read",
          "[record][codec]") {
  LZ4F_preferences_t how{};
  how.frameInfo.blockMode = LZ4F_blockIndependent;
  how.frameInfo.blockSizeID = LZ4F_max4MB;
  how.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  how.frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled;
  how.frameInfo.contentSize = 5'000'000;
  const Bytes plain = sample(5'000'000, 6);
  Bytes packed(LZ4F_compressFrameBound(plain.size(), &how));
  packed.resize(LZ4F_compressFrame(packed.data(), packed.size(), plain.data(), plain.size(), &how));
  Decompressor decompressor;
  CHECK(same(decompressor.decompress(Codec::lz4, packed, kPlenty).value(), plain));
  packed.back() ^= std::byte{1};
  CHECK(decompressor.decompress(Codec::lz4, packed, kPlenty).error() == Errc::decompress_failed);
}

TEST_CASE("Decompressor: bytes after the end are refused", "[record][codec]") {
  Decompressor decompressor;
  for (const Codec codec : kCodecs) {
    for (const std::size_t more : {1, 3, 4, 17}) {
      Bytes packed = compress(codec, sample(1000, 8));
      packed.resize(packed.size() + more, std::byte{0xaa});
      REQUIRE(decompressor.decompress(codec, packed, kPlenty).error() == Errc::decompress_failed);
    }
  }
}

TEST_CASE("Decompressor: cut at any byte, compressed bytes are refused or give a prefix of blocks",
          "[record][codec]") {
  const Bytes plain = sample(70'000, 2);
  Decompressor decompressor;
  for (const Codec codec : kCodecs) {
    const Bytes packed = compress(codec, plain);
    for (std::size_t cut = 0; cut < packed.size(); cut += cut < 200 ? 1 : 131) {
      const Bytes part(packed.begin(), packed.begin() + static_cast<long>(cut));
      const auto back = decompressor.decompress(codec, part, kPlenty);
      if (!back) continue;
      // Only a xerial stream has no end mark: cut between two blocks it looks whole.
      REQUIRE(codec == Codec::snappy);
      REQUIRE(back.value().size() % (32 * 1024) == 0);
      REQUIRE(same(back.value(), ByteView{plain}.first(back.value().size())));
    }
  }
}

TEST_CASE("Decompressor: exactly the bound fits, one byte more does not", "[record][codec]") {
  const Bytes plain = sample(200'000, 7);
  for (const Codec codec : kCodecs) {
    const Bytes packed = compress(codec, plain);
    Decompressor decompressor;
    CHECK(same(decompressor.decompress(codec, packed, plain.size()).value(), plain));
    CHECK(decompressor.decompress(codec, packed, plain.size() - 1).error() ==
          Errc::decompressed_too_large);
    // The same with a buffer that has grown beyond the bound before.
    CHECK(decompressor.decompress(codec, packed, 10).error() == Errc::decompressed_too_large);
    CHECK(same(decompressor.decompress(codec, packed, kPlenty).value(), plain));
  }
}

TEST_CASE("Decompressor: a bomb is cut at the bound, and no more memory was taken",
          "[record][codec]") {
  constexpr std::size_t kBound = 1 << 20;
  const Bytes zeros(64UL << 20);
  for (const Codec codec : kCodecs) {
    const Bytes packed = compress(codec, zeros);
    REQUIRE(packed.size() < zeros.size() / 15);
    Decompressor decompressor;
    CHECK(decompressor.decompress(codec, packed, kBound).error() == Errc::decompressed_too_large);
    CHECK(decompressor.buffer_bytes() <= kBound + 1);
  }
}

TEST_CASE("Decompressor: a claimed length allocates nothing", "[record][codec]") {
  Decompressor decompressor;
  // Raw snappy block: "4 GiB follow", then one byte.
  CHECK(decompressor.decompress(Codec::snappy, hex("ffffffff0f 00"), kPlenty).has_error());
  // Xerial stream whose block of 6 bytes says the same, and one whose block is 2 GiB.
  CHECK(decompressor
            .decompress(Codec::snappy,
                        hex("82534e4150505900 00000001 00000001 00000006 ffffffff0f 00"), kPlenty)
            .has_error());
  CHECK(
      decompressor
          .decompress(Codec::snappy, hex("82534e4150505900 00000001 00000001 7fffffff 00"), kPlenty)
          .has_error());
  // zstd frame header with a window of 2 GiB and a content size of 2^62, then nothing.
  CHECK(decompressor.decompress(Codec::zstd, hex("28b52ffd c0 a8 0000000000000040"), kPlenty)
            .has_error());
  CHECK(decompressor.buffer_bytes() <= 64UL * 1024);
}

TEST_CASE("Decompressor: nothing is not something compressed", "[record][codec]") {
  Decompressor decompressor;
  for (const Codec codec : kCodecs) {
    CHECK(decompressor.decompress(codec, {}, kPlenty).error() == Errc::decompress_failed);
  }
}

TEST_CASE("Decompressor: zstd frames of other formats are refused", "[record][codec]") {
  Decompressor decompressor;
  // A skippable frame of 4 bytes, and the magic of zstd 0.7.
  CHECK(decompressor.decompress(Codec::zstd, hex("502a4d18 04000000 00000000"), kPlenty).error() ==
        Errc::decompress_failed);
  CHECK(decompressor.decompress(Codec::zstd, hex("27b52ffd 04000000 00000000"), kPlenty).error() ==
        Errc::decompress_failed);
}

TEST_CASE("Decompressor: flipped bits never end in a result larger than the bound",
          "[record][codec]") {
  const Bytes plain = sample(3000, 11);
  Decompressor decompressor;
  Prng prng{12};
  for (const Codec codec : kCodecs) {
    const Bytes packed = compress(codec, plain);
    for (int round = 0; round < 3000; ++round) {
      Bytes damaged = packed;
      for (int flips = 0; flips < 3; ++flips) {
        damaged[prng.below(damaged.size())] ^= static_cast<std::byte>(1U << prng.below(8));
      }
      const auto back = decompressor.decompress(codec, damaged, 5000);
      if (back) REQUIRE(back.value().size() <= 5000);
    }
    REQUIRE(decompressor.buffer_bytes() <= 5001);
    REQUIRE(same(decompressor.decompress(codec, packed, 5000).value(), plain));
  }
}

TEST_CASE("Decompressor: one huge batch does not keep its memory", "[record][codec]") {
  Decompressor decompressor;
  const Bytes packed = compress(Codec::lz4, Bytes(8UL << 20));
  REQUIRE(decompressor.decompress(Codec::lz4, packed, kPlenty).has_value());
  CHECK(decompressor.buffer_bytes() >= 8UL << 20);
  decompressor.trim(16UL << 20);
  CHECK(decompressor.buffer_bytes() >= 8UL << 20);
  decompressor.trim(1UL << 20);
  CHECK(decompressor.buffer_bytes() == 0);
}

}  // namespace
}  // namespace strandline
