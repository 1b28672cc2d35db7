#include "broker/server/isr_requests.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

namespace strandline {
namespace {

using Told = std::vector<std::function<void(const IsrReply&)>>;

IsrAlteration alteration_of(const IsrRequest& request) {
  const IsrProposal& proposal = request.proposal;
  IsrAlteration alteration{.place = {request.place.topic_id, request.place.partition},
                           .leader_epoch = proposal.leader_epoch,
                           .partition_epoch = proposal.expected.value(),
                           .isr = {}};
  for (const auto& [replica, incarnation] : proposal.members) {
    alteration.isr.push_back({replica, incarnation.value()});
  }
  return alteration;
}

// Who hears nothing asks again.
void tell(const Told& told, const ControllerOutcome& outcome) {
  const auto* reply = std::get_if<AlterIsrReply>(&outcome.reply.answer);
  if (outcome.error || reply == nullptr || reply->answers.size() != told.size()) return;
  for (std::size_t i = 0; i < told.size(); ++i) {
    const AlterIsrReply::Answer& answer = reply->answers[i];
    // A refusal of the whole broker says nothing of the term: it registers again, in a new one.
    if (answer.outcome.code == Errc::stale_broker_epoch) continue;
    told[i]({.error = answer.outcome.code, .now = {}, .at_fault = answer.at_fault});
  }
}

}  // namespace

bool IsrRequests::add(IsrRequest request) {
  waiting_.push_back(std::move(request));
  return waiting_.size() == 1;
}

std::vector<IsrRequests::Question> IsrRequests::take(BrokerId self, std::int64_t broker_epoch) {
  std::vector<IsrRequest> all = std::exchange(waiting_, {});
  std::vector<Question> questions;
  for (std::size_t first = 0; first < all.size(); first += kTogetherMax) {
    const std::size_t count = std::min(kTogetherMax, all.size() - first);
    Question& question = questions.emplace_back();
    question.request = {.broker = self, .broker_epoch = broker_epoch, .alterations = {}};
    auto told = std::make_shared<Told>();
    for (IsrRequest& request : std::span{all}.subspan(first, count)) {
      question.request.alterations.push_back(alteration_of(request));
      told->push_back(std::move(request.done));
    }
    question.answered = [told](const ControllerOutcome& outcome) { tell(*told, outcome); };
  }
  return questions;
}

}  // namespace strandline
