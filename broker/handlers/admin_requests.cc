#include "broker/handlers/admin_requests.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/handlers/api_versions.h"
#include "broker/handlers/describe_cluster.h"
#include "broker/handlers/describe_configs.h"
#include "broker/handlers/describe_topic_partitions.h"
#include "broker/handlers/find_coordinator.h"
#include "broker/handlers/init_producer_id.h"
#include "broker/handlers/list_config_resources.h"
#include "broker/handlers/metadata.h"
#include "broker/handlers/partition_reassignments.h"
#include "protocol/wire/messages/all.h"

namespace strandline {
namespace {

// A client that came to loopback can come there again by that name; a wildcard address, never.
ListenerView listener_of(const Call& call) {
  const auto local = call.connection().local_endpoint();
  auto address = local.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
  }
  return {.self = call.shard().broker_id(), .reached = {address.to_string(), local.port()}};
}

// How long a client's request waits for the controller.
constexpr Duration kControllerWait = std::chrono::seconds{20};

// Passes a request on to the controller, and its answer back. What does not decode goes no further.
template <class Request>
void let_controller_decide(Call call, Services& services) {
  if (!call.decode<Request>()) return;
  Shard& home = call.shard();
  const ByteView frame = call.frame();
  ForwardRequest forward{{frame.begin(), frame.end()}};
  auto pending = std::make_shared<Call>(std::move(call));
  services.ask_controller(home, std::move(forward), kControllerWait,
                          [pending](ControllerOutcome outcome) {
                            auto* reply = std::get_if<ForwardReply>(&outcome.reply.answer);
                            // Whether the change will be made is not known: no answer would be
                            // true.
                            if (outcome.error || reply == nullptr) {
                              return pending->close(CloseReason::broken);
                            }
                            pending->answer(std::move(reply->frame));
                          });
}

// Answer: Response(const Request&).
template <class Request, class Answer>
void answer_at_once(Call call, Answer answer) {
  auto request = call.decode<Request>();
  if (!request) return;
  call.answer(answer(*request));
}

}  // namespace

void handle_api_versions(Call call, Services&) {
  const std::int16_t version = call.version();
  answer_at_once<wire::ApiVersionsRequest>(std::move(call), [version](const auto& request) {
    return answer_api_versions(request, version);
  });
}

void handle_metadata(Call call, Services& services) {
  auto request = call.decode<wire::MetadataRequest>();
  if (!request) return;
  const MetadataImage& image = *call.shard().image();
  std::vector<std::string> missing = topics_to_create(image, *request);
  const ListenerView listener = listener_of(call);
  const std::int16_t version = call.version();
  if (missing.empty()) return call.answer(answer_metadata(image, listener, *request, version));
  struct Pending {
    Call call;
    wire::MetadataRequest request;
  };
  Shard& home = call.shard();
  auto pending = std::make_shared<Pending>(Pending{std::move(call), std::move(*request)});
  services.ask_controller(
      home, AutoCreateRequest{std::move(missing)}, kControllerWait,
      [pending, listener, version](const ControllerOutcome&) {
        // Without the topics the answer says so of each.
        const MetadataImage& now = *pending->call.shard().image();
        pending->call.answer(answer_metadata(now, listener, pending->request, version));
      });
}

void handle_describe_topic_partitions(Call call, Services&) {
  const auto image = call.shard().image();
  answer_at_once<wire::DescribeTopicPartitionsRequest>(std::move(call), [&](const auto& request) {
    return answer_describe_topic_partitions(*image, request);
  });
}

void handle_describe_cluster(Call call, Services&) {
  const auto image = call.shard().image();
  const ListenerView listener = listener_of(call);
  answer_at_once<wire::DescribeClusterRequest>(std::move(call), [&](const auto& request) {
    return answer_describe_cluster(*image, listener, request);
  });
}

void handle_describe_configs(Call call, Services& services) {
  const auto image = call.shard().image();
  answer_at_once<wire::DescribeConfigsRequest>(std::move(call), [&](const auto& request) {
    return answer_describe_configs(*image, services.configs, request);
  });
}

void handle_list_config_resources(Call call, Services&) {
  const auto image = call.shard().image();
  const std::int16_t version = call.version();
  answer_at_once<wire::ListConfigResourcesRequest>(std::move(call), [&](const auto& request) {
    return answer_list_config_resources(*image, request, version);
  });
}

void handle_find_coordinator(Call call, Services&) {
  const std::int16_t version = call.version();
  answer_at_once<wire::FindCoordinatorRequest>(std::move(call), [&](const auto& request) {
    return answer_find_coordinator(request, version);
  });
}

void handle_create_topics(Call call, Services& services) {
  let_controller_decide<wire::CreateTopicsRequest>(std::move(call), services);
}

void handle_delete_topics(Call call, Services& services) {
  let_controller_decide<wire::DeleteTopicsRequest>(std::move(call), services);
}

void handle_create_partitions(Call call, Services& services) {
  let_controller_decide<wire::CreatePartitionsRequest>(std::move(call), services);
}

void handle_alter_configs(Call call, Services& services) {
  let_controller_decide<wire::AlterConfigsRequest>(std::move(call), services);
}

void handle_incremental_alter_configs(Call call, Services& services) {
  let_controller_decide<wire::IncrementalAlterConfigsRequest>(std::move(call), services);
}

void handle_elect_leaders(Call call, Services& services) {
  let_controller_decide<wire::ElectLeadersRequest>(std::move(call), services);
}

void handle_alter_partition_reassignments(Call call, Services& services) {
  let_controller_decide<wire::AlterPartitionReassignmentsRequest>(std::move(call), services);
}

void handle_list_partition_reassignments(Call call, Services&) {
  const auto image = call.shard().image();
  answer_at_once<wire::ListPartitionReassignmentsRequest>(
      std::move(call),
      [&](const auto& request) { return answer_list_partition_reassignments(*image, request); });
}

void handle_init_producer_id(Call call, Services& services) {
  const auto request = call.decode<wire::InitProducerIdRequest>();
  if (!request) return;
  if (const auto refusal = refuse_init_producer_id(*request)) return call.answer(*refusal);
  Shard& home = call.shard();
  auto pending = std::make_shared<Call>(std::move(call));
  services.next_producer_id(home, [pending](const Result<ProducerId>& id) {
    pending->answer(answer_init_producer_id(id));
  });
}

}  // namespace strandline
