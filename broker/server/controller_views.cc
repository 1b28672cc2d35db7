#include "broker/server/controller_views.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "broker/handlers/partition_reassignments.h"

namespace strandline {
namespace {

using Kind = AdminProblem::Kind;

std::string no_answer_text(const ControllerOutcome& outcome) {
  if (outcome.error == make_error_code(Errc::unsupported_version)) {
    return "the controller runs an older version, which does not know the question";
  }
  if (outcome.error == make_error_code(Errc::request_timed_out)) {
    return "no controller has answered in time";
  }
  if (!outcome.error_text.empty()) return outcome.error_text;
  return outcome.error ? outcome.error.message() : "the controller answered another question";
}

// answered   nullptr: not what was asked
std::optional<AdminProblem> problem_of(const ControllerOutcome& outcome, const Outcome* answered) {
  if (outcome.error || answered == nullptr) {
    return AdminProblem{Kind::no_answer, no_answer_text(outcome)};
  }
  if (answered->ok()) return std::nullopt;
  const bool is_unknown = answered->code == Errc::invalid_request;
  return AdminProblem{is_unknown ? Kind::no_such_broker : Kind::refused, answered->message};
}

std::string counted(std::int64_t partitions) {
  return std::to_string(partitions) + (partitions == 1 ? " partition" : " partitions");
}

std::vector<std::string> reasons(const StopAnswer& answer) {
  std::vector<std::string> all;
  if (!answer.quorum.empty()) all.push_back(answer.quorum);
  if (answer.unavailable > 0) {
    all.push_back(counted(answer.unavailable) + " would have no leader");
  }
  if (answer.below_min_insync > 0) {
    all.push_back(counted(answer.below_min_insync) +
                  " would have fewer replicas in sync than min.insync.replicas asks for");
  }
  return all;
}

std::vector<std::int32_t> numbers(const std::vector<BrokerId>& brokers) {
  std::vector<std::int32_t> all;
  for (const BrokerId id : brokers) all.push_back(id.value());
  return all;
}

}  // namespace

StopView stop_view(BrokerId broker, const ControllerOutcome& outcome) {
  StopView view{.problem = {}, .node_id = broker.value()};
  const auto* reply = std::get_if<SafeToStopReply>(&outcome.reply.answer);
  view.problem = problem_of(outcome, reply == nullptr ? nullptr : &reply->answer.outcome);
  if (view.problem) return view;
  view.safe = reply->answer.is_safe();
  view.reasons = reasons(reply->answer);
  view.unavailable = reply->answer.unavailable;
  view.below_min_insync = reply->answer.below_min_insync;
  for (const PartitionAtRisk& partition : reply->answer.partitions) {
    const bool is_below = partition.risk == StopRisk::below_min_insync;
    view.partitions.push_back({.topic = partition.topic,
                               .partition = partition.partition.value(),
                               .risk = is_below ? "below min.insync.replicas" : "unavailable",
                               .why = partition.why});
  }
  return view;
}

DrainView drain_view(BrokerId broker, const ControllerOutcome& outcome) {
  DrainView view{.problem = {}, .node_id = broker.value()};
  const auto* reply = std::get_if<DrainReply>(&outcome.reply.answer);
  view.problem = problem_of(outcome, reply == nullptr ? nullptr : &reply->outcome);
  if (!view.problem) view.moving = reply->moving;
  return view;
}

std::vector<ReassignmentView> reassignment_views(const MetadataImage& image) {
  std::vector<ReassignmentView> views;
  for (const TopicPtr& topic : image.topics_sorted()) {
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      const PartitionImage& partition = topic->partitions[i];
      if (!is_being_reassigned(partition)) continue;
      views.push_back({.topic = topic->name,
                       .partition = static_cast<std::int32_t>(i),
                       .replicas = numbers(partition.replicas),
                       .adding = numbers(partition.adding),
                       .removing = numbers(partition.removing),
                       .isr = numbers(partition.isr)});
    }
  }
  return views;
}

}  // namespace strandline
