#include <catch2/catch.hpp>

#include "protocol/wire/frame.h"
#include "protocol/wire/messages/all.h"
#include "tests/unit/protocol/wire/random_message.h"
#include "tests/unit/protocol/wire/wire_bytes.h"

namespace strandline::wire {
namespace {

constexpr std::uint64_t kSeedsPerVersion = 60;

template <Message M>
void check_round_trip(std::int16_t version, std::uint64_t seed) {
  INFO(M::kName << " v" << version << " seed " << seed);
  RandomMessage random{seed, version};
  const M message = random.make<M>();
  EncodedFrame first;
  encode_body(message, version, first);
  const ExactCopy body{first.buffer.view()};
  DecodeFailure failure;
  const auto decoded = decode_all<M>(body.view(), version, &failure);
  INFO(failure.to_text());
  REQUIRE(decoded.has_value());
  REQUIRE(decoded.value() == message);
  EncodedFrame second;
  encode_body(decoded.value(), version, second);
  REQUIRE(hex_of(second.buffer.view()) == hex_of(first.buffer.view()));
}

// Every proper prefix of a body lacks something.
template <Message M>
void check_truncation(std::int16_t version, std::uint64_t seed) {
  INFO(M::kName << " v" << version << " seed " << seed);
  RandomMessage random{seed, version};
  EncodedFrame encoded;
  encode_body(random.make<M>(), version, encoded);
  const std::size_t bytes = std::min<std::size_t>(encoded.buffer.size(), 600);
  for (std::size_t cut = 0; cut < bytes; ++cut) {
    const ExactCopy prefix{encoded.buffer.view().first(cut)};
    DecodeFailure failure;
    const auto decoded = decode_all<M>(prefix.view(), version, &failure);
    REQUIRE_FALSE(decoded.has_value());
    REQUIRE(failure.position <= cut);
  }
}

template <Message M>
void check_all_versions() {
  for (std::int16_t v = M::kApi.served.first; v <= M::kApi.served.last; ++v) {
    for (std::uint64_t seed = 0; seed < kSeedsPerVersion; ++seed) check_round_trip<M>(v, seed);
    for (std::uint64_t seed = 0; seed < 3; ++seed) check_truncation<M>(v, seed);
  }
}

TEST_CASE("wire: random messages of every API and version come back equal, prefixes of them fail",
          "[wire]") {
#define X(name)                        \
  check_all_versions<name##Request>(); \
  check_all_versions<name##Response>();
  STRANDLINE_WIRE_APIS(X)
#undef X
}

template <class Request, class Response>
void check_frames(std::uint64_t seed) {
  const ApiInfo& api = Request::kApi;
  for (std::int16_t v = api.served.first; v <= api.served.last; ++v) {
    INFO(api.name << " v" << v << " seed " << seed);
    RandomMessage random{seed, v};
    const Request request = random.make<Request>();
    EncodedFrame sent;
    encode_request(request, v, 77, "tester", sent);
    const ByteView frame = sent.buffer.view();
    REQUIRE(decode_frame_size(frame, 1 << 24).value() == frame.size() - kFrameSizeBytes);
    const auto header = decode_request_header(frame.subspan(kFrameSizeBytes));
    REQUIRE(header.has_value());
    CHECK(header.value().api == &api);
    CHECK(header.value().version == v);
    CHECK(header.value().correlation_id == 77);
    CHECK(header.value().client_id == "tester");
    REQUIRE(decode_all<Request>(header.value().body, v).value() == request);

    const Response response = random.make<Response>();
    EncodedFrame answered;
    encode_response(response, v, 77, answered);
    const auto answer =
        decode_response_header(answered.buffer.view().subspan(kFrameSizeBytes), api, v);
    REQUIRE(answer.has_value());
    CHECK(answer.value().correlation_id == 77);
    REQUIRE(decode_all<Response>(answer.value().body, v).value() == response);
  }
}

TEST_CASE("wire: frames with headers of every API and version come back equal", "[wire]") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
#define X(name) check_frames<name##Request, name##Response>(seed);
    STRANDLINE_WIRE_APIS(X)
#undef X
  }
}

}  // namespace
}  // namespace strandline::wire
