// What the leaders of a shard want of their ISRs, as the controller is asked for it: all that come
// up in a turn of the loop together, since a broker that goes leaves a thousand of them.
//
// Thread   the shard
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "broker/controller/controller_messages.h"
#include "broker/partition/replica_services.h"

namespace strandline {

class IsrRequests {
 public:
  // Of one question: bounds its size.
  static constexpr std::size_t kTogetherMax = 1000;

  // True: the first since take(), which is to be called soon.
  bool add(IsrRequest request);

  struct Question {
    AlterIsrRequest request;
    OnControllerOutcome answered;  // tells each who asked; to be called once, on the shard
  };
  // Everything that was added, and forgets it.
  //
  // broker_epoch   of this broker's registration
  std::vector<Question> take(BrokerId self, std::int64_t broker_epoch);

 private:
  std::vector<IsrRequest> waiting_;
};

}  // namespace strandline
