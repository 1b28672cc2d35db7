// How this broker asks the active controller, here or on another broker: looks for it, asks again
// where nothing can have come of the first try, and answers when this broker serves the metadata
// that the answer rests on.
//
// Thread   ask_from(): any shard. All else: the cluster's loop
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "broker/cluster/cluster_links.h"
#include "broker/metadata/metadata_node.h"
#include "broker/runtime/shard_loop.h"

namespace strandline {

class ControllerClient {
 public:
  // What the controller does, when it is here.
  using Serve = std::function<void(ControllerRequest, ClusterLinks::Respond)>;

  // All of them outlive it.
  ControllerClient(ShardLoop& loop, MetadataNode& node, ClusterLinks& links, Serve serve);

  // `done` runs once: on the loop; of ask_from(), on the loop of the asker.
  //
  // Errors   of the outcome: as the controller's; request_timed_out   no answer within time_max, or
  //          what became of it is not known; shutting_down
  void ask(ControllerRequest request, Duration time_max, OnControllerOutcome done);
  void ask_from(ShardLoop& home, ControllerRequest request, Duration time_max,
                OnControllerOutcome done);

  // Another leader may be known: what waits is tried again.
  void leader_changed();
  void close();

 private:
  struct Asked {
    ControllerRequest request;
    Instant until;
    OnControllerOutcome done;
    TimerId expires;
    bool under_way = false;
    bool retry_planned = false;
  };

  void attempt(std::uint64_t number);
  void attempted(std::uint64_t number, ControllerOutcome outcome);
  void try_again_later(std::uint64_t number);
  void finish(std::uint64_t number, ControllerOutcome outcome);

  ShardLoop& loop_;
  MetadataNode& node_;
  ClusterLinks& links_;
  Serve serve_;
  bool closed_ = false;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Asked> asked_;
};

}  // namespace strandline
