#include "tests/unit/replication/quorum/quorum_harness.h"

namespace strandline {
namespace {

TEST_CASE("Quorum: a follower acknowledges what is on its disk", "[quorum]") {
  QuorumHarness t{{}};
  t.hear(t.from_leader(2, 1, log_end(-1, 0), {batch(0, 2, 1), batch(2, 3, 1)}));
  REQUIRE(t.last<ReplicateResponse>(2) != nullptr);
  CHECK(t.last<ReplicateResponse>(2)->flushed == Offset{0});
  CHECK(t.last_effect<AppendLog>()->batches.size() == 2);
  t.synced(2);
  CHECK(t.last<ReplicateResponse>(2)->flushed == Offset{2});
  t.synced(3);
  CHECK(t.last<ReplicateResponse>(2)->flushed == Offset{3});
  CHECK(t.core->committed() == Offset{0});
  t.hear(t.from_leader(2, 1, log_end(1, 3), {}, 2));
  CHECK(t.core->committed() == Offset{2});
}

TEST_CASE("Quorum: a tail that the leader has not confirmed is neither acknowledged nor committed",
          "[quorum]") {
  QuorumHarness t{{.log = {batch(0, 2, 1), batch(2, 9, 2)}}};
  t.hear(t.from_leader(2, 3, log_end(1, 2), {}, 9));
  CHECK(t.last<ReplicateResponse>(2)->flushed == Offset{2});
  CHECK(t.core->committed() == Offset{2});
}

TEST_CASE("Quorum: a tail of another leader gives way", "[quorum]") {
  QuorumHarness t{{.log = {batch(0, 2, 1), batch(2, 4, 2), batch(4, 9, 2)}}};
  t.hear(t.from_leader(2, 3, log_end(1, 2), {batch(2, 5, 3)}));
  REQUIRE(t.last_effect<CutTail>() != nullptr);
  CHECK(t.last_effect<CutTail>()->end == Offset{2});
  CHECK(t.core->log_end() == Offset{5});
  CHECK(t.last<ReplicateResponse>(2)->flushed == Offset{2});
}

TEST_CASE("Quorum: what it has already is not written again", "[quorum]") {
  QuorumHarness t{{.log = {batch(0, 2, 1), batch(2, 4, 1)}}};
  t.hear(t.from_leader(2, 1, log_end(-1, 0), {batch(0, 2, 1), batch(2, 4, 1), batch(4, 5, 1)}));
  REQUIRE(t.last_effect<AppendLog>() != nullptr);
  CHECK(t.last_effect<AppendLog>()->batches.size() == 1);
  CHECK(t.last_effect<CutTail>() == nullptr);
}

TEST_CASE("Quorum: a follower that lacks what comes before says where to begin", "[quorum]") {
  QuorumHarness t{{.log = {batch(0, 2, 1), batch(2, 4, 2)}}};
  SECTION("a hole") {
    t.hear(t.from_leader(2, 5, log_end(4, 9), {batch(9, 10, 5)}));
    CHECK(t.last<ReplicateResponse>(2)->log_end == log_end(2, 4));
  }
  SECTION("another history") {
    t.hear(t.from_leader(2, 5, log_end(1, 3), {batch(3, 10, 5)}));
    CHECK(t.last<ReplicateResponse>(2)->log_end == log_end(1, 2));
  }
  CHECK(t.last<ReplicateResponse>(2)->diverged);
  CHECK(t.core->log_end() == Offset{4});
}

TEST_CASE("Quorum: nobody makes a replica undo what is committed", "[quorum]") {
  QuorumHarness t{{}};
  t.hear(t.from_leader(2, 1, log_end(-1, 0), {batch(0, 2, 1), batch(2, 4, 1)}, 4));
  t.synced(4);
  t.forget();
  t.hear(t.from_leader(2, 1, log_end(1, 2), {batch(2, 5, 1)}, 4));
  CHECK(t.core->log_end() == Offset{4});
  CHECK(t.effects.empty());
}

TEST_CASE("Quorum: requests that contradict themselves change nothing", "[quorum]") {
  QuorumHarness t{{.log = {batch(0, 2, 1)}}};
  ReplicateRequest hole = t.from_leader(2, 3, log_end(1, 2), {batch(2, 3, 3), batch(5, 6, 3)});
  ReplicateRequest newer = t.from_leader(2, 3, log_end(1, 2), {batch(2, 3, 4)});
  ReplicateRequest older = t.from_leader(2, 3, log_end(1, 2), {batch(2, 3, 0)});
  ReplicateRequest empty = t.from_leader(2, 3, log_end(1, 2), {batch(2, 2, 3)});
  ReplicateRequest no_bytes = t.from_leader(2, 3, log_end(1, 2), {batch(2, 3, 3)});
  no_bytes.batches[0].bytes.reset();
  for (const auto& request : {hole, newer, older, empty, no_bytes}) t.hear(request);
  CHECK(t.core->log_end() == Offset{2});
  CHECK(t.core->epoch() == LeaderEpoch{1});
  CHECK(t.sent.empty());
}

TEST_CASE("Quorum: an old leader is told of the newer epoch", "[quorum]") {
  QuorumHarness t{{}};
  t.hear(t.from_leader(2, 5, log_end(-1, 0)));
  t.hear(t.from_leader(3, 4, log_end(-1, 0), {batch(0, 1, 4)}));
  CHECK(t.core->log_end() == Offset{0});
  CHECK(t.last<ReplicateResponse>(3)->epoch == LeaderEpoch{5});
  CHECK(t.core->leader() == replica(2));
}

TEST_CASE("Quorum: changes of the voters hold from their append on, and go with it", "[quorum]") {
  QuorumHarness t{{}};
  QuorumBatch change = batch(0, 1, 1);
  change.voters = voter_set(4);
  t.hear(t.from_leader(2, 1, log_end(-1, 0), {change}));
  CHECK(t.core->voters() == voter_set(4));
  t.hear(t.from_leader(3, 2, log_end(-1, 0), {batch(0, 1, 2)}));
  CHECK(t.core->voters() == voter_set(3));
}

TEST_CASE("Quorum: an observer asks around until a leader sends it the log", "[quorum]") {
  QuorumHarness t{{.voters = 3, .self = 5}};
  t.time_out();
  REQUIRE(t.last_effect<FindLeader>() != nullptr);
  CHECK(t.last_effect<FindLeader>()->request.replica == replica(5));
  t.hear(FollowResponse{LeaderEpoch{2}, Voter{replica(3), {}}});
  REQUIRE(t.last_effect<AskLeader>() != nullptr);
  CHECK(t.last_effect<AskLeader>()->leader.key == replica(3));
  t.hear(t.from_leader(3, 2, log_end(-1, 0)));
  t.forget();
  t.pass(500);
  CHECK(t.effects.empty());
  t.time_out();  // it never asks for votes
  CHECK(t.core->role() == QuorumRole::follower);
  CHECK(t.last_effect<FindLeader>() != nullptr);
}

TEST_CASE("Quorum: who does not lead tells an observer who does", "[quorum]") {
  QuorumHarness t{{}};
  t.hear(FollowRequest{replica(9), 1});
  CHECK(t.sent.empty());
  t.hear(t.from_leader(3, 2, log_end(-1, 0)));
  t.hear(FollowRequest{replica(9), 1});
  REQUIRE(t.last<FollowResponse>(9) != nullptr);
  CHECK(t.last<FollowResponse>(9)->leader->key == replica(3));
}

// --- receiving snapshots

struct Chunks {
  QuorumHarness& t;
  void hear(std::uint64_t position, std::size_t bytes, LogEnd end = log_end(1, 20)) const {
    t.hear(SnapshotChunk{.epoch = LeaderEpoch{2},
                         .leader = replica(2),
                         .round = ++t.rounds,
                         .end = end,
                         .position = position,
                         .size = 250,
                         .bytes = std::vector<std::byte>(bytes)});
  }
};

TEST_CASE("Quorum: a snapshot is taken in order, then takes the log's place", "[quorum]") {
  QuorumHarness t{{.log = {batch(0, 2, 1)}}};
  const Chunks chunks{t};
  chunks.hear(100, 100);  // the first was lost
  CHECK(t.last<SnapshotResponse>(2)->position == 0);
  CHECK(t.last_effect<WriteSnapshotChunk>() == nullptr);
  chunks.hear(0, 200);
  CHECK(t.last<SnapshotResponse>(2)->position == 200);
  chunks.hear(0, 200);  // doubled
  CHECK(t.last<SnapshotResponse>(2)->position == 200);
  chunks.hear(200, 50);
  REQUIRE(t.last_effect<InstallSnapshot>() != nullptr);
  CHECK(t.core->log_end() == Offset{2});
  t.forget();
  t.hear(t.from_leader(2, 2, log_end(1, 2), {batch(2, 3, 2)}));
  CHECK(t.core->log_end() == Offset{2});  // it would be lost with the old log
  SECTION("a whole one") {
    t.core->on_snapshot_installed(t.now, log_end(1, 20), voter_set(5));
    t.pass(0);
    CHECK(t.last<SnapshotResponse>(2)->position == 250);
    CHECK(t.core->log_end() == Offset{20});
    CHECK(t.core->committed() == Offset{20});
    CHECK(t.core->voters() == voter_set(5));
    t.hear(t.from_leader(2, 2, log_end(1, 20), {batch(20, 21, 2)}));
    CHECK(t.core->log_end() == Offset{21});
  }
  SECTION("a broken one") {
    t.core->on_snapshot_unusable(t.now, log_end(1, 20));
    t.pass(0);
    CHECK(t.last<SnapshotResponse>(2)->position == 0);
    chunks.hear(0, 200);
    CHECK(t.last_effect<WriteSnapshotChunk>() != nullptr);
  }
}

TEST_CASE("Quorum: pieces that cannot be are not written", "[quorum]") {
  QuorumHarness t{{}};
  const Chunks chunks{t};
  chunks.hear(0, 0);
  chunks.hear(0, 300);
  chunks.hear(~std::uint64_t{0}, 10);
  chunks.hear(0, 10, log_end(7, 20));
  CHECK(t.effects.empty());
  CHECK(t.sent.empty());
}

TEST_CASE("Quorum: a snapshot of what is committed here is not needed", "[quorum]") {
  QuorumHarness t{{}};
  t.hear(t.from_leader(2, 2, log_end(-1, 0), {batch(0, 20, 1)}, 20));
  Chunks{t}.hear(0, 100);
  CHECK(t.last<SnapshotResponse>(2)->position == 250);
  CHECK(t.last_effect<WriteSnapshotChunk>() == nullptr);
}

}  // namespace
}  // namespace strandline
