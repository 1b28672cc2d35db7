#include "replication/quorum/quorum_log.h"

#include "tests/unit/replication/quorum/quorum_harness.h"

namespace strandline {
namespace {

QuorumLog three_epochs() {
  QuorumLog log{log_end(1, 10), voter_set(1)};
  log.append(batch(10, 12, 1));
  log.append(batch(12, 15, 3));
  log.append(batch(15, 16, 4));
  return log;
}

TEST_CASE("QuorumLog: it knows its epochs and where they end", "[quorum]") {
  const QuorumLog log = three_epochs();
  CHECK(log.end() == log_end(4, 16));
  CHECK(log.epoch_before(Offset{10}) == LeaderEpoch{1});
  CHECK(log.epoch_before(Offset{15}) == LeaderEpoch{3});
  CHECK(log.epoch_before(Offset{16}) == LeaderEpoch{4});
  CHECK(log.end_of_epoch(LeaderEpoch{0}) == log_end(1, 10));
  CHECK(log.end_of_epoch(LeaderEpoch{2}) == log_end(1, 12));
  CHECK(log.end_of_epoch(LeaderEpoch{3}) == log_end(3, 15));
  CHECK(log.end_of_epoch(LeaderEpoch{9}) == log_end(4, 16));
  CHECK(log.is_boundary(Offset{12}));
  CHECK_FALSE(log.is_boundary(Offset{13}));
  CHECK_FALSE(log.is_boundary(Offset{9}));
  CHECK_FALSE(log.is_boundary(Offset{17}));
}

TEST_CASE("QuorumLog: reads whole batches, the first also when it is too large", "[quorum]") {
  const QuorumLog log = three_epochs();
  CHECK(log.read(Offset{10}, 1).size() == 1);
  CHECK(log.read(Offset{10}, 20).size() == 2);
  CHECK(log.read(Offset{12}, 1000).size() == 2);
  CHECK(log.read(Offset{16}, 1000).empty());
}

TEST_CASE("QuorumLog: a read is bounded in batches, for what a frame can carry", "[quorum]") {
  QuorumLog log{log_end(-1, 0), voter_set(1)};
  const auto many = static_cast<std::int64_t>(kBatchesPerReadMax) + 100;
  for (std::int64_t at = 0; at < many; ++at) log.append(batch(at, at + 1, 1));
  CHECK(log.read(Offset{0}, 1 << 30).size() == kBatchesPerReadMax);
  CHECK(log.read(Offset{100}, 1 << 30).size() == kBatchesPerReadMax);
  CHECK(log.read(Offset{101}, 1 << 30).size() == kBatchesPerReadMax - 1);
}

TEST_CASE("QuorumLog: a cut at either end takes its voters along", "[quorum]") {
  QuorumLog log{log_end(-1, 0), voter_set(1)};
  QuorumBatch second = batch(2, 4, 1);
  second.voters = voter_set(2);
  QuorumBatch third = batch(4, 5, 1);
  third.voters = voter_set(3);
  log.append(batch(0, 2, 1));
  log.append(second);
  log.append(third);
  CHECK(log.voters_at(Offset{2}) == voter_set(1));
  CHECK(log.voters_at(Offset{4}) == voter_set(2));
  CHECK(log.voters_end() == log_end(1, 5));
  log.truncate(Offset{4});
  CHECK(log.voters() == voter_set(2));
  log.cut_start(Offset{3});
  CHECK(log.start() == Offset{2});
  log.cut_start(Offset{4});
  CHECK(log.start() == Offset{4});
  CHECK(log.voters() == voter_set(2));
  CHECK(log.end() == log_end(1, 4));
  CHECK(log.voters_end() == log_end(1, 4));
}

TEST_CASE("VoterSet: one step is one replica more or less", "[quorum]") {
  CHECK(voter_set(3).majority() == 2);
  CHECK(voter_set(4).majority() == 3);
  CHECK(voter_set(3).is_one_step_from(voter_set(3)));
  CHECK(voter_set(4).is_one_step_from(voter_set(3)));
  CHECK_FALSE(voter_set(5).is_one_step_from(voter_set(3)));
  const VoterSet swapped = voter_set(3).without(replica(1)).with({replica(9), {}});
  CHECK_FALSE(swapped.is_one_step_from(voter_set(3)));
  const VoterSet moved = voter_set(3).with({replica(2), {"elsewhere", 1}});
  CHECK(moved.size() == 3);
  CHECK(moved.is_one_step_from(voter_set(3)));
  CHECK(moved.find(BrokerId{2})->rpc.host == "elsewhere");
}

}  // namespace
}  // namespace strandline
