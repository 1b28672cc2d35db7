// Reading along: what is asked of whom, and what is handed out.
#include "tests/unit/client/core/fetch_harness.h"

namespace strandline::client {
namespace {

using namespace std::chrono_literals;
using Kind = FetchHarness::Kind;

TEST_CASE("FetchCore: it reads on behind what it was served", "[fetch]") {
  FetchHarness t;
  t.seek(10);
  const auto first = t.next_fetch();
  CHECK(first.broker == BrokerId{1});
  REQUIRE(first.parts.size() == 1);
  CHECK(first.parts[0].offset == Offset{10});
  CHECK(first.parts[0].current_leader_epoch == LeaderEpoch{5});
  t.serve(first, batch_of(10, 5, {"a", "b"}), 12);
  CHECK(t.values == std::vector<std::string>{"a", "b"});
  REQUIRE(t.deliveries.size() == 1);
  CHECK(t.deliveries[0].high_watermark == Offset{12});
  CHECK(t.deliveries[0].served_by == BrokerId{1});
  CHECK(t.deliveries[0].leader == Leader{BrokerId{1}, LeaderEpoch{5}});
  const auto second = t.next_fetch();
  CHECK(second.parts[0].offset == Offset{12});
  CHECK(second.parts[0].last_epoch == LeaderEpoch{5});
}

TEST_CASE(
    "FetchCore: it tells when a fetch was asked for, so that its owner can date what it shows",
    "[fetch]") {
  FetchHarness t;
  t.seek(10);
  const Instant asked_at = t.now;
  t.pass(400ms);
  t.serve(t.next_fetch(), batch_of(10, 5, {"a"}));
  CHECK(t.deliveries[0].asked_at == asked_at);
}

TEST_CASE("FetchCore: a high watermark that moves is told without batches, one that stays is not",
          "[fetch]") {
  FetchHarness t;
  t.seek(10);
  t.serve(t.next_fetch(), {}, 11);
  t.serve(t.next_fetch(), {}, 11);
  t.serve(t.next_fetch(), {}, 12);
  REQUIRE(t.deliveries.size() == 2);
  CHECK(t.deliveries[1].high_watermark == Offset{12});
}

TEST_CASE("FetchCore: partitions of one broker share a request, one at a time", "[fetch]") {
  FetchHarness t;
  t.lead(1, 1, 5);
  t.lead(2, 2, 5);
  t.seek(10, -1, 0);
  const auto first = t.next_fetch();
  t.seek(20, -1, 1);
  t.seek(30, -1, 2);
  const auto other = t.next_fetch();
  CHECK(other.broker == BrokerId{2});
  CHECK(t.requests.empty());  // partition 1 waits for the fetch that is under way
  t.serve(first, {});
  const auto both = t.next_fetch();
  CHECK(both.parts.size() == 2);
}

TEST_CASE("FetchCore: each fetch begins with another partition, so that none starves", "[fetch]") {
  FetchHarness t;
  t.lead(1, 1, 5);
  t.lead(2, 1, 5);
  t.seek(10, -1, 0);
  t.seek(10, -1, 1);
  t.seek(10, -1, 2);
  t.serve(t.next_fetch(), {});
  std::vector<std::int32_t> firsts;
  for (int rounds = 0; rounds < 3; ++rounds) {
    const auto asked = t.next_fetch();
    REQUIRE(asked.parts.size() == 3);
    firsts.push_back(asked.parts[0].partition);
    t.answer(
        asked,
        {{.index = PartitionIndex{0}}, {.index = PartitionIndex{1}}, {.index = PartitionIndex{2}}});
  }
  CHECK(firsts == std::vector<std::int32_t>{1, 2, 0});
}

TEST_CASE("FetchCore: at the bound of its buffer it rests until batches are released", "[fetch]") {
  auto config = FetchHarness::config();
  config.buffer_bytes_max = 1000;
  FetchHarness t{config};
  t.seek(0);
  const auto first = t.next_fetch();
  CHECK(first.bytes_max == 1000);
  t.serve(first, batch_of(0, 5, {std::string(700, 'x')}));
  const auto second = t.next_fetch();
  CHECK(second.bytes_max < 300);  // what is left of it
  t.serve(second, batch_of(1, 5, {std::string(700, 'x')}));
  CHECK(t.requests.empty());
  t.core.release(t.now, t.deliveries[0].bytes);
  t.drain();
  CHECK(t.requests.size() == 1);
}

TEST_CASE("FetchCore: brokers share the buffer", "[fetch]") {
  auto config = FetchHarness::config();
  config.buffer_bytes_max = 1000;
  FetchHarness t{config};
  t.lead(1, 2, 5);
  t.seek(0, -1, 0);
  t.seek(0, -1, 1);
  REQUIRE(t.requests.size() == 1);  // the first took all there was
  t.serve(t.next_fetch(), {});
  REQUIRE(t.requests.size() == 2);
  CHECK(t.requests[0].bytes_max == 500);
  CHECK(t.requests[1].bytes_max == 500);
}

TEST_CASE("FetchCore: a paused partition is left out, and goes on where it was", "[fetch]") {
  FetchHarness t;
  t.seek(10);
  const auto under_way = t.next_fetch();
  t.core.pause(t.now, FetchHarness::name(0), true);
  t.serve(under_way, batch_of(10, 5, {"a"}));
  CHECK(t.values.size() == 1);
  CHECK(t.requests.empty());
  t.core.pause(t.now, FetchHarness::name(0), false);
  t.drain();
  CHECK(t.next_fetch().parts[0].offset == Offset{11});
}

TEST_CASE("FetchCore: answers to what was asked before a seek come to nothing", "[fetch]") {
  FetchHarness t;
  t.seek(10);
  const auto old = t.next_fetch();
  t.seek(50);
  t.serve(old, batch_of(10, 5, {"a"}));
  CHECK(t.values.empty());
  CHECK(t.next_fetch().parts[0].offset == Offset{50});
}

TEST_CASE("FetchCore: of a partition that was removed nothing comes any more", "[fetch]") {
  FetchHarness t;
  t.seek(10);
  const auto old = t.next_fetch();
  t.core.remove(t.now, FetchHarness::name(0));
  t.serve(old, batch_of(10, 5, {"a"}));
  CHECK(t.values.empty());
  CHECK(t.requests.empty());
  CHECK_FALSE(t.core.position(FetchHarness::name(0)).has_value());
}

TEST_CASE("FetchCore: damage is told, what comes before it is read, and it is asked for again",
          "[fetch]") {
  FetchHarness t;
  t.seek(10);
  Bytes bad = batch_of(11, 5, {"b"});
  bad.back() ^= std::byte{1};
  t.serve(t.next_fetch(), joined({batch_of(10, 5, {"a"}), bad}));
  CHECK(t.values == std::vector<std::string>{"a"});
  REQUIRE(t.damages.size() == 1);
  CHECK(t.damages[0].position.offset == Offset{11});
  CHECK(t.damages[0].served_by == BrokerId{1});
  CHECK(t.requests.empty());
  t.pass(200ms);
  CHECK(t.next_fetch().parts[0].offset == Offset{11});
}

TEST_CASE("FetchCore: the leader sends it to a replica nearby, for some time (KIP-392)",
          "[fetch]") {
  auto config = FetchHarness::config();
  config.rack = "west";
  config.replica_age_max = 10s;
  FetchHarness t{config};
  t.seek(10);
  t.answer(t.next_fetch(), {{.index = PartitionIndex{0}, .preferred_read_replica = BrokerId{3}}});
  const auto there = t.next_fetch();
  CHECK(there.broker == BrokerId{3});
  t.pass(11s);
  t.serve(there, batch_of(10, 5, {"a"}));
  CHECK(t.deliveries.back().served_by == BrokerId{3});
  CHECK(t.next_fetch().broker == BrokerId{1});
}

TEST_CASE("FetchCore: a replica that does not have the offset yet says nothing about the log",
          "[fetch]") {
  FetchHarness t;
  t.seek(10);
  t.answer(t.next_fetch(), {{.index = PartitionIndex{0}, .preferred_read_replica = BrokerId{3}}});
  t.refuse(t.next_fetch(), Errc::offset_out_of_range);
  CHECK(t.losses.empty());
  t.pass(200ms);
  CHECK(t.next_fetch().broker == BrokerId{1});
}

TEST_CASE("FetchConfig: what cannot work is named", "[fetch]") {
  CHECK(FetchConfig{}.problem().empty());
  CHECK_FALSE(FetchConfig{.bytes_max = 0}.problem().empty());
  CHECK_FALSE(FetchConfig{.wait_max = Duration{-1}}.problem().empty());
  CHECK_FALSE(FetchConfig{.buffer_bytes_max = 0}.problem().empty());
}

}  // namespace
}  // namespace strandline::client
