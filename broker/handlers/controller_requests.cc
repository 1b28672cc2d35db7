#include "broker/handlers/controller_requests.h"

#include <utility>

#include "broker/handlers/alter_configs.h"
#include "broker/handlers/common.h"
#include "broker/handlers/create_partitions.h"
#include "broker/handlers/create_topics.h"
#include "broker/handlers/delete_topics.h"
#include "broker/handlers/elect_leaders.h"
#include "broker/handlers/incremental_alter_configs.h"
#include "broker/handlers/partition_reassignments.h"
#include "protocol/wire/frame.h"
#include "protocol/wire/messages/all.h"

namespace strandline {
namespace {

// Decide: Decided<Response>(const Request&).
template <class Request, class Decide>
Result<DecidedFrame> decide_one(const wire::RequestHeader& header, const Decide& decide) {
  auto budget = wire::DecodeBudget::for_frame(header.body.size());
  const auto request = wire::decode<Request>(header.body, header.version, budget);
  if (!request) return request.error();
  auto decided = decide(request.value());
  wire::EncodedFrame encoded;
  wire::encode_response(decided.response, header.version, header.correlation_id, encoded);
  const ByteView bytes = encoded.buffer.view();
  return DecidedFrame{{bytes.begin(), bytes.end()}, std::move(decided.records)};
}

}  // namespace

Result<DecidedFrame> decide_kafka_request(Controller& controller, const ConfigView& configs,
                                          ByteView frame) {
  STRANDLINE_TRY(const wire::RequestHeader header, wire::decode_request_header(frame));
  const std::int16_t version = header.version;
  switch (header.api->key) {
    case wire::ApiKey::create_topics:
      return decide_one<wire::CreateTopicsRequest>(header, [&](const auto& request) {
        return decide_create_topics(controller, configs, request);
      });
    case wire::ApiKey::delete_topics:
      return decide_one<wire::DeleteTopicsRequest>(header, [&](const auto& request) {
        return decide_delete_topics(controller, request, version);
      });
    case wire::ApiKey::create_partitions:
      return decide_one<wire::CreatePartitionsRequest>(header, [&](const auto& request) {
        return decide_create_partitions(controller, request);
      });
    case wire::ApiKey::alter_configs:
      return decide_one<wire::AlterConfigsRequest>(
          header, [&](const auto& request) { return decide_alter_configs(controller, request); });
    case wire::ApiKey::incremental_alter_configs:
      return decide_one<wire::IncrementalAlterConfigsRequest>(header, [&](const auto& request) {
        return decide_incremental_alter_configs(controller, request);
      });
    case wire::ApiKey::elect_leaders:
      return decide_one<wire::ElectLeadersRequest>(
          header, [&](const auto& request) { return decide_elect_leaders(controller, request); });
    case wire::ApiKey::alter_partition_reassignments:
      return decide_one<wire::AlterPartitionReassignmentsRequest>(header, [&](const auto& request) {
        return decide_alter_partition_reassignments(controller, request);
      });
    default: return Errc::unsupported_api;
  }
}

}  // namespace strandline
