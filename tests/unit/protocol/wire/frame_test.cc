#include "protocol/wire/frame.h"

#include <catch2/catch.hpp>

#include "protocol/wire/messages/all.h"
#include "tests/unit/protocol/wire/wire_bytes.h"

namespace strandline::wire {
namespace {

Errc header_error(const std::string& hex, DecodeFailure* failure = nullptr) {
  const ExactCopy frame{from_hex(hex)};
  const auto header = decode_request_header(frame.view(), failure);
  return header.has_value() ? Errc::ok : errc_of(header.error());
}

TEST_CASE("frame: a size is refused when negative or above the limit", "[wire]") {
  const auto size = [](const char* hex) { return decode_frame_size(from_hex(hex), 1000); };
  CHECK(size("000003e8").value() == 1000);
  CHECK(size("00000000").value() == 0);
  CHECK(size("000003e9").error() == Errc::frame_too_large);
  CHECK(size("7fffffff").error() == Errc::frame_too_large);
  CHECK(size("ffffffff").error() == Errc::malformed_frame);
  CHECK(size("47455420").error() == Errc::frame_too_large);  // "GET "
}

TEST_CASE("frame: key, version and correlation id can be read of any request", "[wire]") {
  const auto frame = from_hex("7fff 0063 00000009 anything");
  const auto prefix = decode_request_prefix(frame);
  CHECK(prefix.value().api_key == 0x7fff);
  CHECK(prefix.value().api_version == 0x63);
  CHECK(prefix.value().correlation_id == 9);
  CHECK(decode_request_prefix(from_hex("0012 0003 000000")).error() == Errc::truncated_frame);
  CHECK(decode_request_prefix({}).error() == Errc::truncated_frame);
}

TEST_CASE("frame: unknown APIs and versions are told apart", "[wire]") {
  CHECK(header_error("0004 0000 00000001 0000") == Errc::unsupported_api);  // LeaderAndIsr
  CHECK(header_error("ffff 0000 00000001 0000") == Errc::unsupported_api);
  CHECK(header_error("7fff 0000 00000001 0000") == Errc::unsupported_api);
  CHECK(header_error("0012 0005 00000001 0000") == Errc::unsupported_version);
  CHECK(header_error("0012 ffff 00000001 0000") == Errc::unsupported_version);
  CHECK(header_error("0001 0003 00000001 0000") == Errc::unsupported_version);
}

TEST_CASE("frame: Produce before version 3 is announced and not served", "[wire]") {
  CHECK(kProduceApi.announced.contains(0));
  for (const char* version : {"0000", "0001", "0002"}) {
    CHECK(header_error(std::string{"0000 "} + version + "00000001 0000") ==
          Errc::unsupported_version);
  }
  CHECK(header_error("0000 0003 00000001 0000") == Errc::ok);
}

TEST_CASE("frame: a null client id reads as empty, in flexible headers too", "[wire]") {
  const auto plain = from_hex("0003 0001 00000001 ffff 00000000");
  CHECK(decode_request_header(plain).value().client_id.empty());
  const auto flexible = from_hex("0003 0009 00000001 ffff 00 01 00 00 00 00");
  const auto header = decode_request_header(flexible);
  CHECK(header.value().client_id.empty());
  CHECK(header.value().body.size() == 5);
}

TEST_CASE("frame: tags in a flexible header are skipped", "[wire]") {
  const auto frame = from_hex("0012 0003 00000001 0001 61 02 00 01 ff 07 02 ffff 02 61 02 62 00");
  const auto header = decode_request_header(frame);
  REQUIRE(header.has_value());
  CHECK(header.value().client_id == "a");
  const auto body = decode_all<ApiVersionsRequest>(header.value().body, 3);
  CHECK(body.value().client_software_name == "a");
  CHECK(header_error("0012 0003 00000001 0001 61 02 07 00 07 00") == Errc::malformed_frame);
}

TEST_CASE("frame: a header cut anywhere is refused", "[wire]") {
  const auto whole = from_hex("0012 0003 00000001 0003 616263 01 05 02 ffff");
  REQUIRE(header_error(hex_of(whole)) == Errc::ok);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    CHECK(header_error(hex_of(ByteView{whole}.first(cut))) == Errc::truncated_frame);
  }
  DecodeFailure failure;
  CHECK(header_error("0012 0003 00000001 fffe", &failure) == Errc::malformed_frame);
  CHECK(failure.to_text() == "client_id at byte 10: frame does not decode");
}

TEST_CASE("frame: answers to ApiVersions carry the plain header in flexible versions", "[wire]") {
  EncodedFrame out;
  encode_response(ApiVersionsResponse{}, 3, 5, out);
  CHECK(hex_of(out.buffer.view()) ==
        "0000000c0000000500000100000000"
        "00");
  const auto frame = from_hex("00000005 00 rest");
  CHECK(decode_response_header(frame, kMetadataApi, 9).value().body.empty());
  CHECK(decode_response_header(frame, kApiVersionsApi, 3).value().body.size() == 1);
  CHECK(decode_response_header(from_hex("000000"), kMetadataApi, 1).error() ==
        Errc::truncated_frame);
  CHECK(decode_response_header(from_hex("00000001"), kMetadataApi, 9).error() ==
        Errc::truncated_frame);
}

TEST_CASE("frame: several frames can follow each other in one buffer", "[wire]") {
  EncodedFrame out;
  encode_response(InitProducerIdResponse{}, 0, 1, out);
  const std::size_t first = out.buffer.size();
  encode_response(InitProducerIdResponse{}, 0, 2, out);
  CHECK(out.buffer.size() == 2 * first);
  const ByteView second = out.buffer.view().subspan(first);
  CHECK(decode_frame_size(second, 1000).value() == first - kFrameSizeBytes);
  CHECK(load_be<std::int32_t>(second.data() + kFrameSizeBytes) == 2);
}

}  // namespace
}  // namespace strandline::wire
