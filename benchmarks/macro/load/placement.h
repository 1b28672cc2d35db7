// Where the partitions of a topic are led, as Metadata v4 tells it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "commands.h"
#include "socket.h"

namespace load {

struct Address {
  std::string host;
  std::string port;

  friend bool operator==(const Address&, const Address&) = default;
};

struct Placement {
  std::int16_t error = 0;  // of the topic
  std::map<std::int32_t, Address> brokers;
  std::vector<std::int32_t> leaders;  // by partition; -1: it has none that serves

  bool led() const;                                      // the topic is there, and all of it is led
  std::vector<std::int32_t> led_by(std::int32_t) const;  // partitions of a broker
  const Address& address_of(std::int32_t broker) const;  // ends the program when it is not known
};

// The brokers to ask first: --bootstrap HOST:PORT,..., else --host and --port.
std::vector<Address> bootstrap(const Options& options);

// A whole Metadata v4 frame; the topic is made where the broker does that and `may_create` is set.
std::vector<std::uint8_t> metadata_frame(const std::string& topic, bool may_create);

// From an answer without its size.
Placement read_placement(const std::vector<std::uint8_t>& answer);

// Asks for a topic until it exists with a leader everywhere (and so creates it).
Placement await_placement(Socket& socket, const std::string& topic, int patience_ms);

// Asks each leader until it serves its partitions: Kafka's own metadata runs ahead of that.
void await_leaders(const Placement& placement, const std::string& topic, int patience_ms);

}  // namespace load
