// How two brokers greet each other, and how a request fails, as plain structs and their Protobuf
// bytes. Field by field meaning: protocol/proto/rpc.proto. Format: docs/formats/rpc.md
//
// Thread   values and pure functions
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/base/uuid.h"

namespace strandline {

// The versions of what is said in the frames that this program speaks.
inline constexpr std::uint32_t kRpcProtocolMin = 1;
inline constexpr std::uint32_t kRpcProtocolMax = 1;

// A broker's loops, as a connection names the one it is for.
inline constexpr std::uint32_t kControlLane = 0;
inline constexpr std::uint32_t kFirstShardLane = 1;
inline constexpr std::uint32_t kLaneMax = 65535;

// A broker as the other side of a connection is to know it.
struct RpcIdentity {
  Uuid cluster_id;  // zero: it belongs to none yet
  BrokerId node_id;
  Uuid directory_id;
  Uuid incarnation;
  std::uint32_t feature_level_min = 0;
  std::uint32_t feature_level_max = 0;
  friend bool operator==(const RpcIdentity&, const RpcIdentity&) = default;
};

struct RpcHello {
  std::uint32_t protocol_min = kRpcProtocolMin;
  std::uint32_t protocol_max = kRpcProtocolMax;
  RpcIdentity self;
  BrokerId expected_node = kNoBroker;  // none: whoever is at the address
  Uuid expected_directory;             // zero: any
  std::uint32_t lane = kControlLane;   // the loop that is to serve the connection
  friend bool operator==(const RpcHello&, const RpcHello&) = default;
};

// Why a connection is refused. The numbers are those on the wire; one that is not known, from a
// newer version, is read as `other`.
enum class RefusalReason : std::uint8_t {
  other = 1,
  protocol = 2,       // no protocol version that both speak
  feature_level = 3,  // no feature level that both can work at
  cluster = 4,        // of another cluster
  address = 5,        // not the broker that was expected at this address
  node_id = 6,        // two brokers with one node.id
  unknown_node = 7,   // a stranger: the cluster has no such node
  directory = 8,      // the node is known with another data directory: it was wiped or replaced
  incarnation = 9,    // a process that was replaced by a later start of the same broker
  not_ready = 10,     // starting or stopping; worth another try soon
  lane = 11,          // the broker has no such loop
};
inline constexpr std::size_t kRefusalReasons = 12;  // with 0, which is none

// "unknown_node".
std::string_view refusal_name(RefusalReason reason);

struct RpcRefusal {
  RefusalReason reason = RefusalReason::other;
  std::string text;  // what is wrong, and what to do
  friend bool operator==(const RpcRefusal&, const RpcRefusal&) = default;
};

struct RpcHelloReply {
  RpcIdentity self;
  std::uint32_t protocol = 0;         // the version both go on with, when it is no refusal
  std::optional<RpcRefusal> refusal;  // none: welcome
  friend bool operator==(const RpcHelloReply&, const RpcHelloReply&) = default;
};

struct RpcError {
  Errc code = Errc::unknown_server_error;  // never ok; one that is not known is read as this
  std::string text;
  friend bool operator==(const RpcError&, const RpcError&) = default;
};

// Texts longer than this are cut when they are written.
inline constexpr std::size_t kRpcTextBytesMax = 1024;

// Decoders check every field.
//
// Errors   malformed_frame   does not decode, or a value that no writer puts there
std::string encode_rpc_hello(const RpcHello& hello);
Result<RpcHello> decode_rpc_hello(ByteView bytes);
std::string encode_rpc_hello_reply(const RpcHelloReply& reply);
Result<RpcHelloReply> decode_rpc_hello_reply(ByteView bytes);
std::string encode_rpc_error(const RpcError& error);
Result<RpcError> decode_rpc_error(ByteView bytes);

}  // namespace strandline
