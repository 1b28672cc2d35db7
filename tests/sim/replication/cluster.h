// Replicas of one partition with real cores, on logs that a power loss shortens, over a network
// that loses, doubles, reorders and cuts, under a controller that is honest. What a broker's shell
// will do around the cores is done here in its plainest form.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/base/prng.h"
#include "replication/partition/partition_follower.h"
#include "replication/partition/partition_leader.h"
#include "tests/sim/replication/checker.h"
#include "tests/sim/replication/controller_model.h"
#include "tests/sim/replication/event_queue.h"
#include "tests/sim/replication/plant.h"
#include "tests/sim/replication/replica_log.h"

namespace strandline::partition_sim {

// What kind of world a seed means.
struct Profile {
  int replicas = 3;
  std::int32_t min_insync_replicas = 2;
  bool flush_on_ack = true;
  std::int64_t replica_lag_ms_max = 2000;
  // Without connections, any message may come at any time; with them, in order or not at all.
  bool has_connections = true;
  std::uint64_t lost_per_mille = 0;
  std::uint64_t doubled_per_mille = 0;
  std::uint64_t late_per_mille = 0;
  // Of requests to the controller, and answers: lost, doubled, or seconds late.
  std::uint64_t controller_trouble_per_mille = 0;
  std::uint64_t credit_bytes = 4 << 20;
  bool throttles_leader = false;
  bool throttles_follower = false;
  std::uint64_t notice_ms_max = 50;  // until an end knows that a connection is there, or broke
};

struct ClusterStats {
  std::uint64_t events = 0;
  std::uint64_t appends = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t refused = 0;  // appends without enough replicas
  std::uint64_t messages = 0;
  std::uint64_t crashes = 0;
  std::uint64_t damages = 0;
  std::uint64_t cuts = 0;  // links
  std::uint64_t terms = 0;
  std::uint64_t isr_changes = 0;
  std::uint64_t isr_refusals = 0;
  std::uint64_t truncations = 0;
  std::uint64_t restarts = 0;  // of logs, from the leader's start
  std::uint64_t broken_streams = 0;
  std::uint64_t file_reads = 0;
  std::uint64_t deletions = 0;
  std::uint64_t allowances = 0;  // of throttled streams
  void add(const ClusterStats& other);
};

enum class CrashKind : std::uint8_t { clean_stop, kill, power_loss, damage };

class Cluster {
 public:
  struct Options {
    Profile profile;
    Plant plant = Plant::none;
    bool trace = false;
  };

  Cluster(std::uint64_t seed, const Options& options);

  EventQueue& queue() { return queue_; }
  Prng& prng() { return prng_; }
  const ClusterStats& stats() const { return stats_; }
  ControllerModel& controller() { return controller_; }
  std::size_t size() const { return nodes_.size(); }

  void start_all();
  void crash(std::size_t node, CrashKind kind);
  void start(std::size_t node);
  bool is_up(std::size_t node) const { return nodes_[node].up; }
  void set_link(std::size_t a, std::size_t b, bool up);
  void set_controller_link(std::size_t node, bool up);
  void append(std::size_t node);  // when it believes to lead
  void delete_records(std::size_t node);
  void stall_disk(std::size_t node, Duration duration);
  void change_credit(std::size_t node, std::uint64_t credit_bytes);
  void set_min_insync_replicas(std::int32_t min_insync_replicas);
  void heal();

  // What every event may have brought about.
  //
  // Throws   Violation
  void check() const;

  // Why not everything is where it should be without faults; empty: it is.
  std::string unsettled() const;
  void note_state() const;  // for the trace
  // Everything is at rest: all logs are the same, nobody waits for a time.
  void check_rest() const;
  std::optional<std::size_t> leader() const;  // of the controller's present epoch
  std::uint64_t acknowledged() const { return checker_.acknowledged(); }
  std::uint64_t state_digest() const;

 private:
  struct Node {
    ReplicaId id;
    std::size_t index = 0;
    bool up = false;
    bool registered = false;
    bool controller_link = true;
    std::uint64_t process = 0;
    std::uint64_t core = 0;  // counts the cores it had
    Incarnation incarnation = kNoIncarnation;
    Registration registration;
    ReplicaLog log;
    bool needs_catch_up = false;
    std::optional<Image> image;
    std::optional<Image> next_image;  // waits for the end of a cut
    std::unique_ptr<PartitionLeader> leader;
    std::unique_ptr<PartitionFollower> follower;
    StreamId last_stream = kNoStream;
    std::map<ReplicaId, std::pair<StreamName, std::uint64_t>> stream_connections;
    std::map<ReplicaId, std::uint64_t> connections;  // that it believes in; 0: none
    std::optional<Instant> timer;
    std::deque<SimBatch> waiting;  // for acknowledgement
    bool sync_running = false;
    bool sync_wanted = false;  // by the follower core
    bool cutting = false;
    Instant disk_stalls_until;
    Offset tail_start;
    std::optional<LeaderEpoch> read_epoch;
    Instant last_seen;  // by the controller
  };
  struct Link {
    bool up = true;
    std::uint64_t connection = 1;  // every break ends one, every join begins one
    Instant last_delivery[2];
  };
  struct Payload {
    std::variant<LeaderMessage, FollowerMessage> message;
    std::vector<SimBatch> batches;
  };

  // cluster.cc
  void tick();
  void meet_controller(Node& node);
  void send_image(Node& node);
  void on_image(Node& node, const Image& image);
  void take_role(Node& node, const Image& image);
  static bool is_outlived(const Node& node, const Image& image);
  void lead(Node& node, const Image& image);
  void follow(Node& node, const Image& image);
  void drop_cores(Node& node);
  void notice_connection(Node& node, Node& peer, std::uint64_t connection);
  void notice_break(Node& node, Node& peer, std::uint64_t connection);
  void tell_of_link(std::size_t a, std::size_t b, bool up);
  Link& link(std::size_t a, std::size_t b);
  Node& node_of(ReplicaId id) { return nodes_.at(static_cast<std::size_t>(id.value() - 1)); }
  void note(const std::string& what) const;

  // cluster_cores.cc
  void send(Node& from, Node& to, Payload payload);
  void deliver(Node& from, Node& to, const Payload& payload, std::uint64_t connection);
  void drain(Node& node);
  void arm_timer(Node& node);
  void on_timer(Node& node);
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
  void carry_out(Node& node, const AskAllowance& effect);
  void read(Node& node, const ReadBatches& effect);
  void cut_later(Node& node, std::optional<Offset> end, Offset start);
  void start_sync(Node& node);
  void finish_sync(Node& node, Offset covered);
  void propose(Node& node, const IsrProposal& proposal);
  void answer_proposal(Node& node, const IsrProposal& proposal);
  void acknowledge(Node& node);
  void show_readers(Node& node);
  FollowerLog follower_log(const Node& node) const;
  std::int32_t copies(const SimBatch& batch) const;

  // Runs `event` later unless the process has ended, or (`with_core`) has another core by then.
  template <class Event>
  void later(Node& node, Duration delay, bool with_core, Event event);
  bool has_trouble() {
    return faults_ && prng_.below(1000) < profile_.controller_trouble_per_mille;
  }
  Duration between(std::uint64_t least_us, std::uint64_t most_us);

  EventQueue queue_;
  Prng prng_;
  Options options_;
  Profile profile_;
  ControllerModel controller_;
  Checker checker_;
  std::vector<Node> nodes_;
  std::map<std::pair<std::size_t, std::size_t>, Link> links_;
  const std::vector<SimBatch>* message_batches_ = nullptr;  // of the message at hand
  bool faults_ = true;
  bool damage_happened_ = false;
  std::uint64_t next_id_ = 0;
  ClusterStats stats_;
};

template <class Event>
void Cluster::later(Node& node, Duration delay, bool with_core, Event event) {
  const std::size_t index = node.index;
  const std::uint64_t process = node.process;
  const std::uint64_t core = node.core;
  queue_.after(delay, [this, index, process, core, with_core, event] {
    Node& then = nodes_[index];
    if (!then.up || then.process != process || (with_core && then.core != core)) return;
    event(then);
  });
}

}  // namespace strandline::partition_sim
