#include <algorithm>

#include "tests/unit/replication/metadata/controller_harness.h"

namespace strandline {
namespace {

std::vector<BrokerId> brokers(std::initializer_list<int> numbers) {
  std::vector<BrokerId> all;
  for (const int number : numbers) all.emplace_back(number);
  return all;
}

// Brokers 1 to 4, and a topic whose one partition is on 1, 2 and 3; two of them have to be in sync.
struct ReplicasHarness : ControllerHarness {
  explicit ReplicasHarness(std::vector<ConfigEntry> configs = {}) : ControllerHarness(4) {
    place.topic_id = create({.name = "t",
                             .assignments = {{.partition_index = 0, .brokers = brokers({1, 2, 3})}},
                             .configs = std::move(configs)})
                         .id;
    REQUIRE_FALSE(place.topic_id.is_zero());
  }

  const PartitionImage& now() const { return *image().partition("t", PartitionIndex{0}); }
  const BrokerImage& broker(int id) const { return *image().broker(BrokerId{id}); }

  void fence(int id) { replay(controller.fence_broker(BrokerId{id})); }
  void unfence(int id) { replay(controller.unfence_broker(BrokerId{id})); }
  // Started again in a cluster: fenced until it has caught up.
  void restart(int id, bool clean = false, bool same_disk = true) {
    replay(
        controller.register_broker({.broker = BrokerId{id},
                                    .incarnation = make_uuid(ids),
                                    .directory = same_disk ? broker(id).directory : make_uuid(ids),
                                    .advertised = {},
                                    .rpc = {},
                                    .rack = {},
                                    .fenced = true,
                                    .clean = clean}));
  }

  IsrAlteration proposal(std::initializer_list<int> isr) const {
    IsrAlteration wanted{.place = place,
                         .leader_epoch = now().leader_epoch,
                         .partition_epoch = now().partition_epoch,
                         .isr = {}};
    for (const int id : isr) wanted.isr.push_back({BrokerId{id}, broker(id).broker_epoch});
    return wanted;
  }
  IsrAnswer propose(const IsrAlteration& wanted, int leader = 1) {
    auto decision =
        controller.alter_isr(BrokerId{leader}, broker(leader).broker_epoch, std::span{&wanted, 1});
    replay(decision.records);
    return decision.items.at(0);
  }
  Outcome elect(Election how) {
    auto decision = controller.elect_leaders(std::span{&place, 1}, how);
    replay(decision.records);
    return decision.items.at(0);
  }
  Outcome reassign(std::optional<std::vector<BrokerId>> replicas) {
    const Reassignment wanted{place, std::move(replicas)};
    auto decision = controller.reassign(std::span{&wanted, 1});
    replay(decision.records);
    return decision.items.at(0);
  }

  PartitionPlace place;
};

TEST_CASE("Controller: a fenced broker leaves all it was in sync with, and others lead",
          "[controller]") {
  ReplicasHarness t;
  t.fence(1);
  CHECK(t.broker(1).fenced);
  CHECK(t.now().leader == BrokerId{2});
  CHECK(t.now().isr == brokers({2, 3}));
  CHECK(t.controller.fence_broker(BrokerId{1}).empty());  // once is enough
  CHECK(t.controller.fence_broker(BrokerId{9}).empty());
  t.fence(2);
  t.fence(3);
  CHECK(t.now().leader == kNoBroker);
  CHECK(t.now().elr == brokers({2, 3}));
  t.unfence(1);
  CHECK(t.now().leader == kNoBroker);
  t.unfence(3);
  CHECK(t.now().leader == BrokerId{3});
  CHECK(t.controller.unfence_broker(BrokerId{3}).empty());
}

TEST_CASE(
    "Controller: a broker that starts again is out of sync, and nobody takes it for the old one",
    "[controller]") {
  ReplicasHarness t;
  const IsrAlteration before = t.proposal({1, 2, 3});
  t.restart(2);
  CHECK(t.now().isr == brokers({1, 3}));
  t.unfence(2);
  IsrAlteration stale = t.proposal({1, 2, 3});
  stale.isr[1] = before.isr[1];
  CHECK(t.propose(stale).outcome.code == Errc::ineligible_replica);
  CHECK(t.propose(t.proposal({1, 2, 3})).outcome.ok());
  CHECK(t.now().isr == brokers({1, 2, 3}));
}

TEST_CASE("Controller: a replica on another disk than before is complete no more", "[controller]") {
  ReplicasHarness t;
  t.fence(3);
  t.fence(2);
  CHECK(t.now().elr == brokers({2}));
  t.restart(2, false, false);
  CHECK(t.now().elr.empty());
  CHECK(t.now().isr == brokers({1}));
}

TEST_CASE("Controller: an unclean start costs completeness only where acknowledged is not synced",
          "[controller]") {
  for (const bool synced : {true, false}) {
    for (const bool clean : {true, false}) {
      ReplicasHarness t{{{"flush.on.ack", synced ? "true" : "false"}}};
      t.fence(3);
      t.fence(2);
      t.restart(2, clean);
      CHECK(t.now().elr.empty() == (!synced && !clean));
    }
  }
}

TEST_CASE("Controller: the last complete replica stays one after an unclean start",
          "[controller]") {
  ReplicasHarness t{{{"flush.on.ack", "false"}}};
  t.fence(3);
  t.fence(2);
  t.restart(2);
  t.fence(1);
  t.restart(1);
  CHECK(t.now().elr == brokers({1}));
  t.unfence(1);
  CHECK(t.now().leader == BrokerId{1});
}

TEST_CASE("Controller: a lone broker that starts again leads on, by one record", "[controller]") {
  ReplicasHarness t;
  const auto epoch = t.now().leader_epoch;
  const auto records = t.controller.register_broker({.broker = BrokerId{1},
                                                     .incarnation = make_uuid(t.ids),
                                                     .directory = {},
                                                     .advertised = {},
                                                     .rpc = {},
                                                     .rack = {}});
  CHECK(records.size() == 1);
  t.replay(records);
  CHECK(t.now().leader == BrokerId{1});
  CHECK(t.now().leader_epoch == epoch + 1);
}

TEST_CASE("Controller: what a start finds missing is held against the replica", "[controller]") {
  ReplicasHarness t;
  t.fence(2);
  t.fence(3);
  t.fence(1);
  REQUIRE(t.now().elr == brokers({1, 3}));
  t.restart(1);
  const ReplicaLogEnd end{LeaderEpoch{1}, Offset{70}};
  t.replay(t.controller.note_findings(BrokerId{1},
                                      {.cut = {{t.place, end}}, .damaged = {}, .unopened = {}}));
  t.unfence(1);
  CHECK(t.now().leader == kNoBroker);  // the other may have more
  CHECK(t.now().cut.size() == 1);
  SECTION("cut logs of all: the longest leads") {
    t.restart(3);
    t.replay(t.controller.note_findings(
        BrokerId{3},
        {.cut = {{t.place, {LeaderEpoch{1}, Offset{90}}}}, .damaged = {}, .unopened = {}}));
    t.unfence(3);
    CHECK(t.now().leader == BrokerId{3});
  }
  SECTION("one that cut nothing leads") {
    t.unfence(3);
    CHECK(t.now().leader == BrokerId{3});
    CHECK(t.now().elr == brokers({1}));
  }
  SECTION("a damaged one is not waited for") {
    t.restart(3);
    t.replay(
        t.controller.note_findings(BrokerId{3}, {.cut = {}, .damaged = {t.place}, .unopened = {}}));
    t.unfence(3);
    CHECK(t.now().leader == BrokerId{1});
  }
  SECTION("after a while two will do, and one alone will not") {
    t.replay(t.controller.stop_waiting_for_replicas());
    CHECK(t.now().leader == kNoBroker);
  }
}

// Everything that is told with one start of broker 1, by a cluster or by a lone broker.
void starts(ReplicasHarness& t, bool fenced, const BrokerFindings& findings) {
  t.replay(t.controller.register_broker({.broker = BrokerId{1},
                                         .incarnation = make_uuid(t.ids),
                                         .directory = t.broker(1).directory,
                                         .advertised = {},
                                         .rpc = {},
                                         .rack = {},
                                         .fenced = fenced},
                                        findings));
  if (fenced) t.unfence(1);
}

TEST_CASE("Controller: the last complete replica is waited for while its log does not open",
          "[controller]") {
  const bool fenced = GENERATE(false, true);
  ReplicasHarness t;
  t.fence(3);
  t.propose(t.proposal({1, 2}));
  t.restart(2, false, false);  // its disk is another one
  REQUIRE(t.now().isr == brokers({1}));
  starts(t, fenced, {.cut = {}, .damaged = {t.place}, .unopened = {t.place}});
  CHECK(t.now().leader == kNoBroker);
  CHECK(is_unopened(t.now(), BrokerId{1}));
  t.replay(t.controller.stop_waiting_for_replicas());
  CHECK(t.now().leader == kNoBroker);
  CHECK(t.controller.note_opened(BrokerId{1}, t.broker(1).broker_epoch - 1, {&t.place, 1}).empty());
  SECTION("it opens while the broker runs") {
    const LeaderEpoch before = t.now().leader_epoch;
    t.replay(t.controller.note_opened(BrokerId{1}, t.broker(1).broker_epoch, {&t.place, 1}));
    CHECK(t.now().leader == BrokerId{1});
    CHECK(t.now().leader_epoch > before);
    CHECK(t.controller.note_opened(BrokerId{1}, t.broker(1).broker_epoch, {&t.place, 1}).empty());
  }
  SECTION("the next start finds nothing wrong with it") {
    starts(t, fenced, {});
    CHECK(t.now().leader == BrokerId{1});
  }
  SECTION("the next start cuts its tail") {
    starts(t, fenced,
           {.cut = {{t.place, {LeaderEpoch{1}, Offset{9}}}}, .damaged = {}, .unopened = {}});
    CHECK(t.now().leader == BrokerId{1});
  }
  SECTION("the next start does not open it either") {
    starts(t, fenced, {.cut = {}, .damaged = {t.place}, .unopened = {t.place}});
    CHECK(t.now().leader == kNoBroker);
    CHECK(is_unopened(t.now(), BrokerId{1}));
  }
  SECTION("the next start finds that records are gone") {
    starts(t, fenced, {.cut = {}, .damaged = {t.place}, .unopened = {}});
    CHECK(t.now().leader == kNoBroker);
    CHECK(t.now().elr.empty());
    CHECK(t.now().cut.empty());
  }
  SECTION("an administrator has another one lead") {
    t.unfence(2);
    CHECK(t.elect(Election::unclean).ok());
    CHECK(t.now().leader == BrokerId{2});
    CHECK(t.now().elr.empty());
    CHECK(t.now().cut.empty());
  }
  CHECK(t.now().isr.size() == (t.now().leader == kNoBroker ? 0 : 1));
}

TEST_CASE("Controller: a log that does not open counts no more where another replica is complete",
          "[controller]") {
  ReplicasHarness t;
  starts(t, true, {.cut = {}, .damaged = {t.place}, .unopened = {t.place}});
  CHECK(t.now().leader == BrokerId{2});
  CHECK(t.now().isr == brokers({2, 3}));
  CHECK(t.now().elr.empty());
  CHECK(t.now().cut.empty());
}

TEST_CASE("Controller: what a stalled disk leads is led by a replica in sync, where there is one",
          "[controller]") {
  ReplicasHarness t;
  const auto stall = [&](int id, std::int64_t epoch) {
    t.replay(t.controller.note_stall(BrokerId{id}, epoch, std::span{&t.place, 1}));
  };
  const LeaderEpoch before = t.now().leader_epoch;
  stall(2, t.broker(2).broker_epoch);  // it follows: its leader hears of it
  CHECK(t.now().leader_epoch == before);
  stall(1, t.broker(1).broker_epoch - 1);
  CHECK(t.now().leader == BrokerId{1});
  stall(1, t.broker(1).broker_epoch);
  CHECK(t.now().leader == BrokerId{2});
  CHECK(t.now().isr == brokers({2, 3}));
  t.fence(3);
  stall(2, t.broker(2).broker_epoch);  // nobody else is in sync
  CHECK(t.now().leader == BrokerId{2});
  CHECK(t.now().isr == brokers({2}));
}

TEST_CASE("Controller: a replica found damaged is not taken back for what it had before",
          "[controller]") {
  ReplicasHarness t;
  const auto is_damaged = [&](int id) {
    t.replay(
        t.controller.note_damage(BrokerId{id}, t.broker(id).broker_epoch, std::span{&t.place, 1}));
  };
  const IsrAlteration as_before = t.proposal({1, 2, 3});
  is_damaged(3);
  CHECK(t.now().isr == brokers({1, 2}));
  CHECK(t.now().leader == BrokerId{1});
  // The leader begins anew as well, with nothing that it knew of the damaged log.
  CHECK(t.now().leader_epoch > as_before.leader_epoch);
  CHECK(t.propose(as_before).outcome.code == Errc::fenced_leader_epoch);
  // Said by one that is out of sync: it is about to throw its log away all the same.
  const LeaderEpoch term = t.now().leader_epoch;
  is_damaged(3);
  CHECK(t.now().leader_epoch == term + 1);
  CHECK(t.now().isr == brokers({1, 2}));
  is_damaged(4);  // it has no replica
  CHECK(t.now().leader_epoch == term + 1);
  is_damaged(1);
  CHECK(t.now().leader == BrokerId{2});
  is_damaged(2);  // all there is
  CHECK(t.now().leader == BrokerId{2});
  CHECK(t.now().isr == brokers({2}));
}

TEST_CASE("Controller: a broker that stops hands over what others can lead", "[controller]") {
  ReplicasHarness t;
  t.replay(t.controller.stop_broker(BrokerId{1}));
  CHECK(t.broker(1).stopping);
  CHECK(t.now().leader == BrokerId{2});
  CHECK(t.now().isr == brokers({2, 3}));
  t.fence(3);
  t.fence(2);
  CHECK(t.now().leader == kNoBroker);
}

TEST_CASE("Controller: a broker that stops leads to its end what nobody else can", "[controller]") {
  ReplicasHarness t;
  t.fence(2);
  t.fence(3);
  t.replay(t.controller.stop_broker(BrokerId{1}));
  CHECK(t.now().leader == BrokerId{1});
  CHECK(t.now().isr == brokers({1}));
}

// --- in-sync replicas

TEST_CASE("Controller: a leader changes its in-sync replicas by compare-and-set", "[controller]") {
  ReplicasHarness t;
  const IsrAlteration first = t.proposal({1, 2});
  const IsrAnswer answer = t.propose(first);
  REQUIRE(answer.outcome.ok());
  CHECK(answer.partition.isr == brokers({1, 2}));
  CHECK(answer.partition == t.now());
  const IsrAnswer again = t.propose(first);
  CHECK(again.outcome.code == Errc::invalid_update_version);
  CHECK(again.partition == t.now());
  CHECK(t.propose(t.proposal({1, 2})).outcome.ok());  // nothing new is no error
}

TEST_CASE("Controller: in-sync replicas are refused to all but the present leader",
          "[controller]") {
  ReplicasHarness t;
  IsrAlteration wanted = t.proposal({1, 2});
  CHECK(t.propose(wanted, 2).outcome.code == Errc::invalid_request);
  wanted.leader_epoch = t.now().leader_epoch + 1;
  CHECK(t.propose(wanted).outcome.code == Errc::unknown_leader_epoch);
  IsrAlteration unknown = t.proposal({1});
  unknown.place.partition = PartitionIndex{7};
  CHECK(t.propose(unknown).outcome.code == Errc::unknown_topic_or_partition);
  wanted = t.proposal({1, 2});
  auto stale =
      t.controller.alter_isr(BrokerId{1}, t.broker(1).broker_epoch + 1, std::span{&wanted, 1});
  CHECK(stale.items[0].outcome.code == Errc::stale_broker_epoch);
  t.fence(1);
  CHECK(t.propose(wanted).outcome.code == Errc::fenced_leader_epoch);
}

TEST_CASE("Controller: only live replicas may be in sync, the leader always is", "[controller]") {
  ReplicasHarness t;
  CHECK(t.propose(t.proposal({2, 3})).outcome.code == Errc::invalid_request);
  CHECK(t.propose(t.proposal({1, 4})).outcome.code == Errc::invalid_request);
  CHECK(t.propose(t.proposal({1, 1})).outcome.code == Errc::invalid_request);
  t.fence(3);
  CHECK(t.propose(t.proposal({1, 3})).outcome.code == Errc::ineligible_replica);
  CHECK(t.now().isr == brokers({1, 2}));
}

// --- elections and reassignments

TEST_CASE("Controller: preferred leaders are found and elected when they are in sync",
          "[controller]") {
  ReplicasHarness t;
  CHECK(t.controller.imbalanced(10).empty());
  CHECK(t.elect(Election::preferred).code == Errc::election_not_needed);
  t.fence(1);
  t.unfence(1);
  CHECK(t.controller.imbalanced(10).empty());
  CHECK(t.elect(Election::preferred).code == Errc::preferred_leader_not_available);
  REQUIRE(t.propose(t.proposal({1, 2, 3}), 2).outcome.ok());
  CHECK(t.controller.imbalanced(10) == std::vector{t.place});
  CHECK(t.controller.imbalanced(0).empty());
  CHECK(t.elect(Election::preferred).ok());
  CHECK(t.now().leader == BrokerId{1});
}

TEST_CASE("Controller: an unclean election needs a partition without a leader and a live replica",
          "[controller]") {
  ReplicasHarness t;
  CHECK(t.elect(Election::unclean).code == Errc::election_not_needed);
  for (const int id : {3, 2, 1}) t.fence(id);
  CHECK(t.elect(Election::unclean).code == Errc::eligible_leaders_not_available);
  t.unfence(3);
  CHECK(t.now().leader == kNoBroker);
  CHECK(t.elect(Election::unclean).ok());
  CHECK(t.now().leader == BrokerId{3});
  CHECK(t.now().elr.empty());
}

TEST_CASE("Controller: a reassignment names live brokers, and can be taken back", "[controller]") {
  ReplicasHarness t;
  CHECK(t.reassign(std::nullopt).code == Errc::no_reassignment_in_progress);
  CHECK(t.reassign(brokers({1, 9})).code == Errc::invalid_replica_assignment);
  CHECK(t.reassign(brokers({})).code == Errc::invalid_replica_assignment);
  REQUIRE(t.reassign(brokers({4, 2, 3})).ok());
  CHECK(t.now().adding == brokers({4}));
  CHECK(t.now().removing == brokers({1}));
  REQUIRE(t.reassign(std::nullopt).ok());
  CHECK(t.now().replicas == brokers({2, 3, 1}));
  CHECK(t.now().adding.empty());
  CHECK(t.now().removing.empty());
  REQUIRE(t.reassign(brokers({4, 2, 3})).ok());
  REQUIRE(t.propose(t.proposal({1, 2, 3, 4})).outcome.ok());
  CHECK(t.now().replicas == brokers({4, 2, 3}));
  CHECK(t.now().leader == BrokerId{4});
}

}  // namespace
}  // namespace strandline
