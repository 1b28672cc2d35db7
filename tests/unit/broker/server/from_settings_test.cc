#include "broker/server/from_settings.h"

#include <catch2/catch.hpp>

#include "protocol/base/prng.h"

namespace strandline {

TEST_CASE("Settings: a config set at run time for this broker alone holds on it", "[config]") {
  Settings settings;
  settings.node_id = 7;
  Prng ids{1};
  Controller controller{controller_config(settings), make_uuid(ids), 1};
  const auto set = [&](const std::string& broker, const std::string& name,
                       const std::string& value) {
    REQUIRE(controller.replay(ConfigRecord{ConfigResource::broker, broker, name, value}));
  };
  set("", "num.partitions", "3");
  CHECK(controller.num_partitions() == 3);
  set("7", "num.partitions", "5");
  set("8", "num.partitions", "6");
  CHECK(controller.num_partitions() == 5);
  set("7", "auto.create.topics.enable", "false");
  CHECK_FALSE(controller.auto_create_enabled());
}

TEST_CASE("Settings: the limits of a connection are those of the settings", "[config]") {
  Settings settings;
  settings.connection_memory_max_bytes = 12345;
  settings.requests_in_flight_max = 9;
  const auto limits = connection_limits(settings);
  CHECK(limits.held_bytes_max == 12345);
  CHECK(limits.requests_in_flight_max == 9);
}

}  // namespace strandline
