// New leaders, places that are found, and places that are lost.
#include "tests/unit/client/core/fetch_harness.h"

namespace strandline::client {
namespace {

using namespace std::chrono_literals;
using Kind = FetchHarness::Kind;

const Leader kSecond{BrokerId{2}, LeaderEpoch{6}};

// Read up to offset 12 in epoch 5, then broker 2 leads in epoch 6 and is asked about epoch 5.
FetchHarness::Asked check_at_new_leader(FetchHarness& t) {
  t.seek(10);
  t.serve(t.next_fetch(), batch_of(10, 5, {"a", "b"}));
  t.pass(1s);  // leaders are not asked for twice at a time
  t.lead(0, 2, 6);
  t.refuse(t.next_fetch(), Errc::not_leader_or_follower);
  t.pass(300ms);
  const auto check = t.next(Kind::epochs);
  CHECK(check.broker == kSecond.broker);
  CHECK(check.parts.at(0).current_leader_epoch == kSecond.epoch);
  CHECK(check.parts.at(0).last_epoch == LeaderEpoch{5});
  return check;
}

TEST_CASE("FetchCore: a new leader is asked whether its log is the one that was read (KIP-320)",
          "[fetch][leaders]") {
  FetchHarness t;
  t.tell_epoch_end(check_at_new_leader(t), 5, 15);
  const auto fetch = t.next_fetch();
  CHECK(fetch.broker == kSecond.broker);
  CHECK(fetch.parts[0].offset == Offset{12});
  CHECK(fetch.parts[0].current_leader_epoch == kSecond.epoch);
  t.serve(fetch, batch_of(12, 6, {"c"}));
  CHECK(t.values == std::vector<std::string>{"a", "b", "c"});
  CHECK(t.next_fetch().parts[0].offset == Offset{13});  // checked once
}

TEST_CASE(
    "FetchCore: when the new leader's log ends before the place, reading stops and says where",
    "[fetch][leaders]") {
  FetchHarness t;
  t.tell_epoch_end(check_at_new_leader(t), 5, 11);
  REQUIRE(t.losses.size() == 1);
  CHECK(t.losses[0].error == Errc::offset_out_of_range);
  CHECK(t.losses[0].position.offset == Offset{12});
  REQUIRE(t.losses[0].common_end.has_value());
  CHECK(t.losses[0].common_end->offset == Offset{11});
  CHECK(t.requests.empty());
  t.seek(11, 5);
  CHECK(t.next(Kind::epochs).broker == kSecond.broker);
}

TEST_CASE("FetchCore: told to go on, it goes on where the logs part", "[fetch][leaders]") {
  FetchHarness t{FetchHarness::config(WhenLost::latest)};
  t.tell_epoch_end(check_at_new_leader(t), 4, 7);
  REQUIRE(t.moves.size() == 1);
  CHECK(t.moves[0].truncated);
  CHECK(t.moves[0].from.offset == Offset{12});
  CHECK(t.moves[0].to == FetchPosition{Offset{7}, LeaderEpoch{4}});
  CHECK(t.next_fetch().parts[0].offset == Offset{7});
}

TEST_CASE("FetchCore: where no epoch is shared there is no place to go back to",
          "[fetch][leaders]") {
  FetchHarness t;
  t.tell_epoch_end(check_at_new_leader(t), -1, -1);
  REQUIRE(t.losses.size() == 1);
  CHECK_FALSE(t.losses[0].common_end.has_value());
}

TEST_CASE("FetchCore: a fetch that is answered with where the logs part counts as a check",
          "[fetch][leaders]") {
  FetchHarness t;
  t.seek(10);
  t.serve(t.next_fetch(), batch_of(10, 5, {"a", "b"}));
  t.answer(t.next_fetch(),
           {{.index = PartitionIndex{0},
             .diverging_epoch = {.epoch = LeaderEpoch{4}, .end_offset = Offset{9}}}});
  REQUIRE(t.losses.size() == 1);
  CHECK(t.losses[0].common_end == FetchPosition{Offset{9}, LeaderEpoch{4}});
}

TEST_CASE("FetchCore: a leader that cannot tell yet is asked again", "[fetch][leaders]") {
  FetchHarness t;
  t.tell_epoch_end(check_at_new_leader(t), -1, -1, Errc::unknown_leader_epoch);
  CHECK(t.losses.empty());
  t.pass(200ms);
  t.tell_epoch_end(t.next(Kind::epochs), 5, 12);
  CHECK(t.next_fetch().parts[0].offset == Offset{12});
}

TEST_CASE("FetchCore: a place whose epoch is not known goes on unchecked", "[fetch][leaders]") {
  FetchHarness t;
  t.seek(10);
  t.pass(1s);
  t.lead(0, 2, 6);
  t.refuse(t.next_fetch(), Errc::not_leader_or_follower);
  t.pass(300ms);
  CHECK(t.next_fetch().broker == kSecond.broker);
}

TEST_CASE("FetchCore: a refusal that names the leader is followed without waiting",
          "[fetch][leaders]") {
  FetchHarness t;
  t.seek(10);
  const int asked = t.metadata_requests;
  t.answer(t.next_fetch(),
           {{.index = PartitionIndex{0},
             .error_code = Errc::not_leader_or_follower,
             .current_leader = {.leader_id = BrokerId{4}, .leader_epoch = LeaderEpoch{9}}}},
           {{.node_id = BrokerId{4}, .host = "new", .port = 9092}});
  CHECK(t.next_fetch().broker == BrokerId{4});
  CHECK(t.metadata_requests == asked);
}

TEST_CASE("FetchCore: a connection that breaks makes it look who leads, and ask again",
          "[fetch][leaders]") {
  FetchHarness t;
  t.seek(10);
  t.pass(1s);
  t.lead(0, 2, 6);
  t.lose(t.next_fetch());
  t.pass(300ms);
  CHECK(t.next_fetch().broker == kSecond.broker);
}

TEST_CASE("FetchCore: tries are further and further apart", "[fetch][leaders]") {
  FetchHarness t;
  t.seek(10);
  std::vector<Duration> waits;
  for (int tries = 0; tries < 6; ++tries) {
    t.refuse(t.next_fetch(), Errc::kafka_storage_error);
    const Instant refused = t.now;
    while (t.requests.empty()) t.pass(1ms);
    waits.push_back(t.now - refused);
  }
  CHECK(waits[0] >= 80ms);
  CHECK(waits[0] <= 121ms);
  CHECK(waits[5] >= 800ms);
}

TEST_CASE("FetchCore: a place outside the log stops reading, when it is to", "[fetch][positions]") {
  FetchHarness t;
  t.seek(10);
  t.refuse(t.next_fetch(), Errc::offset_out_of_range);
  REQUIRE(t.losses.size() == 1);
  CHECK(t.losses[0].position.offset == Offset{10});
  t.pass(10min);
  CHECK(t.requests.empty());
}

TEST_CASE("FetchCore: told so, it goes on at the end that it was told", "[fetch][positions]") {
  FetchHarness t{FetchHarness::config(WhenLost::earliest)};
  t.seek(10);
  t.refuse(t.next_fetch(), Errc::offset_out_of_range);
  const auto asked = t.next(Kind::offsets);
  CHECK(asked.parts[0].time == wire::kEarliestOffset);
  CHECK(asked.parts[0].current_leader_epoch == LeaderEpoch{5});
  t.tell_offset(asked, 40, 2);
  REQUIRE(t.moves.size() == 1);
  CHECK_FALSE(t.moves[0].truncated);
  CHECK(t.moves[0].from.offset == Offset{10});
  CHECK(t.moves[0].to.offset == Offset{40});
  CHECK(t.next_fetch().parts[0].offset == Offset{40});
}

TEST_CASE("FetchCore: it finds the place of a time, and of the end", "[fetch][positions]") {
  FetchHarness t;
  t.seek_time(Timestamp{5000});
  CHECK_FALSE(t.core.position(FetchHarness::name(0)).has_value());
  const auto asked = t.next(Kind::offsets);
  CHECK(asked.parts[0].time == Timestamp{5000});
  t.tell_offset(asked, 33, 4);
  CHECK(t.next_fetch().parts[0].offset == Offset{33});
  CHECK(t.moves.empty());  // its owner asked for it
  t.seek_time(wire::kLatestOffset);
  t.tell_offset(t.next(Kind::offsets), 70, 5);
  CHECK(t.core.position(FetchHarness::name(0)) == FetchPosition{Offset{70}, LeaderEpoch{5}});
}

TEST_CASE("FetchCore: behind the youngest record it waits for those to come",
          "[fetch][positions]") {
  FetchHarness t;
  t.seek_time(Timestamp{5000});
  t.tell_offset(t.next(Kind::offsets), -1, -1);
  const auto asked = t.next(Kind::offsets);
  CHECK(asked.parts[0].time == wire::kLatestOffset);
  t.tell_offset(asked, 70, 5);
  CHECK(t.next_fetch().parts[0].offset == Offset{70});
}

TEST_CASE("FetchCore: a leader that does not know its end yet is asked again (KIP-207)",
          "[fetch][positions]") {
  FetchHarness t;
  t.seek_time(wire::kLatestOffset);
  t.tell_offset(t.next(Kind::offsets), -1, -1, Errc::offset_not_available);
  CHECK(t.requests.empty());
  t.pass(200ms);
  t.tell_offset(t.next(Kind::offsets), 70, 5);
  CHECK(t.next_fetch().parts[0].offset == Offset{70});
}

TEST_CASE(
    "FetchCore: the first records may be of an older epoch than their log's start is told with",
    "[fetch][positions]") {
  FetchHarness t;
  t.seek_time(wire::kEarliestOffset);
  t.tell_offset(t.next(Kind::offsets), 0, 5);
  t.serve(t.next_fetch(), batch_of(0, 2, {"a"}));
  CHECK(t.values == std::vector<std::string>{"a"});
  CHECK(t.damages.empty());
}

TEST_CASE("FetchCore: what brokers refuse for good is told, not asked again",
          "[fetch][positions]") {
  FetchHarness t;
  t.seek(10);
  t.refuse(t.next_fetch(), Errc::topic_authorization_failed);
  REQUIRE(t.losses.size() == 1);
  CHECK(t.losses[0].error == Errc::topic_authorization_failed);
}

TEST_CASE("FetchCore: answers of another kind count as failures", "[fetch][positions]") {
  FetchHarness t;
  t.seek_time(Timestamp{5000});
  const auto asked = t.next(Kind::offsets);
  t.core.on_response(t.now, asked.id, wire::OffsetForLeaderEpochResponse{}, nullptr);
  t.drain();
  t.pass(200ms);
  t.tell_offset(t.next(Kind::offsets), 33, 4);
  const auto fetch = t.next_fetch();
  t.core.on_response(t.now, fetch.id, wire::ProduceResponse{}, nullptr);
  t.drain();
  t.pass(200ms);
  CHECK(t.next_fetch().parts[0].offset == Offset{33});
}

TEST_CASE("FetchCore: a partition that an answer leaves out is asked for again, not at once",
          "[fetch][positions]") {
  FetchHarness t;
  t.seek(10);
  t.answer(t.next_fetch(), {});
  CHECK(t.requests.empty());
  t.pass(200ms);
  CHECK(t.next_fetch().parts[0].offset == Offset{10});
}

}  // namespace
}  // namespace strandline::client
