#include "replication/partition/partition_follower.h"

#include <catch2/catch.hpp>

#include "tests/unit/replication/partition/follower_harness.h"

namespace strandline {
namespace {

using State = PartitionFollower::State;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("PartitionFollower: a stream opens with what the log is", "[follower]") {
  FollowerLog log = FollowerHarness::log_of(30);
  log.epochs.push_back({LeaderEpoch{4}, Offset{20}});
  log.needs_catch_up = true;
  FollowerHarness t{log};
  REQUIRE(t.said<OpenStream>().size() == 1);
  const OpenStream open = t.said<OpenStream>()[0];
  CHECK(open.name == StreamName{LeaderEpoch{5}, ReplicaId{2}, Incarnation{20}, StreamId{4}});
  CHECK(open.history.starts == log.epochs);
  CHECK(open.history.end == Offset{30});
  CHECK(open.log_end_offset == Offset{30});
  CHECK(open.credit_limit == 1000);
  CHECK(open.needs_catch_up);
  CHECK(t.state() == State::opening);
}

TEST_CASE("PartitionFollower: without a connection nothing is said and nothing waited for",
          "[follower]") {
  FollowerHarness t{FollowerHarness::log_of(5), false};
  CHECK(t.sent.empty());
  CHECK_FALSE(t.follower.next_timeout().has_value());
  t.follower.on_connected(t.now);
  t.drain();
  CHECK(t.said<OpenStream>().size() == 1);
}

TEST_CASE("PartitionFollower: an opening without an answer is said again", "[follower]") {
  FollowerHarness t;
  t.pass(milliseconds{1000});
  REQUIRE(t.said<OpenStream>().size() == 3);
  CHECK(t.said<OpenStream>()[2] == t.said<OpenStream>()[0]);
}

TEST_CASE("PartitionFollower: a log that agrees streams at once", "[follower]") {
  FollowerHarness t{FollowerHarness::log_of(30)};
  t.give(StreamOpened{t.name(), Offset{30}});
  CHECK(t.state() == State::streaming);
  CHECK(t.last_ack().appended == Offset{30});
  CHECK(t.last_ack().flushed == Offset{30});
  CHECK_FALSE(t.truncation.has_value());
  CHECK_FALSE(t.follower.next_timeout().has_value());  // an idle partition costs nothing
}

TEST_CASE("PartitionFollower: records that are not the leader's are cut before it says a word",
          "[follower]") {
  FollowerHarness t{FollowerHarness::log_of(30, 18)};
  t.give(StreamOpened{t.name(), Offset{20}});
  CHECK(t.state() == State::cutting);
  REQUIRE(t.truncation.has_value());
  CHECK(t.truncation->end == Offset{20});
  CHECK(t.truncation->high_watermark_before == Offset{18});
  CHECK(t.said<StreamAck>().empty());
  t.truncated(FollowerHarness::log_of(20, 18));
  CHECK(t.state() == State::streaming);
  CHECK(t.last_ack().appended == Offset{20});
}

TEST_CASE("PartitionFollower: a term of its own without records is cut, as older ones may follow",
          "[follower]") {
  FollowerLog log = FollowerHarness::log_of(30);
  log.epochs.push_back({LeaderEpoch{4}, Offset{30}});
  FollowerHarness t{log};
  t.give(StreamOpened{t.name(), Offset{30}});
  REQUIRE(t.truncation.has_value());
  CHECK(t.truncation->end == Offset{30});
  t.truncated(FollowerHarness::log_of(30));
  t.give(t.batch(30, 2, 0, 3));
  CHECK(t.follower.log_end_offset() == Offset{32});
  CHECK(t.broken.empty());
}

TEST_CASE("PartitionFollower: a log of no use is begun anew where the leader's begins",
          "[follower]") {
  FollowerHarness t{FollowerHarness::log_of(30)};
  t.give(StreamOpened{.name = t.name(), .offset = Offset{500}, .restart = true});
  REQUIRE(t.restart.has_value());
  CHECK(t.restart->start == Offset{500});
  t.truncated({.log_start_offset = Offset{500},
               .log_end_offset = Offset{500},
               .flushed_end = Offset{500},
               .high_watermark = Offset{500}});
  CHECK(t.last_ack().appended == Offset{500});
  t.receive(500, 5);
  CHECK(t.follower.log_end_offset() == Offset{505});
}

TEST_CASE("PartitionFollower: a log that could not be cut just there says what it has",
          "[follower]") {
  FollowerHarness t{FollowerHarness::log_of(30)};
  t.give(StreamOpened{t.name(), Offset{20}});
  t.now += seconds{1};
  t.truncated(FollowerHarness::log_of(17));
  CHECK(t.said<StreamAck>().empty());
  REQUIRE(t.said<OpenStream>().size() == 2);
  CHECK(t.said<OpenStream>()[1].log_end_offset == Offset{17});
  CHECK(t.said<OpenStream>()[1].name.stream == StreamId{5});
}

TEST_CASE("PartitionFollower: a connection that breaks during a cut is seen to after it",
          "[follower]") {
  FollowerHarness t{FollowerHarness::log_of(30)};
  t.give(StreamOpened{t.name(), Offset{20}});
  t.follower.on_disconnected(t.now);
  CHECK(t.state() == State::cutting);
  t.truncated(FollowerHarness::log_of(20));
  CHECK(t.state() == State::waiting);
  t.follower.on_connected(t.now);
  t.drain();
  CHECK(t.said<OpenStream>().back().log_end_offset == Offset{20});
}

TEST_CASE("PartitionFollower: it appends, syncs, and acknowledges both", "[follower]") {
  FollowerHarness t = FollowerHarness::streaming();
  t.receive(0, 4);
  CHECK(t.syncs == 1);
  CHECK(t.last_ack().appended == Offset{4});
  CHECK(t.last_ack().flushed == Offset{0});
  t.receive(4, 3);
  CHECK(t.syncs == 1);  // one at a time; the next one takes what came meanwhile
  t.synced(4);
  CHECK(t.syncs == 2);
  CHECK(t.last_ack().appended == Offset{7});
  CHECK(t.last_ack().flushed == Offset{4});
  t.synced(7);
  CHECK(t.syncs == 2);
  CHECK(t.last_ack().flushed == Offset{7});
}

TEST_CASE("PartitionFollower: what an earlier term left unsynced is synced", "[follower]") {
  FollowerLog log = FollowerHarness::log_of(30);
  log.flushed_end = Offset{10};
  FollowerHarness t{log, false};
  CHECK(t.syncs == 1);
}

TEST_CASE("PartitionFollower: its high watermark is the leader's, as far as its log reaches",
          "[follower]") {
  FollowerHarness t = FollowerHarness::streaming();
  t.receive(0, 4, 20);
  CHECK(t.follower.high_watermark() == Offset{4});
  t.receive(4, 10, 20);
  CHECK(t.follower.high_watermark() == Offset{14});
  t.receive(14, 10, 20);
  CHECK(t.follower.high_watermark() == Offset{20});
  t.give(StreamPosition{.name = t.name(), .sent_end = Offset{24}, .high_watermark = Offset{23}});
  t.give(StreamPosition{.name = t.name(), .sent_end = Offset{24}, .high_watermark = Offset{21}});
  CHECK(t.follower.high_watermark() == Offset{23});
  CHECK(t.marks == std::vector{Offset{4}, Offset{14}, Offset{20}, Offset{23}});
}

TEST_CASE("PartitionFollower: its log start is the leader's, as far as it is readable and flushed",
          "[follower]") {
  FollowerHarness t = FollowerHarness::streaming();
  StreamBatches batches = t.batch(0, 10, 8);
  batches.log_start_offset = Offset{6};
  t.give(batches);
  CHECK(t.starts.empty());  // a power loss now would leave a log that ends before it starts
  t.synced(5);
  CHECK(t.starts == std::vector{Offset{5}});
  t.synced(10);
  CHECK(t.starts == std::vector{Offset{5}, Offset{6}});
  t.give(StreamPosition{.name = t.name(),
                        .sent_end = Offset{10},
                        .high_watermark = Offset{8},
                        .log_start_offset = Offset{9}});
  CHECK(t.follower.log_start_offset() == Offset{8});
}

TEST_CASE("PartitionFollower: a grant grows with what is appended", "[follower]") {
  FollowerHarness t = FollowerHarness::streaming();
  t.receive(0, 4);
  CHECK(t.last_ack().credit_limit == 1400);
  t.sent.clear();
  t.follower.set_credit(200);
  t.drain();
  CHECK(t.sent.empty());  // what was granted stays granted
  t.receive(4, 4);
  CHECK(t.last_ack().credit_limit == 1400);
  t.follower.set_credit(5000);
  t.drain();
  CHECK(t.last_ack().credit_limit == 5800);
}

TEST_CASE("PartitionFollower: a grant while the stream opens goes with its first word",
          "[follower]") {
  FollowerHarness t{FollowerHarness::log_of(10)};
  t.follower.set_credit(7000);
  t.drain();
  CHECK(t.said<StreamAck>().empty());
  t.give(StreamOpened{t.name(), Offset{10}});
  CHECK(t.last_ack().credit_limit == 7000);
}

TEST_CASE("PartitionFollower: it answers when it is asked to, and not otherwise", "[follower]") {
  FollowerHarness t = FollowerHarness::streaming(10);
  StreamPosition position{.name = t.name(), .sent_end = Offset{10}, .high_watermark = Offset{9}};
  t.give(position);
  CHECK(t.sent.empty());
  position.confirm = true;
  t.give(position);
  CHECK(t.last_ack().high_watermark == Offset{9});
  t.sent.clear();
  t.give(StreamOpened{t.name(), Offset{10}});  // its first word was lost
  CHECK(t.last_ack().appended == Offset{10});
  t.sent.clear();
  // The leader has deleted meanwhile, and is to learn that this is not where the stream began.
  t.give(StreamOpened{.name = t.name(), .offset = Offset{500}, .restart = true});
  CHECK(t.last_ack().appended == Offset{10});
  CHECK_FALSE(t.restart.has_value());
}

// What does not join the log opens another stream.
void check_hole(const LeaderMessage& message) {
  FollowerHarness t = FollowerHarness::streaming(10);
  t.now += seconds{1};
  t.give(message);
  CHECK(t.broken == std::vector{Errc::offset_out_of_range});
  REQUIRE(t.said<OpenStream>().size() == 1);
  CHECK(t.said<OpenStream>()[0].name.stream == StreamId{5});
  CHECK(t.follower.log_end_offset() == Offset{10});
}

TEST_CASE("PartitionFollower: a hole in the stream opens another", "[follower]") {
  const FollowerHarness t = FollowerHarness::streaming(10);
  check_hole(t.batch(12, 2));
  check_hole(StreamPosition{.name = t.name(), .sent_end = Offset{12}});
}

// A log of 10 records in epoch 1 takes none of them, and breaks the stream for this reason.
void check_refused(const std::vector<BatchClaim>& claims, Errc reason) {
  FollowerHarness t = FollowerHarness::streaming(10);
  StreamBatches batches = t.batch(10, 2);
  batches.batches = claims;
  t.give(batches);
  CHECK(t.broken == std::vector{reason});
  CHECK(t.follower.log_end_offset() == Offset{10});
  CHECK(t.state() == State::waiting);
  t.pass(milliseconds{500});
  CHECK(t.state() == State::opening);
}

TEST_CASE("PartitionFollower: claims that contradict the log append nothing", "[follower]") {
  const BatchClaim good{Offset{10}, LeaderEpoch{5}, 2};
  check_refused({}, Errc::invalid_request);
  check_refused({{Offset{10}, LeaderEpoch{5}, 0}}, Errc::invalid_record);
  check_refused({{Offset{10}, LeaderEpoch{0}, 2}}, Errc::fenced_leader_epoch);   // the log has 1
  check_refused({{Offset{10}, LeaderEpoch{6}, 2}}, Errc::unknown_leader_epoch);  // it leads in 5
  check_refused({good, {Offset{13}, LeaderEpoch{5}, 1}}, Errc::offset_out_of_range);
  check_refused({good, {Offset{12}, LeaderEpoch{4}, 1}}, Errc::fenced_leader_epoch);
}

TEST_CASE("PartitionFollower: batches that came before are not appended again", "[follower]") {
  FollowerHarness t = FollowerHarness::streaming(10);
  const StreamBatches batches = t.batch(10, 2);
  t.give(batches);
  t.give(batches);
  CHECK(t.follower.log_end_offset() == Offset{12});
  CHECK(t.broken.empty());
}

TEST_CASE("PartitionFollower: damaged bytes open another stream behind what was good",
          "[follower]") {
  FollowerHarness t = FollowerHarness::streaming(10);
  StreamBatches batches = t.batch(10, 2);
  batches.batches.push_back({Offset{12}, LeaderEpoch{5}, 3});
  t.append_fails_at = Offset{12};
  t.give(batches);
  CHECK(t.broken == std::vector{Errc::corrupt_batch});
  CHECK(t.syncs == 1);
  t.pass(milliseconds{500});
  const OpenStream open = t.said<OpenStream>().back();
  CHECK(open.log_end_offset == Offset{12});
  CHECK(open.history.starts.back() == EpochStart{LeaderEpoch{5}, Offset{10}});
}

TEST_CASE("PartitionFollower: an older leader is not heard", "[follower]") {
  FollowerHarness t = FollowerHarness::streaming(10);
  StreamBatches batches = t.batch(10, 2);
  batches.name.leader_epoch = LeaderEpoch{4};
  t.give(batches);
  batches.name = t.name();
  batches.name.stream = StreamId{3};
  t.give(batches);
  batches.name = t.name();
  batches.name.incarnation = Incarnation{19};
  t.give(batches);
  CHECK(t.follower.log_end_offset() == Offset{10});
  CHECK(t.broken.empty());
  CHECK(t.sent.empty());
}

TEST_CASE("PartitionFollower: it opens streams no faster than retries allow", "[follower]") {
  FollowerHarness t = FollowerHarness::streaming(10);
  for (int i = 0; i < 20; ++i) {
    t.give(StreamEnd{t.name(), Errc::replica_not_available});
    t.pass(milliseconds{100});
  }
  CHECK(t.said<OpenStream>().size() <= 5);
  CHECK(t.said<OpenStream>().size() >= 3);
}

TEST_CASE("PartitionFollower: a new connection carries a new stream", "[follower]") {
  FollowerHarness t = FollowerHarness::streaming(10);
  t.follower.on_disconnected(t.now);
  CHECK(t.state() == State::waiting);
  CHECK_FALSE(t.follower.next_timeout().has_value());
  t.receive(10, 2);  // what the old one left behind
  CHECK(t.follower.log_end_offset() == Offset{10});
  t.follower.on_connected(t.now);
  t.drain();
  CHECK(t.said<OpenStream>().back().name.stream == StreamId{5});
}

TEST_CASE("PartitionFollower: a damaged one says so until the controller counts it", "[follower]") {
  FollowerLog log = FollowerHarness::log_of(10);
  log.needs_catch_up = true;
  FollowerHarness t{log};
  const auto reconnect = [&] {
    t.follower.on_disconnected(t.now);
    t.follower.on_connected(t.now);
    t.drain();
    return t.said<OpenStream>().back();
  };
  CHECK(reconnect().needs_catch_up);
  t.follower.on_in_sync();
  CHECK_FALSE(reconnect().needs_catch_up);
}

TEST_CASE("PartitionFollower: a stalled disk is told of once, and its end too", "[follower]") {
  FollowerHarness t = FollowerHarness::streaming(10);
  t.follower.set_stalled(true);
  t.follower.set_stalled(true);
  t.drain();
  REQUIRE(t.said<StreamAck>().size() == 1);
  CHECK(t.last_ack().stalled);
  t.follower.set_stalled(false);
  t.drain();
  CHECK_FALSE(t.last_ack().stalled);
}

TEST_CASE("PartitionFollower: an answer outside of the log is no answer", "[follower]") {
  FollowerHarness t{FollowerHarness::log_of(10)};
  t.give(StreamOpened{t.name(), Offset{11}});
  CHECK(t.broken == std::vector{Errc::invalid_request});
  CHECK(t.state() == State::waiting);
}

TEST_CASE("PartitionFollower: epochs that are not older are not sent again and again",
          "[follower]") {
  FollowerHarness t{FollowerHarness::log_of(10)};
  t.give(OlderEpochsWanted{.name = t.name(), .round = 0, .at_most = LeaderEpoch{1}});
  CHECK(t.broken == std::vector{Errc::invalid_request});
  CHECK(t.said<OpenStream>().size() == 1);
}

}  // namespace
}  // namespace strandline
