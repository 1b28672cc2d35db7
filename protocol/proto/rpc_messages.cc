#include "protocol/proto/rpc_messages.h"

#include <algorithm>
#include <limits>

#include "protocol/base/assertion.h"
#include "rpc.pb.h"

namespace strandline {
namespace {

// Whether an id may be left out.
enum class Presence : std::uint8_t { required, optional };

void put_uuid(const Uuid& id, std::string* to) {
  if (id.is_zero()) return;
  to->assign(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

Result<Uuid> take_uuid(const std::string& from, Presence presence) {
  Uuid id;
  if (from.empty() && presence == Presence::optional) return id;
  if (from.size() != id.bytes.size()) return Errc::malformed_frame;
  std::copy_n(reinterpret_cast<const std::byte*>(from.data()), from.size(), id.bytes.begin());
  if (id.is_zero()) return Errc::malformed_frame;
  return id;
}

void put_text(const std::string& text, std::string* to) {
  to->assign(text, 0, std::min(text.size(), kRpcTextBytesMax));
}

Result<std::string> take_text(const std::string& from) {
  if (from.size() > kRpcTextBytesMax) return Errc::malformed_frame;
  return from;
}

void put_identity(const RpcIdentity& from, pb::RpcIdentity* to) {
  put_uuid(from.cluster_id, to->mutable_cluster_id());
  to->set_node_id(from.node_id.value());
  put_uuid(from.directory_id, to->mutable_directory_id());
  put_uuid(from.incarnation, to->mutable_incarnation());
  to->set_feature_level_min(from.feature_level_min);
  to->set_feature_level_max(from.feature_level_max);
}

Result<RpcIdentity> take_identity(const pb::RpcIdentity& from) {
  RpcIdentity to;
  STRANDLINE_TRY(to.cluster_id, take_uuid(from.cluster_id(), Presence::optional));
  STRANDLINE_TRY(to.directory_id, take_uuid(from.directory_id(), Presence::required));
  STRANDLINE_TRY(to.incarnation, take_uuid(from.incarnation(), Presence::required));
  if (from.node_id() < 0 || from.feature_level_min() > from.feature_level_max()) {
    return Errc::malformed_frame;
  }
  to.node_id = BrokerId{from.node_id()};
  to.feature_level_min = from.feature_level_min();
  to.feature_level_max = from.feature_level_max();
  return to;
}

template <class Message>
bool parse(Message& message, ByteView bytes) {
  return bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()) &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

std::string_view refusal_name(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::other: return "other";
    case RefusalReason::protocol: return "protocol";
    case RefusalReason::feature_level: return "feature_level";
    case RefusalReason::cluster: return "cluster";
    case RefusalReason::address: return "address";
    case RefusalReason::node_id: return "node_id";
    case RefusalReason::unknown_node: return "unknown_node";
    case RefusalReason::directory: return "directory";
    case RefusalReason::incarnation: return "incarnation";
    case RefusalReason::not_ready: return "not_ready";
    case RefusalReason::lane: return "lane";
  }
  return "other";
}

std::string encode_rpc_hello(const RpcHello& hello) {
  pb::RpcHello message;
  message.set_protocol_min(hello.protocol_min);
  message.set_protocol_max(hello.protocol_max);
  put_identity(hello.self, message.mutable_self());
  message.set_expected_node_plus_one(hello.expected_node.value() + 1);
  put_uuid(hello.expected_directory, message.mutable_expected_directory_id());
  message.set_lane(hello.lane);
  return message.SerializeAsString();
}

Result<RpcHello> decode_rpc_hello(ByteView bytes) {
  pb::RpcHello message;
  if (!parse(message, bytes) || message.protocol_min() == 0 ||
      message.protocol_min() > message.protocol_max() || message.expected_node_plus_one() < 0 ||
      message.lane() > kLaneMax) {
    return Errc::malformed_frame;
  }
  RpcHello hello{.protocol_min = message.protocol_min(), .protocol_max = message.protocol_max()};
  STRANDLINE_TRY(hello.self, take_identity(message.self()));
  hello.expected_node = BrokerId{message.expected_node_plus_one() - 1};
  STRANDLINE_TRY(hello.expected_directory,
                 take_uuid(message.expected_directory_id(), Presence::optional));
  hello.lane = message.lane();
  return hello;
}

std::string encode_rpc_hello_reply(const RpcHelloReply& reply) {
  STRANDLINE_ASSERT(reply.refusal.has_value() != (reply.protocol != 0));
  pb::RpcHelloReply message;
  put_identity(reply.self, message.mutable_self());
  message.set_protocol(reply.protocol);
  if (reply.refusal) {
    message.set_refusal(static_cast<std::uint32_t>(reply.refusal->reason));
    put_text(reply.refusal->text, message.mutable_refusal_text());
  }
  return message.SerializeAsString();
}

Result<RpcHelloReply> decode_rpc_hello_reply(ByteView bytes) {
  pb::RpcHelloReply message;
  if (!parse(message, bytes) || (message.refusal() == 0) != (message.protocol() != 0)) {
    return Errc::malformed_frame;
  }
  RpcHelloReply reply;
  STRANDLINE_TRY(reply.self, take_identity(message.self()));
  reply.protocol = message.protocol();
  if (message.refusal() == 0) return reply;
  reply.refusal.emplace();
  if (message.refusal() < kRefusalReasons) {
    reply.refusal->reason = static_cast<RefusalReason>(message.refusal());
  }
  STRANDLINE_TRY(reply.refusal->text, take_text(message.refusal_text()));
  return reply;
}

std::string encode_rpc_error(const RpcError& error) {
  STRANDLINE_ASSERT(error.code != Errc::ok);
  pb::RpcError message;
  message.set_code(static_cast<std::int32_t>(error.code));
  put_text(error.text, message.mutable_text());
  return message.SerializeAsString();
}

Result<RpcError> decode_rpc_error(ByteView bytes) {
  pb::RpcError message;
  if (!parse(message, bytes) || message.code() == 0) return Errc::malformed_frame;
  RpcError error;
  const auto code = static_cast<Errc>(message.code());
  if (errc_name(code) != "unknown") error.code = code;
  STRANDLINE_TRY(error.text, take_text(message.text()));
  return error;
}

}  // namespace strandline
