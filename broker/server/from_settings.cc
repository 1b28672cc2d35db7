#include "broker/server/from_settings.h"

#include <chrono>

namespace strandline {

ControllerConfig controller_config(const Settings& settings) {
  return {.self = BrokerId{settings.node_id},
          .auto_create_topics = settings.auto_create_topics_enable,
          .delete_topics = settings.delete_topic_enable,
          .num_partitions = settings.num_partitions,
          .default_replication_factor = settings.default_replication_factor,
          .partitions_max = settings.partitions_max,
          .topic_defaults = settings.topic_defaults,
          .broker_configs = broker_config_defs()};
}

ConnectionLimits connection_limits(const Settings& settings) {
  return {.frame_bytes_max = static_cast<std::size_t>(settings.socket_request_max_bytes),
          .requests_in_flight_max = static_cast<std::size_t>(settings.requests_in_flight_max),
          .held_bytes_max = static_cast<std::uint64_t>(settings.connection_memory_max_bytes),
          .idle_max = std::chrono::milliseconds{settings.connections_max_idle_ms},
          .stall_max = std::chrono::milliseconds{settings.connections_stalled_max_ms}};
}

}  // namespace strandline
