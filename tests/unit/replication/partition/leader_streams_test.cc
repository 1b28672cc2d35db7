#include <catch2/catch.hpp>

#include "tests/unit/replication/partition/leader_harness.h"

namespace strandline {
namespace {

TEST_CASE("PartitionLeader: batches are pushed as they are appended", "[streams]") {
  LeaderHarness t{{}};
  t.append(10);
  t.append(5);
  const auto batches = t.sent_to<StreamBatches>(2);
  REQUIRE(batches.size() == 2);
  CHECK(t.reads[0].from == Offset{0});
  CHECK(t.reads[0].end == Offset{10});
  CHECK(batches[1].bytes == 500);
}

TEST_CASE("PartitionLeader: the high watermark rides on batches and travels alone without",
          "[streams]") {
  LeaderHarness t{{}};
  t.append_everywhere(10);
  const auto alone = t.sent_to<StreamPosition>(2);
  REQUIRE(alone.size() == 1);
  CHECK(alone[0].high_watermark == Offset{10});
  CHECK(alone[0].sent_end == Offset{10});
  CHECK_FALSE(alone[0].confirm);
  t.append(1);
  CHECK(t.sent_to<StreamBatches>(2).back().high_watermark == Offset{10});
  CHECK(t.sent_to<StreamPosition>(2).size() == 1);  // nothing new without the batch
}

TEST_CASE("PartitionLeader: the log start travels like the high watermark", "[streams]") {
  LeaderHarness t{{}};
  t.append_everywhere(10);
  t.sent.clear();
  t.leader.on_log_start(t.now, Offset{4}, Offset{3});
  t.drain();
  REQUIRE(t.sent_to<StreamPosition>(3).size() == 1);
  CHECK(t.sent_to<StreamPosition>(3)[0].log_start_offset == Offset{4});
  t.append(1);
  CHECK(t.sent_to<StreamBatches>(3).back().log_start_offset == Offset{4});
}

TEST_CASE("PartitionLeader: an idle partition costs nothing", "[streams]") {
  LeaderHarness t{{}};
  t.append_everywhere(10);
  t.pass(ms(1000));
  for (const int id : {2, 3})
    t.follower(id).catches_up();  // also that they know the high watermark
  t.sent.clear();
  CHECK_FALSE(t.leader.next_timeout().has_value());
  t.pass(ms(3'600'000));
  CHECK(t.sent.empty());
}

TEST_CASE("PartitionLeader: who has not confirmed is asked until it does", "[streams]") {
  LeaderHarness t{{}};
  t.append(10);
  t.sent.clear();
  t.pass(ms(1500));
  const auto asked = t.sent_to<StreamPosition>(2);
  REQUIRE(asked.size() == 3);
  CHECK(asked[0].confirm);
  CHECK(asked[0].sent_end == Offset{10});  // so that it sees what it lacks
}

TEST_CASE("PartitionLeader: no more is sent than was granted", "[streams]") {
  LeaderHarness t{{.credit = 1000}};
  t.append(25);
  CHECK(t.sent_to<StreamBatches>(2).size() == 1);
  CHECK(t.sent_to<StreamBatches>(2)[0].bytes == 1000);
  t.credits[2] = 1600;
  t.follower(2).acks({.appended = 10, .flushed = 0});
  REQUIRE(t.sent_to<StreamBatches>(2).size() == 2);
  CHECK(t.sent_to<StreamBatches>(2)[1].bytes == 600);
  t.credits[2] = 1200;  // overtaken on its way: a grant is never taken back
  t.follower(2).acks({.appended = 16, .flushed = 0});
  t.append(1);
  CHECK(t.sent_to<StreamBatches>(2).size() == 2);
  t.credits[2] = 10'000;
  t.follower(2).acks({.appended = 16, .flushed = 0});
  CHECK(t.sent_to<StreamBatches>(2).back().bytes == 1000);
}

TEST_CASE("PartitionLeader: a batch larger than the credit left goes as a whole", "[streams]") {
  LeaderHarness t{{.credit = 10}};
  t.append(1);  // a hundred bytes
  CHECK(t.sent_to<StreamBatches>(2).size() == 1);
  t.append(1);
  CHECK(t.sent_to<StreamBatches>(2).size() == 1);
  t.credits[2] = 101;
  t.follower(2).acks({.appended = 1, .flushed = 0});
  CHECK(t.sent_to<StreamBatches>(2).size() == 2);
}

TEST_CASE("PartitionLeader: the high watermark passes a stream without credit", "[streams]") {
  LeaderHarness t{{.isr = {1, 2}, .log_end = 15, .open_streams = false, .credit = 1000}};
  t.follower(2).opens(15, 15);
  t.follower(3).opens(0, 0);  // ten records, then its credit is used up
  t.append(5);
  t.leader_synced(20);
  t.follower(2).acks({.appended = 20, .flushed = 20});
  CHECK(t.sent_to<StreamBatches>(3).size() == 1);
  const auto positions = t.sent_to<StreamPosition>(3);
  REQUIRE_FALSE(positions.empty());
  CHECK(positions.back().high_watermark == Offset{20});
  CHECK(positions.back().sent_end == Offset{10});
}

TEST_CASE("PartitionLeader: one read at a time for each stream", "[streams]") {
  LeaderHarness t{{}};
  t.hold_reads = true;
  t.append(10);
  t.append(10);
  CHECK(t.reads.size() == 2);  // for 2 and 3
  t.carry_out_reads();
  REQUIRE(t.reads.size() == 2);
  CHECK(t.reads[0].from == Offset{10});
  CHECK(t.reads[0].end == Offset{20});
}

TEST_CASE("PartitionLeader: streams that catch up take turns and hold up nobody", "[streams]") {
  LeaderHarness t{{.replicas = {1, 2, 3, 4}, .isr = {1, 2}, .log_end = 100, .open_streams = false}};
  t.hold_reads = true;
  t.follower(3).opens(10, 10);
  t.follower(4).opens(20, 20);
  t.follower(2).opens(100, 100);
  REQUIRE(t.reads.size() == 1);  // one from files at a time
  CHECK(t.reads[0].name.replica == ReplicaId{3});
  CHECK(t.reads[0].from_files);
  CHECK(t.reads[0].bytes_max == 1000);
  t.leader.on_append(t.now, Offset{101});
  t.drain();
  REQUIRE(t.reads.size() == 2);  // the one that follows from memory does not wait for it
  CHECK(t.reads[1].name.replica == ReplicaId{2});
  CHECK_FALSE(t.reads[1].from_files);
  t.carry_out_reads();
  REQUIRE(t.reads.size() == 1);
  CHECK(t.reads[0].name.replica == ReplicaId{4});
  t.carry_out_reads();
  REQUIRE(t.reads.size() == 1);
  CHECK(t.reads[0].name.replica == ReplicaId{3});
  CHECK(t.reads[0].from == Offset{20});
}

TEST_CASE("PartitionLeader: what is in memory is not read from files", "[streams]") {
  LeaderHarness t{{.isr = {1, 2}, .log_end = 100, .open_streams = false}};
  t.tail_follows = false;
  t.hold_reads = true;
  t.follower(3).opens(60, 60);
  CHECK(t.reads.back().from_files);
  t.carry_out_reads();
  t.reads.clear();
  t.leader.on_tail_start(t.now, Offset{65});
  t.follower(2).opens(70, 70);
  REQUIRE(t.reads.size() == 1);
  CHECK_FALSE(t.reads[0].from_files);
}

TEST_CASE("PartitionLeader: a read for a stream that is over sends nothing and blocks nothing",
          "[streams]") {
  LeaderHarness t{{.isr = {1, 2}, .log_end = 50, .open_streams = false}};
  t.hold_reads = true;
  t.follower(3).opens(10, 10);
  REQUIRE(t.reads.size() == 1);
  const ReadBatches old = t.reads[0];
  t.follower(3).opens(20, 20);
  CHECK(t.reads.size() == 1);  // bounded: the old one is still being read
  t.reads.clear();
  t.sent.clear();
  CHECK_FALSE(t.leader.on_read(t.now, old.name, Offset{15}, 500).has_value());
  t.drain();
  REQUIRE(t.reads.size() == 1);
  CHECK(t.reads[0].from == Offset{20});
}

TEST_CASE("PartitionLeader: bytes that cannot be read end the stream", "[streams]") {
  LeaderHarness t{{}};
  t.hold_reads = true;
  t.append(10);
  t.leader.on_read_failed(t.now, t.names[2], Errc::corrupt_batch);
  t.drain();
  REQUIRE(t.sent_to<StreamEnd>(2).size() == 1);
  CHECK(t.sent_to<StreamEnd>(2)[0].reason == Errc::corrupt_batch);
  t.sent.clear();
  t.pass(ms(1000));
  CHECK(t.sent_to<StreamEnd>(2).size() == 2);  // until it opens another
  t.reads.clear();
  t.follower(2).opens(0, 0);
  CHECK(t.reads.size() == 1);
}

TEST_CASE("PartitionLeader: a follower whose end is inside of a batch begins anew", "[streams]") {
  LeaderHarness t{{}};
  t.hold_reads = true;
  t.append(10);
  t.follower(2).opens(5, 5);
  t.leader.on_read_failed(t.now, t.reads[0].name,
                          Errc::kafka_storage_error);  // of the stream before
  t.drain();
  t.leader.on_read_failed(t.now, t.names[2], Errc::offset_out_of_range);
  t.drain();
  t.open(2, 5);
  CHECK(t.sent_to<StreamOpened>(2).back().restart);
  CHECK(t.sent_to<StreamOpened>(2).back().offset == Offset{0});
  t.open(2, 0);  // it has, and the word of it was lost
  CHECK_FALSE(t.sent_to<StreamOpened>(2).back().restart);
  t.follower(2).acks({.appended = 0, .flushed = 0});
  t.open(2, 10);  // once is enough
  CHECK_FALSE(t.sent_to<StreamOpened>(2).back().restart);
}

TEST_CASE("PartitionLeader: deletion passes a slow stream, which begins anew", "[streams]") {
  LeaderHarness t{{.isr = {1, 2}, .log_end = 100, .open_streams = false}};
  t.hold_reads = true;
  t.follower(2).opens(100, 100);
  t.follower(3).opens(10, 10);
  t.leader.on_log_start(t.now, Offset{52}, Offset{50});
  t.drain();
  REQUIRE(t.sent_to<StreamEnd>(3).size() == 1);
  t.open(3, 10);
  const auto opened = t.sent_to<StreamOpened>(3);
  CHECK(opened.back().restart);
  CHECK(opened.back().offset == Offset{50});  // a log begins with a whole batch
  CHECK(t.sent_to<StreamEnd>(2).empty());
}

TEST_CASE("PartitionLeader: what contradicts the log ends the stream", "[streams]") {
  const auto check_end = [](std::int64_t begins_at, const LeaderHarness::Ack& ack) {
    LeaderHarness t{{.log_end = 10}};
    t.open(2, begins_at);
    t.follower(2).acks({.appended = begins_at, .flushed = 0});
    REQUIRE(t.sent_to<StreamEnd>(2).empty());
    t.follower(2).acks(ack);
    REQUIRE(t.sent_to<StreamEnd>(2).size() == 1);
    CHECK(t.sent_to<StreamEnd>(2)[0].reason == Errc::invalid_request);
  };
  check_end(10, {.appended = 11, .flushed = 0});   // more than was sent
  check_end(10, {.appended = 10, .flushed = 11});  // more flushed than appended
  check_end(8, {.appended = 10, .flushed = -1});
}

TEST_CASE("PartitionLeader: a first word beside the agreed offset ends the stream", "[streams]") {
  LeaderHarness t{{.log_end = 10, .open_streams = false}};
  t.open(2, 8);
  t.follower(2).acks({.appended = 7, .flushed = 7});
  CHECK(t.sent_to<StreamEnd>(2).size() == 1);
}

TEST_CASE("PartitionLeader: messages of another epoch, stream or replica do not count",
          "[streams]") {
  LeaderHarness t{{}};
  t.append(10);
  t.leader_synced(10);
  t.follower(3).catches_up();
  StreamAck ack{.name = t.names[2], .appended = Offset{10}, .flushed = Offset{10}};
  ack.name.leader_epoch = LeaderEpoch{4};
  t.give(ack);
  CHECK(t.sent_to<StreamEnd>(2).back().reason == Errc::fenced_leader_epoch);
  ack.name.leader_epoch = LeaderEpoch{6};
  t.give(ack);
  CHECK(t.sent_to<StreamEnd>(2).back().reason == Errc::unknown_leader_epoch);
  ack.name = t.names[2];
  ack.name.stream = ack.name.stream - 1;
  t.give(ack);
  ack.name = t.names[2];
  ack.name.incarnation = Incarnation{1};
  t.give(ack);
  CHECK(t.high_watermark() == 0);
  ack.name = t.names[2];
  ack.name.replica = ReplicaId{9};
  t.give(ack);
  CHECK(t.sent_to<StreamEnd>(9).size() == 1);
  ack.name = t.names[2];
  t.give(ack);
  CHECK(t.high_watermark() == 10);
}

TEST_CASE("PartitionLeader: an older opening does not replace a newer stream", "[streams]") {
  LeaderHarness t{{.log_end = 10}};
  OpenStream late{.name = t.names[2], .history = {.end = Offset{0}}, .log_end_offset = Offset{0}};
  t.sent.clear();
  t.give(late);  // the very same, twice
  late.name.stream = late.name.stream - 1;
  t.give(late);
  late.name.incarnation = Incarnation{1};
  late.name.stream = StreamId{99};
  t.give(late);
  CHECK(t.sent.empty());
  t.append(1);
  CHECK(t.sent_to<StreamBatches>(2).size() == 1);
}

TEST_CASE("PartitionLeader: an opening said again after its connection broke is answered",
          "[streams]") {
  LeaderHarness t{{.log_end = 10, .open_streams = false}};
  t.open(2, 10);
  t.leader.on_disconnected(t.now, t.names[2]);
  t.names[2].stream = t.names[2].stream - 1;  // the follower has not seen it break
  t.open(2, 10);
  CHECK(t.sent_to<StreamOpened>(2).size() == 2);
  t.follower(2).acks({.appended = 10, .flushed = 10});
  CHECK(t.sent_to<StreamEnd>(2).empty());
}

TEST_CASE("PartitionLeader: an opening that is no such thing is refused", "[streams]") {
  LeaderHarness t{{.log_end = 10, .open_streams = false}};
  OpenStream open{.name = {LeaderEpoch{5}, ReplicaId{2}, Incarnation{2}, StreamId{1}},
                  .history = {.end = Offset{5}},
                  .log_end_offset = Offset{4}};
  t.give(open);
  CHECK(t.sent_to<StreamEnd>(2).back().reason == Errc::invalid_request);
  open.log_end_offset = Offset{5};
  open.history.starts = {{LeaderEpoch{6}, Offset{0}}};  // of a leader that comes after this one
  t.give(open);
  CHECK(t.sent_to<StreamEnd>(2).back().reason == Errc::unknown_leader_epoch);
  open.name.replica = ReplicaId{7};
  t.give(open);
  CHECK(t.sent_to<StreamEnd>(7).back().reason == Errc::replica_not_available);
}

TEST_CASE("PartitionLeader: an answer that got lost is given again", "[streams]") {
  LeaderHarness t{{.log_end = 10, .open_streams = false}};
  t.open(2, 10);
  CHECK(t.sent_to<StreamOpened>(2).size() == 1);
  t.pass(ms(500));
  CHECK(t.sent_to<StreamOpened>(2).size() == 2);
}

TEST_CASE("PartitionLeader: the end of an old connection does not end a stream over a new one",
          "[streams]") {
  LeaderHarness t{{}};
  const StreamName old = t.names[2];
  t.follower(2).opens(0, 0);
  t.leader.on_disconnected(t.now, old);
  t.append(1);
  CHECK(t.sent_to<StreamBatches>(2).size() == 1);
  t.leader.on_disconnected(t.now, t.names[2]);
  t.append(1);
  CHECK(t.sent_to<StreamBatches>(2).size() == 1);
}

}  // namespace
}  // namespace strandline
