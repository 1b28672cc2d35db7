// Streams of a topic whose replication is throttled: who stands in line for what it is sent, and
// who never does.
#include "tests/unit/replication/partition/follower_harness.h"
#include "tests/unit/replication/partition/leader_harness.h"

namespace strandline {
namespace {

// Followers 2 and 3 of a log of 100 records; 3 has 10 of them and is not in sync.
LeaderHarness one_behind() {
  LeaderHarness t{{.isr = {1, 2}, .log_end = 100, .open_streams = false}};
  t.leader.set_throttled(t.now, true);
  t.hold_reads = true;
  t.follower(2).opens(100, 100);
  t.follower(3).opens(10, 10);
  return t;
}

TEST_CASE("PartitionLeader: a throttled replica is read for as much as it is allowed",
          "[throttle]") {
  LeaderHarness t = one_behind();
  CHECK(t.reads.empty());
  REQUIRE(t.asks.size() == 1);
  CHECK(t.asks[0].name == t.names[3]);
  t.append(1);  // asked for once
  CHECK(t.asks.size() == 1);
  t.reads.clear();
  t.leader.on_allowance(t.now, t.names[3], 700);
  t.drain();
  REQUIRE(t.reads.size() == 1);
  CHECK(t.reads[0].bytes_max == 700);
  CHECK(t.asks.size() == 1);
  t.carry_out_reads();
  REQUIRE(t.sent_to<StreamBatches>(3).size() == 1);
  REQUIRE(t.asks.size() == 2);  // for the next
  CHECK(t.asks[1].bytes_beyond == 0);
}

TEST_CASE(
    "PartitionLeader: what batches take beyond an allowance is told, and what they leave of it",
    "[throttle]") {
  LeaderHarness t = one_behind();
  t.leader.on_allowance(t.now, t.names[3], 30);
  t.drain();
  t.carry_out_reads();  // a record has a hundred bytes
  REQUIRE(t.asks.size() == 2);
  CHECK(t.asks[1].bytes_beyond == 70);
  t.leader.on_allowance(t.now, t.names[3], 50'000);
  t.drain();
  t.carry_out_reads();  // a read from files is of a thousand
  REQUIRE(t.asks.size() == 3);
  CHECK(t.asks[2].bytes_beyond == 1000 - 50'000);
}

TEST_CASE("PartitionLeader: a read that fails has used nothing of its allowance", "[throttle]") {
  LeaderHarness t = one_behind();
  t.leader.on_allowance(t.now, t.names[3], 700);
  t.drain();
  t.leader.on_read_failed(t.now, t.names[3], Errc::kafka_storage_error);
  t.follower(3).opens(10, 10);
  REQUIRE(t.asks.size() == 2);
  CHECK(t.asks[1].bytes_beyond == -700);
}

TEST_CASE("PartitionLeader: who waits for an allowance holds up nobody who catches up",
          "[throttle]") {
  LeaderHarness t{{.replicas = {1, 2, 3, 4}, .isr = {1, 2}, .log_end = 100, .open_streams = false}};
  t.leader.set_throttled(t.now, true);
  t.hold_reads = true;
  t.follower(3).opens(10, 10);
  t.follower(4).opens(20, 20);
  REQUIRE(t.asks.size() == 2);
  CHECK(t.reads.empty());
  t.leader.on_allowance(t.now, t.names[4], 500);
  t.drain();
  REQUIRE(t.reads.size() == 1);
  CHECK(t.reads[0].name == t.names[4]);
  // The other one has its turn as soon as it may.
  t.leader.on_allowance(t.now, t.names[3], 500);
  t.drain();
  t.carry_out_reads();
  REQUIRE(t.reads.size() == 1);
  CHECK(t.reads[0].name == t.names[3]);
}

TEST_CASE("PartitionLeader: a replica in sync is never throttled", "[throttle]") {
  LeaderHarness t{{.log_end = 100}};
  t.leader.set_throttled(t.now, true);
  t.append(10);
  CHECK(t.asks.empty());
  CHECK(t.sent_to<StreamBatches>(2).size() == 1);
  CHECK(t.sent_to<StreamBatches>(3).size() == 1);
}

TEST_CASE("PartitionLeader: nor is one whose addition is proposed, for it is waited for",
          "[throttle]") {
  LeaderHarness t = one_behind();
  t.follower(3).opens(100, 100);
  REQUIRE(t.last_proposal() == std::vector{1, 2, 3});
  t.asks.clear();
  t.reads.clear();
  t.append(5);
  CHECK(t.asks.empty());
  CHECK(t.reads.size() == 2);
}

TEST_CASE("PartitionLeader: without the throttle whoever waits goes on", "[throttle]") {
  LeaderHarness t = one_behind();
  t.leader.set_throttled(t.now, false);
  t.drain();
  REQUIRE(t.reads.size() == 1);
  CHECK(t.reads[0].bytes_max == 1000);
  // What it had asked for comes too late.
  t.leader.on_allowance(t.now, t.names[3], 700);
  t.drain();
  CHECK(t.reads.size() == 1);
}

TEST_CASE("PartitionLeader: an allowance for an earlier stream is none", "[throttle]") {
  LeaderHarness t = one_behind();
  const StreamName earlier = t.names[3];
  t.follower(3).opens(10, 10);
  REQUIRE(t.asks.size() == 2);
  t.leader.on_allowance(t.now, earlier, 700);
  t.drain();
  CHECK(t.reads.empty());
  t.leader.on_allowance(t.now, t.names[3], 700);
  t.drain();
  CHECK(t.reads.size() == 1);
}

TEST_CASE("PartitionLeader: a throttled replica hears of the high watermark all the same",
          "[throttle]") {
  LeaderHarness t = one_behind();
  t.sent.clear();
  t.append(1);
  t.leader_synced(101);
  t.carry_out_reads();
  t.follower(2).acks({.appended = 101, .flushed = 101});
  REQUIRE_FALSE(t.sent_to<StreamPosition>(3).empty());
  CHECK(t.sent_to<StreamPosition>(3).back().high_watermark == Offset{101});
}

// --- the follower's side

FollowerHarness throttled_stream() {
  FollowerHarness t{FollowerHarness::log_of(10)};
  t.follower.on_disconnected(t.now);
  t.follower.set_throttled(true);
  t.pass(ms(1000));
  t.sent.clear();
  t.follower.on_connected(t.now);
  t.drain();
  return t;
}

TEST_CASE("PartitionFollower: a throttled stream begins without credit, and asks for it",
          "[throttle]") {
  FollowerHarness t = throttled_stream();
  REQUIRE(t.said<OpenStream>().size() == 1);
  CHECK(t.said<OpenStream>()[0].credit_limit == 0);
  CHECK(t.asks.empty());  // nothing would come yet
  t.give(StreamOpened{t.name(), Offset{10}});
  CHECK(t.last_ack().credit_limit == 0);
  REQUIRE(t.asks.size() == 1);
  CHECK(t.asks[0].name == t.name());
  t.follower.on_allowance(t.name(), 300);
  t.drain();
  CHECK(t.last_ack().credit_limit == 300);
}

TEST_CASE("PartitionFollower: the next piece is asked for when the last has come", "[throttle]") {
  FollowerHarness t = throttled_stream();
  t.give(StreamOpened{t.name(), Offset{10}});
  t.follower.on_allowance(t.name(), 300);
  t.receive(10, 2);
  CHECK(t.asks.size() == 1);
  CHECK(t.last_ack().credit_limit == 300);
  t.receive(12, 2);  // a batch goes as a whole
  REQUIRE(t.asks.size() == 2);
  CHECK(t.asks[1].bytes_beyond == 100);
  t.follower.on_allowance(t.name(), 300);
  t.drain();
  CHECK(t.last_ack().credit_limit == 700);
}

TEST_CASE("PartitionFollower: in sync it has its credit again", "[throttle]") {
  FollowerHarness t = throttled_stream();
  t.give(StreamOpened{t.name(), Offset{10}});
  t.follower.set_throttled(false);
  t.drain();
  CHECK(t.last_ack().credit_limit == 1000);
  t.sent.clear();
  t.follower.on_allowance(t.name(), 300);  // late
  t.drain();
  CHECK(t.sent.empty());
  t.receive(10, 2);
  CHECK(t.last_ack().credit_limit == 1200);
  CHECK(t.asks.size() == 1);
}

TEST_CASE("PartitionFollower: a throttle takes nothing back that was granted", "[throttle]") {
  FollowerHarness t = FollowerHarness::streaming();
  t.follower.set_throttled(true);
  t.drain();
  CHECK(t.asks.empty());
  t.receive(0, 9);
  CHECK(t.last_ack().credit_limit == 1000);
  t.receive(9, 1);
  CHECK(t.asks.size() == 1);
}

}  // namespace
}  // namespace strandline
