#include "protocol/rpc/frame.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errc.h"
#include "protocol/base/hash.h"
#include "protocol/rpc/frame_decoder.h"
#include "protocol/rpc/frame_encoder.h"

namespace strandline::rpc {
namespace {

constexpr FrameLimits kLimits{
    .message_bytes_max = 100, .attachments_max = 3, .attachment_bytes_max = 200};

constexpr FrameHeader kRequest{
    .kind = FrameKind::request, .method = Method{0x0102}, .request_id = 7};

std::string encode(const FrameHeader& header, std::string_view message,
                   const std::vector<std::string>& attachments = {},
                   const FrameLimits& limits = kLimits) {
  std::vector<std::uint64_t> lengths;
  for (const std::string& attachment : attachments) lengths.push_back(attachment.size());
  wire::ByteBuffer head;
  REQUIRE(encode_frame_head(header, as_bytes(message), lengths, limits, head).has_value());
  std::string bytes{as_text(head.view())};
  for (const std::string& attachment : attachments) bytes += attachment;
  return bytes;
}

void put_be(std::string& bytes, std::size_t at, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    bytes[at + i] = static_cast<char>(value >> (8 * (size - 1 - i)) & 0xff);
  }
}

// Makes the checksum right again, so that what is wrong is another thing.
std::string resealed(std::string bytes, std::size_t guarded) {
  put_be(bytes, guarded, xxh3(as_bytes(bytes).first(guarded)), kChecksumBytes);
  return bytes;
}

ErrorCode error_of(std::string_view bytes, const FrameLimits& limits = kLimits) {
  FrameDecoder decoder{limits};
  const auto result = decoder.decode(as_bytes(bytes));
  return result ? ErrorCode{} : result.error();
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

TEST_CASE("rpc frame: the bytes are those of docs/formats/rpc.md", "[rpc]") {
  // A ping: length, version, kind, method; its number; no message, no attachments; XXH3-64.
  CHECK(hex(encode({.kind = FrameKind::ping, .request_id = 7}, "")) ==
        "0000001c01070000" + std::string{"0000000000000007"} + "0000000000000000" +
            "4bd1373cd8693413");
  CHECK(hex(encode({.kind = FrameKind::one_way, .method = Method{3}}, "hi", {"abc", "z"})) ==
        "0000002a01060003" + std::string{"0000000000000000"} + "0000000200020000" +
            "0000000300000001" + "6869" + "91771e7f4c3eac37" + "616263" + "7a");
}

TEST_CASE("rpc frame: what was encoded comes back, also byte by byte", "[rpc]") {
  const auto attachments = GENERATE(std::vector<std::string>{}, std::vector<std::string>{""},
                                    std::vector<std::string>{"batch one", "", "batch three"});
  const std::string bytes = encode(kRequest, "message", attachments);
  FrameDecoder decoder{kLimits};
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    // Moved each time, as a buffer that grows is.
    const std::string begun = bytes.substr(0, size);
    const auto result = decoder.decode(as_bytes(begun));
    REQUIRE(result.has_value());
    REQUIRE_FALSE(result.value().has_value());
  }
  const std::string more = bytes + "what follows";
  const auto result = decoder.decode(as_bytes(more));
  REQUIRE(result.has_value());
  REQUIRE(result.value().has_value());
  const FrameView& frame = *result.value();
  CHECK(frame.header == kRequest);
  CHECK(as_text(frame.message) == "message");
  CHECK(frame.frame_bytes == bytes.size());
  REQUIRE(frame.attachments.size() == attachments.size());
  for (std::size_t i = 0; i < attachments.size(); ++i) {
    CHECK(as_text(frame.attachments[i]) == attachments[i]);
    CHECK(frame.attachments[i].data() >= as_bytes(more).data());  // not a copy
  }
}

TEST_CASE("rpc frame: frames of a stream come one after the other", "[rpc]") {
  std::string stream;
  for (int i = 0; i < 5; ++i) {
    stream += encode({.kind = FrameKind::one_way, .method = Method{1}}, std::to_string(i),
                     {std::string(static_cast<std::size_t>(i), 'a')});
  }
  FrameDecoder decoder{kLimits};
  std::string_view rest = stream;
  for (int i = 0; i < 5; ++i) {
    const auto result = decoder.decode(as_bytes(rest));
    REQUIRE(result.has_value());
    REQUIRE(result.value().has_value());
    CHECK(as_text(result.value()->message) == std::to_string(i));
    rest.remove_prefix(result.value()->frame_bytes);
  }
  CHECK(rest.empty());
}

TEST_CASE("rpc frame: a length is judged by its four bytes", "[rpc]") {
  std::string bytes(4, '\0');
  put_be(bytes, 0, kLimits.frame_bytes_max() - kLengthBytes, 4);
  CHECK_FALSE(error_of(bytes));
  put_be(bytes, 0, kLimits.frame_bytes_max() - kLengthBytes + 1, 4);
  CHECK(error_of(bytes) == Errc::frame_too_large);
  put_be(bytes, 0, kFrameBytesMin - kLengthBytes - 1, 4);
  CHECK(error_of(bytes) == Errc::malformed_frame);
  CHECK(error_of("GET / HTTP/1.1\r\n") == Errc::frame_too_large);
}

TEST_CASE("rpc frame: another version is told from damage, by its fifth byte", "[rpc]") {
  const std::string bytes = encode(kRequest, "message");
  std::string newer = bytes;
  newer[4] = '\2';
  CHECK_FALSE(error_of(newer.substr(0, 4)));
  CHECK(error_of(newer.substr(0, 5)) == Errc::frame_version);
}

TEST_CASE("rpc frame: counts and lengths are held against the limits before their bytes come",
          "[rpc]") {
  const FrameLimits larger{
      .message_bytes_max = 1000, .attachments_max = 10, .attachment_bytes_max = 1000};
  const auto header_of = [&](std::string_view message, const std::vector<std::string>& beside) {
    return encode(kRequest, message, beside, larger).substr(0, kHeaderBytes + 16);
  };
  CHECK(error_of(header_of("", {"", "", "", ""})) == Errc::too_many_attachments);
  CHECK(error_of(header_of(std::string(101, 'm'), {})) == Errc::frame_too_large);
  CHECK(error_of(header_of("", {std::string(100, 'a'), std::string(101, 'b')})) ==
        Errc::frame_too_large);
  CHECK_FALSE(error_of(header_of(std::string(100, 'm'), {std::string(200, 'a')})));
}

TEST_CASE("rpc frame: lengths that do not add up are no frame", "[rpc]") {
  const std::string bytes = encode(kRequest, "message", {"batch"});
  const std::size_t guarded = kHeaderBytes + 4 + 7;
  std::string longer = bytes;
  put_be(longer, kHeaderBytes, 6, 4);
  CHECK(error_of(resealed(longer, guarded)) == Errc::malformed_frame);
  std::string message = bytes;
  put_be(message, 16, 90, 4);  // reaches beyond the frame
  CHECK(error_of(message) == Errc::malformed_frame);
  std::string reserved = bytes;
  reserved[23] = '\1';
  CHECK(error_of(resealed(reserved, guarded)) == Errc::malformed_frame);
}

TEST_CASE("rpc frame: a kind is refused with what does not go with it", "[rpc]") {
  const std::size_t none = 0;
  for (int kind = 0; kind < 256; ++kind) {
    const auto known = static_cast<FrameKind>(kind);
    const bool any = is_valid({known, kNoMethod, 0}, none, none) ||
                     is_valid({known, Method{1}, 0}, none, none) ||
                     is_valid({known, Method{1}, 1}, none, none);
    CHECK(any == (kind >= 1 && kind <= 8));
  }
  CHECK_FALSE(is_valid({FrameKind::hello, Method{1}, 0}, 5, none));
  CHECK_FALSE(is_valid({FrameKind::hello_reply, kNoMethod, 1}, 5, none));
  CHECK_FALSE(is_valid({FrameKind::hello, kNoMethod, 0}, 5, 1));
  CHECK_FALSE(is_valid({FrameKind::request, Method{1}, 0}, 5, none));
  CHECK_FALSE(is_valid({FrameKind::response, kNoMethod, 1}, 5, none));
  CHECK_FALSE(is_valid({FrameKind::error, Method{1}, 1}, 5, 1));
  CHECK_FALSE(is_valid({FrameKind::one_way, Method{1}, 1}, 5, none));
  CHECK_FALSE(is_valid({FrameKind::ping, kNoMethod, 1}, 5, none));
  CHECK_FALSE(is_valid({FrameKind::pong, kNoMethod, 1}, none, 1));

  std::string wrong = encode(kRequest, "message");
  wrong[5] = '\11';
  CHECK(error_of(resealed(wrong, kHeaderBytes + 7)) == Errc::malformed_frame);
}

TEST_CASE("rpc frame: no flipped bit before the attachments goes unseen", "[rpc]") {
  const std::string bytes = encode(kRequest, "message", {"batch", "another"});
  const std::size_t head = bytes.size() - 12;
  for (std::size_t bit = 0; bit < 8 * head; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    FrameDecoder decoder{kLimits};
    const auto result = decoder.decode(as_bytes(flipped));
    // A length that became larger waits for bytes that do not come.
    const bool waits = result.has_value() && !result.value().has_value() && bit < 32;
    CHECK((!result.has_value() || waits));
  }
}

TEST_CASE("rpc frame: attachments are not guarded here", "[rpc]") {
  std::string bytes = encode(kRequest, "message", {"batch"});
  bytes.back() = 'X';
  FrameDecoder decoder{kLimits};
  const auto result = decoder.decode(as_bytes(bytes));
  REQUIRE(result.has_value());
  REQUIRE(result.value().has_value());
  CHECK(as_text(result.value()->attachments[0]) == "batcX");
}

TEST_CASE("rpc frame: a wrong checksum is found before the attachments have come", "[rpc]") {
  std::string bytes = encode(kRequest, "message", {std::string(200, 'a')});
  const std::size_t head = bytes.size() - 200;
  bytes[kHeaderBytes + 4] = 'M';
  CHECK_FALSE(error_of(bytes.substr(0, head - 1)));
  CHECK(error_of(bytes.substr(0, head)) == Errc::frame_checksum);
}

TEST_CASE("rpc frame: what is too large for the other side is not written", "[rpc]") {
  wire::ByteBuffer out;
  out.append(as_bytes("before"));
  const auto encode_to = [&](std::size_t message, std::vector<std::uint64_t> lengths) {
    const auto result =
        encode_frame_head(kRequest, as_bytes(std::string(message, 'm')), lengths, kLimits, out);
    return result ? ErrorCode{} : result.error();
  };
  CHECK(encode_to(101, {}) == Errc::frame_too_large);
  CHECK(encode_to(1, {100, 101}) == Errc::frame_too_large);
  CHECK(encode_to(1, {1, ~std::uint64_t{0}}) == Errc::frame_too_large);  // no sum may wrap
  CHECK(encode_to(1, {1, 1, 1, 1}) == Errc::too_many_attachments);
  CHECK(as_text(out.view()) == "before");
  CHECK_FALSE(encode_to(100, {100, 100, 0}));
}

TEST_CASE("rpc frame: larger frames are taken once the limits are raised", "[rpc]") {
  FrameDecoder decoder{{.message_bytes_max = 8, .attachments_max = 0, .attachment_bytes_max = 0}};
  const std::string small = encode({.kind = FrameKind::hello}, "hello");
  REQUIRE(decoder.decode(as_bytes(small)).value().has_value());
  decoder.set_limits(kLimits);
  const std::string large = encode(kRequest, std::string(100, 'm'), {"batch"});
  CHECK(decoder.decode(as_bytes(large)).value().has_value());
}

}  // namespace
}  // namespace strandline::rpc
