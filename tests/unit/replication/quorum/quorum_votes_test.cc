#include "tests/unit/replication/quorum/quorum_harness.h"

namespace strandline {
namespace {

TEST_CASE("Quorum: a lone voter leads as soon as its vote is on the disk", "[quorum]") {
  QuorumHarness t{{.voters = 1}};
  t.time_out();
  CHECK_FALSE(t.core->leads());
  REQUIRE(t.to_persist.size() == 1);
  CHECK(t.to_persist[0].voted_for == replica(1));
  t.votes_persisted();
  CHECK(t.core->leads());
  CHECK(t.core->epoch() == LeaderEpoch{1});
  t.append();
  CHECK_FALSE(t.core->is_ready());
  t.synced(1);
  CHECK(t.core->is_ready());
  CHECK(t.core->committed() == Offset{1});
}

TEST_CASE("Quorum: a voter that hears no leader asks first whether it would be elected",
          "[quorum]") {
  QuorumHarness t{{.log = {batch(0, 3, 2)}}};
  t.time_out();
  CHECK(t.core->role() == QuorumRole::prospective);
  CHECK(t.core->epoch() == LeaderEpoch{2});
  CHECK(t.to_persist.empty());
  for (const int node : {2, 3}) {
    const auto* request = t.last<VoteRequest>(node);
    REQUIRE(request != nullptr);
    CHECK(request->pre_vote);
    CHECK(request->epoch == LeaderEpoch{3});
    CHECK(request->log_end == log_end(2, 3));
  }
  t.hear(t.vote_of(2, 3, true));
  CHECK(t.core->role() == QuorumRole::candidate);
  CHECK(t.core->epoch() == LeaderEpoch{3});
  CHECK_FALSE(t.last<VoteRequest>(3)->epoch == LeaderEpoch{4});
  CHECK(t.last<VoteRequest>(3)->pre_vote);  // the vote itself waits for the disk
  t.votes_persisted();
  CHECK_FALSE(t.last<VoteRequest>(3)->pre_vote);
  t.hear(t.vote_of(3, 3, false));
  CHECK(t.core->leads());
  CHECK(t.last_effect<BecameLeader>()->epoch == LeaderEpoch{3});
}

TEST_CASE("Quorum: a voter without a leader also asks to be sent the log", "[quorum]") {
  // Its vote may have been taken away while it was gone.
  QuorumHarness t{{}};
  t.time_out();
  REQUIRE(t.last_effect<FindLeader>() != nullptr);
  t.hear(FollowResponse{LeaderEpoch{3}, Voter{replica(3), {}}});
  REQUIRE(t.last_effect<AskLeader>() != nullptr);
  CHECK(t.last_effect<AskLeader>()->leader.key == replica(3));
}

TEST_CASE("Quorum: whose vote is being taken away may lead until that is committed", "[quorum]") {
  QuorumBatch change = batch(0, 1, 1);
  change.voters = voter_set(3).without(replica(1));
  QuorumHarness t{{.log = {change}}};
  t.time_out();
  CHECK(t.core->role() == QuorumRole::prospective);
  t.hear(t.vote_of(2, 2, true));
  CHECK(t.core->role() == QuorumRole::prospective);  // its own vote does not count
  t.hear(t.vote_of(3, 2, true));
  t.votes_persisted();
  t.hear(t.vote_of(2, 2, false));
  t.hear(t.vote_of(3, 2, false));
  CHECK(t.core->leads());
  SECTION("and not from then on") {
    QuorumHarness after{{.log = {change}}};
    after.hear(after.from_leader(2, 2, log_end(1, 1), {}, 1));
    after.time_out();
    CHECK(after.core->role() == QuorumRole::follower);
  }
}

TEST_CASE("Quorum: votes of another election, or of nobody, elect no one", "[quorum]") {
  QuorumHarness t{{.voters = 5}};
  t.time_out();
  t.hear(t.vote_of(2, 1, true));
  t.hear(t.vote_of(2, 1, true));   // twice is once
  t.hear(t.vote_of(9, 1, true));   // no voter
  t.hear(t.vote_of(3, 2, true));   // another epoch
  t.hear(t.vote_of(3, 1, false));  // another question
  CHECK(t.core->role() == QuorumRole::prospective);
  t.hear(t.vote_of(3, 1, true));
  CHECK(t.core->role() == QuorumRole::candidate);
}

TEST_CASE("Quorum: a vote is given when it is on the disk, once an epoch", "[quorum]") {
  QuorumHarness t{{}};
  t.hear(t.candidate(2, 4, log_end(-1, 0)));
  CHECK(t.last<VoteResponse>(2) == nullptr);
  t.hear(t.candidate(3, 4, log_end(-1, 0)));
  REQUIRE(t.last<VoteResponse>(3) != nullptr);
  CHECK_FALSE(t.last<VoteResponse>(3)->granted);
  t.votes_persisted();
  REQUIRE(t.last<VoteResponse>(2) != nullptr);
  CHECK(t.last<VoteResponse>(2)->granted);
  CHECK(t.last<VoteResponse>(2)->asked == LeaderEpoch{4});
  t.forget();
  t.hear(t.candidate(2, 4, log_end(-1, 0)));  // the answer was lost: it is given again
  REQUIRE(t.last<VoteResponse>(2) != nullptr);
  CHECK(t.last<VoteResponse>(2)->granted);
  CHECK(t.to_persist.empty());
}

TEST_CASE("Quorum: a restart keeps to the vote that was given", "[quorum]") {
  QuorumHarness t{{.vote = {.epoch = LeaderEpoch{4}, .voted_for = replica(2)}}};
  t.hear(t.candidate(3, 4, log_end(-1, 0)));
  CHECK_FALSE(t.last<VoteResponse>(3)->granted);
  t.hear(t.candidate(2, 4, log_end(-1, 0)));
  CHECK(t.last<VoteResponse>(2)->granted);
}

TEST_CASE("Quorum: nobody votes for a log that ends earlier, or in an older epoch", "[quorum]") {
  QuorumHarness t{{.log = {batch(0, 3, 1), batch(3, 5, 2)}}};
  t.hear(t.candidate(2, 5, log_end(2, 4)));
  CHECK_FALSE(t.last<VoteResponse>(2)->granted);
  CHECK(t.core->epoch() == LeaderEpoch{5});
  t.hear(t.candidate(2, 6, log_end(1, 90)));
  CHECK_FALSE(t.last<VoteResponse>(2)->granted);
  t.hear(t.candidate(3, 7, log_end(2, 5)));
  t.votes_persisted();
  CHECK(t.last<VoteResponse>(3)->granted);
}

TEST_CASE("Quorum: whoever hears a leader lets nobody disturb it", "[quorum]") {
  QuorumHarness t{{}};
  t.hear(t.from_leader(2, 3, log_end(-1, 0)));
  t.hear(t.candidate(3, 9, log_end(5, 100), true));
  CHECK_FALSE(t.last<VoteResponse>(3)->granted);
  t.hear(t.candidate(3, 9, log_end(5, 100)));
  CHECK_FALSE(t.last<VoteResponse>(3)->granted);
  CHECK(t.core->epoch() == LeaderEpoch{3});
  SECTION("but at once when its connection is gone") {
    t.core->on_peer_lost(t.now, BrokerId{2});
    t.hear(t.candidate(3, 9, log_end(5, 100), true));
    CHECK(t.last<VoteResponse>(3)->granted);
    CHECK(t.core->epoch() == LeaderEpoch{3});  // a pre-vote begins no epoch
    CHECK(t.core->next_timeout() <= t.now + std::chrono::milliseconds{100});
  }
  SECTION("but when the leader itself sent it") {
    VoteRequest request = t.candidate(3, 9, log_end(5, 100));
    request.by_transfer = true;
    t.hear(request);
    t.votes_persisted();
    CHECK(t.last<VoteResponse>(3)->granted);
  }
  SECTION("but when it has not heard it for the time-out") {
    t.now += std::chrono::milliseconds{1000};
    t.hear(t.candidate(3, 9, log_end(5, 100), true));
    CHECK(t.last<VoteResponse>(3)->granted);
  }
}

TEST_CASE("Quorum: a leader knows whom it follows, and when that one was heard", "[quorum]") {
  QuorumHarness t{{}};
  CHECK_FALSE(t.core->heard_leader());
  t.hear(t.from_leader(2, 3, log_end(-1, 0)));
  const Instant heard = t.now;
  t.now = t.core->next_timeout();
  t.core->on_timeout(t.now);
  REQUIRE(t.core->heard_leader());
  CHECK(t.core->heard_leader()->key.node == BrokerId{2});
  CHECK(t.core->heard_leader()->at == heard);
}

TEST_CASE("Quorum: a voter without a leader asks for votes soon after somebody is back",
          "[quorum]") {
  QuorumHarness t{{}};
  const LeaderEpoch before = t.core->epoch();
  t.core->on_peer_found(t.now);
  CHECK(t.core->next_timeout() <= t.now + std::chrono::milliseconds{100});
  SECTION("not so one that hears a leader") {
    t.hear(t.from_leader(2, 3, log_end(-1, 0)));
    t.core->on_peer_found(t.now);
    CHECK(t.core->next_timeout() >= t.now + std::chrono::milliseconds{1000});
  }
  SECTION("it is a pre-vote, which begins no epoch") {
    t.now = t.core->next_timeout();
    t.core->on_timeout(t.now);
    CHECK(t.core->role() == QuorumRole::prospective);
    CHECK(t.core->epoch() == before);
  }
}

TEST_CASE("Quorum: what is meant for another directory of this broker is not answered",
          "[quorum]") {
  QuorumHarness t{{}};
  VoteRequest request = t.candidate(2, 4, log_end(-1, 0));
  request.voter.directory = Uuid{};
  t.hear(request);
  CHECK(t.sent.empty());
  CHECK(t.core->epoch() == LeaderEpoch{0});
}

TEST_CASE("Quorum: a newer epoch in an answer ends candidacy and leadership", "[quorum]") {
  QuorumHarness t{{}};
  t.lead();
  ReplicateResponse response = t.answer_of(3, 0);
  response.epoch = LeaderEpoch{8};
  t.hear(response);
  CHECK(t.core->role() == QuorumRole::follower);
  CHECK(t.core->epoch() == LeaderEpoch{8});
  CHECK_FALSE(t.last_effect<LeaderChanged>()->leader.has_value());
  CHECK(t.append() == Errc::not_controller);
}

// --- replicas that may have lost something

TEST_CASE("Quorum: uncertain votes make no majority", "[quorum]") {
  QuorumHarness t{{.voters = 5}};
  t.time_out();
  t.hear(t.vote_of(2, 1, true));
  t.hear(t.vote_of(3, 1, true, true));
  t.hear(t.vote_of(4, 1, true, true));
  CHECK(t.core->role() == QuorumRole::prospective);
  SECTION("a certain majority does") {
    t.hear(t.vote_of(5, 1, true));
    CHECK(t.core->role() == QuorumRole::candidate);
  }
  SECTION("all voters together do") {
    t.hear(t.vote_of(5, 1, true, true));
    CHECK(t.core->role() == QuorumRole::candidate);
  }
}

TEST_CASE("Quorum: all voters are also those before a change that may not be committed",
          "[quorum]") {
  QuorumBatch change = batch(0, 1, 1);
  change.voters = voter_set(2);  // without broker 3
  QuorumHarness t{{.log = {change}}};
  t.time_out();
  CHECK(t.last<VoteRequest>(3) != nullptr);
  t.hear(t.vote_of(2, 2, true, true));
  CHECK(t.core->role() == QuorumRole::prospective);  // broker 3 may have what 2 lost
  t.hear(t.vote_of(3, 2, true));
  CHECK(t.core->role() == QuorumRole::candidate);
  SECTION("and no more once it is known to be") {
    QuorumHarness settled{{.log = {change},
                           .vote = {.epoch = LeaderEpoch{1},
                                    .voted_for = {},
                                    .uncertain = false,
                                    .voters_seen = log_end(1, 1),
                                    .voters_settled = Offset{1}}}};
    settled.time_out();
    settled.hear(settled.vote_of(2, 2, true, true));
    CHECK(settled.core->role() == QuorumRole::candidate);
  }
}

TEST_CASE("Quorum: who asks in vain for a vote learns that it is not needed any more", "[quorum]") {
  // Broker 2 lost its vote, which was committed; the crash that tore the tail forgot that.
  QuorumBatch change = batch(0, 1, 1);
  change.voters = voter_set(1);
  QuorumHarness t{{.voters = 2,
                   .log = {change, batch(1, 2, 1)},
                   .vote = {.epoch = LeaderEpoch{1},
                            .voted_for = {},
                            .uncertain = true,
                            .voters_seen = log_end(1, 1)}}};
  t.time_out();
  REQUIRE(t.last<VoteRequest>(2) != nullptr);
  CHECK(t.last<VoteRequest>(2)->voters == log_end(1, 1));
  VoteResponse refusal = t.vote_of(2, 2, true);
  refusal.granted = false;
  t.hear(refusal);
  refusal.voters_settled = log_end(2, 1);  // of another change
  t.hear(refusal);
  CHECK(t.core->role() == QuorumRole::prospective);
  CHECK(t.to_persist.empty());
  refusal.voters_settled = log_end(1, 1);
  SECTION("while it asks") {
    t.hear(refusal);
    CHECK(t.core->epoch() == LeaderEpoch{2});
  }
  SECTION("or late") {
    refusal.asked = LeaderEpoch{9};
    t.hear(refusal);
    CHECK(t.core->role() == QuorumRole::prospective);
    t.time_out();
  }
  CHECK(t.core->role() == QuorumRole::candidate);
  CHECK(t.to_persist.back().voters_settled == Offset{1});
  t.votes_persisted();
  CHECK(t.core->leads());
}

TEST_CASE("Quorum: an answer tells whether the candidate's change of the voters is committed",
          "[quorum]") {
  QuorumHarness t{{}};
  const auto answer = [&](LogEnd voters) {
    VoteRequest request = t.candidate(3, 2, log_end(1, 1), true);
    request.voters = voters;
    t.hear(request);
    REQUIRE(t.last<VoteResponse>(3) != nullptr);
    CHECK_FALSE(t.last<VoteResponse>(3)->granted);
    return t.last<VoteResponse>(3)->voters_settled;
  };
  QuorumBatch change = batch(0, 1, 1);
  change.voters = voter_set(4);
  t.hear(t.from_leader(2, 1, log_end(-1, 0), {change, batch(1, 2, 1)}));
  CHECK(answer(log_end(1, 1)) == LogEnd{});
  t.hear(t.from_leader(2, 1, log_end(1, 2), {}, 2));
  CHECK(answer(log_end(1, 1)) == log_end(1, 1));
  CHECK(answer(log_end(0, 1)) == LogEnd{});  // that was another one
  CHECK(answer(log_end(-1, 0)) == LogEnd{});
  t.synced(2);
  t.core->on_log_start(Offset{2});  // the change is in a snapshot now
  CHECK(answer(log_end(1, 1)) == log_end(1, 1));
  CHECK(answer(log_end(1, 2)) == log_end(1, 2));  // whatever it was: it is committed
}

TEST_CASE("Quorum: a replica that may have lost something says so with its vote", "[quorum]") {
  QuorumHarness t{{.log = {batch(0, 2, 1)},
                   .vote = {.epoch = LeaderEpoch{1}, .voted_for = {}, .uncertain = true}}};
  t.hear(t.candidate(2, 2, log_end(1, 2)));
  t.votes_persisted();
  CHECK(t.last<VoteResponse>(2)->granted);
  CHECK(t.last<VoteResponse>(2)->uncertain);
}

TEST_CASE("Quorum: who lost a change of the voters does not know who votes, and waits",
          "[quorum]") {
  QuorumHarness t{{.voters = 1,
                   .log = {batch(0, 2, 1)},
                   .vote = {.epoch = LeaderEpoch{1},
                            .voted_for = replica(1),
                            .uncertain = true,
                            .voters_seen = log_end(1, 3)}}};
  t.time_out();
  CHECK(t.core->role() == QuorumRole::follower);
  CHECK(t.last_effect<FindLeader>() != nullptr);
  // Nor does it help another who may not know either.
  t.hear(t.candidate(2, 5, log_end(1, 2)));
  CHECK_FALSE(t.last<VoteResponse>(2)->granted);
  VoteRequest knowing = t.candidate(2, 6, log_end(1, 3));
  knowing.voters = log_end(1, 3);
  t.hear(knowing);
  t.votes_persisted();
  CHECK(t.last<VoteResponse>(2)->granted);
}

TEST_CASE("Quorum: a change of the voters that a later leader cut off is not missed", "[quorum]") {
  // It saw a change that ended at 3, in epoch 1; the leader of epoch 2 had another batch there.
  QuorumHarness t{{.log = {batch(0, 2, 1), batch(2, 3, 2)},
                   .vote = {.epoch = LeaderEpoch{2},
                            .voted_for = {},
                            .uncertain = true,
                            .voters_seen = log_end(1, 3)}}};
  t.hear(t.candidate(2, 5, log_end(2, 9)));
  t.votes_persisted();
  CHECK(t.last<VoteResponse>(2)->granted);
  t.time_out();
  CHECK(t.core->role() == QuorumRole::prospective);
}

TEST_CASE("Quorum: a change of the voters is acknowledged once it is remembered beside the log",
          "[quorum]") {
  QuorumHarness t{{}};
  QuorumBatch change = batch(0, 1, 1);
  change.voters = voter_set(4);
  t.hear(t.from_leader(2, 1, log_end(-1, 0), {change}));
  CHECK(t.to_persist.empty());
  t.synced(1);
  REQUIRE(t.to_persist.size() == 1);
  CHECK(t.to_persist[0].voters_seen == log_end(1, 1));
  CHECK(t.last<ReplicateResponse>(2)->flushed == Offset{0});
  t.votes_persisted();
  CHECK(t.last<ReplicateResponse>(2)->flushed == Offset{1});
  t.hear(t.from_leader(3, 2, log_end(-1, 0), {batch(0, 1, 2)}));  // it was never decided
  CHECK(t.core->voters() == voter_set(3));
}

TEST_CASE("Quorum: it is certain again once it has what a leader committed in its own epoch",
          "[quorum]") {
  QuorumHarness t{{.log = {batch(0, 2, 1)},
                   .vote = {.epoch = LeaderEpoch{1}, .voted_for = {}, .uncertain = true}}};
  // Said to an earlier life of this replica, which may have acknowledged more since.
  ReplicateRequest late = t.from_leader(2, 1, log_end(1, 2), {}, 2);
  late.incarnation = 0;
  t.hear(late);
  CHECK(t.core->is_uncertain());
  // Committed in an earlier epoch: there may be more that this leader does not know of yet.
  t.hear(t.from_leader(2, 2, log_end(1, 2), {}, 2));
  CHECK(t.core->is_uncertain());
  t.hear(t.from_leader(2, 2, log_end(1, 2), {batch(2, 3, 2)}, 2));
  t.synced(3);
  CHECK(t.core->is_uncertain());
  t.hear(t.from_leader(2, 2, log_end(2, 3), {batch(3, 4, 2)}, 4));
  CHECK(t.core->is_uncertain());  // not on the disk
  t.synced(4);
  CHECK_FALSE(t.core->is_uncertain());
  CHECK_FALSE(t.to_persist.back().uncertain);
}

}  // namespace
}  // namespace strandline
