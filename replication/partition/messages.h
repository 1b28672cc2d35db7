// What leader and follower of one partition say to each other: the messages are in
// protocol/proto/replication_messages.h, for they go from broker to broker. The topic and the
// number of the partition are the shell's to add; record bytes travel beside the message.
//
// A stream, as the follower sees it:
//
//   OpenStream        ->
//                     <-  OlderEpochsWanted     none of the epochs is known; as often as it takes
//   OpenStream        ->
//                     <-  StreamOpened          where to cut, or to begin anew
//   StreamAck         ->                        cut: from here on the leader pushes
//                     <-  StreamBatches, StreamPosition
//   StreamAck         ->
//                     <-  StreamEnd             or the connection breaks
//
// Every message names its stream in full, so that one that comes late is known for what it is.
// All but record bytes may be lost, doubled or overtaken without harm: numbers are cumulative.
//
// Thread   values, no state
#pragma once

#include <variant>

#include "protocol/proto/replication_messages.h"
#include "replication/partition/replica.h"

namespace strandline {

inline const StreamName& name_of(const LeaderMessage& message) {
  return std::visit([](const auto& m) -> const StreamName& { return m.name; }, message);
}

inline const StreamName& name_of(const FollowerMessage& message) {
  return std::visit([](const auto& m) -> const StreamName& { return m.name; }, message);
}

}  // namespace strandline
