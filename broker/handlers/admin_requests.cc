#include "broker/handlers/admin_requests.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/handlers/alter_configs.h"
#include "broker/handlers/api_versions.h"
#include "broker/handlers/create_partitions.h"
#include "broker/handlers/create_topics.h"
#include "broker/handlers/delete_topics.h"
#include "broker/handlers/describe_cluster.h"
#include "broker/handlers/describe_configs.h"
#include "broker/handlers/describe_topic_partitions.h"
#include "broker/handlers/find_coordinator.h"
#include "broker/handlers/incremental_alter_configs.h"
#include "broker/handlers/init_producer_id.h"
#include "broker/handlers/list_config_resources.h"
#include "broker/handlers/metadata.h"
#include "broker/logging/log.h"
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

// A request that the controller decides on: kept alive, with its frame, until it is answered.
template <class Request, class Response>
struct Pending {
  Call call;
  Request request;
  Response response;
};

// Decide: Decided<Response>(Controller&, const Request&). Runs on the controller's shard.
template <class Request, class Response, class Decide>
void let_controller_decide(Call call, Services& services, Decide decide) {
  auto request = call.decode<Request>();
  if (!request) return;
  Shard& home = call.shard();
  auto pending = std::make_shared<Pending<Request, Response>>(
      Pending<Request, Response>{std::move(call), std::move(*request), {}});
  services.metadata.submit(home,
                           {.decide =
                                [pending, decide = std::move(decide)](Controller& controller) {
                                  Decided<Response> decided = decide(controller, pending->request);
                                  pending->response = std::move(decided.response);
                                  return std::move(decided.records);
                                },
                            .done =
                                [pending](const ErrorCode& error) {
                                  // Whether the change is on disk is not known: no answer would be
                                  // true.
                                  if (error) return pending->call.close(CloseReason::broken);
                                  pending->call.answer(pending->response);
                                }});
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
  Shard& home = call.shard();
  auto pending = std::make_shared<Pending<wire::MetadataRequest, std::vector<std::string>>>(
      Pending<wire::MetadataRequest, std::vector<std::string>>{std::move(call), std::move(*request),
                                                               std::move(missing)});
  services.metadata.submit(
      home, {.decide =
                 [pending](Controller& controller) {
                   auto decision = controller.auto_create_topics(pending->response);
                   for (const CreatedTopic& topic : decision.items) {
                     // Another client was faster where no number of partitions was chosen here.
                     if (!topic.outcome.ok() || topic.num_partitions < 0) continue;
                     log_line(LogLevel::info, "metadata", "topic created because a client named it",
                              {{"topic", topic.name}, {"partitions", topic.num_partitions}});
                   }
                   return std::move(decision.records);
                 },
             .done =
                 [pending, listener, version](const ErrorCode&) {
                   // Without the topics the answer says so of each.
                   const MetadataImage& now = *pending->call.shard().image();
                   pending->call.answer(answer_metadata(now, listener, pending->request, version));
                 }});
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
  let_controller_decide<wire::CreateTopicsRequest, wire::CreateTopicsResponse>(
      std::move(call), services, [&services](Controller& controller, const auto& request) {
        return decide_create_topics(controller, services.configs, request);
      });
}

void handle_delete_topics(Call call, Services& services) {
  const std::int16_t version = call.version();
  let_controller_decide<wire::DeleteTopicsRequest, wire::DeleteTopicsResponse>(
      std::move(call), services, [version](Controller& controller, const auto& request) {
        return decide_delete_topics(controller, request, version);
      });
}

void handle_create_partitions(Call call, Services& services) {
  let_controller_decide<wire::CreatePartitionsRequest, wire::CreatePartitionsResponse>(
      std::move(call), services, [](Controller& controller, const auto& request) {
        return decide_create_partitions(controller, request);
      });
}

void handle_alter_configs(Call call, Services& services) {
  let_controller_decide<wire::AlterConfigsRequest, wire::AlterConfigsResponse>(
      std::move(call), services, [](Controller& controller, const auto& request) {
        return decide_alter_configs(controller, request);
      });
}

void handle_incremental_alter_configs(Call call, Services& services) {
  let_controller_decide<wire::IncrementalAlterConfigsRequest,
                        wire::IncrementalAlterConfigsResponse>(
      std::move(call), services, [](Controller& controller, const auto& request) {
        return decide_incremental_alter_configs(controller, request);
      });
}

void handle_init_producer_id(Call call, Services& services) {
  auto request = call.decode<wire::InitProducerIdRequest>();
  if (!request) return;
  struct State {
    Call call;
    wire::InitProducerIdRequest request;
    wire::InitProducerIdResponse response;
    ProducerIdBlock block;
    bool answered = false;
  };
  Shard& home = call.shard();
  auto state = std::make_shared<State>(State{std::move(call), std::move(*request), {}, {}});
  // Commands run one after the other on one shard, so the pool has one owner: a block that was
  // granted is filled in by the command behind it.
  const auto take = [state, &services](Controller& controller) {
    if (auto response = answer_init_producer_id(services.producer_ids, state->request)) {
      state->response = std::move(*response);
      state->answered = true;
      return std::vector<MetadataRecord>{};
    }
    ProducerIdsDecision decision =
        controller.allocate_producer_ids(state->call.shard().broker_id());
    if (!decision.outcome.ok()) {
      state->response = refuse_init_producer_id(decision.outcome.code);
      state->answered = true;
      return std::vector<MetadataRecord>{};
    }
    state->block = decision.block;
    return std::move(decision.records);
  };
  services.metadata.submit(
      home,
      {.decide = take, .done = [state, &services, &home](const ErrorCode& error) {
         if (error) return state->call.close(CloseReason::broken);
         if (state->answered) return state->call.answer(state->response);
         // The block is committed: now it may be used.
         services.metadata.submit(
             home,
             {.decide =
                  [state, &services](Controller&) {
                    services.producer_ids.refill(state->block);
                    state->response =
                        answer_init_producer_id(services.producer_ids, state->request)
                            .value_or(refuse_init_producer_id(Errc::coordinator_load_in_progress));
                    return std::vector<MetadataRecord>{};
                  },
              .done = [state](const ErrorCode&) { state->call.answer(state->response); }});
       }});
}

}  // namespace strandline
