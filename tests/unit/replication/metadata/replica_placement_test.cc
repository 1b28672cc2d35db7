#include "replication/metadata/replica_placement.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "tests/unit/replication/metadata/controller_harness.h"

namespace strandline {
namespace {

// Brokers 1, 2, …: as many in each rack as the numbers say.
struct Brokers {
  explicit Brokers(const std::vector<int>& in_racks) {
    int rack = 0;
    for (const int count : in_racks) {
      const std::string name = "rack-" + std::to_string(++rack);
      for (int i = 0; i < count; ++i) add(name);
    }
  }
  void add(std::optional<std::string> rack) {
    const BrokerId id{static_cast<std::int32_t>(all.size() + 1)};
    all[id] = {.id = id, .rack = std::move(rack)};
  }
  std::vector<const BrokerImage*> live() const {
    std::vector<const BrokerImage*> brokers;
    for (const auto& [id, broker] : all) brokers.push_back(&broker);
    return brokers;
  }
  const std::string& rack(BrokerId id) const { return *all.at(id).rack; }

  std::map<BrokerId, BrokerImage> all;
};

using Placed = std::vector<std::vector<BrokerId>>;

Placed place(const Brokers& brokers, std::uint64_t seed, int partitions, int factor) {
  Prng prng{seed};
  ReplicaPlacement placement{brokers.live(), prng};
  Placed placed;
  for (int i = 0; i < partitions; ++i) placed.push_back(placement.next(factor));
  return placed;
}

// How often each broker is counted, and by how much the most differs from the least.
struct Counts {
  explicit Counts(const Brokers& brokers) {
    for (const auto& [id, broker] : brokers.all) of[id] = 0;
  }
  int spread() const {
    const auto by_count = [](const auto& a, const auto& b) { return a.second < b.second; };
    const auto [least, most] = std::minmax_element(of.begin(), of.end(), by_count);
    return most->second - least->second;
  }
  std::map<BrokerId, int> of;
};

int leader_spread(const Brokers& brokers, const Placed& placed) {
  Counts counts{brokers};
  for (const auto& replicas : placed) ++counts.of[replicas.front()];
  return counts.spread();
}

int replica_spread(const Brokers& brokers, const Placed& placed) {
  Counts counts{brokers};
  for (const auto& replicas : placed) {
    for (const BrokerId id : replicas) ++counts.of[id];
  }
  return counts.spread();
}

bool has_no_broker_twice(const Placed& placed) {
  return std::ranges::all_of(placed, [](const auto& replicas) {
    return std::set(replicas.begin(), replicas.end()).size() == replicas.size();
  });
}

// As many racks as there can be, and none with two more than another that has room.
bool is_spread_over_racks(const Brokers& brokers, const std::vector<BrokerId>& replicas) {
  std::map<std::string, std::size_t> size;
  std::map<std::string, std::size_t> used;
  for (const auto& [id, broker] : brokers.all) ++size[*broker.rack], used[*broker.rack] += 0;
  for (const BrokerId id : replicas) ++used[brokers.rack(id)];
  std::size_t most = 0;
  for (const auto& [rack, count] : used) most = std::max(most, count);
  return std::ranges::all_of(used, [&](const auto& rack) {
    return rack.second + 1 >= most || rack.second == size[rack.first];
  });
}

TEST_CASE("ReplicaPlacement: without racks brokers lead and follow equally often, within one",
          "[placement]") {
  for (int n = 1; n <= 12; ++n) {
    Brokers brokers{{}};
    for (int i = 0; i < n; ++i) brokers.add(std::nullopt);
    for (int factor = 1; factor <= std::min(n, 6); ++factor) {
      for (std::uint64_t seed = 0; seed < 4; ++seed) {
        Prng prng{seed};
        ReplicaPlacement placement{brokers.live(), prng};
        Placed placed;
        for (int partitions = 1; partitions <= 5 * n; ++partitions) {
          placed.push_back(placement.next(factor));
          INFO(n << " brokers, factor " << factor << ", " << partitions << " partitions, seed "
                 << seed);
          REQUIRE(leader_spread(brokers, placed) <= 1);
          REQUIRE(replica_spread(brokers, placed) <= 1);
        }
        REQUIRE(has_no_broker_twice(placed));
      }
    }
  }
}

TEST_CASE("ReplicaPlacement: in racks of one size the same, and over as many racks as can be",
          "[placement]") {
  for (int racks = 1; racks <= 5; ++racks) {
    for (int in_rack = 1; in_rack <= 4; ++in_rack) {
      const Brokers brokers{std::vector<int>(static_cast<std::size_t>(racks), in_rack)};
      for (int factor = 1; factor <= std::min(racks * in_rack, 6); ++factor) {
        for (std::uint64_t seed = 0; seed < 4; ++seed) {
          for (const int partitions : {1, 2, 3, 5, 7, 12, 24, 61}) {
            const Placed placed = place(brokers, seed, partitions, factor);
            INFO(racks << " racks of " << in_rack << ", factor " << factor << ", " << partitions
                       << " partitions, seed " << seed);
            REQUIRE(leader_spread(brokers, placed) <= 1);
            REQUIRE(replica_spread(brokers, placed) <= 1);
            REQUIRE(has_no_broker_twice(placed));
            for (const auto& replicas : placed) REQUIRE(is_spread_over_racks(brokers, replicas));
          }
        }
      }
    }
  }
}

TEST_CASE("ReplicaPlacement: racks of any size are used as evenly as they can be", "[placement]") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Prng prng{seed};
    std::vector<int> in_racks(1 + prng.below(5));
    int n = 0;
    for (int& count : in_racks) n += count = static_cast<int>(1 + prng.below(5));
    const Brokers brokers{in_racks};
    const int factor = static_cast<int>(1 + prng.below(static_cast<std::uint64_t>(std::min(n, 6))));
    const Placed placed = place(brokers, seed, static_cast<int>(1 + prng.below(50)), factor);
    INFO("seed " << seed);
    REQUIRE(leader_spread(brokers, placed) <= 1);
    REQUIRE(has_no_broker_twice(placed));
    for (const auto& replicas : placed) REQUIRE(is_spread_over_racks(brokers, replicas));
  }
}

TEST_CASE("ReplicaPlacement: where a broker has no rack, racks do not count", "[placement]") {
  Brokers brokers{{1, 4}};
  brokers.add(std::nullopt);
  const Placed placed = place(brokers, 1, 60, 2);
  CHECK(replica_spread(brokers, placed) <= 1);  // not broker 1 in each of them
}

TEST_CASE("ReplicaPlacement: leaders take turns, and neighbours are in different racks",
          "[placement]") {
  const Brokers brokers{{2, 2, 2}};
  const Placed placed = place(brokers, 3, 60, 3);
  std::set<BrokerId> round;
  for (std::size_t i = 0; i < placed.size(); ++i) {
    CHECK(round.insert(placed[i].front()).second);
    if (round.size() == 6) round.clear();
    if (i > 0) CHECK(brokers.rack(placed[i].front()) != brokers.rack(placed[i - 1].front()));
  }
}

TEST_CASE("ReplicaPlacement: topics of one partition spread over all brokers", "[placement]") {
  const Brokers brokers{{2, 2, 2}};
  Prng prng{5};
  std::map<BrokerId, int> led;
  std::map<BrokerId, int> held;
  for (int topic = 0; topic < 6000; ++topic) {
    const auto replicas = ReplicaPlacement{brokers.live(), prng}.next(3);
    ++led[replicas.front()];
    for (const BrokerId id : replicas) ++held[id];
  }
  for (int id = 1; id <= 6; ++id) {
    CHECK(std::abs(led[BrokerId{id}] - 1000) < 150);
    CHECK(std::abs(held[BrokerId{id}] - 3000) < 300);
  }
}

TEST_CASE("ReplicaPlacement: what a failed broker led goes to several others", "[placement]") {
  for (const auto& in_racks : {std::vector{3}, {4}, {6}, {2, 2, 2}, {3, 3}}) {
    for (const int factor : {2, 3}) {
      const Brokers brokers{in_racks};
      Counts next{brokers};
      int led = 0;
      for (const auto& replicas : place(brokers, 9, 600, factor)) {
        if (replicas.front() != BrokerId{1}) continue;
        ++led;
        ++next.of[replicas[1]];
      }
      for (const auto& [id, count] : next.of) {
        INFO(brokers.all.size() << " brokers, " << in_racks.size() << " racks, factor " << factor);
        CHECK(count <= led * 7 / 10);
      }
    }
  }
}

TEST_CASE("ReplicaPlacement: a topic that grows goes on where it stands", "[placement]") {
  for (int n = 1; n <= 8; ++n) {
    Brokers brokers{{n}};
    for (int factor = 1; factor <= std::min(n, 4); ++factor) {
      for (int before = 1; before <= 2 * n; ++before) {
        Placed placed = place(brokers, 11, before, factor);
        std::vector<PartitionImage> partitions;
        for (const auto& replicas : placed) partitions.push_back({.replicas = replicas, .isr = {}});
        Prng prng{12};
        ReplicaPlacement placement{brokers.live(), prng};
        placement.take_over(partitions);
        for (int added = 1; added <= 2 * n; ++added) {
          placed.push_back(placement.next(factor));
          INFO(n << " brokers, factor " << factor << ", " << before << " and " << added);
          REQUIRE(leader_spread(brokers, placed) <= 1);
          REQUIRE(replica_spread(brokers, placed) <= 1);
        }
      }
    }
  }
}

TEST_CASE("ReplicaPlacement: what a topic gains goes first to brokers that have nothing of it",
          "[placement]") {
  Brokers brokers{{2}};
  const Placed old = place(brokers, 1, 4, 2);
  std::vector<PartitionImage> partitions;
  for (const auto& replicas : old) partitions.push_back({.replicas = replicas, .isr = {}});
  brokers.add("rack-1");
  brokers.add("rack-1");
  Prng prng{2};
  ReplicaPlacement placement{brokers.live(), prng};
  placement.take_over(partitions);
  Placed added;
  for (int i = 0; i < 4; ++i) added.push_back(placement.next(2));
  for (const auto& replicas : added) {
    for (const BrokerId id : replicas) CHECK(id >= BrokerId{3});
  }
  // Those that are gone meanwhile are of no account.
  brokers.all.erase(BrokerId{1});
  ReplicaPlacement less{brokers.live(), prng};
  less.take_over(partitions);
  for (const BrokerId id : less.next(3)) CHECK(id != BrokerId{1});
}

TEST_CASE("ReplicaPlacement: the same seed places the same", "[placement]") {
  const Brokers brokers{{3, 2, 1}};
  CHECK(place(brokers, 7, 40, 3) == place(brokers, 7, 40, 3));
  CHECK(place(brokers, 7, 40, 3) != place(brokers, 8, 40, 3));
}

// --- in the controller

TEST_CASE("Controller: replicas spread over racks, also those of partitions added later",
          "[controller]") {
  ControllerHarness t{0};
  std::map<BrokerId, std::string> racks;
  for (int id = 1; id <= 6; ++id) {
    racks[BrokerId{id}] = id % 2 == 0 ? "a" : "b";
    t.replay(t.controller.register_broker({.broker = BrokerId{id},
                                           .incarnation = make_uuid(t.ids),
                                           .directory = make_uuid(t.ids),
                                           .advertised = {},
                                           .rpc = {},
                                           .rack = racks[BrokerId{id}]}));
  }
  REQUIRE(t.create({.name = "a", .num_partitions = 5, .replication_factor = 2}).outcome.ok());
  const std::vector<PartitionGrowth> growth{{.name = "a", .count = 12, .assignments = {}}};
  t.replay(t.controller.create_partitions(growth, false).records);
  std::map<BrokerId, int> led;
  REQUIRE(t.image().topic("a")->partitions.size() == 12);
  for (const PartitionImage& partition : t.image().topic("a")->partitions) {
    CHECK(racks[partition.replicas[0]] != racks[partition.replicas[1]]);
    ++led[partition.leader];
  }
  for (const auto& [id, count] : led) CHECK(count == 2);
}

TEST_CASE("Controller: unset, min.insync.replicas follows the topic's own factor", "[controller]") {
  ControllerHarness t{5};
  for (int factor = 1; factor <= 5; ++factor) {
    const std::string name = "t" + std::to_string(factor);
    t.create({.name = name, .replication_factor = factor});
    const auto config = topic_config(t.image(), *t.image().topic(name), BrokerId{1}, {});
    CHECK(config.min_insync_replicas == (factor >= 3 ? factor / 2 + 1 : 1));
  }
  CHECK(t.create({.name = "unset"}).replication_factor == 3);
}

TEST_CASE("Controller: a reassignment under way asks for no more replicas than there are",
          "[controller]") {
  ControllerHarness t{4};
  const auto b = [](auto... ids) { return std::vector{BrokerId{ids}...}; };
  const auto min_insync = [&](const std::string& topic) {
    return topic_config(t.image(), *t.image().topic(topic), BrokerId{1}, {}).min_insync_replicas;
  };
  const auto reassign = [&](const std::string& topic, std::vector<BrokerId> replicas) {
    const Reassignment wanted{{t.image().topic(topic)->id, PartitionIndex{0}}, std::move(replicas)};
    const auto decision = t.controller.reassign(std::span{&wanted, 1});
    REQUIRE(decision.items.at(0).ok());
    t.replay(decision.records);
  };
  t.create({.name = "up", .assignments = {{0, b(1)}}});
  reassign("up", b(1, 2, 3));
  CHECK(t.image().topic("up")->replication_factor() == 1);
  CHECK(min_insync("up") == 1);  // one is in sync: two could not be had yet
  t.create({.name = "move", .assignments = {{0, b(1, 2, 3)}}});
  reassign("move", b(2, 3, 4));
  CHECK(t.image().topic("move")->replication_factor() == 3);
  CHECK(min_insync("move") == 2);
}

}  // namespace
}  // namespace strandline
