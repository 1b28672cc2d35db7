#include <catch2/catch.hpp>

#include "protocol/wire/messages/all.h"
#include "tests/unit/protocol/wire/wire_bytes.h"

namespace strandline::wire {
namespace {

TEST_CASE("to_text: names the message, the version and each of its fields", "[wire]") {
  MetadataRequest request;
  request.topics.emplace(2);
  (*request.topics)[0].name = "t1";
  (*request.topics)[1].name = "t2";
  CHECK(to_text(request, 4) == R"(MetadataRequest v4 {topics: [{name: "t1"}, {name: "t2"}], )"
                               R"(allow_auto_topic_creation: true})");
  request.topics.reset();
  CHECK(to_text(request, 1) == "MetadataRequest v1 {topics: null}");
}

TEST_CASE("to_text: shows errors by name, ids as text and never record bytes", "[wire]") {
  FetchResponse answer;
  answer.topics.resize(1);
  const auto batch = from_hex("deadbeef");
  answer.topics[0].partitions = {{.index = PartitionIndex{3},
                                  .error_code = Errc::not_leader_or_follower,
                                  .current_leader = {BrokerId{2}, LeaderEpoch{9}},
                                  .records = {.bytes = batch}}};
  CHECK(to_text(answer, 13) ==
        "FetchResponse v13 {throttle_time_ms: 0, error_code: ok, session_id: 0, responses: "
        "[{topic_id: AAAAAAAAAAAAAAAAAAAAAA, partitions: [{partition_index: 3, error_code: "
        "not_leader_or_follower(6), high_watermark: -1, last_stable_offset: -1, "
        "log_start_offset: -1, current_leader: {leader_id: 2, leader_epoch: 9}, "
        "aborted_transactions: null, preferred_read_replica: -1, records: 4 bytes}]}]}");
  answer.topics[0].partitions[0].records = {.external_bytes = 1048576, .external_id = 1};
  CHECK(to_text(answer, 4).find("records: 1048576 bytes") != std::string::npos);
}

TEST_CASE("to_text: a line stays a line whatever a client sends", "[wire]") {
  InitProducerIdRequest request;
  request.transactional_id = "a\n\"\\\x1b[31m\xff";
  CHECK(to_text(request, 0) ==
        R"(InitProducerIdRequest v0 {transactional_id: "a\x0a\"\\\x1b[31m\xff", )"
        R"(transaction_timeout_ms: 0})");
}

TEST_CASE("to_text: is cut at the length asked for", "[wire]") {
  MetadataRequest request;
  request.topics.emplace(100000);
  for (auto& topic : *request.topics) topic.name = "a-topic-of-some-length";
  const std::string text = to_text(request, 4, 100);
  CHECK(text.size() == 100 + std::string_view{"…"}.size());
  CHECK(text.starts_with(R"(MetadataRequest v4 {topics: [{name: "a-topic)"));
  CHECK(text.ends_with("…"));
}

}  // namespace
}  // namespace strandline::wire
