#include "broker/handlers/common.h"

#include <algorithm>
#include <initializer_list>

#include "protocol/wire/api.h"

namespace strandline {
namespace {

std::int32_t mask_of(std::initializer_list<wire::Operation> operations) {
  std::int32_t mask = 0;
  for (const auto operation : operations) mask |= 1 << static_cast<int>(operation);
  return mask;
}

}  // namespace

HostPort advertised_address(const BrokerImage& broker, const ListenerView& listener) {
  return broker.advertised.value_or(listener.reached);
}

BrokerId controller_for_clients(const MetadataImage& image, const ListenerView& listener) {
  const auto* self = image.broker(listener.self);
  if (self != nullptr && !self->fenced) return listener.self;
  const auto live = image.live_brokers();
  return live.empty() ? kNoBroker : live.front()->id;
}

std::int32_t topic_operations() {
  using enum wire::Operation;
  return mask_of({read, write, create, remove, alter, describe, describe_configs, alter_configs});
}

std::int32_t cluster_operations() {
  using enum wire::Operation;
  return mask_of(
      {create, alter, describe, cluster_action, describe_configs, alter_configs, idempotent_write});
}

std::vector<BrokerId> offline_replicas(const MetadataImage& image,
                                       const PartitionImage& partition) {
  std::vector<BrokerId> offline;
  for (const auto id : partition.replicas) {
    const auto* broker = image.broker(id);
    if (broker == nullptr || broker->fenced) offline.push_back(id);
  }
  return offline;
}

std::optional<std::string> message_of(const Outcome& outcome) {
  if (outcome.ok() || outcome.message.empty()) return std::nullopt;
  return outcome.message;
}

}  // namespace strandline
