#include <catch2/catch.hpp>

#include "tests/unit/replication/partition/leader_harness.h"

namespace strandline {
namespace {

using Members = std::vector<int>;

TEST_CASE("PartitionLeader: a replica that lags by time leaves the ISR", "[isr]") {
  LeaderHarness t{{}};
  t.append_everywhere(10);
  t.append(5);
  t.leader_synced(15);
  t.follower(2).catches_up();
  t.pass(ms(1999));
  CHECK(t.proposals.empty());
  t.pass(ms(1));
  REQUIRE(t.proposals.size() == 1);
  CHECK(t.last_proposal() == Members{1, 2});
  CHECK(t.proposals[0].expected == PartitionEpoch{7});
  CHECK(t.proposals[0].leader_epoch == LeaderEpoch{5});
}

TEST_CASE("PartitionLeader: what is appended and never flushed lags as well", "[isr]") {
  LeaderHarness t{{}};
  t.append(5);
  t.leader_synced(5);
  t.follower(2).catches_up();
  for (int i = 0; i < 25; ++i) {
    t.follower(3).acks({.appended = 5, .flushed = 0});
    t.pass(ms(100));
  }
  CHECK(t.last_proposal() == Members{1, 2});
}

TEST_CASE("PartitionLeader: under load a replica stays though it never has the last record",
          "[isr]") {
  LeaderHarness t{{}};
  for (int i = 0; i < 100; ++i) {
    const std::int64_t before = t.leader.log_end_offset().value();
    t.append(10);
    t.leader_synced(before + 10);
    t.follower(2).catches_up();
    t.follower(3).acks({.appended = before + 5, .flushed = before});  // ever behind by one append
    t.pass(ms(100));
  }
  CHECK(t.proposals.empty());
  CHECK(t.high_watermark() == 990);
}

TEST_CASE("PartitionLeader: an idle partition loses nobody", "[isr]") {
  LeaderHarness t{{}};
  t.append_everywhere(10);
  t.leader.on_disconnected(t.now, t.names[3]);
  t.pass(ms(60'000));
  CHECK(t.proposals.empty());
  t.append(1);  // from now on it lags
  t.leader_synced(11);
  t.follower(2).catches_up();
  t.pass(ms(1900));
  CHECK(t.proposals.empty());
  t.pass(ms(100));
  CHECK(t.last_proposal() == Members{1, 2});
}

TEST_CASE("PartitionLeader: a member that never comes leaves", "[isr]") {
  LeaderHarness t{{.log_end = 10, .open_streams = false}};
  t.follower(2).opens(10, 10);
  t.pass(ms(2000));
  CHECK(t.last_proposal() == Members{1, 2});
}

TEST_CASE("PartitionLeader: another lag time counts from now on", "[isr]") {
  LeaderHarness t{{}};
  t.append(5);
  t.leader_synced(5);
  t.follower(2).catches_up();
  t.pass(ms(1000));
  t.leader.set_topic_config(t.now, 2, true, 800);
  t.drain();
  CHECK(t.last_proposal() == Members{1, 2});
}

TEST_CASE("PartitionLeader: a replica returns when it has caught up with the leader's end",
          "[isr]") {
  LeaderHarness t{{.isr = {1, 2}}};
  t.append(10);
  t.leader_synced(10);
  t.follower(2).catches_up();
  t.proposals.clear();
  t.follower(3).acks({.appended = 10, .flushed = 9});
  t.refuse(Errc::invalid_request);
  CHECK(t.proposals.empty());
  t.pass(ms(600));
  t.proposals.clear();
  t.commit({1, 2});
  t.follower(3).acks({.appended = 10, .flushed = 10});
  REQUIRE(t.proposals.size() == 1);
  CHECK(t.last_proposal() == Members{1, 2, 3});
}

TEST_CASE("PartitionLeader: who lacks what an earlier leader may have committed does not return",
          "[isr]") {
  LeaderHarness t{{.isr = {1, 2}, .log_end = 20, .high_watermark = 10, .open_streams = false}};
  t.follower(3).opens(15, 15);  // above the high watermark that this leader knows
  CHECK(t.proposals.empty());
  t.follower(3).acks({.appended = 20, .flushed = 20});
  CHECK(t.last_proposal() == Members{1, 2, 3});
}

TEST_CASE("PartitionLeader: who left a moment ago does not return without what was committed since",
          "[isr]") {
  LeaderHarness t{{}};
  t.append_everywhere(10);
  t.append(5);
  t.leader_synced(15);
  t.follower(2).catches_up();
  t.commit({1, 2});  // fenced, and back
  REQUIRE(t.high_watermark() == 15);
  t.follower(3).acks({.appended = 12, .flushed = 12});
  CHECK(t.proposals.empty());
  t.follower(3).catches_up();
  CHECK(t.last_proposal() == Members{1, 2, 3});
}

TEST_CASE("PartitionLeader: a member of the last term returns with all of that term only",
          "[isr]") {
  LeaderHarness t{{.log_end = 20, .high_watermark = 10, .open_streams = false}};
  t.commit({1, 2});
  t.follower(3).opens(15, 15);
  CHECK(t.proposals.empty());  // 16 to 20 may have been acknowledged before this election
  t.follower(3).acks({.appended = 20, .flushed = 20});
  CHECK(t.last_proposal() == Members{1, 2, 3});
}

TEST_CASE("PartitionLeader: each member is named with the incarnation that was heard", "[isr]") {
  LeaderHarness t{{.isr = {1, 2}, .open_streams = false}};
  t.incarnations = {{3, 33}};
  t.append(1);
  t.leader_synced(1);
  t.follower(3).opens(0, 0);
  t.follower(3).catches_up();
  REQUIRE(t.proposals.size() == 1);
  CHECK(t.proposals[0].members ==
        std::vector<IsrMember>{{ReplicaId{1}, Incarnation{1}},
                               {ReplicaId{2}, kNoIncarnation},  // stays, not heard yet
                               {ReplicaId{3}, Incarnation{33}}});
}

TEST_CASE("PartitionLeader: a proposal without an answer is said again, unchanged", "[isr]") {
  LeaderHarness t{{.isr = {1, 2}}};
  t.append_everywhere(1);
  REQUIRE(t.proposals.size() == 1);
  t.append(5);  // 3 lags again: the proposal stays what it is
  t.pass(ms(500));
  REQUIRE(t.proposals.size() == 2);
  CHECK(t.proposals[1] == t.proposals[0]);
}

TEST_CASE("PartitionLeader: a refused proposal waits before another is made", "[isr]") {
  LeaderHarness t{{}};
  t.append(5);
  t.leader_synced(5);
  t.follower(2).catches_up();
  t.pass(ms(2000));
  REQUIRE(t.proposals.size() == 1);
  t.refuse(Errc::invalid_request);
  t.follower(2).catches_up();
  CHECK(t.proposals.size() == 1);
  t.pass(ms(500));
  CHECK(t.proposals.size() == 2);
}

TEST_CASE("PartitionLeader: who is at fault is not proposed again at once", "[isr]") {
  LeaderHarness t{{.isr = {1, 2}}};
  t.append_everywhere(1);
  t.refuse(Errc::broker_not_available, 3);
  t.pass(ms(600));
  t.commit({1, 2});  // settles the doubt
  t.append_everywhere(1);
  t.pass(ms(1000));
  CHECK(t.last_proposal() == Members{1, 2});
  t.pass(ms(1000));
  CHECK(t.last_proposal() == Members{1, 2, 3});
}

TEST_CASE("PartitionLeader: a later incarnation is not at fault for an earlier one", "[isr]") {
  LeaderHarness t{{.isr = {1, 2}}};
  t.append_everywhere(1);
  t.refuse(Errc::broker_not_available, 3);
  t.incarnations[3] = 30;
  t.follower(3).opens(1, 1);
  t.pass(ms(600));
  CHECK(t.last_proposal() == Members{1, 2, 3});
  CHECK(t.proposals.back().members[2].incarnation == Incarnation{30});
}

TEST_CASE("PartitionLeader: a deposed leader proposes nothing", "[isr]") {
  LeaderHarness t{{}};
  t.append(5);
  t.pass(ms(2000));
  REQUIRE(t.proposals.size() == 1);
  t.refuse(Errc::fenced_leader_epoch);
  t.pass(ms(10'000));
  CHECK(t.proposals.size() == 1);
}

TEST_CASE("PartitionLeader: a damaged member leaves at once and returns when it has caught up",
          "[isr]") {
  LeaderHarness t{{}};
  t.append_everywhere(10);
  t.open(3, 4, true);
  CHECK(t.last_proposal() == Members{1, 2});
  t.commit({1, 2});
  t.follower(3).acks({.appended = 4, .flushed = 4});
  CHECK(t.proposals.size() == 1);
  t.follower(3).acks({.appended = 10, .flushed = 10});
  REQUIRE(t.proposals.size() == 2);
  CHECK(t.last_proposal() == Members{1, 2, 3});
}

TEST_CASE("PartitionLeader: a member whose disk stalls leaves at its own wish", "[isr]") {
  LeaderHarness t{{}};
  t.append(5);
  t.leader_synced(5);
  t.follower(2).catches_up();
  t.follower(3).acks({.appended = 5, .flushed = 0, .stalled = true});
  CHECK(t.last_proposal() == Members{1, 2});
  t.commit({1, 2});
  t.follower(3).acks({.appended = 5, .flushed = 5, .stalled = true});
  CHECK(t.proposals.size() == 1);
  t.follower(3).acks({.appended = 5, .flushed = 5});
  CHECK(t.last_proposal() == Members{1, 2, 3});
}

TEST_CASE("PartitionLeader: what the controller changed itself ends the pending proposal",
          "[isr]") {
  LeaderHarness t{{.replicas = {1, 2, 3, 4}, .isr = {1, 2, 3}}};
  t.append_everywhere(1);
  REQUIRE(t.last_proposal() == Members{1, 2, 3, 4});
  t.commit({1, 2});  // 3 was fenced: what was proposed can no longer be taken
  REQUIRE(t.proposals.size() == 2);
  CHECK(t.proposals[1].expected == PartitionEpoch{8});
  CHECK(t.last_proposal() == Members{1, 2, 3, 4});
}

TEST_CASE("PartitionLeader: a member that is not assigned is waited for, and taken out", "[isr]") {
  LeaderHarness t{{.isr = {1, 2, 9}}};
  CHECK(t.last_proposal() == Members{1, 2});
  t.append_everywhere(5);
  CHECK(t.high_watermark() == 0);
  t.commit({1, 2});
  CHECK(t.high_watermark() == 5);
}

TEST_CASE("PartitionLeader: rack-aware readers find who has what", "[isr]") {
  LeaderHarness t{{.isr = {1, 2}, .log_end = 10, .open_streams = false}};
  t.follower(2).opens(10, 10);
  t.follower(3).opens(4, 0);
  t.pass(ms(100));
  t.follower(2).catches_up();
  const auto views = t.leader.replicas();
  REQUIRE(views.size() == 2);
  CHECK(views[0].replica == ReplicaId{2});
  CHECK(views[0].in_sync);
  CHECK(views[0].log_end_offset == Offset{10});
  CHECK(views[0].high_watermark == Offset{10});
  CHECK(views[0].caught_up_at == t.now);
  CHECK_FALSE(views[1].in_sync);
  CHECK(views[1].log_end_offset == Offset{4});
  CHECK(views[1].caught_up_at < t.now);
}

}  // namespace
}  // namespace strandline
