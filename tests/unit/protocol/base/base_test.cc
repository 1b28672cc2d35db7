#include <catch2/catch.hpp>
#include <string>

#include "protocol/base/bytes.h"
#include "protocol/base/crc32c.h"
#include "protocol/base/errc.h"
#include "protocol/base/hash.h"
#include "protocol/base/ids.h"
#include "protocol/base/prng.h"
#include "protocol/base/result.h"
#include "protocol/base/uuid.h"

namespace strandline {
namespace {

TEST_CASE("crc32c: gives the published check value", "[base]") {
  CHECK(crc32c(as_bytes("123456789")) == 0xe3069283U);
  CHECK(crc32c({}) == 0U);
}

TEST_CASE("crc32c: a checksum in pieces equals the checksum of the whole", "[base]") {
  const std::string text = "the mark that the highest water leaves on a beach";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::string_view all = text;
    CHECK(crc32c_extend(crc32c(as_bytes(all.substr(0, cut))), as_bytes(all.substr(cut))) ==
          crc32c(as_bytes(text)));
  }
}

TEST_CASE("xxh3: a digest in pieces equals the digest of the whole", "[base]") {
  const std::string text(10'000, 'x');
  Xxh3 pieces;
  for (std::size_t at = 0; at < text.size(); at += 777) {
    pieces.update(as_bytes(std::string_view{text}.substr(at, 777)));
  }
  CHECK(pieces.digest() == xxh3(as_bytes(text)));
}

TEST_CASE("bytes: big-endian numbers come back and lie most significant first", "[base]") {
  std::byte raw[8];
  store_be<std::int32_t>(raw, -2);
  CHECK(raw[0] == std::byte{0xff});
  CHECK(raw[3] == std::byte{0xfe});
  CHECK(load_be<std::int32_t>(raw) == -2);
  store_be<std::uint64_t>(raw, 0x0102030405060708U);
  CHECK(raw[0] == std::byte{1});
  CHECK(load_be<std::uint16_t>(raw + 6) == 0x0708);
}

TEST_CASE("sequence_after: wraps from 2^31-1 to 0", "[base]") {
  CHECK(sequence_after(Sequence{2147483647}, 1) == Sequence{0});
  CHECK(sequence_after(Sequence{2147483646}, 3) == Sequence{1});
  CHECK(sequence_after(Sequence{7}, 0) == Sequence{7});
}

TEST_CASE("uuid: text and bytes name the same id", "[base]") {
  Prng prng{41};
  for (int i = 0; i < 1000; ++i) {
    const Uuid id = make_uuid(prng);
    const std::string text = to_text(id);
    REQUIRE(text.size() == 22);
    REQUIRE(text.front() != '-');
    REQUIRE(uuid_from_text(text).value() == id);
  }
  CHECK(to_text(Uuid{}) == "AAAAAAAAAAAAAAAAAAAAAA");
}

TEST_CASE("uuid: text that is no id is refused", "[base]") {
  CHECK(uuid_from_text("").error() == Errc::invalid_uuid);
  CHECK(uuid_from_text("AAAAAAAAAAAAAAAAAAAAAB").error() == Errc::invalid_uuid);
  CHECK(uuid_from_text("AAAAAAAAAAAAAAAAAAAA+A").error() == Errc::invalid_uuid);
}

TEST_CASE("errc: our own codes become Kafka codes on the wire, system errors a storage error",
          "[base]") {
  CHECK(kafka_code(Errc::fenced_leader_epoch) == 74);
  CHECK(kafka_code(make_error_code(Errc::corrupt_batch)) == 2);
  CHECK(kafka_code(ErrorCode{}) == 0);
  CHECK(kafka_code(ErrorCode{5, boost::system::system_category()}) == 56);
  CHECK(make_error_code(Errc::unknown_server_error).failed());
  CHECK(errc_name(Errc::segment_full) == "segment_full");
}

TEST_CASE("prng: one seed gives one sequence, within the bound", "[base]") {
  Prng a{7};
  Prng b{7};
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t x = a.below(10);
    REQUIRE(x == b.below(10));
    REQUIRE(x < 10);
  }
  CHECK(Prng{1}.next() != Prng{2}.next());
}

}  // namespace
}  // namespace strandline
