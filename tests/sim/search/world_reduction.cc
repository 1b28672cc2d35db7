// What makes no difference is left out: steps that change nothing that could show, and messages
// that nobody will heed. A state with and one without them have the same future, step for step, but
// for steps that change nothing; so nothing that goes wrong is hidden.
#include <algorithm>

#include "tests/sim/search/world.h"

namespace strandline::partition_search {

using partition_sim::Image;
using partition_sim::Plant;
using partition_sim::Refusal;

// An image of the term that the node knows changes nothing, except for the leader's ISR: followers
// look at the term alone (needs_catch_up is never set here). The leader may have it from an answer.
// An image without a leader changes nothing for one that knows no image.
bool World::wants_image(const Node& node) const {
  const std::optional<Image>& known = node.next_image ? node.next_image : node.image;
  if (!left_.reduces) {
    return !known || known->isr.partition_epoch < controller_.partition_epoch();
  }
  if (!known) return controller_.leader() != kNoReplica;
  const bool is_same_term =
      known->leader == controller_.leader() && known->leader_epoch == controller_.leader_epoch();
  if (!is_same_term) return true;
  if (known->leader != node.id) return false;
  if (node.next_image) return known->isr.partition_epoch < controller_.partition_epoch();
  return node.leader && node.leader->isr().partition_epoch() < controller_.partition_epoch();
}

// Nothing that may still come ends the present term: the controller changes the ISR at most.
bool World::is_term_settled() const {
  if (left_.crashes + left_.fencings + left_.reassignments > 0) return false;
  return controller_.leader() != kNoReplica && !controller_.is_reassigning() &&
         std::ranges::all_of(nodes_, [&](const Node& node) {
           return node.up && node.registered && !controller_.is_fenced(node.id);
         });
}

// A step that may be taken before all others: it changes nothing for them, nor they for it.
//
// In the last term, a follower that has nothing else under way takes what its leader sent. Nothing
// else can come to it before that, for all it listens to is this one queue; and whoever else does
// something meanwhile adds to the end of its queues or takes from their beginning. Likewise it
// finishes a cut while neither of the two has anything to say to the other: the leader says nothing
// before the follower does.
//
// What is checked is checked in the stricter order: what the follower has on its disk only becomes
// less by it (a cut), while what must be there only becomes more by the steps of others.
//
// No such step adds to a queue from a leader, so there is an end to them and nothing waits for
// ever.
std::optional<Event> World::goes_first() const {
  if (!left_.reduces || !is_term_settled()) return std::nullopt;
  const auto leader = static_cast<std::size_t>(controller_.leader().value() - 1);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    const bool is_settled = node.follower && !node.sync && !node.next_image &&
                            node.image->leader == controller_.leader() &&
                            node.follower->leader_epoch() == controller_.leader_epoch();
    if (!is_settled) continue;
    const bool is_told = !ways_[leader * nodes_.size() + i].empty();
    const bool tells = !ways_[i * nodes_.size() + leader].empty();
    if (is_told && !node.cut) return Event{Event::Kind::deliver, i, leader};
    if (node.cut && !is_told && !tells) return Event{Event::Kind::finish_cut, i, 0};
  }
  return std::nullopt;
}

void World::drop_the_dead() {
  for (Node& node : nodes_) {
    for (Node& peer : nodes_) {
      std::erase_if(way(node, peer),
                    [&](const Payload& payload) { return is_dead(node, peer, payload); });
    }
    std::erase_if(node.answers, [&](const auto& answered) {
      return is_dead(node, answered.first, answered.second);
    });
    std::erase_if(node.proposals,
                  [&](const Proposal& proposal) { return is_dead(node, proposal); });
  }
}

// The follower has left this stream: later ones have greater numbers.
bool World::is_over(const Node& from, const StreamName& name) const {
  return !from.follower || from.follower->state() == PartitionFollower::State::waiting ||
         from.follower->leader_epoch() != name.leader_epoch ||
         from.incarnation != name.incarnation || from.follower->last_stream() != name.stream;
}

// Who does not lead yet will do so by the newest image, or by one that waits for the end of a cut.
bool World::may_lead(const Node& node, LeaderEpoch epoch) const {
  if (node.leader && node.leader->leader_epoch() == epoch) return true;
  if (node.next_image && node.next_image->leader_epoch == epoch) return true;
  return controller_.leader_epoch() <= epoch;
}

// A follower ignores what names another stream than its present one. A leader answers what names
// another epoch than its own with the end of that stream, and one that does not lead says nothing.
bool World::is_dead(const Node& from, const Node& to, const Payload& payload) const {
  if (const auto* message = std::get_if<LeaderMessage>(&payload.message)) {
    return is_over(to, name_of(*message));
  }
  const StreamName& name = name_of(std::get<FollowerMessage>(payload.message));
  return is_over(from, name) && !may_lead(to, name.leader_epoch);
}

// The leader that asked leads no more, or knows of a later change.
bool World::is_dead(const Node& node, const Proposal& asked, const Answer& answer) const {
  if (asked.process != node.process || !node.leader) return true;
  if (node.leader->leader_epoch() != asked.proposal.leader_epoch) return true;
  const PartitionEpoch known = node.leader->isr().partition_epoch();
  if (const auto* isr = std::get_if<CommittedIsr>(&answer)) return isr->partition_epoch <= known;
  const auto& refusal = std::get<Refusal>(answer);
  const bool deposes =
      refusal.reason == Errc::fenced_leader_epoch || refusal.reason == Errc::not_leader_or_follower;
  return !deposes && refusal.expected < known;
}

// The controller will refuse it, and nobody will heed that.
bool World::is_dead(const Node& node, const Proposal& proposal) const {
  const bool is_fenced = proposal.proposal.leader_epoch != controller_.leader_epoch();
  const bool is_stale = proposal.proposal.expected < controller_.partition_epoch() &&
                        left_.plant != Plant::compare_nothing;
  if (!is_fenced && !is_stale) return false;
  if (proposal.process != node.process || !node.leader) return true;
  if (node.leader->leader_epoch() != proposal.proposal.leader_epoch) return true;
  // While there is no leader the refusal deposes; with one, in the same epoch, it is this one.
  return !is_fenced && controller_.leader() == node.id &&
         proposal.proposal.expected < node.leader->isr().partition_epoch();
}

}  // namespace strandline::partition_search
