// What brokers ask of the active controller, as plain values and as bytes. Field by field meaning:
// protocol/proto/controller.proto
//
// Thread   values and pure functions
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/clock.h"
#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/rpc/frame.h"
#include "replication/metadata/broker_time.h"
#include "replication/metadata/controller.h"
#include "replication/metadata/safe_to_stop.h"

namespace strandline {

inline constexpr rpc::Method kControllerMethod{20};

// A broker has started, and says what it found.
struct RegisterRequest {
  BrokerStart start;
  BrokerFindings findings;
};
struct RegisterReply {
  std::int64_t broker_epoch = 0;
};

struct HeartbeatRequest {
  BrokerId broker = kNoBroker;
  std::int64_t broker_epoch = 0;
  Offset shown_end{0};  // every shard serves the metadata below
  bool wants_to_stop = false;
  std::uint64_t number = 0;  // see BrokerTime
};
struct HeartbeatReply {
  bool fenced = false;
  bool may_stop = false;
  VouchedHeartbeat vouched;
};

struct AlterIsrRequest {
  BrokerId broker = kNoBroker;
  std::int64_t broker_epoch = 0;
  std::vector<IsrAlteration> alterations;
};
struct AlterIsrReply {
  struct Answer {
    Outcome outcome;
    BrokerId at_fault = kNoBroker;
    std::int32_t partition_epoch = 0;
    std::vector<BrokerId> isr;
    LeaderEpoch leader_epoch;
    std::int32_t min_insync_replicas = 0;
  };
  std::vector<Answer> answers;
};

struct ProducerIdsRequest {
  BrokerId broker = kNoBroker;
};
struct ProducerIdsReply {
  ProducerIdBlock block;
};

// Topics that clients named and that do not exist.
struct AutoCreateRequest {
  std::vector<std::string> names;
};
struct AutoCreateReply {};

// A request of a Kafka client as it came, without its length; and the whole answer, with it.
struct ForwardRequest {
  std::vector<std::byte> frame;
};
struct ForwardReply {
  std::vector<std::byte> frame;
};

// May a broker be stopped now? Changes nothing.
struct SafeToStopRequest {
  BrokerId broker = kNoBroker;
};
struct SafeToStopReply {
  StopAnswer answer;
};

// Everything is to be taken off a broker.
struct DrainRequest {
  BrokerId broker = kNoBroker;
};
struct DrainReply {
  Outcome outcome;          // not ok: nothing was changed
  std::int64_t moving = 0;  // partitions that are leaving it, whenever that was begun
};

// Records of these replicas turned out to be damaged: others lead them, where others have them
// whole.
struct DamageRequest {
  BrokerId broker = kNoBroker;
  std::int64_t broker_epoch = 0;
  std::vector<PartitionPlace> places;
};
struct DamageReply {};

// A sync of these replicas, which the broker leads, does not come back: others lead them, where
// others are in sync.
struct StallRequest {
  BrokerId broker = kNoBroker;
  std::int64_t broker_epoch = 0;
  std::vector<PartitionPlace> places;
};
struct StallReply {};

// Logs of these replicas, which did not open when the broker started, have opened since.
struct OpenedRequest {
  BrokerId broker = kNoBroker;
  std::int64_t broker_epoch = 0;
  std::vector<PartitionPlace> places;
};
struct OpenedReply {};

using ControllerRequest =
    std::variant<RegisterRequest, HeartbeatRequest, AlterIsrRequest, ProducerIdsRequest,
                 AutoCreateRequest, ForwardRequest, SafeToStopRequest, DrainRequest, DamageRequest,
                 StallRequest, OpenedRequest>;

using ControllerAnswer =
    std::variant<RegisterReply, HeartbeatReply, AlterIsrReply, ProducerIdsReply, AutoCreateReply,
                 ForwardReply, SafeToStopReply, DrainReply, DamageReply, StallReply, OpenedReply>;

struct ControllerReply {
  Offset metadata_end{0};  // who serves all below it sees what came of the request
  ControllerAnswer answer;
};

// How a request ended: a reply, or why there is none.
//
// Errors   not_controller      nothing was decided: another broker leads, or none
//          request_timed_out   what became of it is not known
struct ControllerOutcome {
  ErrorCode error;
  std::string error_text;
  ControllerReply reply;
};

// How any shard asks the controller, wherever it is.
using OnControllerOutcome = std::function<void(ControllerOutcome)>;

struct ControllerFrame {
  std::string message;
  std::vector<std::byte> attachment;  // empty: none
};

ControllerFrame encode_controller_request(ControllerRequest request);
ControllerFrame encode_controller_reply(ControllerReply reply);

// Errors   malformed_frame   does not decode, or a value that no writer puts there
//          unsupported_version   a kind of a newer program
Result<ControllerRequest> decode_controller_request(ByteView message,
                                                    std::span<const ByteView> attachments);
Result<ControllerReply> decode_controller_reply(ByteView message,
                                                std::span<const ByteView> attachments);

}  // namespace strandline
