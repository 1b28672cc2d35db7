// How overrides of a resource change: the rules shared by topic creation and config alteration.
//
// Thread   pure functions
#pragma once

#include <string_view>

#include "replication/metadata/controller.h"

namespace strandline {

// Sets one override of a topic. A config that Kafka has removed is dropped without a word.
//
// Returns  invalid_config for an unknown name or a bad value; `overrides` is then unchanged
Outcome set_topic_override(ConfigMap& overrides, std::string_view name, std::string_view value);

// What overrides that are each fine must fulfil together with the defaults below them.
Outcome check_topic_overrides(const ConfigMap& overrides, const ConfigMap& static_defaults);

}  // namespace strandline
