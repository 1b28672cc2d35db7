// Leader and follower together: where two logs part is found in as many rounds as it takes.
#include <catch2/catch.hpp>

#include "tests/unit/replication/partition/follower_harness.h"
#include "tests/unit/replication/partition/leader_harness.h"

namespace strandline {
namespace {

EpochStarts epochs(std::int32_t first, std::int32_t step, int count, std::int64_t records) {
  EpochStarts starts;
  for (int i = 0; i < count; ++i) {
    starts.push_back({LeaderEpoch{first + i * step}, Offset{i * records}});
  }
  return starts;
}

struct Pair {
  Pair(EpochStarts leader_epochs, std::int64_t leader_end, EpochStarts follower_epochs,
       std::int64_t follower_end, std::int64_t leader_start = 0, std::int64_t follower_start = 0)
      : leader{{.log_start = leader_start,
                .log_end = leader_end,
                .epochs = std::move(leader_epochs),
                .epoch = 9000,
                .open_streams = false}},
        follower{{.self = ReplicaId{2}, .incarnation = Incarnation{2}},
                 LeaderEpoch{9000},
                 {.log_start_offset = Offset{follower_start},
                  .log_end_offset = Offset{follower_end},
                  .flushed_end = Offset{follower_end},
                  .high_watermark = Offset{follower_start},
                  .epochs = std::move(follower_epochs)},
                 kNoStream} {
    follower.on_connected(leader.now);
    talk();
  }

  // Until neither has anything to say.
  void talk() {
    for (bool more = true; more;) {
      more = false;
      for (const FollowerEffect& effect : follower.take_effects()) {
        more = true;
        if (const auto* e = std::get_if<TruncateLog>(&effect)) cut_to = e->end;
        if (const auto* e = std::get_if<RestartLog>(&effect)) restarted_at = e->start;
        const auto* said = std::get_if<SendToLeader>(&effect);
        if (said == nullptr) continue;
        const auto* open = std::get_if<OpenStream>(&said->message);
        if (open != nullptr) {
          ++rounds;
          most_epochs = std::max(most_epochs, open->history.starts.size());
        }
        leader.give(said->message);
      }
      for (const LeaderMessage& message : std::exchange(leader.sent, {})) {
        // It is about how streams open: what flows then is left out.
        if (std::holds_alternative<StreamBatches>(message)) continue;
        more = true;
        follower.on_message(leader.now, message);
      }
    }
  }

  LeaderHarness leader;
  PartitionFollower follower;
  int rounds = 0;
  std::size_t most_epochs = 0;
  std::optional<Offset> cut_to;
  std::optional<Offset> restarted_at;
};

TEST_CASE("divergence: logs that agree take one round and cut nothing", "[epochs]") {
  Pair p{epochs(1, 1, 10, 10), 100, epochs(1, 1, 10, 10), 100};
  CHECK(p.rounds == 1);
  CHECK_FALSE(p.cut_to.has_value());
  CHECK(p.follower.state() == PartitionFollower::State::streaming);
}

TEST_CASE("divergence: a tail of an epoch the leader never saw is cut", "[epochs]") {
  EpochStarts theirs = epochs(1, 1, 3, 10);
  theirs.push_back({LeaderEpoch{8}, Offset{25}});
  Pair p{epochs(1, 1, 5, 10), 50, theirs, 60};
  CHECK(p.cut_to == Offset{25});
}

TEST_CASE("divergence: a tail beyond the leader's run of the same epoch is cut", "[epochs]") {
  Pair p{epochs(1, 1, 10, 10), 100, epochs(1, 1, 4, 10), 55};
  CHECK(p.cut_to == Offset{40});
}

TEST_CASE("divergence: swift changes of leaders are untangled in one go (KIP-279)", "[epochs]") {
  // Both wrote in turns, on top of epoch 1: only its first 10 records are common.
  Pair p{{{LeaderEpoch{1}, Offset{0}}, {LeaderEpoch{3}, Offset{10}}, {LeaderEpoch{5}, Offset{12}}},
         30,
         {{LeaderEpoch{1}, Offset{0}}, {LeaderEpoch{2}, Offset{10}}, {LeaderEpoch{4}, Offset{11}}},
         25};
  CHECK(p.cut_to == Offset{10});
  CHECK(p.rounds == 1);
}

TEST_CASE("divergence: many unknown epochs are searched in pieces of 64", "[epochs]") {
  // The follower's 1,000 epochs share only the very first with the leader's, which are as many.
  EpochStarts ours = epochs(2, 2, 1000, 10);
  EpochStarts theirs = epochs(3, 2, 1000, 10);
  ours.front() = theirs.front() = {LeaderEpoch{1}, Offset{0}};
  Pair p{ours, 10'000, theirs, 10'000};
  CHECK(p.cut_to == Offset{10});
  CHECK(p.rounds == 16);
  CHECK(p.most_epochs == 64);
}

TEST_CASE("divergence: without a common epoch all of the log is cut", "[epochs]") {
  Pair p{epochs(2, 2, 5, 10), 50, epochs(1, 2, 500, 10), 5000};
  CHECK(p.cut_to == Offset{0});
  CHECK(p.rounds <= 9);
}

TEST_CASE("divergence: what the follower deleted is common without an epoch that says so",
          "[epochs]") {
  // It deleted all records of epoch 1, which is all that both have, and led in epoch 4.
  Pair p{epochs(1, 1, 1, 10), 20, {{LeaderEpoch{4}, Offset{12}}}, 40, 0, 12};
  CHECK(p.cut_to == Offset{12});
  CHECK_FALSE(p.restarted_at.has_value());
}

TEST_CASE("divergence: a log that lacks all the leader has is begun anew", "[epochs]") {
  Pair p{{{LeaderEpoch{2}, Offset{30}}}, 100, epochs(1, 1, 1, 10), 50, 30};
  CHECK(p.restarted_at == Offset{30});
}

TEST_CASE("divergence: a log that ends before the leader's starts is begun anew", "[epochs]") {
  Pair p{{{LeaderEpoch{1}, Offset{80}}, {LeaderEpoch{2}, Offset{90}}},
         100,
         epochs(1, 1, 1, 10),
         40,
         80};
  CHECK(p.restarted_at == Offset{80});
}

TEST_CASE("divergence: an empty log follows from the start", "[epochs]") {
  Pair p{epochs(1, 1, 5, 10), 50, {}, 0};
  CHECK_FALSE(p.restarted_at.has_value());
  CHECK(p.follower.state() == PartitionFollower::State::streaming);
  REQUIRE_FALSE(p.leader.reads.empty());
  CHECK(p.leader.reads.front().from == Offset{0});
}

}  // namespace
}  // namespace strandline
