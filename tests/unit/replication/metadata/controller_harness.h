// A controller with its brokers registered, whose decisions are replayed as a shell would.
#pragma once

#include <catch2/catch.hpp>
#include <utility>
#include <vector>

#include "replication/metadata/controller.h"

namespace strandline {

struct ControllerHarness {
  explicit ControllerHarness(int brokers = 1, ControllerConfig config = {})
      : controller(with_tables(std::move(config)), make_uuid(ids), 7) {
    replay(controller.raise_level());
    for (int id = 1; id <= brokers; ++id) register_broker(id);
  }

  static ControllerConfig with_tables(ControllerConfig config) {
    config.self = BrokerId{1};
    config.broker_configs = {
        {.name = "auto.create.topics.enable", .type = ConfigType::boolean, .default_value = "true"},
        {.name = "node.id", .type = ConfigType::int32, .default_value = "1", .dynamic = false},
        {.name = "num.partitions",
         .type = ConfigType::int32,
         .default_value = "1",
         .min = 1,
         .max = 10000},
        {.name = "topic.defaults.retention.ms",
         .type = ConfigType::int64,
         .default_value = "1",
         .min = -1}};
    return config;
  }

  void replay(const std::vector<MetadataRecord>& records) {
    for (const auto& record : records) REQUIRE(controller.replay(record));
  }

  void register_broker(int id) {
    replay(controller.register_broker({.broker = BrokerId{id},
                                       .incarnation = make_uuid(ids),
                                       .directory = make_uuid(ids),
                                       .advertised = {},
                                       .rpc = {},
                                       .rack = {}}));
  }

  CreatedTopic create(NewTopic topic) {
    auto decision = controller.create_topics(std::vector{std::move(topic)}, false);
    replay(decision.records);
    return decision.items.at(0);
  }

  Outcome alter(const std::string& topic, std::vector<ConfigChange> changes, bool replace = false) {
    const std::vector<ConfigAlteration> request{{2, topic, std::move(changes)}};
    auto decision = replace ? controller.replace_configs(request, false)
                            : controller.alter_configs_incrementally(request, false);
    replay(decision.records);
    return decision.items.at(0);
  }

  const MetadataImage& image() const { return controller.image(); }

  Prng ids{42};
  Controller controller;
};

}  // namespace strandline
