// `leader.replication.throttled.replicas` and `follower.replication.throttled.replicas` of a topic:
// all of its replicas ("*"), or those named as partition:broker pairs.
//
// Thread   values and pure functions
#pragma once

#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "protocol/base/ids.h"

namespace strandline {

class ThrottledReplicas {
 public:
  // None are.
  ThrottledReplicas() = default;

  // None: it is neither "*" nor "0:1,0:2,…"; empty text names nobody.
  static std::optional<ThrottledReplicas> parse(std::string_view text);

  bool contains(PartitionIndex partition, BrokerId broker) const {
    return all_ || named_.contains({partition, broker});
  }

  friend bool operator==(const ThrottledReplicas&, const ThrottledReplicas&) = default;

 private:
  bool all_ = false;
  std::set<std::pair<PartitionIndex, BrokerId>> named_;
};

// Whether it is one of the two configs.
bool is_throttled_replicas_config(std::string_view name);

}  // namespace strandline
