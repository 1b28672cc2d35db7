// A broker with two topics that answers whatever it is asked, for tests of the HTTP side.
//
// Thread   one owner; gathering may be held back to play a hung shard
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/http/admin_backend.h"

namespace strandline {

class FakeBackend : public AdminBackend {
 public:
  std::string metrics_page() const override { return "# HELP x y\n# TYPE x gauge\nx 1\n"; }
  std::vector<HealthCheck> health() const override { return checks; }
  Readiness readiness() const override { return ready; }
  ClusterView cluster() const override {
    return {.cluster_id = "c1",
            .controller_id = 7,
            .brokers = {{.node_id = 7, .host = "127.0.0.1", .port = 9092}},
            .topics = 2,
            .partitions = 3};
  }
  std::vector<TopicView> topics() const override { return all_topics; }
  std::optional<TopicView> topic(std::string_view name) const override {
    for (const TopicView& one : all_topics) {
      if (one.name == name) return one;
    }
    return std::nullopt;
  }
  SelfView self() const override {
    return {.node_id = 7,
            .version = "0.1.0",
            .uptime_seconds = 1.5,
            .settings = {{.name = "shards", .value = "2", .source = "default"}}};
  }
  QuorumView quorum() const override {
    return {.node_id = 7,
            .leader_id = 7,
            .epoch = 3,
            .role = "leader",
            .committed_end = 12,
            .log_end = 13,
            .shown_end = 12,
            .members = {{.node_id = 7, .voter = true, .flushed_end = 13, .heard_ms_ago = 0}}};
  }
  std::vector<ReassignmentView> reassignments() const override {
    return {{.topic = "orders",
             .partition = 1,
             .replicas = {4, 2, 1},
             .adding = {4},
             .removing = {1},
             .isr = {1, 2}}};
  }
  StopView safe_to_stop() const override { return stop; }
  DrainView drain() const override { return drained; }
  void change_log_level(LogLevel changed) override { level = changed; }
  LogLevel current_log_level() const override { return level; }

  std::vector<HealthCheck> checks = {{.name = "shards", .ok = true, .detail = "2 of 2 answer"}};
  Readiness ready{.serving = true, .reason = ""};
  LogLevel level = LogLevel::info;
  StopView stop{.problem = {}, .node_id = 7, .safe = true};
  DrainView drained{.problem = {}, .node_id = 7, .moving = 12};
  std::vector<TopicView> all_topics = {
      {.name = "orders",
       .topic_id = "AAAA",
       .partitions = {{.topic = "orders",
                       .partition = 0,
                       .leader_id = 7,
                       .log_end_offset = 12,
                       .high_watermark = 10,
                       .size_bytes = 100},
                      {.topic = "orders", .partition = 1, .offline = true, .size_bytes = 23}}},
      {.name = "plain.txt", .topic_id = "BBBB", .partitions = {}}};
};

class FakeSource : public AdminSource {
 public:
  void gather(const AdminQuery& query, Done done) override {
    last_query = query;
    if (hung) {
      held.push_back(std::move(done));
    } else {
      done(backend);
    }
  }

  std::shared_ptr<FakeBackend> backend = std::make_shared<FakeBackend>();
  AdminQuery last_query;
  bool hung = false;
  std::vector<Done> held;
};

}  // namespace strandline
