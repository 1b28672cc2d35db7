#include "replication/metadata/producer_ids.h"

namespace strandline {

std::optional<ProducerId> ProducerIdPool::take() {
  if (current_.count == 0) {
    current_ = next_;
    next_ = {};
  }
  if (current_.count == 0) return std::nullopt;
  const auto id = current_.first;
  ++current_.first;
  --current_.count;
  return id;
}

void ProducerIdPool::refill(const ProducerIdBlock& block) {
  // Two requests may have found the pool empty and each asked: a third block's worth is dropped,
  // which wastes ids and repeats none.
  if (next_.count == 0) next_ = block;
}

}  // namespace strandline
