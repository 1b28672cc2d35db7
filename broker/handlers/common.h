// What several handlers need: the shape of a decision, how clients are told addresses, authorized
// operations, and what becomes of an Outcome on the wire.
//
// Handlers are pure: from an image and a decoded request to an answer. Those that change metadata
// ask the controller and return a Decided: the shell appends its records, replays them, and sends
// the response when they are committed; without records the response may go at once.
//
// Thread   pure functions
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/base/host_port.h"
#include "protocol/wire/types.h"
#include "replication/metadata/controller.h"
#include "replication/metadata/image.h"

namespace strandline {

template <class Response>
struct Decided {
  Response response;
  std::vector<MetadataRecord> records;
};

// The listener a request came in on, as its client sees it.
struct ListenerView {
  BrokerId self = kNoBroker;  // this broker
  HostPort reached;           // what to call this broker when it advertises nothing
};

// The address a client on this listener is told for a broker.
HostPort advertised_address(const BrokerImage& broker, const ListenerView& listener);

// A live broker that admin requests may go to: this one when it is live, for it passes them on.
BrokerId controller_for_clients(const MetadataImage& image, const ListenerView& listener);

// Without an authorizer all that exists is allowed: bit 1 << operation for each.
std::int32_t topic_operations();
std::int32_t cluster_operations();

// Replicas on brokers that are fenced or not registered.
std::vector<BrokerId> offline_replicas(const MetadataImage& image, const PartitionImage& partition);

// The message of a refusal; none when ok or without words.
std::optional<std::string> message_of(const Outcome& outcome);

}  // namespace strandline
