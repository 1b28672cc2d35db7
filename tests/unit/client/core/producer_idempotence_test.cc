// Sequences: nothing twice, nothing out of order, and a way out when a leader has lost count.
#include "tests/unit/client/core/producer_harness.h"

namespace strandline::client {
namespace {

using namespace std::chrono_literals;

TEST_CASE("ProducerCore: batches of a partition count its records", "[producer][idempotence]") {
  auto config = ProducerHarness::config();
  config.linger = 5ms;
  ProducerHarness t{config};
  t.take("a");
  t.take("b");
  t.pass(5ms);
  const auto first = t.next();
  CHECK(first.batches[0].header.producer_id == ProducerId{7});
  CHECK(first.batches[0].header.base_sequence == Sequence{0});
  t.serve(first);
  t.take("c");
  t.pass(5ms);
  CHECK(t.next().batches[0].header.base_sequence == Sequence{2});
}

TEST_CASE("ProducerCore: a batch sent again has the same bytes", "[producer][idempotence]") {
  ProducerHarness t;
  t.take("a");
  const auto first = t.next();
  t.lose(first);
  t.take("b");
  t.pass(1s);
  const auto again = t.next();
  CHECK(again.batches[0].bytes == first.batches[0].bytes);
}

TEST_CASE("ProducerCore: what was appended and not answered is not there twice",
          "[producer][idempotence]") {
  ProducerHarness t;
  const RecordId id = t.take("a");
  const auto sent = t.next();
  t.logs[0].append(sent.batches[0].header, sent.batches[0].values);
  t.lose(sent);
  t.serve_all();
  CHECK(t.outcome(id).base_offset == Offset{0});
  CHECK(t.logs[0].values().size() == 1);
}

TEST_CASE("ProducerCore: the first batch under an identity is alone until it is answered",
          "[producer][idempotence]") {
  ProducerHarness t;
  t.take_large('a');
  t.take_large('b');
  CHECK(t.requests.size() == 1);
  t.serve(t.next());
  t.take_large('c');
  CHECK(t.requests.size() == 2);
}

TEST_CASE("ProducerCore: when one is lost nothing new overtakes it", "[producer][idempotence]") {
  ProducerHarness t;
  t.take_large('a');
  t.serve(t.next());
  t.take_large('b');
  t.take_large('c');
  const auto lost = t.next();
  const auto behind = t.next();
  t.lose(lost);
  t.take_large('d');
  t.pass(10s);
  CHECK(t.requests.empty());  // the one behind is still under way
  t.serve(behind);            // refused: it leaves a gap
  t.pass(2s);
  REQUIRE(t.requests.size() == 3);
  CHECK(t.requests[0].batches[0].values[0][0] == 'b');
  CHECK(t.requests[1].batches[0].values[0][0] == 'c');
  CHECK(t.requests[2].batches[0].values[0][0] == 'd');
  CHECK(t.requests[0].batches[0].header.producer_epoch == ProducerEpoch{0});
}

TEST_CASE("ProducerCore: a gap behind an unsettled batch is no reason for a new epoch",
          "[producer][idempotence]") {
  ProducerHarness t;
  t.take_large('a');
  t.serve(t.next());
  t.take_large('b');
  t.take_large('c');
  const auto lost = t.next();
  t.answer(t.next(), Errc::out_of_order_sequence_number);
  t.lose(lost);
  t.serve_all();
  CHECK(t.logs[0].values().size() == 3);
  t.take_large('d');
  CHECK(t.next().batches[0].header.producer_epoch == ProducerEpoch{0});
}

TEST_CASE("ProducerCore: a leader that misses settled records makes it begin a new epoch",
          "[producer][idempotence]") {
  ProducerHarness t;
  t.take_large('a');
  t.serve(t.next());
  t.logs[0].lose_sequences(ProducerId{7});
  const RecordId second = t.take_large('b');
  const RecordId third = t.take_large('c');
  const auto first_sent = t.next();
  t.serve(first_sent);
  // One is in flight yet, so it waits.
  t.pass(2s);
  REQUIRE(t.requests.size() == 1);
  t.serve(t.next());
  t.pass(2s);
  const auto again = t.next();
  CHECK(again.batches[0].header.producer_id == ProducerId{7});
  CHECK(again.batches[0].header.producer_epoch == ProducerEpoch{1});
  CHECK(again.batches[0].header.base_sequence == Sequence{0});
  CHECK(again.batches[0].values[0][0] == 'b');
  t.serve(again);
  t.serve_all();
  CHECK(t.went_well(second));
  CHECK(t.went_well(third));
  CHECK(t.logs[0].values().size() == 3);
}

TEST_CASE("ProducerCore: other partitions go on counting in their epoch",
          "[producer][idempotence]") {
  ProducerHarness t;
  t.lead(1, 1);
  t.take_large('a', 0);
  t.serve(t.next());
  t.take_large('x', 1);
  t.serve(t.next());
  t.take_large('y', 1);
  const auto other = t.next();
  t.take_large('b', 0);
  t.answer(t.next(), Errc::unknown_producer_id);
  t.pass(2s);
  CHECK(t.next().batches[0].header.producer_epoch == ProducerEpoch{1});
  CHECK(other.batches[0].header.producer_epoch == ProducerEpoch{0});
  t.take_large('z', 1);
  CHECK(t.next().batches[0].header.base_sequence == Sequence{2});
}

TEST_CASE("ProducerCore: a producer out of epochs asks for another identity",
          "[producer][idempotence]") {
  ProducerHarness t;
  t.first_epoch = ProducerEpoch{32767};
  t.take_large('a');
  t.serve(t.next());
  const RecordId id = t.take_large('b');
  t.first_epoch = ProducerEpoch{0};
  t.answer(t.next(), Errc::out_of_order_sequence_number);
  t.pass(2s);
  const auto again = t.next();
  CHECK(again.batches[0].header.producer_id == ProducerId{8});
  CHECK(again.batches[0].header.producer_epoch == ProducerEpoch{0});
  t.serve(again);
  CHECK(t.went_well(id));
}

TEST_CASE("ProducerCore: records that timed out and were not written do not stop those behind them",
          "[producer][idempotence]") {
  ProducerHarness t;
  t.take_large('a');
  t.serve(t.next());
  const RecordId lost = t.take_large('b');
  const auto sent = t.next();
  t.pass(30s);
  const RecordId behind = t.take_large('c');
  t.pass(30s);
  CHECK(t.outcome(lost).may_be_written);
  t.lose(sent);
  while (!t.requests.empty()) t.lose(t.next());
  t.serve_all();
  CHECK(t.went_well(behind));
  CHECK(t.logs[0].values().size() == 2);
}

TEST_CASE(
    "ProducerCore: what timed out in flight keeps its place, so that five stay enough to know "
    "again",
    "[producer][idempotence]") {
  ProducerHarness t;
  t.take_large('a');
  t.serve(t.next());
  for (const char letter : {'b', 'c', 'd', 'e', 'f'}) t.take_large(letter);
  REQUIRE(t.requests.size() == 5);
  t.pass(60s);
  t.take_large('g');
  CHECK(t.requests.size() == 5);
  t.lose(t.next());
  t.pass(1s);
  CHECK(t.requests.size() == 4);  // first the others must land
}

TEST_CASE(
    "ProducerCore: acknowledged batches behind one that is not count, so that the leader knows it "
    "again",
    "[producer][idempotence]") {
  ProducerHarness t;
  t.take_large('a');
  t.serve(t.next());
  for (const char letter : {'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'}) t.take_large(letter);
  REQUIRE(t.requests.size() == 5);
  const auto in_doubt = t.next();  // written, as the other four, and nobody says so
  t.logs[0].append(in_doubt.batches[0].header, in_doubt.batches[0].values);
  t.answer(in_doubt, Errc::not_enough_replicas_after_append);
  while (!t.requests.empty()) t.serve(t.next());
  t.pass(1s);
  REQUIRE(t.requests.size() == 1);  // a sixth would make the leader forget it
  const auto again = t.next();
  CHECK(again.batches[0].bytes == in_doubt.batches[0].bytes);
  t.serve(again);
  t.serve_all();
  CHECK(t.logs[0].values().size() == 9);
  CHECK(t.outcomes.size() == 9);
}

TEST_CASE("ProducerCore: a duplicate that the leader no longer knows counts as written",
          "[producer][idempotence]") {
  ProducerHarness t;
  const RecordId id = t.take("a");
  t.answer(t.next(), Errc::duplicate_sequence_number);
  CHECK(t.went_well(id));
  CHECK(t.outcome(id).base_offset == kNoOffset);
}

TEST_CASE("ProducerCore: without idempotence batches carry no producer",
          "[producer][idempotence]") {
  auto config = ProducerHarness::config();
  config.idempotent = false;
  ProducerHarness t{config};
  t.take_large('a');
  t.take_large('b');
  REQUIRE(t.requests.size() == 2);
  CHECK(t.requests[0].batches[0].header.producer_id == kNoProducerId);
  CHECK(t.ask_identity.empty());
}

}  // namespace
}  // namespace strandline::client
