// What tells one state of a World from another, as bytes. Times count from now: two states that
// differ only in when they are reached are one.
//
// Unless all is to be told apart (Bounds::reduces), states are one also when they differ in nothing
// that can ever show:
//
// - What is never read again, or not before it is set anew, is left out; each such place says why.
// - A time from which so much is counted is no longer ago than that.
// - Partition epochs, the starts of a broker and the streams of such a start are only ever compared
//   with their like, and the next one is beyond all there are: each becomes its place in their
//   order. (Not so leader epochs: the controller reckons with them.)
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

  explicit StateWriter(const partition_search::World& world);

  partition_search::Fingerprint fingerprint() const;

 private:
  template <class T>
    requires std::integral<T> || std::is_enum_v<T>
  void put(T value) {
    // Nearly all are small.
    const auto wide = static_cast<std::int64_t>(value);
    if (wide >= -100 && wide <= 100) return bytes_.push_back(static_cast<char>(wide));
    bytes_.push_back(kWide);
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
  void put(Instant time) { put_since(time, kLongAgo); }
  // What is `enough` ago makes no difference any more.
  void put_since(Instant time, Duration enough) {
    put(std::max(time - now_, reduces_ ? -enough : -kLongAgo).count());
  }
  void put_since(const std::optional<Instant>& time, Duration enough) {
    put(time.has_value());
    if (time) put_since(*time, enough);
  }
  // What only matters while `is_alive`.
  template <class T>
  void put_if(bool is_alive, const T& value) {
    if (is_alive || !reduces_) put(value);
  }

  enum class Order : std::uint8_t { partition_epoch, incarnation, stream };
  void put_place(Order order, std::int64_t group, std::int64_t value);
  void put(PartitionEpoch epoch) { put_place(Order::partition_epoch, 0, epoch.value()); }
  void put(ReplicaId replica, Incarnation incarnation) {
    put_place(Order::incarnation, replica.value(), incarnation.value());
  }
  // A number that `put_place` has not seen must not slip through as itself.
  void put(Incarnation) = delete;
  void put(StreamId) = delete;
  void number_places();

  void put(const partition_search::World& world);
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
  void put(const FollowerState& follower, Offset log_end);
  void put(const LagClock& lag, bool is_complete);
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
  void put_image(const partition_search::World::Node& node,
                 const std::optional<partition_sim::Image>& image, bool is_taken);
  void put_streams(const partition_search::World::Node& node);
  std::set<LeaderEpoch> live_epochs() const;

  // One number that is to become its place among those of its order and group.
  struct Place {
    Order order{};
    std::int64_t group = 0;
    std::int64_t value = 0;
    std::size_t at = 0;  // in bytes_
    friend auto operator<=>(const Place&, const Place&) = default;
  };

  static constexpr char kWide = -128;

  const partition_search::World& world_;
  const Instant now_;
  const bool reduces_;
  std::string bytes_;
  std::vector<Place> places_;
};

}  // namespace strandline
