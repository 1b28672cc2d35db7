// What the producer puts together, and when it goes out.
#include "tests/unit/client/core/producer_harness.h"

namespace strandline::client {
namespace {

using namespace std::chrono_literals;

TEST_CASE("ProducerCore: a record goes to the leader and comes back with its offset",
          "[producer]") {
  ProducerHarness t;
  t.lead(0, 2);
  const RecordId id = t.take("hello");
  const auto sent = t.next();
  CHECK(sent.broker == BrokerId{2});
  CHECK(sent.acks == -1);
  REQUIRE(sent.batches.size() == 1);
  CHECK(sent.batches[0].values == std::vector<std::string>{"hello"});
  CHECK_FALSE(t.settled(id));
  t.answer(sent, Errc::ok, 41);
  CHECK(t.went_well(id));
  CHECK(t.outcome(id).base_offset == Offset{41});
  CHECK(t.core.buffered_bytes() == 0);
}

TEST_CASE("ProducerCore: records that come together within the linger time share a batch",
          "[producer]") {
  auto config = ProducerHarness::config();
  config.linger = 5ms;
  ProducerHarness t{config};
  const RecordId first = t.take("a");
  const RecordId second = t.take("b");
  t.pass(4ms);
  CHECK(t.requests.empty());
  t.pass(1ms);
  const auto sent = t.next();
  CHECK(sent.batches[0].values == std::vector<std::string>{"a", "b"});
  t.answer(sent, Errc::ok, 10);
  CHECK(t.outcome(first).base_offset == Offset{10});
  CHECK(t.outcome(second).base_offset == Offset{11});
}

TEST_CASE("ProducerCore: a full batch does not wait for the linger time", "[producer]") {
  auto config = ProducerHarness::config();
  config.linger = 1s;
  ProducerHarness t{config};
  t.take(std::string(600, 'a'));
  CHECK(t.requests.empty());
  t.take(std::string(600, 'b'));
  CHECK(t.next().batches[0].values.size() == 1);
}

TEST_CASE("ProducerCore: flush sends what lingers, and what comes later lingers again",
          "[producer]") {
  auto config = ProducerHarness::config();
  config.linger = 1s;
  ProducerHarness t{config};
  t.take("a");
  t.core.flush(t.now);
  t.drain();
  t.serve(t.next());
  t.take("b");
  CHECK(t.requests.empty());
}

TEST_CASE("ProducerCore: a request carries one batch of each partition that its broker leads",
          "[producer]") {
  auto config = ProducerHarness::config();
  config.linger = 5ms;
  ProducerHarness t{config};
  t.lead(1, 1);
  t.lead(2, 2);
  for (const std::int32_t partition : {0, 1, 2}) t.take("x", partition);
  t.pass(5ms);
  REQUIRE(t.requests.size() == 2);
  CHECK(t.requests[0].batches.size() == 2);
  CHECK(t.requests[1].batches.size() == 1);
  CHECK(t.requests[1].batches[0].partition == 2);
}

TEST_CASE("ProducerCore: a request is not filled beyond its bound", "[producer]") {
  auto config = ProducerHarness::config();
  config.linger = 5ms;
  config.request_bytes_max = 1500;
  ProducerHarness t{config};
  t.lead(1, 1);
  t.take(std::string(900, 'a'), 0);
  t.take(std::string(900, 'b'), 1);
  t.pass(5ms);
  REQUIRE(t.requests.size() == 2);
  CHECK(t.requests[0].batches.size() == 1);
}

TEST_CASE("ProducerCore: no more requests than allowed are in flight to a broker", "[producer]") {
  auto config = ProducerHarness::config();
  config.in_flight_max = 2;
  ProducerHarness t{config};
  t.take_large('a');
  t.serve(t.next());  // from now on the leader knows the producer
  for (const char letter : {'b', 'c', 'd', 'e'}) t.take_large(letter);
  CHECK(t.requests.size() == 2);
  t.serve(t.next());
  CHECK(t.requests.size() == 2);
  t.serve_all();
  CHECK(t.logs[0].values().size() == 5);
}

TEST_CASE("ProducerCore: at the bound of its buffer it refuses, and says when there is room",
          "[producer]") {
  auto config = ProducerHarness::config();
  config.buffer_bytes_max = 20'000;
  ProducerHarness t{config};
  std::size_t taken = 0;
  while (t.append(std::string(1000, 'x'))) ++taken;
  CHECK(taken >= 15);
  CHECK(t.append("y").has_value());  // a small one still fits
  CHECK(t.append(std::string(1000, 'x')).error() == Errc::producer_buffer_full);
  CHECK(t.times_room == 0);
  t.serve(t.next());
  CHECK(t.times_room == 1);
  CHECK(t.append(std::string(1000, 'x')).has_value());
}

TEST_CASE("ProducerCore: who waits for room makes batches go out that would linger", "[producer]") {
  auto config = ProducerHarness::config();
  config.linger = 10s;
  config.batch_bytes_max = 20'000;
  config.buffer_bytes_max = 20'000;
  ProducerHarness t{config};
  while (t.append(std::string(1000, 'x'))) {
  }
  t.pass(1ms);
  t.core.on_timeout(t.now);
  t.drain();
  CHECK(t.requests.size() == 1);
}

TEST_CASE("ProducerCore: a record that fits in no request is refused at once", "[producer]") {
  ProducerHarness t;
  CHECK(t.append(std::string(20'000, 'x')).error() == Errc::message_too_large);
  CHECK(t.core.buffered_bytes() == 0);
  t.take(std::string(19'000, 'x'));  // larger than a batch, so it has one of its own
  CHECK(t.next().batches[0].values.size() == 1);
}

TEST_CASE("ProducerCore: with acks=0 a record is settled when its request has left", "[producer]") {
  auto config = ProducerHarness::config();
  config.acks = 0;
  config.idempotent = false;
  ProducerHarness t{config};
  const RecordId id = t.take("a");
  const auto sent = t.next();
  CHECK(sent.acks == 0);
  CHECK_FALSE(t.settled(id));
  t.core.on_sent(t.now, sent.id);
  t.drain();
  CHECK(t.went_well(id));
  CHECK(t.outcome(id).base_offset == kNoOffset);
}

TEST_CASE("ProducerCore: batches are compressed when it is told to", "[producer]") {
  auto config = ProducerHarness::config();
  config.codec = {.codec = Codec::zstd};
  ProducerHarness t{config};
  t.take(std::string(900, 'a'));
  const auto sent = t.next();
  CHECK(sent.batches[0].header.codec_bits() == 4);
  CHECK(sent.batches[0].bytes.size() < 200);
  CHECK(sent.batches[0].values[0].size() == 900);
}

TEST_CASE("ProducerCore: a throttled producer leaves its broker alone for that time",
          "[producer]") {
  ProducerHarness t;
  t.take("a");
  const auto sent = t.next();
  wire::ProduceResponse response;
  response.throttle_time_ms = 500;
  response.topics.push_back(
      {.name = "t", .partitions = {{.index = PartitionIndex{0}, .base_offset = Offset{0}}}});
  t.core.on_response(t.now, sent.id, response);
  t.drain();
  t.take("b");
  t.pass(499ms);
  CHECK(t.requests.empty());
  t.pass(1ms);
  CHECK(t.requests.size() == 1);
}

TEST_CASE("ProducerConfig: what cannot work is named", "[producer]") {
  CHECK(ProducerConfig{}.problem().empty());
  CHECK_FALSE(ProducerConfig{.acks = 1}.problem().empty());
  CHECK(ProducerConfig{.acks = 1, .idempotent = false}.problem().empty());
  CHECK_FALSE(ProducerConfig{.in_flight_max = 6}.problem().empty());
  CHECK_FALSE(ProducerConfig{.batch_bytes_max = 2'000'000}.problem().empty());
}

}  // namespace
}  // namespace strandline::client
