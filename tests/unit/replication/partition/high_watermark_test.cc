#include <catch2/catch.hpp>

#include "tests/unit/replication/partition/leader_harness.h"

namespace strandline {
namespace {

TEST_CASE("PartitionLeader: the high watermark waits for the slowest in-sync replica", "[hw]") {
  LeaderHarness t{{}};
  t.append(10);
  t.leader_synced(10);
  t.follower(2).acks({.appended = 10, .flushed = 10});
  CHECK(t.high_watermark() == 0);  // broker 3 is in the ISR and has nothing yet
  t.follower(3).acks({.appended = 10, .flushed = 6});
  CHECK(t.high_watermark() == 6);  // appended is not safe, flushed is
  t.follower(3).acks({.appended = 10, .flushed = 10});
  CHECK(t.high_watermark() == 10);
  CHECK(t.marks == std::vector{Offset{6}, Offset{10}});
}

TEST_CASE("PartitionLeader: the leader's own disk counts like any other", "[hw]") {
  LeaderHarness t{{}};
  t.append(10);
  t.follower(2).catches_up();
  t.follower(3).catches_up();
  CHECK(t.high_watermark() == 0);
  t.leader_synced(4);
  CHECK(t.high_watermark() == 4);
}

TEST_CASE("PartitionLeader: with flush.on.ack=false what is appended is safe", "[hw]") {
  LeaderHarness t{{.flush_on_ack = false}};
  t.append(10);
  t.follower(2).acks({.appended = 10, .flushed = 0});
  t.follower(3).acks({.appended = 7, .flushed = 0});
  CHECK(t.high_watermark() == 7);
}

TEST_CASE("PartitionLeader: a change of flush.on.ack never takes the high watermark back", "[hw]") {
  LeaderHarness t{{.flush_on_ack = false}};
  t.append(10);
  t.follower(2).acks({.appended = 10, .flushed = 0});
  t.follower(3).acks({.appended = 10, .flushed = 0});
  REQUIRE(t.high_watermark() == 10);
  t.leader.set_topic_config(t.now, 2, true, 2000);
  t.append(5);
  t.follower(2).acks({.appended = 15, .flushed = 3});
  t.follower(3).acks({.appended = 15, .flushed = 15});
  CHECK(t.high_watermark() == 10);
  t.leader_synced(15);
  t.follower(2).acks({.appended = 15, .flushed = 15});
  CHECK(t.high_watermark() == 15);
}

TEST_CASE("PartitionLeader: replicas outside of the ISR are not waited for", "[hw]") {
  LeaderHarness t{{.isr = {1, 2}, .log_end = 5, .open_streams = false}};
  t.follower(2).opens(5, 5);
  t.append(10);
  t.leader_synced(15);
  t.follower(2).acks({.appended = 15, .flushed = 15});
  CHECK(t.high_watermark() == 15);
}

TEST_CASE("PartitionLeader: a pending addition is waited for, a pending removal still is", "[hw]") {
  LeaderHarness t{{.isr = {1, 2}}};
  t.append_everywhere(10);
  REQUIRE(t.last_proposal() == std::vector{1, 2, 3});  // 3 has caught up
  t.append(10);
  t.leader_synced(20);
  t.follower(2).catches_up();
  CHECK(t.high_watermark() == 10);  // the addition may be committed, and 3 elected, at any time
  t.commit({1, 2, 3});
  t.pass(ms(3000));
  REQUIRE(t.last_proposal() == std::vector{1, 2});  // 3 has not moved
  CHECK(t.high_watermark() == 10);
  t.commit({1, 2});
  CHECK(t.high_watermark() == 20);
}

TEST_CASE("PartitionLeader: a refused addition is waited for until another change is known",
          "[hw]") {
  LeaderHarness t{{.isr = {1, 2}}};
  t.append_everywhere(10);
  REQUIRE(t.proposals.size() == 1);
  t.refuse(Errc::broker_not_available, 3);
  t.append(10);
  t.leader_synced(20);
  t.follower(2).catches_up();
  CHECK(t.high_watermark() == 10);  // the same proposal may have been sent twice
  t.pass(ms(600));
  REQUIRE(t.proposals.size() == 2);
  CHECK(t.last_proposal() == std::vector{1, 2});  // changes nothing but the partition epoch
  t.commit({1, 2});
  CHECK(t.high_watermark() == 20);
}

TEST_CASE("PartitionLeader: the high watermark stands still with too few in sync", "[hw]") {
  LeaderHarness t{{}};
  t.append_everywhere(10);
  t.commit({1});
  REQUIRE(t.last_proposal() == std::vector{1, 2, 3});
  t.append_everywhere(5);
  CHECK(t.high_watermark() == 10);  // proposed is not committed
  t.commit({1, 2, 3});
  CHECK(t.high_watermark() == 15);
}

TEST_CASE("PartitionLeader: the greater of both views of min.insync.replicas holds", "[hw]") {
  LeaderHarness t{{}};
  t.append_everywhere(10);
  // The controller raised it as this was committed; the new config has not come yet.
  t.commit({1, 2}, 3);
  t.append(5);
  t.leader_synced(15);
  t.follower(2).catches_up();
  t.follower(3).catches_up();
  CHECK(t.high_watermark() == 10);
  CHECK(t.leader.may_append() == Errc::not_enough_replicas);
}

TEST_CASE("PartitionLeader: a member that opens another stream is waited for anew", "[hw]") {
  LeaderHarness t{{}};
  t.append_everywhere(10);
  t.append(5);
  t.leader_synced(15);
  t.follower(2).catches_up();
  t.open(3, 10);
  CHECK(t.high_watermark() == 10);
  t.follower(3).acks({.appended = 10, .flushed = 10});
  t.follower(3).catches_up();
  CHECK(t.high_watermark() == 15);
}

TEST_CASE("PartitionLeader: what a follower said holds when its connection is gone", "[hw]") {
  LeaderHarness t{{}};
  t.append(10);
  t.follower(2).catches_up();
  t.follower(3).catches_up();
  t.leader.on_disconnected(t.now, t.names[3]);
  t.leader_synced(10);
  CHECK(t.high_watermark() == 10);
}

TEST_CASE("PartitionLeader: readers are held until the log end of the election is reached",
          "[hw]") {
  LeaderHarness t{{.log_end = 20, .high_watermark = 12, .open_streams = false}};
  CHECK_FALSE(t.leader.may_serve_readers());
  t.follower(2).opens(20, 20);
  t.follower(3).opens(16, 16);
  CHECK(t.high_watermark() == 16);
  CHECK_FALSE(t.leader.may_serve_readers());  // the last leader may have shown all 20
  CHECK(t.readers_let_in == 0);
  t.append(5);
  t.follower(3).acks({.appended = 20, .flushed = 20});
  CHECK(t.leader.may_serve_readers());
  CHECK(t.readers_let_in == 1);
  t.append_everywhere(1);
  CHECK(t.readers_let_in == 1);
}

TEST_CASE("PartitionLeader: a leader elected with nothing in doubt serves at once", "[hw]") {
  LeaderHarness t{{.log_end = 20}};
  CHECK(t.leader.may_serve_readers());
}

TEST_CASE("PartitionLeader: appends are refused before, and those that wait after", "[hw]") {
  LeaderHarness t{{}};
  CHECK(t.leader.may_append() == Errc::ok);
  t.append_everywhere(10);
  t.append(5);
  CHECK(t.leader.answer_for(Offset{10}) == Errc::ok);
  CHECK_FALSE(t.leader.answer_for(Offset{15}).has_value());
  t.commit({1});
  CHECK(t.leader.may_append() == Errc::not_enough_replicas);
  CHECK(t.leader.answer_for(Offset{10}) == Errc::ok);
  CHECK(t.leader.answer_for(Offset{15}) == Errc::not_enough_replicas_after_append);
  CHECK(t.refusals == 1);
  t.commit({1, 2});
  CHECK(t.leader.may_append() == Errc::ok);
  CHECK_FALSE(t.leader.answer_for(Offset{15}).has_value());
}

TEST_CASE("PartitionLeader: a greater min.insync.replicas refuses those that wait", "[hw]") {
  LeaderHarness t{{.isr = {1, 2}}};
  t.append(5);
  t.leader.set_topic_config(t.now, 3, true, 2000);
  t.drain();
  CHECK(t.refusals == 1);
  CHECK(t.leader.may_append() == Errc::not_enough_replicas);
  t.leader.set_topic_config(t.now, 2, true, 2000);
  CHECK(t.leader.may_append() == Errc::ok);
}

TEST_CASE("PartitionLeader: alone it commits what is on its disk", "[hw]") {
  LeaderHarness t{{.replicas = {1}, .min_insync_replicas = 1}};
  t.append(10);
  CHECK(t.high_watermark() == 0);
  t.leader_synced(10);
  CHECK(t.high_watermark() == 10);
  CHECK_FALSE(t.leader.next_timeout().has_value());
}

TEST_CASE("PartitionLeader: lower numbers than before change nothing", "[hw]") {
  LeaderHarness t{{}};
  t.append_everywhere(10);
  t.leader.on_append(t.now, Offset{8});
  t.leader.on_synced(t.now, Offset{8});
  t.leader.on_log_start(t.now, Offset{0}, Offset{0});
  t.follower(2).acks({.appended = 4, .flushed = 4});  // overtaken on its way
  CHECK(t.leader.take_effects().empty());
  CHECK(t.high_watermark() == 10);
  t.append(2);
  t.leader_synced(12);
  t.follower(3).catches_up();
  CHECK(t.high_watermark() == 10);
  t.follower(2).acks({.appended = 12, .flushed = 12});
  CHECK(t.high_watermark() == 12);
}

}  // namespace
}  // namespace strandline
