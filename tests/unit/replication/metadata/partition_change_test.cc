#include "replication/metadata/partition_change.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

namespace strandline {
namespace {

std::vector<BrokerId> ids(std::initializer_list<int> numbers) {
  std::vector<BrokerId> all;
  for (const int number : numbers) all.emplace_back(number);
  return all;
}

// Three replicas, all in sync, the first leads, two have to be in sync.
struct Partition3 {
  PartitionImage now{.replicas = ids({1, 2, 3}),
                     .isr = ids({1, 2, 3}),
                     .leader = BrokerId{1},
                     .leader_epoch = LeaderEpoch{5},
                     .partition_epoch = 9,
                     .elr = {},
                     .adding = {},
                     .removing = {},
                     .cut = {}};
  std::int32_t min_insync = 2;
  std::set<int> down;
  std::map<int, ReplicaLogEnd> found;

  PartitionChange change() const {
    return {now, min_insync, [this](BrokerId id) {
              ReplicaStanding standing{.can_lead = !down.contains(id.value())};
              if (const auto at = found.find(id.value()); at != found.end()) {
                standing.found = at->second;
              }
              return standing;
            }};
  }
  template <class Edit>
  void apply(Edit edit) {
    PartitionChange changed = change();
    edit(changed);
    if (auto next = changed.next()) now = *next;
  }
  void fails(int broker) {
    down.insert(broker);
    apply([&](PartitionChange& c) { c.leave_isr(BrokerId{broker}); });
  }
  void comes_back(int broker) {
    down.erase(broker);
    apply([](PartitionChange&) {});
  }
  void comes_back_unopened(int broker) {
    down.erase(broker);
    apply([&](PartitionChange& c) { c.note_unopened(BrokerId{broker}); });
  }
  void opens(int broker) {
    apply([&](PartitionChange& c) { c.note_opened(BrokerId{broker}); });
  }
  void comes_back_cut(int broker, ReplicaLogEnd end) {
    down.erase(broker);
    apply([&](PartitionChange& c) { c.note_cut(BrokerId{broker}, end); });
  }
};

ReplicaLogEnd end_at(int epoch, std::int64_t offset) {
  return {LeaderEpoch{epoch}, Offset{offset}};
}

TEST_CASE("PartitionChange: nothing new is no change", "[partition_change]") {
  const Partition3 p;
  PartitionChange change = p.change();
  CHECK_FALSE(change.next().has_value());
  change.set_isr(ids({1, 2, 3}));
  CHECK_FALSE(change.next().has_value());
}

TEST_CASE("PartitionChange: a leader that fails is followed by the next in sync",
          "[partition_change]") {
  Partition3 p;
  p.fails(1);
  CHECK(p.now.leader == BrokerId{2});
  CHECK(p.now.leader_epoch == LeaderEpoch{6});
  CHECK(p.now.partition_epoch == 10);
  CHECK(p.now.isr == ids({2, 3}));
  CHECK(p.now.elr.empty());  // two are in sync: the watermark moves on without it
}

TEST_CASE("PartitionChange: a change of the ISR alone begins no epoch of the leader",
          "[partition_change]") {
  Partition3 p;
  p.apply([](PartitionChange& c) { c.set_isr(ids({1, 3})); });
  CHECK(p.now.leader_epoch == LeaderEpoch{5});
  CHECK(p.now.partition_epoch == 10);
}

TEST_CASE("PartitionChange: who leaves an ISR that is too small then stays eligible",
          "[partition_change]") {
  Partition3 p;
  p.fails(3);
  p.fails(2);
  CHECK(p.now.isr == ids({1}));
  CHECK(p.now.elr == ids({2}));  // 3 left while the watermark could still move
  p.fails(1);
  CHECK(p.now.leader == kNoBroker);
  CHECK(p.now.isr.empty());
  CHECK(p.now.elr == ids({1, 2}));
  p.comes_back(3);
  CHECK(p.now.leader == kNoBroker);  // it may lack acknowledged records
  p.comes_back(2);
  CHECK(p.now.leader == BrokerId{2});
  CHECK(p.now.isr == ids({2}));
  CHECK(p.now.elr == ids({1}));
  p.apply([](PartitionChange& c) { c.set_isr(ids({2, 3})); });
  CHECK(p.now.elr.empty());
}

TEST_CASE("PartitionChange: who is in sync and cannot lead stays eligible beside another leader",
          "[partition_change]") {
  Partition3 p;
  p.fails(3);
  p.fails(2);
  p.down = {1, 3};  // 1 stops, and hands over first; 2 is back
  p.apply([](PartitionChange&) {});
  CHECK(p.now.leader == BrokerId{2});
  CHECK(p.now.isr == ids({2}));
  CHECK(p.now.elr == ids({1}));
}

TEST_CASE("PartitionChange: the last of a single replica waits for itself", "[partition_change]") {
  Partition3 p;
  p.now.replicas = p.now.isr = ids({1});
  p.fails(1);
  CHECK(p.now.leader == kNoBroker);
  CHECK(p.now.elr == ids({1}));
  p.comes_back(1);
  CHECK(p.now.leader == BrokerId{1});
  CHECK(p.now.isr == ids({1}));
  CHECK(p.now.elr.empty());
  CHECK(p.now.leader_epoch == LeaderEpoch{7});
}

TEST_CASE("PartitionChange: a replica that lost something is complete no more",
          "[partition_change]") {
  Partition3 p;
  p.fails(3);
  p.fails(2);
  p.apply([](PartitionChange& c) { c.forget(BrokerId{2}); });
  CHECK(p.now.elr.empty());
  p.fails(1);
  p.comes_back(2);
  CHECK(p.now.leader == kNoBroker);
  SECTION("an administrator may give up what it lacks") {
    p.apply([](PartitionChange& c) { c.elect(Election::unclean); });
    CHECK(p.now.leader == BrokerId{2});
    CHECK(p.now.isr == ids({2}));
    CHECK(p.now.elr.empty());
  }
  SECTION("or wait for the one that has it") {
    p.comes_back(1);
    CHECK(p.now.leader == BrokerId{1});
  }
}

TEST_CASE("PartitionChange: an unclean election takes the longest log it knows of",
          "[partition_change]") {
  Partition3 p;
  p.now.isr = {};
  p.now.leader = kNoBroker;
  p.found = {{1, end_at(4, 100)}, {2, end_at(5, 20)}, {3, end_at(5, 30)}};
  p.apply([](PartitionChange& c) { c.elect(Election::unclean); });
  CHECK(p.now.leader == BrokerId{3});
  CHECK(p.now.isr == ids({3}));
}

TEST_CASE("PartitionChange: an unclean election is not one while a complete replica can lead",
          "[partition_change]") {
  Partition3 p;
  p.fails(1);
  p.found = {{2, end_at(5, 1)}, {3, end_at(5, 900)}};
  p.apply([](PartitionChange& c) { c.elect(Election::unclean); });
  CHECK(p.now.leader == BrokerId{2});
  CHECK(p.now.isr == ids({2, 3}));
}

// --- replicas that cut their logs

TEST_CASE("PartitionChange: who cut its log is out of sync until it has caught up",
          "[partition_change]") {
  Partition3 p;
  p.apply([](PartitionChange& c) { c.note_cut(BrokerId{2}, end_at(5, 50)); });
  CHECK(p.now.isr == ids({1, 3}));
  CHECK(p.now.leader == BrokerId{1});
  CHECK(p.now.cut.empty());
  p.apply([](PartitionChange& c) { c.set_isr(ids({1, 2, 3})); });
  p.fails(1);
  CHECK(p.now.leader == BrokerId{2});
}

TEST_CASE("PartitionChange: a leader that cut its log gives way to one that did not",
          "[partition_change]") {
  Partition3 p;
  p.apply([](PartitionChange& c) { c.note_cut(BrokerId{1}, end_at(5, 50)); });
  CHECK(p.now.leader == BrokerId{2});
  CHECK(p.now.isr == ids({2, 3}));
}

TEST_CASE("PartitionChange: a power cut of all is decided by the longest log",
          "[partition_change]") {
  Partition3 p;
  for (const int broker : {1, 2, 3}) p.down.insert(broker);
  p.apply([](PartitionChange& c) {
    for (const int broker : {1, 2, 3}) c.leave_isr(BrokerId{broker});
  });
  CHECK(p.now.elr == ids({1, 2, 3}));
  p.comes_back_cut(1, end_at(5, 40));
  p.comes_back_cut(2, end_at(5, 50));
  CHECK(p.now.leader == kNoBroker);  // the third may have more
  CHECK(p.now.cut.size() == 2);
  SECTION("when all are there") {
    p.comes_back_cut(3, end_at(4, 90));
    CHECK(p.now.leader == BrokerId{2});
    CHECK(p.now.isr == ids({2}));
    CHECK(p.now.elr.empty());
    CHECK(p.now.cut.empty());
  }
  SECTION("of two, when the third does not come") {
    p.apply([](PartitionChange& c) { c.stop_waiting(); });
    CHECK(p.now.leader == BrokerId{2});
  }
  SECTION("of one that cut nothing, at once") {
    p.comes_back(3);
    CHECK(p.now.leader == BrokerId{3});
    CHECK(p.now.isr == ids({3}));
    CHECK(p.now.elr == ids({1, 2}));  // nothing can be committed before one of them is in sync
    p.apply([](PartitionChange& c) { c.set_isr(ids({2, 3})); });
    CHECK(p.now.elr.empty());
    CHECK(p.now.cut.empty());
  }
  SECTION("not by one that was damaged since") {
    p.apply([](PartitionChange& c) { c.forget(BrokerId{2}); });
    p.comes_back_cut(3, end_at(4, 90));
    CHECK(p.now.leader == BrokerId{1});
  }
}

TEST_CASE("PartitionChange: a leader that is gone may have cut more than another one did",
          "[partition_change]") {
  Partition3 p;
  p.now.isr = ids({1, 2});
  p.down = {2, 3};  // 1 leads as far as is known, and is gone as well
  p.comes_back_cut(2, end_at(5, 90));
  CHECK(p.now.leader == BrokerId{1});
  CHECK(p.now.isr == ids({1}));
  CHECK(p.now.elr == ids({2}));
  SECTION("the longest log of both leads") {
    p.fails(1);
    CHECK(p.now.leader == kNoBroker);
    p.comes_back_cut(1, end_at(5, 70));
    CHECK(p.now.leader == BrokerId{2});
    CHECK(p.now.isr == ids({2}));
    CHECK(p.now.elr.empty());
    CHECK(p.now.cut.empty());
  }
  SECTION("it has cut nothing") {
    p.fails(1);
    p.comes_back(1);
    CHECK(p.now.leader == BrokerId{1});
  }
}

TEST_CASE("PartitionChange: one alone is not taken for the longest of two", "[partition_change]") {
  Partition3 p;
  p.now.isr = {};
  p.now.leader = kNoBroker;
  p.now.elr = ids({1, 2});
  p.down = {2};
  p.apply([](PartitionChange& c) {
    c.note_cut(BrokerId{1}, end_at(5, 40));
    c.stop_waiting();
  });
  CHECK(p.now.leader == kNoBroker);
  CHECK(p.now.cut.size() == 1);
}

TEST_CASE("PartitionChange: the only replica leads with what it has", "[partition_change]") {
  Partition3 p;
  p.now.replicas = p.now.isr = ids({1});
  p.fails(1);
  p.comes_back_cut(1, end_at(5, 40));
  CHECK(p.now.leader == BrokerId{1});
  CHECK(p.now.isr == ids({1}));
}

// --- preferred leaders

TEST_CASE("PartitionChange: the preferred leader is taken when it is in sync",
          "[partition_change]") {
  Partition3 p;
  p.fails(1);
  p.comes_back(1);
  p.apply([](PartitionChange& c) { c.elect(Election::preferred); });
  CHECK(p.now.leader == BrokerId{2});
  p.apply([](PartitionChange& c) { c.set_isr(ids({1, 2, 3})); });
  p.apply([](PartitionChange& c) { c.elect(Election::preferred); });
  CHECK(p.now.leader == BrokerId{1});
}

TEST_CASE("PartitionChange: more than there are replicas need not be in sync",
          "[partition_change]") {
  Partition3 p;
  p.min_insync = 9;
  p.fails(3);
  CHECK(p.now.elr == ids({3}));
  p.comes_back(3);
  p.apply([](PartitionChange& c) { c.set_isr(ids({1, 2, 3})); });
  CHECK(p.now.elr.empty());
}

// --- reassignment

TEST_CASE("PartitionChange: new replicas are in sync before old ones go", "[partition_change]") {
  Partition3 p;
  const auto target = ids({4, 2, 5});
  p.apply([&](PartitionChange& c) { c.reassign(target); });
  CHECK(p.now.replicas == ids({4, 2, 5, 1, 3}));
  CHECK(p.now.adding == ids({4, 5}));
  CHECK(p.now.removing == ids({1, 3}));
  CHECK(p.now.leader == BrokerId{1});
  CHECK(p.now.leader_epoch == LeaderEpoch{6});  // a leader knows the replicas of its term
  p.apply([](PartitionChange& c) { c.set_isr(ids({1, 2, 3, 4})); });
  CHECK(p.now.removing == ids({1, 3}));
  p.apply([](PartitionChange& c) { c.set_isr(ids({1, 2, 3, 4, 5})); });
  CHECK(p.now.replicas == ids({4, 2, 5}));
  CHECK(p.now.isr == ids({2, 4, 5}));
  CHECK(p.now.adding.empty());
  CHECK(p.now.leader == BrokerId{4});
  CHECK(p.now.leader_epoch == LeaderEpoch{7});
}

TEST_CASE("PartitionChange: another order alone is done at once", "[partition_change]") {
  Partition3 p;
  const auto target = ids({3, 1, 2});
  p.apply([&](PartitionChange& c) { c.reassign(target); });
  CHECK(p.now.replicas == ids({3, 1, 2}));
  CHECK(p.now.adding.empty());
  CHECK(p.now.leader == BrokerId{1});
  p.apply([](PartitionChange& c) { c.elect(Election::preferred); });
  CHECK(p.now.leader == BrokerId{3});
}

TEST_CASE("PartitionChange: fewer replicas go when enough of the others are in sync",
          "[partition_change]") {
  Partition3 p;
  p.fails(2);
  const auto target = ids({2, 3});
  p.apply([&](PartitionChange& c) { c.reassign(target); });
  CHECK(p.now.removing == ids({1}));  // 3 alone would be too few
  p.comes_back(2);
  p.apply([](PartitionChange& c) { c.set_isr(ids({1, 2, 3})); });
  CHECK(p.now.replicas == ids({2, 3}));
  CHECK(p.now.leader == BrokerId{2});
}

TEST_CASE("PartitionChange: a reassignment can be taken back", "[partition_change]") {
  Partition3 p;
  const auto target = ids({4, 5, 6});
  p.apply([&](PartitionChange& c) { c.reassign(target); });
  p.apply([](PartitionChange& c) { c.set_isr(ids({1, 2, 3, 4})); });
  p.apply([](PartitionChange& c) { c.cancel_reassignment(); });
  CHECK(p.now.replicas == ids({1, 2, 3}));
  CHECK(p.now.isr == ids({1, 2, 3}));
  CHECK(p.now.adding.empty());
  CHECK(p.now.removing.empty());
  CHECK(p.now.leader == BrokerId{1});
  const auto other = ids({1, 2, 7});
  p.apply([&](PartitionChange& c) { c.reassign(target); });
  p.apply([&](PartitionChange& c) { c.reassign(other); });  // in place of the first
  CHECK(p.now.adding == ids({7}));
  CHECK(p.now.removing == ids({3}));
}

TEST_CASE("PartitionChange: a reassignment taken back keeps whoever alone has the records",
          "[partition_change]") {
  Partition3 p;
  const auto target = ids({4});
  p.apply([&](PartitionChange& c) { c.reassign(target); });
  p.now.isr = ids({4});
  p.now.leader = BrokerId{4};
  p.apply([](PartitionChange& c) { c.cancel_reassignment(); });
  CHECK(p.now.leader == BrokerId{4});
  CHECK(std::ranges::find(p.now.replicas, BrokerId{4}) != p.now.replicas.end());
}

TEST_CASE("PartitionChange: a log that does not open is waited for where it is all there is",
          "[partition_change]") {
  Partition3 t;
  t.fails(3);
  t.fails(1);
  REQUIRE(t.now.leader == BrokerId{2});
  REQUIRE(t.now.elr == ids({1}));
  SECTION("a complete one that can lead later is enough") {
    t.fails(2);
    t.comes_back_unopened(1);
    CHECK(t.now.elr == ids({2}));
    t.comes_back(2);
    CHECK(t.now.leader == BrokerId{2});
    CHECK(t.now.isr == ids({2}));
  }
  SECTION("a complete one that cut its log is not enough") {
    t.fails(2);
    t.comes_back_cut(2, end_at(5, 70));
    t.comes_back_unopened(1);
    CHECK(t.now.leader == kNoBroker);
    CHECK(is_unopened(t.now, BrokerId{1}));
    t.apply([](PartitionChange& c) { c.stop_waiting(); });  // two are wanted
    CHECK(t.now.leader == kNoBroker);
    t.opens(1);
    CHECK(t.now.leader == BrokerId{1});
    CHECK(t.now.elr == ids({2}));
  }
  SECTION("the last one stays eligible") {
    t.apply([](PartitionChange& c) { c.forget(BrokerId{1}); });
    t.fails(2);
    t.comes_back_unopened(2);
    CHECK(t.now.leader == kNoBroker);
    CHECK(t.now.elr == ids({2}));
    CHECK(is_unopened(t.now, BrokerId{2}));
    // Those that were never complete change nothing by coming back.
    t.comes_back(1);
    t.comes_back(3);
    CHECK(t.now.leader == kNoBroker);
    t.opens(2);
    CHECK(t.now.leader == BrokerId{2});
    CHECK(t.now.cut.empty());
  }
}

}  // namespace
}  // namespace strandline
