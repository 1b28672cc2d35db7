// Enumerations that the config APIs share.
//
// Thread   constants
#pragma once

#include <cstdint>

namespace strandline::wire {

// Any other number may come in: refuse it.
enum class ConfigResourceType : std::int8_t {
  unknown = 0,
  topic = 2,
  broker = 4,
  broker_logger = 8,
  client_metrics = 16,
  group = 32,
};

enum class ConfigOperation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

// Where a config's value comes from.
enum class ConfigSource : std::int8_t {
  not_told = -1,
  unknown = 0,
  topic = 1,
  dynamic_broker = 2,
  dynamic_default_broker = 3,
  static_broker = 4,
  default_value = 5,
  dynamic_broker_logger = 6,
  client_metrics = 7,
  group = 8,
};

enum class ConfigType : std::int8_t {
  unknown = 0,
  boolean = 1,
  string = 2,
  int32 = 3,
  int16 = 4,
  int64 = 5,
  float64 = 6,
  list = 7,
  class_name = 8,
  password = 9,
};

}  // namespace strandline::wire
