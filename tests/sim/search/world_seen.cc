// What a search with a reduction has to see as one without: World::seen() and World::outcome().
#include "tests/sim/search/world.h"

namespace strandline::partition_search {
namespace {

std::string text(const partition_sim::ReplicaLog& log) {
  std::string all = "[";
  for (const partition_sim::SimBatch& batch : log.batches()) {
    all += std::to_string(batch.id) + '@' + std::to_string(batch.leader_epoch.value()) + ' ';
  }
  return all + "flushed " + std::to_string(log.flushed_end().value()) + " readable " +
         std::to_string(log.high_watermark().value()) + ']';
}

}  // namespace

std::string World::describe() const {
  std::string all = "leader " + std::to_string(controller_.leader().value()) + " of epoch " +
                    std::to_string(controller_.leader_epoch().value()) + ", in sync";
  for (const ReplicaId id : controller_.isr()) all += ' ' + std::to_string(id.value());
  all += ", up";
  for (const Node& node : nodes_) {
    if (node.up) all += ' ' + std::to_string(node.id.value());
    if (node.registered) all += 'r';
    if (controller_.is_fenced(node.id)) all += 'f';
  }
  all += ", left";
  // Without a crash there is no power loss.
  for (const int left : {left_.records, left_.crashes, left_.crashes > 0 ? left_.power_losses : 0,
                         left_.fencings, left_.reassignments}) {
    all += ' ' + std::to_string(left);
  }
  return all;
}

void World::see(std::string_view what, const Node& node) {
  if (!left_.watches) return;
  seen_ += std::to_string(node.id.value()) + ' ' + std::string{what} + ' ' + text(node.log) + ", " +
           describe() + '\n';
}

std::string World::outcome() const {
  std::string all = describe();
  for (const Node& node : nodes_) all += text(node.log);
  return all;
}

}  // namespace strandline::partition_search
