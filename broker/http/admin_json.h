// The admin API's views as JSON text, and the one request it reads. Field names are the API's:
// changing one is a breaking change.
//
// Thread   pure functions
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/http/admin_backend.h"

namespace strandline {

std::string to_json(const ClusterView& cluster);
std::string to_json(const std::vector<TopicView>& topics);  // a line a topic
std::string to_json(const TopicView& topic);                // with its partitions
std::string to_json(const SelfView& self);
std::string to_json(const std::vector<HealthCheck>& checks);
std::string to_json(const QuorumView& quorum);
std::string to_json(const Readiness& readiness);
std::string to_json(const std::vector<ReassignmentView>& reassignments);
std::string to_json(const StopView& stop);
std::string to_json(const DrainView& drain);
std::string log_level_json(LogLevel level);
std::string error_json(std::string_view message, std::string_view hint);

// Reads {"level": "debug"}; nothing when it is anything else.
std::optional<LogLevel> parse_log_level_request(std::string_view body);

}  // namespace strandline
