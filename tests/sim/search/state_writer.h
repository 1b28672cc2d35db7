// Everything that tells one state of a World from another, as bytes. Times count from now: two
// states that differ only in when they are reached are one.
//
// Thread   one owner
#pragma once

#include <concepts>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "tests/sim/search/world.h"

namespace strandline {

// The cores name it their friend: a field that it passed over would make it take two states for
// one.
class StateWriter {
 public:
  // Whoever waits does so for less: what is longer ago makes no difference.
  static constexpr Duration kLongAgo = std::chrono::seconds{30};

  explicit StateWriter(Instant now) : now_(now) {}

  std::uint64_t digest() const;

  void put(const partition_search::World& world);

 private:
  template <class T>
    requires std::integral<T> || std::is_enum_v<T>
  void put(T value) {
    const auto wide = static_cast<std::int64_t>(value);
    bytes_.append(reinterpret_cast<const char*>(&wide), sizeof wide);
  }
  template <class Tag, class Rep>
  void put(StrongId<Tag, Rep> id) {
    put(id.value());
  }
  template <class Tag, class Rep>
  void put(StrongPoint<Tag, Rep> point) {
    put(point.value());
  }
  void put(Instant time) { put(std::max(time - now_, -kLongAgo).count()); }
  template <class T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <class A, class B>
  void put(const std::pair<A, B>& pair) {
    put(pair.first);
    put(pair.second);
  }
  template <class... T>
  void put(const std::variant<T...>& value) {
    put(value.index());
    std::visit([this](const auto& one) { this->put(one); }, value);
  }
  template <class T>
  void put_all(const T& values) {
    put(values.size());
    for (const auto& value : values) put(value);
  }
  template <class T>
  void put(const std::vector<T>& values) {
    put_all(values);
  }
  template <class T>
  void put(const std::deque<T>& values) {
    put_all(values);
  }
  template <class T>
  void put(const std::set<T>& values) {
    put_all(values);
  }
  template <class K, class V>
  void put(const std::map<K, V>& values) {
    put_all(values);
  }

  void put(const StreamName& name);
  void put(const EpochStart& start);
  void put(const BatchClaim& claim);
  void put(const OpenStream& open);
  void put(const StreamAck& ack);
  void put(const OlderEpochsWanted& wanted);
  void put(const StreamOpened& opened);
  void put(const StreamBatches& batches);
  void put(const StreamPosition& position);
  void put(const StreamEnd& end);
  void put(const IsrMember& member);
  void put(const CommittedIsr& isr);
  void put(const IsrProposal& proposal);
  void put(const IsrSet& isr);
  void put(const LagClock& lag);
  void put(const FollowerState& follower);
  void put(const PartitionLeader& leader);
  void put(const PartitionFollower& follower);

  void put(const partition_sim::SimBatch& batch);
  void put(const partition_sim::ReplicaLog& log);
  void put(const partition_sim::Image& image);
  void put(const partition_sim::Registration& registration);
  void put(const partition_sim::Refusal& refusal);
  void put(const partition_sim::ControllerModel& controller);
  void put(const partition_sim::Checker& checker);

  void put(const partition_search::World::Payload& payload);
  void put(const partition_search::World::Cut& cut);
  void put(const partition_search::World::Proposal& proposal);
  void put(const partition_search::World::Node& node);

  const Instant now_;
  std::string bytes_;
};

}  // namespace strandline
