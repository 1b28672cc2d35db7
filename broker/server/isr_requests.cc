#include "broker/server/isr_requests.h"

#include <utility>

namespace strandline {

AlterIsrRequest alter_isr_request(BrokerId self, std::int64_t broker_epoch,
                                  const PartitionKey& place, const IsrProposal& proposal) {
  IsrAlteration alteration{.place = {place.topic_id, place.partition},
                           .leader_epoch = proposal.leader_epoch,
                           .partition_epoch = proposal.expected.value(),
                           .isr = {}};
  for (const auto& [replica, incarnation] : proposal.members) {
    alteration.isr.push_back({replica, incarnation.value()});
  }
  return {.broker = self, .broker_epoch = broker_epoch, .alterations = {std::move(alteration)}};
}

std::optional<IsrReply> isr_reply_of(const ControllerOutcome& outcome) {
  const auto* reply = std::get_if<AlterIsrReply>(&outcome.reply.answer);
  if (outcome.error || reply == nullptr || reply->answers.size() != 1) return std::nullopt;
  const AlterIsrReply::Answer& answer = reply->answers.front();
  // A refusal of the whole broker says nothing of the term: it registers again, in a new one.
  if (answer.outcome.code == Errc::stale_broker_epoch) return std::nullopt;
  return IsrReply{.error = answer.outcome.code, .now = {}, .at_fault = answer.at_fault};
}

}  // namespace strandline
