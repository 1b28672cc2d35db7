// Whom the producer sends to, and how it learns.
#include "tests/unit/client/core/producer_harness.h"

namespace strandline::client {
namespace {

using namespace std::chrono_literals;

TEST_CASE("ProducerCore: records wait until a leader is known", "[producer]") {
  ProducerHarness t;
  t.hold_metadata = true;
  const RecordId id = t.take("a");
  CHECK(t.requests.empty());
  CHECK(t.metadata_requests == 1);
  t.tell_leaders(t.held_metadata.front());
  t.drain();
  CHECK(t.brokers.size() == 3);
  t.serve(t.next());
  CHECK(t.went_well(id));
}

TEST_CASE("ProducerCore: a topic that is not there yet is asked for again and again",
          "[producer]") {
  ProducerHarness t;
  t.topic_error = Errc::unknown_topic_or_partition;
  const RecordId id = t.take("a");
  t.pass(5s);
  CHECK(t.metadata_requests >= 5);
  CHECK(t.metadata_requests <= 12);
  t.topic_error = Errc::ok;
  t.pass(2s);
  t.serve(t.next());
  CHECK(t.went_well(id));
}

TEST_CASE("ProducerCore: a topic that stays away fails its records when their time is over",
          "[producer]") {
  ProducerHarness t;
  t.topic_error = Errc::unknown_topic_or_partition;
  const RecordId id = t.take("a");
  t.pass(60s);
  CHECK(t.outcome(id).error == Errc::unknown_topic_or_partition);
  CHECK_FALSE(t.outcome(id).may_be_written);
}

TEST_CASE("ProducerCore: a forbidden topic fails its records at once", "[producer]") {
  ProducerHarness t;
  t.topic_error = Errc::topic_authorization_failed;
  const RecordId id = t.take("a");
  CHECK(t.outcome(id).error == Errc::topic_authorization_failed);
}

TEST_CASE("ProducerCore: a leader that is none any more makes it look who leads now",
          "[producer]") {
  ProducerHarness t;
  const RecordId id = t.take("a");
  t.pass(1s);  // leaders are not asked for twice at a time
  const int asked = t.metadata_requests;
  t.lead(0, 2, 1);
  t.answer(t.next(), Errc::not_leader_or_follower);
  t.pass(1s);
  CHECK(t.metadata_requests > asked);
  const auto again = t.next();
  CHECK(again.broker == BrokerId{2});
  t.serve(again);
  CHECK(t.went_well(id));
}

TEST_CASE("ProducerCore: a refusal that names the leader is followed without waiting",
          "[producer]") {
  ProducerHarness t;
  t.take("a");
  const int asked = t.metadata_requests;
  t.answer(t.next(),
           {{.index = PartitionIndex{0},
             .error_code = Errc::not_leader_or_follower,
             .current_leader = {.leader_id = BrokerId{4}, .leader_epoch = LeaderEpoch{3}}}},
           {{.node_id = BrokerId{4}, .host = "new", .port = 9092}});
  CHECK(t.metadata_requests == asked);
  CHECK(t.brokers.size() == 4);
  REQUIRE(t.requests.size() == 1);
  CHECK(t.requests[0].broker == BrokerId{4});
}

TEST_CASE("ProducerCore: a broker that lags behind does not bring an old leader back",
          "[producer]") {
  ProducerHarness t;
  t.lead(0, 2, 5);
  t.take("a");
  t.lead(0, 1, 4);
  t.answer(t.next(), Errc::leader_not_available);
  t.pass(1s);
  CHECK(t.next().broker == BrokerId{2});
}

TEST_CASE("ProducerCore: tries are further and further apart, and never in step", "[producer]") {
  ProducerHarness t;
  t.take("a");
  std::vector<Duration> waits;
  for (int tries = 0; tries < 8; ++tries) {
    t.answer(t.next(), Errc::not_enough_replicas);
    const Instant refused = t.now;
    while (t.requests.empty()) t.pass(1ms);
    waits.push_back(t.now - refused);
  }
  CHECK(waits[0] >= 80ms);
  CHECK(waits[0] <= 121ms);
  CHECK(waits[2] >= 320ms);
  CHECK(waits[7] >= 800ms);
  CHECK(waits[7] <= 1201ms);
  CHECK(waits[5] != waits[6]);
}

TEST_CASE("ProducerCore: nothing is to be done while nothing is buffered", "[producer]") {
  ProducerHarness t;
  CHECK_FALSE(t.core.next_timeout().has_value());
  t.take("a");
  t.serve(t.next());
  // But for leaders, which are asked for anew when they are old.
  REQUIRE(t.core.next_timeout().has_value());
  CHECK(*t.core.next_timeout() >= t.now + 4min);
}

TEST_CASE("ProducerCore: an answer of another kind counts as lost", "[producer]") {
  ProducerHarness t;
  const RecordId id = t.take("a");
  const auto sent = t.next();
  t.core.on_response(t.now, sent.id, wire::ListOffsetsResponse{});
  t.drain();
  t.pass(1s);
  t.serve(t.next());
  CHECK(t.went_well(id));
  t.core.on_response(t.now, sent.id, wire::ProduceResponse{});  // long settled
  t.drain();
}

TEST_CASE("ProducerCore: a partition that an answer leaves out counts as lost", "[producer]") {
  ProducerHarness t;
  const RecordId id = t.take("a");
  t.answer(t.next(), std::vector<wire::ProduceResponse::Partition>{});
  CHECK_FALSE(t.settled(id));
  t.pass(60s);
  CHECK(t.outcome(id).may_be_written);
}

}  // namespace
}  // namespace strandline::client
