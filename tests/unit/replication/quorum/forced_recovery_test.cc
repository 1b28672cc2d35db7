#include "replication/quorum/forced_recovery.h"

#include "tests/unit/replication/quorum/quorum_harness.h"

namespace strandline {
namespace {

// One of three replicas, as it was found.
QuorumStart survivor(const std::vector<QuorumBatch>& batches, QuorumVote vote = {}) {
  QuorumLog log{LogEnd{}, voter_set(3)};
  for (const QuorumBatch& one : batches) log.append(one);
  return {.vote = std::move(vote), .log = std::move(log), .incarnation = 1};
}

// Starts from what the act wrote.
QuorumHarness start(const QuorumStart& before, const ForcedQuorum& forced) {
  QuorumHarness::Begin begin{.vote = forced.vote};
  begin.log = before.log.read(before.log.start(), 1 << 20);
  begin.log.push_back(forced.batch);
  begin.log.back().bytes = std::make_shared<const std::vector<std::byte>>(10);
  return QuorumHarness{begin};
}

TEST_CASE("force_lone_voter: the survivor leads alone, and commits all that it has", "[forced]") {
  const QuorumStart found = survivor({batch(0, 3, 1), batch(3, 5, 2)},
                                     {.epoch = LeaderEpoch{4}, .voted_for = replica(2)});
  const auto forced = force_lone_voter(found, {replica(1), {}});
  REQUIRE(forced);
  CHECK(forced.value().batch.base_offset == Offset{5});
  CHECK(forced.value().batch.voters == VoterSet{{Voter{replica(1), {}}}});
  QuorumHarness t = start(found, forced.value());
  t.time_out();
  t.votes_persisted();
  REQUIRE(t.core->leads());
  CHECK(t.core->epoch() > LeaderEpoch{1000});
  t.append();
  t.synced(7);
  CHECK(t.core->is_ready());
  CHECK(t.core->committed() == Offset{7});
}

TEST_CASE("force_lone_voter: who was before lost and uncertain is decided by decree", "[forced]") {
  const QuorumStart found = survivor(
      {batch(0, 2, 1)},
      {.epoch = LeaderEpoch{1}, .voted_for = {}, .uncertain = true, .voters_seen = log_end(1, 3)});
  const auto forced = force_lone_voter(found, {replica(1), {}});
  REQUIRE(forced);
  CHECK(forced.value().loss.was_uncertain);
  CHECK(forced.value().loss.had_lost_voters);
  QuorumHarness t = start(found, forced.value());
  t.time_out();
  t.votes_persisted();
  CHECK(t.core->leads());
  CHECK_FALSE(t.core->is_uncertain());
}

TEST_CASE("force_lone_voter: the loss names what may be gone and who is left out", "[forced]") {
  QuorumBatch change = batch(2, 3, 1);
  change.voters = voter_set(4);
  const QuorumStart found =
      survivor({batch(0, 2, 1), change, batch(3, 9, 1)},
               {.epoch = LeaderEpoch{1}, .voted_for = {}, .voters_settled = Offset{3}});
  const auto forced = force_lone_voter(found, {replica(2), {}});
  REQUIRE(forced);
  const ForcedLoss& loss = forced.value().loss;
  CHECK(loss.kept == log_end(1, 9));
  CHECK(loss.surely_committed == Offset{3});
  CHECK(loss.was_voter);
  CHECK_FALSE(loss.was_uncertain);
  CHECK(loss.left_out == voter_set(4).without(replica(2)).all());
  const std::string text = loss.text();
  CHECK(text.find("up to offset 9, epoch 1") != std::string::npos);
  CHECK(text.find("Offsets from 3 up to 9 may never have been committed") != std::string::npos);
  CHECK(text.find("Broker 4, directory " + to_text(replica(4).directory)) != std::string::npos);
  CHECK(text.find("Broker 2,") == std::string::npos);
}

TEST_CASE("force_lone_voter: voters before a change that may be undone are named as well",
          "[forced]") {
  QuorumBatch change = batch(0, 1, 1);
  change.voters = voter_set(3).without(replica(3));
  const auto forced = force_lone_voter(survivor({change}), {replica(1), {}});
  REQUIRE(forced);
  CHECK(forced.value().loss.left_out == voter_set(3).without(replica(1)).all());
}

TEST_CASE("force_lone_voter: an observer can be all that is left, and says so", "[forced]") {
  const QuorumStart found = survivor({batch(0, 2, 1)});
  const auto forced = force_lone_voter(found, {replica(7), {}});
  REQUIRE(forced);
  CHECK_FALSE(forced.value().loss.was_voter);
  CHECK(forced.value().loss.text().find("had no vote") != std::string::npos);
  CHECK(forced.value().batch.voters->contains(replica(7)));
}

TEST_CASE("force_lone_voter: it may be done again after a crash in the middle", "[forced]") {
  const QuorumStart found = survivor({batch(0, 2, 1)}, {.epoch = LeaderEpoch{3}});
  const auto first = force_lone_voter(found, {replica(1), {}});
  REQUIRE(first);
  QuorumBatch written = first.value().batch;
  written.bytes = std::make_shared<const std::vector<std::byte>>(10);
  const QuorumStart again = survivor({batch(0, 2, 1), written}, {.epoch = LeaderEpoch{3}});
  const auto second = force_lone_voter(again, {replica(1), {}});
  REQUIRE(second);
  CHECK(second.value().vote.epoch > first.value().vote.epoch);
  QuorumHarness t = start(again, second.value());
  t.time_out();
  t.votes_persisted();
  CHECK(t.core->leads());
}

TEST_CASE("force_lone_voter: whoever is started with it follows, in the new epoch", "[forced]") {
  const QuorumStart found = survivor({batch(0, 2, 1)}, {.epoch = LeaderEpoch{3}});
  const auto forced = force_lone_voter(found, {replica(1), {}});
  REQUIRE(forced);
  QuorumHarness t = start(found, forced.value());
  t.time_out();
  t.votes_persisted();
  t.append();
  t.synced(4);
  REQUIRE(t.core->is_ready());
  t.hear(FollowRequest{replica(2), 1});
  REQUIRE(t.last<ReplicateRequest>(2) != nullptr);
  t.hear(t.answer_of(2, 4));
  CHECK(t.core->check_voters(t.now, VoterSet{{{replica(1), {}}, {replica(2), {}}}}) == Errc::ok);
}

TEST_CASE("force_lone_voter: an epoch beyond all reason is damage", "[forced]") {
  const auto forced =
      force_lone_voter(survivor({}, {.epoch = LeaderEpoch{2'000'000'000}}), {replica(1), {}});
  REQUIRE_FALSE(forced);
  CHECK(forced.error() == Errc::corrupt_file);
}

}  // namespace
}  // namespace strandline
