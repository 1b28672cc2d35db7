#include "broker/server/controller_views.h"

#include <catch2/catch.hpp>

namespace strandline {
namespace {

using Kind = AdminProblem::Kind;
const BrokerId k3{3};

ControllerOutcome answered(ControllerAnswer answer) {
  return {
      .error = {}, .error_text = {}, .reply = {.metadata_end = {}, .answer = std::move(answer)}};
}

ControllerOutcome failed(Errc code, std::string text = {}) {
  return {.error = make_error_code(code), .error_text = std::move(text), .reply = {}};
}

TEST_CASE("controller views: a broker that may be stopped has no reasons against it", "[admin]") {
  const StopView view = stop_view(k3, answered(SafeToStopReply{}));
  CHECK_FALSE(view.problem);
  CHECK(view.node_id == 3);
  CHECK(view.safe);
  CHECK(view.reasons.empty());
}

TEST_CASE("controller views: each kind of harm is a reason", "[admin]") {
  const StopView view =
      stop_view(k3, answered(SafeToStopReply{{.outcome = {},
                                              .unavailable = 1,
                                              .below_min_insync = 2,
                                              .partitions = {{.topic = "a",
                                                              .partition = PartitionIndex{4},
                                                              .risk = StopRisk::unavailable,
                                                              .why = "alone"},
                                                             {.topic = "b",
                                                              .partition = PartitionIndex{0},
                                                              .risk = StopRisk::below_min_insync,
                                                              .why = "few"}},
                                              .quorum = "the quorum stands still"}}));
  CHECK_FALSE(view.problem);
  CHECK_FALSE(view.safe);
  CHECK(view.reasons ==
        std::vector<std::string>{
            "the quorum stands still", "1 partition would have no leader",
            "2 partitions would have fewer replicas in sync than min.insync.replicas asks for"});
  CHECK(view.unavailable == 1);
  CHECK(view.below_min_insync == 2);
  REQUIRE(view.partitions.size() == 2);
  CHECK(view.partitions[0].topic == "a");
  CHECK(view.partitions[0].partition == 4);
  CHECK(view.partitions[0].risk == "unavailable");
  CHECK(view.partitions[0].why == "alone");
  CHECK(view.partitions[1].risk == "below min.insync.replicas");
}

TEST_CASE("controller views: a question without an answer is never safe", "[admin]") {
  for (const auto& outcome : {failed(Errc::request_timed_out), failed(Errc::unsupported_version),
                              failed(Errc::not_controller, "it is starting"),
                              failed(Errc::shutting_down), answered(HeartbeatReply{})}) {
    const StopView stop = stop_view(k3, outcome);
    REQUIRE(stop.problem);
    CHECK(stop.problem->kind == Kind::no_answer);
    CHECK_FALSE(stop.problem->text.empty());
    CHECK_FALSE(stop.safe);
    REQUIRE(drain_view(k3, outcome).problem);
    CHECK(drain_view(k3, outcome).problem->kind == Kind::no_answer);
  }
  CHECK(stop_view(k3, failed(Errc::not_controller, "it is starting")).problem->text ==
        "it is starting");
}

TEST_CASE("controller views: a drain moves partitions, or says what is in the way", "[admin]") {
  const DrainView done = drain_view(k3, answered(DrainReply{.outcome = {}, .moving = 5}));
  CHECK_FALSE(done.problem);
  CHECK(done.node_id == 3);
  CHECK(done.moving == 5);
  const auto problem = [](Errc code) {
    return drain_view(k3, answered(DrainReply{.outcome = {code, "why"}})).problem.value();
  };
  CHECK(problem(Errc::invalid_request).kind == Kind::no_such_broker);
  CHECK(problem(Errc::invalid_replication_factor).kind == Kind::refused);
  CHECK(problem(Errc::invalid_replication_factor).text == "why");
}

TEST_CASE("controller views: reassignments come from the image, the others stay out", "[admin]") {
  Prng ids{3};
  MetadataState state{make_uuid(ids)};
  const Uuid topic = make_uuid(ids);
  REQUIRE(state.apply(TopicRecord{.topic_id = topic, .name = "t"}));
  const PartitionImage calm{
      .replicas = {BrokerId{1}, BrokerId{2}}, .isr = {BrokerId{1}}, .leader = BrokerId{1}};
  PartitionImage moving = calm;
  moving.replicas = {k3, BrokerId{2}, BrokerId{1}};
  moving.adding = {k3};
  moving.removing = {BrokerId{1}};
  REQUIRE(state.apply(record_of(topic, PartitionIndex{0}, calm)));
  REQUIRE(state.apply(record_of(topic, PartitionIndex{1}, moving)));
  const auto views = reassignment_views(state.image());
  REQUIRE(views.size() == 1);
  CHECK(views[0].topic == "t");
  CHECK(views[0].partition == 1);
  CHECK(views[0].replicas == std::vector{3, 2, 1});
  CHECK(views[0].adding == std::vector{3});
  CHECK(views[0].removing == std::vector{1});
  CHECK(views[0].isr == std::vector{1});
}

}  // namespace
}  // namespace strandline
