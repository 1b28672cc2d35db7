// A broker's store of producer ids: hands them out one by one from the block the controller gave.
// A restart forgets the rest of a block; ids are never given twice.
//
// Thread   one owner
#pragma once

#include <optional>

#include "protocol/base/ids.h"
#include "replication/metadata/controller.h"

namespace strandline {

class ProducerIdPool {
 public:
  // None when the block is used up: ask the controller for another, then refill().
  std::optional<ProducerId> take();

  // Adds a block that is committed, behind what is left. With one waiting already it is dropped.
  void refill(const ProducerIdBlock& block);

 private:
  ProducerIdBlock current_;
  ProducerIdBlock next_;
};

}  // namespace strandline
