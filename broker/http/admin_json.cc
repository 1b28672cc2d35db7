#include "broker/http/admin_json.h"

#include <boost/json.hpp>

namespace strandline {
namespace {

namespace json = boost::json;

std::string text_of(const json::value& value) { return json::serialize(value) + "\n"; }

std::int64_t size_of(const TopicView& topic) {
  std::int64_t bytes = 0;
  for (const PartitionSample& partition : topic.partitions) bytes += partition.size_bytes;
  return bytes;
}

json::object topic_line(const TopicView& topic) {
  return {{"name", topic.name},
          {"topic_id", topic.topic_id},
          {"internal", topic.internal},
          {"partition_count", topic.partitions.size()},
          {"size_bytes", size_of(topic)}};
}

json::object partition_object(const PartitionSample& partition) {
  return {{"partition", partition.partition},
          {"leader", partition.leader_id},
          {"leader_epoch", partition.leader_epoch},
          {"replicas", partition.replicas},
          {"in_sync", partition.in_sync},
          {"offline", partition.offline},
          {"log_start_offset", partition.log_start_offset},
          {"log_end_offset", partition.log_end_offset},
          {"high_watermark", partition.high_watermark},
          {"flushed_end_offset", partition.flushed_end},
          {"segments", partition.segments},
          {"size_bytes", partition.size_bytes}};
}

json::array numbers(const std::vector<std::int32_t>& from) {
  return json::array(from.begin(), from.end());
}

}  // namespace

std::string to_json(const ClusterView& cluster) {
  json::array brokers;
  for (const BrokerView& broker : cluster.brokers) {
    brokers.push_back(
        json::object{{"node_id", broker.node_id}, {"host", broker.host}, {"port", broker.port}});
  }
  return text_of(json::object{{"cluster_id", cluster.cluster_id},
                              {"controller", cluster.controller_id},
                              {"brokers", std::move(brokers)},
                              {"topics", cluster.topics},
                              {"partitions", cluster.partitions}});
}

std::string to_json(const std::vector<TopicView>& topics) {
  json::array lines;
  for (const TopicView& topic : topics) lines.push_back(topic_line(topic));
  return text_of(json::object{{"topics", std::move(lines)}});
}

std::string to_json(const TopicView& topic) {
  json::array partitions;
  for (const PartitionSample& partition : topic.partitions) {
    partitions.push_back(partition_object(partition));
  }
  json::object whole = topic_line(topic);
  whole["partitions"] = std::move(partitions);
  return text_of(whole);
}

std::string to_json(const SelfView& self) {
  json::object settings;
  for (const SettingView& setting : self.settings) {
    settings[setting.name] = json::object{{"value", setting.value}, {"source", setting.source}};
  }
  return text_of(json::object{{"node_id", self.node_id},
                              {"version", self.version},
                              {"commit", self.commit},
                              {"uptime_seconds", self.uptime_seconds},
                              {"kafka_address", self.kafka_address},
                              {"http_address", self.http_address},
                              {"data_directory", self.data_directory},
                              {"settings", std::move(settings)}});
}

std::string to_json(const std::vector<HealthCheck>& checks) {
  bool all_well = true;
  json::array list;
  for (const HealthCheck& check : checks) {
    all_well = all_well && check.ok;
    list.push_back(json::object{{"name", check.name}, {"ok", check.ok}, {"detail", check.detail}});
  }
  return text_of(
      json::object{{"status", all_well ? "ok" : "degraded"}, {"checks", std::move(list)}});
}

std::string to_json(const QuorumView& quorum) {
  json::array members;
  for (const QuorumMemberView& member : quorum.members) {
    members.push_back(json::object{{"node_id", member.node_id},
                                   {"directory_id", member.directory_id},
                                   {"rpc_address", member.rpc_address},
                                   {"voter", member.voter},
                                   {"flushed_end", member.flushed_end},
                                   {"heard_ms_ago", member.heard_ms_ago}});
  }
  return text_of(json::object{{"node_id", quorum.node_id},
                              {"leader", quorum.leader_id},
                              {"epoch", quorum.epoch},
                              {"role", quorum.role},
                              {"uncertain", quorum.uncertain},
                              {"committed_end", quorum.committed_end},
                              {"log_end", quorum.log_end},
                              {"shown_end", quorum.shown_end},
                              {"metadata_version", quorum.metadata_version},
                              {"metadata_version_max", quorum.metadata_version_max},
                              {"members", std::move(members)}});
}

std::string to_json(const Readiness& readiness) {
  return text_of(json::object{{"ready", readiness.serving}, {"reason", readiness.reason}});
}

std::string to_json(const std::vector<ReassignmentView>& reassignments) {
  json::array list;
  for (const ReassignmentView& one : reassignments) {
    list.push_back(json::object{{"topic", one.topic},
                                {"partition", one.partition},
                                {"replicas", numbers(one.replicas)},
                                {"adding", numbers(one.adding)},
                                {"removing", numbers(one.removing)},
                                {"isr", numbers(one.isr)}});
  }
  return text_of(json::object{{"reassignments", std::move(list)}});
}

std::string to_json(const StopView& stop) {
  json::array partitions;
  for (const PartitionAtRiskView& partition : stop.partitions) {
    partitions.push_back(json::object{{"topic", partition.topic},
                                      {"partition", partition.partition},
                                      {"risk", partition.risk},
                                      {"why", partition.why}});
  }
  return text_of(json::object{{"node_id", stop.node_id},
                              {"safe", stop.safe},
                              {"reasons", json::array(stop.reasons.begin(), stop.reasons.end())},
                              {"unavailable", stop.unavailable},
                              {"below_min_insync", stop.below_min_insync},
                              {"partitions", std::move(partitions)}});
}

std::string to_json(const DrainView& drain) {
  return text_of(json::object{{"node_id", drain.node_id}, {"moving", drain.moving}});
}

std::string log_level_json(LogLevel level) {
  return text_of(json::object{{"level", log_level_name(level)}});
}

std::string error_json(std::string_view message, std::string_view hint) {
  return text_of(json::object{{"error", message}, {"hint", hint}});
}

std::optional<LogLevel> parse_log_level_request(std::string_view body) {
  boost::system::error_code error;
  const json::value value = json::parse(body, error);
  if (error || !value.is_object()) return std::nullopt;
  const json::object& object = value.get_object();
  const json::value* level = object.if_contains("level");
  if (object.size() != 1 || level == nullptr || !level->is_string()) return std::nullopt;
  LogLevel parsed{};
  const json::string& name = level->get_string();
  if (!parse_log_level({name.data(), name.size()}, parsed)) return std::nullopt;
  return parsed;
}

}  // namespace strandline
