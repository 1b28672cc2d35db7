#include "broker/handlers/dispatcher.h"

#include <utility>

#include "broker/handlers/admin_requests.h"
#include "broker/handlers/fetch.h"
#include "broker/handlers/partition_requests.h"
#include "broker/handlers/produce.h"
#include "broker/logging/log.h"
#include "protocol/base/errc.h"

namespace strandline {
namespace {

void run_handler(Call call, Services& services) {
  using wire::ApiKey;
  switch (call.header().api->key) {
    case ApiKey::produce: return handle_produce(std::move(call));
    case ApiKey::fetch: return handle_fetch(std::move(call));
    case ApiKey::list_offsets: return handle_list_offsets(std::move(call));
    case ApiKey::metadata: return handle_metadata(std::move(call), services);
    case ApiKey::find_coordinator: return handle_find_coordinator(std::move(call), services);
    case ApiKey::api_versions: return handle_api_versions(std::move(call), services);
    case ApiKey::create_topics: return handle_create_topics(std::move(call), services);
    case ApiKey::delete_topics: return handle_delete_topics(std::move(call), services);
    case ApiKey::delete_records: return handle_delete_records(std::move(call));
    case ApiKey::init_producer_id: return handle_init_producer_id(std::move(call), services);
    case ApiKey::offset_for_leader_epoch: return handle_offset_for_leader_epoch(std::move(call));
    case ApiKey::describe_configs: return handle_describe_configs(std::move(call), services);
    case ApiKey::alter_configs: return handle_alter_configs(std::move(call), services);
    case ApiKey::describe_log_dirs: return handle_describe_log_dirs(std::move(call), services);
    case ApiKey::create_partitions: return handle_create_partitions(std::move(call), services);
    case ApiKey::elect_leaders: return handle_elect_leaders(std::move(call), services);
    case ApiKey::incremental_alter_configs:
      return handle_incremental_alter_configs(std::move(call), services);
    case ApiKey::alter_partition_reassignments:
      return handle_alter_partition_reassignments(std::move(call), services);
    case ApiKey::list_partition_reassignments:
      return handle_list_partition_reassignments(std::move(call), services);
    case ApiKey::describe_cluster: return handle_describe_cluster(std::move(call), services);
    case ApiKey::describe_producers: return handle_describe_producers(std::move(call));
    case ApiKey::list_config_resources:
      return handle_list_config_resources(std::move(call), services);
    case ApiKey::describe_topic_partitions:
      return handle_describe_topic_partitions(std::move(call), services);
  }
}

}  // namespace

void Dispatcher::dispatch(Request request) {
  const ByteView frame = request.bytes();
  const auto header = wire::decode_request_header(frame);
  if (!header) return refuse_header(std::move(request), header.error());
  run_handler(Call{shard_, std::move(request), header.value()}, services_);
}

void Dispatcher::refuse_header(Request request, const ErrorCode& error) {
  const auto prefix = wire::decode_request_prefix(request.bytes());
  const bool asks_versions =
      prefix && prefix.value().api_key == static_cast<std::int16_t>(wire::ApiKey::api_versions);
  if (asks_versions && error == make_error_code(Errc::unsupported_version)) {
    auto frame = std::make_shared<wire::EncodedFrame>();
    wire::encode_unsupported_api_versions(prefix.value().correlation_id, *frame);
    const std::shared_ptr<const wire::ByteBuffer> owner{frame, &frame->buffer};
    std::vector<OutputPiece> pieces;
    pieces.emplace_back(MemoryPiece{owner, owner->view()});
    return request.answer(std::move(pieces));
  }
  const bool known_bytes = error == make_error_code(Errc::unsupported_api) ||
                           error == make_error_code(Errc::unsupported_version);
  shard_.metrics().count_malformed(
      error == make_error_code(Errc::unsupported_api)       ? MalformedKind::unknown_api
      : error == make_error_code(Errc::unsupported_version) ? MalformedKind::version
                                                            : MalformedKind::header);
  log_limited(LogLevel::warn, "kafka", known_bytes ? "unsupported" : "header",
              "closing a connection that sent no request we serve",
              {{"peer", request.connection().peer()},
               {"problem", error.message()},
               {"api", prefix ? prefix.value().api_key : std::int16_t{-1}},
               {"version", prefix ? prefix.value().api_version : std::int16_t{-1}}});
  request.close(CloseReason::malformed);
}

}  // namespace strandline
