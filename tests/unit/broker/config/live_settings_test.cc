#include "broker/config/live_settings.h"

#include <catch2/catch.hpp>

namespace strandline {

TEST_CASE("Settings: a number that may change while the broker runs is the nearest one set",
          "[config]") {
  constexpr std::string_view kKey = "leader.replication.throttled.rate";
  Settings settings;
  settings.node_id = 7;
  MetadataImage image;
  const auto now = [&] { return live_number(settings, image, kKey); };
  CHECK(now() == kNoRateLimit);
  settings.leader_throttled_rate = 1000;
  CHECK(now() == 1000);
  image.broker_configs[""][std::string{kKey}] = "2000";
  CHECK(now() == 2000);
  image.broker_configs["8"][std::string{kKey}] = "4000";
  CHECK(now() == 2000);
  image.broker_configs["7"][std::string{kKey}] = "3000";
  CHECK(now() == 3000);
  image.broker_configs["7"][std::string{kKey}] = "-5";  // of a version that knows what it means
  CHECK(now() == 2000);
}

}  // namespace strandline
