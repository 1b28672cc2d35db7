#include "tests/unit/replication/quorum/quorum_harness.h"

namespace strandline {
namespace {

TEST_CASE("Quorum: a batch is committed when it is on the disks of a majority", "[quorum]") {
  QuorumHarness t{{}};
  t.lead();
  t.hear(t.answer_of(2, 1));
  CHECK(t.core->committed() == Offset{0});  // the leader's own is not on its disk
  t.hear(t.answer_of(3, 0));
  CHECK(t.core->committed() == Offset{0});
  t.synced(1);
  CHECK(t.core->committed() == Offset{1});
  CHECK(t.last_effect<LeaderReady>() != nullptr);
  CHECK(t.last<ReplicateRequest>(2)->committed == Offset{1});
}

TEST_CASE("Quorum: two followers without the leader's disk are a majority", "[quorum]") {
  QuorumHarness t{{}};
  t.lead();
  t.hear(t.answer_of(2, 1));
  t.hear(t.answer_of(3, 1));
  CHECK(t.core->committed() == Offset{1});
}

TEST_CASE("Quorum: a batch of an earlier epoch is committed only with one of this epoch",
          "[quorum]") {
  QuorumHarness t{{.log = {batch(0, 5, 1)}}};
  t.lead();
  t.hear(t.answer_of(2, 5));
  CHECK(t.core->committed() == Offset{0});
  t.synced(6);
  CHECK(t.core->committed() == Offset{0});
  t.hear(t.answer_of(2, 6));
  CHECK(t.core->committed() == Offset{6});
}

TEST_CASE("Quorum: a follower whose log differs is taken back to where they meet", "[quorum]") {
  QuorumHarness t{{.log = {batch(0, 5, 1), batch(5, 8, 3)}}};
  t.lead();
  ReplicateResponse response = t.answer_of(2, 0);
  response.diverged = true;
  response.log_end = log_end(2, 7);  // it has 5 and 6 of a leader that nobody else followed
  t.hear(response);
  const auto* request = t.last<ReplicateRequest>(2);
  CHECK(request->previous == log_end(1, 5));
  REQUIRE(request->batches.size() == 2);
  CHECK(request->batches[0].base_offset == Offset{5});
  const std::size_t sent = t.count<ReplicateRequest>(2);
  response.round = 1;  // late, to what was sent before
  t.hear(response);
  CHECK(t.count<ReplicateRequest>(2) == sent);
}

TEST_CASE("Quorum: what a follower acknowledged before it started again does not count",
          "[quorum]") {
  QuorumHarness t{{}};
  t.lead();
  t.hear(t.answer_of(2, 1, 1));
  t.hear(t.answer_of(2, 0, 2));
  t.synced(1);
  CHECK(t.core->committed() == Offset{0});
  t.hear(t.answer_of(2, 1, 1));  // late, of the life before
  CHECK(t.core->committed() == Offset{0});
  t.hear(t.answer_of(2, 1, 2));
  CHECK(t.core->committed() == Offset{1});
}

TEST_CASE("Quorum: no more is on its way to a follower than it may", "[quorum]") {
  QuorumHarness t{{.message_bytes_max = 10}};
  t.ready();
  t.forget();
  for (int i = 0; i < 30; ++i) t.append();
  CHECK(t.count<ReplicateRequest>(3) < 10);
  t.hear(t.answer_of(3, 5));
  CHECK(t.last<ReplicateRequest>(3)->batches.size() == 1);
}

TEST_CASE("Quorum: a leader that hears no majority gives up", "[quorum]") {
  QuorumHarness t{{.voters = 5}};
  t.time_out();
  for (const int node : {2, 3}) t.hear(t.vote_of(node, 1, true));
  t.votes_persisted();
  for (const int node : {2, 3}) t.hear(t.vote_of(node, 1, false));
  t.append();
  for (int i = 0; i < 10; ++i) {
    t.hear(t.answer_of(2, 0));
    t.hear(t.answer_of(4, 0));
    t.pass(200);
  }
  CHECK(t.core->leads());
  for (int i = 0; i < 5; ++i) {
    t.hear(t.answer_of(2, 0));
    t.pass(200);
  }
  t.pass(200);
  CHECK_FALSE(t.core->leads());
  CHECK_FALSE(t.last_effect<LeaderChanged>()->leader.has_value());
}

TEST_CASE("Quorum: a leader has led until it sent what a majority has answered", "[quorum]") {
  QuorumHarness t{{.voters = 5}};
  CHECK_FALSE(t.core->led_at(t.now));
  t.time_out();
  for (const int node : {2, 3}) t.hear(t.vote_of(node, 1, true));
  t.votes_persisted();
  CHECK_FALSE(t.core->led_at(t.now));
  for (const int node : {2, 3}) t.hear(t.vote_of(node, 1, false));
  const Instant elected = t.now;
  t.append();
  CHECK_FALSE(t.core->led_at(t.now));  // votes were given before it led
  const ReplicateResponse early = t.answer_of(2, 0);
  t.pass(100);
  t.hear(early);
  CHECK_FALSE(t.core->led_at(t.now));  // two of five
  t.hear(t.answer_of(3, 0));
  CHECK(t.core->led_at(t.now) == elected);
  // An answer that is on its way for long proves nothing newer than its question.
  t.time_out();
  const Instant asked = t.now;
  const ReplicateResponse two = t.answer_of(2, 0);
  const ReplicateResponse four = t.answer_of(4, 0);
  t.hear(two);
  CHECK(t.core->led_at(t.now) == elected);
  t.pass(50);
  t.hear(four);
  CHECK(t.core->led_at(t.now) <= asked);
  t.hear(t.answer_of(4, 0));
  CHECK(t.core->led_at(t.now) == elected);
}

TEST_CASE("Quorum: a quorum of one leads as long as it does", "[quorum]") {
  QuorumHarness t{{.voters = 1}};
  t.time_out();
  t.votes_persisted();
  REQUIRE(t.core->leads());
  t.pass(5);
  CHECK(t.core->led_at(t.now) == t.now);
}

// --- changes of the voters

TEST_CASE("Quorum: voters change one at a time, by a leader that is ready", "[quorum]") {
  QuorumHarness t{{.voters = 3}};
  t.lead();
  CHECK(t.core->check_voters(t.now, voter_set(2)) == Errc::not_controller);
  t.synced(1);
  t.hear(t.answer_of(2, 1));
  CHECK(t.core->check_voters(t.now, voter_set(1)) == Errc::invalid_voters);
  CHECK(t.core->check_voters(t.now, VoterSet{}) == Errc::invalid_voters);
  CHECK(t.core->check_voters(t.now, voter_set(4)) == Errc::voter_not_caught_up);
  REQUIRE(t.core->check_voters(t.now, voter_set(2)) == Errc::ok);
  REQUIRE(t.append(voter_set(2)) == Errc::ok);
  CHECK(t.core->voters() == voter_set(2));  // from its append on
  CHECK(t.core->check_voters(t.now, voter_set(1)) == Errc::voter_change_pending);
  t.synced(2);
  t.votes_persisted();
  t.hear(t.answer_of(3, 2));  // no voter any more
  CHECK(t.core->committed() == Offset{1});
  t.hear(t.answer_of(2, 2));
  CHECK(t.core->committed() == Offset{2});
  CHECK(t.core->check_voters(t.now, voter_set(1)) == Errc::ok);
}

TEST_CASE("Quorum: a broker that follows and has everything may be given a vote", "[quorum]") {
  QuorumHarness t{{.voters = 3}};
  t.ready();
  t.hear(FollowRequest{replica(4), 1});
  REQUIRE(t.last<ReplicateRequest>(4) != nullptr);
  CHECK(t.core->check_voters(t.now, voter_set(4)) == Errc::voter_not_caught_up);
  t.hear(t.answer_of(4, 1));
  REQUIRE(t.core->check_voters(t.now, voter_set(4)) == Errc::ok);
  REQUIRE(t.append(voter_set(4)) == Errc::ok);
  t.synced(2);
  t.votes_persisted();
  t.hear(t.answer_of(2, 2));
  CHECK(t.core->committed() == Offset{1});  // two of four
  t.hear(t.answer_of(4, 2));
  CHECK(t.core->committed() == Offset{2});
}

TEST_CASE("Quorum: a leader that loses its vote leads until that is committed", "[quorum]") {
  QuorumHarness t{{.voters = 3}};
  t.ready();
  t.hear(t.answer_of(3, 1));
  REQUIRE(t.append(voter_set(3).without(replica(1))) == Errc::ok);
  t.synced(2);
  t.hear(t.answer_of(2, 2));
  CHECK(t.core->leads());  // its own disk does not count
  t.hear(t.answer_of(3, 2));
  CHECK_FALSE(t.core->leads());
  CHECK(t.core->committed() == Offset{2});
  CHECK((t.last<TransferRequest>(2) != nullptr || t.last<TransferRequest>(3) != nullptr));
}

TEST_CASE("Quorum: no change leaves voters of whom no majority is heard", "[quorum]") {
  QuorumHarness t{{.voters = 3}};
  t.ready();
  t.hear(t.answer_of(3, 1));
  CHECK(t.core->check_voters(t.now, voter_set(3).without(replica(2))) == Errc::ok);
  for (int i = 0; i < 6; ++i) {
    t.pass(200);
    t.hear(t.answer_of(2, 1));
  }
  CHECK(t.core->check_voters(t.now, voter_set(3).without(replica(2))) == Errc::voters_silent);
  CHECK(t.core->check_voters(t.now, voter_set(3).without(replica(3))) == Errc::ok);
}

TEST_CASE("Quorum: a leader hands over to a voter that has everything", "[quorum]") {
  QuorumHarness t{{}};
  t.ready();
  t.append();
  CHECK(t.core->transfer_leadership(t.now, replica(1)) == Errc::invalid_voters);
  CHECK(t.core->transfer_leadership(t.now, replica(7)) == Errc::invalid_voters);
  REQUIRE(t.core->transfer_leadership(t.now, replica(3)) == Errc::ok);
  CHECK(t.append() == Errc::not_controller);
  CHECK(t.last<TransferRequest>(3) == nullptr);
  t.hear(t.answer_of(3, 2));
  CHECK(t.last<TransferRequest>(3) != nullptr);
  SECTION("and goes on itself when nothing comes of it") {
    for (int i = 0; i < 6; ++i) {
      t.pass(200);
      t.hear(t.answer_of(2, 1));
    }
    CHECK(t.append() == Errc::ok);
  }
}

TEST_CASE("Quorum: who is told to take over asks for votes without a pre-vote", "[quorum]") {
  QuorumHarness t{{}};
  t.hear(t.from_leader(2, 3, log_end(-1, 0)));
  t.hear(TransferRequest{LeaderEpoch{2}, replica(2)});  // of an older epoch
  t.hear(TransferRequest{LeaderEpoch{3}, replica(3)});  // of somebody who does not lead
  CHECK(t.core->role() == QuorumRole::follower);
  t.hear(TransferRequest{LeaderEpoch{3}, replica(2)});
  CHECK(t.core->role() == QuorumRole::candidate);
  t.votes_persisted();
  CHECK(t.last<VoteRequest>(3)->by_transfer);
  CHECK(t.last<VoteRequest>(3)->epoch == LeaderEpoch{4});
}

// --- observers and snapshots

TEST_CASE("Quorum: observers are sent the log, and forgotten when they fall silent", "[quorum]") {
  QuorumHarness t{{}};
  t.ready();
  t.hear(FollowRequest{replica(8), 1});
  CHECK(t.core->replicas().size() == 3);
  for (int i = 0; i < 20; ++i) {
    t.pass(200);
    t.hear(t.answer_of(2, 1));
  }
  CHECK(t.core->replicas().size() == 2);
}

TEST_CASE("Quorum: a follower that parts from the log below its start is sent a snapshot",
          "[quorum]") {
  QuorumHarness t{{.log = {batch(0, 5, 3)}}};
  t.ready();
  t.core->on_log_start(Offset{5});
  ReplicateResponse response = t.answer_of(3, 0);
  response.diverged = true;
  response.log_end = log_end(2, 9);  // of a leader that was never elected here
  t.hear(response);
  CHECK(t.last_effect<LoadSnapshot>() != nullptr);
}

TEST_CASE("Quorum: a follower far behind is sent a snapshot piece by piece", "[quorum]") {
  QuorumHarness t{{.message_bytes_max = 100}};
  t.ready();
  for (int i = 0; i < 4; ++i) t.append();
  t.synced(5);
  t.hear(t.answer_of(2, 5));
  t.core->on_log_start(Offset{4});
  ReplicateResponse response = t.answer_of(3, 0);
  response.diverged = true;
  response.log_end = log_end(-1, 0);
  t.hear(response);
  REQUIRE(t.last_effect<LoadSnapshot>() != nullptr);
  CHECK(t.last<SnapshotChunk>(3) == nullptr);
  t.core->on_snapshot_loaded(t.now, log_end(1, 4),
                             std::make_shared<const std::vector<std::byte>>(250));
  t.pass(0);
  const auto answer = [&](std::uint64_t position) {
    const auto* chunk = t.last<SnapshotChunk>(3);
    REQUIRE(chunk != nullptr);
    return SnapshotResponse{.epoch = t.core->epoch(),
                            .replica = replica(3),
                            .incarnation = 1,
                            .round = chunk->round,
                            .end = chunk->end,
                            .position = position};
  };
  CHECK(answer(0).end == log_end(1, 4));
  t.hear(answer(100));
  CHECK(t.last<SnapshotChunk>(3)->position == 100);
  t.hear(answer(200));
  CHECK(t.last<SnapshotChunk>(3)->bytes.size() == 50);
  SECTION("and then the log behind it") {
    t.hear(answer(250));
    CHECK(t.last<ReplicateRequest>(3)->previous == log_end(1, 4));
    CHECK(t.last<ReplicateRequest>(3)->batches.size() == 1);
  }
  SECTION("again from the start when it was of no use") {
    t.hear(answer(0));
    CHECK(t.last<SnapshotChunk>(3)->position == 0);
  }
}

}  // namespace
}  // namespace strandline
