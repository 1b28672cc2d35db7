// Replicas of one partition as a value: real cores, their logs, what is on its way between them, an
// honest controller. Nothing happens by itself or by chance: events() says what could happen next,
// run() makes one of it happen. So a search can go through all that can happen.
//
// What is left out: messages are lost with their connection, not for themselves; both ends know at
// once of a connection; time passes only while nothing else is left to do.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "replication/partition/partition_follower.h"
#include "replication/partition/partition_leader.h"
#include "tests/sim/replication/checker.h"
#include "tests/sim/replication/controller_model.h"
#include "tests/sim/replication/plant.h"
#include "tests/sim/replication/replica_log.h"

namespace strandline {
class StateWriter;
}

namespace strandline::partition_search {

// How much happens at most.
struct Bounds {
  int records = 2;
  int crashes = 1;
  int power_losses = 1;   // so many of the crashes may take what is not on the disk
  int fencings = 0;       // of brokers that live
  int reassignments = 0;  // of replica 3 to broker 4
  partition_sim::Plant plant = partition_sim::Plant::none;
  // Leave out what makes no difference; see world_reduction.cc and state_writer.h.
  bool reduces = true;
  // Keep what was seen; see World::seen().
  bool watches = false;
};

struct Fingerprint {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

struct Event {
  enum class Kind : std::uint8_t {
    deliver,  // what is next on the way from `other`
    finish_sync,
    finish_cut,
    take_image,  // the controller's newest
    decide,      // the controller does, on the node's next proposal
    take_answer,
    join,  // the node registers
    unfence,
    fence_absent,
    fence_living,
    produce,
    kill,
    lose_power,  // `other` is the outcome
    start,
    reassign,
    wait,  // until the next time that anybody waits for
  };
  Kind kind = Kind::wait;
  std::size_t node = 0;
  std::size_t other = 0;
};

std::string text(const Event& event);

class World {
 public:
  // Replicas 1, 2 and 3, in sync and at rest; min.insync.replicas is 2.
  explicit World(const Bounds& bounds);

  std::vector<Event> events() const;

  // Throws   Violation
  void run(const Event& event);

  // Nothing is under way, nobody is away, and nobody waits for a time.
  bool is_at_rest() const;
  // Then everything has to be where it belongs.
  //
  // Throws   Violation
  void check_rest() const;

  // What the last step was to see where a search that leaves out nothing must see the same: a start
  // of a leader, a crash, a registration, with the log of the replica and what the controller
  // knows. Empty: none of these, or Bounds::watches is not set.
  const std::string& seen() const { return seen_; }
  // The same of a world at rest, with all logs.
  std::string outcome() const;

  // Two worlds with the same have the same future.
  Fingerprint fingerprint() const;

 private:
  friend class strandline::StateWriter;
  using Answer = std::variant<CommittedIsr, partition_sim::Refusal>;
  struct Payload {
    std::variant<LeaderMessage, FollowerMessage> message;
    std::vector<partition_sim::SimBatch> batches;
  };
  struct Cut {
    std::optional<Offset> end;  // none: begin anew
    Offset start;
  };
  struct Proposal {
    std::uint64_t process = 0;
    IsrProposal proposal;
  };
  struct Node {
    ReplicaId id;
    bool up = false;
    bool registered = false;
    std::uint64_t process = 0;
    Incarnation incarnation = kNoIncarnation;
    partition_sim::Registration registration;
    partition_sim::ReplicaLog log;
    bool needs_catch_up = false;
    std::optional<partition_sim::Image> image;
    std::optional<partition_sim::Image> next_image;  // waits for the end of a cut
    std::optional<PartitionLeader> leader;
    std::optional<PartitionFollower> follower;
    StreamId last_stream = kNoStream;
    std::map<ReplicaId, StreamName> streams;      // that others opened to it
    std::deque<partition_sim::SimBatch> waiting;  // for acknowledgement
    std::optional<Offset> sync;                   // under way, and what it covers
    bool sync_wanted = false;                     // by the follower core
    std::optional<Cut> cut;                       // under way
    std::deque<Proposal> proposals;
    std::deque<std::pair<Proposal, Answer>> answers;
  };

  Node& node_of(ReplicaId id) { return nodes_.at(static_cast<std::size_t>(id.value() - 1)); }
  std::size_t index_of(const Node& node) const {
    return static_cast<std::size_t>(node.id.value() - 1);
  }
  std::deque<Payload>& way(const Node& from, const Node& to) {
    return ways_.at(index_of(from) * nodes_.size() + index_of(to));
  }
  bool must_happen(std::vector<Event>& events) const;
  std::string describe() const;
  void see(std::string_view what, const Node& node);
  std::optional<Instant> next_time() const;
  void check() const;
  void settle();

  // What makes no difference: world_reduction.cc
  bool wants_image(const Node& node) const;
  bool is_term_settled() const;
  std::optional<Event> goes_first() const;
  void drop_the_dead();
  bool is_over(const Node& from, const StreamName& name) const;
  bool may_lead(const Node& node, LeaderEpoch epoch) const;
  bool is_dead(const Node& from, const Node& to, const Payload& payload) const;
  bool is_dead(const Node& node, const Proposal& asked, const Answer& answer) const;
  bool is_dead(const Node& node, const Proposal& proposal) const;

  // What happens: world.cc
  void deliver(Node& from, Node& to);
  void finish_sync(Node& node);
  void finish_cut(Node& node);
  void take_image(Node& node, const partition_sim::Image& image);
  void decide(Node& node);
  void take_answer(Node& node);
  void produce(Node& node);
  void crash(Node& node, std::optional<std::size_t> power_loss);
  void start(Node& node);
  void wait();

  // What the cores ask for: world_effects.cc
  void take_role(Node& node, const partition_sim::Image& image);
  void lead(Node& node);
  void follow(Node& node);
  static void drop_cores(Node& node);
  FollowerLog follower_log(const Node& node) const;
  void drain(Node& node);
  void show_readers(Node& node);
  void acknowledge(Node& node);
  void start_sync(Node& node);
  std::int32_t copies(const partition_sim::SimBatch& batch) const;
  void carry_out(Node& node, const AdvanceHighWatermark& effect);
  void carry_out(Node& node, const ServeReaders& effect);
  void carry_out(Node& node, const RefuseWaiting& effect);
  void carry_out(Node& node, const ProposeIsr& effect);
  void carry_out(Node& node, const SendToFollower& effect);
  void carry_out(Node& node, const ReadBatches& effect);
  void carry_out(Node& node, const SendToLeader& effect);
  void carry_out(Node& node, const TruncateLog& effect);
  void carry_out(Node& node, const RestartLog& effect);
  void carry_out(Node& node, const AppendBatches& effect);
  void carry_out(Node& node, const StartSync& effect);
  void carry_out(Node& node, const AdvanceLogStart& effect);
  void carry_out(Node& node, const StreamBroken& effect);
  static void carry_out(Node& node, const AskAllowance& effect);

  Bounds left_;
  Instant now_{std::chrono::seconds{1000}};
  partition_sim::ControllerModel controller_;
  partition_sim::Checker checker_;
  std::vector<Node> nodes_;
  std::vector<std::deque<Payload>> ways_;                                  // from each to each
  const std::vector<partition_sim::SimBatch>* message_batches_ = nullptr;  // of the message at hand
  std::uint64_t next_id_ = 0;
  std::string seen_;
};

}  // namespace strandline::partition_search
