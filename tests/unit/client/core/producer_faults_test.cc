// Anything may happen to anything on the way, by a seed: requests and answers get lost, come late
// or twice as late, leaders change. Whatever it was, each record is there once, in its place.
#include <deque>
#include <string>
#include <utility>

#include "tests/unit/client/core/producer_harness.h"

namespace strandline::client {
namespace {

using namespace std::chrono_literals;

constexpr int kPartitions = 3;

class FaultyRun {
 public:
  explicit FaultyRun(std::uint64_t seed) : prng_(seed), t_(config(prng_), seed) {
    for (int partition = 0; partition < kPartitions; ++partition) t_.lead(partition, 1);
  }

  void play() {
    for (int steps = 0; steps < 400; ++steps) {
      if (prng_.chance(1, 2)) send();
      disturb();
    }
    for (int rounds = 0; rounds < 2000 && t_.core.unsettled_records() > 0; ++rounds) {
      while (!t_.requests.empty()) t_.serve(t_.next());
      t_.pass(100ms);
    }
    REQUIRE(t_.core.unsettled_records() == 0);
  }

  void check() {
    for (int partition = 0; partition < kPartitions; ++partition) {
      // What a client was told has come to pass: its records, once each, in the order of sending.
      const auto& values = t_.logs[partition].values();
      const auto& sent = sent_[partition];
      std::size_t at = 0;
      for (const auto& [id, value] : sent) {
        INFO("partition " << partition << ", record " << value);
        const ProduceOutcome& outcome = t_.outcome(id);
        CHECK_FALSE(outcome.error);
        REQUIRE(at < values.size());
        CHECK(values[at] == value);
        if (outcome.base_offset != kNoOffset) {
          CHECK(outcome.base_offset == Offset{static_cast<std::int64_t>(at)});
        }
        ++at;
      }
      CHECK(at == values.size());
    }
  }

 private:
  static ProducerConfig config(Prng& prng) {
    auto config = ProducerHarness::config();
    config.in_flight_max = 1 + prng.below(5);
    config.linger = prng.chance(1, 2) ? Duration{0} : Duration{3ms};
    config.delivery_timeout = 10min;  // nobody gives up here
    return config;
  }

  void send() {
    const int partition = static_cast<int>(prng_.below(kPartitions));
    const std::string value =
        std::to_string(sent_[partition].size()) + std::string(prng_.chance(1, 3) ? 900 : 20, 'x');
    const auto id = t_.append(value, partition);
    if (id) sent_[partition].emplace_back(id.value(), value);
  }

  void disturb() {
    switch (prng_.below(8)) {
      case 0: return t_.pass(Duration{static_cast<std::int64_t>(prng_.below(200'000'000))});
      case 1: {
        const int partition = static_cast<int>(prng_.below(kPartitions));
        const auto broker = static_cast<std::int32_t>(1 + prng_.below(3));
        if (t_.leaders[partition].broker == BrokerId{broker}) return;
        return t_.lead(partition, broker, t_.leaders[partition].epoch.value() + 1);
      }
      default: break;
    }
    if (t_.requests.empty()) return;
    // One connection a broker: what was sent first fails or is answered first.
    const auto sent = t_.next();
    switch (prng_.below(6)) {
      case 0: return lose_all(sent);
      case 1:
        return t_.answer(
            sent, prng_.chance(1, 2) ? Errc::not_enough_replicas : Errc::not_leader_or_follower);
      case 2: return append_and_refuse(sent);
      default: return serve(sent);
    }
  }

  // Leaders take what is theirs, and send others away.
  void serve(const ProducerHarness::Sent& sent) {
    for (const auto& batch : sent.batches) {
      if (t_.leaders[batch.partition].broker != sent.broker) {
        return t_.answer(sent, Errc::not_leader_or_follower);
      }
    }
    t_.serve(sent);
  }

  // It was done, and the answer says that nobody knows.
  void append_and_refuse(const ProducerHarness::Sent& sent) {
    for (const auto& batch : sent.batches) {
      if (t_.leaders[batch.partition].broker == sent.broker) {
        t_.logs[batch.partition].append(batch.header, batch.values);
      }
    }
    t_.answer(sent, Errc::not_enough_replicas_after_append);
  }

  // A connection breaks: some of what is on it was done, in order, and none is answered.
  void lose_all(ProducerHarness::Sent first) {
    std::deque<ProducerHarness::Sent> lost{std::move(first)};
    const BrokerId broker = lost.front().broker;
    std::erase_if(t_.requests, [&](ProducerHarness::Sent& each) {
      if (each.broker != broker) return false;
      lost.push_back(std::move(each));
      return true;
    });
    std::size_t done = prng_.below(lost.size() + 1);
    for (const auto& each : lost) {
      if (done == 0) break;
      --done;
      for (const auto& batch : each.batches) {
        if (t_.leaders[batch.partition].broker == broker) {
          t_.logs[batch.partition].append(batch.header, batch.values);
        }
      }
    }
    for (const auto& each : lost) t_.lose(each);
  }

  Prng prng_;
  ProducerHarness t_;
  std::map<int, std::vector<std::pair<RecordId, std::string>>> sent_;
};

TEST_CASE("ProducerCore: whatever is lost on the way, each record arrives once and in its place",
          "[producer][faults]") {
  const auto seed = GENERATE(range(0, 300));
  INFO("seed " << seed);
  FaultyRun run{static_cast<std::uint64_t>(seed)};
  run.play();
  run.check();
}

}  // namespace
}  // namespace strandline::client
