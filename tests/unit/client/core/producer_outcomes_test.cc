// What the producer says of records that did not simply arrive.
#include "tests/unit/client/core/producer_harness.h"

namespace strandline::client {
namespace {

using namespace std::chrono_literals;

TEST_CASE("ProducerCore: a record that was never sent is not written", "[producer][outcome]") {
  ProducerHarness t;
  t.leaders.clear();
  const RecordId id = t.take("a");
  t.pass(60s);
  CHECK(t.outcome(id).error);
  CHECK_FALSE(t.outcome(id).may_be_written);
  CHECK(t.core.buffered_bytes() == 0);
}

TEST_CASE("ProducerCore: a record without an answer may be written when its time is over",
          "[producer][outcome]") {
  ProducerHarness t;
  const RecordId id = t.take("a");
  t.pass(60s);
  CHECK(t.outcome(id).error == Errc::request_timed_out);
  CHECK(t.outcome(id).may_be_written);
  t.serve(t.next());  // its answer comes after all, and changes nothing
  CHECK(t.outcomes.size() == 1);
}

TEST_CASE("ProducerCore: a request that did not leave leaves no doubt", "[producer][outcome]") {
  ProducerHarness t;
  const RecordId id = t.take("a");
  for (int tries = 0; tries < 1000 && !t.settled(id); ++tries) {
    if (!t.requests.empty()) t.lose(t.next(), Delivery::not_sent);
    t.pass(100ms);
  }
  CHECK(t.outcome(id).error == Errc::rpc_connection_lost);
  CHECK_FALSE(t.outcome(id).may_be_written);
}

TEST_CASE("ProducerCore: doubt stays when a later try is refused for good", "[producer][outcome]") {
  ProducerHarness t;
  const RecordId id = t.take("a");
  t.lose(t.next());
  t.pass(1s);
  t.answer(t.next(), Errc::topic_authorization_failed);
  CHECK(t.outcome(id).error == Errc::topic_authorization_failed);
  CHECK(t.outcome(id).may_be_written);
}

TEST_CASE("ProducerCore: a record refused for good at the first try is not written",
          "[producer][outcome]") {
  ProducerHarness t;
  const RecordId id = t.take("a");
  t.answer(t.next(), Errc::invalid_timestamp);
  CHECK(t.outcome(id).error == Errc::invalid_timestamp);
  CHECK_FALSE(t.outcome(id).may_be_written);
}

TEST_CASE("ProducerCore: records behind one that was refused for good still arrive",
          "[producer][outcome]") {
  ProducerHarness t;
  t.take_large('a');
  t.serve(t.next());
  const RecordId bad = t.take_large('b');
  const RecordId good = t.take_large('c');
  const auto first = t.next();
  const auto second = t.next();
  t.answer(first, Errc::invalid_timestamp);
  t.serve(second);  // out of sequence: what came before it is missing
  CHECK(t.settled(bad));
  t.serve_all();
  CHECK(t.went_well(good));
  CHECK(t.logs[0].values().size() == 2);
}

TEST_CASE("ProducerCore: a batch that is too large for the broker is halved until it fits",
          "[producer][outcome]") {
  auto config = ProducerHarness::config();
  config.linger = 5ms;
  ProducerHarness t{config};
  std::vector<RecordId> ids;
  for (const char* value : {"a", "b", "c", "d"}) ids.push_back(t.take(value));
  t.pass(5ms);
  for (int rounds = 0; rounds < 100 && t.core.unsettled_records() > 0; ++rounds) {
    while (!t.requests.empty()) {
      const auto sent = t.next();
      if (sent.batches[0].values.size() > 1) {
        t.answer(sent, Errc::message_too_large);
      } else {
        t.serve(sent);
      }
    }
    t.pass(100ms);
  }
  CHECK(t.logs[0].values() == std::vector<std::string>{"a", "b", "c", "d"});
  for (std::size_t place = 0; place < ids.size(); ++place) {
    CHECK(t.outcome(ids[place]).base_offset == Offset{static_cast<std::int64_t>(place)});
  }
}

TEST_CASE("ProducerCore: a single record that is too large for the broker fails",
          "[producer][outcome]") {
  ProducerHarness t;
  const RecordId id = t.take("a");
  t.answer(t.next(), Errc::message_too_large);
  CHECK(t.outcome(id).error == Errc::message_too_large);
  CHECK_FALSE(t.outcome(id).may_be_written);
}

TEST_CASE(
    "ProducerCore: a producer that is refused an identity for good fails all, and takes no more",
    "[producer][outcome]") {
  ProducerHarness t;
  t.identity_error = Errc::cluster_authorization_failed;
  const RecordId id = t.take("a");
  CHECK(t.outcome(id).error == Errc::cluster_authorization_failed);
  CHECK(t.append("b").error() == Errc::cluster_authorization_failed);
}

TEST_CASE("ProducerCore: an identity that is not to be had yet is asked for again",
          "[producer][outcome]") {
  ProducerHarness t;
  t.identity_error = Errc::coordinator_load_in_progress;
  const RecordId id = t.take("a");
  t.pass(2s);
  CHECK(t.requests.empty());
  t.identity_error = Errc::ok;
  t.pass(2s);
  t.serve(t.next());
  CHECK(t.went_well(id));
}

}  // namespace
}  // namespace strandline::client
