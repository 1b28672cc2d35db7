// A metadata quorum of real cores on a simulated network and simulated disks: everything that goes
// wrong in machines happens here, in virtual time, and repeats from its seed.
//
// What must hold is checked after each event: one leader an epoch, nothing that was committed is
// lost or changed, a leader has all of it, snapshots say what the log said.
//
// Thread   one owner
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/prng.h"
#include "replication/quorum/quorum.h"

namespace strandline::sim::quorum {

struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A mistake made on purpose.
enum class Plant : std::uint8_t {
  none,
  vote_not_durable,      // a crash forgets whom a replica voted for
  sync_lies,             // batches are called synced before they are
  damage_not_told,       // a replica that lost batches takes itself for whole
  wiped_keeps_identity,  // a wiped replica comes back as the one before
};
std::optional<Plant> plant_from_name(std::string_view name);
std::string plant_names();

struct Stats {
  std::uint64_t events = 0;
  std::uint64_t proposals = 0;
  std::uint64_t commits = 0;
  std::uint64_t leaders = 0;
  std::uint64_t crashes = 0;
  std::uint64_t damages = 0;
  std::uint64_t wipes = 0;
  std::uint64_t truncations = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t installs = 0;
  std::uint64_t voter_changes = 0;
  std::uint64_t transfers = 0;
  void add(const Stats& other);
};

class World {
 public:
  struct Options {
    Plant plant = Plant::none;
    bool trace = false;
  };

  // The first `voters` of `nodes` replicas are voters, the others observers.
  World(std::uint64_t seed, const Options& options, std::size_t nodes, std::size_t voters);
  ~World();

  std::size_t size() const { return nodes_.size(); }
  bool is_up(std::size_t node) const;
  Instant now() const { return now_; }
  Prng& prng() { return prng_; }
  const Stats& stats() const { return stats_; }
  std::uint64_t digest() const { return digest_; }

  // Lets events happen until `until`.
  void run_until(Instant until);

  // Whatever leads, or thinks so, appends a batch.
  void propose();
  void crash(std::size_t node);
  void restart(std::size_t node);
  // A crash that takes synced batches as well; nothing where the promise does not reach that far.
  void damage(std::size_t node);
  // The disk is replaced by an empty one.
  void wipe(std::size_t node);
  void cut(std::size_t from, std::size_t to);
  void isolate(std::size_t node);
  void heal_links();
  // From here on nothing is lost or late.
  void make_reliable();
  void transfer();
  // The leader adds a replica that follows, or removes one.
  void change_voters();
  // As an operator: replicas that are no more lose their vote, those that follow get one.
  void mend_voters(std::size_t voters_wanted);
  void take_snapshot(std::size_t node);

  // One leader is ready, and everybody has everything that is committed. Empty: so it is.
  std::string what_is_missing() const;
  std::uint64_t committed_batches() const { return committed_.size(); }

 private:
  struct Node;
  struct Event {
    Instant when;
    std::uint64_t number;
    std::function<void()> run;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.when != b.when ? a.when > b.when : a.number > b.number;
    }
  };
  struct Decided {
    QuorumBatch batch;
    std::uint64_t digest_after;  // of all up to here
  };
  struct SnapshotContent {
    LogEnd end;
    VoterSet voters;
    std::uint64_t digest;
  };

  Duration random_ms(std::uint64_t least, std::uint64_t most);
  void at(Instant when, std::function<void()> run);
  // Dropped when the node has ended by then.
  void at_node(std::size_t node, Instant when, std::function<void()> run);
  void on_disk(std::size_t node, std::function<void()> done);
  void send(std::size_t from, const ReplicaKey& to, const QuorumMessage& message);
  void deliver(std::size_t node, const QuorumMessage& message);
  void after_input(std::size_t node);
  void open(std::size_t node, bool uncertain);

  void carry_out(std::size_t node, const Send& effect);
  void carry_out(std::size_t node, const FindLeader& effect);
  void carry_out(std::size_t node, const AskLeader& effect);
  void carry_out(std::size_t node, const PersistVote& effect);
  void carry_out(std::size_t node, const CutTail& effect);
  void carry_out(std::size_t node, const AppendLog& effect);
  void carry_out(std::size_t node, const Committed& effect);
  void carry_out(std::size_t node, const BecameLeader& effect);
  void carry_out(std::size_t node, const LeaderReady& effect);
  void carry_out(std::size_t node, const LeaderChanged& effect);
  void carry_out(std::size_t node, const LoadSnapshot& effect);
  void carry_out(std::size_t node, const WriteSnapshotChunk& effect);
  void carry_out(std::size_t node, const InstallSnapshot& effect);

  void append(std::size_t node, std::optional<VoterSet> voters);
  void check_decided(const QuorumBatch& batch);
  void check_has_all(const Node& node);
  const Decided* decided_at(Offset base_offset) const;
  std::uint64_t digest_at(Offset end) const;
  bool others_are_whole(std::size_t node) const;
  std::optional<std::size_t> ready_leader() const;
  std::optional<std::size_t> node_of(const ReplicaKey& key) const;
  void note(std::size_t node, const std::string& what);
  ReplicaKey fresh_key(std::size_t node);

  const Options options_;
  Prng prng_;
  Instant now_{};
  std::uint64_t events_made_ = 0;
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<std::pair<std::size_t, std::size_t>, bool> cuts_;
  bool reliable_ = false;
  std::uint64_t directories_made_ = 0;
  std::uint64_t batches_made_ = 0;
  std::map<LeaderEpoch, std::size_t> leaders_;
  std::map<Offset, Decided> committed_;  // by base offset
  Offset committed_end_{0};
  std::vector<SnapshotContent> snapshots_;
  std::uint64_t digest_ = 0;
  Stats stats_;
};

}  // namespace strandline::sim::quorum
