// One broker's controller and settings, for handlers that answer from them.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "broker/handlers/common.h"
#include "broker/handlers/config_view.h"

namespace strandline {

struct AdminHarness {
  explicit AdminHarness(Settings given = {})
      : settings(std::move(given)),
        configs(settings),
        controller({.self = BrokerId{1},
                    .topic_defaults = settings.topic_defaults,
                    .broker_configs = broker_config_defs()},
                   make_uuid(ids), 7) {
    register_broker(1, std::nullopt);
  }

  void register_broker(int id, std::optional<HostPort> advertised) {
    replay(controller.register_broker({.broker = BrokerId{id},
                                       .incarnation = make_uuid(ids),
                                       .directory = {},
                                       .advertised = advertised,
                                       .rpc = {},
                                       .rack = "rack-1"}));
  }

  void fence(int id) {
    const auto* broker = image().broker(BrokerId{id});
    replay({BrokerRegistrationRecord{.broker = broker->id,
                                     .incarnation = broker->incarnation,
                                     .broker_epoch = broker->broker_epoch,
                                     .advertised = broker->advertised,
                                     .fenced = true}});
  }

  void replay(const std::vector<MetadataRecord>& records) {
    for (const auto& record : records) REQUIRE(controller.replay(record));
  }

  Uuid create(const std::string& name, int partitions = 1, std::vector<ConfigEntry> entries = {}) {
    auto decision = controller.create_topics(
        std::vector<NewTopic>{
            {.name = name, .num_partitions = partitions, .configs = std::move(entries)}},
        false);
    REQUIRE(decision.items.at(0).outcome.ok());
    replay(decision.records);
    return decision.items.at(0).id;
  }

  const MetadataImage& image() const { return controller.image(); }

  Settings settings;
  ConfigView configs;
  Prng ids{42};
  Controller controller;
  ListenerView listener{BrokerId{1}, HostPort{"localhost", 9092}};
};

}  // namespace strandline
