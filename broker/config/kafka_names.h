// What settings of Kafka's server.properties are called here, for those that carry another name.
//
// Thread   pure functions
#pragma once

#include <string>
#include <string_view>

namespace strandline {

// Our key for Kafka's, or "" when we have none by another name.
std::string name_of_kafka_setting(std::string_view kafka_key);

}  // namespace strandline
