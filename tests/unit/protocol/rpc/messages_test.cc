#include "protocol/proto/rpc_messages.h"

#include <catch2/catch.hpp>
#include <string>

#include "protocol/base/prng.h"

namespace strandline {
namespace {

RpcIdentity some_identity() {
  Prng prng{5};
  return {.cluster_id = make_uuid(prng),
          .node_id = BrokerId{3},
          .directory_id = make_uuid(prng),
          .incarnation = make_uuid(prng),
          .feature_level_min = 1,
          .feature_level_max = 4};
}

// A Protobuf field of a varint.
std::string field(int number, int value) {
  return {static_cast<char>(number << 3), static_cast<char>(value)};
}

TEST_CASE("rpc messages: a greeting comes back as it was", "[rpc]") {
  RpcHello hello{.protocol_min = 1, .protocol_max = 9, .self = some_identity()};
  CHECK(decode_rpc_hello(as_bytes(encode_rpc_hello(hello))).value() == hello);
  hello.expected_node = BrokerId{0};
  hello.expected_directory = hello.self.directory_id;
  hello.self.cluster_id = Uuid{};  // wants to join one
  hello.lane = kLaneMax;
  CHECK(decode_rpc_hello(as_bytes(encode_rpc_hello(hello))).value() == hello);

  RpcHelloReply reply{.self = some_identity(), .protocol = 1};
  CHECK(decode_rpc_hello_reply(as_bytes(encode_rpc_hello_reply(reply))).value() == reply);
  reply.protocol = 0;
  reply.refusal = RpcRefusal{RefusalReason::directory, "another disk"};
  CHECK(decode_rpc_hello_reply(as_bytes(encode_rpc_hello_reply(reply))).value() == reply);

  const RpcError error{.code = Errc::fenced_leader_epoch, .text = "epoch 4 is older than 5"};
  CHECK(decode_rpc_error(as_bytes(encode_rpc_error(error))).value() == error);
}

TEST_CASE("rpc messages: a greeting without what must be in it is refused", "[rpc]") {
  const auto refused = [](const RpcHello& hello) {
    const auto result = decode_rpc_hello(as_bytes(encode_rpc_hello(hello)));
    return !result && result.error() == Errc::malformed_frame;
  };
  const RpcHello sound{.self = some_identity()};
  REQUIRE_FALSE(refused(sound));
  RpcHello hello = sound;
  hello.self.directory_id = Uuid{};
  CHECK(refused(hello));
  hello = sound;
  hello.self.incarnation = Uuid{};
  CHECK(refused(hello));
  hello = sound;
  hello.self.node_id = BrokerId{-1};
  CHECK(refused(hello));
  hello = sound;
  hello.self.feature_level_min = 5;
  CHECK(refused(hello));
  hello = sound;
  hello.protocol_min = 0;
  CHECK(refused(hello));
  hello = sound;
  hello.protocol_max = 0;
  CHECK(refused(hello));
  hello = sound;
  hello.expected_node = BrokerId{-2};
  CHECK(refused(hello));
  hello = sound;
  hello.lane = kLaneMax + 1;
  CHECK(refused(hello));
  CHECK_FALSE(decode_rpc_hello(as_bytes("\x0f garbage")).has_value());
  CHECK_FALSE(decode_rpc_hello({}).has_value());
}

TEST_CASE("rpc messages: a reply is a welcome or a refusal, never both or neither", "[rpc]") {
  const std::string welcome = encode_rpc_hello_reply({.self = some_identity(), .protocol = 1});
  const std::string identity = welcome.substr(0, welcome.size() - 2);  // without the version
  CHECK(decode_rpc_hello_reply(as_bytes(identity + field(2, 1))).has_value());
  CHECK(decode_rpc_hello_reply(as_bytes(identity + field(3, 1))).has_value());
  CHECK_FALSE(decode_rpc_hello_reply(as_bytes(identity)).has_value());
  CHECK_FALSE(decode_rpc_hello_reply(as_bytes(identity + field(2, 1) + field(3, 1))).has_value());
}

TEST_CASE("rpc messages: numbers of a newer version are taken for what is known", "[rpc]") {
  const std::string welcome = encode_rpc_hello_reply({.self = some_identity(), .protocol = 1});
  const std::string identity = welcome.substr(0, welcome.size() - 2);
  const auto reply = decode_rpc_hello_reply(as_bytes(identity + field(3, 99)));
  CHECK(reply.value().refusal->reason == RefusalReason::other);
  const auto last = decode_rpc_hello_reply(as_bytes(identity + field(3, kRefusalReasons - 1)));
  CHECK(last.value().refusal->reason == RefusalReason::lane);
  CHECK(decode_rpc_error(as_bytes(field(1, 4))).value().code == Errc::unknown_server_error);
  CHECK_FALSE(decode_rpc_error({}).has_value());  // code 0: no error
}

TEST_CASE("rpc messages: long texts are cut by the writer and refused by the reader", "[rpc]") {
  const std::string text(2 * kRpcTextBytesMax, 'x');
  const std::string bytes = encode_rpc_error({.code = Errc::invalid_request, .text = text});
  CHECK(decode_rpc_error(as_bytes(bytes)).value().text.size() == kRpcTextBytesMax);
  std::string longer = field(1, 42) + '\x12' + '\x81' + '\x08';  // a text of 1,025 bytes
  longer += std::string(kRpcTextBytesMax + 1, 'x');
  CHECK_FALSE(decode_rpc_error(as_bytes(longer)).has_value());
}

TEST_CASE("rpc messages: each reason of a refusal has a name of its own", "[rpc]") {
  for (std::size_t a = 1; a < kRefusalReasons; ++a) {
    for (std::size_t b = 1; b < a; ++b) {
      CHECK(refusal_name(static_cast<RefusalReason>(a)) !=
            refusal_name(static_cast<RefusalReason>(b)));
    }
  }
}

}  // namespace
}  // namespace strandline
