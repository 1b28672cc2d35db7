#include "broker/server/isr_requests.h"

#include <catch2/catch.hpp>

namespace strandline {
namespace {

struct Asked {
  IsrRequests requests;
  std::vector<std::pair<int, IsrReply>> told;

  bool add(int partition) {
    return requests.add(
        {.place = {Uuid{}, PartitionIndex{partition}},
         .proposal = {.leader_epoch = LeaderEpoch{3},
                      .expected = PartitionEpoch{10 + partition},
                      .members = {{BrokerId{1}, Incarnation{7}}, {BrokerId{2}, kNoIncarnation}}},
         .done = [this, partition](const IsrReply& reply) {
           told.emplace_back(partition, reply);
         }});
  }
};

ControllerOutcome answered(std::vector<Outcome> outcomes) {
  AlterIsrReply reply;
  for (Outcome& outcome : outcomes) {
    reply.answers.push_back({.outcome = std::move(outcome), .at_fault = BrokerId{2}, .isr = {}});
  }
  return {.error = {}, .error_text = {}, .reply = {.metadata_end = {}, .answer = std::move(reply)}};
}

TEST_CASE("IsrRequests: what comes up together is one question, and each hears its answer",
          "[isr]") {
  Asked t;
  CHECK(t.add(0));
  CHECK_FALSE(t.add(1));
  CHECK_FALSE(t.add(2));
  auto questions = t.requests.take(BrokerId{1}, 9);
  REQUIRE(questions.size() == 1);
  const AlterIsrRequest& asked = questions[0].request;
  CHECK(asked.broker == BrokerId{1});
  CHECK(asked.broker_epoch == 9);
  REQUIRE(asked.alterations.size() == 3);
  CHECK(asked.alterations[1].place.partition == PartitionIndex{1});
  CHECK(asked.alterations[1].leader_epoch == LeaderEpoch{3});
  CHECK(asked.alterations[1].partition_epoch == 11);
  REQUIRE(asked.alterations[1].isr.size() == 2);
  CHECK(asked.alterations[1].isr[0].broker_epoch == 7);
  CHECK(asked.alterations[1].isr[1].broker_epoch == -1);
  questions[0].answered(answered({{}, {Errc::ineligible_replica, "fenced"}, {}}));
  REQUIRE(t.told.size() == 3);
  CHECK(t.told[0].second.error == Errc::ok);
  CHECK(t.told[1].first == 1);
  CHECK(t.told[1].second.error == Errc::ineligible_replica);
  CHECK(t.told[1].second.at_fault == BrokerId{2});
  CHECK(t.requests.take(BrokerId{1}, 9).empty());
  CHECK(t.add(4));
}

TEST_CASE("IsrRequests: who has no answer of its own hears nothing, and asks again", "[isr]") {
  Asked t;
  t.add(0);
  t.add(1);
  auto question = std::move(t.requests.take(BrokerId{1}, 9).at(0));
  question.answered({.error = make_error_code(Errc::request_timed_out)});
  question.answered(answered({{}}));  // one too few: whose is it?
  CHECK(t.told.empty());
  question.answered(answered({{Errc::stale_broker_epoch, ""}, {Errc::stale_broker_epoch, ""}}));
  CHECK(t.told.empty());
}

TEST_CASE("IsrRequests: a flood is asked in pieces", "[isr]") {
  Asked t;
  const int count = 2500;
  for (int i = 0; i < count; ++i) t.add(i);
  const auto questions = t.requests.take(BrokerId{1}, 9);
  REQUIRE(questions.size() == 3);
  CHECK(questions[2].request.alterations.size() == 500);
  questions[2].answered(answered(std::vector<Outcome>(500)));
  REQUIRE(t.told.size() == 500);
  CHECK(t.told[0].first == 2000);
}

}  // namespace
}  // namespace strandline
