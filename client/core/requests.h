// What the cores of the client say to brokers, through a shell that owns connections, versions and
// time-outs.
//
// Thread   values
// Owns     requests borrow names and record batches from the core that made them
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/strong.h"
#include "protocol/wire/messages/common.h"
#include "protocol/wire/messages/fetch.h"
#include "protocol/wire/messages/init_producer_id.h"
#include "protocol/wire/messages/list_offsets.h"
#include "protocol/wire/messages/metadata.h"
#include "protocol/wire/messages/offset_for_leader_epoch.h"
#include "protocol/wire/messages/produce.h"

namespace strandline::client {

struct TopicPartition {
  std::string topic;
  PartitionIndex partition{};

  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

// Names a request of one core, for its answer to be given back to it.
using RequestId = StrongId<struct RequestIdTag, std::uint64_t>;

using RequestBody =
    std::variant<wire::MetadataRequest, wire::InitProducerIdRequest, wire::ProduceRequest,
                 wire::FetchRequest, wire::ListOffsetsRequest, wire::OffsetForLeaderEpochRequest>;

using ResponseBody = std::variant<wire::MetadataResponse, wire::InitProducerIdResponse,
                                  wire::ProduceResponse, wire::FetchResponse,
                                  wire::ListOffsetsResponse, wire::OffsetForLeaderEpochResponse>;

// Effect: send this, and give the core what comes of it: on_response() or on_failed(), once.
// Produce with acks=0 has no answer: on_sent() once its last byte was handed over, or on_failed().
// Requests to one broker go out in this order over one connection while it lasts; when it breaks,
// all that are under way on it have failed before the first of its successor goes out.
//
// broker   kNoBroker: to any that can be reached
// body     borrows from the core: encode it before the core's next input
struct SendRequest {
  RequestId id;
  BrokerId broker = kNoBroker;
  RequestBody body;
};

// False for Produce with acks=0 alone.
inline bool has_answer(const RequestBody& body) {
  const auto* const produce = std::get_if<wire::ProduceRequest>(&body);
  return produce == nullptr || produce->acks != 0;
}

// Effect: the brokers there are, and where; those named earlier and not now are gone.
struct LearnBrokers {
  std::vector<wire::NodeEndpoint> brokers;
};

// What became of a request that has no answer.
enum class Delivery : bool {
  not_sent,  // no byte of it has left: the broker has not seen it
  unknown,   // it may have been done, and may yet be
};

}  // namespace strandline::client
